/* Handlers: how everything is, and what happened. */
#include "common/fault.h"
#include "server/broker/api-wait.h"
#include "server/broker/desktops.h"
#include "server/broker/hosts.h"
#include "server/broker/keeper.h"
#include "server/broker/request.h"
#include "server/broker/tunnels.h"

static json_t *counts(struct broker *broker, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT (SELECT COUNT(*) FROM users),"
			" (SELECT COUNT(*) FROM pools),"
			" (SELECT COUNT(DISTINCT image) FROM image_versions),"
			" (SELECT COUNT(*) FROM tasks"
			" WHERE state IN ('queued', 'running'))",
			NULL);
	if (!rows)
		return NULL;
	int states[DESKTOP_STATES] = {0};
	int all_count = 0;
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next, all_count++)
		states[((struct desktop *)each->data)->state]++;
	return json_pack(
	    "{s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:I, s:i}", "users",
	    (json_int_t)store_rows_int(rows, 0, 0), "pools",
	    (json_int_t)store_rows_int(rows, 0, 1), "images",
	    (json_int_t)store_rows_int(rows, 0, 2), "desktops", all_count,
	    "running", states[DESKTOP_RUNNING], "starting",
	    states[DESKTOP_STARTING], "failed", states[DESKTOP_FAILED], "tasks",
	    (json_int_t)store_rows_int(rows, 0, 3), "tunnels",
	    (int)tunnels_count(broker->tunnels));
}

void handle_status(struct request *request)
{
	struct broker *broker = request->broker;
	g_autoptr(GError) error = NULL;
	json_t *numbers = counts(broker, &error);
	if (!numbers) {
		request_fail(request, error);
		return;
	}
	request_done(
	    request,
	    json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "version",
		      ORIEL_VERSION, "started", (json_int_t)broker->started,
		      "uptime",
		      (json_int_t)(store_now(broker->store) - broker->started),
		      "hosts", hosts_list(broker->hosts), "counts", numbers,
		      "waiting", keeper_waiting(broker->keeper)));
}

static json_t *list(struct request *request, GError **error)
{
	return event_list(request->broker, request_query(request, "after", -1),
			  request_query(request, "limit", 100), error);
}

static void wait_over(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *events = list(request, &error);
	if (events)
		request_done(request, events);
	else
		request_fail(request, error);
}

void handle_events(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *events = list(request, &error);
	gboolean empty =
	    events && !json_array_size(json_object_get(events, "events"));
	if (empty && request_query(request, "wait", 0)) {
		json_decref(events);
		api_wait(request, EVENTS_KEY, wait_over);
	} else if (events) {
		request_done(request, events);
	} else {
		request_fail(request, error);
	}
}
