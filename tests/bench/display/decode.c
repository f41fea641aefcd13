/* decode.c - Raw, CopyRect and ZRLE; decode-tight.c has Tight. */
#include "tests/bench/display/decode-private.h"

#include <stdlib.h>
#include <string.h>

struct decoder *decoder_create(struct wire *wire)
{
	struct decoder *self = calloc(1, sizeof *self);
	self->wire = wire;
	for (unsigned i = 0; i < 4; i++)
		inflateInit(&self->tight[i]);
	inflateInit(&self->zrle);
	self->video = video_create();
	return self;
}

void decoder_destroy(struct decoder *self)
{
	for (unsigned i = 0; i < 4; i++)
		inflateEnd(&self->tight[i]);
	inflateEnd(&self->zrle);
	video_destroy(self->video);
	free(self->in);
	free(self->out);
	free(self->pixels);
	free(self);
}

void decoder_resize(struct decoder *self, unsigned width, unsigned height)
{
	free(self->pixels);
	self->pixels = calloc((size_t)width * height + 1, 4);
	self->width = width;
	self->height = height;
}

uint32_t *decoder_pixels(struct decoder *self)
{
	return self->pixels;
}

unsigned decoder_width(const struct decoder *self)
{
	return self->width;
}

unsigned decoder_height(const struct decoder *self)
{
	return self->height;
}

unsigned decoder_refused(const struct decoder *self)
{
	return video_refused(self->video);
}

unsigned decoder_jpegs(const struct decoder *self)
{
	return self->jpegs;
}

uint8_t *decoder_take(struct decoder *self, size_t bytes)
{
	if (bytes > self->in_size) {
		self->in = realloc(self->in, bytes);
		self->in_size = bytes;
	}
	wire_read(self->wire, self->in, bytes);
	return self->in;
}

uint8_t *decoder_room(struct decoder *self, size_t bytes)
{
	if (bytes > self->out_size) {
		self->out = realloc(self->out, bytes);
		self->out_size = bytes;
	}
	return self->out;
}

static void raw(struct decoder *self, unsigned x, unsigned y, unsigned w,
		unsigned h)
{
	for (unsigned row = 0; row < h; row++) {
		uint32_t *to =
		    self->pixels + (size_t)(y + row) * self->width + x;
		wire_read(self->wire, to, w * 4u);
		for (unsigned i = 0; i < w; i++)
			to[i] &= 0xffffff;
	}
}

static void copy(struct decoder *self, unsigned x, unsigned y, unsigned w,
		 unsigned h)
{
	unsigned from_x = wire_u16(self->wire), from_y = wire_u16(self->wire);
	if (from_x + w > self->width || from_y + h > self->height)
		die("a CopyRect from outside the screen");
	for (unsigned i = 0; i < h; i++) {
		unsigned row = from_y < y ? h - 1 - i : i;
		memmove(self->pixels + (size_t)(y + row) * self->width + x,
			self->pixels + (size_t)(from_y + row) * self->width +
			    from_x,
			w * 4u);
	}
}

/* ---- ZRLE ---- */

struct span {
	const uint8_t *at, *end;
};

static uint8_t span_u8(struct span *s)
{
	if (s->at == s->end)
		die("ZRLE data is too short");
	return *s->at++;
}

static uint32_t span_pixel(struct span *s)
{
	if (s->end - s->at < 3)
		die("ZRLE data is too short");
	s->at += 3;
	return s->at[-3] | s->at[-2] << 8 | (uint32_t)s->at[-1] << 16;
}

static unsigned span_run(struct span *s)
{
	unsigned total = 1, more;
	do
		total += more = span_u8(s);
	while (more == 255);
	return total;
}

static void zrle_tile(struct span *s, uint32_t *to, size_t stride, unsigned w,
		      unsigned h)
{
	uint32_t palette[128];
	unsigned form = span_u8(s), colours = form & 127;
	for (unsigned i = 0; i < colours; i++)
		palette[i] = span_pixel(s);
	if (form < 128 && form > 1) {
		unsigned bits = colours <= 2 ? 1 : colours <= 4 ? 2 : 4;
		for (unsigned y = 0; y < h; y++) {
			unsigned byte = 0, left = 0;
			for (unsigned x = 0; x < w; x++) {
				if (!left) {
					byte = span_u8(s);
					left = 8;
				}
				left -= bits;
				to[y * stride + x] =
				    palette[byte >> left & ((1u << bits) - 1)];
			}
		}
		return;
	}
	uint32_t colour = form == 1 ? palette[0] : 0;
	unsigned run = form == 1 ? w * h : 0;
	for (unsigned y = 0; y < h; y++)
		for (unsigned x = 0; x < w; x++) {
			if (!run && form <= 128) {
				colour = span_pixel(s);
				run = form ? span_run(s) : 1;
			} else if (!run) {
				unsigned index = span_u8(s);
				colour = palette[index & 127];
				run = index & 128 ? span_run(s) : 1;
			}
			run--;
			to[y * stride + x] = colour;
		}
}

static void zrle(struct decoder *self, unsigned x, unsigned y, unsigned w,
		 unsigned h)
{
	size_t packed = wire_u32(self->wire);
	z_stream *z = &self->zrle;
	z->next_in = decoder_take(self, packed);
	z->avail_in = (unsigned)packed;
	/* no tile is longer than raw pixels in runs of one, and a byte */
	size_t room = (size_t)w * h * 5 + (w / 64 + 1) * (h / 64 + 1) * 400;
	uint8_t *out = decoder_room(self, room);
	z->next_out = out;
	z->avail_out = (unsigned)room;
	int code = inflate(z, Z_SYNC_FLUSH);
	if ((code != Z_OK && code != Z_BUF_ERROR) || z->avail_in)
		die("ZRLE: zlib says %d", code);
	struct span s = {out, z->next_out};
	for (unsigned ty = 0; ty < h; ty += 64)
		for (unsigned tx = 0; tx < w; tx += 64)
			zrle_tile(&s,
				  self->pixels +
				      (size_t)(y + ty) * self->width + x + tx,
				  self->width, w - tx < 64 ? w - tx : 64,
				  h - ty < 64 ? h - ty : 64);
	if (s.at != s.end)
		die("ZRLE data is %td bytes too long", s.end - s.at);
}

bool decoder_rect(struct decoder *self, unsigned x, unsigned y, unsigned w,
		  unsigned h, int32_t encoding)
{
	if (encoding < 0)
		return false;
	if (x + w > self->width || y + h > self->height)
		die("a rectangle outside the screen: %u %u %u %u", x, y, w, h);
	if (encoding == ENC_RAW)
		raw(self, x, y, w, h);
	else if (encoding == ENC_COPYRECT)
		copy(self, x, y, w, h);
	else if (encoding == ENC_TIGHT)
		decoder_tight(self, x, y, w, h);
	else if (encoding == ENC_ZRLE)
		zrle(self, x, y, w, h);
	else if (encoding == ENC_H264)
		video_decode(self->video, self->wire, x, y, w, h, self->pixels,
			     self->width);
	else
		return false;
	return true;
}
