/* events.h - milestones for whoever automates or measures the client.
 *
 * --events FILE or FD: one JSON object a line with "event", "t_us" (since the
 * client started) and what the event adds. docs/client.md lists them. They
 * never carry secrets. Threads: any. A target that fails is given up quietly:
 * the desktop matters more. */
#pragma once

#include <glib.h>

/* target: digits are a descriptor, anything else a file to append to. */
gboolean events_open(const char *target, GError **error);
void events_close(void);

/* format and what follows as for json_pack(), an object; NULL for none:
 *	events_emit("size", "{s:i,s:i}", "width", w, "height", h); */
void events_emit(const char *event, const char *format, ...);

/* Microseconds since the client started. */
gint64 events_now_us(void);
