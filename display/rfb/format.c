#include "display/rfb/format.h"

#include <string.h>

const struct rfb_wire_format rfb_native_format = {
    .bpp = 32,
    .depth = 24,
    .big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
    .true_colour = 1,
    .max = {255, 255, 255},
    .shift = {16, 8, 0},
};

static const struct rfb_wire_format bgr233 = {
    .bpp = 8,
    .depth = 8,
    .true_colour = 1,
    .max = {7, 7, 3},
    .shift = {0, 3, 6},
};

void rfb_format_init(struct rfb_format *self,
		     const struct rfb_wire_format *wire)
{
	memset(self, 0, sizeof *self);
	self->colour_map = !wire->true_colour;
	if (self->colour_map)
		wire = &bgr233;
	self->bpp = wire->bpp;
	self->depth = wire->depth;
	self->big_endian = wire->big_endian;
	self->bytes = wire->bpp / 8;
	uint32_t used = 0;
	bool wide = true;
	for (int c = 0; c < 3; c++) {
		uint32_t max = wire->max[c];
		self->shift[c] = wire->shift[c];
		used |= max << wire->shift[c];
		wide = wide && max == 255;
		for (uint32_t v = 0; v < 256; v++)
			self->table[c][v] = (v * max + 127) / 255
					    << wire->shift[c];
	}
	self->native = wire->bpp == 32 && wide && wire->shift[0] == 16 &&
		       wire->shift[1] == 8 && wire->shift[2] == 0;
	self->cpixel_bytes = self->tpixel_bytes = self->bytes;
	if (wire->bpp == 32 && wire->depth <= 24) {
		/* RFC 6143, 7.7.5: either the low or the high three bytes */
		bool low = !(used >> 24), high = !(used & 0xff);
		if (low || high) {
			self->cpixel_bytes = 3;
			self->cpixel_skip = low == !!wire->big_endian;
		}
		if (wide && wire->depth == 24)
			self->tpixel_bytes = 3;
	}
}

void rfb_format_write(const struct rfb_wire_format *wire, uint8_t out[16])
{
	memset(out, 0, 16);
	out[0] = wire->bpp;
	out[1] = wire->depth;
	out[2] = wire->big_endian;
	out[3] = wire->true_colour;
	for (int c = 0; c < 3; c++) {
		rfb_put16(out + 4 + 2 * c, wire->max[c]);
		out[10 + c] = wire->shift[c];
	}
}

void rfb_format_write_map(GByteArray *out)
{
	uint8_t *p = rfb_grow(out, 6 + 256 * 6);
	p[0] = 1;
	p[1] = 0;
	rfb_put16(p + 2, 0);
	rfb_put16(p + 4, 256);
	p += 6;
	for (unsigned i = 0; i < 256; i++, p += 6)
		for (int c = 0; c < 3; c++) {
			unsigned max = bgr233.max[c];
			unsigned v = i >> bgr233.shift[c] & max;
			rfb_put16(p + 2 * c, v * 65535 / max);
		}
}

void rfb_format_map(const struct rfb_format *self, const uint32_t *in,
		    uint32_t *out, size_t count)
{
	if (self->native) {
		if (in != out)
			memcpy(out, in, count * 4);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t pixel = in[i];
		out[i] = self->table[0][pixel >> 16 & 0xff] |
			 self->table[1][pixel >> 8 & 0xff] |
			 self->table[2][pixel & 0xff];
	}
}
