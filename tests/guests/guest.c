#include "guest.h"

static unsigned tests;
extern uint32_t start_info;
extern char interrupt_stubs[];
extern struct {
	uint16_t low, selector, type, mid;
	uint32_t high, zero;
} idt[256];

void *memset(void *to, int byte, size_t count)
{
	void *at = to;

	__asm__ volatile("rep stosb"
			 : "+D"(at), "+c"(count)
			 : "a"(byte)
			 : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t count)
{
	void *at = to;

	__asm__ volatile("rep movsb"
			 : "+D"(at), "+S"(from), "+c"(count)
			 :
			 : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
	const uint8_t *x = a, *y = b;

	for (; count; count--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void print(const char *text)
{
	size_t count = 0;

	while (text[count])
		count++;
	/* one exit for the whole line where the processor allows */
	__asm__ volatile("rep outsb"
			 : "+S"(text), "+c"(count)
			 : "d"(0x402)
			 : "memory");
}

void print_hex(uint64_t value)
{
	char text[19] = "0x";

	for (int i = 0; i < 16; i++) {
		unsigned digit = value >> (60 - 4 * i) & 15;

		text[2 + i] =
		    (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
	}
	print(text);
}

static void print_number(unsigned value)
{
	char text[11];
	int at = 10;

	text[at] = 0;
	do
		text[--at] = (char)('0' + value % 10);
	while (value /= 10);
	print(text + at);
}

void report(bool good, const char *text)
{
	print(good ? "ok " : "not ok ");
	print_number(++tests);
	print(" - ");
	print(text);
	print("\n");
}

void report_plan(void)
{
	print("1..");
	print_number(tests);
	print("\n");
}

void power_off(void)
{
	outw(0x604, 0x2000);
	for (;;)
		__asm__ volatile("cli; hlt");
}

const char *command_line(void)
{
	return (const char *)(uintptr_t)MMIO64(start_info + 24);
}

void interrupts_on(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uintptr_t at = (uintptr_t)interrupt_stubs + 16 * i;

		idt[i].low = (uint16_t)at;
		idt[i].selector = 8;
		idt[i].type = 0x8e00;
		idt[i].mid = (uint16_t)(at >> 16);
	}
	/* the PIC stays silent, the local APIC is switched on */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	MMIO32(0xfee000f0) = 0x1ff;
	__asm__ volatile("sti");
}

static uint32_t timer(void)
{
	return inl(0x608) & 0xffffff;
}

void wait_us(unsigned us)
{
	uint32_t start = timer();

	while (((timer() - start) & 0xffffff) < us * 3579ull / 1000)
		__asm__ volatile("pause");
}

/* Waits are long against anything the monitor does, short against a test's
 * limit: 2000 rounds of 500 us. */
#define ROUNDS 2000

bool wait_interrupt(unsigned vector, uint32_t count)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (interrupts[vector] >= count)
			return true;
		wait_us(500);
	}
	return false;
}

/* ---- PCI ---- */

unsigned pci_find_virtio(unsigned id, unsigned nth)
{
	for (unsigned slot = 1; slot < 32; slot++)
		if (MMIO32(CFG(slot, 0)) == ((0x1040u + id) << 16 | 0x1af4) &&
		    nth-- == 0)
			return slot;
	return 0;
}

uint32_t pci_bar(unsigned slot, unsigned index)
{
	return MMIO32(CFG(slot, 0x10 + 4 * index)) & ~15u;
}

/* ---- virtio ---- */

bool vdev_find(struct vdev *v, unsigned id, unsigned nth)
{
	uint32_t bar;

	memset(v, 0, sizeof *v);
	v->slot = pci_find_virtio(id, nth);
	if (!v->slot)
		return false;
	for (uint8_t at = MMIO8(CFG(v->slot, 0x34)); at;
	     at = MMIO8(CFG(v->slot, at + 1))) {
		uint32_t place;

		if (MMIO8(CFG(v->slot, at)) == 0x11) {
			place = MMIO32(CFG(v->slot, at + 4));
			v->msix = pci_bar(v->slot, place & 7) + (place & ~7u);
			MMIO16(CFG(v->slot, at + 2)) = 0x8000;
			continue;
		}
		if (MMIO8(CFG(v->slot, at)) != 9)
			continue;
		bar = pci_bar(v->slot, MMIO8(CFG(v->slot, at + 4)));
		place = bar + MMIO32(CFG(v->slot, at + 8));
		switch (MMIO8(CFG(v->slot, at + 3))) {
		case 1:
			v->common = place;
			break;
		case 2:
			v->notify = place;
			v->notify_step = MMIO32(CFG(v->slot, at + 16));
			break;
		case 3:
			v->isr = place;
			break;
		case 4:
			v->device = place;
			break;
		}
	}
	return v->common && v->notify;
}

uint64_t vdev_features(struct vdev *v)
{
	uint64_t low;

	MMIO32(v->common) = 0;
	low = MMIO32(v->common + 4);
	MMIO32(v->common) = 1;
	return low | (uint64_t)MMIO32(v->common + 4) << 32;
}

bool vdev_begin(struct vdev *v, uint64_t features)
{
	MMIO8(v->common + 0x14) = 0;
	MMIO8(v->common + 0x14) = ACKNOWLEDGE | DRIVER;
	features |= 1ull << 32;
	MMIO32(v->common + 8) = 0;
	MMIO32(v->common + 12) = (uint32_t)features;
	MMIO32(v->common + 8) = 1;
	MMIO32(v->common + 12) = (uint32_t)(features >> 32);
	MMIO8(v->common + 0x14) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
	return MMIO8(v->common + 0x14) & FEATURES_OK;
}

void vdev_queue_raw(struct vdev *v, unsigned index, unsigned size,
		    uint64_t desc, uint64_t avail, uint64_t used)
{
	MMIO16(v->common + 0x16) = (uint16_t)index;
	MMIO16(v->common + 0x18) = (uint16_t)size;
	MMIO64(v->common + 0x20) = desc;
	MMIO64(v->common + 0x28) = avail;
	MMIO64(v->common + 0x30) = used;
	MMIO16(v->common + 0x1c) = 1;
}

void vdev_queue(struct vdev *v, unsigned index, struct queue *q)
{
	memset(q, 0, sizeof *q);
	q->index = index;
	vdev_queue_raw(v, index, VQ_SIZE, (uintptr_t)q->desc,
		       (uintptr_t)&q->avail, (uintptr_t)&q->used);
	q->bell = v->notify + MMIO16(v->common + 0x1e) * v->notify_step;
}

void vdev_msix(struct vdev *v, unsigned queue, unsigned entry, unsigned vector)
{
	MMIO32(v->msix + 16 * entry) = 0xfee00000;
	MMIO32(v->msix + 16 * entry + 4) = 0;
	MMIO32(v->msix + 16 * entry + 8) = vector;
	MMIO32(v->msix + 16 * entry + 12) = 0;
	MMIO16(v->common + 0x16) = (uint16_t)queue;
	MMIO16(v->common + 0x1a) = (uint16_t)entry;
}

void vdev_ready(struct vdev *v)
{
	MMIO8(v->common + 0x14) =
	    ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
}

uint8_t vdev_status(struct vdev *v)
{
	return MMIO8(v->common + 0x14);
}

void queue_offer(struct queue *q, unsigned head)
{
	q->avail.ring[q->avail.index % VQ_SIZE] = (uint16_t)head;
	__asm__ volatile("mfence" : : : "memory");
	q->avail.index++;
	__asm__ volatile("mfence" : : : "memory");
	MMIO16(q->bell) = (uint16_t)q->index;
}

int queue_wait(struct queue *q)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (q->used.index != q->seen)
			return (int)q->used.ring[q->seen++ % VQ_SIZE].bytes;
		wait_us(500);
	}
	return -1;
}

bool vdev_failed(struct vdev *v)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (vdev_status(v) & NEEDS_RESET)
			return true;
		wait_us(500);
	}
	return false;
}
