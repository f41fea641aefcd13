/* blk.c - virtio-blk: a good driver, then requests that make no sense. The
 * disk is 4 MiB of zeroes; what is written here is compared by the test. */
#include "guest.h"

static struct queue q;
static struct vdev v;
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header;
static uint8_t data[4096] __attribute__((aligned(4096))), status;
static struct {
	uint64_t sector;
	uint32_t count, flags;
} range;

static int request(uint32_t type, uint64_t sector, void *at, uint32_t bytes,
		   bool write)
{
	int used;

	header.type = type;
	header.sector = sector;
	status = 0xee;
	q.desc[0] = part(&header, 16, F_NEXT, at ? 1 : 2);
	q.desc[1] = part(at, bytes, F_NEXT | (write ? F_WRITE : 0), 2);
	q.desc[2] = part(&status, 1, F_WRITE, 0);
	queue_offer(&q, 0);
	used = queue_wait(&q);
	return used < 0 ? 0xdead : status;
}

static void fresh(void)
{
	vdev_begin(&v, 0);
	vdev_queue(&v, 0, &q);
	vdev_ready(&v);
}

static bool filled(uint8_t byte, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (data[i] != byte)
			return false;
	return true;
}

static void good(void)
{
	/* "console qcow2": a discard frees whole clusters only */
	bool coarse = !memcmp(command_line() + 8, "qcow2", 5);

	fresh();
	report(MMIO64(v.device) == 8192,
	       "Config: the capacity is 8192 sectors");
	report(MMIO32(v.device + 20) == 512, "Config: a block is 512 bytes");
	memset(data, 0x77, 4096);
	report(request(0, 0, data, 4096, true) == 0 && filled(0, 4096),
	       "Read: a new disk is zeroes");
	memset(data, 0x5a, 4096);
	report(request(1, 8, data, 4096, false) == 0, "Write: is accepted");
	report(request(4, 0, NULL, 0, false) == 0, "Flush: is accepted");
	memset(data, 0, 4096);
	report(request(0, 8, data, 4096, true) == 0 && filled(0x5a, 4096),
	       "Read: returns what was written");
	report(request(0, 15, data, 1024, true) == 0 && data[0] == 0x5a &&
		   data[512] == 0,
	       "Read: across the end of what was written");
	report(request(8, 0, data, 20, true) == 0 && !memcmp(data, "oriel", 6),
	       "Identify: returns the serial number");
	range.sector = 8;
	range.count = 4;
	range.flags = 0;
	report(request(13, 0, &range, 16, false) == 0 &&
		   request(0, 8, data, 4096, true) == 0 && filled(0, 2048) &&
		   data[2048] == 0x5a,
	       "Write zeroes: zeroes just that");
	range.sector = 12;
	report(request(11, 0, &range, 16, false) == 0 &&
		   request(0, 12, data, 2048, true) == 0 &&
		   (coarse || filled(0, 2048)),
	       coarse ? "Discard: of less than a cluster is accepted"
		      : "Discard: reads as zeroes afterwards");
	memset(data, 0xc3, 512);
	report(request(1, 8191, data, 512, false) == 0,
	       "Write: the last sector");
}

static void nonsense(void)
{
	report(request(0, 8192, data, 512, true) == 1,
	       "Read: behind the end is an I/O error");
	report(request(0, 8190, data, 4096, true) == 1,
	       "Read: across the end is an I/O error");
	report(request(0, ~0ull, data, 512, true) == 1,
	       "Read: sector 2^64-1 is an I/O error");
	report(request(1, 0x7fffffffffffffull, data, 512, false) == 1,
	       "Write: an offset beyond 2^63 is an I/O error");
	report(request(0, 0, data, 511, true) == 1,
	       "Read: 511 bytes are an I/O error");
	report(request(99, 0, data, 512, true) == 2, "Type 99: is unsupported");
	range.sector = 8000;
	range.count = 0xffffffff;
	range.flags = 0;
	report(request(11, 0, &range, 16, false) == 1,
	       "Discard: of 2^32-1 sectors is an I/O error");
	range.count = 1;
	range.flags = 0xff;
	report(request(13, 0, &range, 16, false) == 2,
	       "Write zeroes: unknown flags are unsupported");
	report(request(13, 0, &range, 8, false) == 1,
	       "Write zeroes: half a range is an I/O error");
	report(!(vdev_status(&v) & NEEDS_RESET), "None of this needs a reset");

	q.desc[0] = part(&header, 16, 0, 0);
	queue_offer(&q, 0);
	report(vdev_failed(&v), "A request without status: needs reset");
	fresh();
	q.desc[0] = part(&header, 8, F_NEXT, 1);
	q.desc[1] = part(&status, 1, F_WRITE, 0);
	queue_offer(&q, 0);
	report(vdev_failed(&v), "A request with half a header: needs reset");
	fresh();
	report(request(0, 8191, data, 512, true) == 0 && filled(0xc3, 512),
	       "And works after it");
	/* a reset while requests are in flight: they end before it does */
	for (int i = 0; i < 20; i++) {
		fresh();
		header.type = 0;
		header.sector = 0;
		q.desc[0] = part(&header, 16, F_NEXT, 1);
		q.desc[1] = part(data, 4096, F_NEXT | F_WRITE, 2);
		q.desc[2] = part(&status, 1, F_WRITE, 0);
		queue_offer(&q, 0);
		MMIO8(v.common + 0x14) = 0;
		memset(data, 0x11, 4096);
		if (!filled(0x11, 64))
			break;
	}
	wait_us(5000);
	report(filled(0x11, 4096), "Reset: nothing arrives after it");
}

void main(void)
{
	interrupts_on();
	if (!vdev_find(&v, 2, 0)) {
		report(false, "virtio-blk: is on the bus");
		report_plan();
		return;
	}
	good();
	nonsense();
	report_plan();
}
