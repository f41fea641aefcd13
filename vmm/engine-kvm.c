/* Engine "kvm": oriel-vmm, our own monitor, straight on /dev/kvm.
 *
 * It boots kernels from raw and qcow2 disks. What it cannot do yet it says,
 * with the engine that can: firmware, templates and clones. */
#include <string.h>

#include "common/fault.h"
#include "common/paths.h"
#include "vmm/engine-ops.h"

#define KVM_LAYOUT 1

static gboolean kvm_usable(GError **error)
{
	const struct kvm_probe *probe = kvm_probe_result();
	g_autofree char *program = paths_program("oriel-vmm");
	if (!probe->usable)
		fault_set(error, FAULT_UNAVAILABLE, probe->remedy,
			  "KVM is of no use here: %s.", probe->cause);
	else if (!g_file_test(program, G_FILE_TEST_IS_EXECUTABLE))
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install Oriel again: oriel-vmm is part of it.",
			  "There is no '%s'.", program);
	else
		return TRUE;
	return FALSE;
}

static const char *kvm_accelerator(void)
{
	return "kvm";
}

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

/* A comma inside a value is written twice. */
static char *escape(const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	return g_strjoinv(",,", parts);
}

static gboolean refuse(const struct launch *launch, GError **error)
{
	const struct engine_spec *spec = launch->spec;
	const char *cause = NULL;
	if (launch->mode != ENGINE_BOOT)
		cause = "it cannot make or clone templates";
	else if (!spec->kernel)
		cause = "it has no firmware to boot a disk's own loader";
	else if (spec->profile && strcmp(spec->profile, "linux") != 0)
		cause = "it has nothing that Windows could run on";
	else if (spec->media[0])
		cause = "it has no CD drives";
	if (!cause)
		return FALSE;
	fault_set(error, FAULT_UNAVAILABLE,
		  "Choose engine qemu or auto for this machine.",
		  "Engine kvm cannot start '%s': %s yet.",
		  spec->name ? spec->name : spec->id, cause);
	return TRUE;
}

/* Ports as in engine qemu; 0 is the console's. */
static void add_ports(GPtrArray *argv)
{
	static const char *const names[] = {
	    "com.redhat.spice.0",
	    "org.spice-space.webdav.0",
	    "org.oriel.seamless.0",
	};
	g_autoptr(GString) device = g_string_new("virtio-console,id=serial");
	g_string_append_printf(
	    device, ",port1=fd:%d,name1=org.qemu.guest_agent.0", LAUNCH_QGA_FD);
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		g_string_append_printf(device, ",port%u=dbus:%s,name%u=%s",
				       i + 2, names[i], i + 2, names[i]);
	add(argv, "--device", "%s", device->str);
}

static gboolean kvm_command(const struct launch *launch, GPtrArray *argv,
			    GError **error)
{
	const struct engine_spec *spec = launch->spec;
	g_autofree char *disk = escape(spec->disk);
	g_autofree char *caches = paths_cache();
	g_autofree char *kernels = g_build_filename(caches, "kernels", NULL);
	if (refuse(launch, error))
		return FALSE;
	g_ptr_array_add(argv, paths_program("oriel-vmm"));
	add(argv, "--name", "%s", spec->name ? spec->name : spec->id);
	add(argv, "--cpus", "%u", spec->cpus);
	add(argv, "--memory", "%u", spec->memory_mib);
	add(argv, "--heads", "%u", spec->heads);
	add(argv, "--kernel", "%s", spec->kernel);
	add(argv, "--kernel-cache", "%s", kernels);
	if (spec->initrd)
		add(argv, "--initrd", "%s", spec->initrd);
	if (spec->cmdline)
		add(argv, "--cmdline", "%s", spec->cmdline);
	add(argv, "--qmp", "fd:%d", LAUNCH_QMP_FD);
	g_ptr_array_add(argv, g_strdup("--panic-ends"));
	add(argv, "--device", "virtio-gpu,id=gpu");
	add(argv, "--device", "virtio-blk,id=disk0,path=%s", disk);
	add(argv, "--device", "virtio-keyboard,id=keys");
	add_ports(argv);
	add(argv, "--device", "virtio-rng,id=rng");
	add(argv, "--device", "intel-hda,id=sound");
	for (unsigned i = 0; i < spec->heads; i++)
		add(argv, "--device", "virtio-tablet,id=tablet%u,head=%u", i,
		    i);
	add(argv, "--device", "virtio-balloon,id=balloon");
	if (launch->net != ENGINE_NET_NONE && spec->mac)
		add(argv, "--device", "virtio-net,id=card,mac=%s,backend=%s",
		    spec->mac,
		    launch->net == ENGINE_NET_STREAM ? "listen:" NET_SOCKET
						     : "none");
	return TRUE;
}

static void kvm_fingerprint(const struct engine_spec *spec, json_t *facts)
{
	json_object_set_new(facts, "version", json_string(ORIEL_VERSION));
	json_object_set_new(facts, "layout", json_integer(KVM_LAYOUT));
}

static void kvm_plug(const struct engine_spec *spec, enum engine_net net,
		     json_t **netdev, json_t **device)
{
	*netdev = net == ENGINE_NET_STREAM
		      ? json_pack("{s:s,s:s,s:b,s:{s:s,s:s}}", "type", "stream",
				  "id", "net", "server", 1, "addr", "type",
				  "unix", "path", NET_SOCKET)
		      : json_pack("{s:s,s:s,s:b}", "type", "user", "id", "net",
				  "restrict", 1);
	*device = json_pack("{s:s,s:s,s:s,s:s}", "driver", "virtio-net", "id",
			    "card", "netdev", "net", "mac", spec->mac);
}

static const struct engine_ops kvm_ops = {
    .name = "kvm",
    .usable = kvm_usable,
    .accelerator = kvm_accelerator,
    .command = kvm_command,
    .fingerprint = kvm_fingerprint,
    .plug = kvm_plug,
};

const struct engine engine_kvm = {&kvm_ops};
