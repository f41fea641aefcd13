/* The stream is a row of orders. A byte below 32 says how many pixels follow
 * as they are, less one. Any other says that pixels before are to be repeated:
 * three bits of length (7: bytes follow that are added, up to one below 255)
 * and thirteen of distance less one, all ones for one beyond, which sixteen
 * bits more tell. */
#include "display/spice/lz.h"

#include <string.h>

#include "display/codec/codec.h"

#define MAGIC   0x20205a4cu /* "LZ  " */
#define VERSION 0x00010001u
#define RGB32   8u

#define LITERALS_MAX 32u
#define LENGTH_MAX   7u /* of the order's own three bits */
#define NEAR_MAX     8191u
/* Places of pixels that were seen, by two of them. */
#define HASH_BITS 13

static uint8_t *put_be32(uint8_t *to, uint32_t value)
{
	value = GUINT32_TO_BE(value);
	memcpy(to, &value, 4);
	return to + 4;
}

static uint8_t *put_literals(uint8_t *to, const uint32_t *from, unsigned count)
{
	while (count) {
		unsigned n = MIN(count, LITERALS_MAX);
		*to++ = (uint8_t)(n - 1);
		for (unsigned i = 0; i < n; i++, to += 3)
			memcpy(to, &from[i], 3);
		from += n;
		count -= n;
	}
	return to;
}

static uint8_t *put_match(uint8_t *to, unsigned distance, unsigned length)
{
	unsigned back = distance - 1, far = back >= NEAR_MAX;
	unsigned own = far ? NEAR_MAX : back;
	*to++ = (uint8_t)(MIN(length, LENGTH_MAX) << 5 | own >> 8);
	if (length >= LENGTH_MAX) {
		for (length -= LENGTH_MAX; length >= 255; length -= 255)
			*to++ = 255;
		*to++ = (uint8_t)length;
	}
	*to++ = (uint8_t)own;
	if (far) {
		*to++ = (uint8_t)((back - NEAR_MAX) >> 8);
		*to++ = (uint8_t)(back - NEAR_MAX);
	}
	return to;
}

static unsigned same(const uint32_t *a, const uint32_t *b, unsigned most)
{
	unsigned n = 0;
	while (n < most && a[n] == b[n])
		n++;
	return n;
}

static unsigned hash(const uint32_t *at)
{
	return (at[0] * 2654435761u ^ at[1] * 2246822519u) >> (32 - HASH_BITS);
}

void spice_lz_put(const uint32_t *pixels, unsigned width, unsigned height,
		  GByteArray *out)
{
	const uint32_t header[] = {
	    MAGIC,  VERSION,   RGB32, width,
	    height, width * 4, 1}; /* the upper row first */
	uint32_t seen[1u << HASH_BITS];
	unsigned count = width * height, plain = 0, at = 1;
	g_return_if_fail(count && count <= SPICE_LZ_PIXELS_MAX);
	memset(seen, 0, sizeof seen);
	guint start = out->len;
	uint8_t *to = codec_room(out, sizeof header + 3 * (size_t)count +
					  count / LITERALS_MAX + 8);
	uint8_t *begun = to;
	for (unsigned i = 0; i < G_N_ELEMENTS(header); i++)
		to = put_be32(to, header[i]);
	while (at + 1 < count) {
		unsigned left = count - at, length = 0, distance = 0;
		uint32_t *place = &seen[hash(pixels + at)];
		const unsigned backs[] = {1, width, at - *place};
		for (unsigned i = 0; i < G_N_ELEMENTS(backs); i++) {
			if (!backs[i] || backs[i] > at)
				continue;
			const uint32_t *then = pixels + at - backs[i];
			unsigned n = *then == pixels[at]
					 ? same(then, pixels + at, left)
					 : 0;
			if (n > length) {
				length = n;
				distance = backs[i];
			}
		}
		*place = at;
		if (length < 2) {
			at++;
			continue;
		}
		to = put_literals(to, pixels + plain, at - plain);
		to = put_match(to, distance, length);
		at += length;
		plain = at;
	}
	to = put_literals(to, pixels + plain, count - plain);
	g_byte_array_set_size(out, start + (guint)(to - begun));
}
