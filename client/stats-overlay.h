/* stats-overlay.h - how well the desktop comes, in figures over its picture.
 *
 * Frames drawn a second, delay, bytes, protocol and encoding of the last
 * second. Threads: main. Ownership: the widget belongs to whoever holds it. */
#pragma once

#include "client/viewer.h"

struct stats_overlay;

struct stats_overlay *stats_overlay_new(OrielViewer *viewer);
GtkWidget *stats_overlay_widget(struct stats_overlay *stats);
/* protocol: for people, kept; session NULL: none now. */
void stats_overlay_set_session(struct stats_overlay *stats,
			       struct session *session, const char *protocol);
void stats_overlay_set_shown(struct stats_overlay *stats, gboolean shown);
gboolean stats_overlay_shown(struct stats_overlay *stats);
void stats_overlay_free(struct stats_overlay *stats);

/* "1.2 MB/s"; a new string. */
char *stats_overlay_rate(double bytes_per_s);
