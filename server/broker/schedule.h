/* schedule.h - how many spares a pool keeps warm, by weekday and time of day.
 *
 * A schedule is an array of {days, from, to, spares}, in the server's local
 * time. While an entry holds, its number stands in for the pool's own; of
 * several the greatest. One whose `to` is not after its `from` goes on past
 * midnight. Threads: any. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* NULL ends; "mon" is first, as g_date_time_get_day_of_week() has it. */
extern const char *const schedule_days[];

/* FALSE and FAULT_INVALID where a time is none. Days and numbers have been
 * checked by the shape. */
gboolean schedule_check(json_t *schedule, GError **error);
/* schedule may be NULL. */
gint64 schedule_spares(json_t *schedule, GDateTime *now, gint64 otherwise);
