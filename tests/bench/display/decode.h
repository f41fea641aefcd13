/* decode.h - RFB rectangles into pixels, fast enough not to be what is timed.
 *
 * Raw, CopyRect, Tight, ZRLE, Open H.264, for the one pixel format that the
 * bench asks for: 32 bits, 0x00RRGGBB, little endian.
 *
 * Threads: one. Fails: ends the program with a message. */
#pragma once

#include "tests/bench/display/wire.h"

enum {
	ENC_RAW = 0,
	ENC_COPYRECT = 1,
	ENC_TIGHT = 7,
	ENC_ZRLE = 16,
	ENC_H264 = 50,
};

struct decoder;

struct decoder *decoder_create(struct wire *wire);
void decoder_destroy(struct decoder *self);
/* Another size: pixels are black then. */
void decoder_resize(struct decoder *self, unsigned width, unsigned height);
uint32_t *decoder_pixels(struct decoder *self);
unsigned decoder_width(const struct decoder *self);
unsigned decoder_height(const struct decoder *self);
unsigned decoder_refused(const struct decoder *self);
/* Rectangles of Tight that were JPEG. */
unsigned decoder_jpegs(const struct decoder *self);
/* Takes a rectangle's bytes off the wire; false: not an encoding of pixels. */
bool decoder_rect(struct decoder *self, unsigned x, unsigned y, unsigned w,
		  unsigned h, int32_t encoding);

/* ---- decode-video.c: Open H.264, one stream per rectangle's place ---- */

struct video;
struct video *video_create(void);
void video_destroy(struct video *self);
/* Packets that the decoder could make nothing of. */
unsigned video_refused(const struct video *self);
void video_decode(struct video *self, struct wire *wire, unsigned x, unsigned y,
		  unsigned w, unsigned h, uint32_t *picture, unsigned stride);
