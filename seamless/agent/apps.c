/* The applications that the machine offers: its .desktop files, watched. */
#include "seamless/agent/agent.h"

#include <gio/gdesktopappinfo.h>
#include <string.h>

#include "seamless/agent/icon.h"

#define ICON_SIDE 64
#define APPS_MAX  1000
#define PER_STEP  4   /* icons take milliseconds each to draw */
#define SETTLE_MS 500 /* an installation touches many files */

struct app {
	char *id, *name, *comment, *categories, *mime_types;
	char *window_class, *program;
	GIcon *icon;
	bool told;
};

struct apps {
	struct agent *agent;
	GPtrArray *list; /* struct app */
	GPtrArray *gone; /* char *id, to be told */
	GAppInfoMonitor *monitor;
	guint settle_source;
};

static void app_free(void *data)
{
	struct app *self = data;
	g_free(self->id);
	g_free(self->name);
	g_free(self->comment);
	g_free(self->categories);
	g_free(self->mime_types);
	g_free(self->window_class);
	g_free(self->program);
	g_clear_object(&self->icon);
	g_free(self);
}

static char *valid(const char *text)
{
	return g_utf8_make_valid(text ? text : "", -1);
}

static struct app *app_of(GAppInfo *info)
{
	GDesktopAppInfo *desktop = G_DESKTOP_APP_INFO(info);
	const char *id = g_app_info_get_id(info);
	if (!id || !g_str_has_suffix(id, ".desktop") ||
	    !g_app_info_should_show(info))
		return NULL;
	struct app *self = g_new0(struct app, 1);
	self->id = g_strndup(id, strlen(id) - strlen(".desktop"));
	if (!*self->id || strlen(self->id) > SEAM_APP_ID_MAX ||
	    !g_utf8_validate(self->id, -1, NULL)) {
		app_free(self);
		return NULL;
	}
	self->name = valid(g_app_info_get_display_name(info));
	if (!*self->name) {
		g_free(self->name);
		self->name = g_strdup(self->id);
	}
	self->comment = valid(g_app_info_get_description(info));
	self->categories = valid(g_desktop_app_info_get_categories(desktop));
	const char **types = g_app_info_get_supported_types(info);
	g_autofree char *joined =
	    types ? g_strjoinv(";", (char **)types) : NULL;
	self->mime_types = valid(joined);
	self->window_class =
	    g_strdup(g_desktop_app_info_get_startup_wm_class(desktop));
	const char *program = g_app_info_get_executable(info);
	self->program = program ? g_path_get_basename(program) : NULL;
	GIcon *icon = g_app_info_get_icon(info);
	self->icon = icon ? g_object_ref(icon) : NULL;
	return self;
}

static struct app *find(const struct apps *self, const char *id)
{
	for (guint i = 0; i < self->list->len; i++) {
		struct app *app = self->list->pdata[i];
		if (strcmp(app->id, id) == 0)
			return app;
	}
	return NULL;
}

static bool same(const struct app *a, const struct app *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       strcmp(a->comment, b->comment) == 0 &&
	       strcmp(a->categories, b->categories) == 0 &&
	       strcmp(a->mime_types, b->mime_types) == 0 &&
	       (a->icon == b->icon ||
		(a->icon && b->icon && g_icon_equal(a->icon, b->icon)));
}

static void load(struct apps *self)
{
	GPtrArray *fresh = g_ptr_array_new_with_free_func(app_free);
	GList *all = g_app_info_get_all();
	for (GList *l = all; l && fresh->len < APPS_MAX; l = l->next) {
		struct app *app = app_of(l->data);
		if (!app)
			continue;
		const struct app *old = find(self, app->id);
		app->told = old && old->told && same(old, app);
		g_ptr_array_add(fresh, app);
	}
	g_list_free_full(all, g_object_unref);
	GPtrArray *old = self->list;
	self->list = fresh;
	for (guint i = 0; i < old->len; i++) {
		const struct app *app = old->pdata[i];
		if (app->told && !find(self, app->id))
			g_ptr_array_add(self->gone, g_strdup(app->id));
	}
	g_ptr_array_unref(old);
	agent_step_soon(self->agent);
}

static gboolean on_settled(gpointer data)
{
	struct apps *self = data;
	self->settle_source = 0;
	icon_forget_themes();
	load(self);
	return G_SOURCE_REMOVE;
}

static void on_changed(GAppInfoMonitor *monitor, gpointer data)
{
	struct apps *self = data;
	if (!self->settle_source)
		self->settle_source =
		    g_timeout_add(SETTLE_MS, on_settled, self);
}

void apps_open(struct agent *agent)
{
	struct apps *self = g_new0(struct apps, 1);
	agent->apps = self;
	self->agent = agent;
	self->list = g_ptr_array_new_with_free_func(app_free);
	self->gone = g_ptr_array_new_with_free_func(g_free);
	self->monitor = g_app_info_monitor_get();
	g_signal_connect(self->monitor, "changed", G_CALLBACK(on_changed),
			 self);
	load(self);
}

void apps_close(struct agent *agent)
{
	struct apps *self = agent->apps;
	if (!self)
		return;
	g_signal_handlers_disconnect_by_data(self->monitor, self);
	g_object_unref(self->monitor);
	if (self->settle_source)
		g_source_remove(self->settle_source);
	g_ptr_array_unref(self->list);
	g_ptr_array_unref(self->gone);
	g_free(self);
	agent->apps = NULL;
}

void apps_forget_peer(struct agent *agent)
{
	struct apps *self = agent->apps;
	for (guint i = 0; self && i < self->list->len; i++)
		((struct app *)self->list->pdata[i])->told = false;
	if (self)
		g_ptr_array_set_size(self->gone, 0);
}

static void tell(struct agent *agent, struct app *app)
{
	struct seam_message message = {.type = SEAM_APP};
	message.app = (struct seam_app){seam_text_of(app->id, SEAM_APP_ID_MAX),
					seam_text_of(app->name, 256),
					seam_text_of(app->comment, 1024),
					seam_text_of(app->categories, 1024),
					seam_text_of(app->mime_types, 8192)};
	agent_send(agent, &message);
	message = (struct seam_message){.type = SEAM_APP_ICON};
	struct seam_picture *p = &message.picture;
	g_autofree uint8_t *pixels =
	    icon_load(app->icon, ICON_SIDE, &p->width, &p->height);
	p->app = seam_text_of(app->id, SEAM_APP_ID_MAX);
	if (pixels)
		agent_send_picture(agent, &message, pixels);
	app->told = true;
}

bool apps_send(struct agent *agent)
{
	struct apps *self = agent->apps;
	int told = 0;
	if (!self)
		return true;
	while (self->gone->len) {
		if (!link_has_room(agent->link))
			return false;
		struct seam_message message = {.type = SEAM_APP_GONE};
		message.app_gone.id =
		    seam_text_of(self->gone->pdata[0], SEAM_APP_ID_MAX);
		agent_send(agent, &message);
		g_ptr_array_remove_index(self->gone, 0);
	}
	for (guint i = 0; i < self->list->len; i++) {
		struct app *app = self->list->pdata[i];
		if (app->told)
			continue;
		if (told == PER_STEP) {
			agent_step_soon(agent);
			return false;
		}
		if (!link_has_room(agent->link))
			return false;
		tell(agent, app);
		told++;
	}
	return true;
}

static bool alike(const char *a, const char *b)
{
	return a && b && *a && g_ascii_strcasecmp(a, b) == 0;
}

/* The application whose window says that it is of this class: by
 * StartupWMClass, by name ("Mousepad" is org.xfce.mousepad), by program. */
char *apps_id_of_window(struct agent *agent, const char *instance,
			const char *class_name)
{
	struct apps *self = agent->apps;
	for (int way = 0; self && way < 4; way++)
		for (guint i = 0; i < self->list->len; i++) {
			const struct app *app = self->list->pdata[i];
			const char *last = strrchr(app->id, '.');
			const char *by[] = {app->window_class, app->id,
					    last ? last + 1 : NULL,
					    app->program};
			if (alike(by[way], class_name) ||
			    alike(by[way], instance))
				return g_strdup(app->id);
		}
	return g_utf8_make_valid(*class_name ? class_name : instance, -1);
}
