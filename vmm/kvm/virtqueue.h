/* virtqueue.h - a split virtqueue (Virtio 1.2, 2.7), seen by the device.
 *
 * The guest owns the memory and may change it at any time. Therefore: size
 * and addresses are frozen when the queue starts and each ring lies wholly in
 * one memory region; every descriptor is copied once and the copy checked;
 * head and next are below the size, a chain has at most `size` descriptors,
 * an indirect table stands alone, is not nested and obeys the same limit;
 * readable parts come before writable ones; lengths add up within 32 bits;
 * every part lies in one region. Anything else makes the queue broken for
 * good: virtqueue_pop() says so and the device fails.
 *
 * Threads: under the device's lock. Units: bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/kvm/memory.h"

#define VIRTQUEUE_SIZE_MAX 1024u /* deepest ring any device here offers */

enum virtqueue_fault {
	VQ_GOOD,
	VQ_BAD_SIZE,
	VQ_BAD_RING,
	VQ_BAD_AVAIL, /* the index moved further than the ring */
	VQ_BAD_HEAD,
	VQ_BAD_NEXT,
	VQ_LOOP,
	VQ_BAD_INDIRECT,
	VQ_NESTED,
	VQ_ORDER, /* readable after writable */
	VQ_TOO_LONG,
	VQ_BAD_ADDRESS,
	VQ_EMPTY_PART,
	VQ_FAULTS,
};
const char *virtqueue_fault_text(enum virtqueue_fault fault);

struct virtqueue {
	const struct guest_mem *mem;
	/* set by the driver before it starts */
	uint16_t size;
	uint64_t desc_at, avail_at, used_at;
	bool enabled;

	/* frozen */
	const struct vring_desc_wire *desc;
	const uint16_t *avail;
	uint16_t *used;
	bool started, event_idx, indirect;
	uint16_t last_avail, used_idx, signalled;
	bool signalled_valid;
	enum virtqueue_fault fault;
};

/* One request. The parts point into guest memory: copy before you check. */
struct virtqueue_request {
	uint16_t head;
	unsigned out_count, in_count; /* readable parts come first */
	uint64_t out_bytes, in_bytes;
	struct iovec parts[VIRTQUEUE_SIZE_MAX];
};

void virtqueue_reset(struct virtqueue *q, uint16_t size);
/* Checks and freezes. false: q->fault says why. */
bool virtqueue_start(struct virtqueue *q, bool event_idx, bool indirect);
/* 1 a request, 0 nothing there, -1 broken (q->fault). Only after a 0 does the
 * driver ring again, so a device takes requests until there is none, or has
 * something else that wakes it. */
int virtqueue_pop(struct virtqueue *q, struct virtqueue_request *request);
/* Takes the last popped request back (only the last, nothing in between). When
 * a 0 came before, the driver rings for what it adds to those given back. */
void virtqueue_unpop(struct virtqueue *q);
/* Gives the request back; written counts bytes put into writable parts. */
void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written);
/* Several at once: the driver sees all of them or none yet. */
struct virtqueue_used {
	uint32_t head, written;
};
void virtqueue_push_all(struct virtqueue *q, const struct virtqueue_used *used,
			unsigned count);
/* Does the driver want an interrupt for what was pushed since the last? */
bool virtqueue_should_interrupt(struct virtqueue *q);

/* Where both sides are, for a report: the driver's index, what was taken of it
 * and given back, and the indexes at which either wants to be woken. */
struct virtqueue_state {
	uint16_t available, taken, used, ring_at, interrupt_at;
};
struct virtqueue_state virtqueue_look(const struct virtqueue *q);

/* Bounded copies out of and into a request's parts; return bytes copied. */
size_t request_read(const struct virtqueue_request *r, uint64_t offset,
		    void *to, size_t bytes);
size_t request_write(const struct virtqueue_request *r, uint64_t offset,
		     const void *from, size_t bytes);
