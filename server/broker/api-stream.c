/* Handler: events as they happen, for a page or a program that shows them
 * (text/event-stream). Every few seconds without news a comment goes out, so
 * that both sides find out that the other is gone; after ten minutes the
 * stream ends, and a client that comes back with Last-Event-ID as `after` has
 * missed nothing. It also ends with the session it belongs to. */
#include <stdlib.h>

#include "common/fault.h"
#include "server/broker/request.h"

#define BEAT_MS 10000
#define LIFE_US (600 * G_USEC_PER_SEC)
#define BATCH   200

struct stream {
	struct request *request;
	gint64 last; /* id of the newest event that was sent */
	gint64 until_us;
};

static void stream_end(struct stream *stream)
{
	request_stream_end(stream->request);
	g_free(stream);
}

/* Signed out meanwhile, or a role lost. */
static gboolean is_welcome(struct request *request)
{
	if (request->local)
		return TRUE;
	g_autoptr(store_rows) rows = store_query(
	    request->broker->store, NULL,
	    "SELECT 1 FROM sessions WHERE hash = $1 AND expires > $2", "si",
	    request->session.hash, store_now(request->broker->store));
	return rows && store_rows_count(rows);
}

static gboolean send_events(struct stream *stream, json_t *events)
{
	gsize i;
	json_t *event;
	json_array_foreach(json_object_get(events, "events"), i, event)
	{
		char *data = json_dumps(event, JSON_COMPACT);
		gint64 id = json_integer_value(json_object_get(event, "id"));
		g_autofree char *text = g_strdup_printf(
		    "id: %" G_GINT64_FORMAT "\nevent: %s\ndata: %s\n\n", id,
		    json_string_value(json_object_get(event, "kind")), data);
		free(data);
		stream->last = id;
		if (!request_stream_send(stream->request, text))
			return FALSE;
	}
	return TRUE;
}

static void on_wake(gboolean changed, void *data)
{
	struct stream *stream = data;
	struct broker *broker = stream->request->broker;
	json_t *events = event_list(broker, stream->last, BATCH, NULL);
	gsize count = json_array_size(json_object_get(events, "events"));
	gboolean ok = is_welcome(stream->request) &&
		      g_get_monotonic_time() < stream->until_us &&
		      send_events(stream, events) &&
		      (count || request_stream_send(stream->request, ":\n\n"));
	json_decref(events);
	if (ok)
		hub_wait(broker->hub, EVENTS_KEY, count == BATCH ? 1 : BEAT_MS,
			 on_wake, stream);
	else
		stream_end(stream);
}

void handle_events_stream(struct request *request)
{
	g_autoptr(GError) error = NULL;
	gint64 after = request_query(request, "after", -1);
	/* from now on, unless it says from where */
	json_t *newest = event_list(request->broker, -1, 1, &error);
	if (!newest) {
		request_fail(request, error);
		return;
	}
	struct stream *stream = g_new0(struct stream, 1);
	stream->request = request;
	stream->last =
	    after >= 0 ? after
		       : json_integer_value(json_object_get(newest, "last"));
	stream->until_us = g_get_monotonic_time() + LIFE_US;
	json_decref(newest);
	if (request_stream_begin(request, "text/event-stream"))
		on_wake(FALSE, stream);
	else
		stream_end(stream);
}
