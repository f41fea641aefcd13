/* virtio-blk.c - block device. Virtio 1.2, 5.2.
 *
 * Requests go to the disk as scatter lists of guest memory, nothing is
 * copied. A write that finds the host's disk full is kept, the machine is
 * stopped (BLOCK_IO_ERROR, STOP), and `cont` tries again: nothing is lost.
 * A reset waits for what is in flight, since the kernel writes into guest
 * memory until then. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/fault.h"
#include "vmm/kvm/disk.h"
#include "vmm/kvm/opts.h"
#include "vmm/kvm/virtio.h"

#define QUEUE       256u
#define SEGMENTS    254u       /* a request's header and status are two more */
#define DISCARD_MAX (1u << 21) /* sectors: 1 GiB a request */

enum {
	F_SEG_MAX = 2,
	F_RO = 5,
	F_BLK_SIZE = 6,
	F_FLUSH = 9,
	F_DISCARD = 13,
	F_WRITE_ZEROES = 14,
};
enum {
	T_IN = 0,
	T_OUT = 1,
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13,
};
enum { S_OK = 0, S_IOERR = 1, S_UNSUPPORTED = 2 };

struct blk;

struct blk_request {
	struct disk_request disk;
	struct blk *blk;
	struct blk_request *next; /* free or stalled */
	uint16_t head;
	uint32_t written; /* to be told when it went well */
	uint8_t *status;
	/* the list as it was, since the engine shortens it */
	uint64_t offset, bytes;
	unsigned count;
	struct iovec iov[VIRTQUEUE_SIZE_MAX], work[VIRTQUEUE_SIZE_MAX];
};

struct blk {
	struct virtio v;
	struct disk *disk;
	char serial[21];
	struct virtqueue_request popped;
	struct blk_request *spare;
	struct blk_request *stalled; /* wait for room on the host */
	unsigned inflight;
	pthread_cond_t idle;
};

static uint64_t blk_features(struct virtio *v)
{
	struct blk *blk = (struct blk *)v;

	return 1u << F_SEG_MAX | 1u << F_BLK_SIZE | 1u << F_FLUSH |
	       (blk->disk->read_only ? 1u << F_RO
				     : 1u << F_DISCARD | 1u << F_WRITE_ZEROES);
}

static void answer(struct blk *blk, struct blk_request *r, uint8_t status)
{
	*r->status = status;
	virtqueue_push(&blk->v.queues[0], r->head,
		       status == S_OK ? r->written + 1 : 1);
	r->next = blk->spare;
	blk->spare = r;
}

static void done(struct disk_request *request, int error);

static void submit(struct blk *blk, struct blk_request *r)
{
	memcpy(r->work, r->iov, r->count * sizeof r->iov[0]);
	r->disk.iov = r->work;
	r->disk.iov_count = r->count;
	r->disk.offset = r->offset;
	r->disk.bytes = r->bytes;
	r->disk.done = done;
	blk->inflight++;
	blk->disk->ops->submit(blk->disk, &r->disk);
}

static void done(struct disk_request *request, int error)
{
	struct blk_request *r = (struct blk_request *)request;
	struct blk *blk = r->blk;

	pthread_mutex_lock(&blk->v.lock);
	blk->inflight--;
	if (!blk->v.running) { /* reset meanwhile, or failed: nobody waits */
		r->next = blk->spare;
		blk->spare = r;
	} else if (error == ENOSPC || error == EDQUOT || error == ENOTCONN) {
		r->next = blk->stalled;
		blk->stalled = r;
		atomic_store(&blk->v.device.vm->io_error, &blk->v.device);
		atomic_store(&blk->v.device.vm->io_errno, error);
		vm_ask(blk->v.device.vm, VM_WISH_IO_ERROR);
	} else {
		answer(blk, r, error ? S_IOERR : S_OK);
		virtio_interrupt(&blk->v, 0);
	}
	if (blk->inflight == 0)
		pthread_cond_broadcast(&blk->idle);
	pthread_mutex_unlock(&blk->v.lock);
}

/* Parts of the request from byte `skip` on, `bytes` of them. */
static unsigned slice(const struct iovec *parts, unsigned count, uint64_t skip,
		      uint64_t bytes, struct iovec *to)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count && bytes; i++) {
		uint64_t length = parts[i].iov_len, step;

		if (skip >= length) {
			skip -= length;
			continue;
		}
		step = MIN(length - skip, bytes);
		to[n++] =
		    (struct iovec){(char *)parts[i].iov_base + skip, step};
		bytes -= step;
		skip = 0;
	}
	return n;
}

static bool in_disk(const struct blk *blk, uint64_t sector, uint64_t bytes)
{
	uint64_t sectors = blk->disk->bytes / 512;

	return sector <= sectors && bytes / 512 <= sectors - sector;
}

/* true: the request was handed on; false: *status is the answer */
static bool begin(struct blk *blk, struct blk_request *r, uint32_t type,
		  uint64_t sector, uint8_t *status)
{
	const struct virtqueue_request *q = &blk->popped;
	uint64_t out = q->out_bytes - 16, in = q->in_bytes - 1;
	struct {
		uint64_t sector;
		uint32_t count, flags;
	} range;

	r->count = 0;
	r->written = 0;
	r->disk.unmap = false;
	*status = S_IOERR;
	switch (type) {
	case T_IN:
		if (in % 512 || !in_disk(blk, sector, in))
			return false;
		r->disk.op = DISK_READ;
		r->offset = sector * 512;
		r->bytes = in;
		r->written = (uint32_t)in;
		r->count =
		    slice(q->parts + q->out_count, q->in_count, 0, in, r->iov);
		break;
	case T_OUT:
		if (out % 512 || !in_disk(blk, sector, out) ||
		    blk->disk->read_only)
			return false;
		r->disk.op = DISK_WRITE;
		r->offset = sector * 512;
		r->bytes = out;
		r->count = slice(q->parts, q->out_count, 16, out, r->iov);
		break;
	case T_FLUSH:
		r->disk.op = DISK_FLUSH;
		r->offset = r->bytes = 0;
		break;
	case T_GET_ID:
		r->written = (uint32_t)MIN(in, 20);
		request_write(q, 0, blk->serial, r->written);
		*status = S_OK;
		return false;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		if (request_read(q, 16, &range, sizeof range) != sizeof range ||
		    out != sizeof range || blk->disk->read_only)
			return false;
		range.sector = le64toh(range.sector);
		range.count = le32toh(range.count);
		range.flags = le32toh(range.flags);
		*status = S_UNSUPPORTED;
		if (range.flags & ~1u || (type == T_DISCARD && range.flags))
			return false;
		*status = S_IOERR;
		if (range.count > DISCARD_MAX ||
		    !in_disk(blk, range.sector, range.count * 512ull))
			return false;
		*status = S_OK;
		if (range.count == 0)
			return false;
		r->disk.op = type == T_DISCARD ? DISK_DISCARD : DISK_ZERO;
		r->disk.unmap = range.flags & 1;
		r->offset = range.sector * 512;
		r->bytes = range.count * 512ull;
		break;
	default:
		*status = S_UNSUPPORTED;
		return false;
	}
	if (r->bytes == 0 && r->disk.op != DISK_FLUSH) {
		*status = S_OK;
		return false;
	}
	submit(blk, r);
	return true;
}

static struct blk_request *spare(struct blk *blk)
{
	struct blk_request *r = blk->spare;

	if (r)
		blk->spare = r->next;
	else
		r = g_try_new(struct blk_request, 1);
	if (r)
		r->blk = blk;
	return r;
}

static void blk_notify(struct virtio *v, unsigned queue)
{
	struct blk *blk = (struct blk *)v;
	struct virtqueue *q = &v->queues[0];
	struct virtqueue_request *p = &blk->popped;
	bool answered = false;
	int got = 0;

	while (v->running) {
		struct {
			uint32_t type, reserved;
			uint64_t sector;
		} header;
		struct blk_request *r = spare(blk);
		uint8_t status;

		if (!r) { /* no memory: once more, after the others' turn */
			eventfd_write(v->doorbells[0].fd, 1);
			break;
		}
		got = virtqueue_pop(q, p);
		if (got <= 0) {
			r->next = blk->spare;
			blk->spare = r;
			break;
		}
		if (request_read(p, 0, &header, sizeof header) !=
			sizeof header ||
		    p->in_bytes == 0) {
			r->next = blk->spare;
			blk->spare = r;
			virtio_fail(v, "a request has no header or no status");
			return;
		}
		r->head = p->head;
		r->status = (uint8_t *)p->parts[p->out_count + p->in_count - 1]
				.iov_base +
			    p->parts[p->out_count + p->in_count - 1].iov_len -
			    1;
		if (!begin(blk, r, le32toh(header.type), le64toh(header.sector),
			   &status)) {
			answer(blk, r, status);
			answered = true;
		}
	}
	if (blk->disk->ops->kick)
		blk->disk->ops->kick(blk->disk);
	if (got < 0)
		virtio_fail(v, virtqueue_fault_text(q->fault));
	else if (answered)
		virtio_interrupt(v, 0);
}

/* After a resume every doorbell rings, which also tries the stalled again. */
static void retry(struct blk *blk)
{
	struct blk_request *list = blk->stalled;

	/* one that fails at once is stalled anew, not tried for ever */
	blk->stalled = NULL;
	while (list) {
		struct blk_request *r = list;

		list = r->next;
		submit(blk, r);
	}
}

static void blk_rung(struct virtio *v, unsigned queue)
{
	retry((struct blk *)v);
	blk_notify(v, queue);
}

static void wait_idle(struct blk *blk)
{
	while (blk->inflight)
		pthread_cond_wait(&blk->idle, &blk->v.lock);
}

static void blk_reset(struct virtio *v)
{
	struct blk *blk = (struct blk *)v;

	wait_idle(blk);
	while (blk->stalled) {
		struct blk_request *r = blk->stalled;

		blk->stalled = r->next;
		r->next = blk->spare;
		blk->spare = r;
	}
}

static void blk_destroy(struct virtio *v)
{
	struct blk *blk = (struct blk *)v;

	pthread_mutex_lock(&v->lock);
	v->running = false;
	blk_reset(v);
	pthread_mutex_unlock(&v->lock);
	virtio_finish(v);
	disk_close(blk->disk);
	while (blk->spare) {
		struct blk_request *r = blk->spare;

		blk->spare = r->next;
		g_free(r);
	}
	pthread_cond_destroy(&blk->idle);
	g_free(blk);
}

static const struct virtio_ops blk_ops = {
    .id = 2,
    .pci_class = 0x010000,
    .features = blk_features,
    .reset = blk_reset,
    .notify = blk_rung,
    .destroy = blk_destroy,
};

static void put(struct virtio *v, unsigned at, uint64_t value, unsigned bytes)
{
	value = htole64(value);
	memcpy(v->config + at, &value, bytes);
}

static struct device *blk_create(struct vm *vm, struct opts *opts,
				 GError **error)
{
	const char *path = opts_string(opts, "path");
	const char *serial = opts_string(opts, "serial");
	const char *aio = opts_string(opts, "aio");
	struct blk *blk;
	bool read_only;

	if (!path) {
		fault_set(error, FAULT_INVALID, "Add path=FILE.",
			  "virtio-blk needs a disk");
		return NULL;
	}
	if (!opts_flag(opts, "readonly", &read_only, error))
		return NULL;
	blk = g_new0(struct blk, 1);
	pthread_cond_init(&blk->idle, NULL);
	blk->disk = disk_open(path, read_only, aio, vm->io, error);
	if (!blk->disk) {
		pthread_cond_destroy(&blk->idle);
		g_free(blk);
		return NULL;
	}
	g_strlcpy(blk->serial, serial ? serial : "", sizeof blk->serial);
	if (!virtio_init(&blk->v, vm, &blk_ops, vm->io, 1, QUEUE, 60, error)) {
		blk_destroy(&blk->v);
		return NULL;
	}
	put(&blk->v, 0, blk->disk->bytes / 512, 8);
	put(&blk->v, 12, SEGMENTS, 4);
	put(&blk->v, 20, 512, 4);
	put(&blk->v, 36, DISCARD_MAX, 4);
	put(&blk->v, 40, 1, 4);
	put(&blk->v, 44, blk->disk->discard_align / 512, 4);
	put(&blk->v, 48, DISCARD_MAX, 4);
	put(&blk->v, 52, 1, 4);
	put(&blk->v, 56, 1, 1);
	return &blk->v.device;
}

const struct device_type virtio_blk_type = {
    .name = "virtio-blk",
    .about = "disk: path=FILE,readonly=on|off,serial=TEXT,"
	     "aio=io_uring|threads",
    .create = blk_create,
    .hotplug = true,
};
