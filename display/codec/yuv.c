#include "display/codec/yuv.h"

#if CODEC_X86
#include <immintrin.h>
#endif

/* In 256ths, blue, green, red. */
enum { YB = 25, YG = 129, YR = 66 };
enum { UB = 112, UG = -74, UR = -38 };
enum { VB = -18, VG = -94, VR = 112 };

static inline unsigned mean(unsigned a, unsigned b)
{
	return (a + b + 1) >> 1;
}

/* The mean of each channel, rounded as the vectors' instruction does. */
static inline uint32_t mean_pixel(uint32_t a, uint32_t b)
{
	return mean(a >> 16 & 0xff, b >> 16 & 0xff) << 16 |
	       mean(a >> 8 & 0xff, b >> 8 & 0xff) << 8 |
	       mean(a & 0xff, b & 0xff);
}

static inline uint8_t luma(uint32_t p)
{
	return ((YB * (p & 0xff) + YG * (p >> 8 & 0xff) +
		 YR * (p >> 16 & 0xff) + 128) >>
		8) +
	       16;
}

static inline uint8_t chroma(uint32_t p, int b, int g, int r)
{
	int sum = b * (int)(p & 0xff) + g * (int)(p >> 8 & 0xff) +
		  r * (int)(p >> 16 & 0xff);
	return ((sum + 128) >> 8) + 128;
}

/* Two rows from column `x` on; the second may be the first again. */
static void rows_rest(const uint32_t *top, const uint32_t *low, unsigned x,
		      unsigned width, uint8_t *y0, uint8_t *y1, uint8_t *u,
		      uint8_t *v)
{
	for (; x < width; x += 2) {
		unsigned next = x + 1 < width ? x + 1 : x;
		y0[x] = luma(top[x]);
		y0[x + 1] = luma(top[next]);
		y1[x] = luma(low[x]);
		y1[x + 1] = luma(low[next]);
		uint32_t p = mean_pixel(mean_pixel(top[x], low[x]),
					mean_pixel(top[next], low[next]));
		if (v) {
			u[x / 2] = chroma(p, UB, UG, UR);
			v[x / 2] = chroma(p, VB, VG, VR);
		} else {
			u[x] = chroma(p, UB, UG, UR);
			u[x + 1] = chroma(p, VB, VG, VR);
		}
	}
}

#if CODEC_X86
#define FN CODEC_TARGET_AVX2 static

FN inline __m256i load(const uint32_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

/* Weighted sums of eight pixels, in 32 bits, rounded and shifted. */
FN inline __m256i sums(__m256i pixels, __m256i weights)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i low =
	    _mm256_madd_epi16(_mm256_unpacklo_epi8(pixels, zero), weights);
	__m256i high =
	    _mm256_madd_epi16(_mm256_unpackhi_epi8(pixels, zero), weights);
	__m256i sum = _mm256_hadd_epi32(low, high);
	return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(128)),
				 8);
}

FN inline __m256i weights(int b, int g, int r)
{
	return _mm256_setr_epi16(b, g, r, 0, b, g, r, 0, b, g, r, 0, b, g, r,
				 0);
}

/* Sixteen sums in order, with an offset, as bytes. */
FN inline __m128i bytes16(__m256i a, __m256i b, int offset)
{
	__m256i words =
	    _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
	words = _mm256_add_epi16(words, _mm256_set1_epi16(offset));
	return _mm_packus_epi16(_mm256_castsi256_si128(words),
				_mm256_extracti128_si256(words, 1));
}

/* Of sixteen pixels the mean of each two. */
FN inline __m256i mean_pairs(__m256i a, __m256i b)
{
	__m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
	__m256i even = _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0x88));
	__m256i odd = _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0xdd));
	return _mm256_permute4x64_epi64(_mm256_avg_epu8(even, odd), 0xd8);
}

FN unsigned rows_avx2(const uint32_t *top, const uint32_t *low, unsigned width,
		      uint8_t *y0, uint8_t *y1, uint8_t *u, uint8_t *v)
{
	const __m256i wy = weights(YB, YG, YR), wu = weights(UB, UG, UR);
	const __m256i wv = weights(VB, VG, VR);
	unsigned x = 0;
	for (; x + 16 <= width; x += 16) {
		__m256i a = load(top + x), b = load(top + x + 8);
		__m256i c = load(low + x), d = load(low + x + 8);
		_mm_storeu_si128((__m128i *)(y0 + x),
				 bytes16(sums(a, wy), sums(b, wy), 16));
		_mm_storeu_si128((__m128i *)(y1 + x),
				 bytes16(sums(c, wy), sums(d, wy), 16));
		__m256i p =
		    mean_pairs(_mm256_avg_epu8(a, c), _mm256_avg_epu8(b, d));
		/* eight of u, then eight of v */
		__m128i uv = bytes16(sums(p, wu), sums(p, wv), 128);
		if (v) {
			_mm_storel_epi64((__m128i *)(u + x / 2), uv);
			_mm_storel_epi64((__m128i *)(v + x / 2),
					 _mm_unpackhi_epi64(uv, uv));
		} else {
			_mm_storeu_si128(
			    (__m128i *)(u + x),
			    _mm_unpacklo_epi8(uv, _mm_unpackhi_epi64(uv, uv)));
		}
	}
	return x;
}
#endif

void yuv_fill(const struct codec_view *view, const struct yuv_planes *planes)
{
	g_return_if_fail(codec_view_valid(view));
	for (unsigned row = 0; row < view->height; row += 2) {
		const uint32_t *top = view->pixels + row * view->stride_px;
		const uint32_t *low =
		    row + 1 < view->height ? top + view->stride_px : top;
		uint8_t *y0 = planes->y + row * planes->y_stride;
		uint8_t *y1 = y0 + planes->y_stride;
		uint8_t *u = planes->u + row / 2 * planes->uv_stride;
		uint8_t *v =
		    planes->v ? planes->v + row / 2 * planes->uv_stride : NULL;
		unsigned x = 0;
#if CODEC_X86
		if (codec_isa() == CODEC_AVX2)
			x = rows_avx2(top, low, view->width, y0, y1, u, v);
#endif
		rows_rest(top, low, x, view->width, y0, y1, u, v);
	}
}
