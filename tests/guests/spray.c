/* spray.c - random values into every port and register, and random rings.
 *
 * The command line is the seed. The generator's state lies outside the image
 * and survives the resets this guest causes, so each life goes on where the
 * last one ended. It never powers off and never reports a panic: those are
 * legal ends, and the test wants a machine that lives. */
#include "guest.h"

#define STATE ((volatile uint64_t *)0x600000)
#define RINGS 0x700000u /* 1 MiB of noise that queues are laid over */

static uint64_t state;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	*STATE = state;
	return state;
}

static uint32_t below(uint32_t limit)
{
	return (uint32_t)((next() >> 16) % limit);
}

/* values that find edges more often than plain noise does */
static uint64_t value(void)
{
	static const uint64_t edges[] = {
	    0,          1,          2,
	    3,          4,          7,
	    8,          0x0f,       0x7f,
	    0x80,       0xff,       0x7fff,
	    0x8000,     0xffff,     0x7fffffff,
	    0x80000000, 0xffffffff, 0x7fffffffffffffff,
	    ~0ull,      RINGS};

	return below(2) ? edges[below(sizeof edges / sizeof edges[0])] : next();
}

static bool forbidden(uint16_t port, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		if (port + i == 0x604 || port + i == 0x605 ||
		    port + i == 0x505 || port + i == 0x402)
			return true;
	return false;
}

static void ports(void)
{
	static const struct {
		uint16_t base, length;
	} known[] = {{0x20, 2},  {0xa0, 2},  {0x40, 4},   {0x60, 8},
		     {0x70, 2},  {0x92, 1},  {0x3f8, 8},  {0x4d0, 2},
		     {0x600, 8}, {0x608, 4}, {0x620, 16}, {0xcf8, 8}};
	unsigned which = below(16), size = 1u << below(3);
	uint16_t port;

	port = which < sizeof known / sizeof known[0]
		   ? (uint16_t)(known[which].base + below(known[which].length))
		   : (uint16_t)next();
	if (forbidden(port, size))
		return;
	if (below(3) == 0) {
		if (size == 1)
			inb(port);
		else if (size == 2)
			inw(port);
		else
			inl(port);
	} else if (size == 1) {
		outb(port, (uint8_t)value());
	} else if (size == 2) {
		outw(port, (uint16_t)value());
	} else {
		outl(port, (uint32_t)value());
	}
}

static void memory(uint64_t at)
{
	switch (below(8)) {
	case 0:
		(void)MMIO8(at);
		break;
	case 1:
		(void)MMIO16(at);
		break;
	case 2:
		(void)MMIO32(at);
		break;
	case 3:
		(void)MMIO64(at);
		break;
	case 4:
		MMIO8(at) = (uint8_t)value();
		break;
	case 5:
		MMIO16(at) = (uint16_t)value();
		break;
	case 6:
		MMIO32(at) = (uint32_t)value();
		break;
	default:
		MMIO64(at) = value();
	}
}

static uint64_t bar_of(unsigned slot)
{
	uint64_t bar = MMIO32(CFG(slot, 0x10)) & ~15u;

	/* one that was moved over our memory or out of our map is no target */
	return bar >= 0xb0000000 && bar < 0xfec00000 ? bar : 0;
}

static void registers(void)
{
	static const uint16_t parts[] = {0x0000, 0x0000, 0x0000, 0x1000,
					 0x2000, 0x3000, 0x4000, 0x5000};
	unsigned slot = 1 + below(16);
	uint64_t bar = bar_of(slot);

	if (below(16) == 0 || !bar)
		memory(CFG(below(32), below(64) ? below(260) : below(4090)));
	else
		memory(bar + parts[below(8)] + below(0x48));
}

/* A device set up as a driver would, over rings of noise. */
static void device(void)
{
	unsigned slot = 1 + below(16);
	uint64_t bar = bar_of(slot);
	uint32_t *noise = (uint32_t *)(uintptr_t)RINGS;

	if (!bar)
		return;
	MMIO16(CFG(slot, 4)) = 6;
	MMIO8(bar + 0x14) = 0;
	MMIO8(bar + 0x14) = 3;
	MMIO32(bar + 8) = 0;
	MMIO32(bar + 12) = (uint32_t)next() & 0x3fffffff;
	if (below(4)) { /* what is offered, so that it is accepted */
		MMIO32(bar) = 0;
		MMIO32(bar + 12) = MMIO32(bar + 4);
	}
	MMIO32(bar + 8) = 1;
	MMIO32(bar + 12) = 1;
	MMIO8(bar + 0x14) = 11;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t at = RINGS + 0x4000 * i;
		uint16_t *ring = (uint16_t *)(uintptr_t)(at + 0x1000);
		struct desc *desc = (struct desc *)(uintptr_t)at;

		for (unsigned d = 0; d < 16; d++) {
			desc[d].at =
			    below(8) ? RINGS + 0x10000 + below(65536) : value();
			desc[d].bytes =
			    below(8) ? below(4096) : (uint32_t)value();
			desc[d].flags = (uint16_t)below(8);
			desc[d].next = (uint16_t)below(18);
			/* plausible commands to be found there */
			noise[0x4000 + below(16384)] =
			    below(2) ? 0x100 + below(12) : below(8);
		}
		ring[0] = (uint16_t)below(2);
		ring[1] = (uint16_t)below(20);
		for (unsigned r = 0; r < 16; r++)
			ring[2 + r] = (uint16_t)below(17);
		MMIO16(bar + 0x16) = (uint16_t)i;
		MMIO16(bar + 0x18) = 16;
		MMIO64(bar + 0x20) = at;
		MMIO64(bar + 0x28) = at + 0x1000;
		MMIO64(bar + 0x30) = at + 0x2000;
		MMIO16(bar + 0x1c) = 1;
	}
	MMIO8(bar + 0x14) = 15;
	for (unsigned i = 0; i < 4; i++)
		MMIO16(bar + 0x3000 + 4 * below(5)) = (uint16_t)i;
}

void main(void)
{
	__asm__ volatile("cli");
	if (*STATE) {
		state = *STATE;
	} else {
		state = 0x9e3779b97f4a7c15;
		for (const char *at = command_line(); *at; at++)
			state = state * 31 + (uint8_t)*at;
		print("started\n");
	}
	for (;;) {
		unsigned what = below(64);

		if (what == 0)
			device();
		else if (what < 24)
			ports();
		else
			registers();
	}
}
