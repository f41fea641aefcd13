#include "display/rfb/encoder.h"

#include <string.h>

/* Tight at full colour: 3 or 4 bytes a pixel; ZRLE: 1 more per tile. */
#define VALUES_MAX  (RFB_RECT_SIDE * RFB_RECT_SIDE)
#define SCRATCH_MAX (VALUES_MAX * 5u)

void rfb_coder_init(struct rfb_coder *self)
{
	memset(self, 0, sizeof *self);
	rfb_format_init(&self->format, &rfb_native_format);
	self->compress = 2;
	self->quality = -1;
}

static void end_stream(z_stream *stream, bool *on)
{
	if (*on)
		deflateEnd(stream);
	*on = false;
}

void rfb_coder_finish(struct rfb_coder *self)
{
	end_stream(&self->zlib, &self->zlib_on);
	end_stream(&self->zrle, &self->zrle_on);
	for (int i = 0; i < 4; i++)
		end_stream(&self->tight[i], &self->tight_on[i]);
	g_clear_pointer(&self->values, g_free);
	g_clear_pointer(&self->scratch, g_free);
}

bool rfb_deflate(z_stream *stream, bool *on, int level, const uint8_t *in,
		 size_t length, GByteArray *out)
{
	if (!*on) {
		memset(stream, 0, sizeof *stream);
		if (deflateInit(stream, level) != Z_OK)
			return false;
		*on = true;
	}
	stream->next_in = (Bytef *)in;
	stream->avail_in = length;
	/* room for what does not compress; more is made if it is not enough */
	size_t room = length + length / 64 + 64;
	for (;;) {
		guint before = out->len;
		stream->next_out = rfb_grow(out, room);
		stream->avail_out = room;
		int result = deflate(stream, Z_SYNC_FLUSH);
		g_byte_array_set_size(out, before + room - stream->avail_out);
		if (result != Z_OK && result != Z_BUF_ERROR)
			return false;
		if (stream->avail_out)
			return true;
		room = 4096;
	}
}

static uint32_t hash(uint32_t value)
{
	return value * 2654435761u >> 22;
}

unsigned rfb_palette_build(struct rfb_palette *self, const uint32_t *values,
			   size_t count, unsigned most)
{
	memset(self->places, 0, sizeof self->places);
	self->count = 0;
	uint32_t last = ~values[0];
	for (size_t i = 0; i < count; i++) {
		uint32_t value = values[i];
		if (value == last)
			continue;
		last = value;
		uint32_t at = hash(value);
		while (self->places[at] && self->keys[at] != value)
			at = (at + 1) & 1023;
		if (self->places[at])
			continue;
		if (self->count == most)
			return 0;
		self->keys[at] = value;
		self->colours[self->count] = value;
		self->places[at] = ++self->count;
	}
	return self->count;
}

unsigned rfb_palette_place(const struct rfb_palette *self, uint32_t value)
{
	uint32_t at = hash(value);
	while (self->keys[at] != value || !self->places[at])
		at = (at + 1) & 1023;
	return self->places[at] - 1u;
}

static void encode_raw(struct rfb_coder *self, unsigned w, unsigned h,
		       GByteArray *out)
{
	size_t count = (size_t)w * h;
	uint8_t *p = rfb_grow(out, count * self->format.bytes);
	for (size_t i = 0; i < count; i++)
		p = rfb_put_pixel(&self->format, self->values[i], p);
}

static bool encode_zlib(struct rfb_coder *self, unsigned w, unsigned h,
			GByteArray *out)
{
	size_t count = (size_t)w * h;
	uint8_t *p = self->scratch;
	for (size_t i = 0; i < count; i++)
		p = rfb_put_pixel(&self->format, self->values[i], p);
	guint at = out->len;
	rfb_grow(out, 4);
	if (!rfb_deflate(&self->zlib, &self->zlib_on, self->compress,
			 self->scratch, p - self->scratch, out))
		return false;
	rfb_put32(out->data + at, out->len - at - 4);
	return true;
}

bool rfb_encode(struct rfb_coder *self, enum rfb_encoding encoding, unsigned x,
		unsigned y, unsigned w, unsigned h, const uint32_t *pixels,
		bool lossless, GByteArray *out)
{
	g_return_val_if_fail(w <= RFB_RECT_SIDE && h <= RFB_RECT_SIDE, true);
	if (!self->values) {
		self->values = g_new(uint32_t, VALUES_MAX);
		self->scratch = g_malloc(SCRATCH_MAX);
	}
	rfb_format_map(&self->format, pixels, self->values, (size_t)w * h);
	guint at = out->len;
	uint8_t *header = rfb_grow(out, 12);
	rfb_put16(header, x);
	rfb_put16(header + 2, y);
	rfb_put16(header + 4, w);
	rfb_put16(header + 6, h);
	rfb_put32(header + 8, encoding);
	bool done = false, exact = true;
	switch (encoding) {
	case RFB_ENC_HEXTILE:
		done = rfb_encode_hextile(self, w, h, out);
		break;
	case RFB_ENC_ZLIB:
		done = encode_zlib(self, w, h, out);
		break;
	case RFB_ENC_ZRLE:
		done = rfb_encode_zrle(self, w, h, out);
		break;
	case RFB_ENC_TIGHT:
		done =
		    rfb_encode_tight(self, w, h, pixels, lossless, &exact, out);
		break;
	default:
		break;
	}
	if (done)
		return exact;
	g_byte_array_set_size(out, at + 12);
	rfb_put32(out->data + at + 8, RFB_ENC_RAW);
	encode_raw(self, w, h, out);
	return true;
}
