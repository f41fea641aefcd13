/* net.c - a network card with somebody at its other end: answers each frame
 * with one that tells its length and the sum of its bytes, until it gets one
 * that begins with 0xee or the link falls. One that begins with 0xdd lets it
 * first send more than any socket holds. */
#include "guest.h"

enum { BUFFERS = 16, BYTES = 2048, HEADER = 12, RX = 0, TX = 1 };
enum { FLOOD = 20, FLOOD_BYTES = 65000 };

static struct queue rx, tx;
static struct vdev v;
static uint8_t buffers[BUFFERS][BYTES] __attribute__((aligned(4096)));
static struct {
	uint8_t header[HEADER], ethernet[12];
	uint16_t type;
	uint32_t bytes, sum, number;
	uint8_t rest[34];
} __attribute__((packed)) answer;

static uint8_t flood[FLOOD_BYTES];

static bool link_up(void)
{
	return MMIO16(v.device + 6) & 1;
}

static void offer(unsigned i)
{
	rx.desc[i] = part(buffers[i], BYTES, F_WRITE, 0);
	queue_offer(&rx, i);
}

/* The next used buffer, or -1 when the link fell first. */
static int next(uint32_t *bytes)
{
	while (rx.used.index == rx.seen) {
		if (!link_up())
			return -1;
		wait_us(100);
	}
	*bytes = rx.used.ring[rx.seen % VQ_SIZE].bytes;
	return (int)rx.used.ring[rx.seen++ % VQ_SIZE].id;
}

static bool send(uint32_t bytes)
{
	tx.desc[0] = part(&answer, bytes, 0, 0);
	queue_offer(&tx, 0);
	return queue_wait(&tx) == 0;
}

/* Each is taken when there is room for it, or vanishes; each comes back once.
 */
static bool send_flood(void)
{
	for (int i = 0; i < FLOOD; i++) {
		tx.desc[0] = part(flood, sizeof flood, 0, 0);
		queue_offer(&tx, 0);
		while (tx.used.index == tx.seen)
			wait_us(500);
		tx.seen++;
	}
	return tx.used.index == tx.seen;
}

void main(void)
{
	bool sent = true, sane = true, ended = false;

	interrupts_on();
	if (!vdev_find(&v, 1, 0)) {
		report(false, "virtio-net: is on the bus");
		report_plan();
		return;
	}
	vdev_begin(&v, 1 << 5 | 1 << 15 | 1 << 16);
	vdev_queue(&v, RX, &rx);
	vdev_queue(&v, TX, &tx);
	vdev_ready(&v);
	for (unsigned i = 0; i < BUFFERS; i++)
		offer(i);
	memset(answer.ethernet, 0x52, sizeof answer.ethernet);
	answer.type = 0xb588; /* local experiments */
	report(link_up(), "Net: the link is up");
	report(send(sizeof answer), "Net: a frame is taken");
	while (!ended) {
		uint32_t bytes, sum = 0, total = 0, left = 1, at = HEADER;
		uint8_t first = 0;

		for (uint32_t piece = 0; piece < left; piece++, at = 0) {
			int i = next(&bytes);

			if (i < 0)
				goto fell;
			if (piece == 0) {
				left = buffers[i][10] | buffers[i][11] << 8;
				first = buffers[i][HEADER];
			}
			sane = sane && bytes <= BYTES && bytes > at && left;
			/* only the last piece may be short */
			sane = sane && (piece + 1 == left || bytes == BYTES);
			for (uint32_t b = at; b < bytes; b++)
				sum += buffers[i][b];
			total += bytes - at;
			offer((unsigned)i);
		}
		answer.bytes = total;
		answer.sum = sum;
		answer.number++;
		ended = first == 0xee;
		if (first == 0xdd)
			sent = send_flood() && sent;
		sent = send(sizeof answer) && sent;
	}
fell:
	report(sane, "Net: every frame fills its buffers, but the last");
	report(sent, "Net: every answer was taken");
	if (!ended) {
		report(send(sizeof answer),
		       "Net: what is sent into a fallen link vanishes");
		report(!(vdev_status(&v) & NEEDS_RESET),
		       "Net: and the card lives on");
	}
	report_plan();
}
