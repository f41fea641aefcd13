/* The command line of a machine: which devices it has and where they sit.
 *
 * Every device has its address, so that a clone's devices are those of its
 * template whatever order QEMU makes them in. Values that may hold a comma or
 * a colon (paths, names) go as JSON where QEMU takes it; sockets go as
 * descriptors, so no path meets sun_path's limit. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/disk.h"
#include "vmm/machine.h"
#include "vmm/profile.h"
#include "vmm/qemu.h"

/* Where things sit on the root bus. 0x1f is the chipset's own, 1b is where
 * the ICH9 has its sound. */
#define AT_GPU    "0x1"
#define AT_DISK   "0x2"
#define AT_KEYS   "0x3"
#define AT_SERIAL "0x4"
#define AT_RNG    "0x5"
#define AT_NET    "0x6"
#define AT_USB    "0x7"
#define AT_TABLET 0x8 /* one for each head */
#define AT_SOUND  "0x1b"
#define AT_PLUG   "0x1c"

/* TCG's cache of translated code. The default of 1 GiB costs address space
 * only, but a desktop that fills it costs as much memory. */
#define TCG_CACHE_MIB 512

/* Devices that viewers may have plugged in at a time. */
#define USB_PLACES 2

static void add(GPtrArray *argv, const char *option, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static void add(GPtrArray *argv, const char *option, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_ptr_array_add(argv, g_strdup(option));
	g_ptr_array_add(argv, g_strdup_vprintf(format, args));
	va_end(args);
}

/* Takes object. */
static void add_json(GPtrArray *argv, const char *option, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	add(argv, option, "%s", text ? text : "{}");
	free(text);
}

/* A comma in a plain value is written twice. */
static char *escape(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	return g_strjoinv(",,", parts);
}

/* ",FLAG" of each; new string. */
static char *join(const char *const *flags)
{
	if (!flags)
		return g_strdup("");
	g_autofree char *all = g_strjoinv(",", (char **)flags);
	return g_strconcat(",", all, NULL);
}

static void add_machine(const struct launch *launch, GPtrArray *argv)
{
	const struct engine_spec *spec = launch->spec;
	g_autofree char *name = escape(spec->name ? spec->name : spec->id);
	add(argv, "-name", "guest=%s,debug-threads=on", name);
	const struct engine_profile *profile =
	    engine_profile_find(spec->profile);
	gboolean kvm = kvm_probe_result()->usable;
	/* Windows takes its time from the processor and the reference
	 * counter; an HPET would only be asked more often */
	add(argv, "-machine",
	    QEMU_MACHINE ",memory-backend=ram,vmport=off,smm=%s%s",
	    profile->secure_boot ? "on"
	    : kvm                ? "auto"
				 : "off",
	    profile->hyperv ? ",hpet=off" : "");
	if (kvm) {
		add(argv, "-accel", "kvm");
		/* the enlightenments are KVM's: emulation has none */
		g_autofree char *hyperv = join(profile->hyperv);
		add(argv, "-cpu", "host,migratable=on%s", hyperv);
	} else {
		add(argv, "-accel", "tcg,thread=multi,tb-size=%d",
		    TCG_CACHE_MIB);
		/* all that can be emulated, but for a fifth level of page
		 * tables, which would only make each walk longer, and for
		 * SMAP: until 9.1 QEMU takes a program's own iretq for an
		 * access of the kernel's to its memory, so that the guest's
		 * kernel fails there. Wine returns by it from every call. */
		add(argv, "-cpu", "max,la57=off,smap=off");
	}
	if (profile->one_socket)
		add(argv, "-smp", "%u,sockets=1,cores=%u,threads=1", spec->cpus,
		    spec->cpus);
	else
		add(argv, "-smp", "%u", spec->cpus);
	add(argv, "-m", "%u", spec->memory_mib);
	json_int_t size = (json_int_t)spec->memory_mib << 20;
	if (launch->mode == ENGINE_BOOT) {
		add_json(argv, "-object",
			 json_pack("{s:s,s:s,s:I}", "qom-type",
				   "memory-backend-ram", "id", "ram", "size",
				   size));
	} else {
		g_autofree char *memory = g_build_filename(
		    launch->template_dir, TEMPLATE_MEMORY, NULL);
		add_json(argv, "-object",
			 json_pack("{s:s,s:s,s:I,s:s,s:b}", "qom-type",
				   "memory-backend-file", "id", "ram", "size",
				   size, "mem-path", memory, "share",
				   launch->mode == ENGINE_TEMPLATE));
	}
	if (launch->mode == ENGINE_CLONE)
		add(argv, "-incoming", "defer");
	if (spec->kernel) {
		add(argv, "-kernel", "%s", spec->kernel);
		if (spec->initrd)
			add(argv, "-initrd", "%s", spec->initrd);
		if (spec->cmdline)
			add(argv, "-append", "%s", spec->cmdline);
	}
	add(argv, "-rtc", "base=%s,clock=host,driftfix=slew",
	    profile->local_time ? "localtime" : "utc");
	add(argv, "-global", "ICH9-LPC.disable_s3=1");
	add(argv, "-global", "ICH9-LPC.disable_s4=1");
	add(argv, "-global", "kvm-pit.lost_tick_policy=delay");
	add(argv, "-action", "panic=shutdown");
}

static void add_disk(const struct launch *launch, GPtrArray *argv)
{
	const char *disk = launch->spec->disk;
	/* driver "file" is for regular files; an administrator may name a
	 * block device too */
	struct stat st;
	gboolean device = stat(disk, &st) == 0 && S_ISBLK(st.st_mode);
	add_json(argv, "-blockdev",
		 json_pack("{s:s,s:s,s:s,s:s,s:s,s:{s:b,s:b}}", "driver",
			   device ? "host_device" : "file", "node-name", "file",
			   "filename", disk, "discard", "unmap", "aio",
			   "threads", "cache", "direct", 0, "no-flush", 0));
	add_json(argv, "-blockdev",
		 json_pack("{s:s,s:s,s:s,s:s,s:s}", "driver", disk_format(disk),
			   "node-name", "disk", "file", "file", "discard",
			   "unmap", "detect-zeroes", "unmap"));
	if (launch->spec->plain)
		add(argv, "-device",
		    "ide-hd,bus=ide.0,id=disk0,drive=disk,werror=stop,"
		    "rerror=stop,bootindex=1");
	else
		add(argv, "-device",
		    "virtio-blk-pci,id=disk0,drive=disk,addr=" AT_DISK
		    ",werror=stop,rerror=stop,bootindex=1");
}

static void add_media(const struct launch *launch, GPtrArray *argv)
{
	for (int i = 0; i < ENGINE_MEDIA_MAX; i++) {
		const char *iso = launch->spec->media[i];
		if (!iso)
			continue;
		g_autofree char *node = g_strdup_printf("media%d", i);
		add_json(argv, "-blockdev",
			 json_pack("{s:s,s:s,s:b,s:{s:s,s:s}}", "driver", "raw",
				   "node-name", node, "read-only", 1, "file",
				   "driver", "file", "filename", iso));
		/* ide.0 is a plain disk's. After the disk: what a setup has
		 * written there goes on by itself when it starts the machine
		 * anew. */
		add(argv, "-device",
		    "ide-cd,bus=ide.%d,id=cd%d,drive=media%d,bootindex=%d",
		    i + 1, i, i, i + 2);
	}
}

static void add_tpm(GPtrArray *argv)
{
	add(argv, "-chardev", "socket,id=tpm,fd=%d", LAUNCH_TPM_FD);
	add(argv, "-tpmdev", "emulator,id=tpm0,chardev=tpm");
	add(argv, "-device", "tpm-crb,tpmdev=tpm0");
}

static void add_sound(GPtrArray *argv)
{
	add(argv, "-device", "ich9-intel-hda,id=hda,addr=" AT_SOUND);
	add(argv, "-device", "hda-duplex,audiodev=sound");
}

/* Devices of viewers: their streams go by Display1 to whoever shows the
 * machine, who lets in what policy allows. */
static void add_usb(const struct launch *launch, GPtrArray *argv)
{
	if (!launch->spec->plain) /* it has one for its tablet */
		add(argv, "-device", "qemu-xhci,id=usb,addr=" AT_USB);
	for (unsigned i = 0; i < USB_PLACES; i++) {
		add(argv, "-chardev",
		    "dbus,id=usbredir%u,name=org.spice-space.usbredir.%u", i,
		    i);
		add(argv, "-device",
		    "usb-redir,bus=usb.0,id=usbredir%u,chardev=usbredir%u", i,
		    i);
	}
}

static void add_display(const struct launch *launch, GPtrArray *argv)
{
	unsigned heads = launch->spec->heads;
	/* what Opus and the display want; and QEMU looks at its sound this
	 * often, in us */
	add(argv, "-audiodev",
	    "dbus,id=sound,timer-period=5000,out.frequency=48000,"
	    "in.frequency=48000");
	add(argv, "-display", "dbus,p2p=yes,audiodev=sound");
	if (launch->spec->plain) {
		add(argv, "-device", "VGA,id=gpu,vgamem_mb=64,addr=" AT_GPU);
		gboolean old =
		    engine_profile_find(launch->spec->profile)->old_usb;
		/* EHCI takes no device of the tablet's speed, UHCI does */
		add(argv, "-device", "%s,id=usb,addr=" AT_KEYS,
		    old ? "piix3-usb-uhci" : "qemu-xhci");
		add(argv, "-device", "usb-tablet,bus=usb.0");
		add_sound(argv);
		return;
	}
	add(argv, "-device", "virtio-vga,id=gpu,max_outputs=%u,addr=" AT_GPU,
	    heads);
	add(argv, "-device", "virtio-keyboard-pci,id=keys,addr=" AT_KEYS);
	/* A guest maps an absolute tablet over all its screens; with one for
	 * each head it can map each to its own. The first is bound to no
	 * head: QEMU 7.2 takes positions over Display1 only if an unbound
	 * device is absolute, and gives a head without a tablet of its own
	 * the unbound one. */
	add(argv, "-device", "virtio-tablet-pci,id=tablet0,addr=0x%x",
	    AT_TABLET);
	for (unsigned i = 1; i < heads; i++)
		add(argv, "-device",
		    "virtio-tablet-pci,id=tablet%u,display=gpu,head=%u,"
		    "addr=0x%x",
		    i, i, AT_TABLET + i);
	add_sound(argv);
}

/* Ports have fixed numbers; 0 is the console's. */
static const struct {
	const char *chardev, *name;
} ports[] = {
    {"agent", "org.qemu.guest_agent.0"},
    {"vdagent", "com.redhat.spice.0"},
    {"webdav", "org.spice-space.webdav.0"},
    {"seamless", "org.oriel.seamless.0"},
};

static void add_channels(GPtrArray *argv)
{
	add(argv, "-chardev", "socket,id=monitor,fd=%d,server=on,wait=off",
	    LAUNCH_QMP_FD);
	add(argv, "-mon", "chardev=monitor,mode=control");
	add(argv, "-chardev", "socket,id=agent,fd=%d,server=on,wait=off",
	    LAUNCH_QGA_FD);
	add(argv, "-device",
	    "virtio-serial-pci,id=serial,max_ports=8,addr=" AT_SERIAL);
	for (gsize i = 0; i < G_N_ELEMENTS(ports); i++) {
		if (strcmp(ports[i].chardev, "agent") != 0)
			add(argv, "-chardev", "dbus,id=%s,name=%s",
			    ports[i].chardev, ports[i].name);
		add(argv, "-device",
		    "virtserialport,bus=serial.0,nr=%" G_GSIZE_FORMAT
		    ",chardev=%s,name=%s",
		    i + 1, ports[i].chardev, ports[i].name);
	}
	/* what a guest says on its first serial line, for whoever looks for
	 * the reason of a failed boot: bounded, and in no file */
	add(argv, "-chardev", "ringbuf,id=console,size=65536");
	add(argv, "-serial", "chardev:console");
}

void qemu_plug(const struct engine_spec *spec, enum engine_net net,
	       json_t **netdev, json_t **device)
{
	*netdev = net == ENGINE_NET_STREAM
		      ? json_pack("{s:s,s:s,s:b,s:{s:s,s:s}}", "type", "stream",
				  "id", "net", "server", 1, "addr", "type",
				  "unix", "path", NET_SOCKET)
		      : json_pack("{s:s,s:s,s:b}", "type", "user", "id", "net",
				  "restrict", 1);
	const struct engine_profile *profile =
	    engine_profile_find(spec->profile);
	const char *driver = !spec->plain ? "virtio-net-pci"
			     : profile->hyperv /* a Windows */ ? profile->card
							       : "e1000e";
	*device = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "driver", driver, "id",
			    "card", "netdev", "net", "bus", "netport", "mac",
			    spec->mac, "romfile", "");
}

/* UEFI: its code is everybody's, what it remembers is the machine's own. */
static gboolean add_firmware(const struct launch *launch, GPtrArray *argv,
			     GError **error)
{
	const struct engine_spec *spec = launch->spec;
	const struct engine_profile *profile =
	    engine_profile_find(spec->profile);
	/* the second pair knows Microsoft's keys and insists on them */
	const char *code = profile->secure_boot
			       ? "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
			       : "/usr/share/OVMF/OVMF_CODE_4M.fd";
	const char *blank = profile->secure_boot
				? "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
				: "/usr/share/OVMF/OVMF_VARS_4M.fd";
	gboolean uefi = profile->hyperv ? profile->uefi : spec->uefi;
	if (!uefi || spec->kernel)
		return TRUE;
	g_autofree char *kept =
	    g_build_filename(spec->folder, "nvram.fd", NULL);
	char *data;
	gsize size;
	if (access(kept, F_OK) != 0) {
		if (!g_file_get_contents(blank, &data, &size, NULL)) {
			fault_set(error, FAULT_UNAVAILABLE,
				  "Install it: apt-get install ovmf.",
				  "The firmware for UEFI is not installed.");
			return FALSE;
		}
		gboolean put = g_file_set_contents_full(
		    kept, data, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT,
		    0600, NULL);
		g_free(data);
		if (!put) {
			fault_set(error, FAULT_STORAGE,
				  "Make room on that disk.",
				  "'%s' cannot be written.", kept);
			return FALSE;
		}
	}
	add_json(argv, "-blockdev",
		 json_pack("{s:s,s:s,s:b,s:{s:s,s:s}}", "driver", "raw",
			   "node-name", "uefi-code", "read-only", 1, "file",
			   "driver", "file", "filename", code));
	add_json(argv, "-blockdev",
		 json_pack("{s:s,s:s,s:{s:s,s:s}}", "driver", "raw",
			   "node-name", "uefi-vars", "file", "driver", "file",
			   "filename", kept));
	add(argv, "-machine", "pflash0=uefi-code,pflash1=uefi-vars");
	if (profile->secure_boot) /* variables only through SMM */
		add(argv, "-global",
		    "driver=cfi.pflash01,property=secure,value=on");
	return TRUE;
}

gboolean qemu_command(const struct launch *launch, GPtrArray *argv,
		      GError **error)
{
	const char *path = qemu_path();
	if (!path) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install it: apt-get install qemu-system-x86.",
			  "QEMU is not installed.");
		return FALSE;
	}
	g_ptr_array_add(argv, g_strdup(path));
	g_ptr_array_add(argv, g_strdup("-nodefaults"));
	g_ptr_array_add(argv, g_strdup("-no-user-config"));
	add(argv, "-msg", "timestamp=on");
	add(argv, "-sandbox",
	    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
	    "resourcecontrol=deny");
	add_machine(launch, argv);
	if (!add_firmware(launch, argv, error))
		return FALSE;
	add_channels(argv);
	add_disk(launch, argv);
	add_media(launch, argv);
	if (engine_profile_find(launch->spec->profile)->tpm)
		add_tpm(argv);
	add_display(launch, argv);
	add_usb(launch, argv);
	add(argv, "-object", "rng-random,id=entropy,filename=/dev/urandom");
	add(argv, "-device", "virtio-rng-pci,rng=entropy,addr=" AT_RNG);
	add(argv, "-device", "vmgenid,guid=auto");
	add(argv, "-device", "pvpanic");
	/* the port is there with or without a card, which can come later */
	add(argv, "-device",
	    "pcie-root-port,id=netport,chassis=1,slot=1,addr=" AT_NET);
	/* for a disk that comes when somebody does */
	add(argv, "-device",
	    "pcie-root-port,id=" PLUG_PORT ",chassis=2,slot=2,addr=" AT_PLUG);
	if (launch->net != ENGINE_NET_NONE) {
		json_t *netdev, *device;
		qemu_plug(launch->spec, launch->net, &netdev, &device);
		add_json(argv, "-netdev", netdev);
		add_json(argv, "-device", device);
	}
	return TRUE;
}
