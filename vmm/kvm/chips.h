/* chips.h - the small parts every PC has, one file each. They are devices
 * without a name; chips_add() puts them all in.
 * Threads: register handlers on vCPU threads under the chip's own lock. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct vm;
struct device;
struct chip_pm;
struct chip_i8042;

bool chips_add(struct vm *vm, GError **error);

bool chip_serial_add(struct vm *vm, unsigned port, unsigned irq,
		     const char *chardev, GError **error);
bool chip_debugcon_add(struct vm *vm, const char *chardev, GError **error);
bool chip_rtc_add(struct vm *vm, GError **error);

/* ---- power management: ACPI registers, where the DSDT says ---- */
#define PM_BASE      0x600u
#define PM_TIMER     0x608u
#define PM_GPE0      0x620u
#define PM_GPE0_SIZE 16u
#define PM_SCI       9u
#define PVPANIC_PORT 0x505u
bool chip_pm_add(struct vm *vm, GError **error);
void chip_pm_press(struct chip_pm *pm);
/* Raises general purpose event `number`. */
void chip_pm_gpe(struct chip_pm *pm, unsigned number);
/* port 0xcf9 */
uint8_t chip_pm_reset_control(const struct chip_pm *pm);
void chip_pm_set_reset_control(struct chip_pm *pm, uint8_t value);

/* ---- cards that come and go: see hotplug.h ---- */
bool chip_hotplug_add(struct vm *vm, GError **error);

/* ---- keyboard controller: used while no virtio keyboard is driven ---- */
bool chip_i8042_add(struct vm *vm, GError **error);
/* one byte of scan code set 1 (as after translation); main loop */
void chip_i8042_key(struct chip_i8042 *kbc, unsigned qnum, bool down);
void chip_i8042_mouse(struct chip_i8042 *kbc, int dx, int dy, int wheel,
		      unsigned buttons);

/* For the files above: fills the device part and registers it. */
void chip_register(struct vm *vm, struct device *device);
