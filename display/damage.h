/* damage.h - which parts of a picture are stale, in tiles of 16 x 16 pixels.
 *
 * A bitmap instead of a list of rectangles: its size is fixed by the picture,
 * so no pattern of updates can make it grow, joining two is an OR, and
 * forgetting is a memset. 16 pixels is what guests' own damage is aligned to
 * in QEMU, and is about a line of text.
 *
 * Threads: one at a time. Units: pixels, unless a name says tiles. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DAMAGE_TILE 16u

struct rect {
	unsigned x, y, w, h;
};

/* The part of *rect inside width x height; false when there is none. */
bool rect_clip(struct rect *rect, unsigned width, unsigned height);
bool rect_intersect(const struct rect *a, const struct rect *b,
		    struct rect *out);

struct damage {
	unsigned width, height;
	unsigned columns, rows; /* tiles */
	unsigned words;         /* uint64_t per row of tiles */
	uint64_t *bits;
};

/* Empty, for a picture of that size; keeps nothing of an earlier one. */
void damage_init(struct damage *self, unsigned width, unsigned height);
void damage_finish(struct damage *self);

void damage_clear(struct damage *self);
void damage_all(struct damage *self);
/* What lies outside the picture is ignored. */
void damage_add(struct damage *self, const struct rect *rect);
/* Takes out the tiles that lie wholly inside. */
void damage_remove(struct damage *self, const struct rect *rect);
void damage_add_tile(struct damage *self, unsigned column, unsigned row);
/* Both must be of the same size. */
void damage_join(struct damage *self, const struct damage *other);
bool damage_any(const struct damage *self);
bool damage_has_tile(const struct damage *self, unsigned column, unsigned row);
void damage_remove_tile(struct damage *self, unsigned column, unsigned row);
/* Stale tiles. */
unsigned damage_count(const struct damage *self);
/* The tiles' area in pixels of a place, clipped to the picture. */
struct rect damage_tile(const struct damage *self, unsigned column,
			unsigned row);

/* Takes the next rectangle of stale tiles out, at most side x side pixels
 * (a multiple of DAMAGE_TILE), in reading order; false when none is left in
 * `within` (NULL: anywhere). Clipped to the picture. */
bool damage_take(struct damage *self, const struct rect *within, unsigned side,
		 struct rect *out);
