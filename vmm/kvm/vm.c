/* vm.c - building a machine and its life cycle.
 *
 * Parking: the main loop clears vm->go, kicks every vCPU and waits until all
 * have counted themselves parked. A vCPU that asked for something clears
 * vm->go itself, so no vCPU outruns a reset or a power off for long. */
#include "vmm/kvm/vm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/kvm/audio.h"
#include "vmm/kvm/boot.h"
#include "vmm/kvm/chips.h"
#include "vmm/kvm/console.h"
#include "vmm/kvm/hotplug.h"
#include "vmm/kvm/input.h"
#include "vmm/kvm/ioloop.h"
#include "vmm/kvm/irq.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/pci.h"
#include "vmm/kvm/vcpu.h"

const char *vm_status_name(enum vm_status status)
{
	static const char *const names[] = {
	    [VM_PRELAUNCH] = "prelaunch",
	    [VM_RUNNING] = "running",
	    [VM_PAUSED] = "paused",
	    [VM_IO_ERROR] = "io-error",
	    [VM_INTERNAL_ERROR] = "internal-error",
	    [VM_GUEST_PANICKED] = "guest-panicked",
	    [VM_SHUTDOWN] = "shutdown",
	};

	return names[status];
}

static bool add_slots(struct vm *vm, GError **error)
{
	for (unsigned i = 0; i < vm->mem->count; i++) {
		const struct guest_region *r = &vm->mem->regions[i];
		struct kvm_userspace_memory_region slot = {
		    .slot = i,
		    .guest_phys_addr = r->base,
		    .memory_size = r->size,
		    .userspace_addr = (uintptr_t)r->host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0) {
			fault_set(
			    error, FAULT_STORAGE,
			    "Give the machine less memory.",
			    "/dev/kvm refused memory at %#" G_GINT64_MODIFIER
			    "x: %s",
			    r->base, g_strerror(errno));
			return false;
		}
	}
	return true;
}

static bool add_cpus(struct vm *vm, GError **error)
{
	g_autofree struct kvm_cpuid2 *supported =
	    kvm_supported_cpuid(vm->kvm, error);

	if (!supported)
		return false;
	for (unsigned i = 0; i < vm->config.cpus; i++) {
		vm->vcpus[i] = vcpu_new(vm, i, supported, error);
		if (!vm->vcpus[i])
			return false;
		vm->vcpu_count++;
	}
	return true;
}

struct vm *vm_new(const struct vm_config *config, GError **error)
{
	struct vm *vm = g_new0(struct vm, 1);

	vm->config = *config;
	vm->kvm = vm->fd = -1;
	pthread_mutex_init(&vm->park_lock, NULL);
	pthread_cond_init(&vm->park_cond, NULL);
	bus_init(&vm->pio);
	bus_init(&vm->mmio);
	vm->wish_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vm->mem = guest_mem_new((uint64_t)config->memory_mib << 20, error);
	if (!vm->mem)
		goto failed;
	vm->kvm = kvm_open(error);
	if (vm->kvm < 0)
		goto failed;
	vm->fd = kvm_create_vm(vm->kvm, error);
	if (vm->fd < 0 || !add_slots(vm, error))
		goto failed;
	vm->irqs = irqs_new(vm, error);
	if (!vm->irqs || !add_cpus(vm, error))
		goto failed;
	vm->io = ioloop_new("io");
	vm->gpu_io = ioloop_new("gpu");
	if (!vm->io || !vm->gpu_io) {
		fault_set(error, FAULT_BUSY, NULL, "No thread for devices: %s",
			  g_strerror(errno));
		goto failed;
	}
	vm->consoles = console_set_new(vm);
	vm->input = input_set_new(vm);
	vm->pci = pci_bus_new(vm);
	if (!chips_add(vm, error))
		goto failed;
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		if (!vcpu_start(vm->vcpus[i], error))
			goto failed;
	return vm;
failed:
	vm_free(vm);
	return NULL;
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	pthread_mutex_lock(&vm->park_lock);
	vm->quit = true;
	atomic_store(&vm->go, false);
	pthread_cond_broadcast(&vm->park_cond);
	pthread_mutex_unlock(&vm->park_lock);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_kick(vm->vcpus[i]);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_free(vm->vcpus[i]);
	/* devices detach from the loops themselves, then the loops end */
	while (vm->devices) {
		struct device *device = vm->devices;

		vm->devices = device->next;
		g_free(device->id);
		device->ops->destroy(device);
	}
	ioloop_free(vm->io);
	ioloop_free(vm->gpu_io);
	pci_bus_free(vm->pci);
	audio_free(vm->audio);
	input_set_free(vm->input);
	console_set_free(vm->consoles);
	irqs_free(vm->irqs);
	boot_image_free(vm->image);
	bus_finish(&vm->pio);
	bus_finish(&vm->mmio);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm >= 0)
		close(vm->kvm);
	guest_mem_free(vm->mem);
	close(vm->wish_fd);
	pthread_mutex_destroy(&vm->park_lock);
	pthread_cond_destroy(&vm->park_cond);
	g_free(vm);
}

struct device *vm_add_device(struct vm *vm, struct opts *opts, GError **error)
{
	const struct device_type *type = device_type_find(opts_type(opts));
	const char *id = opts_string(opts, "id");
	struct device *device;

	if (!type) {
		fault_set(error, FAULT_NOT_FOUND,
			  "oriel-vmm --help lists the devices.",
			  "There is no device '%s'", opts_type(opts));
		return NULL;
	}
	if (id && vm_find_device(vm, id)) {
		fault_set(error, FAULT_CONFLICT, NULL,
			  "Duplicate device ID '%s'", id);
		return NULL;
	}
	device = type->create(vm, opts, error);
	if (!device)
		return NULL;
	if (!opts_finish(opts, error)) {
		device->ops->destroy(device);
		return NULL;
	}
	device->type = type;
	device->vm = vm;
	device->id = g_strdup(id);
	device->next = vm->devices;
	vm->devices = device;
	return device;
}

struct device *vm_find_device(struct vm *vm, const char *id)
{
	for (struct device *d = vm->devices; d; d = d->next)
		if (d->id && g_str_equal(d->id, id))
			return d;
	return NULL;
}

/* ---- parking ---- */

void vm_park_all(struct vm *vm)
{
	pthread_mutex_lock(&vm->park_lock);
	atomic_store(&vm->go, false);
	while (vm->parked < vm->vcpu_count) {
		struct timespec until;

		for (unsigned i = 0; i < vm->vcpu_count; i++)
			vcpu_kick(vm->vcpus[i]);
		/* a kick can only be lost to a thread that is just starting;
		 * asking again is cheaper than a handshake at every start */
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 20000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&vm->park_cond, &vm->park_lock, &until);
	}
	pthread_mutex_unlock(&vm->park_lock);
}

void vm_unpark_all(struct vm *vm)
{
	pthread_mutex_lock(&vm->park_lock);
	atomic_store(&vm->go, true);
	pthread_cond_broadcast(&vm->park_cond);
	pthread_mutex_unlock(&vm->park_lock);
}

/* ---- life ---- */

void vm_event(struct vm *vm, const char *name, const char *fields)
{
	if (vm->event)
		vm->event(vm->event_data, name, fields);
}

static void pause_devices(struct vm *vm, bool pause)
{
	for (struct device *d = vm->devices; d; d = d->next)
		if (d->ops->pause)
			d->ops->pause(d, pause);
}

bool vm_boot(struct vm *vm, bool paused, GError **error)
{
	if (!vm->image)
		vm->image = boot_image_open(&vm->config, error);
	if (!vm->image || !boot_load(vm, vm->image, error))
		return false;
	if (paused) {
		vm->status = VM_PRELAUNCH;
		pause_devices(vm, true);
		return true;
	}
	vm->status = VM_RUNNING;
	vm_unpark_all(vm);
	return true;
}

bool vm_stop(struct vm *vm, enum vm_status why)
{
	bool ran = vm->status == VM_RUNNING;

	if (vm->status == VM_SHUTDOWN)
		return false;
	vm_park_all(vm);
	/* a reason is not hidden by an ordinary stop that follows it */
	if (ran || why != VM_PAUSED)
		vm->status = why;
	if (ran) {
		pause_devices(vm, true);
		vm_event(vm, "STOP", NULL);
	}
	return true;
}

bool vm_cont(struct vm *vm, GError **error)
{
	switch (vm->status) {
	case VM_RUNNING:
		return true;
	case VM_INTERNAL_ERROR:
	case VM_SHUTDOWN:
	case VM_GUEST_PANICKED:
		fault_set(error, FAULT_CONFLICT, "Reset it first.",
			  "Resetting the Virtual Machine is required");
		return false;
	default:
		break;
	}
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_tell_paused(vm->vcpus[i]);
	vm->status = VM_RUNNING;
	pause_devices(vm, false);
	vm_unpark_all(vm);
	vm_event(vm, "RESUME", NULL);
	return true;
}

static void end(struct vm *vm, const char *reason, bool guest)
{
	g_autofree char *fields =
	    g_strdup_printf("{\"guest\": %s, \"reason\": \"%s\"}",
			    guest ? "true" : "false", reason);

	vm_event(vm, "SHUTDOWN", fields);
	vm->status = VM_SHUTDOWN;
	if (!vm->config.no_shutdown && vm->ended)
		vm->ended(vm);
}

void vm_reset(struct vm *vm, bool by_guest)
{
	const struct log_about about = {.vm = vm->config.name};
	g_autoptr(GError) error = NULL;
	bool run = vm->status == VM_RUNNING || vm->status == VM_SHUTDOWN ||
		   vm->status == VM_GUEST_PANICKED ||
		   vm->status == VM_INTERNAL_ERROR;
	bool held = vm->status != VM_RUNNING;

	vm_park_all(vm);
	if (by_guest && vm->config.no_reboot) {
		end(vm, "guest-reset", true);
		return;
	}
	hotplug_before_reset(vm->hotplug);
	for (struct device *d = vm->devices; d; d = d->next)
		if (d->ops->reset)
			d->ops->reset(d);
	pci_bus_reset(vm->pci);
	irqs_reset(vm->irqs);
	for (unsigned i = 0; i < vm->vcpu_count; i++)
		vcpu_reset(vm->vcpus[i]);
	vm_event(vm, "RESET",
		 by_guest ? "{\"guest\": true, \"reason\": \"guest-reset\"}"
			  : "{\"guest\": false, \"reason\": "
			    "\"host-qmp-system-reset\"}");
	if (vm->image && !boot_load(vm, vm->image, &error)) {
		log_fault(&about, error);
		vm->status = VM_INTERNAL_ERROR;
		vm_event(vm, "STOP", NULL);
		return;
	}
	if (!run)
		return;
	vm->status = VM_RUNNING;
	if (held)
		pause_devices(vm, false);
	vm_unpark_all(vm);
}

void vm_powerdown(struct vm *vm)
{
	vm_event(vm, "POWERDOWN", NULL);
	chip_pm_press(vm->pm);
}

void vm_ask(struct vm *vm, enum vm_wish wish)
{
	/* what ends or stops the guest also keeps its CPUs off it until then */
	if (wish & ~(VM_WISH_DISPLAY | VM_WISH_ATTENTION | VM_WISH_AUDIO))
		atomic_store(&vm->go, false);
	if (!(atomic_fetch_or(&vm->wishes, wish) & wish))
		eventfd_write(vm->wish_fd, 1);
}

static void stop_on_io_error(struct vm *vm)
{
	const struct device *device = atomic_load(&vm->io_error);
	const struct log_about about = {.vm = vm->config.name,
					.device = device->id};
	bool full = atomic_load(&vm->io_errno) != ENOTCONN;
	g_autofree char *fields = g_strdup_printf(
	    "{\"device\": \"%s\", \"node-name\": \"%s\", \"operation\": "
	    "\"write\", \"action\": \"stop\", \"nospace\": %s, "
	    "\"reason\": \"%s\"}",
	    device->id ? device->id : "", device->id ? device->id : "",
	    full ? "true" : "false",
	    full ? "No space left on device" : "The disk's server has ended");

	vm_event(vm, "BLOCK_IO_ERROR", fields);
	if (full)
		log_warn(&about, "the disk's host file system is full; the "
				 "machine waits, make room and let it "
				 "continue");
	vm_stop(vm, full ? VM_IO_ERROR : VM_INTERNAL_ERROR);
}

void vm_serve_wishes(struct vm *vm)
{
	eventfd_t count;
	unsigned wishes;

	eventfd_read(vm->wish_fd, &count);
	wishes = atomic_exchange(&vm->wishes, 0);
	if (wishes & VM_WISH_DISPLAY)
		console_set_serve(vm->consoles);
	if (wishes & VM_WISH_AUDIO)
		audio_serve(vm->audio);
	if (wishes & VM_WISH_ATTENTION)
		hotplug_serve(vm->hotplug);
	if (wishes & VM_WISH_PANIC) {
		vm_event(vm, "GUEST_PANICKED",
			 vm->config.panic_ends ? "{\"action\": \"poweroff\"}"
					       : "{\"action\": \"pause\"}");
		vm_stop(vm, VM_GUEST_PANICKED);
		if (vm->config.panic_ends)
			end(vm, "guest-panic", true);
	}
	if (wishes & VM_WISH_INTERNAL_ERROR)
		vm_stop(vm, VM_INTERNAL_ERROR);
	if (wishes & VM_WISH_IO_ERROR)
		stop_on_io_error(vm);
	if (wishes & VM_WISH_POWEROFF) {
		vm_park_all(vm);
		end(vm, "guest-shutdown", true);
	} else if (wishes & VM_WISH_RESET) {
		/* it was running when it asked, whatever else happened */
		vm_reset(vm, true);
	}
}
