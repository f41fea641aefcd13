#include "display/codec/filter.h"

#if CODEC_X86
#include <immintrin.h>
#endif

/* ---- portable; `from` is where the vectors stopped ---- */

static void rgb_rest(const uint32_t *pixels, unsigned from, unsigned width,
		     uint8_t *out)
{
	for (unsigned x = from; x < width; x++) {
		out[x * 3] = pixels[x] >> 16;
		out[x * 3 + 1] = pixels[x] >> 8;
		out[x * 3 + 2] = pixels[x];
	}
}

static void bgr_rest(const uint32_t *pixels, unsigned from, unsigned width,
		     uint8_t *out)
{
	for (unsigned x = from; x < width; x++) {
		out[x * 3] = pixels[x];
		out[x * 3 + 1] = pixels[x] >> 8;
		out[x * 3 + 2] = pixels[x] >> 16;
	}
}

static void gradient_rest(const uint32_t *pixels, const uint32_t *above,
			  unsigned from, unsigned width, uint8_t *out)
{
	for (unsigned x = from; x < width; x++) {
		uint32_t left = x ? pixels[x - 1] : 0;
		uint32_t up = above ? above[x] : 0;
		uint32_t corner = x && above ? above[x - 1] : 0;
		for (unsigned c = 0; c < 3; c++) {
			unsigned shift = 16 - 8 * c;
			int guess = (int)(left >> shift & 0xff) +
				    (int)(up >> shift & 0xff) -
				    (int)(corner >> shift & 0xff);
			guess = CLAMP(guess, 0, 255);
			out[x * 3 + c] = (pixels[x] >> shift & 0xff) - guess;
		}
	}
}

/* ---- AVX2: eight pixels at a time ---- */

#if CODEC_X86
#define FN CODEC_TARGET_AVX2 static

/* Three bytes of each of eight pixels, by `order` within four. */
FN inline void store24(uint8_t *out, __m256i pixels, __m256i order)
{
	__m256i packed = _mm256_shuffle_epi8(pixels, order);
	packed = _mm256_permutevar8x32_epi32(
	    packed, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
	_mm256_storeu_si256((__m256i *)out, packed);
}

FN inline __m256i order_rgb(void)
{
	return _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1,
				-1, -1, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12,
				-1, -1, -1, -1);
}

FN inline __m256i order_bgr(void)
{
	return _mm256_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1,
				-1, -1, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14,
				-1, -1, -1, -1);
}

FN unsigned pack_avx2(const uint32_t *pixels, unsigned width, uint8_t *out,
		      bool rgb)
{
	const __m256i order = rgb ? order_rgb() : order_bgr();
	unsigned x = 0;
	for (; x + 8 <= width; x += 8)
		store24(out + x * 3,
			_mm256_loadu_si256((const __m256i *)(pixels + x)),
			order);
	return x;
}

FN inline __m256i guess8(__m256i left, __m256i up, __m256i corner)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i low =
	    _mm256_sub_epi16(_mm256_add_epi16(_mm256_unpacklo_epi8(left, zero),
					      _mm256_unpacklo_epi8(up, zero)),
			     _mm256_unpacklo_epi8(corner, zero));
	__m256i high =
	    _mm256_sub_epi16(_mm256_add_epi16(_mm256_unpackhi_epi8(left, zero),
					      _mm256_unpackhi_epi8(up, zero)),
			     _mm256_unpackhi_epi8(corner, zero));
	return _mm256_packus_epi16(low, high);
}

/* From the second pixel on, below the first row. */
FN unsigned gradient_avx2(const uint32_t *pixels, const uint32_t *above,
			  unsigned width, uint8_t *out)
{
	const __m256i order = order_rgb();
	unsigned x = 1;
	for (; x + 8 <= width; x += 8) {
		const __m256i *p = (const __m256i *)(pixels + x);
		const __m256i *l = (const __m256i *)(pixels + x - 1);
		const __m256i *u = (const __m256i *)(above + x);
		const __m256i *c = (const __m256i *)(above + x - 1);
		__m256i guess =
		    guess8(_mm256_loadu_si256(l), _mm256_loadu_si256(u),
			   _mm256_loadu_si256(c));
		store24(out + x * 3,
			_mm256_sub_epi8(_mm256_loadu_si256(p), guess), order);
	}
	return x;
}
#endif

void filter_rgb(const uint32_t *pixels, unsigned width, uint8_t *out)
{
	unsigned x = 0;
#if CODEC_X86
	if (codec_isa() == CODEC_AVX2)
		x = pack_avx2(pixels, width, out, true);
#endif
	rgb_rest(pixels, x, width, out);
}

void filter_bgr(const uint32_t *pixels, unsigned width, uint8_t *out)
{
	unsigned x = 0;
#if CODEC_X86
	if (codec_isa() == CODEC_AVX2)
		x = pack_avx2(pixels, width, out, false);
#endif
	bgr_rest(pixels, x, width, out);
}

void filter_gradient(const uint32_t *pixels, const uint32_t *above,
		     unsigned width, uint8_t *out)
{
	unsigned x = 0;
#if CODEC_X86
	if (codec_isa() == CODEC_AVX2 && above && width) {
		gradient_rest(pixels, above, 0, 1, out);
		x = gradient_avx2(pixels, above, width, out);
	}
#endif
	gradient_rest(pixels, above, x, width, out);
}
