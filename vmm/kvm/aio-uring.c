/* aio-uring.c - disk requests through io_uring, without a library: two rings
 * shared with the kernel, one eventfd for completions. All on the loop's
 * thread. What the kernel did only in part is finished by aio_perform(). */
#include <errno.h>
#include <linux/falloc.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/kvm/disk.h"
#include "vmm/kvm/ioloop.h"

#define ENTRIES 128u /* half of the deepest ring of virtio-blk */

struct uring {
	struct aio aio;
	int fd, event;
	struct iosource source;
	void *ring;
	size_t ring_bytes;
	struct io_uring_sqe *sqes;
	unsigned entries, mask, cq_mask;
	_Atomic unsigned *sq_tail, *cq_head, *cq_tail;
	unsigned *sq_array;
	struct io_uring_cqe *cqes;
	unsigned pending;  /* in the ring, not yet told to the kernel */
	unsigned inflight; /* told, not completed */
	struct disk_request *first, **last; /* beyond ENTRIES */
};

static void fill(struct io_uring_sqe *sqe, struct disk_request *r)
{
	memset(sqe, 0, sizeof *sqe);
	sqe->fd = r->fd;
	sqe->user_data = (uintptr_t)r;
	sqe->off = r->offset;
	switch (r->op) {
	case DISK_READ:
	case DISK_WRITE:
		sqe->opcode =
		    r->op == DISK_READ ? IORING_OP_READV : IORING_OP_WRITEV;
		sqe->addr = (uintptr_t)r->iov;
		sqe->len = MIN(r->iov_count, 1024u);
		break;
	case DISK_FLUSH:
		sqe->opcode = IORING_OP_FSYNC;
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		sqe->off = 0;
		break;
	case DISK_DISCARD:
	case DISK_ZERO:
		sqe->opcode = IORING_OP_FALLOCATE;
		sqe->len = r->op == DISK_DISCARD || r->unmap
			       ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
			       : FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
		sqe->addr = r->bytes;
		break;
	}
}

static void enter(struct uring *u)
{
	while (u->pending) {
		int taken = (int)syscall(SYS_io_uring_enter, u->fd, u->pending,
					 0, 0, NULL, 0);

		if (taken < 0 && errno != EINTR) {
			/* EAGAIN, EBUSY: once more after others had their
			 * turn, since nothing else need ever come by here */
			eventfd_write(u->event, 1);
			return;
		}
		if (taken > 0)
			u->pending -= MIN(u->pending, (unsigned)taken);
	}
}

static void uring_submit(struct aio *aio, struct disk_request *r)
{
	struct uring *u = (struct uring *)aio;
	unsigned tail, slot;

	if (u->inflight == u->entries) {
		r->next = NULL;
		*u->last = r;
		u->last = &r->next;
		return;
	}
	tail = atomic_load_explicit(u->sq_tail, memory_order_relaxed);
	slot = tail & u->mask;
	fill(&u->sqes[slot], r);
	u->sq_array[slot] = slot;
	atomic_store_explicit(u->sq_tail, tail + 1, memory_order_release);
	u->pending++;
	u->inflight++;
}

/* result: of the system call. Partial moves and refused fallocates are
 * completed here, which is rare enough to be done in place. */
static int settle(struct disk_request *r, int result)
{
	if (r->op == DISK_READ || r->op == DISK_WRITE) {
		size_t left = (size_t)MAX(result, 0);

		if (result < 0 && result != -EINTR && result != -EAGAIN)
			return -result;
		if ((uint64_t)left == r->bytes)
			return 0;
		while (left && r->iov_count) {
			size_t step = MIN(left, r->iov->iov_len);

			r->iov->iov_base = (char *)r->iov->iov_base + step;
			r->iov->iov_len -= step;
			r->offset += step;
			r->bytes -= step;
			left -= step;
			if (r->iov->iov_len == 0) {
				r->iov++;
				r->iov_count--;
			}
		}
		return aio_perform(r);
	}
	if (result == 0)
		return 0;
	return r->op == DISK_FLUSH ? -result : aio_perform(r);
}

/* Every step looks at the ring anew: done() may get here again. */
static void reap(struct uring *u)
{
	for (;;) {
		unsigned head =
		    atomic_load_explicit(u->cq_head, memory_order_relaxed);
		unsigned tail =
		    atomic_load_explicit(u->cq_tail, memory_order_acquire);
		struct io_uring_cqe cqe;
		struct disk_request *r;

		if (head == tail)
			return;
		cqe = u->cqes[head & u->cq_mask];
		r = (struct disk_request *)(uintptr_t)cqe.user_data;
		atomic_store_explicit(u->cq_head, head + 1,
				      memory_order_release);
		u->inflight--;
		if (u->first) {
			struct disk_request *next = u->first;

			u->first = next->next;
			if (!u->first)
				u->last = &u->first;
			uring_submit(&u->aio, next);
		}
		r->done(r, settle(r, cqe.res));
	}
}

/* What the page cache has is done by the time the kernel returns: it is
 * answered at once, without a turn of the loop. */
static void uring_kick(struct aio *aio)
{
	struct uring *u = (struct uring *)aio;
	unsigned refused;

	do { /* again for what waited for a place in the ring */
		enter(u);
		refused = u->pending;
		reap(u);
	} while (u->pending > refused);
}

static void completed(void *data, uint32_t events)
{
	struct uring *u = data;

	ioloop_drain(u->event);
	reap(u);
	uring_kick(&u->aio);
}

static void uring_close(struct aio *aio)
{
	struct uring *u = (struct uring *)aio;

	ioloop_remove(&u->source);
	if (u->sqes && u->sqes != MAP_FAILED)
		munmap(u->sqes, u->entries * sizeof *u->sqes);
	if (u->ring && u->ring != MAP_FAILED)
		munmap(u->ring, u->ring_bytes);
	if (u->event >= 0)
		close(u->event);
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

static struct aio *uring_open(struct ioloop *loop)
{
	struct io_uring_params p = {0};
	struct uring *u = calloc(1, sizeof *u);
	char *base;

	if (!u)
		return NULL;
	u->aio.ops = &aio_uring;
	u->last = &u->first;
	u->event = -1;
	u->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (u->fd < 0 || !(p.features & IORING_FEAT_SINGLE_MMAP) ||
	    !(p.features & IORING_FEAT_NODROP))
		goto failed;
	u->entries = p.sq_entries;
	u->ring_bytes =
	    MAX(p.sq_off.array + p.sq_entries * sizeof(unsigned),
		p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe));
	u->ring = mmap(NULL, u->ring_bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQ_RING);
	u->sqes =
	    mmap(NULL, u->entries * sizeof *u->sqes, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQES);
	if (u->ring == MAP_FAILED || u->sqes == MAP_FAILED)
		goto failed;
	base = u->ring;
	u->sq_tail = (_Atomic unsigned *)(base + p.sq_off.tail);
	u->sq_array = (unsigned *)(base + p.sq_off.array);
	u->mask = *(unsigned *)(base + p.sq_off.ring_mask);
	u->cq_head = (_Atomic unsigned *)(base + p.cq_off.head);
	u->cq_tail = (_Atomic unsigned *)(base + p.cq_off.tail);
	u->cq_mask = *(unsigned *)(base + p.cq_off.ring_mask);
	u->cqes = (struct io_uring_cqe *)(base + p.cq_off.cqes);
	u->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->event < 0 || syscall(SYS_io_uring_register, u->fd,
				    IORING_REGISTER_EVENTFD, &u->event, 1) < 0)
		goto failed;
	u->source =
	    (struct iosource){.fd = u->event, .ready = completed, .data = u};
	if (!ioloop_add(loop, &u->source, EPOLLIN))
		goto failed;
	return &u->aio;
failed:
	uring_close(&u->aio);
	return NULL;
}

const struct aio_ops aio_uring = {
    .name = "io_uring",
    .open = uring_open,
    .submit = uring_submit,
    .kick = uring_kick,
    .close = uring_close,
};
