/* draw.h - messages of the display channel, each whole.
 *
 * Threads: the main loop's. Units: pixels; times in ms of multi-media time. */
#pragma once

#include "display/spice/channel.h"
#include "display/spice/image.h"

/* The primary surface is what clients show; another one is painted out of
 * their sight, and copied to it. */
#define SPICE_SURFACE_SHOWN  0u
#define SPICE_SURFACE_HIDDEN 1u

void spice_draw_create(struct spice_channel *self, uint32_t surface,
		       unsigned width, unsigned height);
void spice_draw_destroy(struct spice_channel *self, uint32_t surface);
/* The shown surface may be looked at. */
void spice_draw_mark(struct spice_channel *self);
/* Where the heads are in the shown surface. */
void spice_draw_monitors(struct spice_channel *self);
/* outcome: of spice_job_kind. */
void spice_draw_image(struct spice_channel *self, uint32_t surface,
		      const struct rect *rect, uint32_t outcome,
		      const GByteArray *body);
void spice_draw_move(struct spice_channel *self, uint32_t surface,
		     const struct move *move);
/* All of the hidden surface to the shown one. */
void spice_draw_show(struct spice_channel *self, unsigned width,
		     unsigned height);
