#include "display/looks.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static unsigned apart(uint32_t a, uint32_t b, int shift)
{
	int d = (int)(a >> shift & 0xff) - (int)(b >> shift & 0xff);
	return (unsigned)(d < 0 ? -d : d);
}

struct looks looks_count_portable(const uint32_t *pixels, unsigned stride_px,
				  unsigned width, unsigned height)
{
	struct looks out = {.all = height * (width - 1)};
	unsigned near = 0;
	for (unsigned y = 0; y < height; y++, pixels += stride_px)
		for (unsigned x = 0; x + 1 < width; x++) {
			uint32_t a = pixels[x], b = pixels[x + 1];
			out.equal += a == b;
			near += (apart(a, b, 0) <= LOOKS_SOFT) &
				(apart(a, b, 8) <= LOOKS_SOFT) &
				(apart(a, b, 16) <= LOOKS_SOFT);
		}
	out.soft = near - out.equal;
	return out;
}

#ifdef __SSE2__
#define SIDE 16u /* of a whole tile: 15 pairs a row */

/* Adds -1 in each lane whose pixel equals its neighbour, and whose is near. */
static void compare(const uint32_t *at, __m128i lanes, __m128i *equal,
		    __m128i *near)
{
	const __m128i soft = _mm_set1_epi8(LOOKS_SOFT);
	__m128i a = _mm_loadu_si128((const __m128i *)at);
	__m128i b = _mm_loadu_si128((const __m128i *)(at + 1));
	__m128i apart = _mm_or_si128(_mm_subs_epu8(a, b), _mm_subs_epu8(b, a));
	__m128i beyond = _mm_subs_epu8(apart, soft);
	const __m128i none = _mm_setzero_si128();
	*equal = _mm_add_epi32(
	    *equal, _mm_and_si128(_mm_cmpeq_epi32(apart, none), lanes));
	*near = _mm_add_epi32(
	    *near, _mm_and_si128(_mm_cmpeq_epi32(beyond, none), lanes));
}

static unsigned sum(__m128i lanes)
{
	int32_t n[4];
	_mm_storeu_si128((__m128i *)n, lanes);
	return (unsigned)-(n[0] + n[1] + n[2] + n[3]);
}

struct looks looks_count(const uint32_t *pixels, unsigned stride_px,
			 unsigned width, unsigned height)
{
	if (width != SIDE)
		return looks_count_portable(pixels, stride_px, width, height);
	const __m128i whole = _mm_set1_epi32(-1);
	const __m128i but_first = _mm_set_epi32(-1, -1, -1, 0);
	__m128i equal = _mm_setzero_si128(), near = equal;
	for (unsigned y = 0; y < height; y++, pixels += stride_px) {
		compare(pixels, whole, &equal, &near);
		compare(pixels + 4, whole, &equal, &near);
		compare(pixels + 8, whole, &equal, &near);
		/* pair 11 once more, so that nothing is read beyond the row */
		compare(pixels + 11, but_first, &equal, &near);
	}
	struct looks out = {sum(equal), sum(near), height * (SIDE - 1)};
	out.soft -= out.equal;
	return out;
}
#else
struct looks looks_count(const uint32_t *pixels, unsigned stride_px,
			 unsigned width, unsigned height)
{
	return looks_count_portable(pixels, stride_px, width, height);
}
#endif
