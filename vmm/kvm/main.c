/* main.c - oriel-vmm: one virtual machine on /dev/kvm. */
#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/kvm/display1.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/qmp-server.h"
#include "vmm/kvm/vm.h"

static GMainLoop *loop;

static void ended(struct vm *vm)
{
	g_main_loop_quit(loop);
}

static gboolean wished(gint fd, GIOCondition condition, gpointer data)
{
	vm_serve_wishes(data);
	return G_SOURCE_CONTINUE;
}

static gboolean on_signal(gpointer data)
{
	struct vm *vm = data;

	vm_event(vm, "SHUTDOWN",
		 "{\"guest\": false, \"reason\": \"host-signal\"}");
	g_main_loop_quit(loop);
	return G_SOURCE_CONTINUE;
}

static void list_devices(void)
{
	g_print("\nDevices (--device TYPE,KEY=VALUE,...):\n");
	for (unsigned i = 0; device_types[i]; i++)
		g_print("  %-18s %s\n", device_types[i]->name,
			device_types[i]->about);
}

struct arguments {
	char *name, *uuid, *kernel, *initrd, *cmdline, *cache, *serial;
	char *debugcon, *qmp;
	char **devices;
	int cpus, memory, heads;
	gboolean panic_ends, paused, no_reboot, no_shutdown, verbose, version,
	    list;
};

static void forget(struct arguments *a)
{
	char *const texts[] = {a->name,   a->uuid,     a->kernel,
			       a->initrd, a->cmdline,  a->cache,
			       a->serial, a->debugcon, a->qmp};

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_strfreev(a->devices);
}

static bool parse(struct arguments *a, int *argc, char ***argv, GError **error)
{
	const GOptionEntry entries[] = {
	    {"name", 0, 0, G_OPTION_ARG_STRING, &a->name, "the machine's name",
	     "NAME"},
	    {"uuid", 0, 0, G_OPTION_ARG_STRING, &a->uuid, NULL, "UUID"},
	    {"cpus", 0, 0, G_OPTION_ARG_INT, &a->cpus, "1 to 16", "N"},
	    {"memory", 0, 0, G_OPTION_ARG_INT, &a->memory,
	     "RAM in MiB, 16 to 65536", "MIB"},
	    {"heads", 0, 0, G_OPTION_ARG_INT, &a->heads, "screens, 1 to 4",
	     "N"},
	    {"kernel", 0, 0, G_OPTION_ARG_FILENAME, &a->kernel,
	     "bzImage, or ELF with a PVH entry", "FILE"},
	    {"initrd", 0, 0, G_OPTION_ARG_FILENAME, &a->initrd, NULL, "FILE"},
	    {"cmdline", 0, 0, G_OPTION_ARG_STRING, &a->cmdline,
	     "the kernel's command line", "TEXT"},
	    {"kernel-cache", 0, 0, G_OPTION_ARG_FILENAME, &a->cache,
	     "folder for unpacked kernels", "DIR"},
	    {"serial", 0, 0, G_OPTION_ARG_STRING, &a->serial,
	     "COM1: null, stdio, file:PATH, unix:PATH, fd:N or dbus:NAME",
	     "WHERE"},
	    {"debugcon", 0, 0, G_OPTION_ARG_STRING, &a->debugcon,
	     "debug port 0x402, as --serial", "WHERE"},
	    {"device", 0, 0, G_OPTION_ARG_STRING_ARRAY, &a->devices,
	     "adds a device", "TYPE,KEY=VALUE"},
	    {"qmp", 0, 0, G_OPTION_ARG_FILENAME, &a->qmp,
	     "serves QMP on this socket, or on a listening one that was "
	     "left open",
	     "PATH|fd:N"},
	    {"paused", 0, 0, G_OPTION_ARG_NONE, &a->paused,
	     "waits for QMP's cont", NULL},
	    {"no-reboot", 0, 0, G_OPTION_ARG_NONE, &a->no_reboot,
	     "a reset ends the machine", NULL},
	    {"panic-ends", 0, 0, G_OPTION_ARG_NONE, &a->panic_ends,
	     "a guest's panic ends the machine instead of pausing it", NULL},
	    {"no-shutdown", 0, 0, G_OPTION_ARG_NONE, &a->no_shutdown,
	     "the process stays when the guest powers off", NULL},
	    {"verbose", 'v', 0, G_OPTION_ARG_NONE, &a->verbose, NULL, NULL},
	    {"list-devices", 0, 0, G_OPTION_ARG_NONE, &a->list, NULL, NULL},
	    {"version", 0, 0, G_OPTION_ARG_NONE, &a->version, NULL, NULL},
	    {0},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_summary(context,
				     "Runs one virtual machine on /dev/kvm.");
	g_option_context_add_main_entries(context, entries, NULL);
	return g_option_context_parse(context, argc, argv, error);
}

static bool in_range(int value, int low, int high, const char *what,
		     GError **error)
{
	if (value >= low && value <= high)
		return true;
	fault_set(error, FAULT_INVALID, NULL, "%s is %d, not from %d to %d",
		  what, value, low, high);
	return false;
}

static bool check(const struct arguments *a, int argc, char **argv,
		  GError **error)
{
	if (argc > 1) {
		fault_set(error, FAULT_INVALID, "See --help.",
			  "'%s' is no option", argv[1]);
		return false;
	}
	return in_range(a->cpus, 1, VM_CPUS_MAX, "--cpus", error) &&
	       in_range(a->memory, 16, 65536, "--memory", error) &&
	       in_range(a->heads, 1, VM_HEADS_MAX, "--heads", error);
}

static bool add_devices(struct vm *vm, char **devices, GError **error)
{
	for (unsigned i = 0; devices && devices[i]; i++) {
		struct opts *opts = opts_parse(devices[i], error);
		bool added = opts && vm_add_device(vm, opts, error);

		opts_free(opts);
		if (!added)
			return false;
	}
	return true;
}

static bool run(struct arguments *a, GError **error)
{
	const struct vm_config config = {
	    .name = a->name ? a->name : "machine",
	    .uuid = a->uuid ? a->uuid : "00000000-0000-0000-0000-000000000000",
	    .cpus = (unsigned)a->cpus,
	    .memory_mib = (unsigned)a->memory,
	    .heads = (unsigned)a->heads,
	    .kernel = a->kernel,
	    .initrd = a->initrd,
	    .cmdline = a->cmdline,
	    .cache = a->cache,
	    .serial = a->serial,
	    .debugcon = a->debugcon,
	    .no_reboot = a->no_reboot,
	    .no_shutdown = a->no_shutdown,
	    .panic_ends = a->panic_ends,
	};
	struct qmp_server *qmp = NULL;
	struct vm *vm = vm_new(&config, error);
	bool good = false;

	if (!vm)
		return false;
	vm->ended = ended;
	loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, on_signal, vm);
	g_unix_signal_add(SIGINT, on_signal, vm);
	g_unix_signal_add(SIGHUP, on_signal, vm);
	g_unix_fd_add(vm->wish_fd, G_IO_IN, wished, vm);
	if (!add_devices(vm, a->devices, error))
		goto out;
	if (a->qmp) {
		qmp = qmp_server_new(vm, a->qmp, error);
		if (!qmp)
			goto out;
	}
	if (!vm_boot(vm, a->paused, error))
		goto out;
	malloc_trim(0);
	g_main_loop_run(loop);
	good = true;
out:
	if (qmp)
		qmp_server_flush(qmp);
	display1_finish(vm);
	qmp_server_free(qmp);
	vm_free(vm);
	g_main_loop_unref(loop);
	return good;
}

/* A desktop needs about 150; the default soft limit is often 1024. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = MIN(limit.rlim_max, 4096);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int perform(struct arguments *a, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	if (!parse(a, &argc, &argv, &error)) {
		fault_print("oriel-vmm", error);
		return 2;
	}
	if (a->version) {
		g_print("oriel-vmm %s\n", ORIEL_VERSION);
		return 0;
	}
	if (a->list) {
		list_devices();
		return 0;
	}
	log_open("oriel-vmm", a->verbose);
	if (!check(a, argc, argv, &error) || !run(a, &error)) {
		fault_print("oriel-vmm", error);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.cpus = 1, .memory = 256, .heads = 1};
	int code;

	setlocale(LC_CTYPE, ""); /* the other categories cost twelve files */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	/* one arena: threads of ours do not allocate, and each further arena
	 * costs private memory */
	mallopt(M_ARENA_MAX, 1);
	raise_fd_limit();
	code = perform(&arguments, argc, argv);
	forget(&arguments);
	return code;
}
