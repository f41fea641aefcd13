#include "display/codec/analyse-impl.h"

#define FN  static
#define OPS analyse_portable

static inline unsigned equal8(const uint32_t *p, uint32_t colour)
{
	unsigned mask = 0;
	for (unsigned i = 0; i < 8; i++)
		mask |= (unsigned)(p[i] == colour) << i;
	return mask;
}

static inline unsigned same8(const uint32_t *p, const uint32_t *q)
{
	unsigned mask = 0;
	for (unsigned i = 0; i < 8; i++)
		mask |= (unsigned)(p[i] == q[i]) << i;
	return mask;
}

static inline unsigned near8(const uint32_t *p, const uint32_t *q)
{
	unsigned mask = 0;
	for (unsigned i = 0; i < 8; i++)
		mask |= (unsigned)near_pixels(p[i], q[i]) << i;
	return mask;
}

static inline void stripe(uint64_t sums[4], uint64_t keys[4], const uint32_t *p)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t data = (uint64_t)p[i * 2 + 1] << 32 | p[i * 2];
		uint64_t laid = data ^ keys[i];
		sums[i] += (laid & 0xffffffffu) * (laid >> 32);
		sums[i ^ 1] += data;
		keys[i] += HASH_STEP;
	}
}

static uint64_t hash(const struct codec_view *view, uint64_t seed)
{
	uint64_t sums[4], keys[4];
	for (unsigned i = 0; i < 4; i++) {
		sums[i] = hash_keys[i ^ 2];
		keys[i] = hash_keys[i] + seed;
	}
	const uint32_t *row = view->pixels;
	for (unsigned y = 0; y < view->height; y++, row += view->stride_px) {
		unsigned x = 0;
		for (; x + 8 <= view->width; x += 8)
			stripe(sums, keys, row + x);
		if (x < view->width) {
			uint32_t rest[8] = {0};
			memcpy(rest, row + x, (view->width - x) * 4);
			stripe(sums, keys, rest);
		}
		for (unsigned i = 0; i < 4; i++)
			sums[i] = (sums[i] ^ sums[i] >> 29) * HASH_PRIME;
	}
	return hash_end(sums, view, seed);
}

#include "display/codec/analyse-body.h"
