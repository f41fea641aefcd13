/* plug.c - a driver of the slots' registers: waits for a card that comes,
 * uses it, and lets go of it when asked. */
#include "guest.h"

enum { UP = 0xae00, DOWN = 0xae04, EJECT = 0xae08, GPE = 0x620 };

/* Until general purpose event 1 is raised, which it takes back. */
static bool event(void)
{
	for (int i = 0; i < 60000; i++) {
		if (inb(GPE) & 2) {
			outb(GPE, 2);
			return true;
		}
		wait_us(500);
	}
	return false;
}

static unsigned one_slot(uint32_t bits)
{
	unsigned slot = 0;

	if (!bits || bits & (bits - 1))
		return 0;
	while (!(bits >> slot & 1))
		slot++;
	return slot;
}

void main(void)
{
	static struct queue q;
	static uint8_t bytes[64];
	struct vdev v;
	unsigned slot, random = 0;
	uint32_t asked;

	interrupts_on();
	report(inl(UP) == 0 && inl(DOWN) == 0, "Slots: nothing comes or goes");
	outl(EJECT, 0xffffffff);
	report(MMIO32(CFG(31, 0)) == 0x29188086 && MMIO32(CFG(1, 0)) != ~0u,
	       "Slots: what was there from the start cannot be ejected");
	print("plug\n");
	report(event(), "Slots: an event tells of a card");
	slot = one_slot(inl(UP));
	report(slot > 1 && slot < 31, "Slots: in a slot that was free");
	report(inl(UP) == 0, "Slots: it is told once");
	report(MMIO32(CFG(slot, 0)) == 0x10441af4, "Slots: it is a virtio-rng");
	report(pci_bar(slot, 0) == 0 && !(MMIO32(CFG(slot, 4)) & 6),
	       "Slots: it has no address yet");
	MMIO32(CFG(slot, 0x10)) = ~0u;
	report(pci_bar(slot, 0) == 0xffff8000,
	       "Slots: tells how much it wants");
	MMIO32(CFG(slot, 0x10)) = 0xd0000000;
	MMIO32(CFG(slot, 0x14)) = 0;
	MMIO16(CFG(slot, 4)) = 6;
	report(vdev_find(&v, 4, 0) && vdev_begin(&v, 0),
	       "Slots: and works like any other");
	vdev_queue(&v, 0, &q);
	vdev_ready(&v);
	q.desc[0] = part(bytes, sizeof bytes, F_WRITE, 0);
	queue_offer(&q, 0);
	report(queue_wait(&q) == sizeof bytes, "Slots: here are random bytes");
	for (unsigned i = 0; i < sizeof bytes; i++)
		random |= bytes[i];
	report(random, "Slots: which are no zeroes");
	print("unplug\n");
	report(event(), "Slots: an event asks for the card");
	asked = inl(DOWN);
	report(asked == 1u << slot, "Slots: for that one");
	report(MMIO32(CFG(slot, 0)) == 0x10441af4,
	       "Slots: it stays until it is ejected");
	outl(EJECT, asked);
	for (int i = 0; i < 2000 && MMIO32(CFG(slot, 0)) != ~0u; i++)
		wait_us(500);
	report(MMIO32(CFG(slot, 0)) == ~0u, "Slots: then the slot is empty");
	report(MMIO32(0xd0000000) == ~0u, "Slots: and so is its address");
	report_plan();
}
