/* Handlers: recordings. Their files are the hosts'; which of them has one is
 * found by asking them all, since a host may be gone with its recordings and
 * come back with them. */
#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/broker/desktops.h"
#include "server/broker/hosts.h"
#include "server/broker/request.h"

#define ASK_MS 20000

/* ---- of a desktop ---- */

static void on_wished(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	struct request *request = data;
	struct desktops *desktops = request->broker->desktops;
	struct desktop *desktop = error ? NULL : request_own_desktop(request);
	if (error)
		request_fail(request, error);
	else if (desktop)
		request_done(request, desktop_json(desktops, desktop));
}

static void wish(struct request *request, const char *by)
{
	struct desktop *desktop = request_own_desktop(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	if (desktop->state != DESKTOP_RUNNING) {
		error = fault_new(FAULT_CONFLICT, "Start it first.",
				  "Desktop '%s' is %s.", desktop->name,
				  desktop_state_name(desktop->state));
		request_fail(request, error);
		return;
	}
	event_add(request->broker, "recording", desktop->id,
		  request_who(request),
		  by ? "Desktop %s is to be recorded."
		     : "Desktop %s is no longer to be recorded.",
		  desktop->name);
	hosts_call(request->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:s?}", "op", "machine.record",
			     "machine", desktop->id, "by", by),
		   ASK_MS, on_wished, request);
}

void handle_recording_begin(struct request *request)
{
	wish(request, request_who(request));
}

void handle_recording_end(struct request *request)
{
	wish(request, NULL);
}

/* ---- asked of all hosts ---- */

struct asking {
	struct request *request;
	unsigned open; /* answers to come */
	json_t *list;  /* of GET /recordings */
	json_t *found; /* of one: the host's answer that has it */
	GError *error; /* the most telling refusal */
	void (*end)(struct asking *asking);
};
struct ask {
	struct asking *asking;
	char *host;
};

static void asking_end(struct asking *asking)
{
	asking->end(asking);
	json_decref(asking->list);
	json_decref(asking->found);
	g_clear_error(&asking->error);
	g_free(asking);
}

static void take_list(struct asking *asking, json_t *reply, const char *host)
{
	gsize i;
	json_t *each;
	json_array_foreach(json_object_get(reply, "recordings"), i, each)
	{
		json_object_set_new(each, "host", json_string(host));
		json_array_append(asking->list, each);
	}
}

static void on_asked(struct jsonline *channel, json_t *reply,
		     const GError *error, void *data)
{
	struct ask *ask = data;
	struct asking *asking = ask->asking;
	if (!error) {
		take_list(asking, reply, ask->host);
		json_decref(asking->found);
		asking->found = json_incref(reply);
	} else if (!asking->error ||
		   fault_code(asking->error) == FAULT_NOT_FOUND) {
		g_clear_error(&asking->error);
		asking->error = g_error_copy(error);
	}
	g_free(ask->host);
	g_free(ask);
	if (--asking->open == 0)
		asking_end(asking);
}

static void ask_all(struct request *request, const char *op, gint64 offset,
		    void (*end)(struct asking *asking))
{
	struct hosts *hosts = request->broker->hosts;
	g_autoptr(GPtrArray) names = hosts_names(hosts);
	struct asking *asking = g_new0(struct asking, 1);
	asking->request = request;
	asking->list = json_array();
	asking->end = end;
	asking->open = names->len;
	for (guint i = 0; i < names->len; i++) {
		struct ask *ask = g_new0(struct ask, 1);
		ask->asking = asking;
		ask->host = g_strdup(names->pdata[i]);
		hosts_call(hosts, ask->host,
			   json_pack("{s:s, s:s*, s:I}", "op", op, "recording",
				     request->params[0], "offset",
				     (json_int_t)offset),
			   ASK_MS, on_asked, ask);
	}
	if (!names->len) {
		asking->error =
		    fault_new(FAULT_UNAVAILABLE, "Look at 'oriel status'.",
			      "No host is connected.");
		asking_end(asking);
	}
}

static int by_time(const void *a, const void *b)
{
	json_t *const *one = a, *const *other = b;
	return strcmp(json_string_value(json_object_get(*one, "id")),
		      json_string_value(json_object_get(*other, "id")));
}

static void end_list(struct asking *asking)
{
	if (asking->error && !json_array_size(asking->list)) {
		request_fail(asking->request, asking->error);
		return;
	}
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	json_t *list = json_array();
	gsize i;
	json_t *each;
	/* one that is away keeps its own to itself, the others' are shown */
	json_array_foreach(
	    asking->list, i,
	    each) if (json_is_string(json_object_get(each, "id")))
	    g_ptr_array_add(sorted, each);
	g_ptr_array_sort(sorted, by_time);
	for (i = 0; i < sorted->len; i++)
		json_array_append(list, sorted->pdata[i]);
	request_done(asking->request,
		     request_page(asking->request, "recordings",
				  json_pack("{s:o}", "recordings", list)));
}

void handle_recordings(struct request *request)
{
	ask_all(request, "recording.list", 0, end_list);
}

static void end_read(struct asking *asking)
{
	const char *text =
	    json_string_value(json_object_get(asking->found, "data"));
	gsize size = 0;
	if (!text) {
		request_fail(asking->request, asking->error);
		return;
	}
	guchar *bytes = g_base64_decode(text, &size);
	g_autoptr(GBytes) part = g_bytes_new_take(bytes, size);
	request_bytes(asking->request, "video/webm", part);
}

void handle_recording_read(struct request *request)
{
	gint64 offset = request_query(request, "offset", 0);
	if (!offset)
		event_add(request->broker, "recording", request->params[0],
			  request_who(request), "Recording %s was read.",
			  request->params[0]);
	ask_all(request, "recording.read", offset, end_read);
}

static void end_remove(struct asking *asking)
{
	struct request *request = asking->request;
	if (!asking->found) {
		request_fail(request, asking->error);
		return;
	}
	event_add(request->broker, "recording", request->params[0],
		  request_who(request), "Recording %s was removed.",
		  request->params[0]);
	request_done(request, NULL);
}

void handle_recording_remove(struct request *request)
{
	ask_all(request, "recording.remove", 0, end_remove);
}
