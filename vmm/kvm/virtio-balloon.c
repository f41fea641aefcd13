/* virtio-balloon.c - memory given back to the host. Virtio 1.2, 5.5.
 *
 * The guest reports pages it does not use (free page reporting), and pages it
 * gave up because the host asked (inflate): both go back to the host and read
 * as zeroes when they are touched again. Only whole pages of RAM are meant. */
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

#define PAGE 4096u

enum { F_REPORTING = 5 };

struct balloon {
	struct virtio v;
	uint64_t released; /* bytes, ever */
	struct virtqueue_request request;
};

static uint64_t balloon_features(struct virtio *v)
{
	return 1u << F_REPORTING;
}

static void release(struct balloon *b, void *host, uint64_t bytes)
{
	if (madvise(host, bytes, MADV_DONTNEED) == 0)
		b->released += bytes;
}

static void inflate(struct balloon *b)
{
	const struct guest_mem *mem = b->v.device.vm->mem;
	uint32_t pages[256];
	uint64_t at = 0;
	size_t got;

	while ((got = request_read(&b->request, at, pages, sizeof pages))) {
		for (unsigned i = 0; i < got / 4; i++) {
			uint64_t page = (uint64_t)le32toh(pages[i]) * PAGE;
			void *host = guest_ptr(mem, gpa(page), PAGE);

			if (host)
				release(b, host, PAGE);
		}
		at += got;
		if (got < sizeof pages)
			break;
	}
}

static void balloon_notify(struct virtio *v, unsigned queue)
{
	struct balloon *b = (struct balloon *)v;
	struct virtqueue *q = &v->queues[queue];
	struct virtqueue_request *r = &b->request;
	int got;

	while ((got = virtqueue_pop(q, r)) > 0) {
		if (queue == 0)
			inflate(b);
		/* queue 1 deflates: touching the page brings it back */
		for (unsigned i = 0; queue == 2 && i < r->in_count; i++) {
			const struct iovec *part = &r->parts[r->out_count + i];
			uintptr_t start =
			    ((uintptr_t)part->iov_base + PAGE - 1) &
			    ~(uintptr_t)(PAGE - 1);
			uintptr_t end =
			    ((uintptr_t)part->iov_base + part->iov_len) &
			    ~(uintptr_t)(PAGE - 1);

			if (end > start)
				release(b, (void *)start, end - start);
		}
		virtqueue_push(q, r->head, 0);
	}
	if (got < 0)
		virtio_fail(v, virtqueue_fault_text(q->fault));
	virtio_interrupt(v, queue);
}

static void balloon_reset(struct virtio *v)
{
}

static void balloon_destroy(struct virtio *v)
{
	virtio_finish(v);
	g_free(v);
}

static const struct virtio_ops balloon_ops = {
    .id = 5,
    .pci_class = 0x00ff00,
    .features = balloon_features,
    .reset = balloon_reset,
    .notify = balloon_notify,
    .destroy = balloon_destroy,
};

static struct device *balloon_create(struct vm *vm, struct opts *opts,
				     GError **error)
{
	struct balloon *b = g_new0(struct balloon, 1);

	/* queues: inflate, deflate, reporting (without statistics and free
	 * page hints their places close up) */
	if (!virtio_init(&b->v, vm, &balloon_ops, vm->io, 3, 128, 16, error)) {
		balloon_destroy(&b->v);
		return NULL;
	}
	/* the driver writes how many pages it holds */
	virtio_config_writable(&b->v, 4, 4);
	return &b->v.device;
}

const struct device_type virtio_balloon_type = {
    .name = "virtio-balloon",
    .about = "returns memory the guest does not use",
    .create = balloon_create,
};
