/* The applications that a guest offers, with icons from their pieces. */
#include <string.h>

#include "client/seamless-private.h"

#define APPS_MAX 2048u

static void app_free(gpointer data)
{
	struct seamless_app *app = data;
	g_free(app->id);
	g_free(app->name);
	g_free(app->comment);
	g_free(app->categories);
	g_free(app->mime_types);
	g_free(app->icon);
	g_free(app);
}

static void app_picture_free(gpointer data)
{
	picture_clear(data);
	g_free(data);
}

static char *text_dup(struct seam_text text)
{
	return g_strndup(text.bytes, text.size);
}

static guint find_app(struct seamless *desk, struct seam_text id)
{
	for (guint i = 0; i < desk->apps->len; i++) {
		const struct seamless_app *app = desk->apps->pdata[i];
		if (strlen(app->id) == id.size &&
		    memcmp(app->id, id.bytes, id.size) == 0)
			return i;
	}
	return G_MAXUINT;
}

void desk_take_app(struct seamless *desk, const struct seam_app *said)
{
	guint at = find_app(desk, said->id);
	if (at == G_MAXUINT && desk->apps->len >= APPS_MAX)
		return;
	struct seamless_app *app = g_new0(struct seamless_app, 1);
	app->id = text_dup(said->id);
	app->name = text_dup(said->name);
	app->comment = text_dup(said->comment);
	app->categories = text_dup(said->categories);
	app->mime_types = text_dup(said->mime_types);
	if (at == G_MAXUINT) {
		g_ptr_array_add(desk->apps, app);
		return;
	}
	app_free(desk->apps->pdata[at]);
	desk->apps->pdata[at] = app;
}

void desk_take_app_icon(struct seamless *desk, const struct seam_picture *piece)
{
	guint at = find_app(desk, piece->app);
	if (at == G_MAXUINT)
		return;
	struct seamless_app *app = desk->apps->pdata[at];
	struct picture *picture =
	    g_hash_table_lookup(desk->app_pictures, app->id);
	if (!picture) {
		picture = g_new0(struct picture, 1);
		g_hash_table_insert(desk->app_pictures, g_strdup(app->id),
				    picture);
	}
	if (!picture_take(picture, piece))
		return;
	g_free(app->icon);
	app->icon = g_steal_pointer(&picture->pixels);
	app->icon_width = picture->width;
	app->icon_height = picture->height;
	g_hash_table_remove(desk->app_pictures, app->id);
}

void desk_take_app_gone(struct seamless *desk, struct seam_text id)
{
	guint at = find_app(desk, id);
	if (at == G_MAXUINT)
		return;
	struct seamless_app *app = desk->apps->pdata[at];
	g_hash_table_remove(desk->app_pictures, app->id);
	g_ptr_array_remove_index(desk->apps, at);
}

void desk_forget_apps(struct seamless *desk)
{
	g_ptr_array_set_size(desk->apps, 0);
	g_hash_table_remove_all(desk->app_pictures);
}

void desk_open_apps(struct seamless *desk)
{
	desk->apps = g_ptr_array_new_with_free_func(app_free);
	desk->app_pictures = g_hash_table_new_full(g_str_hash, g_str_equal,
						   g_free, app_picture_free);
}

const GPtrArray *seamless_apps(const struct seamless *desk)
{
	return desk->apps;
}
