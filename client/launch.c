#include "client/launch.h"

#include <string.h>

#include "common/fault.h"

struct launch {
	struct api *api;
	char *pool;
	char *id;
	char *wanted; /* protocol; NULL: any */
	const struct launch_handlers *handlers;
	void *data;
	GCancellable *cancellable;
	struct desktop *desktop;
	gboolean asked_start;
	gint64 lost_us; /* since when the server does not answer; 0: it does */
	guint retry;
};

static void poll_desktop(struct launch *launch);

static void free_launch(struct launch *launch)
{
	g_cancellable_cancel(launch->cancellable);
	g_clear_object(&launch->cancellable);
	g_clear_handle_id(&launch->retry, g_source_remove);
	desktop_free(launch->desktop);
	api_unref(launch->api);
	g_free(launch->pool);
	g_free(launch->id);
	g_free(launch->wanted);
	g_free(launch);
}

void launch_cancel(struct launch *launch)
{
	if (launch)
		free_launch(launch);
}

static void fail(struct launch *launch, const GError *error, unsigned status)
{
	launch->handlers->failed(launch->desktop, error, status, launch->data);
	free_launch(launch);
}

static gboolean is_offered(json_t *offered, const char *protocol)
{
	gsize index;
	json_t *value;
	json_array_foreach(offered, index,
			   value) if (g_strcmp0(json_string_value(value),
						protocol) == 0) return TRUE;
	return FALSE;
}

/* docs/api.md, "Policy". A folder that cannot be written is of use where files
 * may go in; one that cannot be read is of none. */
static struct session_policy read_policy(json_t *json)
{
	json_t *usb = json_object_get(json, "usb");
	const char *files = json_string_value(json_object_get(json, "files"));
	return (struct session_policy){
	    .no_usb = json_is_false(usb),
	    .no_folder =
		files && strcmp(files, "both") != 0 && strcmp(files, "in") != 0,
	    .folder_read_only = g_strcmp0(files, "in") == 0,
	};
}

static void on_ticket(const struct api_answer *answer, const GError *error,
		      void *data)
{
	struct launch *launch = data;
	if (error) {
		fail(launch, error, answer->status);
		return;
	}
	const char *ticket =
	    json_string_value(json_object_get(answer->json, "ticket"));
	json_t *offered = json_object_get(answer->json, "protocols");
	const char *protocol = NULL;
	if (launch->wanted && is_offered(offered, launch->wanted))
		protocol = launch->wanted;
	for (int i = 0; !launch->wanted && !protocol && session_protocols[i];
	     i++)
		if (is_offered(offered, session_protocols[i]->protocol))
			protocol = session_protocols[i]->protocol;
	gsize length = ticket ? strlen(ticket) : 0;
	if (!protocol && launch->wanted && ticket) {
		g_autoptr(GError) absent = fault_new(
		    FAULT_UNAVAILABLE,
		    "Leave the choice to the client: start it without "
		    "--protocol.",
		    "This desktop does not offer %s", launch->wanted);
		fail(launch, absent, 0);
		return;
	}
	if (!protocol || length == 0 || length > 128 ||
	    strspn(ticket, "0123456789abcdef") != length) {
		g_autoptr(GError) bad =
		    fault_new(FAULT_UNAVAILABLE,
			      "Update this client, or ask the administrator.",
			      "The server offers no display that this client "
			      "understands");
		fail(launch, bad, 0);
		return;
	}
	struct session_policy policy =
	    read_policy(json_object_get(answer->json, "policy"));
	if (launch->handlers->policy)
		launch->handlers->policy(&policy, launch->data);
	launch->handlers->ready(launch->desktop, ticket, protocol,
				launch->data);
	free_launch(launch);
}

static gboolean on_retry(gpointer data)
{
	struct launch *launch = data;
	launch->retry = 0;
	poll_desktop(launch);
	return G_SOURCE_REMOVE;
}

static void on_desktop(const struct api_answer *answer, const GError *error,
		       void *data)
{
	struct launch *launch = data;
	gint64 now = g_get_monotonic_time();
	if (error && launch->desktop && answer->status == 0) {
		/* the network or the server went away while we waited */
		if (!launch->lost_us)
			launch->lost_us = now;
		if (now - launch->lost_us <
		    LAUNCH_PATIENCE_S * G_USEC_PER_SEC) {
			launch->retry = g_timeout_add(1000, on_retry, launch);
			return;
		}
	}
	if (error) {
		fail(launch, error, answer->status);
		return;
	}
	launch->lost_us = 0;
	struct desktop *desktop = desktop_from_json(answer->json);
	g_autofree char *path = desktop && desktop->id
				    ? api_desktop_path(desktop->id, "ticket")
				    : NULL;
	if (!path) {
		g_autoptr(GError) bad =
		    fault_new(FAULT_UNAVAILABLE,
			      "Try again, or ask the administrator to look at "
			      "`oriel status`.",
			      "The server gave no desktop");
		desktop_free(desktop);
		fail(launch, bad, 0);
		return;
	}
	desktop_free(launch->desktop);
	launch->desktop = desktop;
	g_free(launch->id);
	launch->id = g_strdup(desktop->id);
	g_autoptr(GError) why = NULL;
	switch (desktop->state) {
	case DESKTOP_RUNNING:
		api_call(launch->api, "POST", path, NULL, launch->cancellable,
			 on_ticket, launch);
		return;
	case DESKTOP_FAILED:
		why = fault_new(FAULT_UNAVAILABLE,
				desktop->remedy ? desktop->remedy
						: "Try to start it again.",
				"%s",
				desktop->cause ? desktop->cause
					       : "The desktop failed");
		fail(launch, why, 0);
		return;
	case DESKTOP_NONE:
	case DESKTOP_OFF:
		if (launch->asked_start) {
			why = fault_new(FAULT_UNAVAILABLE, "Start it again.",
					"The desktop was shut down while it "
					"started");
			fail(launch, why, 0);
			return;
		}
		break;
	case DESKTOP_STARTING:
	case DESKTOP_STOPPING:
		break;
	}
	struct launch_handlers handlers = *launch->handlers;
	handlers.progress(desktop, launch->data);
	poll_desktop(launch);
}

/* Once asked for by id, an "off" desktop is started; then it is followed. */
static void poll_desktop(struct launch *launch)
{
	const struct desktop *desktop = launch->desktop;
	gboolean off =
	    desktop->state == DESKTOP_OFF || desktop->state == DESKTOP_NONE;
	g_autofree char *path = NULL;
	if (off && !launch->asked_start) {
		launch->asked_start = TRUE;
		path = api_desktop_path(launch->id, "start");
		api_call(launch->api, "POST", path, NULL, launch->cancellable,
			 on_desktop, launch);
		return;
	}
	if (desktop->state != DESKTOP_STOPPING && !off)
		launch->asked_start = TRUE;
	g_autofree char *base = api_desktop_path(launch->id, NULL);
	path =
	    g_strdup_printf("%s?wait=%" G_GINT64_FORMAT, base, desktop->serial);
	api_call(launch->api, "GET", path, NULL, launch->cancellable,
		 on_desktop, launch);
}

struct launch *launch_start(struct api *api, const char *pool, const char *id,
			    const char *protocol,
			    const struct launch_handlers *handlers, void *data)
{
	struct launch *launch = g_new0(struct launch, 1);
	launch->api = api_ref(api);
	launch->pool = g_strdup(pool);
	launch->id = g_strdup(id);
	launch->wanted = g_strdup(protocol);
	launch->handlers = handlers;
	launch->data = data;
	launch->cancellable = g_cancellable_new();
	g_autofree char *path = pool && server_pool_valid(pool)
				    ? g_strdup_printf("/pools/%s/desktop", pool)
				    : api_desktop_path(id ? id : "", NULL);
	/* an id that is none gets the server's own refusal */
	api_call(api, pool ? "POST" : "GET", path ? path : "/desktops/-", NULL,
		 launch->cancellable, on_desktop, launch);
	return launch;
}
