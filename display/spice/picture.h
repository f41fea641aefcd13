/* picture.h - the display channel, as its files share it.
 *
 *   picture.c  the channel, sizes, its turns
 *   choose.c   what is sent next, and how much may be on its way
 *   plan.c     what was chosen, in the order it goes out
 *   film.c, draw.c, image.c, lz.c
 *
 * As in rfb/update.c the view says what the client lacks, in the order of its
 * worth, and the pacer how much may be on its way; pings among the messages
 * measure. Every message stands for itself, so a part's pixels are read when
 * it is chosen, and nothing that was chosen can grow old before it is encoded:
 * at most BEGUN_MAX parts are. They go out in the order they were chosen, but
 * for the answer to a key, which overtakes what it does not touch.
 *
 * Threads: the main loop's. */
#pragma once

#include "display/pacer.h"
#include "display/spice/draw.h"
#include "display/spice/film.h"
#include "display/view.h"

/* JPEG's, where the line allows. */
#define SPICE_QUALITY_MOST 90u

enum item_type { ITEM_PART, ITEM_MOVE, ITEM_MARK };

struct item {
	enum item_type type;
	struct view_part part;
	struct job *job; /* part: NULL for a frame of a film not begun yet */
	bool begins;     /* ... a stream begins with it */
	struct move move;
	bool full; /* mark: there was more to send than room for it */
};

struct picture {
	bool asked; /* DISPLAY_INIT has come */
	struct view view;
	struct pacer pacer;
	GQueue items; /* in the order they go out */
	unsigned begun;
	bool layout_due, shown;
	uint32_t surface; /* that is drawn to */
	gint64 hidden_us; /* since when it is the hidden one */
	unsigned width, height;
	/* the batch that is open */
	bool open, open_full;
	size_t room, pixels;
	unsigned parts;
	unsigned cost[VIEW_EXACT + 1]; /* bytes for 1024 pixels, of lately */
	unsigned quality;
	unsigned full, easy; /* batches, since quality_us */
	gint64 quality_us;
	struct spice_film film;
	guint step_idle, rest_timer;
};

/* ---- plan.c ---- */
struct item *spice_plan_push(struct picture *picture, enum item_type type);
/* The last item, a part, goes to the front as far as nothing it touches is in
 * the way. */
void spice_plan_overtake(struct picture *picture);
void spice_plan_clear(struct picture *picture);
bool spice_plan_has_film(const struct picture *picture);
/* Sends what is ready at the front, as far as the socket takes it; false: it
 * takes no more now, and tells when it does. May fail the channel. */
bool spice_plan_send(struct spice_channel *self);

/* ---- choose.c ---- */
/* Puts on the plan what is best sent next; false: nothing, or no room. */
bool spice_choose_part(struct spice_channel *self, gint64 now);
bool spice_choose_moves(struct spice_channel *self, gint64 now);
/* Frames that could not be begun when they were chosen. */
void spice_choose_begin_waiting(struct spice_channel *self);
