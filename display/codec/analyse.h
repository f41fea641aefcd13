/* analyse.h - what a tile or rectangle is made of: one colour, a palette, or
 * more; text or picture; and its hash.
 *
 * Threads: any; pure. SIMD where the machine has it, with the same results
 * everywhere. Units: pixels. */
#pragma once

#include "display/codec/codec.h"

enum codec_class {
	CODEC_SOLID,   /* one colour */
	CODEC_TEXT,    /* sharp edges between equal pixels: keep it lossless */
	CODEC_PICTURE, /* many colours that change softly: JPEG suits it */
};

struct codec_palette {
	unsigned count;        /* 1..256; 0: more colours than asked for */
	uint32_t colours[256]; /* in the order they first appear */
};

/* Every pixel but a row's first, by its left neighbour. */
struct codec_texture {
	uint32_t equal; /* the same */
	uint32_t near_; /* no channel differs by more than CODEC_NEAR */
	uint32_t far_;  /* the rest */
};
#define CODEC_NEAR 12

/* Whether all pixels are alike; *colour is the first one in any case. */
bool codec_solid(const struct codec_view *view, uint32_t *colour);

/* 64 bits that change when a pixel does. Equal for equal pixels whatever the
 * stride; the seed (a random number per process) keeps a guest from choosing
 * its collisions. */
uint64_t codec_hash(const struct codec_view *view, uint64_t seed);

/* Collects up to `most` (2..256) colours and writes each pixel's place in the
 * palette to places[width * height], rows without gaps, unless it is NULL.
 * Stops early, with count 0, when there are more. */
void codec_palette_build(const struct codec_view *view, unsigned most,
			 struct codec_palette *palette, uint8_t *places);

/* One bit per pixel, most significant first, rows filled up to whole bytes:
 * set where the pixel is not `clear`. Returns the bytes written, which are
 * (width + 7) / 8 * height. */
size_t codec_bits(const struct codec_view *view, uint32_t clear, uint8_t *bits);

/* Every `step`-th row is looked at. */
void codec_texture(const struct codec_view *view, unsigned step,
		   struct codec_texture *out);

/* No tile of so few is a picture. */
#define CODEC_FEW_COLOURS 64u

/* Solid, text or picture. `colours` is the palette's count, 0 for more than
 * 256. Meant for tiles of 16 to 64 pixels a side. */
enum codec_class codec_classify(unsigned colours,
				const struct codec_texture *texture);
