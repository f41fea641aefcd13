/* view.h - what one viewer holds of the picture, and what it should be sent
 * next. Knows no protocol: the writers of RFB and SPICE stand on it.
 *
 * A view is described at the place up to which the viewer was given rectangles
 * (queued counts as given): `stale` is what it does not hold as the frame is,
 * `moves` what it has to carry out, in order, before anything else is sent,
 * `lossy` what it holds, but not exactly. Moves that a viewer has not carried
 * out yet refer to what it holds by then; the tiles it lacks are carried along
 * as stale tiles. So a slow viewer may have any number of scrolls before it,
 * and is exact after all of them.
 *
 * Who keeps a rectangle planned without having read its pixels has to give it
 * back (view_give_back) before view_changed() brings moves: they refer to what
 * was there before.
 *
 * Threads: the main loop's. Units: pixels. */
#pragma once

#include "display/activity.h"

/* Waiting moves beyond this are sent as damage: such a viewer is so far
 * behind that its picture is stale anyway. */
#define VIEW_MOVES_MAX 128u

enum view_what {
	VIEW_NOTHING,
	VIEW_ECHO,  /* small and calm: the answer to a key or a click */
	VIEW_FRESH, /* not seen yet */
	VIEW_FILM,  /* the next frame of the film, all of its rectangle */
	VIEW_HOT,   /* of a moving picture */
	VIEW_EXACT, /* seen, but not exactly, and at rest */
};

struct view_part {
	enum view_what what;
	struct rect rect;
	bool exact; /* to be sent without loss */
	bool rough; /* ... in fewer shades, and exactly later */
};

struct view {
	struct damage stale, echo, lossy;
	uint16_t *rows; /* per stale tile: the rows it lacks, as known */
	struct move moves[VIEW_MOVES_MAX];
	unsigned moves_count;
	uint32_t moved; /* counts frames that moved something */
	bool exact_turn;
	/* Set by who can send it as a stream (film.h), w = 0: none. What is
	 * inside comes as VIEW_FILM, and exactly once it stands still. */
	struct rect film;
	int64_t film_us; /* last frame of it */
};

/* All of a picture of that size is stale. */
void view_init(struct view *self, unsigned width, unsigned height);
void view_finish(struct view *self);

void view_changed(struct view *self, const struct desktop_change *change,
		  const struct activity *activity);
/* Gives up the waiting moves: where they lead is stale. */
void view_drop_moves(struct view *self);
void view_give_back(struct view *self, const struct rect *rect);
/* The viewer lacks everything there. */
void view_add(struct view *self, const struct rect *rect);
/* ... and nothing any more, moves included. */
void view_clear(struct view *self);

struct view_wish {
	const struct rect *within; /* NULL: anywhere */
	unsigned side;             /* longest side of a part, of 16 pixels */
	/* most pixels of a part, by what it is; one tile at least */
	unsigned pixels[VIEW_EXACT + 1];
	bool only_echo;
	bool calm; /* nothing of what moves without end, for now */
	/* The whole first: what is new and no picture is sent in fewer shades,
	 * and nothing is made exact. */
	bool rough;
	bool film_waits; /* its frame before has not gone out yet */
	bool lossy;      /* pictures may be sent inexactly, then exactly */
};

/* Takes out what is best sent next. What is taken inexactly is noted. */
enum view_what view_next(struct view *self, const struct desktop *desktop,
			 struct activity *activity,
			 const struct view_wish *wish, int64_t now_us,
			 struct view_part *out);
/* What was sent to be inexact turned out exact; nothing has moved since. */
void view_was_exact(struct view *self, const struct rect *rect);
/* Whether something will have to be made exact later. */
bool view_waits(const struct view *self);
