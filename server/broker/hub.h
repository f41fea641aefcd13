/* hub.h - who waits for a change of what.
 *
 * Objects with a live state (desktops, tasks) take their serials here; a
 * waiter is called once, from the main loop, after the object's next change
 * or when its time is up. Threads: one main context. */
#pragma once

#include <glib.h>

struct hub;
struct hub_wait;

struct hub *hub_create(gint64 first_serial);
/* Nobody may be waiting any more. */
void hub_destroy(struct hub *hub);

/* A number greater than any before, also across restarts. */
gint64 hub_serial(struct hub *hub);
void hub_changed(struct hub *hub, const char *key);

typedef void (*hub_woken)(gboolean changed, void *data);
/* Valid until woken was called or hub_cancel(). */
struct hub_wait *hub_wait(struct hub *hub, const char *key, unsigned timeout_ms,
			  hub_woken woken, void *data);
void hub_cancel(struct hub_wait *wait);
