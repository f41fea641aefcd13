#include "vmm/kvm/pci.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/chips.h"
#include "vmm/kvm/pci-chipset.h"
#include "vmm/kvm/vm.h"

enum {
	CFG_COMMAND = 0x04,
	CFG_STATUS = 0x06,
	CFG_REVISION = 0x08,
	CFG_HEADER = 0x0e,
	CFG_BAR0 = 0x10,
	CFG_SUBSYSTEM = 0x2c,
	CFG_CAPABILITIES = 0x34,
	CFG_LINE = 0x3c,
	CFG_PIN = 0x3d,
};
#define COMMAND_IO      1u
#define COMMAND_MEMORY  2u
#define COMMAND_MASTER  4u
#define COMMAND_NO_LINE 0x400u

struct pci_bus {
	struct vm *vm;
	pthread_mutex_t lock;
	struct pci_device *devices[PCI_SLOTS * 8];
	uint32_t address; /* port 0xcf8 */
	uint64_t ecam;    /* where ECAM is mapped, 0 = nowhere */
};

/* ---- devices ---- */

void pci_device_init(struct pci_device *d, struct vm *vm, uint16_t vendor,
		     uint16_t id, uint32_t class_interface, uint8_t revision,
		     uint16_t subsystem_vendor, uint16_t subsystem)
{
	d->vm = vm;
	pci_put16(d->config, vendor);
	pci_put16(d->config + 2, id);
	d->config[CFG_REVISION] = revision;
	d->config[9] = (uint8_t)class_interface;
	d->config[10] = (uint8_t)(class_interface >> 8);
	d->config[11] = (uint8_t)(class_interface >> 16);
	pci_put16(d->config + CFG_SUBSYSTEM, subsystem_vendor);
	pci_put16(d->config + CFG_SUBSYSTEM + 2, subsystem);
	pci_put16(d->writable + CFG_COMMAND, COMMAND_IO | COMMAND_MEMORY |
						 COMMAND_MASTER |
						 COMMAND_NO_LINE);
	d->writable[0x0c] = 0xff; /* cache line size */
	d->writable[CFG_LINE] = 0xff;
	d->capability_end = 0x40;
}

bool pci_device_add(struct pci_device *d, unsigned slot, GError **error)
{
	struct pci_bus *bus = d->vm->pci;

	pthread_mutex_lock(&bus->lock);
	if (slot == 0 && d->function == 0 && bus->devices[0]) {
		/* 0 is the host bridge, 31 the LPC bridge */
		for (slot = 1; slot < 31 && bus->devices[slot * 8]; slot++)
			;
	}
	if (slot >= PCI_SLOTS || bus->devices[slot * 8 + d->function]) {
		pthread_mutex_unlock(&bus->lock);
		fault_set(error, FAULT_CONFLICT, "Give it fewer devices.",
			  "The machine has no free PCI slot");
		return false;
	}
	d->slot = slot;
	bus->devices[slot * 8 + d->function] = d;
	if (d->config[CFG_PIN]) {
		d->config[CFG_LINE] = (uint8_t)PCI_INTX_GSI(slot);
		d->line_user = irq_line_user(d->vm->irqs, PCI_INTX_GSI(slot));
	}
	pthread_mutex_unlock(&bus->lock);
	return true;
}

static void unmap(struct pci_device *d, struct pci_bar *bar)
{
	if (!bar->mapped)
		return;
	bus_remove(&d->vm->mmio, bar->mapped, bar->device);
	bar->mapped = 0;
	if (bar->moved)
		bar->moved(bar->device, 0);
}

static void remap(struct pci_device *d)
{
	bool on = pci_get16(d->config + CFG_COMMAND) & COMMAND_MEMORY;

	for (unsigned i = 0; i < 6; i++) {
		struct pci_bar *bar = &d->bars[i];
		const uint8_t *at = d->config + CFG_BAR0 + 4 * i;
		uint64_t base;

		if (!bar->size)
			continue;
		base = pci_get32(at) & ~15u;
		if (bar->wide)
			base |= (uint64_t)pci_get32(at + 4) << 32;
		/* a BAR being sized, or never set, or that would wrap */
		if (!on || base == 0 || base + bar->size < base ||
		    (uint32_t)base == (uint32_t)-bar->size)
			base = 0;
		if (base == bar->mapped)
			continue;
		unmap(d, bar);
		if (base == 0 ||
		    !bus_add(&d->vm->mmio,
			     &(struct bus_range){base, bar->size, bar->ops,
						 bar->device, bar->lock}))
			continue;
		bar->mapped = base;
		if (bar->moved)
			bar->moved(bar->device, base);
	}
}

void pci_device_remove(struct pci_device *d)
{
	struct pci_bus *bus = d->vm->pci;
	unsigned index = d->slot * 8 + d->function;

	pthread_mutex_lock(&bus->lock);
	for (unsigned i = 0; i < 6; i++)
		unmap(d, &d->bars[i]);
	if (bus->devices[index] == d)
		bus->devices[index] = NULL;
	pthread_mutex_unlock(&bus->lock);
	for (unsigned i = 0; i < d->msix_count; i++)
		irq_message_close(d->vm->irqs, &d->msix[i].message);
	d->msix_count = 0;
}

uint8_t pci_add_capability(struct pci_device *d, uint8_t id, unsigned bytes)
{
	uint8_t at = d->capability_end;

	d->config[at] = id;
	d->config[at + 1] = d->config[CFG_CAPABILITIES];
	d->config[CFG_CAPABILITIES] = at;
	d->config[CFG_STATUS] |= 0x10;
	d->capability_end = (uint8_t)(at + ((bytes + 3) & ~3u));
	return at;
}

void pci_add_bar(struct pci_device *d, unsigned index,
		 const struct pci_bar *bar)
{
	unsigned at = CFG_BAR0 + 4 * index;

	d->bars[index] = *bar;
	d->config[at] = bar->wide ? 4 : 0;
	pci_put32(d->writable + at, (uint32_t) ~(bar->size - 1));
	if (bar->wide)
		pci_put32(d->writable + at + 4,
			  (uint32_t)(~(bar->size - 1) >> 32));
}

void pci_line(struct pci_device *d, bool high)
{
	if (pci_get16(d->config + CFG_COMMAND) & COMMAND_NO_LINE)
		high = false;
	if (d->line_high == high)
		return;
	d->line_high = high;
	irq_line(d->vm->irqs, PCI_INTX_GSI(d->slot), d->line_user, high);
}

/* ---- MSI-X: PCI 3.0, 6.8.2 ---- */

bool pci_add_msix(struct pci_device *d, unsigned vectors, unsigned bar,
		  uint32_t table, uint32_t pba)
{
	uint8_t at;

	for (unsigned i = 0; i < vectors; i++) {
		if (!irq_message_open(d->vm->irqs, &d->msix[i].message)) {
			while (i--)
				irq_message_close(d->vm->irqs,
						  &d->msix[i].message);
			return false;
		}
		d->msix[i].control = 1; /* masked */
	}
	at = pci_add_capability(d, 0x11, 12);
	pci_put16(d->config + at + 2, (uint16_t)(vectors - 1));
	pci_put16(d->writable + at + 2, 0xc000);
	pci_put32(d->config + at + 4, table | bar);
	pci_put32(d->config + at + 8, pba | bar);
	d->msix_cap = at;
	d->msix_count = vectors;
	return true;
}

bool pci_msix_enabled(const struct pci_device *d)
{
	return d->msix_cap && d->config[d->msix_cap + 3] & 0x80;
}

static bool masked(const struct pci_device *d, unsigned vector)
{
	return d->config[d->msix_cap + 3] & 0x40 || d->msix[vector].control & 1;
}

static void fire(struct pci_device *d, unsigned vector)
{
	uint64_t one = 1;

	d->msix[vector].pending = false;
	irq_message_route(d->vm->irqs, &d->msix[vector].message,
			  d->msix[vector].address_low |
			      (uint64_t)d->msix[vector].address_high << 32,
			  d->msix[vector].data);
	if (write(d->msix[vector].message.fd, &one, sizeof one) < 0)
		return; /* counter full: it is pending already */
}

void pci_msix_fire(struct pci_device *d, unsigned vector)
{
	if (vector >= d->msix_count || !pci_msix_enabled(d))
		return;
	if (masked(d, vector))
		d->msix[vector].pending = true;
	else
		fire(d, vector);
}

void pci_msix_written(struct pci_device *d)
{
	if (!pci_msix_enabled(d))
		return;
	for (unsigned i = 0; i < d->msix_count; i++) {
		if (masked(d, i))
			continue;
		irq_message_route(d->vm->irqs, &d->msix[i].message,
				  d->msix[i].address_low |
				      (uint64_t)d->msix[i].address_high << 32,
				  d->msix[i].data);
		if (d->msix[i].pending)
			fire(d, i);
	}
}

static uint32_t *entry_word(struct pci_device *d, uint64_t offset)
{
	unsigned vector = (unsigned)(offset / 16);

	if (vector >= d->msix_count)
		return NULL;
	switch (offset & 12) {
	case 0:
		return &d->msix[vector].address_low;
	case 4:
		return &d->msix[vector].address_high;
	case 8:
		return &d->msix[vector].data;
	default:
		return &d->msix[vector].control;
	}
}

uint64_t pci_msix_table_read(struct pci_device *d, uint64_t offset,
			     unsigned size)
{
	uint64_t value = 0;
	const uint32_t *low = entry_word(d, offset), *high;

	/* the specification has only aligned 32 and 64-bit accesses */
	if (size < 4 || offset % size || !low)
		return 0;
	value = *low;
	high = size == 8 ? entry_word(d, offset + 4) : NULL;
	if (high)
		value |= (uint64_t)*high << 32;
	return value;
}

void pci_msix_table_write(struct pci_device *d, uint64_t offset, unsigned size,
			  uint64_t value)
{
	uint32_t *word = entry_word(d, offset);

	if (size < 4 || offset % size || !word)
		return;
	*word = (uint32_t)value;
	if (size == 8)
		*entry_word(d, offset + 4) = (uint32_t)(value >> 32);
	d->msix[offset / 16].control &= 1;
	pci_msix_written(d);
}

uint64_t pci_msix_pba_read(struct pci_device *d, uint64_t offset, unsigned size)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < d->msix_count && i < 64; i++)
		bits |= (uint64_t)d->msix[i].pending << i;
	return offset < 8 ? bits >> (offset * 8) : 0;
}

void pci_msix_reset(struct pci_device *d)
{
	for (unsigned i = 0; i < d->msix_count; i++) {
		d->msix[i].address_low = d->msix[i].address_high = 0;
		d->msix[i].data = 0;
		d->msix[i].control = 1;
		d->msix[i].pending = false;
	}
}

/* ---- configuration space ---- */

static struct pci_device *find(struct pci_bus *bus, unsigned devfn)
{
	return bus->devices[devfn];
}

static uint32_t config_read(struct pci_device *d, unsigned at, unsigned size)
{
	uint32_t value = 0;

	if (at + size > sizeof d->config)
		return 0; /* no extended capabilities */
	memcpy(&value, d->config + at, size);
	return value;
}

static void config_write(struct pci_device *d, unsigned at, unsigned size,
			 uint32_t value)
{
	if (at + size > sizeof d->config)
		return;
	for (unsigned i = 0; i < size; i++, value >>= 8) {
		uint8_t mask = d->writable[at + i];

		d->config[at + i] = (uint8_t)((d->config[at + i] & ~mask) |
					      ((uint8_t)value & mask));
	}
	if (at < 0x28 && at + size > CFG_COMMAND)
		remap(d);
	if (d->written)
		d->written(d, at, size);
}

static uint64_t address_read(void *device, uint64_t offset, unsigned size)
{
	struct pci_bus *bus = device;

	if (offset == 1 && size == 1)
		return chip_pm_reset_control(bus->vm->pm);
	return offset == 0 && size == 4 ? bus->address : ~0ull;
}

static void address_write(void *device, uint64_t offset, unsigned size,
			  uint64_t value)
{
	struct pci_bus *bus = device;

	if (offset == 1 && size == 1)
		chip_pm_set_reset_control(bus->vm->pm, (uint8_t)value);
	else if (offset == 0 && size == 4)
		bus->address = (uint32_t)value;
}

static struct pci_device *addressed(struct pci_bus *bus)
{
	if (!(bus->address >> 31) || bus->address >> 16 & 0xff)
		return NULL;
	return find(bus, bus->address >> 8 & 0xff);
}

static uint64_t data_read(void *device, uint64_t offset, unsigned size)
{
	struct pci_bus *bus = device;
	struct pci_device *d = addressed(bus);

	return d ? config_read(d, (bus->address & 0xfc) + (unsigned)offset,
			       size)
		 : ~0ull;
}

static void data_write(void *device, uint64_t offset, unsigned size,
		       uint64_t value)
{
	struct pci_bus *bus = device;
	struct pci_device *d = addressed(bus);

	if (d)
		config_write(d, (bus->address & 0xfc) + (unsigned)offset, size,
			     (uint32_t)value);
}

static uint64_t ecam_read(void *device, uint64_t offset, unsigned size)
{
	struct pci_bus *bus = device;
	struct pci_device *d = offset >> 20 ? NULL : find(bus, offset >> 12);

	if (!d)
		return ~0ull;
	if (size == 8)
		return config_read(d, offset & 0xfff, 4) |
		       (uint64_t)config_read(d, (offset & 0xfff) + 4, 4) << 32;
	return config_read(d, offset & 0xfff, size);
}

static void ecam_write(void *device, uint64_t offset, unsigned size,
		       uint64_t value)
{
	struct pci_bus *bus = device;
	struct pci_device *d = offset >> 20 ? NULL : find(bus, offset >> 12);

	if (!d)
		return;
	config_write(d, offset & 0xfff, MIN(size, 4u), (uint32_t)value);
	if (size == 8)
		config_write(d, (offset & 0xfff) + 4, 4,
			     (uint32_t)(value >> 32));
}

static const struct bus_ops address_bus = {address_read, address_write};
static const struct bus_ops data_bus = {data_read, data_write};
static const struct bus_ops ecam_bus = {ecam_read, ecam_write};

/* ---- the bus ---- */

struct pci_bus *pci_bus_new(struct vm *vm)
{
	struct pci_bus *bus = g_new0(struct pci_bus, 1);
	pthread_mutexattr_t recursive;

	bus->vm = vm;
	vm->pci = bus;
	pthread_mutexattr_init(&recursive);
	/* the host bridge moves ECAM from inside an ECAM write */
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&bus->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	bus_add(&vm->pio,
		&(struct bus_range){0xcf8, 4, &address_bus, bus, &bus->lock});
	bus_add(&vm->pio,
		&(struct bus_range){0xcfc, 4, &data_bus, bus, &bus->lock});
	pci_chipset_add(vm);
	return bus;
}

void pci_bus_free(struct pci_bus *bus)
{
	if (!bus)
		return;
	pci_chipset_free(bus->vm);
	pthread_mutex_destroy(&bus->lock);
	g_free(bus);
}

void pci_bus_set_ecam(struct pci_bus *bus, uint64_t base)
{
	if (bus->ecam == base)
		return;
	if (bus->ecam)
		bus_remove(&bus->vm->mmio, bus->ecam, bus);
	bus->ecam = 0;
	if (base && bus_add(&bus->vm->mmio,
			    &(struct bus_range){base, PCI_ECAM_BYTES, &ecam_bus,
						bus, &bus->lock}))
		bus->ecam = base;
}

uint64_t pci_bus_ecam(const struct pci_bus *bus)
{
	return bus->ecam;
}

void pci_bus_reset(struct pci_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	bus->address = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(bus->devices); i++) {
		struct pci_device *d = bus->devices[i];

		if (!d)
			continue;
		for (unsigned b = 0; b < 6; b++)
			unmap(d, &d->bars[b]);
		/* the line register is firmware's, and stays assigned */
		for (unsigned at = 0; at < sizeof d->config; at++)
			if (at != CFG_LINE)
				d->config[at] &= (uint8_t)~d->writable[at];
		pci_line(d, false);
		pci_msix_reset(d);
	}
	pci_chipset_reset(bus->vm);
	pthread_mutex_unlock(&bus->lock);
}

void pci_bus_assign(struct pci_bus *bus)
{
	uint64_t next = PCI_MMIO_BASE;

	pthread_mutex_lock(&bus->lock);
	pci_chipset_enable_ecam(bus->vm);
	for (unsigned i = 0; i < G_N_ELEMENTS(bus->devices); i++) {
		struct pci_device *d = bus->devices[i];

		if (!d)
			continue;
		for (unsigned b = 0; b < 6; b++) {
			uint64_t size = d->bars[b].size;
			uint8_t *at = d->config + CFG_BAR0 + 4 * b;

			if (!size)
				continue;
			next = (next + size - 1) & ~(size - 1);
			pci_put32(at, (uint32_t)next | (at[0] & 15));
			next += size;
		}
		if (i && d->bars[0].size + d->bars[2].size + d->bars[4].size)
			d->config[CFG_COMMAND] |=
			    COMMAND_MEMORY | COMMAND_MASTER;
		remap(d);
	}
	pthread_mutex_unlock(&bus->lock);
}
