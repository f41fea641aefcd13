/* hda.c - the sound device: a driver that plays and records, then one that
 * writes nonsense into every ring and list. With "play" it goes on playing a
 * ramp for a test to listen to. */
#include "guest.h"

enum { RATE = 48000, BUFFER = 4800 * 4 /* 100 ms of stereo */ };

static uint32_t hda; /* its registers */
static uint32_t corb[256] __attribute__((aligned(128)));
static uint64_t rirb[256] __attribute__((aligned(128)));
static struct {
	uint64_t at;
	uint32_t bytes, flags;
} list[256] __attribute__((aligned(128)));
static int16_t sound[BUFFER / 2] __attribute__((aligned(128)));
static volatile uint32_t positions[32] __attribute__((aligned(128)));

/* its one input comes before its one output */
#define SD_IN  (hda + 0x80)
#define SD_OUT (hda + 0xa0)

static uint32_t verb(uint32_t word)
{
	MMIO16(hda + 0x68) = 2;
	MMIO32(hda + 0x60) = word;
	MMIO16(hda + 0x68) = 1;
	return MMIO16(hda + 0x68) & 2 ? MMIO32(hda + 0x64) : 0xdead;
}

static uint32_t ask(unsigned node, unsigned which, unsigned data)
{
	return verb(node << 20 | which << 8 | data);
}

static void reset(void)
{
	MMIO32(hda + 8) = 0;
	MMIO32(hda + 8) = 1;
}

static bool lives(void)
{
	return ask(0, 0xf00, 0) == 0x1af40022;
}

static void stream(uint32_t sd, unsigned tag, unsigned entries, uint32_t bytes)
{
	MMIO8(sd) = 1;
	MMIO8(sd) = 0;
	MMIO32(sd + 0x18) = (uint32_t)(uintptr_t)list;
	MMIO32(sd + 0x1c) = 0;
	MMIO32(sd + 8) = bytes;
	MMIO16(sd + 0xc) = (uint16_t)(entries - 1);
	MMIO16(sd + 0x12) = 0x0011; /* 48 kHz, 16 bits, stereo */
	MMIO8(sd + 2) = (uint8_t)(tag << 4);
}

static bool comes(uint32_t at, uint8_t bits, bool set)
{
	for (int i = 0; i < 5000; i++) {
		if (!(MMIO8(at) & bits) == !set)
			return true;
		wait_us(1000);
	}
	return false;
}

static void halves(void)
{
	for (unsigned i = 0; i < 2; i++) {
		list[i].at = (uintptr_t)sound + i * (BUFFER / 2);
		list[i].bytes = BUFFER / 2;
		list[i].flags = 1;
	}
}

static void rings(unsigned slot)
{
	unsigned pin = 16 + slot % 4;

	/* the IOAPIC's pin of this slot, as _PRT says, to vector 0x54 */
	MMIO32(0xfec00000) = 0x11 + 2 * pin;
	MMIO32(0xfec00010) = 0;
	MMIO32(0xfec00000) = 0x10 + 2 * pin;
	MMIO32(0xfec00010) = 0x54;
	corb[1] = 1u << 20 | 0xf00 << 8 | 4;
	corb[2] = 2u << 20 | 0xf00 << 8 | 9;
	MMIO32(hda + 0x40) = (uint32_t)(uintptr_t)corb;
	MMIO32(hda + 0x50) = (uint32_t)(uintptr_t)rirb;
	MMIO16(hda + 0x4a) = 0x8000;
	report(MMIO16(hda + 0x4a) & 0x8000, "Verbs: the ring resets");
	MMIO16(hda + 0x4a) = 0;
	MMIO16(hda + 0x58) = 0x8000;
	MMIO16(hda + 0x5a) = 1;
	MMIO8(hda + 0x5c) = 3;
	MMIO8(hda + 0x4c) = 2;
	MMIO32(hda + 0x20) = 0xc0000000;
	MMIO16(hda + 0x48) = 2;
	report((MMIO16(hda + 0x58) & 0xff) == 1 &&
		   (uint32_t)rirb[1] == 0x00020004 && MMIO8(hda + 0x5d) & 1,
	       "Answers: the first is told, the next waits");
	report(MMIO32(hda + 0x24) >> 30 == 3 && wait_interrupt(0x54, 1),
	       "Interrupt: arrives by the slot's line");
	MMIO8(hda + 0x5d) = 1;
	report((MMIO16(hda + 0x58) & 0xff) == 2 &&
		   ((uint32_t)rirb[2] & 0xf0000f) == 0x00000d,
	       "Answers: the next comes once that is acknowledged");
	MMIO8(hda + 0x5d) = 1;
	report(!(MMIO32(hda + 0x24) >> 31), "Interrupt: goes");
}

static void codec(void)
{
	report(ask(1, 0xf00, 5) == 1 && ask(2, 0xf00, 0xa) & 0x20000,
	       "Codec: an audio group, 16 bits");
	report(ask(3, 0xf02, 0) == 2 && ask(3, 0xf00, 0xc) & 0x10,
	       "Codec: a jack for output behind its converter");
	report(ask(4, 0xf02, 0) == 5 && ask(5, 0xf00, 0xc) & 0x20,
	       "Codec: and one for input");
	verb(2u << 20 | 0x3 << 16 | 0xb0ff);
	report(ask(2, 0xb00, 0) == 0xca && ask(2, 0xb20, 0) == 0xca,
	       "Codec: mutes, and knows how loud it can be");
	report(verb(0x30000000) == 0 && ask(99, 0xf00, 0) == 0 &&
		   ask(2, 0xfff, 0xff) == 0,
	       "Codec: others, unknown nodes and verbs answer nothing");
	ask(1, 0x7ff, 0);
	report(ask(2, 0xb20, 0) == 0x4a, "Codec: resets");
}

static void play(void)
{
	uint32_t first, then;

	halves();
	for (unsigned i = 0; i < BUFFER / 4; i++) {
		sound[2 * i] = (int16_t)i;
		sound[2 * i + 1] = (int16_t)-i;
	}
	ask(2, 0x706, 1 << 4);
	MMIO32(hda + 0x70) = (uint32_t)(uintptr_t)positions | 1;
	stream(SD_OUT, 1, 2, BUFFER);
	report(MMIO8(SD_OUT + 3) & 0x20 && MMIO32(SD_OUT + 4) == 0,
	       "Output: is ready, at its beginning");
	MMIO8(SD_OUT) = 2 | 4;
	report(comes(SD_OUT + 3, 4, true), "Output: half a buffer is played");
	MMIO32(hda + 0x20) = 0x80000002;
	report(MMIO32(hda + 0x24) == 0x80000002u, "Output: and told");
	MMIO8(SD_OUT + 3) = 4;
	report(comes(SD_OUT + 3, 4, true), "Output: and the other half");
	first = MMIO32(SD_OUT + 4);
	wait_us(10000);
	then = MMIO32(SD_OUT + 4);
	report(first < BUFFER && then < BUFFER && first != then &&
		   positions[2] < BUFFER && positions[2],
	       "Output: goes round, and says where it is");
}

static void record(void)
{
	memset(sound, 0x55, sizeof sound);
	ask(4, 0x706, 2 << 4);
	stream(SD_IN, 2, 2, BUFFER);
	MMIO8(SD_IN) = 2 | 4;
	report(comes(SD_IN + 3, 4, true) && sound[0] == 0,
	       "Input: nobody speaks, so it is silent");
	MMIO8(SD_IN) = 0;
}

/* Both ways at once over a list that a hostile guest wrote. */
static void lie(const char *text, unsigned entries, uint32_t bytes)
{
	static const uint32_t both[] = {0x80, 0xa0};

	ask(2, 0x706, 1 << 4);
	ask(4, 0x706, 2 << 4);
	for (unsigned i = 0; i < 2; i++)
		stream(hda + both[i], 2 - i, entries, bytes);
	for (unsigned i = 0; i < 2; i++)
		MMIO8(hda + both[i]) = 2 | 4 | 8 | 16;
	wait_us(30000);
	for (unsigned i = 0; i < 2; i++)
		MMIO8(hda + both[i]) = 0;
	report(lives(), text);
}

static void lies(void)
{
	memset(list, 0, sizeof list);
	lie("List: of empty pieces", 256, BUFFER);
	memset(list, 0xff, sizeof list);
	lie("List: of pieces at 2^64-1, 2^32-1 long", 256, 0xffffffff);
	halves();
	list[0].at = hda;
	list[1].at = 0xb0000000;
	lie("List: of registers", 2, BUFFER);
	halves();
	list[0].bytes = 3;
	list[1].bytes = 1;
	lie("List: of pieces that split a sample", 2, 0);
	stream(SD_OUT, 1, 2, BUFFER);
	MMIO32(SD_OUT + 0x18) = 0xffffff80;
	MMIO32(SD_OUT + 0x1c) = 0xffffffff;
	MMIO8(SD_OUT) = 2;
	report(comes(SD_OUT + 3, 0x10, true) && lives(),
	       "List: nowhere, which is a descriptor error");
	for (unsigned format = 0; format < 0x10000; format += 0x777) {
		halves();
		stream(SD_OUT, 1, 2, BUFFER);
		MMIO16(SD_OUT + 0x12) = (uint16_t)format;
		MMIO8(SD_OUT) = 2;
		MMIO32(SD_OUT + 4);
	}
	report(lives(), "Format: many, most of them nonsense");
	MMIO32(hda + 0x70) = 0xfffffff1;
	MMIO32(hda + 0x74) = 0xffffffff;
	wait_us(20000);
	report(lives(), "Positions: told to nowhere");
	MMIO32(hda + 0x40) = 0xffffff80;
	MMIO32(hda + 0x44) = 0xffffffff;
	MMIO32(hda + 0x50) = hda;
	MMIO16(hda + 0x5a) = 0;
	MMIO8(hda + 0x5d) = 1;
	for (unsigned i = 0; i < 600; i++)
		MMIO16(hda + 0x48) = (uint16_t)(i * 7);
	report(lives(), "Verbs: from nowhere, answers into registers");
	for (unsigned at = 0; at < 0x4000; at += 61)
		MMIO64(hda + (at & ~7u)) = ~0ull;
	reset();
	report(MMIO16(hda + 0xe) == 1 && lives(),
	       "Registers: all ones, and after a reset it is as new");
	MMIO32(hda + 8) = 0;
	MMIO8(SD_OUT) = 2;
	report(MMIO8(SD_OUT) == 0 && MMIO32(hda + 8) == 0,
	       "Reset: held in it, it takes nothing");
	reset();
}

void main(void)
{
	unsigned slot = 1;

	interrupts_on();
	while (slot < 32 && MMIO32(CFG(slot, 8)) >> 8 != 0x040300)
		slot++;
	if (slot == 32) {
		report(false, "Sound: is on the bus");
		report_plan();
		return;
	}
	hda = pci_bar(slot, 0);
	MMIO32(hda + 8) = 0;
	report(MMIO32(hda + 8) == 0, "Reset: begins");
	MMIO32(hda + 8) = 1;
	report(MMIO32(hda + 8) == 1 && MMIO16(hda + 0xe) == 1,
	       "Reset: ends, and a codec is there");
	report(MMIO16(hda) == 0x1101 && MMIO8(hda + 3) == 1,
	       "Registers: one stream each way");
	report(lives(), "Verb: answered at once");
	rings(slot);
	codec();
	play();
	if (command_line()[0] == 'p') { /* play: a test listens */
		print("# plays\n");
		for (;;)
			wait_us(100000);
	}
	record();
	lies();
	report_plan();
}
