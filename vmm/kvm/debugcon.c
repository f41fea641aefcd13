/* debugcon.c - the debug port of firmware and test guests: a byte written to
 * port 0x402 goes to a character device, and reading it answers 0xe9, which
 * tells the firmware that somebody listens. */
#include "vmm/kvm/chardev.h"
#include "vmm/kvm/chips.h"
#include "vmm/kvm/vm.h"

struct debugcon {
	struct device device;
	struct chardev *chardev;
};

static uint64_t debugcon_read(void *device, uint64_t offset, unsigned size)
{
	return 0xe9;
}

static void debugcon_write(void *device, uint64_t offset, unsigned size,
			   uint64_t value)
{
	struct debugcon *self = device;
	uint8_t byte = (uint8_t)value;

	chardev_put(self->chardev, &byte, 1);
}

static const struct bus_ops debugcon_bus = {debugcon_read, debugcon_write};

static void debugcon_destroy(struct device *device)
{
	struct debugcon *self = (struct debugcon *)device;

	chardev_free(self->chardev);
	g_free(self);
}

static const struct device_ops debugcon_ops = {.destroy = debugcon_destroy};

bool chip_debugcon_add(struct vm *vm, const char *chardev, GError **error)
{
	struct debugcon *self;

	if (!chardev)
		return true;
	self = g_new0(struct debugcon, 1);
	self->device.ops = &debugcon_ops;
	self->chardev = chardev_new(vm, chardev, error);
	if (!self->chardev) {
		g_free(self);
		return false;
	}
	bus_add(&vm->pio, &(struct bus_range){.base = 0x402,
					      .length = 1,
					      .ops = &debugcon_bus,
					      .device = self});
	chip_register(vm, &self->device);
	return true;
}
