/* hotplug.c - cards that come and go while the machine runs, by ACPI.
 *
 * Three registers and one GPE. UP and DOWN have a bit for each slot whose card
 * came or is asked to go; reading one takes its bits. The DSDT's handler turns
 * them into Notify(slot, 1) and Notify(slot, 3). When the guest has let go of
 * a card it writes the slot's bit to EJECT, and only then the card is gone.
 * Only what was plugged can be ejected: bits of other slots do nothing.
 * Source: ACPI 6.4, 6.3 "Device Insertion, Removal, and Status Objects". */
#include "vmm/kvm/hotplug.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "common/fault.h"
#include "vmm/kvm/chips.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"
#include "vmm/kvm/vm.h"

struct hotplug {
	struct device device;
	atomic_uint up, down;
	atomic_uint ejected; /* by the guest, not yet taken out */
	/* main loop: slots whose card may go, and of these asked to go */
	uint32_t plugged, leaving;
	GHashTable *netdevs;
};

static uint64_t registers_read(void *device, uint64_t offset, unsigned size)
{
	struct hotplug *h = device;

	if (size == 4 && offset == 0)
		return atomic_exchange(&h->up, 0);
	if (size == 4 && offset == 4)
		return atomic_exchange(&h->down, 0);
	return 0;
}

static void registers_write(void *device, uint64_t offset, unsigned size,
			    uint64_t value)
{
	struct hotplug *h = device;

	if (size != 4 || offset != 8)
		return;
	atomic_fetch_or(&h->ejected, (uint32_t)value);
	vm_ask(h->device.vm, VM_WISH_ATTENTION);
}

static const struct bus_ops registers = {registers_read, registers_write};

/* ---- main loop ---- */

GHashTable *hotplug_netdevs(struct hotplug *h)
{
	return h->netdevs;
}

static unsigned slot_of(const struct device *device)
{
	return ((const struct virtio *)device)->pci.slot;
}

static bool is_plugged(const struct hotplug *h, const struct device *device)
{
	return device->ops == &virtio_device_ops &&
	       h->plugged & 1u << slot_of(device);
}

static struct device *find_in(struct hotplug *h, unsigned slot)
{
	for (struct device *d = h->device.vm->devices; d; d = d->next)
		if (is_plugged(h, d) && slot_of(d) == slot)
			return d;
	return NULL;
}

static void take_out(struct hotplug *h, struct device *device)
{
	struct vm *vm = h->device.vm;
	g_autofree char *id = g_steal_pointer(&device->id);
	g_autofree char *fields =
	    g_strdup_printf("{\"device\": \"%s\", \"path\": "
			    "\"/machine/peripheral/%s\"}",
			    id, id);

	h->plugged &= ~(1u << slot_of(device));
	h->leaving &= ~(1u << slot_of(device));
	for (struct device **at = &vm->devices; *at; at = &(*at)->next)
		if (*at == device) {
			*at = device->next;
			break;
		}
	device->ops->destroy(device);
	vm_event(vm, "DEVICE_DELETED", fields);
}

static void take_out_all(struct hotplug *h, uint32_t slots)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		struct device *device =
		    slots & 1u << slot ? find_in(h, slot) : NULL;

		if (device)
			take_out(h, device);
	}
}

void hotplug_serve(struct hotplug *h)
{
	struct vm *vm = h->device.vm;
	uint32_t slots = atomic_exchange(&h->ejected, 0) & h->plugged;

	if (!slots)
		return;
	vm_park_all(vm);
	take_out_all(h, slots);
	if (vm->status == VM_RUNNING)
		vm_unpark_all(vm);
}

void hotplug_before_reset(struct hotplug *h)
{
	atomic_store(&h->ejected, 0);
	take_out_all(h, h->leaving);
}

bool hotplug_add(struct hotplug *h, struct opts *opts, GError **error)
{
	struct vm *vm = h->device.vm;
	const struct device_type *type = device_type_find(opts_type(opts));
	struct device *device;

	if (!type) {
		fault_set(error, FAULT_INVALID, NULL,
			  "'%s' is not a valid device model name",
			  opts_type(opts));
		return false;
	}
	if (!type->hotplug) {
		fault_set(error, FAULT_CONFLICT,
			  "Give it with --device when the machine is started.",
			  "Device '%s' does not support hotplugging",
			  type->name);
		return false;
	}
	/* without a name it could never be asked to go */
	if (!opts_string(opts, "id")) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Parameter 'id' is missing");
		return false;
	}
	vm_park_all(vm);
	device = vm_add_device(vm, opts, error);
	if (device) {
		uint32_t bit = 1u << slot_of(device);

		h->plugged |= bit;
		if (vm->status != VM_RUNNING && device->ops->pause)
			device->ops->pause(device, true);
		atomic_fetch_or(&h->up, bit);
		chip_pm_gpe(vm->pm, HOTPLUG_GPE);
	}
	if (vm->status == VM_RUNNING)
		vm_unpark_all(vm);
	return device;
}

bool hotplug_remove(struct hotplug *h, const char *id, GError **error)
{
	struct vm *vm = h->device.vm;
	struct device *device = vm_find_device(vm, id);

	if (!device) {
		fault_set(error, FAULT_NOT_FOUND, NULL, "Device '%s' not found",
			  id);
		return false;
	}
	if (!is_plugged(h, device)) {
		fault_set(error, FAULT_CONFLICT, NULL,
			  "Device '%s' does not support hotplugging", id);
		return false;
	}
	atomic_fetch_or(&h->down, 1u << slot_of(device));
	h->leaving |= 1u << slot_of(device);
	chip_pm_gpe(vm->pm, HOTPLUG_GPE);
	return true;
}

static void hotplug_reset(struct device *device)
{
	struct hotplug *h = (struct hotplug *)device;

	atomic_store(&h->up, 0);
	atomic_store(&h->down, 0);
}

static void hotplug_destroy(struct device *device)
{
	g_hash_table_unref(((struct hotplug *)device)->netdevs);
	g_free(device);
}

static const struct device_ops hotplug_ops = {
    .reset = hotplug_reset,
    .destroy = hotplug_destroy,
};

bool chip_hotplug_add(struct vm *vm, GError **error)
{
	struct hotplug *h = g_new0(struct hotplug, 1);

	h->device.ops = &hotplug_ops;
	h->netdevs =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	chip_register(vm, &h->device);
	vm->hotplug = h;
	bus_add(&vm->pio,
		&(struct bus_range){HOTPLUG_PORT, 12, &registers, h, NULL});
	return true;
}
