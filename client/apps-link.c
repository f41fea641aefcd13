/* One state at a time: signing in, launching, connecting, up, pausing. What
 * is under way is cancelled by freeing its object; the connecting thread is
 * cancelled and its outcome dropped. */
#include "client/apps-link.h"

#include <string.h>

#include "client/apps-signin.h"
#include "client/events.h"
#include "client/launch.h"
#include "client/secret.h"
#include "common/fault.h"
#include "common/paths.h"

/* Pauses between tries; the last one repeats. */
static const unsigned pauses_ms[] = {0, 300, 1000, 2000, 4000, 5000};

struct apps_link {
	struct apps_options *options;
	const struct apps_link_handlers *handlers;
	void *data;
	struct apps_signin *signin;
	struct api *api;
	struct launch *launch;
	GCancellable *cancellable; /* of the connecting thread */
	char *secret;              /* of the session, for reconnects */
	unsigned attempt, refused;
	guint timer;
	gboolean taken;
	gint64 up_us;
};

static void try_again(struct apps_link *link, unsigned at_least_s);
static void begin_launch(struct apps_link *link);

static void give_up(struct apps_link *link, const GError *error)
{
	g_autoptr(GError) own = g_error_copy(error);
	link->handlers->given_up(own, link->data);
}

/* ---- connecting ---- */

struct dial { /* one try, in its thread */
	char *host, *fingerprint, *ticket, *secret;
	guint16 port;
	struct tunnel *tunnel;
	struct tunnel_answer answer;
};

static void dial_free(gpointer data)
{
	struct dial *dial = data;
	tunnel_close(dial->tunnel);
	g_free(dial->host);
	g_free(dial->fingerprint);
	secret_clear(&dial->ticket);
	secret_clear(&dial->secret);
	explicit_bzero(&dial->answer, sizeof dial->answer);
	g_free(dial);
}

static void dial_thread(GTask *task, gpointer source, gpointer data,
			GCancellable *cancellable)
{
	struct dial *dial = data;
	GError *error = NULL;
	const struct tunnel_request request = {
	    .host = dial->host,
	    .port = dial->port,
	    .protocol = "windows",
	    .fingerprint = dial->fingerprint,
	    .ticket = dial->ticket,
	    .session = dial->secret,
	};
	dial->tunnel =
	    tunnel_connect(&request, cancellable, &dial->answer, &error);
	if (dial->tunnel)
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

static void on_refused(struct apps_link *link, const struct dial *dial,
		       const GError *error)
{
	switch (dial->answer.status) {
	case 401:
		/* the session was ended, by an administrator or because its
		 * user is at another place now: to come back by oneself would
		 * throw them out there */
		if (dial->secret) {
			secret_clear(&link->secret);
			give_up(link, error);
			return;
		}
		/* a ticket that took too long on its way: another one */
		if (link->refused++ < 2)
			begin_launch(link);
		else
			give_up(link, error);
		return;
	case 403:
	case 404:
	case 409:
	case 426:
		give_up(link, error);
		return;
	case 0:
		if (fault_code(error) == FAULT_DENIED ||
		    fault_code(error) == FAULT_INVALID) {
			give_up(link, error);
			return;
		}
	}
	try_again(link, dial->answer.retry_after_s);
}

static void on_dialled(GObject *source, GAsyncResult *result, gpointer data)
{
	GTask *task = G_TASK(result);
	struct dial *dial = g_task_get_task_data(task);
	g_autoptr(GError) error = NULL;
	gboolean up = g_task_propagate_boolean(task, &error);
	if (g_cancellable_is_cancelled(g_task_get_cancellable(task)))
		return; /* the link may be gone */
	struct apps_link *link = data;
	if (*dial->answer.session) {
		secret_set(&link->secret, dial->answer.session);
	}
	if (!up) {
		on_refused(link, dial, error);
		return;
	}
	link->refused = 0;
	link->up_us = g_get_monotonic_time();
	struct tunnel *tunnel = g_steal_pointer(&dial->tunnel);
	link->handlers->stream(tunnel_take_fd(tunnel), tunnel, link->data);
}

static void stop_dialling(struct apps_link *link)
{
	g_cancellable_cancel(link->cancellable);
	g_clear_object(&link->cancellable);
}

static void dial(struct apps_link *link, const char *ticket)
{
	struct dial *dial = g_new0(struct dial, 1);
	dial->host = g_strdup(api_host(link->api));
	dial->port = api_port(link->api);
	dial->fingerprint = g_strdup(api_fingerprint(link->api));
	dial->ticket = g_strdup(ticket);
	dial->secret = ticket ? NULL : g_strdup(link->secret);
	stop_dialling(link);
	link->cancellable = g_cancellable_new();
	GTask *task = g_task_new(NULL, link->cancellable, on_dialled, link);
	g_task_set_task_data(task, dial, dial_free);
	g_task_run_in_thread(task, dial_thread);
	g_object_unref(task);
}

/* ---- launching the machine ---- */

static void on_progress(const struct desktop *desktop, void *data)
{
	struct apps_link *link = data;
	events_emit("starting", "{s:s?,s:f}", "stage", desktop->stage,
		    "fraction", desktop->fraction);
	if (link->handlers->progress)
		link->handlers->progress(desktop->stage, desktop->fraction,
					 link->data);
}

static void on_ready(const struct desktop *desktop, const char *ticket,
		     const char *protocol, void *data)
{
	struct apps_link *link = data;
	link->launch = NULL;
	dial(link, ticket);
}

static void on_failed(const struct desktop *desktop, const GError *error,
		      unsigned status, void *data)
{
	struct apps_link *link = data;
	link->launch = NULL;
	if (status == 401 && !api_signed_in(link->api)) {
		g_clear_pointer(&link->api, api_unref);
		apps_signin_begin(link->signin, error);
		return;
	}
	give_up(link, error);
}

static const struct launch_handlers launch_handlers = {
    .progress = on_progress,
    .ready = on_ready,
    .failed = on_failed,
};

static void begin_launch(struct apps_link *link)
{
	g_clear_pointer(&link->launch, launch_cancel);
	link->launch = launch_start(link->api, link->options->server.pool, NULL,
				    "windows", &launch_handlers, link);
}

static void on_signed_in(struct api *api, void *data)
{
	struct apps_link *link = data;
	link->api = api;
	begin_launch(link);
}

static void on_cancelled(void *data)
{
	g_autoptr(GError) error =
	    fault_new(FAULT_CANCELLED, NULL, "Signing in was cancelled");
	give_up(data, error);
}

static const struct apps_signin_handlers signin_handlers = {
    .signed_in = on_signed_in,
    .cancelled = on_cancelled,
};

/* ---- again and again ---- */

static void connect_socket(struct apps_link *link)
{
	const char *path = link->options->stream;
	int fd = paths_unix_connect(
	    g_str_has_prefix(path, "unix:") ? path + 5 : path, NULL);
	if (fd < 0) {
		try_again(link, 0);
		return;
	}
	link->up_us = g_get_monotonic_time();
	link->handlers->stream(fd, NULL, link->data);
}

static gboolean on_timer(gpointer data)
{
	struct apps_link *link = data;
	link->timer = 0;
	if (link->options->stream)
		connect_socket(link);
	else if (!link->api)
		apps_signin_begin(link->signin, NULL);
	else if (link->secret)
		dial(link, NULL);
	else
		begin_launch(link);
	return G_SOURCE_REMOVE;
}

static void try_again(struct apps_link *link, unsigned at_least_s)
{
	unsigned last = G_N_ELEMENTS(pauses_ms) - 1;
	unsigned pause = pauses_ms[MIN(link->attempt, last)];
	pause = MAX(pause, at_least_s * 1000);
	link->attempt++;
	events_emit("reconnecting", "{s:i,s:i}", "attempt", (int)link->attempt,
		    "pause_ms", (int)pause);
	g_clear_handle_id(&link->timer, g_source_remove);
	link->timer = g_timeout_add(pause, on_timer, link);
}

void apps_link_cut(struct apps_link *link, const GError *error)
{
	if (link->taken) {
		g_autoptr(GError) taken = fault_new(
		    FAULT_CONFLICT, "Start it here again to have them back.",
		    "Another client shows these windows now");
		give_up(link, taken);
		return;
	}
	if (error && error->domain == FAULT &&
	    fault_code(error) == FAULT_INVALID) {
		give_up(link, error);
		return;
	}
	if (g_get_monotonic_time() - link->up_us > 5 * G_USEC_PER_SEC)
		link->attempt = 0;
	try_again(link, 0);
}

gboolean apps_link_asks(const struct apps_link *link)
{
	return link->signin && apps_signin_asks(link->signin);
}

void apps_link_taken(struct apps_link *link)
{
	link->taken = TRUE;
}

struct apps_link *apps_link_new(struct apps_options *options,
				const struct apps_link_handlers *handlers,
				void *data)
{
	struct apps_link *link = g_new0(struct apps_link, 1);
	link->options = options;
	link->handlers = handlers;
	link->data = data;
	if (!options->stream)
		link->signin = apps_signin_new(options, &signin_handlers, link);
	link->timer = g_timeout_add(0, on_timer, link);
	return link;
}

void apps_link_free(struct apps_link *link)
{
	if (!link)
		return;
	stop_dialling(link);
	g_clear_handle_id(&link->timer, g_source_remove);
	g_clear_pointer(&link->launch, launch_cancel);
	apps_signin_free(link->signin);
	api_unref(link->api);
	secret_clear(&link->secret);
	g_free(link);
}
