/* virtio.h - what a virtio device is to the rest: its numbers, its queues and
 * its config space; the transport (virtio-pci.c) does everything else.
 *
 * Virtio 1.2. Locking: each device has one mutex; every op below is called
 * with it held. Queues are served on an I/O loop, config space on a vCPU
 * thread. A broken ring, or a request that cannot be answered in its own
 * protocol, is virtio_fail(): DEVICE_NEEDS_RESET, and nothing more happens
 * until the driver resets the device. */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/kvm/ioloop.h"
#include "vmm/kvm/pci.h"
#include "vmm/kvm/virtqueue.h"
#include "vmm/kvm/vm.h"

#define VIRTIO_QUEUES_MAX 34u /* console: 2 + 2 per port, 16 ports */
#define VIRTIO_CONFIG_MAX 512u

#define VIRTIO_F_INDIRECT  (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_MODERN    (1ull << 32)

struct virtio;

struct virtio_ops {
	uint16_t id;        /* virtio device id */
	uint32_t pci_class; /* class << 16 | subclass << 8 | interface */
	/* What the device offers besides the ring features. */
	uint64_t (*features)(struct virtio *v);
	/* The driver has agreed on v->features and all queues are set up. */
	void (*start)(struct virtio *v);
	/* Forget all requests; queues and features are gone afterwards. */
	void (*reset)(struct virtio *v);
	/* The driver rang. */
	void (*notify)(struct virtio *v, unsigned queue);
	/* After it was written into v->config. Optional. */
	void (*config_written)(struct virtio *v, unsigned at, unsigned size);
	/* Before v->config is read. Optional. */
	void (*config_read)(struct virtio *v);
	void (*pause)(struct virtio *v, bool pause); /* optional */
	bool (*set_link)(struct virtio *v, bool up); /* optional */
	/* Frees what the device added; virtio_finish() is called after. */
	void (*destroy)(struct virtio *v);
};

struct virtio_doorbell {
	struct virtio *v;
	unsigned queue;
	int fd;
	struct iosource source;
	bool bound; /* to the address in `at` */
	uint64_t at;
};

/* Embedded first in every virtio device. */
struct virtio {
	struct device device;
	struct pci_device pci;
	const struct virtio_ops *ops;
	pthread_mutex_t lock;
	struct ioloop *loop;
	unsigned queue_count;
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	struct virtio_doorbell doorbells[VIRTIO_QUEUES_MAX];
	uint16_t queue_vector[VIRTIO_QUEUES_MAX];
	uint16_t queue_size_max;
	uint8_t config[VIRTIO_CONFIG_MAX];
	unsigned config_bytes;
	uint64_t config_mask[VIRTIO_CONFIG_MAX / 64]; /* writable bytes */

	uint64_t features; /* agreed, once FEATURES_OK */
	uint8_t status, isr, generation;
	uint16_t config_vector;
	uint32_t feature_select, driver_feature_select;
	uint64_t driver_features;
	uint16_t queue_select;
	bool running; /* DRIVER_OK and not failed */
	bool paused;

	atomic_ullong failures, notifications, interrupts;
};

/* Sets up transport and queues; the caller has filled nothing. false and a
 * fault: then virtio_finish() is still due. */
bool virtio_init(struct virtio *v, struct vm *vm, const struct virtio_ops *ops,
		 struct ioloop *loop, unsigned queues, unsigned queue_size,
		 unsigned config_bytes, GError **error);
void virtio_finish(struct virtio *v);
/* Bytes of the config space the driver may write. */
void virtio_config_writable(struct virtio *v, unsigned at, unsigned bytes);

/* Interrupt for queue, unless the driver does not want one now. */
void virtio_interrupt(struct virtio *v, unsigned queue);
/* The same when somebody else, vhost, has judged that the driver wants it. */
void virtio_interrupt_always(struct virtio *v, unsigned queue);
/* The config space changed. */
void virtio_config_changed(struct virtio *v);
/* The ring or a request broke the rules. */
void virtio_fail(struct virtio *v, const char *why);

extern const struct device_ops virtio_device_ops;
