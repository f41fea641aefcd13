/* vm.h - one virtual machine: its parts, and its life.
 *
 * The main loop (GLib's default context) owns the machine: it builds it,
 * starts and stops it, resets it and ends it. vCPU threads run the guest and
 * answer its register accesses; the I/O loops move data. What a vCPU wants of
 * the life cycle (reset, power off, a stop on an error) it asks for with
 * vm_ask(), which neither blocks nor allocates; the main loop carries it out.
 *
 * Threads: main loop unless a comment says otherwise.
 * Errors: faults at build time; at run time nothing a guest does is an error
 * of the process. */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/kvm/bus.h"
#include "vmm/kvm/memory.h"

#define VM_CPUS_MAX  16u
#define VM_HEADS_MAX 4u

struct vcpu;
struct ioloop;
struct pci_bus;
struct opts;
struct vm;

/* ---- kinds of devices ---- */

/* A device is one file that ends in one of these; devices.c lists them. */
struct device_type {
	const char *name; /* as in --device NAME,... */
	const char *about;
	/* Main loop, machine stopped or (hotplug) running. */
	struct device *(*create)(struct vm *vm, struct opts *opts,
				 GError **error);
	bool hotplug; /* device_add may bring it */
};
extern const struct device_type *const device_types[];
const struct device_type *device_type_find(const char *name);

struct device_ops {
	/* vCPUs are parked. Back to power-on state. Optional. */
	void (*reset)(struct device *device);
	/* Stop or go on with what is done unasked. Optional. */
	void (*pause)(struct device *device, bool pause);
	/* vCPUs are parked or gone, and it is off the bus. */
	void (*destroy)(struct device *device);
	/* set_link of QMP. Optional. */
	bool (*set_link)(struct device *device, bool up);
};

/* Embedded first in every device. */
struct device {
	const struct device_ops *ops;
	const struct device_type *type;
	struct vm *vm;
	char *id; /* NULL: has no name for QMP */
	struct device *next;
};

/* ---- the machine ---- */

enum vm_status {
	VM_PRELAUNCH,
	VM_RUNNING,
	VM_PAUSED,
	VM_IO_ERROR,       /* disk full or unreadable: `cont` tries again */
	VM_INTERNAL_ERROR, /* KVM cannot go on */
	VM_GUEST_PANICKED,
	VM_SHUTDOWN,
};
const char *vm_status_name(enum vm_status status);

/* What a vCPU or device asks of the main loop. */
enum vm_wish {
	VM_WISH_RESET = 1 << 0,    /* guest reset, triple fault */
	VM_WISH_POWEROFF = 1 << 1, /* guest entered S5 */
	VM_WISH_PANIC = 1 << 2,
	VM_WISH_INTERNAL_ERROR = 1 << 3,
	VM_WISH_IO_ERROR = 1 << 4,
	VM_WISH_DISPLAY = 1 << 5,   /* look at the consoles */
	VM_WISH_ATTENTION = 1 << 6, /* look at deferred work of devices */
	VM_WISH_AUDIO = 1 << 7,     /* sound waits */
};

struct vm_config {
	const char *name, *uuid;
	unsigned cpus, memory_mib;
	const char *kernel, *initrd, *cmdline;
	const char *cache; /* folder for unpacked kernels, or NULL */
	bool no_reboot;    /* a reset ends the machine */
	bool panic_ends;   /* a panic ends the machine instead of pausing it */
	bool no_shutdown;  /* power off leaves the process, paused */
	unsigned heads;
	const char *serial; /* chardev spec or NULL */
	const char *debugcon;
};

struct chip_pm;
struct chip_i8042;
struct hotplug;
struct audio;

struct vm {
	struct vm_config config;
	int kvm, fd;
	struct guest_mem *mem;
	struct bus pio, mmio;
	struct ioloop *io;     /* disks, network, ports */
	struct ioloop *gpu_io; /* copies of pixels, apart from disks */
	struct vcpu *vcpus[VM_CPUS_MAX];
	unsigned vcpu_count;
	struct pci_bus *pci;
	struct device *devices; /* all, newest first */
	struct chip_pm *pm;
	struct chip_i8042 *i8042;
	struct hotplug *hotplug;
	struct console_set *consoles;
	struct input_set *input;
	struct audio *audio; /* NULL: no sound device */
	struct irqs *irqs;
	struct machine_image *image; /* what boots; reloaded at reset */

	/* vCPU parking: `go` is what the main loop wants */
	pthread_mutex_t park_lock;
	pthread_cond_t park_cond;
	atomic_bool go;
	bool quit;
	unsigned parked;

	atomic_uint wishes;
	int wish_fd; /* eventfd, watched by the main loop */
	enum vm_status status;
	_Atomic(struct device *) io_error; /* who asked for VM_WISH_IO_ERROR */
	atomic_int io_errno;               /* and why */
	atomic_uint error_code; /* hardware reason of an internal error */
	atomic_ullong first_exit_us;

	/* set by the QMP server; both optional */
	void (*event)(void *data, const char *name, const char *json_fields);
	void *event_data;
	void (*ended)(struct vm *vm);
};

/* Builds memory, VM, chips, vCPUs; no devices, nothing runs. */
struct vm *vm_new(const struct vm_config *config, GError **error);
/* Adds a device from "type,key=value..."; NULL and a fault. */
struct device *vm_add_device(struct vm *vm, struct opts *opts, GError **error);
struct device *vm_find_device(struct vm *vm, const char *id);
/* Loads what boots and lets the vCPUs run (or stay, when paused). */
bool vm_boot(struct vm *vm, bool paused, GError **error);
void vm_free(struct vm *vm);

bool vm_stop(struct vm *vm, enum vm_status why);
/* false and a fault when it cannot go on (internal error, shut down) */
bool vm_cont(struct vm *vm, GError **error);
void vm_reset(struct vm *vm, bool by_guest);
void vm_powerdown(struct vm *vm); /* the power button */
/* Carries out wishes; called by the main loop when wish_fd is readable. */
void vm_serve_wishes(struct vm *vm);

/* Any thread; neither blocks nor allocates. */
void vm_ask(struct vm *vm, enum vm_wish wish);
/* Sends a QMP event; fields is JSON text of an object or NULL. */
void vm_event(struct vm *vm, const char *name, const char *fields);

/* vCPUs parked and joined by the caller: used by vm.c and vcpu.c */
void vm_park_all(struct vm *vm);
void vm_unpark_all(struct vm *vm);
