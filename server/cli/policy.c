#include "server/cli/policy.h"

#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "server/cli/table.h"

/* ---- policies ---- */

static json_t *value_of(const char *text)
{
	if (strcmp(text, "on") == 0 || strcmp(text, "yes") == 0)
		return json_true();
	if (strcmp(text, "off") == 0 || strcmp(text, "no") == 0)
		return json_false();
	gint64 number;
	if (g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &number, NULL))
		return json_integer(number);
	return json_string(text);
}

json_t *policy_parse(const char *text, GError **error)
{
	if (strcmp(text, "default") == 0)
		return json_null();
	json_t *policy = json_object();
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	for (char **part = parts; *part; part++) {
		char *equals = strchr(g_strstrip(*part), '=');
		if (!equals) {
			fault_set(error, FAULT_INVALID,
				  "Write NAME=VALUE,NAME=VALUE: clipboard, "
				  "files (none, in, out, both), audio (none, "
				  "play, both), record (none, quiet, told), "
				  "usb, shadow, watermark (on, off), "
				  "bandwidth-kbit, idle-lock (numbers); or "
				  "'default'.",
				  "'%s' is no part of a policy.", *part);
			json_decref(policy);
			return NULL;
		}
		*equals = 0;
		json_object_set_new(policy, g_strdelimit(*part, "-", '_'),
				    value_of(equals + 1));
	}
	return policy;
}

char *policy_text(json_t *policy)
{
	GString *text = g_string_new(NULL);
	static const char *const named[] = {"clipboard", "files", "audio"};
	for (gsize i = 0; i < G_N_ELEMENTS(named); i++)
		if (strcmp(text_of(policy, named[i]), "both") != 0)
			g_string_append_printf(text, "%s%s %s",
					       text->len ? ", " : "", named[i],
					       text_of(policy, named[i]));
	if (strcmp(text_of(policy, "record"), "quiet") == 0 ||
	    strcmp(text_of(policy, "record"), "told") == 0)
		g_string_append_printf(
		    text, "%srecorded%s", text->len ? ", " : "",
		    *text_of(policy, "record") == 'q' ? " quietly" : "");
	if (json_is_false(json_object_get(policy, "usb")))
		g_string_append_printf(text, "%sno usb", text->len ? ", " : "");
	if (json_is_false(json_object_get(policy, "shadow")))
		g_string_append_printf(text, "%snobody may look on",
				       text->len ? ", " : "");
	if (json_is_true(json_object_get(policy, "watermark")))
		g_string_append_printf(text, "%swatermark",
				       text->len ? ", " : "");
	if (strcmp(text_of(policy, "bandwidth_kbit"), "0") != 0)
		g_string_append_printf(text, "%sat most %s kbit/s",
				       text->len ? ", " : "",
				       text_of(policy, "bandwidth_kbit"));
	if (strcmp(text_of(policy, "idle_lock"), "0") != 0)
		g_string_append_printf(text, "%slocks after %s s without input",
				       text->len ? ", " : "",
				       text_of(policy, "idle_lock"));
	if (!text->len)
		g_string_append(text, "everything is allowed");
	return g_string_free(text, FALSE);
}

/* ---- schedules ---- */

static const char *const days[] = {"mon", "tue", "wed", "thu",
				   "fri", "sat", "sun"};

static int day_of(const char *name)
{
	for (int i = 0; i < 7; i++)
		if (strcmp(days[i], name) == 0)
			return i;
	return -1;
}

/* "mon-fri,sun"; FALSE where a day is none. */
static gboolean add_days(json_t *list, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);
	for (char **part = parts; *part; part++) {
		g_auto(GStrv) ends = g_strsplit(*part, "-", 2);
		int first = ends[0] ? day_of(ends[0]) : -1;
		int last = ends[0] && ends[1] ? day_of(ends[1]) : first;
		if (first < 0 || last < 0)
			return FALSE;
		for (int day = first;; day = (day + 1) % 7) {
			json_array_append_new(list, json_string(days[day]));
			if (day == last)
				break;
		}
	}
	return TRUE;
}

static json_t *entry_of(const char *text)
{
	char names[64], from[6], to[6];
	int spares, end = 0;
	if (sscanf(text, "%63s %5[0-9:]-%5[0-9:] %d %n", names, from, to,
		   &spares, &end) != 4 ||
	    text[end])
		return NULL;
	json_t *list = json_array();
	if (add_days(list, names))
		return json_pack("{s:o, s:s, s:s, s:i}", "days", list, "from",
				 from, "to", to, "spares", spares);
	json_decref(list);
	return NULL;
}

json_t *schedule_parse(const char *text, GError **error)
{
	json_t *schedule = json_array();
	if (strcmp(text, "none") == 0)
		return schedule;
	g_auto(GStrv) parts = g_strsplit(text, ";", -1);
	for (char **part = parts; *part; part++) {
		json_t *entry = entry_of(g_strstrip(*part));
		if (entry) {
			json_array_append_new(schedule, entry);
			continue;
		}
		json_decref(schedule);
		fault_set(error, FAULT_INVALID,
			  "Write DAYS FROM-TO SPARES, several with ';' "
			  "between: 'mon-fri 07:30-18:00 5; sat 09:00-12:00 "
			  "1'; or 'none'.",
			  "'%s' is no part of a schedule.", *part);
		return NULL;
	}
	return schedule;
}

char *schedule_text(json_t *schedule)
{
	GString *text = g_string_new(NULL);
	gsize i, k;
	json_t *entry, *day;
	json_array_foreach(schedule, i, entry)
	{
		g_string_append(text, i ? "; " : "");
		json_array_foreach(json_object_get(entry, "days"), k, day)
		    g_string_append_printf(text, "%s%s", k ? "," : "",
					   json_string_value(day));
		g_string_append_printf(
		    text, " %s-%s %s", text_of(entry, "from"),
		    text_of(entry, "to"), text_of(entry, "spares"));
	}
	return g_string_free(text, FALSE);
}
