/* apps-ending.h - when a client of single windows ends by itself: some seconds
 * after nothing keeps it any more.
 *
 * Threads: main. Ownership: the struct is the caller's; apps_ending_clear()
 * before it goes. */
#pragma once

#include <gio/gio.h>

struct apps_ending {
	gboolean (*needed)(void *data); /* something keeps it */
	void *data;
	GApplication *gtk; /* what ends */
	guint grace;
};

/* Something has changed that may keep it or let it end. */
void apps_ending_consider(struct apps_ending *ending);
void apps_ending_clear(struct apps_ending *ending);
