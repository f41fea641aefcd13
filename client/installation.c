#include "client/installation.h"

#include <string.h>

#include "client/desktop.h"
#include "common/fault.h"

#define ASK_MS 1000
/* The machine is off a moment before the server says that setup has ended. */
#define OFF_BEFORE 3

struct installation {
	struct api *api;
	char *desktop, *image;
	const struct installation_handlers *handlers;
	void *data;
	GCancellable *cancellable;
	guint timer;
	unsigned off; /* answers in a row that told no more than that */
};

static gboolean ask(gpointer data);

static void ask_later(struct installation *self)
{
	if (!self->timer)
		self->timer = g_timeout_add(ASK_MS, ask, self);
}

static void on_image(const struct api_answer *answer, const GError *error,
		     void *data)
{
	struct installation *self = data;
	const char *state =
	    json_string_value(json_object_get(answer->json, "state"));
	g_autofree char *title = NULL, *text = NULL;
	gboolean well = FALSE;
	if (!error && g_strcmp0(state, "ready") == 0) {
		well = TRUE;
		title = g_strdup_printf("Image “%s” is ready", self->image);
		text = g_strdup("Desktops of it can be made now.");
	} else if (error && answer->status == 403) {
		title = g_strdup("The installation is over");
		text = g_strdup_printf("Ask the administrator whether image "
				       "“%s” is ready.",
				       self->image);
	} else if (error && answer->status != 404) {
		self->handlers->failed(error, answer->status, self->data);
		return;
	} else {
		title = g_strdup_printf("Image “%s” was not made", self->image);
		text = g_strdup("Its installation failed or was cancelled; "
				"`oriel task list` on the server tells why.");
	}
	self->handlers->over(well, title, text, self->data);
}

static void on_desktop(const struct api_answer *answer, const GError *error,
		       void *data)
{
	struct installation *self = data;
	if (error && answer->status == 404) {
		g_autofree char *name =
		    g_uri_escape_string(self->image, NULL, FALSE);
		g_autofree char *path = g_strdup_printf("/images/%s", name);
		api_call(self->api, "GET", path, NULL, self->cancellable,
			 on_image, self);
		return;
	}
	if (error && (answer->status == 401 || answer->status == 403 ||
		      fault_code(error) == FAULT_DENIED)) {
		self->handlers->failed(error, answer->status, self->data);
		return;
	}
	if (error) {
		self->handlers->progress(
		    "The server does not answer. Trying again…", -1,
		    self->data);
		ask_later(self);
		return;
	}
	struct desktop *desktop = desktop_from_json(answer->json);
	enum desktop_state state = desktop ? desktop->state : DESKTOP_OFF;
	gboolean looked_at = desktop && desktop->install_fraction >= 0;
	gboolean lives = desktop && desktop->install;
	if (state == DESKTOP_RUNNING || state == DESKTOP_STARTING) {
		self->handlers->resumed(self->data);
	} else if (lives && !looked_at && state != DESKTOP_STOPPING &&
		   ++self->off >= OFF_BEFORE) {
		self->handlers->interrupted(self->data);
	} else {
		if (looked_at)
			self->off = 0;
		self->handlers->progress(
		    looked_at && desktop->install_stage ? desktop->install_stage
							: "One moment…",
		    looked_at ? desktop->install_fraction : -1, self->data);
		ask_later(self);
	}
	desktop_free(desktop);
}

static gboolean ask(gpointer data)
{
	struct installation *self = data;
	g_autofree char *path = api_desktop_path(self->desktop, NULL);
	self->timer = 0;
	api_call(self->api, "GET", path ? path : "/desktops/-", NULL,
		 self->cancellable, on_desktop, self);
	return G_SOURCE_REMOVE;
}

struct installation *installation_follow(
    struct api *api, const char *desktop, const char *image,
    const struct installation_handlers *handlers, void *data)
{
	struct installation *self = g_new0(struct installation, 1);
	self->api = api_ref(api);
	self->desktop = g_strdup(desktop);
	self->image = g_strdup(image);
	self->handlers = handlers;
	self->data = data;
	self->cancellable = g_cancellable_new();
	ask_later(self);
	return self;
}

void installation_free(struct installation *self)
{
	if (!self)
		return;
	g_cancellable_cancel(self->cancellable);
	g_object_unref(self->cancellable);
	g_clear_handle_id(&self->timer, g_source_remove);
	api_unref(self->api);
	g_free(self->desktop);
	g_free(self->image);
	g_free(self);
}
