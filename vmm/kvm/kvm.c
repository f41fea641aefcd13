#include "vmm/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"

static const struct {
	int number;
	const char *name, *why;
} needed[] = {
    {KVM_CAP_IRQCHIP, "IRQCHIP", "interrupts in the kernel"},
    {KVM_CAP_PIT2, "PIT2", "the timer chip"},
    {KVM_CAP_USER_MEMORY, "USER_MEMORY", "guest memory"},
    {KVM_CAP_EXT_CPUID, "EXT_CPUID", "the CPU's description"},
    {KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING", "message interrupts"},
    {KVM_CAP_IRQFD, "IRQFD", "message interrupts"},
    {KVM_CAP_IOEVENTFD, "IOEVENTFD", "doorbells"},
    {KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", "pausing without races"},
    {KVM_CAP_MP_STATE, "MP_STATE", "starting and resetting CPUs"},
    {KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS", "resetting CPUs"},
    {KVM_CAP_SIGNAL_MSI, "SIGNAL_MSI", "message interrupts"},
};

int kvm_open(GError **error)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), version;

	if (kvm < 0) {
		int reason = errno;

		fault_set(error, FAULT_UNAVAILABLE,
			  reason == EACCES
			      ? "Add the user to the group that owns "
				"/dev/kvm (kvm), or use the engine qemu."
			      : "Load kvm_intel or kvm_amd (virtualization "
				"may be off in the firmware), or use the "
				"engine qemu.",
			  "/dev/kvm cannot be opened: %s", g_strerror(reason));
		return -1;
	}
	version = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		fault_set(error, FAULT_UNAVAILABLE, "Use the engine qemu.",
			  "/dev/kvm speaks version %d, not %d", version,
			  KVM_API_VERSION);
		goto failed;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, needed[i].number) <= 0) {
			fault_set(error, FAULT_UNAVAILABLE,
				  "Use the engine qemu, or a newer kernel.",
				  "/dev/kvm lacks KVM_CAP_%s, needed for %s",
				  needed[i].name, needed[i].why);
			goto failed;
		}
	return kvm;
failed:
	close(kvm);
	return -1;
}

static int refused(GError **error, const char *what)
{
	fault_set(error, errno == ENOMEM ? FAULT_STORAGE : FAULT_UNAVAILABLE,
		  errno == EBUSY || errno == ENODEV
		      ? "Another hypervisor may hold the processor; "
			"stop it, or use the engine qemu."
		      : NULL,
		  "/dev/kvm refused %s: %s", what, g_strerror(errno));
	return -1;
}

int kvm_create_vm(int kvm, GError **error)
{
	/* Three pages below the firmware that Intel hosts without
	 * unrestricted guest mode need, and one more below them. */
	uint64_t identity = 0xfffbc000;
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	int vm;

	do
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
	while (vm < 0 && errno == EINTR);
	if (vm < 0)
		return refused(error, "a new machine");
	/* hosts that do not need these may not know them: no failure */
	ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	ioctl(vm, KVM_SET_TSS_ADDR, identity + 0x1000);
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0) {
		refused(error, "an interrupt controller");
		close(vm);
		return -1;
	}
	if (ioctl(vm, KVM_CREATE_PIT2, &pit) < 0) {
		refused(error, "a timer chip");
		close(vm);
		return -1;
	}
	return vm;
}

int kvm_create_vcpu(int vm, unsigned index, GError **error)
{
	int fd = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)index);

	return fd < 0 ? refused(error, "a CPU") : fd;
}

struct kvm_cpuid2 *kvm_supported_cpuid(int kvm, GError **error)
{
	/* 256: KVM_MAX_CPUID_ENTRIES of today's kernels */
	struct kvm_cpuid2 *cpuid =
	    g_malloc0(sizeof *cpuid + 256 * sizeof cpuid->entries[0]);

	cpuid->nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0) {
		refused(error, "to tell its CPUID");
		g_free(cpuid);
		return NULL;
	}
	return cpuid;
}
