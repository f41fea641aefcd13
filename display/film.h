/* film.h - where a film plays: the rectangle that is best sent as video.
 *
 * Found by its tiles: they change again and again, look like pictures, and
 * fill most of a rectangle. It has to be seen twice in the same place before
 * it counts, and goes on counting while most of it moves, so that streams do
 * not begin and end with every scene. The largest one only: the others go out
 * as pictures do.
 *
 * Threads: the main loop's. Units: pixels; microseconds. */
#pragma once

#include "display/activity.h"

struct film;
struct film *film_new(void);
void film_free(struct film *self);

/* Looks again, if it is time to; call it after activity_note(). */
void film_look(struct film *self, struct activity *activity,
	       const struct desktop *desktop, int64_t now_us);
/* NULL: no film. */
const struct rect *film_at(const struct film *self);
