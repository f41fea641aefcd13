#include "vmm/kvm/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/kvm/cpuid.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"

#define APIC_LVT0 0x350
#define APIC_LVT1 0x360

struct vcpu {
	struct vm *vm;
	unsigned index;
	int fd;
	struct kvm_run *run;
	size_t run_bytes;
	pthread_t thread;
	bool started;
	bool unfinished; /* an exit that KVM completes at the next entry */
	uint64_t exits[VCPU_EXITS_MAX];

	/* power-on state */
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debug;
};

/* The signal only has to end KVM_RUN; setting the flag closes the window
 * between the last look at vm->go and the entry. */
static __thread struct kvm_run *volatile kick_run;

static void on_kick(int number)
{
	if (kick_run)
		kick_run->immediate_exit = 1;
}

static int set_msr(struct vcpu *vcpu, uint32_t index, uint64_t data)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = {
	    .head.nmsrs = 1,
	    .entry = {.index = index, .data = data},
	};

	return ioctl(vcpu->fd, KVM_SET_MSRS, &one) == 1 ? 0 : -1;
}

static const struct {
	uint32_t index;
	uint64_t value;
	const char *name;
} power_on_msrs[] = {
    {0x10, 0, "IA32_TSC"},
    {0x174, 0, "IA32_SYSENTER_CS"},
    {0x175, 0, "IA32_SYSENTER_ESP"},
    {0x176, 0, "IA32_SYSENTER_EIP"},
    {0x1a0, 1, "IA32_MISC_ENABLE"}, /* fast strings */
    {0x277, 0x0007040600070406, "IA32_PAT"},
    {0x2ff, 0x806, "IA32_MTRR_DEF_TYPE"}, /* on, write-back */
    {0x6e0, 0, "IA32_TSC_DEADLINE"},
    {0xc0000081, 0, "STAR"},
    {0xc0000082, 0, "LSTAR"},
    {0xc0000083, 0, "CSTAR"},
    {0xc0000084, 0, "SYSCALL_MASK"},
    {0xc0000102, 0, "KERNEL_GS_BASE"},
    {0x4b564d00, 0, "KVM_WALL_CLOCK_NEW"},
    {0x4b564d01, 0, "KVM_SYSTEM_TIME_NEW"},
    {0x4b564d02, 0, "KVM_ASYNC_PF_EN"},
    {0x4b564d03, 0, "KVM_STEAL_TIME"},
    {0x4b564d04, 0, "KVM_PV_EOI_EN"},
};

/* One at a time: a host may refuse some (a guest then does without), and a
 * refusal inside a list would silently skip the rest of it. */
static void reset_msrs(struct vcpu *vcpu, bool report)
{
	const struct log_about about = {.vm = vcpu->vm->config.name,
					.device = "cpu"};
	g_autoptr(GString) refused = g_string_new(NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(power_on_msrs); i++)
		if (set_msr(vcpu, power_on_msrs[i].index,
			    power_on_msrs[i].value) < 0)
			g_string_append_printf(refused, " %s",
					       power_on_msrs[i].name);
	if (report && refused->len)
		log_info(&about, "the host refuses these registers:%s",
			 refused->str);
}

static bool save_power_on(struct vcpu *vcpu)
{
	uint32_t lvt;

	if (ioctl(vcpu->fd, KVM_GET_LAPIC, &vcpu->lapic) < 0)
		return false;
	/* Virtual wire: the PIC reaches the boot CPU through LINT0, NMI all
	 * through LINT1, as firmware would leave it. */
	lvt = 0x700;
	memcpy(vcpu->lapic.regs + APIC_LVT0, &lvt, 4);
	lvt = 0x400;
	memcpy(vcpu->lapic.regs + APIC_LVT1, &lvt, 4);
	return ioctl(vcpu->fd, KVM_GET_REGS, &vcpu->regs) == 0 &&
	       ioctl(vcpu->fd, KVM_GET_SREGS, &vcpu->sregs) == 0 &&
	       ioctl(vcpu->fd, KVM_GET_FPU, &vcpu->fpu) == 0 &&
	       ioctl(vcpu->fd, KVM_GET_MP_STATE, &vcpu->mp) == 0 &&
	       ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &vcpu->events) == 0 &&
	       ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &vcpu->debug) == 0 &&
	       ioctl(vcpu->fd, KVM_SET_LAPIC, &vcpu->lapic) == 0;
}

struct vcpu *vcpu_new(struct vm *vm, unsigned index,
		      const struct kvm_cpuid2 *supported, GError **error)
{
	struct vcpu *vcpu = g_new0(struct vcpu, 1);
	size_t bytes = sizeof *supported + 256 * sizeof supported->entries[0];
	g_autofree struct kvm_cpuid2 *cpuid = g_memdup2(supported, bytes);
	int size;

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->run = MAP_FAILED;
	vcpu->fd = kvm_create_vcpu(vm->fd, index, error);
	if (vcpu->fd < 0)
		goto failed;
	size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size >= (int)sizeof *vcpu->run)
		vcpu->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
				 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		goto refused;
	vcpu->run_bytes = (size_t)size;
	cpuid_describe(cpuid, index, vm->config.cpus);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
		goto refused;
	if (!save_power_on(vcpu))
		goto refused;
	reset_msrs(vcpu, index == 0);
	return vcpu;
refused:
	fault_set(error, FAULT_UNAVAILABLE, NULL,
		  "/dev/kvm refused to set up CPU %u: %s", index,
		  g_strerror(errno));
failed:
	vcpu_free(vcpu);
	return NULL;
}

void vcpu_free(struct vcpu *vcpu)
{
	if (!vcpu)
		return;
	if (vcpu->started)
		pthread_join(vcpu->thread, NULL);
	if (vcpu->run != MAP_FAILED)
		munmap(vcpu->run, vcpu->run_bytes);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
	g_free(vcpu);
}

void vcpu_reset(struct vcpu *vcpu)
{
	/* mp_state first: a halted or waiting CPU drops what is set after */
	ioctl(vcpu->fd, KVM_SET_MP_STATE, &vcpu->mp);
	ioctl(vcpu->fd, KVM_SET_SREGS, &vcpu->sregs);
	ioctl(vcpu->fd, KVM_SET_REGS, &vcpu->regs);
	ioctl(vcpu->fd, KVM_SET_FPU, &vcpu->fpu);
	ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &vcpu->debug);
	ioctl(vcpu->fd, KVM_SET_LAPIC, &vcpu->lapic);
	reset_msrs(vcpu, false);
	ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &vcpu->events);
	ioctl(vcpu->fd, KVM_SET_MP_STATE, &vcpu->mp);
}

void vcpu_tell_paused(struct vcpu *vcpu)
{
	ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0);
}

const uint64_t *vcpu_exits(const struct vcpu *vcpu)
{
	return vcpu->exits;
}

static struct kvm_segment flat(unsigned selector, unsigned type, bool wide)
{
	bool code = type & 8;

	return (struct kvm_segment){
	    .selector = (uint16_t)selector,
	    .limit = 0xffffffff,
	    .type = (uint8_t)type,
	    .present = 1,
	    .s = 1,
	    .g = 1,
	    .l = wide && code,
	    .db = !(wide && code),
	};
}

bool vcpu_set_entry(struct vcpu *vcpu, const struct vcpu_entry *entry)
{
	struct kvm_sregs s = vcpu->sregs;
	struct kvm_regs r = {
	    .rip = entry->rip,
	    .rsi = entry->rsi,
	    .rbx = entry->rbx,
	    .rsp = entry->rsp,
	    .rflags = 2,
	};
	bool wide = entry->mode == ENTRY_LONG;

	s.cs = flat(0x10, 0xb, wide);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(0x18, 0x3, wide);
	s.tr = (struct kvm_segment){
	    .limit = 0x67, .type = 0xb, .present = 1, .selector = 0x20};
	s.gdt.base = entry->gdt;
	s.gdt.limit = 0x2f;
	s.idt.base = s.idt.limit = 0;
	s.cr0 = 0x31; /* PE, ET, NE */
	if (wide) {
		s.cr3 = entry->page_table;
		s.cr4 = 1 << 5; /* PAE */
		s.cr0 |= 1u << 31;
		s.efer = 1 << 8 | 1 << 10; /* LME, LMA */
	}
	return ioctl(vcpu->fd, KVM_SET_SREGS, &s) == 0 &&
	       ioctl(vcpu->fd, KVM_SET_REGS, &r) == 0;
}

/* ---- the thread ---- */

static void park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (vcpu->unfinished) {
		vcpu->run->immediate_exit = 1;
		ioctl(vcpu->fd, KVM_RUN, 0);
		vcpu->unfinished = false;
	}
	vcpu->run->immediate_exit = 0;
	pthread_mutex_lock(&vm->park_lock);
	vm->parked++;
	pthread_cond_broadcast(&vm->park_cond);
	while (!atomic_load(&vm->go) && !vm->quit)
		pthread_cond_wait(&vm->park_cond, &vm->park_lock);
	vm->parked--;
	pthread_mutex_unlock(&vm->park_lock);
}

static void port_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *at = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size;

	for (unsigned i = 0; i < run->io.count; i++, at += size) {
		uint64_t value = 0;

		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&value, at, size);
			bus_write(&vcpu->vm->pio, run->io.port, size, value);
		} else {
			value = bus_read(&vcpu->vm->pio, run->io.port, size);
			memcpy(at, &value, size);
		}
	}
}

/* Odd lengths and accesses that are not aligned reach us in one piece; the
 * bus knows powers of two only. */
static void memory_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint64_t at = run->mmio.phys_addr;
	unsigned left = run->mmio.len, done = 0;

	while (left && left <= 8) {
		unsigned size = left >= 8   ? 8
				: left >= 4 ? 4
				: left >= 2 ? 2
					    : 1;
		uint64_t value = 0;

		if (run->mmio.is_write) {
			memcpy(&value, run->mmio.data + done, size);
			bus_write(&vcpu->vm->mmio, at, size, value);
		} else {
			value = bus_read(&vcpu->vm->mmio, at, size);
			memcpy(run->mmio.data + done, &value, size);
		}
		at += size;
		done += size;
		left -= size;
	}
}

static void stuck(struct vcpu *vcpu, const char *what, uint64_t code)
{
	static struct log_limit limit = {.burst = 5};
	const struct log_about about = {.vm = vcpu->vm->config.name,
					.device = "cpu"};
	struct kvm_regs regs = {0};
	struct vm *vm = vcpu->vm;

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	if (log_allow(&limit, &about))
		log_error(&about,
			  "CPU %u cannot go on: %s %#" G_GINT64_MODIFIER
			  "x at rip %#llx; the machine is stopped",
			  vcpu->index, what, code, regs.rip);
	atomic_store(&vcpu->vm->error_code, (unsigned)code);
	vm_ask(vm, VM_WISH_INTERNAL_ERROR);
}

static void serve_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vm *vm = vcpu->vm;

	vcpu->exits[run->exit_reason % VCPU_EXITS_MAX]++;
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		vcpu->unfinished = true;
		port_exit(vcpu);
		break;
	case KVM_EXIT_MMIO:
		vcpu->unfinished = true;
		memory_exit(vcpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
	case KVM_EXIT_HLT: /* handled by the in-kernel LAPIC */
	case KVM_EXIT_UNKNOWN:
		break;
	case KVM_EXIT_SHUTDOWN: /* triple fault: a PC resets */
		vm_ask(vm, VM_WISH_RESET);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		vm_ask(vm, run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN
			       ? VM_WISH_POWEROFF
			   : run->system_event.type == KVM_SYSTEM_EVENT_CRASH
			       ? VM_WISH_PANIC
			       : VM_WISH_RESET);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		stuck(vcpu, "entry refused for reason",
		      run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		stuck(vcpu, "KVM reports internal error",
		      run->internal.suberror);
		break;
	default:
		stuck(vcpu, "unexpected exit reason", run->exit_reason);
	}
	if (G_UNLIKELY(!atomic_load_explicit(&vm->first_exit_us,
					     memory_order_relaxed)))
		atomic_store(&vm->first_exit_us,
			     (uint64_t)g_get_monotonic_time());
}

static void *run(void *data)
{
	struct vcpu *vcpu = data;
	struct vm *vm = vcpu->vm;

	kick_run = vcpu->run;
	for (;;) {
		if (!atomic_load(&vm->go)) {
			park(vcpu);
			if (vm->quit)
				return NULL;
			continue;
		}
		if (ioctl(vcpu->fd, KVM_RUN, 0) == 0) {
			vcpu->unfinished = false;
			serve_exit(vcpu);
		} else if (errno == EINTR || errno == EAGAIN) {
			vcpu->unfinished = false;
			vcpu->run->immediate_exit = 0;
		} else {
			stuck(vcpu, "KVM_RUN failed with error",
			      (uint64_t)errno);
		}
	}
}

bool vcpu_start(struct vcpu *vcpu, GError **error)
{
	struct sigaction kick = {.sa_handler = on_kick};
	pthread_attr_t attributes;
	sigset_t all, before;
	char name[16];
	int failed;

	sigaction(SIGUSR1, &kick, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 << 10);
	/* signals for the process go to the main loop, the kick to us */
	sigfillset(&all);
	sigdelset(&all, SIGUSR1);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&vcpu->thread, &attributes, run, vcpu);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (failed) {
		fault_set(error, FAULT_BUSY, NULL, "No thread for CPU %u: %s",
			  vcpu->index, g_strerror(failed));
		return false;
	}
	vcpu->started = true;
	snprintf(name, sizeof name, "cpu%u", vcpu->index);
	pthread_setname_np(vcpu->thread, name);
	return true;
}

void vcpu_kick(struct vcpu *vcpu)
{
	if (vcpu->started)
		pthread_kill(vcpu->thread, SIGUSR1);
}
