/* touch.c - a touch screen with several fingers: what the host's touches
 * become, one event a line. */
#include "guest.h"

enum { EVENTS = 22, BUFFERS = 8 };

static struct queue q, status;
static struct vdev v;
static struct {
	uint16_t type, code;
	uint32_t value;
} buffers[BUFFERS], log[EVENTS];

/* The types and codes of the protocol with slots ("type B"). */
enum { SYN = 0, KEY = 1, ABS = 3 };
enum { TOUCH = 0x14a, SLOT = 0x2f, X = 0x35, Y = 0x36, ID = 0x39 };

static bool is(unsigned at, unsigned type, unsigned code, uint32_t value)
{
	return log[at].type == type && log[at].code == code &&
	       log[at].value == value;
}

static bool axis(unsigned at, unsigned code)
{
	return log[at].type == ABS && log[at].code == code &&
	       log[at].value > 0 && log[at].value < 0x8000;
}

/* Touches are told in pixels of a picture, so there has to be one. */
static void show(void)
{
	static struct queue control, cursor;
	static uint32_t make[10] = {0x101, 0, 0, 0, 0, 0, 1, 2, 640, 480};
	static uint32_t scanout[12] = {0x103, 0, 0,   0,   0, 0,
				       0,     0, 640, 480, 0, 1};
	static uint32_t answer[6];
	bool good = vdev_find(&v, 16, 0);

	vdev_begin(&v, 0);
	vdev_queue(&v, 0, &control);
	vdev_queue(&v, 1, &cursor);
	vdev_ready(&v);
	control.desc[0] = part(make, sizeof make, F_NEXT, 1);
	control.desc[1] = part(answer, sizeof answer, F_WRITE, 0);
	queue_offer(&control, 0);
	good = good && queue_wait(&control) == 24 && answer[0] == 0x1100;
	control.desc[0] = part(scanout, sizeof scanout, F_NEXT, 1);
	queue_offer(&control, 0);
	report(good && queue_wait(&control) == 24 && answer[0] == 0x1100,
	       "Touch: there is a picture of 640x480");
}

void main(void)
{
	unsigned got = 0;

	interrupts_on();
	show();
	if (!vdev_find(&v, 18, 0)) {
		report(false, "virtio-touch: is on the bus");
		report_plan();
		return;
	}
	vdev_begin(&v, 0);
	vdev_queue(&v, 0, &q);
	vdev_queue(&v, 1, &status);
	vdev_ready(&v);
	MMIO8(v.device) = 0x12; /* one axis: the slots */
	MMIO8(v.device + 1) = SLOT;
	report(MMIO8(v.device + 2) >= 20 && MMIO32(v.device + 12) == 9,
	       "Touch: has ten slots");
	for (unsigned i = 0; i < BUFFERS; i++) {
		q.desc[i] = part(&buffers[i], 8, F_WRITE, 0);
		queue_offer(&q, i);
	}
	print("touch\n");
	for (; got < EVENTS && queue_wait(&q) == 8; got++) {
		log[got] = buffers[got % BUFFERS];
		queue_offer(&q, got % BUFFERS);
	}
	report(got == EVENTS, "Touch: as many events as there should be");
	report(is(0, ABS, SLOT, 0) && is(1, ABS, ID, 0) &&
		   is(2, KEY, TOUCH, 1) && axis(3, X) && axis(4, Y) &&
		   is(5, SYN, 0, 0),
	       "Touch: the first finger comes down");
	report(is(6, ABS, SLOT, 1) && is(7, ABS, ID, 1) && axis(8, X) &&
		   axis(9, Y) && is(10, SYN, 0, 0),
	       "Touch: a second finger has a slot of its own");
	report(is(11, ABS, SLOT, 1) && axis(12, X) && axis(13, Y) &&
		   is(14, SYN, 0, 0) && log[12].value > log[8].value,
	       "Touch: it moves");
	report(is(15, ABS, SLOT, 0) && is(16, ABS, ID, ~0u) &&
		   is(17, SYN, 0, 0),
	       "Touch: one finger lifts, the screen is still touched");
	report(is(18, ABS, SLOT, 1) && is(19, ABS, ID, ~0u) &&
		   is(20, KEY, TOUCH, 0) && is(21, SYN, 0, 0),
	       "Touch: the last one lifts");
	report_plan();
}
