/* vmm-ring-test.c - a driver and a device on two threads: no ring is lost.
 *
 * With event indexes a driver rings only when the device asked for it, so a
 * wish that becomes visible late, or that lies behind, stops both for ever. */
#include <glib.h>
#include <stdatomic.h>
#include <string.h>

#include "vmm/kvm/virtqueue.h"

#define SIZE     16u
#define REQUESTS 300000u
#define PATIENCE (20 * G_TIME_SPAN_SECOND)

struct ring {
	_Alignas(4096) uint8_t memory[4096];
	struct guest_mem *mem;
	struct virtqueue q;
	_Atomic unsigned bell; /* what an ioeventfd counts */
	atomic_bool over;
	unsigned at_once; /* how many the device wants before it takes any */
};

enum { DESC = 0, AVAIL = 0x400, USED = 0x600 };

static _Atomic uint16_t *word(struct ring *r, unsigned at, unsigned index)
{
	return (_Atomic uint16_t *)(r->memory + at) + index;
}

static void put_descriptor(struct ring *r, unsigned i)
{
	const uint64_t place = 0x800 + 16 * i;
	const uint32_t bytes = 16;

	memcpy(r->memory + DESC + 16 * i, &place, 8);
	memcpy(r->memory + DESC + 16 * i + 8, &bytes, 4);
}

static void ring_init(struct ring *r, unsigned at_once)
{
	memset(r, 0, sizeof *r);
	r->mem = guest_mem_fake(0, r->memory, sizeof r->memory);
	r->q.mem = r->mem;
	virtqueue_reset(&r->q, SIZE);
	r->q.desc_at = DESC;
	r->q.avail_at = AVAIL;
	r->q.used_at = USED;
	r->at_once = at_once;
	for (unsigned i = 0; i < SIZE; i++)
		put_descriptor(r, i);
	g_assert_true(virtqueue_start(&r->q, true, false));
}

/* Takes all there is whenever it is rung; fewer than at_once are put back, as
 * a network card does with buffers that do not hold a frame. */
static void *device(void *data)
{
	struct ring *r = data;
	struct virtqueue_request *request = g_new(struct virtqueue_request, 1);
	unsigned heard = 0;

	while (!atomic_load(&r->over)) {
		unsigned bell = atomic_load(&r->bell), count = 0;
		uint16_t heads[SIZE];

		if (bell == heard)
			continue;
		heard = bell;
		while (virtqueue_pop(&r->q, request) > 0) {
			heads[count++] = request->head;
			if (count < r->at_once)
				continue;
			for (unsigned i = 0; i < count; i++)
				virtqueue_push(&r->q, heads[i], 0);
			count = 0;
		}
		while (count--)
			virtqueue_unpop(&r->q);
	}
	g_free(request);
	return NULL;
}

/* Adds one after another at a changing pace, so that the device finds its ring
 * empty now and then, and rings when asked to. False: the device sleeps
 * although there is work for it. */
static bool drive(struct ring *r)
{
	uint16_t added = 0;
	gint64 begin = g_get_monotonic_time();

	for (unsigned i = 0; i < REQUESTS; i++) {
		uint16_t event;
		unsigned spins = 0;

		for (unsigned pause = i * 7 % 64; pause; pause--)
			__asm__ volatile("" ::: "memory");
		while ((uint16_t)(added - atomic_load(word(r, USED, 1))) >=
		       SIZE)
			if (++spins % 4096 == 0 &&
			    g_get_monotonic_time() > begin + PATIENCE)
				return false;
		atomic_store_explicit(word(r, AVAIL, 2 + added % SIZE),
				      added % SIZE, memory_order_relaxed);
		atomic_store_explicit(word(r, AVAIL, 1), ++added,
				      memory_order_release);
		atomic_thread_fence(memory_order_seq_cst);
		event = atomic_load(word(r, USED, 2 + 4 * SIZE));
		if (event == (uint16_t)(added - 1))
			atomic_fetch_add(&r->bell, 1);
		if (i % 1024 == 0)
			begin = g_get_monotonic_time();
	}
	return true;
}

static void test_ring(gconstpointer at_once)
{
	static struct ring r;
	GThread *thread;
	bool good;

	ring_init(&r, GPOINTER_TO_UINT(at_once));
	thread = g_thread_new("device", device, &r);
	good = drive(&r);
	atomic_store(&r.over, true);
	g_thread_join(thread);
	guest_mem_free(r.mem);
	g_assert_true(good);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/vmm-ring/one-at-a-time", GUINT_TO_POINTER(1),
			     test_ring);
	g_test_add_data_func("/vmm-ring/three-or-none", GUINT_TO_POINTER(3),
			     test_ring);
	return g_test_run();
}
