/* hda.c - sound: an ICH9 HD Audio controller with the codec of hda-codec.c.
 *
 * One input stream and one output stream. A stream that runs is moved on by
 * the clock: a timer on the I/O loop, and every look at a position, copies
 * what is due between the guest's buffers and audio.h. The guest owns its
 * rings and buffer lists and may write anything there: entries are read when
 * they are used, a step is bounded in bytes and entries, and an address that
 * is no memory is silence.
 *
 * Source: High Definition Audio 1.0a, chapter 3 (registers), 4 (rings). */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/audio.h"
#include "vmm/kvm/hda-codec.h"
#include "vmm/kvm/ioloop.h"
#include "vmm/kvm/pci.h"
#include "vmm/kvm/vm.h"

enum {
	GCAP = 0x00,
	VMAJ = 0x03,
	GCTL = 0x08,
	WAKEEN = 0x0c,
	STATESTS = 0x0e,
	INTCTL = 0x20,
	INTSTS = 0x24,
	WALCLK = 0x30,
	CORBBASE = 0x40,
	CORBWP = 0x48,
	CORBRP = 0x4a,
	CORBCTL = 0x4c,
	CORBSIZE = 0x4e,
	RIRBBASE = 0x50,
	RIRBWP = 0x58,
	RINTCNT = 0x5a,
	RIRBCTL = 0x5c,
	RIRBSTS = 0x5d,
	RIRBSIZE = 0x5e,
	ICOI = 0x60,
	ICII = 0x64,
	ICIS = 0x68,
	DPBASE = 0x70,
	STREAM0 = 0x80,
	STREAM_BYTES = 0x20,
	ALIASES = 0x2000,
	BAR_BYTES = 0x4000,
	REGISTERS = STREAM0 + AUDIO_WAYS * STREAM_BYTES,
	/* of a stream */
	SD_CTL = 0x00,
	SD_STS = 0x03,
	SD_LPIB = 0x04,
	SD_CBL = 0x08,
	SD_LVI = 0x0c,
	SD_FIFOS = 0x10,
	SD_FMT = 0x12,
	SD_BDL = 0x18,
};
#define RUN         2u
#define RING        256u /* entries of both rings, the one size offered */
#define TICK_US     5000u
#define STEP_US_MAX 100000u /* behind by more: what is missing is skipped */
#define ENTRIES_MAX 512u    /* of a buffer list, looked at in one step */

struct stream {
	enum audio_way way;
	bool runs, heard; /* heard: the codec's converter listens to it */
	uint64_t since_us;
	uint64_t frames;   /* since then */
	unsigned entry;    /* of the buffer list */
	uint32_t at;       /* bytes into it */
	uint32_t position; /* bytes into the whole */
};

struct hda {
	struct device device;
	struct pci_device pci;
	pthread_mutex_t lock;
	uint8_t regs[REGISTERS]; /* little-endian, as the guest sees them */
	struct hda_codec codec;
	struct stream streams[AUDIO_WAYS];
	unsigned unread; /* answers since the guest acknowledged */
	uint64_t up_us;  /* since when the wall clock counts */
	bool paused;
	int timer;
	struct iosource source;
	bool ticking;
};

/* which register block is whose: inputs come first */
static const unsigned block[AUDIO_WAYS] = {
    [AUDIO_IN] = STREAM0, [AUDIO_OUT] = STREAM0 + STREAM_BYTES};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint16_t get16(const struct hda *h, unsigned at)
{
	return pci_get16(h->regs + at);
}

static uint32_t get32(const struct hda *h, unsigned at)
{
	return pci_get32(h->regs + at);
}

static gpa_t address(const struct hda *h, unsigned at)
{
	return gpa(((uint64_t)get32(h, at + 4) << 32 | get32(h, at)) &
		   ~0x7full);
}

/* ---- interrupts ---- */

static void update_line(struct hda *h)
{
	uint32_t sts = 0, ctl = get32(h, INTCTL);

	for (unsigned i = 0; i < AUDIO_WAYS; i++) {
		unsigned at = STREAM0 + i * STREAM_BYTES;

		/* completion, FIFO and descriptor errors have alike bits */
		if (h->regs[at + SD_STS] & h->regs[at + SD_CTL] & 0x1c)
			sts |= 1u << i;
	}
	if ((h->regs[RIRBSTS] & h->regs[RIRBCTL] & 5) ||
	    (get16(h, STATESTS) & get16(h, WAKEEN)))
		sts |= 1u << 30;
	if (sts & ctl)
		sts |= 1u << 31;
	pci_put32(h->regs + INTSTS, sts);
	pci_line(&h->pci, sts >> 31 && ctl >> 31);
}

/* ---- streams ---- */

struct entry {
	uint64_t at;
	uint32_t bytes, flags;
};

static bool read_entry(struct hda *h, const struct stream *s, struct entry *e)
{
	struct {
		uint32_t low, high, bytes, flags;
	} untrusted;
	unsigned last = get16(h, block[s->way] + SD_LVI) & 0xff;

	if (s->entry > last ||
	    !guest_read(
		h->device.vm->mem,
		gpa_add(address(h, block[s->way] + SD_BDL), 16ull * s->entry),
		&untrusted, sizeof untrusted))
		return false;
	e->at = pci_get32((uint8_t *)&untrusted.low) |
		(uint64_t)pci_get32((uint8_t *)&untrusted.high) << 32;
	e->bytes = pci_get32((uint8_t *)&untrusted.bytes);
	e->flags = pci_get32((uint8_t *)&untrusted.flags);
	return true;
}

/* Between one piece of the guest's memory and the ends of the sound. */
static void exchange(struct hda *h, const struct stream *s, uint64_t at,
		     uint32_t bytes)
{
	uint8_t *host = guest_ptr(h->device.vm->mem, gpa(at), bytes);

	if (s->way == AUDIO_IN && host)
		audio_record(h->device.vm->audio, host, bytes);
	else if (s->way == AUDIO_OUT && host)
		audio_play(h->device.vm->audio, host, bytes);
}

static void tell_position(struct hda *h, const struct stream *s)
{
	unsigned at = block[s->way];
	uint8_t bytes[4];

	pci_put32(h->regs + at + SD_LPIB, s->position);
	if (!(h->regs[DPBASE] & 1))
		return;
	memcpy(bytes, h->regs + at + SD_LPIB, sizeof bytes);
	guest_write(
	    h->device.vm->mem,
	    gpa_add(address(h, DPBASE), 8ull * ((at - STREAM0) / STREAM_BYTES)),
	    bytes, sizeof bytes);
}

/* Moves a stream on by so many bytes. */
static void move(struct hda *h, struct stream *s, uint64_t bytes)
{
	unsigned at = block[s->way];
	uint32_t whole = get32(h, at + SD_CBL);

	for (unsigned i = 0; bytes && i < ENTRIES_MAX; i++) {
		struct entry e;
		uint32_t step;

		if (!read_entry(h, s, &e)) {
			h->regs[at + SD_STS] |= 0x10; /* descriptor error */
			break;
		}
		step = e.bytes > s->at ? e.bytes - s->at : 0;
		step = (uint32_t)MIN(step, bytes);
		if (step && s->heard)
			exchange(h, s, e.at + s->at, step);
		s->at += step;
		bytes -= step;
		s->position += step;
		if (whole && s->position >= whole)
			s->position %= whole;
		if (s->at < e.bytes)
			continue;
		if (e.flags & 1)
			h->regs[at + SD_STS] |= 4;
		s->at = 0;
		s->entry = s->entry >= (get16(h, at + SD_LVI) & 0xffu)
			       ? 0
			       : s->entry + 1;
	}
	tell_position(h, s);
}

static void advance(struct hda *h, struct stream *s)
{
	unsigned rate, channels, frame;
	uint64_t now = now_us(), due;
	bool plain;

	if (!s->runs || h->paused)
		return;
	hda_format(get16(h, block[s->way] + SD_FMT), &rate, &channels, &frame,
		   &plain);
	if (!rate)
		return;
	due = (now - s->since_us) * rate / 1000000;
	if (due < s->frames)
		return;
	due -= s->frames;
	if (due > (uint64_t)STEP_US_MAX * rate / 1000000) {
		/* the process stood still: go on from here */
		due = (uint64_t)STEP_US_MAX * rate / 1000000;
		s->since_us = now;
		s->frames = 0;
	} else {
		s->frames += due;
	}
	move(h, s, due * frame);
	update_line(h);
}

static void tick_if_needed(struct hda *h)
{
	bool wanted = (h->streams[0].runs || h->streams[1].runs) && !h->paused;

	if (wanted == h->ticking)
		return;
	h->ticking = wanted;
	ioloop_arm(h->timer, wanted ? TICK_US : 0, wanted ? TICK_US : 0);
}

static void on_tick(void *data, uint32_t events)
{
	struct hda *h = data;

	ioloop_drain(h->timer);
	pthread_mutex_lock(&h->lock);
	for (unsigned i = 0; i < AUDIO_WAYS; i++)
		advance(h, &h->streams[i]);
	pthread_mutex_unlock(&h->lock);
}

/* A stream is heard while it runs with a tag that its converter has, in a
 * format that needs no conversion. */
static void hear(struct hda *h, struct stream *s)
{
	const struct hda_converter *c =
	    s->way == AUDIO_OUT ? &h->codec.out : &h->codec.in;
	unsigned rate, channels, frame;
	bool plain, heard;

	hda_format(get16(h, block[s->way] + SD_FMT), &rate, &channels, &frame,
		   &plain);
	heard = s->runs && plain && c->stream &&
		c->stream == h->regs[block[s->way] + SD_CTL + 2] >> 4;
	if (heard == s->heard)
		return;
	s->heard = heard;
	audio_enable(h->device.vm->audio, s->way, heard, rate, channels);
}

static uint8_t volume_of(uint8_t gain)
{
	return (uint8_t)((gain & 0x7f) * 255 / HDA_GAIN_MAX);
}

static void take_converters(struct hda *h)
{
	const struct hda_converter *both[AUDIO_WAYS] = {
	    [AUDIO_OUT] = &h->codec.out, [AUDIO_IN] = &h->codec.in};

	if (!h->codec.changed)
		return;
	h->codec.changed = false;
	for (unsigned i = 0; i < AUDIO_WAYS; i++) {
		const uint8_t *gain = both[i]->gain;

		audio_volume(h->device.vm->audio, i, gain[0] & gain[1] & 0x80,
			     gain[0] & 0x80 ? 0 : volume_of(gain[0]),
			     gain[1] & 0x80 ? 0 : volume_of(gain[1]));
		hear(h, &h->streams[i]);
	}
}

static void run(struct hda *h, struct stream *s, bool runs)
{
	if (runs == s->runs)
		return;
	advance(h, s);
	s->runs = runs;
	s->since_us = now_us();
	s->frames = 0;
	hear(h, s);
	tick_if_needed(h);
}

static void reset_stream(struct hda *h, struct stream *s)
{
	unsigned at = block[s->way];

	run(h, s, false);
	memset(h->regs + at, 0, STREAM_BYTES);
	h->regs[at + SD_STS] = 0x20; /* FIFO ready */
	pci_put16(h->regs + at + SD_FIFOS, 0xff);
	s->entry = s->at = s->position = 0;
}

/* ---- rings of verbs and answers ---- */

static void answer(struct hda *h, uint32_t response)
{
	uint8_t wire[8] = {0};
	uint8_t at = (uint8_t)(get16(h, RIRBWP) + 1);

	pci_put16(h->regs + RIRBWP, at);
	pci_put32(wire, response);
	guest_write(h->device.vm->mem, gpa_add(address(h, RIRBBASE), 8ull * at),
		    wire, sizeof wire);
	h->unread++;
}

static bool full(const struct hda *h)
{
	unsigned limit = get16(h, RINTCNT) & 0xff;

	return h->unread >= (limit ? limit : RING);
}

static void serve_verbs(struct hda *h)
{
	while (h->regs[CORBCTL] & 2 && h->regs[RIRBCTL] & 2 && !full(h)) {
		uint8_t at = (uint8_t)get16(h, CORBRP);
		uint8_t wire[4] = {0};

		if (at == (uint8_t)get16(h, CORBWP))
			break;
		at++;
		h->regs[CORBRP] = at;
		guest_read(h->device.vm->mem,
			   gpa_add(address(h, CORBBASE), 4ull * at), wire,
			   sizeof wire);
		answer(h, hda_codec_verb(&h->codec, pci_get32(wire)));
		/* the last of a ring is told as well */
		if (full(h) || at == (uint8_t)get16(h, CORBWP))
			h->regs[RIRBSTS] |= 1;
	}
	take_converters(h);
}

/* ---- registers ---- */

static void power_on(struct hda *h)
{
	for (unsigned i = 0; i < AUDIO_WAYS; i++)
		run(h, &h->streams[i], false);
	memset(h->regs, 0, sizeof h->regs);
	pci_put16(h->regs + GCAP, 1 << 12 | 1 << 8 | 1 /* out, in, 64 bits */);
	h->regs[VMAJ] = 1;
	h->regs[4] = 0x3c; /* words of payload a frame: output, input */
	h->regs[6] = 0x1d;
	h->regs[CORBSIZE] = h->regs[RIRBSIZE] = 0x42;
	for (unsigned i = 0; i < AUDIO_WAYS; i++)
		reset_stream(h, &h->streams[i]);
	h->unread = 0;
	hda_codec_reset(&h->codec);
	take_converters(h);
}

/* Bits that the guest sets, and those it clears by writing 1. */
static uint8_t writable(unsigned at, uint8_t *clears)
{
	static const uint8_t low[STREAM0] = {
	    [WAKEEN] = 1,          [INTCTL] = 3,          [INTCTL + 3] = 0xc0,
	    [CORBBASE] = 0x80,     [CORBBASE + 1] = 0xff, [CORBBASE + 2] = 0xff,
	    [CORBBASE + 3] = 0xff, [CORBBASE + 4] = 0xff, [CORBBASE + 5] = 0xff,
	    [CORBBASE + 6] = 0xff, [CORBBASE + 7] = 0xff, [CORBWP] = 0xff,
	    [CORBRP + 1] = 0x80,   [CORBCTL] = 3,         [RIRBBASE] = 0x80,
	    [RIRBBASE + 1] = 0xff, [RIRBBASE + 2] = 0xff, [RIRBBASE + 3] = 0xff,
	    [RIRBBASE + 4] = 0xff, [RIRBBASE + 5] = 0xff, [RIRBBASE + 6] = 0xff,
	    [RIRBBASE + 7] = 0xff, [RINTCNT] = 0xff,      [RIRBCTL] = 7,
	    [ICOI] = 0xff,         [ICOI + 1] = 0xff,     [ICOI + 2] = 0xff,
	    [ICOI + 3] = 0xff,     [DPBASE] = 0x81,       [DPBASE + 1] = 0xff,
	    [DPBASE + 2] = 0xff,   [DPBASE + 3] = 0xff,   [DPBASE + 4] = 0xff,
	    [DPBASE + 5] = 0xff,   [DPBASE + 6] = 0xff,   [DPBASE + 7] = 0xff,
	};
	static const uint8_t stream[STREAM_BYTES] = {
	    0x1d, 0,    0xf0, 0,
	    0,    0,    0,    0, /* control */
	    0xff, 0xff, 0xff, 0xff,
	    0xff, 0,    0,    0, /* length, last entry */
	    0,    0,    0xff, 0x7f,
	    0,    0,    0,    0, /* format */
	    0x80, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff,
	};

	*clears = at == STATESTS || at == RIRBSTS ? 5 : 0;
	if (at < STREAM0)
		return low[at];
	if ((at - STREAM0) % STREAM_BYTES == SD_STS)
		*clears = 0x1c;
	return stream[(at - STREAM0) % STREAM_BYTES];
}

static void control_stream(struct hda *h, enum audio_way way, uint8_t before,
			   uint8_t untrusted)
{
	uint8_t *ctl = &h->regs[block[way] + SD_CTL];
	struct stream *s = &h->streams[way];

	if (untrusted & 1) {
		reset_stream(h, s);
		*ctl = 1;
		return;
	}
	*ctl = (uint8_t)((*ctl & ~RUN) | (untrusted & RUN));
	run(h, s, untrusted & RUN);
	hear(h, s);
}

/* What a written byte sets off. */
static void effect(struct hda *h, unsigned at, uint8_t before,
		   uint8_t untrusted)
{
	switch (at) {
	case GCTL:
		if (!(untrusted & 1)) {
			power_on(h);
		} else if (!(before & 1)) {
			h->regs[GCTL] = 1;
			h->regs[STATESTS] = 1; /* codec 0 is there */
		}
		return;
	case RIRBWP + 1:
		if (untrusted & 0x80)
			pci_put16(h->regs + RIRBWP, 0);
		return;
	case CORBRP + 1:
		if (untrusted & 0x80)
			h->regs[CORBRP] = 0;
		return;
	case RIRBSTS:
		if (untrusted & 1)
			h->unread = 0;
		return;
	case ICIS:
		h->regs[ICIS] &= (uint8_t) ~(untrusted & 2);
		if (untrusted & 1) {
			pci_put32(h->regs + ICII,
				  hda_codec_verb(&h->codec, get32(h, ICOI)));
			h->regs[ICIS] = 2;
		}
		return;
	}
	for (unsigned i = 0; i < AUDIO_WAYS; i++)
		if (at == block[i] + SD_CTL)
			control_stream(h, i, before, untrusted);
		else if (at == block[i] + SD_CTL + 2 ||
			 at == block[i] + SD_FMT + 1)
			hear(h, &h->streams[i]);
}

static void hda_write(void *device, uint64_t offset, unsigned size,
		      uint64_t value)
{
	struct hda *h = device;

	for (unsigned i = 0; i < size; i++, value >>= 8) {
		unsigned at = (unsigned)offset + i;
		uint8_t before, bits, clears;

		if (at >= REGISTERS)
			return;
		/* while it is held in reset only that can end */
		if (!(h->regs[GCTL] & 1) && (at < GCTL || at >= GCTL + 4))
			continue;
		before = h->regs[at];
		bits = writable(at, &clears);
		h->regs[at] =
		    (uint8_t)(((before & ~bits) | ((uint8_t)value & bits)) &
			      ~((uint8_t)value & clears));
		effect(h, at, before, (uint8_t)value);
	}
	serve_verbs(h);
	update_line(h);
}

static uint64_t hda_read(void *device, uint64_t offset, unsigned size)
{
	struct hda *h = device;
	uint64_t value = 0;

	/* the second half repeats clock and positions for user space */
	if (offset >= ALIASES)
		offset -= ALIASES;
	if (offset < STREAM0 + AUDIO_WAYS * STREAM_BYTES &&
	    offset + size > STREAM0)
		for (unsigned i = 0; i < AUDIO_WAYS; i++)
			advance(h, &h->streams[i]);
	if (offset < WALCLK + 4 && offset + size > WALCLK)
		pci_put32(h->regs + WALCLK,
			  (uint32_t)((now_us() - h->up_us) * 24));
	for (unsigned i = size; i-- > 0;)
		value = value << 8 |
			(offset + i < REGISTERS ? h->regs[offset + i] : 0);
	return value;
}

static const struct bus_ops registers = {hda_read, hda_write};

/* ---- life ---- */

/* The guest may have allowed the line again. */
static void config_written(struct pci_device *pci, unsigned at, unsigned size)
{
	struct hda *h = pci->data;

	pthread_mutex_lock(&h->lock);
	update_line(h);
	pthread_mutex_unlock(&h->lock);
}

static void hda_reset(struct device *device)
{
	struct hda *h = (struct hda *)device;

	pthread_mutex_lock(&h->lock);
	power_on(h);
	update_line(h);
	pthread_mutex_unlock(&h->lock);
}

static void hda_pause(struct device *device, bool pause)
{
	struct hda *h = (struct hda *)device;

	pthread_mutex_lock(&h->lock);
	for (unsigned i = 0; i < AUDIO_WAYS; i++) {
		advance(h, &h->streams[i]);
		h->streams[i].since_us = now_us();
		h->streams[i].frames = 0;
	}
	h->paused = pause;
	tick_if_needed(h);
	pthread_mutex_unlock(&h->lock);
}

static void hda_destroy(struct device *device)
{
	struct hda *h = (struct hda *)device;

	if (h->source.fd >= 0)
		ioloop_remove(&h->source);
	pci_device_remove(&h->pci);
	if (h->timer >= 0)
		close(h->timer);
	pthread_mutex_destroy(&h->lock);
	g_free(h);
}

static const struct device_ops hda_ops = {
    .reset = hda_reset,
    .pause = hda_pause,
    .destroy = hda_destroy,
};

static struct device *hda_create(struct vm *vm, struct opts *opts,
				 GError **error)
{
	const struct pci_bar bar = {.size = BAR_BYTES, .ops = &registers};
	struct hda *h;
	struct pci_bar own = bar;

	if (vm->audio) {
		fault_set(error, FAULT_CONFLICT, NULL,
			  "A machine has one sound device at most");
		return NULL;
	}
	h = g_new0(struct hda, 1);
	h->device.ops = &hda_ops;
	h->device.vm = vm;
	h->source.fd = -1;
	h->up_us = now_us();
	pthread_mutex_init(&h->lock, NULL);
	for (unsigned i = 0; i < AUDIO_WAYS; i++)
		h->streams[i].way = i;
	pci_device_init(&h->pci, vm, 0x8086, 0x293e, 0x040300, 3, 0x1af4,
			0x1100);
	h->pci.config[0x3d] = 1; /* pin A */
	h->pci.data = h;
	h->pci.written = config_written;
	own.device = h;
	own.lock = &h->lock;
	pci_add_bar(&h->pci, 0, &own);
	h->timer = ioloop_timerfd();
	vm->audio = audio_new(vm);
	if (h->timer < 0 || !pci_device_add(&h->pci, 0, error)) {
		if (h->timer < 0)
			fault_set(error, FAULT_UNAVAILABLE, NULL,
				  "There is no timer for sound: %s",
				  g_strerror(errno));
		hda_destroy(&h->device);
		return NULL;
	}
	power_on(h);
	h->source =
	    (struct iosource){.fd = h->timer, .ready = on_tick, .data = h};
	ioloop_add(vm->io, &h->source, EPOLLIN);
	return &h->device;
}

const struct device_type hda_type = {
    .name = "intel-hda",
    .about = "sound: one output, one input, over Display1",
    .create = hda_create,
};
