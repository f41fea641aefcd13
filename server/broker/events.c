/* The last EVENTS_KEPT events are in the store; older ones are dropped every
 * now and then, so that it does not grow for ever. */
#include "server/broker/internal.h"

#include <stdarg.h>

#include "common/log.h"

#define EVENTS_KEPT 10000
#define TRIM_EVERY  256

json_t *json_text(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* Not asked for at each: its answer would be waited for. */
static void trim(struct broker *broker)
{
	g_autoptr(GError) error = NULL;
	if (broker->events_told++ % TRIM_EVERY == 0 &&
	    !store_run(broker->store, NULL, &error,
		       "DELETE FROM events WHERE id <="
		       " (SELECT MAX(id) FROM events) - $1",
		       "i", (gint64)EVENTS_KEPT))
		log_fault(NULL, error);
}

void event_add(struct broker *broker, const char *kind, const char *subject,
	       const char *user, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autoptr(GError) error = NULL;
	gboolean ok = store_run(
	    broker->store, NULL, &error,
	    "INSERT INTO events(at, kind, subject, user_name, text)"
	    " VALUES($1, $2, $3, $4, $5)",
	    "issss", store_now(broker->store), kind, subject, user, valid);
	static struct log_limit limit = {.burst = 2};
	if (ok)
		trim(broker);
	else if (log_allow(&limit, NULL))
		log_fault(NULL, error);
	hub_changed(broker->hub, EVENTS_KEY);
}

json_t *event_list(struct broker *broker, gint64 after, gint64 limit,
		   GError **error)
{
	/* after < 0: the newest */
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    after < 0 ? "SELECT id, at, kind, subject, user_name, text"
			" FROM events WHERE id > $1 ORDER BY id DESC"
			" LIMIT $2"
		      : "SELECT id, at, kind, subject, user_name, text"
			" FROM events WHERE id > $1 ORDER BY id LIMIT $2",
	    "ii", after, limit);
	if (!rows)
		return NULL;
	json_t *list = json_array();
	gint64 last = MAX(after, 0);
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		json_t *event =
		    json_pack("{s:I, s:I, s:s, s:s, s:o, s:s}", "id",
			      (json_int_t)store_rows_int(rows, i, 0), "at",
			      (json_int_t)store_rows_int(rows, i, 1), "kind",
			      store_rows_text(rows, i, 2), "subject",
			      store_rows_text(rows, i, 3), "user",
			      json_text(store_rows_text(rows, i, 4)), "text",
			      store_rows_text(rows, i, 5));
		last = MAX(last, store_rows_int(rows, i, 0));
		if (after < 0)
			json_array_insert_new(list, 0, event);
		else
			json_array_append_new(list, event);
	}
	return json_pack("{s:o, s:I}", "events", list, "last",
			 (json_int_t)last);
}
