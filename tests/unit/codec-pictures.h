/* codec-pictures.h - pictures that tests and benches of encoders share, made
 * from a seed: the same everywhere. */
#pragma once

#include "display/codec/codec.h"

enum codec_picture {
	PICTURE_SOLID,
	PICTURE_TWO,      /* black on white, like text without smoothing */
	PICTURE_TEXT,     /* smoothed glyphs, some dozen colours */
	PICTURE_PALETTE,  /* up to 256 colours, at random */
	PICTURE_GRADIENT, /* soft change, thousands of colours */
	PICTURE_PHOTO,    /* soft change and grain */
	PICTURE_NOISE,
	PICTURES,
};

/* Fills height rows, stride apart; what is between rows is left alone. */
void codec_picture_fill(enum codec_picture picture, uint32_t seed,
			uint32_t *pixels, size_t stride_px, unsigned width,
			unsigned height);
