#include "vmm/kvm/virtqueue.h"

#include <stdatomic.h>
#include <string.h>

struct vring_desc_wire {
	uint64_t at;
	uint32_t bytes;
	uint16_t flags, next;
};
#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

#define AVAIL_NO_INTERRUPT 1u

const char *virtqueue_fault_text(enum virtqueue_fault fault)
{
	static const char *const texts[VQ_FAULTS] = {
	    [VQ_GOOD] = "none",
	    [VQ_BAD_SIZE] = "the queue's size is no power of two in range",
	    [VQ_BAD_RING] = "a ring is misaligned or outside memory",
	    [VQ_BAD_AVAIL] = "more requests are announced than fit",
	    [VQ_BAD_HEAD] = "a head is beyond the queue",
	    [VQ_BAD_NEXT] = "a next is beyond the queue",
	    [VQ_LOOP] = "a chain is longer than the queue",
	    [VQ_BAD_INDIRECT] = "an indirect table has a bad size or place",
	    [VQ_NESTED] = "indirect tables are nested or chained",
	    [VQ_ORDER] = "a readable part follows a writable one",
	    [VQ_TOO_LONG] = "a request is longer than 4 GiB",
	    [VQ_BAD_ADDRESS] = "a part is outside memory",
	    [VQ_EMPTY_PART] = "a part has no length",
	};

	return fault < VQ_FAULTS ? texts[fault] : "unknown";
}

static bool broken(struct virtqueue *q, enum virtqueue_fault fault)
{
	q->fault = fault;
	return false;
}

void virtqueue_reset(struct virtqueue *q, uint16_t size)
{
	const struct guest_mem *mem = q->mem;

	memset(q, 0, sizeof *q);
	q->mem = mem;
	q->size = size;
}

bool virtqueue_start(struct virtqueue *q, bool event_idx, bool indirect)
{
	uint64_t n = q->size;

	if (n == 0 || n > VIRTQUEUE_SIZE_MAX || n & (n - 1))
		return broken(q, VQ_BAD_SIZE);
	if (q->desc_at % 16 || q->avail_at % 2 || q->used_at % 4)
		return broken(q, VQ_BAD_RING);
	/* with the event fields, which are there whether used or not */
	q->desc = guest_ptr(q->mem, gpa(q->desc_at), 16 * n);
	q->avail = guest_ptr(q->mem, gpa(q->avail_at), 6 + 2 * n);
	q->used = guest_ptr(q->mem, gpa(q->used_at), 6 + 8 * n);
	if (!q->desc || !q->avail || !q->used)
		return broken(q, VQ_BAD_RING);
	q->event_idx = event_idx;
	q->indirect = indirect;
	q->last_avail = q->used_idx = 0;
	q->signalled_valid = false;
	q->fault = VQ_GOOD;
	q->started = true;
	return true;
}

static uint16_t load(const uint16_t *at)
{
	return atomic_load_explicit((const _Atomic uint16_t *)at,
				    memory_order_acquire);
}

static void store(uint16_t *at, uint16_t value)
{
	atomic_store_explicit((_Atomic uint16_t *)at, value,
			      memory_order_release);
}

static bool add_part(struct virtqueue *q, struct virtqueue_request *r,
		     const struct vring_desc_wire *d)
{
	unsigned count = r->out_count + r->in_count;
	void *host;

	if (count == q->size)
		return broken(q, VQ_LOOP);
	if (d->bytes == 0)
		return broken(q, VQ_EMPTY_PART);
	host = guest_ptr(q->mem, gpa(d->at), d->bytes);
	if (!host)
		return broken(q, VQ_BAD_ADDRESS);
	if (d->flags & DESC_WRITE) {
		r->in_count++;
		r->in_bytes += d->bytes;
	} else {
		if (r->in_count)
			return broken(q, VQ_ORDER);
		r->out_count++;
		r->out_bytes += d->bytes;
	}
	if (r->in_bytes + r->out_bytes > UINT32_MAX)
		return broken(q, VQ_TOO_LONG);
	r->parts[count] = (struct iovec){host, d->bytes};
	return true;
}

/* Descriptors start at table[index]; the table has `entries` of them. */
static bool walk(struct virtqueue *q, struct virtqueue_request *r,
		 const struct vring_desc_wire *table, uint32_t entries,
		 uint16_t index, bool indirect)
{
	for (uint32_t seen = 0;; seen++) {
		struct vring_desc_wire d;

		if (seen == entries)
			return broken(q, VQ_LOOP);
		memcpy(&d, &table[index], sizeof d);
		if (d.flags & DESC_INDIRECT) {
			const struct vring_desc_wire *inner;

			/* alone in its chain: not nested, not continued, and
			 * nothing before it */
			if (indirect || seen || d.flags & DESC_NEXT)
				return broken(q, VQ_NESTED);
			if (!q->indirect || d.flags & DESC_WRITE ||
			    d.bytes == 0 || d.bytes % sizeof d ||
			    d.bytes / sizeof d > q->size)
				return broken(q, VQ_BAD_INDIRECT);
			inner = guest_ptr(q->mem, gpa(d.at), d.bytes);
			if (!inner)
				return broken(q, VQ_BAD_INDIRECT);
			return walk(q, r, inner, (uint32_t)(d.bytes / sizeof d),
				    0, true);
		}
		if (!add_part(q, r, &d))
			return false;
		if (!(d.flags & DESC_NEXT))
			return true;
		if (d.next >= entries)
			return broken(q, VQ_BAD_NEXT);
		index = d.next;
	}
}

int virtqueue_pop(struct virtqueue *q, struct virtqueue_request *r)
{
	uint16_t avail, head;

	if (!q->started || q->fault != VQ_GOOD)
		return q->fault != VQ_GOOD ? -1 : 0;
	avail = load(&q->avail[1]);
	if (avail == q->last_avail) {
		/* Rung from now on: the wish must be visible before the ring
		 * is found empty, or a driver that adds in between reads the
		 * old wish and does not ring. */
		if (q->event_idx)
			store(&q->used[2 + 4 * q->size], avail);
		atomic_thread_fence(memory_order_seq_cst);
		avail = load(&q->avail[1]);
		if (avail == q->last_avail)
			return 0;
	}
	if ((uint16_t)(avail - q->last_avail) > q->size) {
		broken(q, VQ_BAD_AVAIL);
		return -1;
	}
	head = load(&q->avail[2 + q->last_avail % q->size]);
	if (head >= q->size) {
		broken(q, VQ_BAD_HEAD);
		return -1;
	}
	r->head = head;
	r->out_count = r->in_count = 0;
	r->out_bytes = r->in_bytes = 0;
	if (!walk(q, r, q->desc, q->size, head, false))
		return -1;
	q->last_avail++;
	return 1;
}

void virtqueue_unpop(struct virtqueue *q)
{
	q->last_avail--;
}

void virtqueue_push_all(struct virtqueue *q, const struct virtqueue_used *used,
			unsigned count)
{
	if (!q->started)
		return;
	for (unsigned i = 0; i < count; i++) {
		memcpy(&q->used[2 + 4 * (q->used_idx % q->size)], &used[i],
		       sizeof used[i]);
		q->used_idx++;
	}
	store(&q->used[1], q->used_idx);
}

void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written)
{
	virtqueue_push_all(q, &(struct virtqueue_used){head, written}, 1);
}

bool virtqueue_should_interrupt(struct virtqueue *q)
{
	uint16_t before = q->signalled, event;
	bool first = !q->signalled_valid;

	if (!q->started)
		return false;
	/* what was pushed must be visible before the wish is read */
	atomic_thread_fence(memory_order_seq_cst);
	if (!q->event_idx)
		return !(load(&q->avail[0]) & AVAIL_NO_INTERRUPT);
	event = load(&q->avail[2 + q->size]);
	q->signalled = q->used_idx;
	q->signalled_valid = true;
	return first || (uint16_t)(q->used_idx - event - 1) <
			    (uint16_t)(q->used_idx - before);
}

struct virtqueue_state virtqueue_look(const struct virtqueue *q)
{
	struct virtqueue_state state = {
	    .taken = q->last_avail,
	    .used = q->used_idx,
	};

	if (q->started) {
		state.available = load(&q->avail[1]);
		state.ring_at = load(&q->used[2 + 4 * q->size]);
		state.interrupt_at = load(&q->avail[2 + q->size]);
	}
	return state;
}

static size_t copy(const struct iovec *parts, unsigned count, uint64_t offset,
		   void *out, const void *in, size_t bytes)
{
	size_t done = 0;

	for (unsigned i = 0; i < count && done < bytes; i++) {
		size_t length = parts[i].iov_len, step;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		step = length - offset < bytes - done ? length - offset
						      : bytes - done;
		if (out)
			memcpy((char *)out + done,
			       (char *)parts[i].iov_base + offset, step);
		else
			memcpy((char *)parts[i].iov_base + offset,
			       (const char *)in + done, step);
		done += step;
		offset = 0;
	}
	return done;
}

size_t request_read(const struct virtqueue_request *r, uint64_t offset,
		    void *to, size_t bytes)
{
	return copy(r->parts, r->out_count, offset, to, NULL, bytes);
}

size_t request_write(const struct virtqueue_request *r, uint64_t offset,
		     const void *from, size_t bytes)
{
	return copy(r->parts + r->out_count, r->in_count, offset, NULL, from,
		    bytes);
}
