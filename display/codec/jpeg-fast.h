/* jpeg-fast.h - baseline JPEG with AVX2, inside jpeg.c: from pixels to bits
 * in one pass over the picture, two blocks at a time.
 *
 * libjpeg-turbo goes over the picture four times through memory of its own
 * (colours, samples, coefficients, bits); its tables and its behaviour are
 * kept. Takes 4:4:4 and 4:2:0 up to quality 95: above that 16 bits are too few
 * for the transform. Threads: one at a time. */
#pragma once

#include <stdio.h>

#include <jpeglib.h>

#include "display/codec/jpeg.h"

/* Whether this machine and these options go. */
bool jpeg_fast_able(unsigned quality, enum jpeg_sampling sampling);

struct jpeg_fast_code {
	uint16_t bits;
	uint8_t length;
};

struct jpeg_fast {
	/* per table, register and lane: see quantize() */
	uint16_t half[2][8][16], factor[2][8][16], shift[2][8][16];
	uint8_t quants[2][64]; /* in zigzag order, as DQT has them */
	const JHUFF_TBL *dc_tables[2], *ac_tables[2];
	struct jpeg_fast_code dc[2][16], ac[2][256];
};

/* Takes over the tables that libjpeg has set up, which must stay. */
void jpeg_fast_tables(struct jpeg_fast *self,
		      const struct jpeg_compress_struct *jpeg);
void jpeg_fast_encode(const struct jpeg_fast *self,
		      const struct codec_view *view,
		      enum jpeg_sampling sampling, GByteArray *out);
