/* format.h - our pixels in a client's pixel format. RFC 6143, 7.4.
 *
 * Encoders work on client pixels as 32-bit values (so that colours which the
 * client cannot tell apart are equal) and write them as bytes at the end.
 * Threads: any. */
#pragma once

#include <glib.h>

#include "display/rfb/message.h"

struct rfb_format {
	uint8_t bpp, depth, big_endian;
	bool native;     /* 32 bits, 0x00RRGGBB, our byte order: a copy */
	bool colour_map; /* 8 bits through the map that we send: bgr233 */
	uint32_t table[3][256]; /* contribution of r, g, b */
	/* A pixel of ZRLE ("CPIXEL") and of Tight ("TPIXEL"): 3 bytes where
	 * the format has only 24 bits in use, else bpp / 8. */
	unsigned bytes, cpixel_bytes, tpixel_bytes;
	unsigned cpixel_skip; /* bytes of the 4 before those that count */
	uint8_t shift[3];
};

void rfb_format_init(struct rfb_format *self,
		     const struct rfb_wire_format *wire);
/* What we say in ServerInit. */
extern const struct rfb_wire_format rfb_native_format;
/* PIXEL_FORMAT's 16 bytes. */
void rfb_format_write(const struct rfb_wire_format *wire, uint8_t out[16]);
/* SetColourMapEntries for a colour_map format: 6 + 256 * 6 bytes. */
void rfb_format_write_map(GByteArray *out);

/* Client values of `count` pixels; in == out is fine. */
void rfb_format_map(const struct rfb_format *self, const uint32_t *in,
		    uint32_t *out, size_t count);

/* Writes a value as PIXEL; returns the end. */
static inline uint8_t *rfb_put_pixel(const struct rfb_format *self,
				     uint32_t value, uint8_t *out)
{
	if (self->bytes == 1) {
		*out++ = value;
	} else if (self->bytes == 2) {
		uint8_t low = value, high = value >> 8;
		*out++ = self->big_endian ? high : low;
		*out++ = self->big_endian ? low : high;
	} else if (self->big_endian) {
		*out++ = value >> 24;
		*out++ = value >> 16;
		*out++ = value >> 8;
		*out++ = value;
	} else {
		*out++ = value;
		*out++ = value >> 8;
		*out++ = value >> 16;
		*out++ = value >> 24;
	}
	return out;
}

static inline uint8_t *rfb_put_cpixel(const struct rfb_format *self,
				      uint32_t value, uint8_t *out)
{
	if (self->cpixel_bytes != 3 || self->bytes != 4)
		return rfb_put_pixel(self, value, out);
	uint8_t whole[4];
	rfb_put_pixel(self, value, whole);
	out[0] = whole[self->cpixel_skip];
	out[1] = whole[self->cpixel_skip + 1];
	out[2] = whole[self->cpixel_skip + 2];
	return out + 3;
}

/* Three bytes are always red, green, blue here. */
static inline uint8_t *rfb_put_tpixel(const struct rfb_format *self,
				      uint32_t value, uint8_t *out)
{
	if (self->tpixel_bytes != 3 || self->bytes != 4)
		return rfb_put_pixel(self, value, out);
	out[0] = value >> self->shift[0];
	out[1] = value >> self->shift[1];
	out[2] = value >> self->shift[2];
	return out + 3;
}

static inline void rfb_put16(uint8_t *p, unsigned v)
{
	p[0] = v >> 8;
	p[1] = v;
}
static inline void rfb_put32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}
/* Makes room for n more bytes and returns where they go. */
static inline uint8_t *rfb_grow(GByteArray *out, size_t n)
{
	guint at = out->len;
	g_byte_array_set_size(out, at + n);
	return out->data + at;
}
