/* plan.h - a picture cut into rectangles, each for one kind of encoder.
 *
 * First every tile is looked at, by any number of threads; then what fits
 * together is joined: one colour to rectangles of any size, pictures to large
 * ones (JPEG has 600 bytes of headers each), text to ones that still share a
 * palette. Threads: any; pure. Units: pixels; tiles are counted row by row. */
#pragma once

#include "display/codec/analyse.h"

struct plan_tile {
	enum { PLAN_SKIP, PLAN_SOLID, PLAN_TEXT, PLAN_PICTURE } kind;
	uint32_t colour;  /* of a solid one */
	unsigned colours; /* of text: 0 for more than CODEC_FEW_COLOURS */
};

struct plan_rect {
	unsigned x, y, width, height;
	struct plan_tile what;
};

/* Most pixels a side of joined rectangles. */
struct plan_limits {
	unsigned text_width, text_height;
	unsigned picture_width, picture_height;
};
/* Good for Tight. */
extern const struct plan_limits plan_limits_default;

struct plan_tile plan_look(const struct codec_view *tile);

/* Joins tiles of `side` pixels, columns x rows of them, the last of each cut
 * off at width and height. Appends struct plan_rect to `rects`; tiles that are
 * PLAN_SKIP are left out, all become PLAN_SKIP. */
void plan_join(struct plan_tile *tiles, unsigned columns, unsigned rows,
	       unsigned side, unsigned width, unsigned height,
	       const struct plan_limits *limits, GArray *rects);
