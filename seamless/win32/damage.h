/* damage.h - what differs between two pictures, as rectangles.
 *
 * Nothing tells what a window has drawn, so what is taken of it is held
 * against what was shown last. The rectangles are bands of a few rows, as wide
 * as their differences, joined where that adds little.
 * Pure arithmetic: no Windows in it. Threads: any. Units: pixels, of
 * 0x00rrggbb; what lies in the top byte means nothing. */
#pragma once

#include <stdint.h>

#include "seamless/wire.h"

struct picture_view {
	const uint32_t *pixels;
	int stride; /* pixels from one row to the next */
};

struct damage {
	struct seam_rect *rects;
	unsigned room; /* at least 1; the last one grows when they are full */
	unsigned count;
};

/* From the top; each difference lies in one of the rectangles. */
void damage_compare(struct damage *self, const struct picture_view *now,
		    const struct picture_view *before, int width, int height);
/* Alike for pictures that are. */
uint64_t damage_sum(const struct picture_view *picture, int width, int height);
