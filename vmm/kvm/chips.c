#include "vmm/kvm/chips.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "common/fault.h"
#include "vmm/kvm/vm.h"

/* The kernel's chips as they were when the machine was new. */
static const uint32_t irqchips[] = {KVM_IRQCHIP_PIC_MASTER,
				    KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC};
struct kernel_chips {
	struct device device;
	struct kvm_irqchip irqchip[G_N_ELEMENTS(irqchips)];
	struct kvm_pit_state2 pit;
};

static void kernel_chips_reset(struct device *device)
{
	struct kernel_chips *chips = (struct kernel_chips *)device;

	for (unsigned i = 0; i < G_N_ELEMENTS(irqchips); i++)
		ioctl(device->vm->fd, KVM_SET_IRQCHIP, &chips->irqchip[i]);
	ioctl(device->vm->fd, KVM_SET_PIT2, &chips->pit);
}

static void kernel_chips_destroy(struct device *device)
{
	g_free(device);
}

static const struct device_ops kernel_chips_ops = {
    .reset = kernel_chips_reset,
    .destroy = kernel_chips_destroy,
};

static bool kernel_chips_add(struct vm *vm, GError **error)
{
	struct kernel_chips *chips = g_new0(struct kernel_chips, 1);
	bool good = true;

	chips->device.ops = &kernel_chips_ops;
	for (unsigned i = 0; i < G_N_ELEMENTS(irqchips); i++) {
		chips->irqchip[i].chip_id = irqchips[i];
		good = good &&
		       ioctl(vm->fd, KVM_GET_IRQCHIP, &chips->irqchip[i]) == 0;
	}
	good = good && ioctl(vm->fd, KVM_GET_PIT2, &chips->pit) == 0;
	if (!good) {
		fault_set(error, FAULT_UNAVAILABLE, "Use the engine qemu.",
			  "/dev/kvm does not tell its chips' state: %s",
			  g_strerror(errno));
		g_free(chips);
		return false;
	}
	chip_register(vm, &chips->device);
	return true;
}

void chip_register(struct vm *vm, struct device *device)
{
	device->vm = vm;
	device->next = vm->devices;
	vm->devices = device;
}

bool chips_add(struct vm *vm, GError **error)
{
	return kernel_chips_add(vm, error) && chip_pm_add(vm, error) &&
	       chip_hotplug_add(vm, error) && chip_rtc_add(vm, error) &&
	       chip_i8042_add(vm, error) &&
	       chip_serial_add(vm, 0x3f8, 4, vm->config.serial, error) &&
	       chip_debugcon_add(vm, vm->config.debugcon, error);
}
