/* virtio-rng.c - entropy device. Virtio 1.2, 5.4. Bytes come from the host's
 * getrandom(), at most 64 KiB per request, so a guest that asks for 4 GiB
 * waits for nobody. */
#include <sys/random.h>

#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

struct rng {
	struct virtio v;
	struct virtqueue_request request;
};

static uint64_t rng_features(struct virtio *v)
{
	return 0;
}

static void rng_reset(struct virtio *v)
{
}

static void rng_notify(struct virtio *v, unsigned queue)
{
	struct rng *rng = (struct rng *)v;
	struct virtqueue *q = &v->queues[0];
	struct virtqueue_request *r = &rng->request;
	int got;

	while ((got = virtqueue_pop(q, r)) > 0) {
		uint8_t bytes[256];
		uint64_t want = MIN(r->in_bytes, 65536), done = 0;

		while (done < want) {
			ssize_t n =
			    getrandom(bytes, MIN(want - done, sizeof bytes), 0);

			if (n <= 0)
				break;
			request_write(r, done, bytes, (size_t)n);
			done += (uint64_t)n;
		}
		virtqueue_push(q, r->head, (uint32_t)done);
	}
	if (got < 0)
		virtio_fail(v, virtqueue_fault_text(q->fault));
	virtio_interrupt(v, 0);
}

static void rng_destroy(struct virtio *v)
{
	virtio_finish(v);
	g_free(v);
}

static const struct virtio_ops rng_ops = {
    .id = 4,
    .pci_class = 0x00ff00,
    .features = rng_features,
    .reset = rng_reset,
    .notify = rng_notify,
    .destroy = rng_destroy,
};

static struct device *rng_create(struct vm *vm, struct opts *opts,
				 GError **error)
{
	struct rng *rng = g_new0(struct rng, 1);

	if (!virtio_init(&rng->v, vm, &rng_ops, vm->io, 1, 64, 0, error)) {
		rng_destroy(&rng->v);
		return NULL;
	}
	return &rng->v.device;
}

const struct device_type virtio_rng_type = {
    .name = "virtio-rng",
    .about = "entropy from the host",
    .create = rng_create,
    .hotplug = true,
};
