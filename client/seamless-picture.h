/* seamless-picture.h - icons and cursors, put together from their pieces.
 *
 * Threads: main. Bounds: SEAM_ICON_SIDE each way, as the wire's parser has
 * checked; a piece out of turn begins nothing and is dropped. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "seamless/wire.h"

struct picture {
	unsigned width, height; /* 0: none */
	int hot_x, hot_y;
	uint32_t *pixels; /* premultiplied 0xAARRGGBB */
	uint32_t have;    /* bytes so far */
};

/* TRUE once the picture is whole (one of width 0 is at once). */
bool picture_take(struct picture *picture, const struct seam_picture *piece);
void picture_clear(struct picture *picture);
