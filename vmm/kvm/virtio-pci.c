/* virtio-pci.c - the modern PCI transport of every virtio device.
 *
 * BAR 0 holds everything, a page or more each: common configuration, ISR,
 * device configuration, doorbells, MSI-X table and pending bits. A doorbell
 * is an ioeventfd: a write to it never leaves the kernel on the vCPU's side,
 * it only wakes the I/O loop. Doorbells are bound while the BAR is mapped.
 *
 * What the driver configures is taken only in the order the specification
 * gives, and a queue's place and size not at all once it is enabled. Source:
 * Virtio 1.2, 4.1 "Virtio Over PCI Bus". */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/kvm/virtio.h"

enum {
	AT_COMMON = 0x0000,
	AT_ISR = 0x1000,
	AT_DEVICE = 0x2000,
	AT_NOTIFY = 0x3000,
	AT_MSIX = 0x4000,
	AT_PBA = 0x5000,
	BAR_BYTES = 0x8000,
	NOTIFY_STEP = 4,
	COMMON_BYTES = 0x38,
	NO_VECTOR = 0xffff,
};

enum {
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
	STATUS_NEEDS_RESET = 0x40,
};

static struct virtio *of(void *device)
{
	return device;
}

static uint64_t offered(struct virtio *v)
{
	return v->ops->features(v) | VIRTIO_F_MODERN | VIRTIO_F_INDIRECT |
	       VIRTIO_F_EVENT_IDX;
}

/* ---- interrupts ---- */

static void fire(struct virtio *v, uint16_t vector, uint8_t isr)
{
	atomic_fetch_add_explicit(&v->interrupts, 1, memory_order_relaxed);
	if (pci_msix_enabled(&v->pci)) {
		pci_msix_fire(&v->pci, vector);
	} else {
		v->isr |= isr;
		pci_line(&v->pci, true);
	}
}

void virtio_interrupt(struct virtio *v, unsigned queue)
{
	if (v->running && virtqueue_should_interrupt(&v->queues[queue]))
		fire(v, v->queue_vector[queue], 1);
}

void virtio_interrupt_always(struct virtio *v, unsigned queue)
{
	fire(v, v->queue_vector[queue], 1);
}

void virtio_config_changed(struct virtio *v)
{
	v->generation++;
	if (v->status & STATUS_DRIVER_OK)
		fire(v, v->config_vector, 2);
}

void virtio_fail(struct virtio *v, const char *why)
{
	static struct log_limit limit = {.burst = 5};
	const struct log_about about = {
	    .vm = v->device.vm->config.name,
	    .device = v->device.type ? v->device.type->name : "virtio"};

	if (v->status & STATUS_NEEDS_RESET)
		return;
	atomic_fetch_add(&v->failures, 1);
	if (log_allow(&limit, &about))
		log_warn(&about,
			 "the driver broke the rules (%s); the device "
			 "waits for its reset",
			 why);
	v->running = false;
	v->status |= STATUS_NEEDS_RESET;
	v->generation++;
	if (v->status & STATUS_DRIVER_OK)
		fire(v, v->config_vector, 2);
}

/* ---- life as the driver sees it ---- */

static void forget(struct virtio *v)
{
	bool was = v->status != 0;

	v->running = false;
	if (was)
		v->ops->reset(v);
	v->status = v->isr = 0;
	v->features = v->driver_features = 0;
	v->feature_select = v->driver_feature_select = 0;
	v->queue_select = 0;
	v->config_vector = NO_VECTOR;
	for (unsigned i = 0; i < v->queue_count; i++) {
		virtqueue_reset(&v->queues[i], v->queue_size_max);
		v->queue_vector[i] = NO_VECTOR;
	}
	pci_line(&v->pci, false);
}

static void ring_all(struct virtio *v)
{
	for (unsigned i = 0; i < v->queue_count; i++)
		if (v->queues[i].started)
			eventfd_write(v->doorbells[i].fd, 1);
}

static void set_status(struct virtio *v, uint8_t status)
{
	uint8_t added = (uint8_t)(status & ~v->status);

	if (status == 0) {
		forget(v);
		return;
	}
	if (added & STATUS_FEATURES_OK) {
		if (v->driver_features & ~offered(v) ||
		    !(v->driver_features & VIRTIO_F_MODERN))
			status &= (uint8_t)~STATUS_FEATURES_OK;
		else
			v->features = v->driver_features;
	}
	if (added & STATUS_DRIVER_OK && !(status & STATUS_FEATURES_OK))
		status &= (uint8_t)~STATUS_DRIVER_OK;
	/* bits are only ever added, but by the device itself */
	v->status |= status & (uint8_t)~STATUS_NEEDS_RESET;
	if (added & STATUS_DRIVER_OK && v->status & STATUS_DRIVER_OK &&
	    !(v->status & STATUS_NEEDS_RESET)) {
		v->running = true;
		if (v->ops->start)
			v->ops->start(v);
		ring_all(v);
	}
}

static void enable_queue(struct virtio *v, struct virtqueue *q)
{
	if (q->enabled || !(v->status & STATUS_FEATURES_OK) ||
	    v->status & STATUS_DRIVER_OK)
		return;
	q->enabled = true;
	if (!virtqueue_start(q, v->features & VIRTIO_F_EVENT_IDX,
			     v->features & VIRTIO_F_INDIRECT))
		virtio_fail(v, virtqueue_fault_text(q->fault));
}

/* ---- common configuration ---- */

static struct virtqueue *selected(struct virtio *v)
{
	return v->queue_select < v->queue_count ? &v->queues[v->queue_select]
						: NULL;
}

static uint64_t common_read(struct virtio *v, uint64_t at)
{
	const struct virtqueue *q = selected(v);

	switch (at) {
	case 0x00:
		return v->feature_select;
	case 0x04:
		return v->feature_select < 2
			   ? (uint32_t)(offered(v) >> (32 * v->feature_select))
			   : 0;
	case 0x08:
		return v->driver_feature_select;
	case 0x0c:
		return v->driver_feature_select < 2
			   ? (uint32_t)(v->driver_features >>
					(32 * v->driver_feature_select))
			   : 0;
	case 0x10:
		return v->config_vector;
	case 0x12:
		return v->queue_count;
	case 0x14:
		return v->status;
	case 0x15:
		return v->generation;
	case 0x16:
		return v->queue_select;
	case 0x18:
		return q ? q->size : 0;
	case 0x1a:
		return q ? v->queue_vector[v->queue_select] : NO_VECTOR;
	case 0x1c:
		return q ? q->enabled : 0;
	case 0x1e:
		return v->queue_select;
	case 0x20:
		return q ? (uint32_t)q->desc_at : 0;
	case 0x24:
		return q ? q->desc_at >> 32 : 0;
	case 0x28:
		return q ? (uint32_t)q->avail_at : 0;
	case 0x2c:
		return q ? q->avail_at >> 32 : 0;
	case 0x30:
		return q ? (uint32_t)q->used_at : 0;
	case 0x34:
		return q ? q->used_at >> 32 : 0;
	}
	return 0;
}

static void set_half(uint64_t *to, bool high, uint64_t value)
{
	if (high)
		*to = (*to & 0xffffffff) | value << 32;
	else
		*to = (*to & ~0xffffffffull) | (value & 0xffffffff);
}

static uint16_t vector(struct virtio *v, uint64_t value)
{
	return value < v->pci.msix_count ? (uint16_t)value : NO_VECTOR;
}

static void common_write(struct virtio *v, uint64_t at, uint64_t value)
{
	struct virtqueue *q = selected(v);

	switch (at) {
	case 0x00:
		v->feature_select = (uint32_t)value;
		return;
	case 0x08:
		v->driver_feature_select = (uint32_t)value;
		return;
	case 0x0c:
		if (v->driver_feature_select < 2 &&
		    !(v->status & STATUS_FEATURES_OK))
			set_half(&v->driver_features, v->driver_feature_select,
				 value);
		return;
	case 0x10:
		v->config_vector = vector(v, value);
		return;
	case 0x14:
		set_status(v, (uint8_t)value);
		return;
	case 0x16:
		v->queue_select = (uint16_t)value;
		return;
	}
	if (!q)
		return;
	if (at == 0x1a) {
		v->queue_vector[v->queue_select] = vector(v, value);
		return;
	}
	if (q->enabled)
		return;
	switch (at) {
	case 0x18:
		/* a size that is none is kept, and refused at the start */
		q->size = value <= v->queue_size_max ? (uint16_t)value : 0;
		break;
	case 0x1c:
		if (value == 1)
			enable_queue(v, q);
		break;
	case 0x20:
	case 0x24:
		set_half(&q->desc_at, at & 4, value);
		break;
	case 0x28:
	case 0x2c:
		set_half(&q->avail_at, at & 4, value);
		break;
	case 0x30:
	case 0x34:
		set_half(&q->used_at, at & 4, value);
		break;
	}
}

/* ---- device configuration ---- */

static uint64_t config_read(struct virtio *v, uint64_t at, unsigned size)
{
	uint64_t value = 0;

	if (at + size > v->config_bytes)
		return 0;
	if (v->ops->config_read)
		v->ops->config_read(v);
	memcpy(&value, v->config + at, size);
	return value;
}

static void config_write(struct virtio *v, uint64_t at, unsigned size,
			 uint64_t value)
{
	bool changed = false;

	if (at + size > v->config_bytes)
		return;
	for (unsigned i = 0; i < size; i++) {
		unsigned byte = (unsigned)at + i;

		if (!(v->config_mask[byte / 64] >> byte % 64 & 1))
			continue;
		v->config[byte] = (uint8_t)(value >> (8 * i));
		changed = true;
	}
	if (changed && v->ops->config_written)
		v->ops->config_written(v, (unsigned)at, size);
}

void virtio_config_writable(struct virtio *v, unsigned at, unsigned bytes)
{
	for (unsigned i = at; i < at + bytes; i++)
		v->config_mask[i / 64] |= 1ull << i % 64;
}

/* ---- the BAR ---- */

static uint64_t bar_read(void *device, uint64_t at, unsigned size)
{
	struct virtio *v = of(device);
	uint64_t value;

	if (at < AT_ISR)
		return size <= 4
			   ? common_read(v, at)
			   : common_read(v, at) | common_read(v, at + 4) << 32;
	if (at < AT_DEVICE) {
		value = v->isr;
		v->isr = 0;
		pci_line(&v->pci, false);
		return value;
	}
	if (at < AT_NOTIFY)
		return config_read(v, at - AT_DEVICE, size);
	if (at >= AT_PBA)
		return pci_msix_pba_read(&v->pci, at - AT_PBA, size);
	if (at >= AT_MSIX)
		return pci_msix_table_read(&v->pci, at - AT_MSIX, size);
	return 0;
}

static void bar_write(void *device, uint64_t at, unsigned size, uint64_t value)
{
	struct virtio *v = of(device);
	uint64_t queue;

	if (at < AT_ISR) {
		common_write(v, at, size > 4 ? (uint32_t)value : value);
		if (size > 4)
			common_write(v, at + 4, value >> 32);
	} else if (at >= AT_DEVICE && at < AT_NOTIFY) {
		config_write(v, at - AT_DEVICE, size, value);
	} else if (at >= AT_NOTIFY && at < AT_MSIX) {
		/* only a doorbell that could not be bound arrives here */
		queue = (at - AT_NOTIFY) / NOTIFY_STEP;
		if (queue < v->queue_count)
			eventfd_write(v->doorbells[queue].fd, 1);
	} else if (at >= AT_MSIX && at < AT_PBA) {
		pci_msix_table_write(&v->pci, at - AT_MSIX, size, value);
	}
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

static void bind(struct virtio_doorbell *bell, bool on, uint64_t at)
{
	struct kvm_ioeventfd bound = {
	    .addr = at,
	    .len = 2,
	    .fd = bell->fd,
	    .flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
	};

	if (ioctl(bell->v->device.vm->fd, KVM_IOEVENTFD, &bound) == 0) {
		bell->bound = on;
		bell->at = at;
	}
}

static void bar_moved(void *device, uint64_t base)
{
	struct virtio *v = of(device);

	for (unsigned i = 0; i < v->queue_count; i++) {
		struct virtio_doorbell *bell = &v->doorbells[i];

		if (bell->bound)
			bind(bell, false, bell->at);
		if (base)
			bind(bell, true, base + AT_NOTIFY + NOTIFY_STEP * i);
	}
}

static void pci_written(struct pci_device *pci, unsigned at, unsigned size)
{
	struct virtio *v = pci->data;

	if (at < pci->msix_cap + 4u && at + size > pci->msix_cap) {
		pthread_mutex_lock(&v->lock);
		pci_msix_written(pci);
		pthread_mutex_unlock(&v->lock);
	}
}

static void rung(void *data, uint32_t events)
{
	struct virtio_doorbell *bell = data;
	struct virtio *v = bell->v;

	ioloop_drain(bell->fd);
	pthread_mutex_lock(&v->lock);
	atomic_fetch_add_explicit(&v->notifications, 1, memory_order_relaxed);
	if (v->running && !v->paused && v->queues[bell->queue].started)
		v->ops->notify(v, bell->queue);
	pthread_mutex_unlock(&v->lock);
}

/* ---- construction ---- */

static void add_capabilities(struct virtio *v)
{
	static const struct {
		uint8_t type;
		uint32_t at, bytes;
	} parts[] = {
	    {1, AT_COMMON, COMMON_BYTES},
	    {2, AT_NOTIFY, NOTIFY_STEP * VIRTIO_QUEUES_MAX},
	    {3, AT_ISR, 1},
	    {4, AT_DEVICE, 0x1000},
	    {5, 0, 0},
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
		/* notify has a multiplier behind it, type 5 a data window */
		unsigned bytes =
		    parts[i].type == 2 || parts[i].type == 5 ? 20 : 16;
		uint8_t at;

		if (parts[i].type == 4 && !v->config_bytes)
			continue;
		at = pci_add_capability(&v->pci, 0x09, bytes);
		v->pci.config[at + 2] = (uint8_t)bytes;
		v->pci.config[at + 3] = parts[i].type;
		pci_put32(v->pci.config + at + 8, parts[i].at);
		pci_put32(v->pci.config + at + 12, parts[i].bytes);
		if (parts[i].type == 2)
			pci_put32(v->pci.config + at + 16, NOTIFY_STEP);
	}
}

bool virtio_init(struct virtio *v, struct vm *vm, const struct virtio_ops *ops,
		 struct ioloop *loop, unsigned queues, unsigned queue_size,
		 unsigned config_bytes, GError **error)
{
	pthread_mutexattr_t recursive;

	v->device.ops = &virtio_device_ops;
	v->device.vm = vm;
	v->ops = ops;
	v->loop = loop;
	v->queue_size_max = (uint16_t)queue_size;
	v->config_bytes = config_bytes;
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&v->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		v->doorbells[i].fd = -1;
		v->queues[i].mem = vm->mem;
	}
	pci_device_init(&v->pci, vm, 0x1af4, (uint16_t)(0x1040 + ops->id),
			ops->pci_class, 1, 0x1af4, 0x1100);
	v->pci.config[0x3d] = 1; /* pin A */
	v->pci.data = v;
	v->pci.written = pci_written;
	v->queue_count = queues;
	forget(v);
	for (unsigned i = 0; i < queues; i++) {
		struct virtio_doorbell *bell = &v->doorbells[i];

		bell->v = v;
		bell->queue = i;
		bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		bell->source = (struct iosource){
		    .fd = bell->fd, .ready = rung, .data = bell};
		if (bell->fd < 0 || !ioloop_add(loop, &bell->source, EPOLLIN))
			goto busy;
	}
	pci_add_bar(&v->pci, 0,
		    &(struct pci_bar){.size = BAR_BYTES,
				      .wide = true,
				      .ops = &bar_ops,
				      .device = v,
				      .lock = &v->lock,
				      .moved = bar_moved});
	/* one for each queue and one for the config space */
	if (!pci_add_msix(&v->pci, queues + 1, 0, AT_MSIX, AT_PBA))
		goto busy;
	add_capabilities(v);
	return pci_device_add(&v->pci, 0, error);
busy:
	fault_set(error, FAULT_BUSY,
		  "Raise the limit of open files (ulimit -n).",
		  "No descriptor for a device's queues: %s", g_strerror(errno));
	return false;
}

void virtio_finish(struct virtio *v)
{
	for (unsigned i = 0; i < v->queue_count; i++)
		ioloop_remove(&v->doorbells[i].source);
	pci_device_remove(&v->pci);
	for (unsigned i = 0; i < v->queue_count; i++)
		if (v->doorbells[i].fd >= 0)
			close(v->doorbells[i].fd);
	pthread_mutex_destroy(&v->lock);
}

static void device_reset(struct device *device)
{
	struct virtio *v = (struct virtio *)device;

	pthread_mutex_lock(&v->lock);
	forget(v);
	pthread_mutex_unlock(&v->lock);
}

static void device_pause(struct device *device, bool pause)
{
	struct virtio *v = (struct virtio *)device;

	pthread_mutex_lock(&v->lock);
	v->paused = pause;
	if (v->ops->pause)
		v->ops->pause(v, pause);
	if (!pause)
		ring_all(v);
	pthread_mutex_unlock(&v->lock);
}

static void device_destroy(struct device *device)
{
	struct virtio *v = (struct virtio *)device;

	v->ops->destroy(v);
}

static bool device_set_link(struct device *device, bool up)
{
	struct virtio *v = (struct virtio *)device;

	return v->ops->set_link && v->ops->set_link(v, up);
}

const struct device_ops virtio_device_ops = {
    .reset = device_reset,
    .pause = device_pause,
    .destroy = device_destroy,
    .set_link = device_set_link,
};
