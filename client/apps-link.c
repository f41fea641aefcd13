#include "client/apps-link.h"

#include <string.h>

#include "client/events.h"
#include "common/fault.h"
#include "common/paths.h"

/* Pauses between tries; the last one repeats. */
static const unsigned pauses_ms[] = {0, 300, 1000, 2000, 4000, 5000};

struct apps_link {
	struct apps_options *options;
	const struct apps_link_handlers *handlers;
	void *data;
	unsigned attempt;
	guint timer;
	gboolean taken;
	gint64 up_us;
};

static void give_up(struct apps_link *link, GError *error)
{
	g_autoptr(GError) own = error;
	link->handlers->given_up(own, link->data);
}

static void try_again(struct apps_link *link);

static void connect_socket(struct apps_link *link)
{
	g_autoptr(GError) error = NULL;
	const char *path = link->options->stream;
	int fd = paths_unix_connect(
		g_str_has_prefix(path, "unix:") ? path + 5 : path, &error);
	if (fd < 0) {
		try_again(link);
		return;
	}
	link->up_us = g_get_monotonic_time();
	link->handlers->stream(fd, NULL, link->data);
}

static gboolean on_timer(gpointer data)
{
	struct apps_link *link = data;
	link->timer = 0;
	connect_socket(link);
	return G_SOURCE_REMOVE;
}

static void try_again(struct apps_link *link)
{
	unsigned last = G_N_ELEMENTS(pauses_ms) - 1;
	unsigned pause = pauses_ms[MIN(link->attempt, last)];
	link->attempt++;
	events_emit("reconnecting", "{s:i,s:i}", "attempt", (int)link->attempt,
		    "pause_ms", (int)pause);
	g_clear_handle_id(&link->timer, g_source_remove);
	link->timer = g_timeout_add(pause, on_timer, link);
}

void apps_link_cut(struct apps_link *link, const GError *error)
{
	if (link->taken) {
		give_up(link, fault_new(FAULT_CONFLICT,
					"Start it here again to have them "
					"back.",
					"Another client shows these windows "
					"now"));
		return;
	}
	if (error && error->domain == FAULT &&
	    fault_code(error) == FAULT_INVALID) {
		give_up(link, g_error_copy(error));
		return;
	}
	if (g_get_monotonic_time() - link->up_us > 5 * G_USEC_PER_SEC)
		link->attempt = 0;
	try_again(link);
}

void apps_link_taken(struct apps_link *link)
{
	link->taken = TRUE;
}

struct apps_link *apps_link_new(struct apps_options *options,
				const struct apps_link_handlers *handlers,
				void *data, GError **error)
{
	struct apps_link *link = g_new0(struct apps_link, 1);
	link->options = options;
	link->handlers = handlers;
	link->data = data;
	link->timer = g_timeout_add(0, on_timer, link);
	return link;
}

void apps_link_free(struct apps_link *link)
{
	if (!link)
		return;
	g_clear_handle_id(&link->timer, g_source_remove);
	g_free(link);
}
