/* Hextile: RFC 6143, 7.7.4. Each tile of 16 x 16 stands alone: its colours
 * are always said again, which costs little and keeps tiles independent. */
#include <string.h>

#include "display/rfb/encoder.h"

enum { RAW = 1, BACKGROUND = 2, FOREGROUND = 4, SUBRECTS = 8, COLOURED = 16 };

/* The most frequent of the first few colours. */
static uint32_t background_of(const uint32_t *tile, unsigned count,
			      unsigned *colours, uint32_t *other)
{
	uint32_t seen[4] = {0};
	unsigned many[4] = {0}, kinds = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned k = 0;
		while (k < kinds && seen[k] != tile[i])
			k++;
		if (k == 4)
			continue;
		if (k == kinds)
			seen[kinds++] = tile[i];
		many[k]++;
	}
	unsigned best = 0;
	for (unsigned k = 1; k < kinds; k++)
		if (many[k] > many[best])
			best = k;
	*colours = kinds;
	*other = kinds > 1 ? seen[!best] : seen[0];
	return seen[best];
}

static void encode_tile(const struct rfb_format *format, uint32_t *tile,
			unsigned w, unsigned h, GByteArray *out)
{
	unsigned kinds;
	uint32_t other, count = w * h;
	uint32_t background = background_of(tile, count, &kinds, &other);
	unsigned raw_size = 1 + count * format->bytes;
	/* a subrectangle at worst is a pixel and two bytes */
	uint8_t body[1 + 4 + 4 + 1 + 255 * 6], *p = body + 1;
	p = rfb_put_pixel(format, background, p);
	body[0] = BACKGROUND;
	if (kinds == 1) {
		g_byte_array_append(out, body, p - body);
		return;
	}
	body[0] |= SUBRECTS;
	if (kinds == 2) {
		body[0] |= FOREGROUND;
		p = rfb_put_pixel(format, other, p);
	} else {
		body[0] |= COLOURED;
	}
	uint8_t *number = p++;
	unsigned subrects = 0;
	uint8_t done[256] = {0};
	for (unsigned y = 0; y < h; y++)
		for (unsigned x = 0; x < w; x++) {
			uint32_t colour = tile[y * w + x];
			if (colour == background || done[y * w + x])
				continue;
			unsigned wide = 1, high = 1;
			while (x + wide < w && !done[y * w + x + wide] &&
			       tile[y * w + x + wide] == colour)
				wide++;
			for (; y + high < h; high++) {
				unsigned run = 0;
				while (run < wide &&
				       tile[(y + high) * w + x + run] == colour)
					run++;
				if (run < wide)
					break;
			}
			for (unsigned b = y; b < y + high; b++)
				memset(done + b * w + x, 1, wide);
			if (++subrects > 255 ||
			    (unsigned)(p - body) + 6 > raw_size)
				goto raw;
			if (kinds > 2)
				p = rfb_put_pixel(format, colour, p);
			*p++ = x << 4 | y;
			*p++ = (wide - 1) << 4 | (high - 1);
		}
	*number = subrects;
	g_byte_array_append(out, body, p - body);
	return;
raw:
	p = rfb_grow(out, raw_size);
	*p++ = RAW;
	for (unsigned i = 0; i < count; i++)
		p = rfb_put_pixel(format, tile[i], p);
}

bool rfb_encode_hextile(struct rfb_coder *self, unsigned w, unsigned h,
			GByteArray *out)
{
	uint32_t tile[256];
	for (unsigned y = 0; y < h; y += 16)
		for (unsigned x = 0; x < w; x += 16) {
			unsigned tw = MIN(16, w - x), th = MIN(16, h - y);
			for (unsigned row = 0; row < th; row++)
				memcpy(tile + row * tw,
				       self->values + (size_t)(y + row) * w + x,
				       tw * 4);
			encode_tile(&self->format, tile, tw, th, out);
		}
	return true;
}
