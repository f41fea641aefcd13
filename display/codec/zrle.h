/* zrle.h - bodies of ZRLE rectangles (RFC 6143, 7.7.6), without the length
 * that stands before them, for viewers of 32 bits with 24-bit colour.
 *
 * ZRLE has one zlib stream per connection and no resets. The bytes refer to
 * nothing before them and end on a byte (deflate.h), so they may be kept and
 * sent to any viewer whose pixels have the same order of bytes. The very first
 * rectangle of a connection needs DEFLATE_ZLIB_HEADER before them.
 *
 * Threads: an encoder is used by one thread at a time. Fails: false for a view
 * that is not valid. */
#pragma once

#include "display/codec/analyse.h"

/* The three bytes of a CPIXEL as they stand on the wire. */
enum zrle_order { ZRLE_BGR, ZRLE_RGB };

typedef struct zrle_encoder zrle_encoder_t;
struct zrle_encoder *zrle_encoder_create(void);
void zrle_encoder_destroy(struct zrle_encoder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(zrle_encoder_t, zrle_encoder_destroy)

bool zrle_encode(struct zrle_encoder *self, const struct codec_view *view,
		 enum zrle_order order, GByteArray *out);

/* Appends a whole body: length, the stream's first bytes if *begun was false
 * (it becomes true), and what zrle_encode() gave. */
void zrle_frame(const GByteArray *encoded, bool *begun, GByteArray *out);
