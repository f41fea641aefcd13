/* virtio-vsock.c - sockets between guest and host (AF_VSOCK). Virtio 1.2,
 * 5.10; the data path is the kernel's vhost-vsock.
 *
 * vhost runs in our address space, so guest memory that a clone maps privately
 * stays right. Doorbells and interrupts pass through our I/O loop: they are
 * few, and the transport's own rules (what is bound, what is masked, what is
 * broken) hold without a second copy of them. The event queue has nothing to
 * say until a machine moves. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

enum { RX, TX, EVENT, QUEUES };
#define SERVED  2u /* queues that vhost serves: RX and TX */
#define CID_MIN 3u

struct vsock;

struct vsock_wire { /* one eventfd from vhost */
	struct vsock *vsock;
	unsigned queue;
	int fd;
	struct iosource source;
};

struct vsock {
	struct virtio v;
	int vhost;
	int kick[SERVED];
	struct vsock_wire call[SERVED], broken[SERVED];
	bool on;
};

static uint64_t vsock_features(struct virtio *v)
{
	return 0;
}

static bool set_running(struct vsock *s, bool run)
{
	int value = run;

	if (s->on == run)
		return true;
	if (ioctl(s->vhost, VHOST_VSOCK_SET_RUNNING, &value) < 0)
		return false;
	s->on = run;
	return true;
}

static bool share_memory(struct vsock *s)
{
	const struct guest_mem *mem = s->v.device.vm->mem;
	size_t bytes = sizeof(struct vhost_memory) +
		       mem->count * sizeof(struct vhost_memory_region);
	g_autofree struct vhost_memory *table = g_malloc0(bytes);

	table->nregions = mem->count;
	for (unsigned i = 0; i < mem->count; i++)
		table->regions[i] = (struct vhost_memory_region){
		    .guest_phys_addr = mem->regions[i].base,
		    .memory_size = mem->regions[i].size,
		    .userspace_addr = (uintptr_t)mem->regions[i].host,
		};
	return ioctl(s->vhost, VHOST_SET_MEM_TABLE, table) == 0;
}

static bool give_queue(struct vsock *s, unsigned queue)
{
	const struct virtqueue *q = &s->v.queues[queue];
	struct vhost_vring_state size = {.index = queue, .num = q->size};
	struct vhost_vring_state base = {.index = queue};
	struct vhost_vring_addr at = {
	    .index = queue,
	    .desc_user_addr = (uintptr_t)q->desc,
	    .avail_user_addr = (uintptr_t)q->avail,
	    .used_user_addr = (uintptr_t)q->used,
	};
	struct vhost_vring_file kick = {queue, s->kick[queue]};
	struct vhost_vring_file call = {queue, s->call[queue].fd};
	struct vhost_vring_file broken = {queue, s->broken[queue].fd};

	return q->started && ioctl(s->vhost, VHOST_SET_VRING_NUM, &size) == 0 &&
	       ioctl(s->vhost, VHOST_SET_VRING_BASE, &base) == 0 &&
	       ioctl(s->vhost, VHOST_SET_VRING_ADDR, &at) == 0 &&
	       ioctl(s->vhost, VHOST_SET_VRING_KICK, &kick) == 0 &&
	       ioctl(s->vhost, VHOST_SET_VRING_CALL, &call) == 0 &&
	       ioctl(s->vhost, VHOST_SET_VRING_ERR, &broken) == 0;
}

static void vsock_start(struct virtio *v)
{
	struct vsock *s = (struct vsock *)v;
	uint64_t features = v->features;

	if (ioctl(s->vhost, VHOST_SET_FEATURES, &features) < 0 ||
	    !share_memory(s) || !give_queue(s, RX) || !give_queue(s, TX) ||
	    !set_running(s, true))
		virtio_fail(v, "the host's vhost-vsock refused its queues");
}

static void vsock_reset(struct virtio *v)
{
	set_running((struct vsock *)v, false);
}

static void vsock_pause(struct virtio *v, bool pause)
{
	if (v->running)
		set_running((struct vsock *)v, !pause);
}

static void vsock_notify(struct virtio *v, unsigned queue)
{
	struct vsock *s = (struct vsock *)v;

	if (queue < SERVED)
		eventfd_write(s->kick[queue], 1);
}

/* vhost has put something into the used ring and wants it told. */
static void called(void *data, uint32_t events)
{
	struct vsock_wire *wire = data;
	struct virtio *v = &wire->vsock->v;

	ioloop_drain(wire->fd);
	pthread_mutex_lock(&v->lock);
	if (v->running)
		virtio_interrupt_always(v, wire->queue);
	pthread_mutex_unlock(&v->lock);
}

static void complained(void *data, uint32_t events)
{
	struct vsock_wire *wire = data;
	struct virtio *v = &wire->vsock->v;

	ioloop_drain(wire->fd);
	pthread_mutex_lock(&v->lock);
	if (v->running) {
		set_running(wire->vsock, false);
		virtio_fail(v, "the host's vhost-vsock found a bad ring");
	}
	pthread_mutex_unlock(&v->lock);
}

static bool open_wire(struct vsock *s, struct vsock_wire *wire, unsigned queue,
		      void (*ready)(void *, uint32_t))
{
	wire->vsock = s;
	wire->queue = queue;
	wire->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wire->source =
	    (struct iosource){.fd = wire->fd, .ready = ready, .data = wire};
	return wire->fd >= 0 &&
	       ioloop_add(s->v.device.vm->io, &wire->source, EPOLLIN);
}

static void close_wire(struct vsock_wire *wire)
{
	ioloop_remove(&wire->source);
	if (wire->fd >= 0)
		close(wire->fd);
}

static void vsock_destroy(struct virtio *v)
{
	struct vsock *s = (struct vsock *)v;

	if (s->vhost >= 0)
		set_running(s, false);
	for (unsigned i = 0; i < SERVED; i++) {
		close_wire(&s->call[i]);
		close_wire(&s->broken[i]);
		if (s->kick[i] >= 0)
			close(s->kick[i]);
	}
	virtio_finish(v);
	if (s->vhost >= 0)
		close(s->vhost);
	g_free(s);
}

static const struct virtio_ops vsock_ops = {
    .id = 19,
    .pci_class = 0x028000,
    .features = vsock_features,
    .start = vsock_start,
    .reset = vsock_reset,
    .notify = vsock_notify,
    .pause = vsock_pause,
    .destroy = vsock_destroy,
};

static bool open_vhost(struct vsock *s, uint64_t cid, GError **error)
{
	bool good;

	s->vhost = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (s->vhost < 0) {
		fault_set(error, FAULT_UNAVAILABLE,
			  errno == EACCES
			      ? "Add the user to the group that owns it (kvm)."
			      : "Load vhost_vsock, or leave virtio-vsock out.",
			  "/dev/vhost-vsock cannot be opened: %s",
			  g_strerror(errno));
		return false;
	}
	good = ioctl(s->vhost, VHOST_SET_OWNER) == 0;
	if (good && ioctl(s->vhost, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0)
		return true;
	fault_set(error,
		  good && errno == EADDRINUSE ? FAULT_CONFLICT
					      : FAULT_UNAVAILABLE,
		  good ? "Give each machine a cid of its own." : NULL,
		  "/dev/vhost-vsock refused cid %" G_GUINT64_FORMAT ": %s", cid,
		  g_strerror(errno));
	return false;
}

static struct device *vsock_create(struct vm *vm, struct opts *opts,
				   GError **error)
{
	struct vsock *s;
	uint64_t cid, wire;
	bool good = true;

	if (!opts_number(opts, "cid", CID_MIN, UINT32_MAX - 1, CID_MIN, &cid,
			 error))
		return NULL;
	s = g_new0(struct vsock, 1);
	s->vhost = -1;
	for (unsigned i = 0; i < SERVED; i++)
		s->kick[i] = s->call[i].fd = s->broken[i].fd = -1;
	if (!virtio_init(&s->v, vm, &vsock_ops, vm->io, QUEUES, 128, 8,
			 error) ||
	    !open_vhost(s, cid, error))
		goto failed;
	for (unsigned i = 0; i < SERVED; i++) {
		s->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		good = good && s->kick[i] >= 0 &&
		       open_wire(s, &s->call[i], i, called) &&
		       open_wire(s, &s->broken[i], i, complained);
	}
	if (!good) {
		fault_set(error, FAULT_BUSY,
			  "Raise the limit of open files (ulimit -n).",
			  "No descriptor for virtio-vsock: %s",
			  g_strerror(errno));
		goto failed;
	}
	wire = htole64(cid);
	memcpy(s->v.config, &wire, 8);
	return &s->v.device;
failed:
	vsock_destroy(&s->v);
	return NULL;
}

const struct device_type virtio_vsock_type = {
    .name = "virtio-vsock",
    .about = "sockets between guest and host, by the host's vhost: cid=N "
	     "(from 3 on)",
    .create = vsock_create,
};
