/* device-fuzz.c - each virtio device, and sound, on a fake guest memory.
 *
 * The input: which device (1 byte), features it agrees on (4), how many
 * actions (1), the actions (4 each: what, where, value), then guest memory,
 * in which the queues lie. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm/audio.h"
#include "vmm/kvm/console.h"
#include "vmm/kvm/fake-vm.h"
#include "vmm/kvm/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vm *vm;
static struct virtio *devices[8];
static unsigned device_count;

static void forget(void)
{
	fake_vm_free(vm);
}

/* Not virtio-blk: its requests end on the I/O loop, which has no thread here;
 * the bare-metal guest blk.c sends it nonsense instead. */
static void prepare(void)
{
	static const char *const types[] = {
	    "virtio-rng",
	    "virtio-gpu,memory=16",
	    "virtio-console,port1=null,name1=a,port2=null,name2=b",
	    "virtio-keyboard",
	    "virtio-tablet",
	    "virtio-net,mac=52:54:00:00:00:01",
	    "virtio-balloon",
	};

	vm = fake_vm_new();
	for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
		devices[device_count] =
		    (struct virtio *)fake_vm_add(vm, types[i]);
		if (!devices[device_count++])
			abort();
	}
	fake_vm_add(vm, "intel-hda");
	atexit(forget);
}

/* Registers of the sound device, a list or ring being anywhere; the lower
 * half of the registers is tried more often than what lies behind. */
static void make_noise(const uint8_t *a, unsigned actions)
{
	uint64_t config = PCI_ECAM_BASE + ((device_count + 1ull) << 15);
	uint64_t bar = bus_read(&vm->mmio, config + 0x10, 4) & ~15ull;
	unsigned sleeps = 0;

	for (unsigned i = 0; i < actions; i++, a += 4) {
		uint64_t at = bar + a[0] + (a[1] & 0x40 ? 0x2000 : 0);
		unsigned size = 1u << (a[1] & 3);

		/* streams go by the clock */
		if ((a[1] & 0x38) == 0x38 && sleeps++ < 3)
			g_usleep(300);
		if (a[1] & 0x80)
			bus_read(&vm->mmio, at, size);
		else
			bus_write(&vm->mmio, at, size,
				  a[2] | (uint64_t)a[3] << 8 |
				      (uint64_t)a[2] << 16);
	}
	audio_serve(vm->audio);
}

static void act(struct virtio *v, const uint8_t *a)
{
	uint64_t bar = fake_vm_bar(v);
	uint64_t value = a[2] | (uint64_t)a[3] << 8;

	switch (a[0] % 8) {
	case 0:
	case 1:
		fake_vm_ring(v, a[1]);
		break;
	case 2: /* device configuration */
		bus_write(&vm->mmio, bar + 0x2000 + a[1], 1u << (a[3] & 3),
			  value);
		break;
	case 3:
		bus_read(&vm->mmio, bar + 0x2000 + a[1], 1u << (a[2] & 3));
		break;
	case 4: /* common configuration and the MSI-X table */
		bus_write(&vm->mmio,
			  bar + (a[1] & 0x80 ? 0x4000 : 0) + (a[1] & 0x7f),
			  1u << (a[3] & 3), value);
		break;
	case 5:
		bus_write(&vm->mmio, PCI_ECAM_BASE + (v->pci.slot << 15) + a[1],
			  1u << (a[3] & 1), value);
		break;
	case 6: /* what the host does meanwhile */
		input_key(vm->input, a[1], a[2] & 1);
		console_resize(console_get(vm->consoles, a[1] & 1), a[2] * 16u,
			       a[3] * 16u, 0, 0);
		break;
	case 7: /* the guest changes its memory */
		vm->mem->regions[0].host[(a[1] << 8 | a[2])] = a[3];
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio *v;
	uint32_t features;
	unsigned actions, which;

	if (!vm)
		prepare();
	if (size < 6)
		return 0;
	which = data[0] % (device_count + 1);
	memcpy(&features, data + 1, 4);
	actions = data[5];
	data += 6;
	size -= 6;
	if (actions * 4ul > size)
		return 0;
	pci_bus_reset(vm->pci);
	pci_bus_assign(vm->pci);
	fake_vm_fill(vm, data + actions * 4ul, size - actions * 4ul);
	if (which == device_count) {
		make_noise(data, actions);
		return 0;
	}
	v = devices[which];
	/* only what is offered, else nothing would start */
	fake_vm_drive(v, features & (v->ops->features(v) | VIRTIO_F_INDIRECT |
				     VIRTIO_F_EVENT_IDX));
	for (unsigned i = 0; i < v->queue_count; i++)
		fake_vm_ring(v, i);
	for (unsigned i = 0; i < actions; i++)
		act(v, data + 4ul * i);
	for (unsigned i = 0; i < v->queue_count; i++)
		fake_vm_ring(v, i);
	console_set_serve(vm->consoles);
	v->device.ops->reset(&v->device);
	return 0;
}
