#include "tests/unit/codec-pictures.h"

#include <math.h>

static uint32_t next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static uint32_t grey(unsigned value)
{
	return value * 0x10101u;
}

/* Strokes of random length and place: what rows of letters look like. */
static void text(uint32_t *pixels, size_t stride_px, unsigned width,
		 unsigned height, uint32_t state, bool smooth)
{
	for (unsigned y = 0; y < height; y++)
		for (unsigned x = 0; x < width; x++)
			pixels[y * stride_px + x] = 0xffffff;
	for (unsigned line = 2; line + 12 < height; line += 16)
		for (unsigned x = 3; x + 9 < width; x += 8) {
			uint32_t glyph = next(&state) % 40;
			uint32_t form = (glyph + 1) * 2654435761u;
			if (glyph > 33)
				continue; /* a space */
			for (unsigned y = 0; y < 11; y++)
				for (unsigned b = 0; b < 6; b++) {
					uint32_t *p =
					    &pixels[(line + y) * stride_px + x +
						    b];
					next(&form);
					if (form & 4)
						*p =
						    smooth
							? grey((form >> 8 & 7) *
							       32)
							: 0;
				}
		}
}

static uint32_t soft(unsigned x, unsigned y, double turn)
{
	unsigned r = 127 + 100 * sin(x * 0.021 + turn) * cos(y * 0.013);
	unsigned g = 127 + 90 * sin(x * 0.017 + y * 0.009 + turn * 2);
	unsigned b = 127 + 110 * cos(y * 0.025 - x * 0.004 + turn * 3);
	return r << 16 | g << 8 | b;
}

void codec_picture_fill(enum codec_picture picture, uint32_t seed,
			uint32_t *pixels, size_t stride_px, unsigned width,
			unsigned height)
{
	uint32_t state = seed * 2654435761u | 1, colours[256];
	unsigned most = 3 + seed % 254;
	for (unsigned i = 0; i < 256; i++)
		colours[i] = next(&state) & 0xffffff;
	if (picture == PICTURE_TWO || picture == PICTURE_TEXT) {
		text(pixels, stride_px, width, height, state,
		     picture == PICTURE_TEXT);
		return;
	}
	for (unsigned y = 0; y < height; y++)
		for (unsigned x = 0; x < width; x++) {
			uint32_t *p = &pixels[y * stride_px + x];
			uint32_t random = next(&state);
			switch (picture) {
			case PICTURE_PALETTE:
				/* runs now and then */
				*p = x && random & 0x300
					 ? p[-1]
					 : colours[(random >> 16) % most];
				break;
			case PICTURE_GRADIENT:
				*p = soft(x, y, seed);
				break;
			case PICTURE_PHOTO:
				*p = soft(x, y, seed) ^ (random & 0x070707);
				break;
			case PICTURE_NOISE:
				*p = random >> 8;
				break;
			default:
				*p = colours[0];
			}
		}
}
