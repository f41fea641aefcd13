/* throttle.h - how fast somebody may try passwords.
 *
 * Failures are counted for the account, for the address, and for the two
 * together; each has some free ones, then a wait that doubles. The wait of an
 * account alone stays short, so that a stranger cannot lock its owner out;
 * the owner's own address is another pair. One failure is forgotten every
 * minute. A try is charged when it begins and given back when the password
 * was right, so that tries in parallel gain nothing.
 *
 * Names that do not exist count like those that do. Memory is bounded: the
 * entries that have been quiet longest go first.
 * Threads: one. Times: microseconds of any monotonic clock. */
#pragma once

#include <glib.h>

struct throttle;

struct throttle *throttle_create(void);
void throttle_destroy(struct throttle *throttle);

/* 0 and charged: go on. Otherwise seconds to wait, nothing charged. */
unsigned throttle_try(struct throttle *throttle, const char *user,
		      const char *address, gint64 now_us);
/* The password was right, or the check did not take place. */
void throttle_refund(struct throttle *throttle, const char *user,
		     const char *address, gboolean success);
gsize throttle_entries(const struct throttle *throttle);
