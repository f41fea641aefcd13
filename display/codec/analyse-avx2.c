#include "display/codec/analyse-impl.h"

#if CODEC_X86
#include <immintrin.h>

#define FN     CODEC_TARGET_AVX2 static
#define INLINE CODEC_TARGET_AVX2 static inline
#define OPS    analyse_avx2

INLINE __m256i load(const uint32_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

INLINE unsigned mask8(__m256i masks)
{
	return _mm256_movemask_ps(_mm256_castsi256_ps(masks));
}

INLINE unsigned equal8(const uint32_t *p, uint32_t colour)
{
	return mask8(_mm256_cmpeq_epi32(load(p), _mm256_set1_epi32(colour)));
}

INLINE unsigned same8(const uint32_t *p, const uint32_t *q)
{
	return mask8(_mm256_cmpeq_epi32(load(p), load(q)));
}

INLINE unsigned near8(const uint32_t *p, const uint32_t *q)
{
	__m256i a = load(p), b = load(q);
	__m256i d =
	    _mm256_or_si256(_mm256_subs_epu8(a, b), _mm256_subs_epu8(b, a));
	return mask8(_mm256_cmpeq_epi32(
	    _mm256_subs_epu8(d, _mm256_set1_epi8(CODEC_NEAR)),
	    _mm256_setzero_si256()));
}

FN uint64_t hash(const struct codec_view *view, uint64_t seed)
{
	const __m256i step = _mm256_set1_epi64x(HASH_STEP);
	const __m256i prime = _mm256_set1_epi64x(HASH_PRIME);
	__m256i key = _mm256_loadu_si256((const __m256i *)hash_keys);
	__m256i sum = _mm256_permute4x64_epi64(key, 0x4e);
	key = _mm256_add_epi64(key, _mm256_set1_epi64x(seed));
	const uint32_t *row = view->pixels;
	for (unsigned y = 0; y < view->height; y++, row += view->stride_px) {
		for (unsigned x = 0; x < view->width; x += 8) {
			__m256i data;
			if (x + 8 <= view->width) {
				data = load(row + x);
			} else {
				uint32_t rest[8] = {0};
				memcpy(rest, row + x, (view->width - x) * 4);
				data = load(rest);
			}
			__m256i laid = _mm256_xor_si256(data, key);
			sum = _mm256_add_epi64(
			    sum, _mm256_mul_epu32(laid,
						  _mm256_srli_epi64(laid, 32)));
			sum = _mm256_add_epi64(
			    sum, _mm256_shuffle_epi32(data, 0x4e));
			key = _mm256_add_epi64(key, step);
		}
		sum = _mm256_xor_si256(sum, _mm256_srli_epi64(sum, 29));
		__m256i high =
		    _mm256_mul_epu32(_mm256_srli_epi64(sum, 32), prime);
		sum = _mm256_add_epi64(_mm256_mul_epu32(sum, prime),
				       _mm256_slli_epi64(high, 32));
	}
	uint64_t sums[4];
	memcpy(sums, &sum, sizeof sums);
	return hash_end(sums, view, seed);
}

#include "display/codec/analyse-body.h"
#endif
