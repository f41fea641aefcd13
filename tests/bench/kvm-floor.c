/* kvm-floor.c - the bare sequence of ioctls that any monitor needs from start
 * to a guest's first exit, with one CPU and N MiB. Prints the monotonic time
 * of that exit in microseconds: what oriel-vmm is measured against. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid = {.head.nent = 256};
	uint64_t bytes = (uint64_t)(argc > 1 ? atoi(argv[1]) : 64) << 20;
	uint64_t identity = 0xfffbc000;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int memory = memfd_create("floor", 0), cpu, size;
	struct kvm_pit_config pit = {0};
	struct kvm_userspace_memory_region slot = {.memory_size = bytes};
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = 0x1000, .rflags = 2};
	struct kvm_run *run;
	struct timespec now;
	uint8_t *map;

	if (kvm < 0 || vm < 0 || ftruncate(memory, (off_t)bytes) < 0)
		return 1;
	ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	ioctl(vm, KVM_SET_TSS_ADDR, identity + 0x1000);
	if (ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0 ||
	    ioctl(vm, KVM_CREATE_PIT2, &pit) < 0)
		return 1;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_NORESERVE, memory, 0);
	if (map == MAP_FAILED)
		return 1;
	slot.userspace_addr = (uintptr_t)map;
	memcpy(map + 0x1000, "\xe6\x80\xf4", 3); /* out %al, $0x80; hlt */
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return 1;
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu,
		   0);
	if (cpu < 0 || run == MAP_FAILED ||
	    ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) < 0 ||
	    ioctl(cpu, KVM_SET_CPUID2, &cpuid) < 0 ||
	    ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
		return 1;
	sregs.cs.base = sregs.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0 ||
	    ioctl(cpu, KVM_SET_REGS, &regs) < 0 || ioctl(cpu, KVM_RUN, 0) < 0 ||
	    run->exit_reason != KVM_EXIT_IO)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("%lld\n", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return 0;
}
