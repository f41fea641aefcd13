#include "display/codec/analyse-impl.h"

#if CODEC_X86
#include <emmintrin.h>

#define FN  static
#define OPS analyse_sse2

static inline __m128i load(const uint32_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* Eight masks of 32 bits into eight bits. */
static inline unsigned mask8(__m128i low, __m128i high)
{
	return _mm_movemask_epi8(
	    _mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128()));
}

static inline unsigned equal8(const uint32_t *p, uint32_t colour)
{
	__m128i c = _mm_set1_epi32(colour);
	return mask8(_mm_cmpeq_epi32(load(p), c),
		     _mm_cmpeq_epi32(load(p + 4), c));
}

static inline unsigned same8(const uint32_t *p, const uint32_t *q)
{
	return mask8(_mm_cmpeq_epi32(load(p), load(q)),
		     _mm_cmpeq_epi32(load(p + 4), load(q + 4)));
}

static inline __m128i near4(__m128i a, __m128i b)
{
	__m128i d = _mm_or_si128(_mm_subs_epu8(a, b), _mm_subs_epu8(b, a));
	return _mm_cmpeq_epi32(_mm_subs_epu8(d, _mm_set1_epi8(CODEC_NEAR)),
			       _mm_setzero_si128());
}

static inline unsigned near8(const uint32_t *p, const uint32_t *q)
{
	return mask8(near4(load(p), load(q)), near4(load(p + 4), load(q + 4)));
}

static inline __m128i products(__m128i laid)
{
	return _mm_mul_epu32(laid, _mm_srli_epi64(laid, 32));
}

static inline __m128i scramble(__m128i sum)
{
	__m128i prime = _mm_set1_epi64x(HASH_PRIME);
	sum = _mm_xor_si128(sum, _mm_srli_epi64(sum, 29));
	__m128i high = _mm_mul_epu32(_mm_srli_epi64(sum, 32), prime);
	return _mm_add_epi64(_mm_mul_epu32(sum, prime),
			     _mm_slli_epi64(high, 32));
}

static uint64_t hash(const struct codec_view *view, uint64_t seed)
{
	const __m128i step = _mm_set1_epi64x(HASH_STEP);
	const __m128i seeds = _mm_set1_epi64x(seed);
	const __m128i *k = (const __m128i *)hash_keys;
	__m128i sum[2] = {_mm_loadu_si128(k + 1), _mm_loadu_si128(k)};
	__m128i key[2] = {_mm_add_epi64(_mm_loadu_si128(k), seeds),
			  _mm_add_epi64(_mm_loadu_si128(k + 1), seeds)};
	const uint32_t *row = view->pixels;
	for (unsigned y = 0; y < view->height; y++, row += view->stride_px) {
		for (unsigned x = 0; x < view->width; x += 8) {
			uint32_t rest[8] = {0};
			const uint32_t *p = row + x;
			if (x + 8 > view->width) {
				memcpy(rest, p, (view->width - x) * 4);
				p = rest;
			}
			for (unsigned i = 0; i < 2; i++) {
				__m128i data = load(p + i * 4);
				sum[i] = _mm_add_epi64(
				    sum[i],
				    products(_mm_xor_si128(data, key[i])));
				sum[i] = _mm_add_epi64(
				    sum[i], _mm_shuffle_epi32(data, 0x4e));
				key[i] = _mm_add_epi64(key[i], step);
			}
		}
		sum[0] = scramble(sum[0]);
		sum[1] = scramble(sum[1]);
	}
	uint64_t sums[4];
	memcpy(sums, sum, sizeof sums);
	return hash_end(sums, view, seed);
}

#include "display/codec/analyse-body.h"
#endif
