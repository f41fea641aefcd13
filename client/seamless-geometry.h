/* seamless-geometry.h - a toplevel's size and states between two owners.
 *
 * The local window manager decides; the guest follows. A newer wish goes out
 * when the last one is answered, or GEOMETRY_PACE_US after it: over a long line
 * both sides are equal one way after the last change, not three. No X and no
 * stream in here. Threads: any, one at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "seamless/wire.h"

/* A frame's time: so many wishes of a drag can be seen. */
#define GEOMETRY_PACE_US (16 * 1000)

struct geometry {
	struct seam_rect area; /* of the local window's contents */
	uint32_t states;
	bool known;      /* area is the window manager's */
	uint32_t flying; /* serial of the unanswered CONFIGURE; 0: none */
	int64_t sent_us;
	uint32_t last; /* serial of the last one sent; 0: none */
	bool again;    /* to be said even if nothing has changed */
	struct seam_rect said_area;
	uint32_t said_states;
};

/* The local window has this area and these states now. */
void geometry_local(struct geometry *self, struct seam_rect area,
		    uint32_t states);
/* Whether a CONFIGURE with area and states is to be sent now; if so, tell
 * geometry_sent() its serial. */
bool geometry_due(const struct geometry *self, int64_t now_us);
void geometry_sent(struct geometry *self, uint32_t serial, int64_t now_us);
/* A COMMIT answers that CONFIGURE (0: none). */
void geometry_answered(struct geometry *self, uint32_t configure);
/* Whether a GEOM_REQ based on that CONFIGURE is news. */
bool geometry_may_ask(const struct geometry *self, uint32_t based_on);
/* A stream begins: what was said to an earlier one does not count. */
void geometry_forget(struct geometry *self);
/* The guest asks again for what it was refused or told: say it again. */
void geometry_repeat(struct geometry *self);
