/* turn.h - whose turn a window's geometry is: the client's CONFIGUREs and the
 * COMMITs that answer them. docs/seamless.md, rules 2, 3 and 6.
 *
 * Pure state, embedded in a window. One CONFIGURE is carried out at a time; of
 * those that come meanwhile only the newest is kept, and it answers for the
 * ones it replaced. Threads: one. Units: pixels on the client. */
#pragma once

#include <stdbool.h>

#include "seamless/wire.h"

struct turn_ask {
	uint32_t serial;
	struct seam_rect area;
	uint32_t states;
};

struct turn {
	bool waiting, queued;
	struct turn_ask now, next;
	uint32_t last; /* newest serial seen, for GEOM_REQ.based_on */
};

/* True: carry it out now. False: it waits until the present one is answered. */
bool turn_ask(struct turn *self, const struct turn_ask *ask);

/* Contents of this size go out. `drawn` says that the application has had its
 * chance to draw, so that another size than asked is a refusal. Returns the
 * serial that this COMMIT answers, or 0. */
uint32_t turn_commit(struct turn *self, uint32_t width, uint32_t height,
		     bool drawn, bool *refused);

/* True where one waits: it is carried out in the present one's place, and
 * answers for that one too. For a program that is slow to draw, once nothing
 * newer has come for a while; and for a move, which needs no drawing. */
bool turn_skip(struct turn *self, struct turn_ask *ask);

/* True after an answer, when another CONFIGURE waited: carry it out. */
bool turn_next(struct turn *self, struct turn_ask *ask);
