/* encode.h - a rectangle of pixels as one PIXELS message.
 *
 * Every rectangle stands alone: no state is shared between messages, so that
 * they can be dropped, repeated and taken over by another client. Lossless.
 * Threads: one at a time per encoder. */
#pragma once

#include <stdbool.h>

#include "seamless/wire.h"

/* Largest side whose raw pixels fit a message; a multiple of DAMAGE_TILE. */
#define ENCODE_SIDE 112u

struct encoder;

struct encoder *encoder_new(void);
void encoder_free(struct encoder *self);
/* Fills encoding and data of *pixels for its area; data stays valid until
 * the next call. `from` is the area's first pixel, 0x00RRGGBB, rows
 * stride_pixels apart; no side is over ENCODE_SIDE. */
void encoder_run(struct encoder *self, const uint32_t *from,
		 size_t stride_pixels, struct seam_pixels *pixels);
