#include "server/broker/schedule.h"

#include <string.h>

#include "common/fault.h"

const char *const schedule_days[] = {"mon", "tue", "wed", "thu",
				     "fri", "sat", "sun", NULL};
#define DAY_MIN 1440

/* "07:30" as minutes; "24:00" is the day's end. -1: none. */
static int minutes_of(const char *text)
{
	if (!text || strlen(text) != 5 || text[2] != ':' ||
	    !g_ascii_isdigit(text[0]) || !g_ascii_isdigit(text[1]) ||
	    !g_ascii_isdigit(text[3]) || !g_ascii_isdigit(text[4]))
		return -1;
	int hours = (text[0] - '0') * 10 + text[1] - '0';
	int minutes = (text[3] - '0') * 10 + text[4] - '0';
	int all = hours * 60 + minutes;
	return minutes < 60 && all <= DAY_MIN ? all : -1;
}

static int time_of(json_t *entry, const char *key)
{
	return minutes_of(json_string_value(json_object_get(entry, key)));
}

gboolean schedule_check(json_t *schedule, GError **error)
{
	gsize i;
	json_t *entry;
	json_array_foreach(schedule, i, entry)
	{
		if (time_of(entry, "from") >= 0 && time_of(entry, "to") >= 0)
			continue;
		fault_set(error, FAULT_INVALID,
			  "Write hours and minutes, from 00:00 to 24:00.",
			  "Entry %" G_GSIZE_FORMAT
			  " of the schedule: 'from' and 'to' must be times "
			  "like 07:30.",
			  i + 1);
		return FALSE;
	}
	return TRUE;
}

static gboolean on_day(json_t *entry, int day)
{
	gsize i;
	json_t *each;
	json_array_foreach(json_object_get(entry, "days"), i, each)
	{
		const char *name = json_string_value(each);
		if (name && strcmp(name, schedule_days[day]) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean holds(json_t *entry, int day, int minute)
{
	int from = time_of(entry, "from"), to = time_of(entry, "to");
	if (from < 0 || to < 0)
		return FALSE;
	if (from < to)
		return on_day(entry, day) && minute >= from && minute < to;
	return (on_day(entry, day) && minute >= from) ||
	       (on_day(entry, (day + 6) % 7) && minute < to);
}

gint64 schedule_spares(json_t *schedule, GDateTime *now, gint64 otherwise)
{
	int day = g_date_time_get_day_of_week(now) - 1;
	int minute =
	    g_date_time_get_hour(now) * 60 + g_date_time_get_minute(now);
	gint64 most = -1;
	gsize i;
	json_t *entry;
	json_array_foreach(schedule, i, entry)
	{
		if (holds(entry, day, minute))
			most = MAX(most, json_integer_value(
					     json_object_get(entry, "spares")));
	}
	return most >= 0 ? most : otherwise;
}
