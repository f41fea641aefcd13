/* Does /dev/kvm really run guests?
 *
 * Its presence says little: nested or emulated KVM can be a thousand times
 * slower than the processor. So a small guest (a counting loop, no x87, no
 * SSE, flat 32-bit protected mode) is run and timed, straight through the
 * ioctls. It runs in a process of its own, which a time limit can end
 * whatever the kernel makes of it; between fork and exit that process only
 * makes system calls. The speed is kept for the rest of this boot, whether
 * the device may be opened is looked at anew each time. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "vmm/probe.h"

#define DEVICE "/dev/kvm"
/* A real guest runs at thousands; interpreting ones were seen at 2, and full
 * emulation by QEMU reaches some hundred. */
#define USABLE_MIPS   100.0
#define GUEST_SIZE    0x1000u
#define TIME_LIMIT_MS 3000
#define TURNS         20
#define ENOUGH_S      0.3
#define SLOW_S        0.02

/* mov ecx, COUNT; 1: dec ecx; jnz 1b; hlt */
static const guint8 guest_code[] = {0xb9, 0, 0, 0, 0, 0x49, 0x75, 0xfd, 0xf4};
#define COUNT_AT          1
#define LOOP_INSTRUCTIONS 2

struct report {
	int stage; /* how far it came: index into stages[] */
	int err;
	double mips;
};

static const char *const stages[] = {
    "it cannot be opened",
    "it makes no machine",
    "a machine gets no memory",
    "a machine gets no processor",
    "a processor takes no registers",
    "a processor does not run",
    "a guest runs",
};
enum { OPEN, CREATE, MEMORY, VCPU, REGISTERS, RUN, DONE };

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static gboolean set_registers(int vcpu)
{
	struct kvm_sregs sregs;
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return FALSE;
	struct kvm_segment flat = {.limit = 0xffffffff,
				   .selector = 0x10,
				   .type = 3,
				   .present = 1,
				   .db = 1,
				   .s = 1,
				   .g = 1};
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat;
	flat.selector = 0x08;
	flat.type = 11;
	sregs.cs = flat;
	sregs.cr0 |= 1; /* PE */
	struct kvm_regs regs = {.rip = 0, .rsp = GUEST_SIZE, .rflags = 2};
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) == 0 &&
	       ioctl(vcpu, KVM_SET_REGS, &regs) == 0;
}

/* Seconds for so many rounds; negative when it stops anywhere but at hlt. */
static double time_loop(int vcpu, struct kvm_run *run, guint8 *memory,
			guint32 count)
{
	memcpy(memory, guest_code, sizeof guest_code);
	memcpy(memory + COUNT_AT, &count, sizeof count);
	if (!set_registers(vcpu))
		return -1;
	double begin = now_s();
	while (ioctl(vcpu, KVM_RUN, NULL) < 0)
		if (errno != EINTR && errno != EAGAIN)
			return -1;
	return run->exit_reason == KVM_EXIT_HLT ? now_s() - begin : -1;
}

/* Whoever shares the processor can only make a loop take longer, so the
 * shortest of several counts, each short enough to run at one stretch. Time
 * is a wall clock's: processor time could leave out who runs the guest. */
static void time_best(int vcpu, struct kvm_run *run, guint8 *memory,
		      struct report *report)
{
	/* the short loop is for interpreters, which take 50 ms for it; the
	 * other for processors, whose way in and out would count otherwise */
	static const guint32 counts[] = {50000, 500000};
	double begin = now_s();
	for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
		double best = 0;
		for (int turn = 0; turn < TURNS; turn++) {
			double seconds =
			    time_loop(vcpu, run, memory, counts[i]);
			if (seconds < 0)
				return;
			seconds = MAX(seconds, 1e-9);
			best = turn == 0 ? seconds : MIN(best, seconds);
			if (turn >= 1 && now_s() - begin > ENOUGH_S)
				break;
		}
		report->stage = DONE;
		report->mips =
		    MAX(report->mips,
			counts[i] * (double)LOOP_INSTRUCTIONS / 1e6 / best);
		if (best > SLOW_S)
			return;
	}
}

static void measure(struct report *report)
{
	int kvm = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (kvm < 0 || ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return;
	report->stage = CREATE;
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return;
	report->stage = MEMORY;
	guint8 *memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = {
	    .memory_size = GUEST_SIZE, .userspace_addr = (guint64)memory};
	if (memory == MAP_FAILED ||
	    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return;
	report->stage = VCPU;
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu < 0 || size < (int)sizeof(struct kvm_run))
		return;
	struct kvm_run *run = mmap(NULL, (gsize)size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return;
	report->stage = REGISTERS;
	if (!set_registers(vcpu))
		return;
	report->stage = RUN;
	time_best(vcpu, run, memory, report);
}

/* FALSE when it did not end in time. */
static gboolean measure_apart(struct report *report)
{
	int pipes[2];
	*report = (struct report){.stage = OPEN, .err = EIO};
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return TRUE;
	pid_t pid = fork();
	if (pid == 0) {
		errno = 0;
		measure(report);
		report->err = errno;
		ssize_t sent = write(pipes[1], report, sizeof *report);
		_exit(sent == sizeof *report ? 0 : 1);
	}
	close(pipes[1]);
	struct pollfd wait = {.fd = pipes[0], .events = POLLIN};
	int ready = pid < 0 ? 0 : poll(&wait, 1, TIME_LIMIT_MS);
	gboolean ended = pid < 0 || ready > 0;
	if (ready > 0 &&
	    read(pipes[0], report, sizeof *report) != (ssize_t)sizeof *report)
		*report = (struct report){.stage = RUN, .err = EFAULT};
	close(pipes[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return ended;
}

/* ---- kept for this boot ---- */

static char *cache_path(const char *cache_dir)
{
	return g_build_filename(cache_dir, "kvm-probe.json", NULL);
}

static double cached_mips(const char *cache_dir, const char *boot)
{
	g_autofree char *path = cache_path(cache_dir);
	json_t *kept = json_load_file(path, 0, NULL);
	const char *of = json_string_value(json_object_get(kept, "boot"));
	double mips = of && strcmp(of, boot) == 0
			  ? json_number_value(json_object_get(kept, "mips"))
			  : 0;
	json_decref(kept);
	return mips;
}

static void cache_mips(const char *cache_dir, const char *boot, double mips)
{
	/* failing to keep it costs a second measurement, no more */
	g_autofree char *path = cache_path(cache_dir);
	json_t *keep = json_pack("{s:s,s:f}", "boot", boot, "mips", mips);
	char *text = json_dumps(keep, JSON_COMPACT);
	json_decref(keep);
	if (text && g_mkdir_with_parents(cache_dir, 0700) == 0)
		g_file_set_contents(path, text, -1, NULL);
	free(text);
}

/* ---- what it means ---- */

static void explain_open(struct kvm_probe *probe, int err)
{
	if (err == ENOENT || err == ENODEV || err == ENXIO) {
		g_autofree char *cpu = NULL;
		g_file_get_contents("/proc/cpuinfo", &cpu, NULL, NULL);
		const char *module = cpu && strstr(cpu, " vmx")   ? "kvm_intel"
				     : cpu && strstr(cpu, " svm") ? "kvm_amd"
								  : NULL;
		probe->cause =
		    g_strdup(err == ENOENT ? "there is no " DEVICE
					   : "no module serves " DEVICE);
		probe->remedy =
		    module ? g_strdup_printf("Load its module: modprobe %s.",
					     module)
			   : g_strdup("This processor shows no "
				      "virtualisation: switch it on in the "
				      "firmware, or in the settings of the "
				      "virtual machine this runs in.");
	} else if (err == EACCES || err == EPERM) {
		struct stat st;
		gboolean group =
		    stat(DEVICE, &st) == 0 && (st.st_mode & 060) == 060;
		probe->cause = g_strdup(DEVICE " may not be opened by this "
					       "user");
		probe->remedy = g_strdup_printf(
		    "%sdd the user to the group kvm (adduser %s kvm) and "
		    "sign in again.",
		    group ? "A"
			  : "Give the device to its group (chgrp kvm " DEVICE
			    " && chmod 660 " DEVICE "), a",
		    g_get_user_name());
	} else {
		probe->cause = g_strdup_printf(DEVICE " cannot be opened: %s",
					       g_strerror(err));
	}
}

void kvm_probe_run(const char *cache_dir, struct kvm_probe *probe)
{
	*probe = (struct kvm_probe){0};
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		explain_open(probe, errno);
		return;
	}
	close(fd);
	g_autofree char *boot = NULL;
	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL,
				 NULL))
		boot = g_strdup("");
	g_strstrip(boot);
	probe->mips = cache_dir ? cached_mips(cache_dir, boot) : 0;
	struct report report;
	if (probe->mips <= 0) {
		if (!measure_apart(&report)) {
			probe->cause = g_strdup_printf(
			    "a small guest did not end within %d s",
			    TIME_LIMIT_MS / 1000);
		} else if (report.stage != DONE) {
			probe->cause =
			    g_strdup_printf("%s: %s", stages[report.stage],
					    report.err ? g_strerror(report.err)
						       : "it stopped early");
		} else {
			probe->mips = report.mips;
			if (cache_dir)
				cache_mips(cache_dir, boot, report.mips);
		}
	}
	probe->usable = probe->mips >= USABLE_MIPS;
	if (!probe->usable && !probe->cause)
		probe->cause = g_strdup_printf(
		    "it runs only %.1f million instructions a second",
		    probe->mips);
	if (!probe->usable)
		probe->remedy = g_strdup(
		    "Use a machine with hardware virtualisation, or switch "
		    "on nested virtualisation where this one runs.");
}
