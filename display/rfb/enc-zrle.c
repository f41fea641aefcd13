/* ZRLE: RFC 6143, 7.7.6. Tiles of 64 x 64, each in the smallest of its forms
 * before zlib. */
#include <string.h>

#include "display/rfb/encoder.h"

enum { TILE = 64, PALETTE_MAX = 127 };

static unsigned run_length_bytes(unsigned run)
{
	return (run - 1) / 255 + 1;
}

static uint8_t *put_run(uint8_t *p, unsigned run)
{
	for (run--; run >= 255; run -= 255)
		*p++ = 255;
	*p++ = run;
	return p;
}

static uint8_t *put_packed(const struct rfb_palette *palette,
			   const uint32_t *tile, unsigned w, unsigned h,
			   uint8_t *p)
{
	unsigned bits = palette->count > 4 ? 4 : palette->count > 2 ? 2 : 1;
	for (unsigned y = 0; y < h; y++) {
		unsigned byte = 0, have = 0;
		for (unsigned x = 0; x < w; x++) {
			byte =
			    byte << bits | rfb_palette_place(palette, *tile++);
			have += bits;
			if (have == 8) {
				*p++ = byte;
				byte = have = 0;
			}
		}
		if (have)
			*p++ = byte << (8 - have);
	}
	return p;
}

static uint8_t *put_runs(const struct rfb_format *format,
			 const struct rfb_palette *palette,
			 const uint32_t *tile, unsigned count, uint8_t *p)
{
	for (unsigned i = 0; i < count;) {
		unsigned run = 1;
		while (i + run < count && tile[i + run] == tile[i])
			run++;
		if (!palette) {
			p = put_run(rfb_put_cpixel(format, tile[i], p), run);
		} else {
			unsigned place = rfb_palette_place(palette, tile[i]);
			*p++ = run == 1 ? place : place | 128;
			if (run > 1)
				p = put_run(p, run);
		}
		i += run;
	}
	return p;
}

static uint8_t *put_tile(const struct rfb_format *format,
			 struct rfb_palette *palette, const uint32_t *tile,
			 unsigned w, unsigned h, uint8_t *p)
{
	unsigned count = w * h, pixel = format->cpixel_bytes;
	unsigned colours = rfb_palette_build(palette, tile, count, PALETTE_MAX);
	if (colours == 1) {
		*p++ = 1;
		return rfb_put_cpixel(format, tile[0], p);
	}
	/* the sizes before zlib: a fair guess of those after it */
	unsigned plain_runs = 0, palette_runs = colours * pixel;
	for (unsigned i = 0; i < count;) {
		unsigned run = 1;
		while (i + run < count && tile[i + run] == tile[i])
			run++;
		plain_runs += pixel + run_length_bytes(run);
		palette_runs += run == 1 ? 1 : 1 + run_length_bytes(run);
		i += run;
	}
	unsigned best = count * pixel, form = 0;
	if (plain_runs < best) {
		best = plain_runs;
		form = 128;
	}
	if (colours && palette_runs < best) {
		best = palette_runs;
		form = 128 + colours;
	}
	if (colours && colours <= 16) {
		unsigned bits = colours > 4 ? 4 : colours > 2 ? 2 : 1;
		if (colours * pixel + (w * bits + 7) / 8 * h < best)
			form = colours;
	}
	*p++ = form;
	if (form != 0 && form != 128)
		for (unsigned i = 0; i < colours; i++)
			p = rfb_put_cpixel(format, palette->colours[i], p);
	if (form == 0)
		for (unsigned i = 0; i < count; i++)
			p = rfb_put_cpixel(format, tile[i], p);
	else if (form < 128)
		p = put_packed(palette, tile, w, h, p);
	else
		p = put_runs(format, form == 128 ? NULL : palette, tile, count,
			     p);
	return p;
}

bool rfb_encode_zrle(struct rfb_coder *self, unsigned w, unsigned h,
		     GByteArray *out)
{
	struct rfb_palette palette;
	uint32_t tile[TILE * TILE];
	uint8_t *p = self->scratch;
	for (unsigned y = 0; y < h; y += TILE)
		for (unsigned x = 0; x < w; x += TILE) {
			unsigned tw = MIN(TILE, w - x), th = MIN(TILE, h - y);
			for (unsigned row = 0; row < th; row++)
				memcpy(tile + row * tw,
				       self->values + (size_t)(y + row) * w + x,
				       tw * 4);
			p = put_tile(&self->format, &palette, tile, tw, th, p);
		}
	return rfb_deflate(self, self->scratch, p - self->scratch, out);
}
