/* decode-private.h - what the decoders share. */
#pragma once

#include <zlib.h>

#include "tests/bench/display/decode.h"

struct decoder {
	struct wire *wire;
	unsigned width, height, jpegs;
	uint32_t *pixels;
	z_stream tight[4], zrle;
	struct video *video;
	uint8_t *in, *out;
	size_t in_size, out_size;
};

/* Bytes off the wire, valid until the next call. */
uint8_t *decoder_take(struct decoder *self, size_t bytes);
uint8_t *decoder_room(struct decoder *self, size_t bytes);
void decoder_tight(struct decoder *self, unsigned x, unsigned y, unsigned w,
		   unsigned h);
