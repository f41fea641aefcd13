#include "display/pixels.h"

#include <string.h>

enum { ORDER_ARGB = 2, ORDER_ABGR = 3, ORDER_BGRA = 8, ORDER_RGBA = 9 };

struct layout {
	unsigned bytes;
	unsigned width[3], shift[3]; /* r, g, b */
};

static bool layout_of(uint32_t format, struct layout *out)
{
	unsigned bpp = format >> 24, order = format >> 16 & 0xff;
	unsigned a = format >> 12 & 15, r = format >> 8 & 15;
	unsigned g = format >> 4 & 15, b = format & 15;
	if ((bpp != 16 && bpp != 24 && bpp != 32) || a + r + g + b > bpp)
		return false;
	if (!r || !g || !b || r > 8 || g > 8 || b > 8)
		return false;
	*out = (struct layout){bpp / 8, {r, g, b}, {0}};
	switch (order) {
	case ORDER_ARGB: /* from the top: a r g b, at the bottom end */
		out->shift[2] = 0;
		out->shift[1] = b;
		out->shift[0] = b + g;
		return true;
	case ORDER_ABGR:
		out->shift[0] = 0;
		out->shift[1] = r;
		out->shift[2] = r + g;
		return true;
	case ORDER_BGRA: /* at the top end */
		out->shift[2] = bpp - b;
		out->shift[1] = bpp - b - g;
		out->shift[0] = bpp - b - g - r;
		return true;
	case ORDER_RGBA:
		out->shift[0] = bpp - r;
		out->shift[1] = bpp - r - g;
		out->shift[2] = bpp - r - g - b;
		return true;
	}
	return false;
}

unsigned pixels_bytes(uint32_t format)
{
	struct layout layout;
	return layout_of(format, &layout) ? layout.bytes : 0;
}

/* Widens to 8 bits by repeating the upper bits, so that white stays white. */
static uint32_t widen(uint32_t value, unsigned width)
{
	uint32_t wide = value << (8 - width);
	for (unsigned have = width; have < 8; have *= 2)
		wide |= wide >> have;
	return wide & 0xff;
}

void pixels_convert(uint32_t format, const uint8_t *in, uint32_t *out,
		    size_t count)
{
	if (format == PIXELS_X8R8G8B8 || format == PIXELS_A8R8G8B8) {
		memcpy(out, in, count * 4);
		for (size_t i = 0; i < count; i++)
			out[i] &= 0xffffff;
		return;
	}
	struct layout layout;
	if (!layout_of(format, &layout))
		return;
	for (size_t i = 0; i < count; i++, in += layout.bytes) {
		uint32_t raw = 0;
		if (layout.bytes == 4) {
			memcpy(&raw, in, 4);
		} else if (layout.bytes == 2) {
			uint16_t half;
			memcpy(&half, in, 2);
			raw = half;
		} else {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			raw = in[0] | in[1] << 8 | (uint32_t)in[2] << 16;
#else
			raw = in[2] | in[1] << 8 | (uint32_t)in[0] << 16;
#endif
		}
		uint32_t pixel = 0;
		for (unsigned c = 0; c < 3; c++) {
			uint32_t mask = (1u << layout.width[c]) - 1;
			pixel =
			    pixel << 8 | widen(raw >> layout.shift[c] & mask,
					       layout.width[c]);
		}
		out[i] = pixel;
	}
}
