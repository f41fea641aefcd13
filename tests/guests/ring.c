/* ring.c - a good driver, then a hostile one for each rule of a virtqueue.
 * The device is the entropy source: it has one queue, writes only, and any
 * request is legal, so what fails is the ring alone. */
#include "guest.h"

static struct queue q;
static struct vdev v;
static uint8_t buffer[256] __attribute__((aligned(64)));
static struct desc table[VQ_SIZE + 1] __attribute__((aligned(64)));

#define INDIRECT (1ull << 28)
#define EVENT    (1ull << 29)

static void fresh(uint64_t features)
{
	vdev_begin(&v, features);
	vdev_queue(&v, 0, &q);
	vdev_ready(&v);
}

static bool works(void)
{
	fresh(0);
	q.desc[0] = part(buffer, 64, F_WRITE, 0);
	queue_offer(&q, 0);
	return queue_wait(&q) == 64;
}

/* The device must ask for a reset, and work again after it. */
static void refused(const char *text)
{
	bool failed = vdev_failed(&v);

	report(failed && works(), text);
}

static void good(void)
{
	unsigned changed = 0;

	fresh(0);
	q.desc[0] = part(buffer, sizeof buffer, F_WRITE, 0);
	queue_offer(&q, 0);
	report(queue_wait(&q) == 256, "Ring: one writable part is filled");
	for (unsigned i = 0; i < sizeof buffer; i++)
		changed += buffer[i] != 0;
	report(changed > 200, "Entropy: the bytes are not zeroes");
	q.desc[1] = part(buffer, 16, F_WRITE | F_NEXT, 2);
	q.desc[2] = part(buffer + 16, 16, F_WRITE, 0);
	queue_offer(&q, 1);
	report(queue_wait(&q) == 32, "Ring: a chain of two is filled");

	fresh(INDIRECT);
	table[0] = part(buffer, 8, F_WRITE | F_NEXT, 1);
	table[1] = part(buffer + 8, 8, F_WRITE, 0);
	q.desc[0] = part(table, 32, F_INDIRECT, 0);
	queue_offer(&q, 0);
	report(queue_wait(&q) == 16, "Ring: an indirect table is followed");

	fresh(0);
	for (unsigned i = 0; i < 40; i++) {
		q.desc[i % VQ_SIZE] = part(buffer, 4, F_WRITE, 0);
		queue_offer(&q, i % VQ_SIZE);
		if (queue_wait(&q) != 4)
			break;
	}
	report(q.used.index == 40, "Ring: indices run past the size");
}

static void interrupt(void)
{
	uint32_t before;

	vdev_begin(&v, EVENT);
	vdev_queue(&v, 0, &q);
	vdev_msix(&v, 0, 1, 0x60);
	vdev_ready(&v);
	q.desc[0] = part(buffer, 4, F_WRITE, 0);
	before = interrupts[0x60];
	queue_offer(&q, 0);
	report(wait_interrupt(0x60, before + 1),
	       "MSI-X: a used buffer raises the queue's vector");
	q.avail.event = 100; /* far ahead: not wanted yet */
	before = interrupts[0x60];
	queue_offer(&q, 0);
	queue_wait(&q);
	queue_wait(&q);
	wait_us(2000);
	report(interrupts[0x60] == before,
	       "Event index: no interrupt before the wanted one");
	/* masked: pending, fired at the unmask */
	q.avail.event = q.used.index;
	MMIO32(v.msix + 16 + 12) = 1;
	queue_offer(&q, 0);
	queue_wait(&q);
	wait_us(2000);
	report(interrupts[0x60] == before, "MSI-X: a masked vector is silent");
	report(MMIO32(v.msix + 0x1000) & 2, "MSI-X: and shows as pending");
	MMIO32(v.msix + 16 + 12) = 0;
	report(wait_interrupt(0x60, before + 1),
	       "MSI-X: and fires when unmasked");
}

static void transport(void)
{
	report(!vdev_begin(&v, 1ull << 20),
	       "Features: one that is not offered is refused");
	MMIO8(v.common + 0x14) = 0;
	report(vdev_status(&v) == 0, "Reset: the status reads 0");
	report(MMIO16(v.common + 0x1a) == 0xffff, "Reset: no vector is set");
	vdev_begin(&v, 0);
	MMIO16(v.common + 0x16) = 9;
	report(MMIO16(v.common + 0x18) == 0, "Queue 9: has no size");
	MMIO16(v.common + 0x16) = 0;
	MMIO16(v.common + 0x1a) = 77;
	report(MMIO16(v.common + 0x1a) == 0xffff,
	       "Vector 77: is refused with 0xffff");
	vdev_queue(&v, 0, &q);
	MMIO64(v.common + 0x20) = 0x1234560;
	report(MMIO64(v.common + 0x20) == (uintptr_t)q.desc,
	       "Frozen: an enabled queue does not move");
	MMIO16(v.common + 0x18) = 8;
	report(MMIO16(v.common + 0x18) == VQ_SIZE,
	       "Frozen: nor does its size change");
	/* sizing BAR 0, then back: nothing is lost */
	uint32_t bar = MMIO32(CFG(v.slot, 0x10));

	MMIO32(CFG(v.slot, 0x10)) = 0xffffffff;
	report((MMIO32(CFG(v.slot, 0x10)) & ~15u) == 0xffff8000,
	       "BAR 0: tells its size");
	MMIO32(CFG(v.slot, 0x10)) = 0xfd000000;
	report(MMIO16(0xfd000000 + 0x12) == 1, "BAR 0: moves");
	MMIO32(CFG(v.slot, 0x10)) = 0xfee00000;
	MMIO32(CFG(v.slot, 0x10)) = 0xb0000000;
	report(MMIO32(CFG(0, 0)) == 0x29c08086,
	       "BAR 0: laid over ECAM takes nothing from it");
	MMIO32(CFG(v.slot, 0x10)) = bar;
	report(works(), "BAR 0: works after it came back, doorbell included");
}

static void start_raw(unsigned size, uint64_t desc, uint64_t avail,
		      uint64_t used)
{
	vdev_begin(&v, 0);
	vdev_queue_raw(&v, 0, size, desc, avail, used);
	vdev_ready(&v);
}

static void hostile(void)
{
	uint64_t d = (uintptr_t)q.desc, a = (uintptr_t)&q.avail;
	uint64_t u = (uintptr_t)&q.used;

	start_raw(0, d, a, u);
	refused("Size 0: refused");
	start_raw(12, d, a, u);
	refused("Size 12, no power of two: refused");
	start_raw(32768, d, a, u);
	refused("Size 32768, beyond the offer: refused");
	start_raw(16, ~0ull - 15, a, u);
	refused("Descriptors that wrap around the end: refused");
	start_raw(16, 0x7fffffff0000, a, u);
	refused("Descriptors outside memory: refused");
	start_raw(16, d, a, 0xb0000000);
	refused("Used ring over registers: refused");
	start_raw(16, d + 8, a, u);
	refused("Descriptors misaligned: refused");
	start_raw(16, d, 0x9fff0, u);
	refused("Available ring across the end of a region: refused");

	fresh(0);
	queue_offer(&q, VQ_SIZE);
	refused("Head beyond the queue: needs reset");
	fresh(0);
	q.desc[0] = part(buffer, 4, F_WRITE | F_NEXT, 16);
	queue_offer(&q, 0);
	refused("Next beyond the queue: needs reset");
	fresh(0);
	q.desc[0] = part(buffer, 4, F_WRITE | F_NEXT, 1);
	q.desc[1] = part(buffer, 4, F_WRITE | F_NEXT, 0);
	queue_offer(&q, 0);
	refused("Chain that loops: needs reset");
	fresh(0);
	q.avail.index = 100;
	queue_offer(&q, 0);
	refused("Index that runs ahead of the ring: needs reset");
	fresh(0);
	q.desc[0] = part((void *)0xfffffffffffff000ull, 0x2000, F_WRITE, 0);
	queue_offer(&q, 0);
	refused("Part that wraps around the end: needs reset");
	fresh(0);
	q.desc[0] = part((void *)0x9ff00, 0x1000, F_WRITE, 0);
	queue_offer(&q, 0);
	refused("Part across two regions: needs reset");
	fresh(0);
	q.desc[0] = part((void *)0xfee00000, 0x1000, F_WRITE, 0);
	queue_offer(&q, 0);
	refused("Part over registers: needs reset");
	fresh(0);
	q.desc[0] = part(buffer, 0, F_WRITE, 0);
	queue_offer(&q, 0);
	refused("Part without length: needs reset");
	fresh(0);
	q.desc[0] = part(buffer, 4, F_WRITE | F_NEXT, 1);
	q.desc[1] = part(buffer, 4, 0, 0);
	queue_offer(&q, 0);
	refused("Readable after writable: needs reset");

	fresh(0);
	table[0] = part(buffer, 8, F_WRITE, 0);
	q.desc[0] = part(table, 16, F_INDIRECT, 0);
	queue_offer(&q, 0);
	refused("Indirect without the feature: needs reset");
	fresh(INDIRECT);
	q.desc[0] = part(table, 17, F_INDIRECT, 0);
	queue_offer(&q, 0);
	refused("Indirect table of 17 bytes: needs reset");
	fresh(INDIRECT);
	q.desc[0] = part(table, 16 * (VQ_SIZE + 1), F_INDIRECT, 0);
	queue_offer(&q, 0);
	refused("Indirect table longer than the queue: needs reset");
	fresh(INDIRECT);
	table[0] = part(table, 16, F_INDIRECT, 0);
	q.desc[0] = part(table, 16, F_INDIRECT, 0);
	queue_offer(&q, 0);
	refused("Indirect inside indirect: needs reset");
	fresh(INDIRECT);
	table[0] = part(buffer, 8, F_WRITE, 0);
	q.desc[0] = part(table, 16, F_INDIRECT | F_NEXT, 1);
	queue_offer(&q, 0);
	refused("Indirect with a next: needs reset");
	fresh(INDIRECT);
	table[0] = part(buffer, 8, F_WRITE | F_NEXT, 5);
	q.desc[0] = part(table, 32, F_INDIRECT, 0);
	queue_offer(&q, 0);
	refused("Next beyond the indirect table: needs reset");
	fresh(INDIRECT);
	q.desc[0] = part((void *)0x7ffffffff000, 16, F_INDIRECT, 0);
	queue_offer(&q, 0);
	refused("Indirect table outside memory: needs reset");

	/* three parts that add up past 4 GiB; each must lie in memory, so
	 * this needs the lengths alone and is refused by place or sum */
	fresh(0);
	q.desc[0] = part((void *)0x100000, 0xf0000000, F_WRITE | F_NEXT, 1);
	q.desc[1] = part((void *)0x100000, 0xf0000000, F_WRITE, 0);
	queue_offer(&q, 0);
	refused("Total beyond 32 bits: needs reset");
}

void main(void)
{
	interrupts_on();
	if (!vdev_find(&v, 4, 0)) {
		report(false, "virtio-rng: is on the bus");
		report_plan();
		return;
	}
	report(true, "virtio-rng: is on the bus");
	report(vdev_features(&v) & 1ull << 32,
	       "Features: VERSION_1 is offered");
	good();
	interrupt();
	transport();
	hostile();
	report_plan();
}
