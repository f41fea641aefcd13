/* gpu.c - virtio-gpu: paints a picture a test looks at, then lies about
 * everything. The picture is 320x200: left half 0xff0000, right half 0x0000ff
 * but for a 16x16 square of 0x00ff00 at 200,100, flushed last and alone. */
#include "guest.h"

static struct queue q, cq;
static struct vdev v;
static uint32_t command[64], answer[300];
static uint32_t picture[320 * 200] __attribute__((aligned(4096)));

enum { W = 320, H = 200 };

static uint32_t ask(unsigned words, const uint32_t *body)
{
	memcpy(command + 6, body, 4 * (words - 6));
	q.desc[0] = part(command, 4 * words, F_NEXT, 1);
	q.desc[1] = part(answer, sizeof answer, F_WRITE, 0);
	answer[0] = 0;
	queue_offer(&q, 0);
	return queue_wait(&q) < 24 ? 0xdead : answer[0];
}

static uint32_t say(uint32_t type, uint32_t a, uint32_t b, uint32_t c,
		    uint32_t d, uint32_t e, uint32_t f, uint32_t g)
{
	const uint32_t body[8] = {a, b, c, d, e, f, g, 0};

	memset(command, 0, sizeof command);
	command[0] = type;
	return ask(14, body);
}

#define OK          0x1100
#define BAD_SCANOUT 0x1202
#define BAD_ID      0x1203
#define BAD_VALUE   0x1205

static uint32_t attach(uint32_t id, uint64_t at, uint32_t bytes, uint32_t count)
{
	const uint32_t body[6] = {
	    id, count, (uint32_t)at, (uint32_t)(at >> 32), bytes, 0};

	memset(command, 0, sizeof command);
	command[0] = 0x106;
	return ask(12, body);
}

static void fresh(void)
{
	vdev_begin(&v, 2);
	vdev_queue(&v, 0, &q);
	vdev_queue(&v, 1, &cq);
	vdev_ready(&v);
}

static void good(void)
{
	fresh();
	report(MMIO32(v.device + 8) >= 1, "Config: there is a scanout");
	report(say(0x100, 0, 0, 0, 0, 0, 0, 0) == 0x1101 && answer[8] == 1280 &&
		   answer[9] == 800 && answer[10] == 1,
	       "Display info: the first head is 1280x800 and on");
	report(say(0x10a, 0, 0, 0, 0, 0, 0, 0) == 0x1104 && answer[6] == 128 &&
		   answer[8] == 0xffffff00 && answer[9] == 0x00ffffff,
	       "EDID: 128 bytes with the right head");
	report(say(0x101, 1, 2, W, H, 0, 0, 0) == OK, "Create: a resource");
	report(attach(1, (uintptr_t)picture, sizeof picture, 1) == OK,
	       "Attach: its backing");
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			picture[y * W + x] = x < W / 2 ? 0xff0000 : 0x0000ff;
	report(say(0x105, 0, 0, W, H, 0, 0, 1) == OK, "Transfer: all of it");
	report(say(0x103, 0, 0, W, H, 0, 1, 0) == OK, "Scanout: shown");
	report(say(0x104, 0, 0, W, H, 1, 0, 0) == OK, "Flush: all of it");
	for (int y = 100; y < 116; y++)
		for (int x = 200; x < 216; x++)
			picture[y * W + x] = 0x00ff00;
	report(say(0x105, 200, 100, 16, 16, (100 * W + 200) * 4, 0, 1) == OK,
	       "Transfer: a square");
	report(say(0x104, 0, 0, W, H, 1, 0, 0) == OK,
	       "Flush: a whole screen after a small transfer");
	memset(command, 0, sizeof command);
	command[0] = 0x104;
	command[1] = 1;
	command[2] = 0x1234;
	const uint32_t body[6] = {0, 0, W, H, 1, 0};

	report(ask(12, body) == OK && answer[1] == 1 && answer[2] == 0x1234,
	       "Fence: returned with its answer");
}

static void lies(void)
{
	report(say(0x101, 0, 2, 16, 16, 0, 0, 0) == BAD_ID,
	       "Create: resource 0 is refused");
	report(say(0x101, 1, 2, 16, 16, 0, 0, 0) == BAD_ID,
	       "Create: an id in use is refused");
	report(say(0x101, 2, 99, 16, 16, 0, 0, 0) == BAD_VALUE,
	       "Create: format 99 is refused");
	report(say(0x101, 2, 2, 0xffffffff, 2, 0, 0, 0) == BAD_VALUE,
	       "Create: 2^32-1 pixels wide is refused");
	report(say(0x101, 2, 2, 0, 16, 0, 0, 0) == BAD_VALUE,
	       "Create: no width is refused");
	report(say(0x101, 2, 2, 16384, 16384, 0, 0, 0) == 0x1201,
	       "Create: beyond the limit is out of memory");
	report(say(0x103, 0, 0, W, H, 99, 1, 0) == BAD_SCANOUT,
	       "Scanout 99: is refused");
	report(say(0x103, 0, 0, W + 1, H, 0, 1, 0) == BAD_VALUE,
	       "Scanout: wider than its resource is refused");
	report(say(0x103, 0xfffffff0, 0, 32, 32, 0, 1, 0) == BAD_VALUE,
	       "Scanout: a rectangle that wraps is refused");
	report(say(0x103, 0, 0, W, H, 0, 77, 0) == BAD_ID,
	       "Scanout: of no resource is refused");
	report(say(0x105, 0, 0, W, H, 4, 0, 1) == BAD_VALUE,
	       "Transfer: beyond the backing is refused");
	report(say(0x105, 0, 0, W, H, 0xfffffffc, 0xffffffff, 1) == BAD_VALUE,
	       "Transfer: an offset that wraps is refused");
	report(say(0x105, 0, H - 1, W, 2, 0, 0, 1) == BAD_VALUE,
	       "Transfer: below the last row is refused");
	report(say(0x105, 0, 0, W, H, 0, 0, 77) == BAD_ID,
	       "Transfer: to no resource is refused");
	report(say(0x104, 0xffffffff, 0, 2, 2, 1, 0, 0) == BAD_VALUE,
	       "Flush: a rectangle that wraps is refused");
	report(attach(1, (uintptr_t)picture, 16, 1) == BAD_ID,
	       "Attach: twice is refused");
	say(0x101, 3, 2, 16, 16, 0, 0, 0);
	report(attach(3, 0xfffffffffffff000, 0x2000, 1) == BAD_VALUE,
	       "Attach: an address that wraps is refused");
	report(attach(3, 0xb0000000, 0x1000, 1) == BAD_VALUE,
	       "Attach: over registers is refused");
	report(attach(3, (uintptr_t)picture, 1024, 0xffffffff) == BAD_VALUE,
	       "Attach: 2^32-1 entries are refused");
	report(attach(3, (uintptr_t)picture, 1024, 2) == BAD_VALUE,
	       "Attach: more entries than were sent are refused");
	report(say(0x102, 77, 0, 0, 0, 0, 0, 0) == BAD_ID,
	       "Unref: of no resource is refused");
	report(say(0x107, 3, 0, 0, 0, 0, 0, 0) == BAD_ID,
	       "Detach: of nothing is refused");
	report(say(0x999, 0, 0, 0, 0, 0, 0, 0) == 0x1200,
	       "Command 0x999: is refused");
	report(say(0x10a, 99, 0, 0, 0, 0, 0, 0) == BAD_SCANOUT,
	       "EDID: of head 99 is refused");
	q.desc[0] = part(command, 4, F_NEXT, 1);
	q.desc[1] = part(answer, 24, F_WRITE, 0);
	queue_offer(&q, 0);
	report(queue_wait(&q) == 0, "Half a header: is returned unanswered");
	report(!(vdev_status(&v) & NEEDS_RESET), "None of this needs a reset");
}

static void cursor(void)
{
	memset(command, 0, sizeof command);
	command[0] = 0x300;
	command[6] = 99; /* no such head */
	cq.desc[0] = part(command, 56, 0, 0);
	queue_offer(&cq, 0);
	report(queue_wait(&cq) == 0, "Cursor: of head 99 is ignored");
	command[6] = 0;
	command[7] = 10;
	command[8] = 20;
	command[10] = 1; /* 320x200, far too large */
	queue_offer(&cq, 0);
	report(queue_wait(&cq) == 0, "Cursor: a shape of 320x200 is ignored");
}

static bool size_is(unsigned width, unsigned height)
{
	return say(0x100, 0, 0, 0, 0, 0, 0, 0) == 0x1101 &&
	       answer[8] == width && answer[9] == height;
}

static bool event_comes(void)
{
	for (int i = 0; i < 20000; i++) {
		if (MMIO32(v.device) & 1)
			return true;
		wait_us(1000);
	}
	return false;
}

/* As Linux does it: first the questions, last of all the event is cleared. The
 * host asks for 1024x768, and for 800x600 in between. */
static void resized(void)
{
	uint8_t generation;

	fresh();
	print("# waits\n");
	report(event_comes() && size_is(1024, 768),
	       "Event: the host's first size is there");
	generation = MMIO8(v.common + 0x15);
	print("# asked\n");
	for (int i = 0; i < 20000 && MMIO8(v.common + 0x15) == generation; i++)
		wait_us(1000);
	MMIO32(v.device + 4) = 1;
	report(event_comes() && size_is(800, 600),
	       "Event: a size that came before it was cleared is told again");
	report(say(0x10a, 0, 0, 0, 0, 0, 0, 0) == 0x1104, "Event: so is EDID");
	MMIO32(v.device + 4) = 1;
	report(!(MMIO32(v.device) & 1),
	       "Event: what has been read is not told again");
	report_plan();
}

void main(void)
{
	interrupts_on();
	if (!vdev_find(&v, 16, 0)) {
		report(false, "virtio-gpu: is on the bus");
		report_plan();
		return;
	}
	if (command_line()[0] == 'r') {
		resized();
		return;
	}
	good();
	lies();
	cursor();
	report_plan();
	if (command_line()[0] == 's') /* stay: a test looks at the picture */
		for (;;) {
			say(0x105, 0, 0, 8, 8, 0, 0, 1);
			say(0x104, 0, 0, W, H, 1, 0, 0);
			wait_us(20000);
		}
}
