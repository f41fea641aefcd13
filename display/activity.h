/* activity.h - how the picture's tiles have behaved: since when at rest, how
 * often changed, and what they look like. The memory of classification.
 *
 * One per display, kept for all viewers. A tile is "hot" while it changes
 * again and again (video, animation); what only moved counts as movement, not
 * as heat. A tile's looks are judged when first asked for and kept until its
 * pixels change, so a display whose viewers want everything exact never
 * judges any.
 *
 * Threads: the main loop's. Units: tiles of DAMAGE_TILE; microseconds. */
#pragma once

#include "display/desktop.h"

enum tile_kind {
	TILE_PLAIN,   /* one colour or softly shaded: goes with either */
	TILE_TEXT,    /* edges between equal pixels: to be shown exactly */
	TILE_PICTURE, /* many colours that change softly: JPEG suits it */
};

struct activity;
struct activity *activity_new(void);
void activity_free(struct activity *self);

/* A frame was committed. */
void activity_note(struct activity *self, const struct desktop *desktop,
		   const struct desktop_change *change, int64_t now_us);
/* Cools what has not changed for a while; cheap, call it before looking. */
void activity_cool(struct activity *self, int64_t now_us);

/* Tiles that are hot, valid until the next call that notes or cools. */
const struct damage *activity_hot(const struct activity *self);
/* The same for tiles that may become so: three changes in a row. */
const struct damage *activity_warm(const struct activity *self);
/* Whether nothing happened in a tile for so long that nothing will at once:
 * hot ones have to rest longer, being between two frames of theirs. */
bool activity_rested(const struct activity *self, unsigned column, unsigned row,
		     int64_t now_us);
/* A lone tile of text amid a picture counts as picture, if it is hot. */
enum tile_kind activity_kind(struct activity *self,
			     const struct desktop *desktop, unsigned column,
			     unsigned row);
