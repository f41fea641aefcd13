/* spice-line.h - a channel of a SPICE session and its tunnel.
 *
 * Every channel has a tunnel of its own. A vital one (main, display, inputs)
 * that ends, ends the session; the others are done without. Threads: main, but
 * for connecting. Ownership: the session's list of lines owns them. Fails: by
 * spice_session_end(). */
#pragma once

#include "client/spice-session.h"

struct meter;

/* A channel and its way to the display. */
struct spice_line {
	struct spice_session *self;
	SpiceChannel *channel;
	GCancellable *cancellable;
	struct tunnel *tunnel; /* NULL: not connected */
	struct meter *meter;   /* of a display channel */
	int type;
};

/* From now on the channel's wish for a descriptor is answered. */
struct spice_line *spice_line_new(struct spice_session *self,
				  SpiceChannel *channel, int type);
/* Its tunnel ends without being waited for. */
void spice_line_free(gpointer line);
gboolean spice_line_is_vital(int type);

/* What the lines know together. */
gint64 spice_lines_heard_us(struct session *session);
void spice_lines_stats(struct session *session, struct session_stats *stats);
