/* analyse-impl.h - what the instruction sets share inside analyse. */
#pragma once

#include <string.h>

#include "display/codec/analyse.h"

struct analyse_ops {
	bool (*solid)(const struct codec_view *view, uint32_t colour);
	void (*palette_build)(const struct codec_view *view, unsigned most,
			      struct codec_palette *palette, uint8_t *places);
	size_t (*bits)(const struct codec_view *view, uint32_t clear,
		       uint8_t *bits);
	void (*texture)(const struct codec_view *view, unsigned step,
			struct codec_texture *out);
	uint64_t (*hash)(const struct codec_view *view, uint64_t seed);
};
extern const struct analyse_ops analyse_portable, analyse_sse2, analyse_avx2;

/* Four places for each of 256 colours: probes stay short. */
#define COLOUR_TABLE_BITS 10
#define COLOUR_TABLE      (1u << COLOUR_TABLE_BITS)
#define NO_COLOUR         0xffffffffu /* no pixel: its upper byte is not 0 */

struct colour_table {
	uint32_t keys[COLOUR_TABLE];
	uint8_t places[COLOUR_TABLE];
};

static inline uint32_t colour_slot(uint32_t colour)
{
	return colour * 2654435761u >> (32 - COLOUR_TABLE_BITS);
}

static inline bool near_pixels(uint32_t a, uint32_t b)
{
	for (unsigned shift = 0; shift < 24; shift += 8) {
		int d = (int)(a >> shift & 0xff) - (int)(b >> shift & 0xff);
		if (d > CODEC_NEAR || d < -CODEC_NEAR)
			return false;
	}
	return true;
}

/* ---- the hash: four sums of 64 bits over stripes of eight pixels ----
 *
 * Per stripe and lane, as in XXH3: the lane's neighbour gains the data, the
 * lane itself the product of its halves after a key was laid over them, so
 * that neither zeros nor equal halves hide a change. The key moves on with
 * every stripe and the sums are scrambled after every row, so that order
 * counts. A row's rest is filled up with zeros. */
#define HASH_STEP  0x9e3779b97f4a7c15u
#define HASH_PRIME 0x9e3779b1u

static const uint64_t hash_keys[4] = {0xbe4ba423396cfeb8u, 0x1cad21f72c81017cu,
				      0xdb979083e96dd4deu, 0x1f67b3b7a4a44072u};

static inline uint64_t hash_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

static inline uint64_t hash_end(const uint64_t sums[4],
				const struct codec_view *view, uint64_t seed)
{
	uint64_t h = seed ^ ((uint64_t)view->width << 32 | view->height);
	for (unsigned i = 0; i < 4; i++)
		h = hash_mix(h ^ sums[i]) + HASH_STEP;
	return h;
}
