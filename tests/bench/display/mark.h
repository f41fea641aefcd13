/* mark.h - a number in a picture's pixels, that lossy encoders leave legible.
 *
 * Sixteen square blocks in a row, black for 0 and white for 1, lowest bit
 * first: twelve bits of number, four of checksum. A block of 8 survives JPEG,
 * one of 16 survives a video encoder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARK_BITS 16u
#define MARK_MAX  4095u

struct mark {
	uint16_t x, y, block; /* pixels; block 0: there is none */
	uint16_t reserved;
};

static inline unsigned mark_code(unsigned number)
{
	number &= MARK_MAX;
	unsigned check = (number ^ number >> 4 ^ number >> 8 ^ 0xa) & 15;
	return number | check << 12;
}

static inline void mark_paint(uint32_t *pixels, size_t stride,
			      const struct mark *mark, unsigned number)
{
	unsigned code = mark_code(number);
	for (unsigned y = 0; y < mark->block; y++)
		for (unsigned x = 0; x < mark->block * MARK_BITS; x++)
			pixels[(mark->y + y) * stride + mark->x + x] =
			    code >> x / mark->block & 1 ? 0xffffff : 0;
}

/* -1: not legible. */
static inline int mark_read(const uint32_t *pixels, size_t stride,
			    const struct mark *mark)
{
	unsigned code = 0;
	for (unsigned bit = 0; bit < MARK_BITS; bit++) {
		unsigned sum = 0;
		for (unsigned i = 0; i < 4; i++) {
			unsigned x = mark->x + bit * mark->block +
				     mark->block / 2 - 1 + i % 2;
			unsigned y = mark->y + mark->block / 2 - 1 + i / 2;
			sum += pixels[y * stride + x] >> 8 & 0xff;
		}
		code |= (unsigned)(sum > 4 * 128) << bit;
	}
	unsigned number = code & MARK_MAX;
	return mark_code(number) == code ? (int)number : -1;
}
