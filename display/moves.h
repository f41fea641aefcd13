/* moves.h - what moved inside the picture between two frames: text that
 * scrolled, a window that was dragged.
 *
 * Both frames are at hand, so nothing has to be believed: displacements are
 * guessed from features that stand in both frames, but a copy is given only
 * where the pixels were compared, and it is carried out on the old frame at
 * once. What still differs afterwards is damage. So a wrong guess costs bytes
 * and never a pixel.
 *
 * Copies are ordered: each one reads what those before it have left.
 *
 * Threads: one at a time. Units: pixels. */
#pragma once

#include "display/damage.h"

/* Of one frame; a dragged window and two scrolled panes take about eight. */
#define MOVES_MAX 48u

struct move {
	struct rect to;
	int dx, dy; /* it came from to.x - dx, to.y - dy */
};

static inline struct rect move_from(const struct move *move)
{
	return (struct rect){move->to.x - (unsigned)move->dx,
			     move->to.y - (unsigned)move->dy, move->to.w,
			     move->to.h};
}

struct moves;
struct moves *moves_new(void);
void moves_free(struct moves *self);

/* still: where nothing is looked for (a film: it changes all the time and
 * never moves as a whole), or NULL.
 * Finds what of the tiles in `changed` came from elsewhere, moves it inside
 * `old` (rows are changed->width apart in both) and lists what it did, at most
 * MOVES_MAX; returns how many. */
unsigned moves_find(struct moves *self, uint32_t *old, const uint32_t *new_,
		    const struct damage *changed, const struct rect *still,
		    struct move *out);
/* Of the last call: tiles in which the two may differ now. */
const struct damage *moves_rest(const struct moves *self);

/* Moves pixels as a move says; it lies inside. */
void moves_apply(uint32_t *pixels, unsigned width, const struct move *move);

/* What `stale` becomes for somebody who carries the move out: what was stale
 * is stale where it arrives. */
void moves_shift(struct damage *stale, const struct move *move);
