/* codec-decode.h - decoders of the tests, on zlib and libjpeg and written from
 * the specifications alone. Each checks every byte: what is left over or
 * missing fails the test. Pixels come out as display/pixels.h has them. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

/* Raw deflate that ends with its last block; exactly `want` bytes come out. */
void inflate_whole(const uint8_t *in, size_t length, uint8_t *out, size_t want);

struct tight_decoder {
	z_stream streams[4];
	bool on[4];
};
void tight_decoder_finish(struct tight_decoder *self);
/* Decodes one body at the begin of what is there; *jpeg tells that it was one.
 * Returns the bytes it took. */
size_t tight_decode(struct tight_decoder *self, const uint8_t *body,
		    size_t length, unsigned width, unsigned height,
		    uint32_t *pixels, bool *jpeg);

struct zrle_decoder {
	z_stream stream;
	bool on, rgb;
};
void zrle_decoder_finish(struct zrle_decoder *self);
/* A body with its length before it. */
void zrle_decode(struct zrle_decoder *self, const uint8_t *body, size_t length,
		 unsigned width, unsigned height, uint32_t *pixels);

void jpeg_decode(const uint8_t *data, size_t length, unsigned width,
		 unsigned height, uint32_t *pixels);

/* Decibel over all three channels; 99 for equal pictures. */
double psnr(const uint32_t *a, size_t a_stride_px, const uint32_t *b,
	    size_t b_stride_px, unsigned width, unsigned height);
