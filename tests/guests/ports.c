/* ports.c - virtio-console with ports, virtio-input, virtio-net without a
 * cable, balloon: short conversations with each, and with wrong ones. */
#include "guest.h"

static struct queue q[8], status;
static struct vdev v;
static uint8_t buffer[512], out[64];
static struct {
	uint32_t id;
	uint16_t event, value;
} control;

static void to_device(unsigned id, unsigned event, unsigned value)
{
	control.id = id;
	control.event = (uint16_t)event;
	control.value = (uint16_t)value;
	q[3].desc[0] = part(&control, 8, 0, 0);
	queue_offer(&q[3], 0);
	queue_wait(&q[3]);
}

/* one message; true when it is that one (value is not compared) */
static bool from_device(unsigned id, unsigned event)
{
	memset(buffer, 0, sizeof buffer);
	q[2].desc[0] = part(buffer, sizeof buffer, F_WRITE, 0);
	queue_offer(&q[2], 0);
	return queue_wait(&q[2]) >= 8 && buffer[0] == id && buffer[4] == event;
}

static void console(void)
{
	if (!vdev_find(&v, 3, 0)) {
		report(false, "virtio-console: is on the bus");
		return;
	}
	vdev_begin(&v, 2);
	for (unsigned i = 0; i < 6; i++)
		vdev_queue(&v, i, &q[i]);
	vdev_ready(&v);
	report(MMIO32(v.device + 4) == 2, "Console: has two ports");
	to_device(0, 0, 1);
	report(from_device(0, 1) && from_device(1, 1),
	       "Console: announces them when the driver is ready");
	to_device(1, 3, 1);
	report(from_device(1, 7) && !memcmp(buffer + 8, "org.oriel.test", 14),
	       "Port 1: tells its name");
	report(from_device(1, 6), "Port 1: the host has it open");
	to_device(1, 6, 1);
	memcpy(out, "hello host\n", 11);
	q[5].desc[0] = part(out, 11, 0, 0);
	queue_offer(&q[5], 0);
	report(queue_wait(&q[5]) == 0, "Port 1: takes what is sent");
	q[4].desc[0] = part(buffer, 64, F_WRITE, 0);
	queue_offer(&q[4], 0);
	report(queue_wait(&q[4]) == 5 && !memcmp(buffer, "reply", 5),
	       "Port 1: brings the host's answer");
	to_device(4000000000u, 3, 1);
	to_device(77, 6, 1);
	to_device(1, 999, 1);
	q[3].desc[0] = part(&control, 3, 0, 0);
	queue_offer(&q[3], 0);
	report(queue_wait(&q[3]) == 0 && !(vdev_status(&v) & NEEDS_RESET),
	       "Control: ports and events that do not exist are ignored");
	/* leave it to the host: it presses keys from now on */
	print("ready for keys\n");
}

static uint8_t config(uint8_t select, uint8_t sub)
{
	MMIO8(v.device) = select;
	MMIO8(v.device + 1) = sub;
	return MMIO8(v.device + 2);
}

static void keyboard(void)
{
	static struct {
		uint16_t type, code;
		uint32_t value;
	} events[8];

	if (!vdev_find(&v, 18, 0)) {
		report(false, "virtio-keyboard: is on the bus");
		return;
	}
	vdev_begin(&v, 0);
	vdev_queue(&v, 0, &q[6]);
	vdev_queue(&v, 1, &status);
	vdev_ready(&v);
	report(config(1, 0) > 5 && MMIO8(v.device + 8) == 'O',
	       "Input: tells its name");
	report(config(0x11, 1) > 10, "Input: tells its keys");
	report(config(0x11, 3) == 0, "Input: a keyboard has no axes");
	report(config(0xff, 0xff) == 0, "Input: selector 255 is empty");
	memset(events, 0, sizeof events);
	for (unsigned i = 0; i < 8; i++)
		q[6].desc[i] = part(&events[i], 8, F_WRITE, 0);
	for (unsigned i = 0; i < 8; i++)
		queue_offer(&q[6], i);
	print("press A\n");
	bool four = queue_wait(&q[6]) == 8;

	for (unsigned i = 0; i < 3; i++)
		four = queue_wait(&q[6]) == 8 && four;
	report(four && events[0].type == 1 && events[0].code == 30 &&
		   events[0].value == 1 && events[1].type == 0,
	       "Input: a press arrives, closed by SYN_REPORT");
	report(events[2].code == 30 && events[2].value == 0,
	       "Input: and so does the release");
}

static void network(void)
{
	static uint8_t frame[1600];

	if (!vdev_find(&v, 1, 0)) {
		report(false, "virtio-net: is on the bus");
		return;
	}
	vdev_begin(&v, 1 << 5 | 1 << 15 | 1 << 16);
	vdev_queue(&v, 0, &q[0]);
	vdev_queue(&v, 1, &q[1]);
	vdev_ready(&v);
	report(MMIO32(v.device) == 0x12005452, "Net: has its address");
	report(MMIO16(v.device + 6) == 0, "Net: the link is down");
	q[1].desc[0] = part(frame, 12 + 60, 0, 0);
	queue_offer(&q[1], 0);
	report(queue_wait(&q[1]) == 0, "Net: frames without a cable vanish");
	q[1].desc[0] = part(frame, 5, 0, 0);
	queue_offer(&q[1], 0);
	report(queue_wait(&q[1]) == 0, "Net: half a header vanishes too");
}

static void balloon(void)
{
	static uint32_t pages[4] = {0x200, 0xffffffff, 0xb0000, 0x201};

	if (!vdev_find(&v, 5, 0)) {
		report(false, "virtio-balloon: is on the bus");
		return;
	}
	vdev_begin(&v, 1 << 5);
	for (unsigned i = 0; i < 3; i++)
		vdev_queue(&v, i, &q[i]);
	vdev_ready(&v);
	MMIO32(0x200000) = 0x1234;
	MMIO32(0x203000) = 0x5678;
	q[0].desc[0] = part(pages, sizeof pages, 0, 0);
	queue_offer(&q[0], 0);
	report(queue_wait(&q[0]) == 0 && MMIO32(0x200000) == 0,
	       "Balloon: an inflated page is given back");
	report(MMIO32(0x203000) == 0x5678, "Balloon: its neighbour is not");
	q[2].desc[0] = part((void *)0x203000, 4096, F_WRITE, 0);
	queue_offer(&q[2], 0);
	report(queue_wait(&q[2]) == 0 && MMIO32(0x203000) == 0,
	       "Balloon: a reported page is given back");
	report(!(vdev_status(&v) & NEEDS_RESET),
	       "Balloon: pages that do not exist are ignored");
}

void main(void)
{
	interrupts_on();
	network();
	balloon();
	console();
	keyboard();
	report_plan();
}
