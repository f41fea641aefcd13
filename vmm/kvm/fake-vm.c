#include "vmm/kvm/fake-vm.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/kvm/chips.h"
#include "vmm/kvm/console.h"
#include "vmm/kvm/input.h"
#include "vmm/kvm/opts.h"

struct vm *fake_vm_new(void)
{
	struct vm *vm = g_new0(struct vm, 1);
	void *memory = mmap(NULL, FAKE_MEMORY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	vm->config = (struct vm_config){
	    .name = "fake", .uuid = "", .cpus = 1, .memory_mib = 1, .heads = 2};
	vm->kvm = vm->fd = -1;
	pthread_mutex_init(&vm->park_lock, NULL);
	pthread_cond_init(&vm->park_cond, NULL);
	bus_init(&vm->pio);
	bus_init(&vm->mmio);
	vm->wish_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vm->mem = guest_mem_fake(0, memory, FAKE_MEMORY);
	vm->irqs = irqs_new(vm, NULL);
	vm->io = ioloop_new(NULL);
	vm->gpu_io = ioloop_new(NULL);
	vm->consoles = console_set_new(vm);
	vm->input = input_set_new(vm);
	vm->pci = pci_bus_new(vm);
	chip_pm_add(vm, NULL);
	chip_hotplug_add(vm, NULL);
	chip_i8042_add(vm, NULL);
	return vm;
}

void fake_vm_free(struct vm *vm)
{
	void *memory = vm->mem->regions[0].host;

	vm_free(vm);
	munmap(memory, FAKE_MEMORY);
}

struct device *fake_vm_add(struct vm *vm, const char *device)
{
	struct opts *opts = opts_parse(device, NULL);
	struct device *added = opts ? vm_add_device(vm, opts, NULL) : NULL;

	opts_free(opts);
	if (added)
		pci_bus_assign(vm->pci);
	return added;
}

void fake_vm_fill(struct vm *vm, const void *bytes, size_t count)
{
	uint8_t *to = vm->mem->regions[0].host;

	count = MIN(count, FAKE_MEMORY);
	memset(to, 0, FAKE_MEMORY);
	if (count)
		memcpy(to, bytes, count);
}

uint64_t fake_vm_bar(const struct virtio *v)
{
	return v->pci.bars[0].mapped;
}

void fake_vm_drive(struct virtio *v, uint64_t features)
{
	struct bus *bus = &v->device.vm->mmio;
	uint64_t bar = fake_vm_bar(v);

	features |= VIRTIO_F_MODERN;
	bus_write(bus, bar + 0x14, 1, 0);
	bus_write(bus, bar + 0x14, 1, 3);
	bus_write(bus, bar + 0x08, 4, 0);
	bus_write(bus, bar + 0x0c, 4, (uint32_t)features);
	bus_write(bus, bar + 0x08, 4, 1);
	bus_write(bus, bar + 0x0c, 4, features >> 32);
	bus_write(bus, bar + 0x14, 1, 11);
	for (unsigned i = 0; i < v->queue_count && i < 8; i++) {
		bus_write(bus, bar + 0x16, 2, i);
		bus_write(bus, bar + 0x18, 2, 16);
		bus_write(bus, bar + 0x20, 8, 0x1000 * i);
		bus_write(bus, bar + 0x28, 8, 0x1000 * i + 0x400);
		bus_write(bus, bar + 0x30, 8, 0x1000 * i + 0x600);
		bus_write(bus, bar + 0x1c, 2, 1);
	}
	bus_write(bus, bar + 0x14, 1, 15);
}

void fake_vm_ring(struct virtio *v, unsigned queue)
{
	pthread_mutex_lock(&v->lock);
	if (queue < v->queue_count && v->running && v->queues[queue].started)
		v->ops->notify(v, queue);
	pthread_mutex_unlock(&v->lock);
}
