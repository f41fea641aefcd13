/* fake-vm.h - a machine without /dev/kvm, for fuzzers and unit tests: memory
 * is a plain buffer, there are no CPUs, loops have no threads. Devices are
 * driven by calling what a vCPU or a loop would call. */
#pragma once

#include <stddef.h>

#include "vmm/kvm/virtio.h"

#define FAKE_MEMORY 65536u

struct vm *fake_vm_new(void);
void fake_vm_free(struct vm *vm);
/* Adds "type,key=value"; NULL when it cannot be made. */
struct device *fake_vm_add(struct vm *vm, const char *device);
/* Sets memory to the bytes, the rest to zero. */
void fake_vm_fill(struct vm *vm, const void *bytes, size_t count);
/* Brings a virtio device up as a driver would: features, queues at 0x1000
 * each (descriptors, +0x400 available, +0x600 used, 16 entries), DRIVER_OK.
 * The BAR lies at fake_vm_bar(). */
void fake_vm_drive(struct virtio *v, uint64_t features);
uint64_t fake_vm_bar(const struct virtio *v);
/* What the loop would do after a ring. */
void fake_vm_ring(struct virtio *v, unsigned queue);
