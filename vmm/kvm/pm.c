/* pm.c - ACPI power management: PM1 event and control, PM timer, GPE0, the
 * panic port, and the ports that reset a PC.
 *
 * The timer is read millions of times by firmware: it has a range of its own
 * without a lock. Sources: ACPI 6.4, 4.8 "ACPI Register Model"; ICH9 data
 * sheet for 0xcf9 and port 0x92. */
#include <string.h>
#include <time.h>

#include "vmm/kvm/chips.h"
#include "vmm/kvm/irq.h"
#include "vmm/kvm/vm.h"

#define PWRBTN (1u << 8)
#define SCI_EN 1u
#define SLP_EN (1u << 13)
/* SLP_TYP values: what the DSDT's _S5 package says */
#define SLP_S5 0u

struct chip_pm {
	struct device device;
	pthread_mutex_t lock;
	unsigned user;
	uint16_t status, enable, control;
	uint8_t gpe_status[PM_GPE0_SIZE / 2], gpe_enable[PM_GPE0_SIZE / 2];
	uint8_t reset_control, port92;
};

static void update(struct chip_pm *pm)
{
	bool high = pm->status & pm->enable & (PWRBTN | 1 << 10);

	for (unsigned i = 0; i < sizeof pm->gpe_status; i++)
		high = high || pm->gpe_status[i] & pm->gpe_enable[i];
	irq_line(pm->device.vm->irqs, PM_SCI, pm->user,
		 high && pm->control & SCI_EN);
}

static uint64_t pm1_read(void *device, uint64_t offset, unsigned size)
{
	struct chip_pm *pm = device;
	uint8_t bytes[8] = {0};
	uint64_t value = 0;

	memcpy(bytes, &pm->status, 2);
	memcpy(bytes + 2, &pm->enable, 2);
	memcpy(bytes + 4, &pm->control, 2);
	memcpy(&value, bytes + offset, size);
	return value;
}

static void pm1_write(void *device, uint64_t offset, unsigned size,
		      uint64_t value)
{
	struct chip_pm *pm = device;

	for (unsigned i = 0; i < size; i++, offset++, value >>= 8) {
		unsigned shift = offset & 1 ? 8 : 0;
		uint16_t byte = (uint16_t)((value & 0xff) << shift);
		uint16_t mask = (uint16_t)(0xff << shift);

		switch (offset & ~1ull) {
		case 0: /* write one to clear */
			pm->status = (uint16_t)(pm->status & ~byte);
			break;
		case 2:
			pm->enable = (uint16_t)((pm->enable & ~mask) | byte);
			break;
		case 4:
			pm->control = (uint16_t)((pm->control & ~mask) |
						 (byte & ~SLP_EN));
			if (byte & SLP_EN && (pm->control >> 10 & 7) == SLP_S5)
				vm_ask(pm->device.vm, VM_WISH_POWEROFF);
			break;
		}
	}
	update(pm);
}

static const struct bus_ops pm1_bus = {pm1_read, pm1_write};

static uint64_t timer_read(void *device, uint64_t offset, unsigned size)
{
	struct timespec now;
	uint64_t ticks;

	clock_gettime(CLOCK_MONOTONIC, &now);
	/* 3.579545 MHz */
	ticks = (uint64_t)now.tv_sec * 3579545 +
		(uint64_t)now.tv_nsec * 3579545 / 1000000000;
	return (ticks & 0xffffff) >> (offset * 8);
}

static const struct bus_ops timer_bus = {timer_read, NULL};

static uint64_t gpe_read(void *device, uint64_t offset, unsigned size)
{
	struct chip_pm *pm = device;
	uint8_t bytes[PM_GPE0_SIZE];
	uint64_t value = 0;

	memcpy(bytes, pm->gpe_status, PM_GPE0_SIZE / 2);
	memcpy(bytes + PM_GPE0_SIZE / 2, pm->gpe_enable, PM_GPE0_SIZE / 2);
	memcpy(&value, bytes + offset, size);
	return value;
}

static void gpe_write(void *device, uint64_t offset, unsigned size,
		      uint64_t value)
{
	struct chip_pm *pm = device;

	for (unsigned i = 0; i < size; i++, offset++, value >>= 8) {
		if (offset < PM_GPE0_SIZE / 2)
			pm->gpe_status[offset] &= (uint8_t)~value;
		else
			pm->gpe_enable[offset - PM_GPE0_SIZE / 2] =
			    (uint8_t)value;
	}
	update(pm);
}

static const struct bus_ops gpe_bus = {gpe_read, gpe_write};

static uint64_t panic_read(void *device, uint64_t offset, unsigned size)
{
	return 1; /* bit 0: panics are understood */
}

static void panic_write(void *device, uint64_t offset, unsigned size,
			uint64_t value)
{
	struct chip_pm *pm = device;

	if (value & 1)
		vm_ask(pm->device.vm, VM_WISH_PANIC);
}

static const struct bus_ops panic_bus = {panic_read, panic_write};

static uint64_t port92_read(void *device, uint64_t offset, unsigned size)
{
	return ((struct chip_pm *)device)->port92;
}

static void port92_write(void *device, uint64_t offset, unsigned size,
			 uint64_t value)
{
	struct chip_pm *pm = device;

	pm->port92 = value & 2; /* A20 is always open; the bit is kept */
	if (value & 1)
		vm_ask(pm->device.vm, VM_WISH_RESET);
}

static const struct bus_ops port92_bus = {port92_read, port92_write};

static void pm_reset(struct device *device)
{
	struct chip_pm *pm = (struct chip_pm *)device;

	pthread_mutex_lock(&pm->lock);
	pm->status = pm->enable = 0;
	/* no SMM to switch it on: ACPI mode from the start (FADT: SMI_CMD 0) */
	pm->control = SCI_EN;
	memset(pm->gpe_status, 0, sizeof pm->gpe_status);
	memset(pm->gpe_enable, 0, sizeof pm->gpe_enable);
	pm->reset_control = 0;
	pm->port92 = 2;
	update(pm);
	pthread_mutex_unlock(&pm->lock);
}

static void pm_destroy(struct device *device)
{
	struct chip_pm *pm = (struct chip_pm *)device;

	pthread_mutex_destroy(&pm->lock);
	g_free(pm);
}

static const struct device_ops pm_ops = {
    .reset = pm_reset,
    .destroy = pm_destroy,
};

bool chip_pm_add(struct vm *vm, GError **error)
{
	struct chip_pm *pm = g_new0(struct chip_pm, 1);
	const struct bus_range ranges[] = {
	    {PM_BASE, 8, &pm1_bus, pm, &pm->lock},
	    {PM_TIMER, 4, &timer_bus, pm, NULL},
	    {PM_GPE0, PM_GPE0_SIZE, &gpe_bus, pm, &pm->lock},
	    {PVPANIC_PORT, 1, &panic_bus, pm, NULL},
	    {0x92, 1, &port92_bus, pm, &pm->lock},
	};

	pm->device.ops = &pm_ops;
	pthread_mutex_init(&pm->lock, NULL);
	pm->user = irq_line_user(vm->irqs, PM_SCI);
	vm->pm = pm;
	chip_register(vm, &pm->device);
	pm_reset(&pm->device);
	for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++)
		bus_add(&vm->pio, &ranges[i]);
	return true;
}

/* 0xcf9 lies inside the PCI configuration ports; pci.c asks here */
uint8_t chip_pm_reset_control(const struct chip_pm *pm)
{
	return pm->reset_control;
}

void chip_pm_set_reset_control(struct chip_pm *pm, uint8_t value)
{
	pm->reset_control = value & 0xe;
	if (value & 4)
		vm_ask(pm->device.vm, VM_WISH_RESET);
}

void chip_pm_gpe(struct chip_pm *pm, unsigned number)
{
	pthread_mutex_lock(&pm->lock);
	pm->gpe_status[number / 8] |= (uint8_t)(1u << number % 8);
	update(pm);
	pthread_mutex_unlock(&pm->lock);
}

void chip_pm_press(struct chip_pm *pm)
{
	pthread_mutex_lock(&pm->lock);
	pm->status |= PWRBTN;
	update(pm);
	pthread_mutex_unlock(&pm->lock);
}
