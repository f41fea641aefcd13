/* deflate.h - deflate (RFC 1951) made for pixels.
 *
 * What one call appends refers to nothing before it. DEFLATE_ALIGNED ends on a
 * byte, by an empty stored block as zlib's sync flush does: the same bytes may
 * be put into any number of zlib streams, at any place of each, and what one
 * viewer got is good for the next. DEFLATE_LAST is shorter by those bytes and
 * ends its stream: for protocols that begin streams anew. A stream begins with
 * the two bytes of DEFLATE_ZLIB_HEADER; no checksum is written.
 *
 * Matches are looked for where pixels repeat: one row up, one pixel to the
 * left, and where a hash of the next bytes last stood.
 *
 * Threads: an encoder is used by one thread at a time. Fails: never. */
#pragma once

#include "display/codec/codec.h"

#define DEFLATE_ZLIB_HEADER       "\x78\x01"
#define DEFLATE_ZLIB_HEADER_BYTES 2u
/* Longest input of one call. */
#define DEFLATE_INPUT_MAX (1u << 26)

enum deflate_mode {
	DEFLATE_MATCHES, /* palettes, text, anything that repeats */
	DEFLATE_RUNS,    /* what a predictor left over: runs of a byte only */
};
enum deflate_end { DEFLATE_ALIGNED, DEFLATE_LAST };

typedef struct deflate deflate_t;
struct deflate *deflate_create(void);
void deflate_destroy(struct deflate *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(deflate_t, deflate_destroy)

/* row_bytes, pixel_bytes: distances at which data likely repeats, 0 if none. */
void deflate_append(struct deflate *self, enum deflate_mode mode,
		    enum deflate_end end, const uint8_t *in, size_t length,
		    unsigned row_bytes, unsigned pixel_bytes, GByteArray *out);
