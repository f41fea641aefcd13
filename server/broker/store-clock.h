/* store-clock.h - the time that the store tells (store.h says how it goes).
 * Pure: the caller asks the database. Threads: one at a time. */
#pragma once

#include <glib.h>

struct store_clock {
	gint64 unix_ms, at_us; /* the time told when the boot clock was at_us */
	gint64 looked_us;
	gint64 off_ms, off_since_us; /* how far the database's is from it */
};

/* now_us: of a clock that is never set and goes on while the machine sleeps. */
gboolean store_clock_wants_look(const struct store_clock *clock, gint64 now_us);
/* What the database's clock says; known FALSE: it does not answer. */
void store_clock_look(struct store_clock *clock, gboolean known,
		      gint64 theirs_ms, gint64 now_us);
gint64 store_clock_ms(const struct store_clock *clock, gint64 now_us);
