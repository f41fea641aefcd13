#include "client/apps-install.h"

#include <errno.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <string.h>

#include "common/fault.h"
#include "common/paths.h"

/* Every entry of ours says so: only such files are ever removed. */
#define MARK "X-Oriel-Pool"

static void add_ascii(GString *out, const char *text)
{
	for (const char *c = text; *c; c++)
		g_string_append_c(
		    out, g_ascii_isalnum(*c) || strchr("._-", *c) ? *c : '_');
}

char *apps_class(const char *pool, const char *app)
{
	GString *class = g_string_new("oriel-");
	if (pool) {
		add_ascii(class, pool);
		g_string_append_c(class, '-');
	}
	add_ascii(class, app);
	return g_string_free(class, FALSE);
}

/* ---- an entry ---- */

/* Desktop Entry Specification, "Possible value types": string. */
static void add_line(GString *out, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	g_string_append_printf(out, "%s=", key);
	for (const char *c = value; *c; c++) {
		if (*c == '\\')
			g_string_append(out, "\\\\");
		else if (g_ascii_iscntrl(*c))
			g_string_append_c(out, ' ');
		else
			g_string_append_c(out, *c);
	}
	g_string_append_c(out, '\n');
}

/* "The Exec key": quoted, with its four characters escaped, and % doubled;
 * the backslashes are escaped once more, as in every string. */
static void add_word(GString *out, const char *word)
{
	g_string_append(out, " \"");
	for (const char *c = word; *c; c++) {
		if (strchr("\"`$\\", *c))
			g_string_append(out, "\\\\");
		if (*c == '\\')
			g_string_append_c(out, '\\');
		if (*c == '%')
			g_string_append_c(out, '%');
		g_string_append_c(out, g_ascii_iscntrl(*c) ? ' ' : *c);
	}
	g_string_append_c(out, '"');
}

/* Lists of words of known characters: whatever else there is is dropped. */
static char *clean_list(const char *list, const char *also)
{
	g_auto(GStrv) words = g_strsplit(list ? list : "", ";", 256);
	GString *out = g_string_new(NULL);
	for (char **word = words; *word; word++) {
		gboolean fine = **word != '\0';
		for (const char *c = *word; *c; c++)
			fine =
			    fine && (g_ascii_isalnum(*c) || strchr(also, *c));
		if (fine)
			g_string_append_printf(out, "%s;", *word);
	}
	return g_string_free(out, FALSE);
}

char *apps_entry(const struct apps_place *place, const char *program,
		 const struct seamless_app *app)
{
	GString *out = g_string_new("[Desktop Entry]\nType=Application\n");
	g_autofree char *class = apps_class(place->server->pool, app->id);
	g_autofree char *server = server_url_text(place->server);
	g_autofree char *url =
	    g_strdup_printf("%s/%s", server, place->server->pool);
	g_autofree char *categories = clean_list(app->categories, "-");
	g_autofree char *types = clean_list(app->mime_types, "/.+-_");
	add_line(out, "Name", app->name);
	add_line(out, "Comment", app->comment);
	g_string_append(out, "Exec=");
	GString *command = g_string_new(NULL);
	add_word(command, program);
	g_string_append(command, " run");
	if (place->user) {
		g_string_append(command, " --user");
		add_word(command, place->user);
	}
	if (place->fingerprint) {
		g_string_append(command, " --trust-fingerprint");
		add_word(command, place->fingerprint);
	}
	g_string_append(command, " --");
	add_word(command, url);
	add_word(command, app->id);
	g_string_append(command, " %F");
	g_string_append(out, command->str + 1);
	g_string_append_c(out, '\n');
	g_string_free(command, TRUE);
	add_line(out, "Icon", app->icon ? class : "oriel");
	add_line(out, "StartupWMClass", class);
	add_line(out, "Categories", categories);
	add_line(out, "MimeType", types);
	g_string_append(out, "Terminal=false\nStartupNotify=true\n");
	add_line(out, MARK, url);
	return g_string_free(out, FALSE);
}

/* ---- files ---- */

static char *folder_of(const char *kind)
{
	return g_build_filename(g_get_user_data_dir(), kind, NULL);
}

static char *icon_path(const char *class)
{
	g_autofree char *file = g_strconcat(class, ".png", NULL);
	return g_build_filename(g_get_user_data_dir(), "icons", "hicolor",
				"64x64", "apps", file, NULL);
}

static gboolean write_file(const char *path, const char *bytes, gsize size,
			   GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autoptr(GError) local = NULL;
	if (g_mkdir_with_parents(folder, 0700) == 0 &&
	    g_file_set_contents(path, bytes, (gssize)size, &local))
		return TRUE;
	fault_set(error, FAULT_STORAGE,
		  "Look at the disk's space and the folder's permissions.",
		  "%s cannot be written: %s", path,
		  local ? local->message : g_strerror(errno));
	return FALSE;
}

static gboolean write_icon(const struct seamless_app *app, const char *path,
			   GError **error)
{
	unsigned count = app->icon_width * app->icon_height;
	if (!app->icon || !count)
		return TRUE;
	g_autofree guint8 *rgba = g_malloc(count * 4);
	for (unsigned i = 0; i < count; i++) { /* straight, not premultiplied */
		uint32_t p = app->icon[i], a = p >> 24;
		rgba[4 * i] = (guint8)(a ? (p >> 16 & 255) * 255 / a : 0);
		rgba[4 * i + 1] = (guint8)(a ? (p >> 8 & 255) * 255 / a : 0);
		rgba[4 * i + 2] = (guint8)(a ? (p & 255) * 255 / a : 0);
		rgba[4 * i + 3] = (guint8)a;
	}
	g_autoptr(GdkPixbuf) whole = gdk_pixbuf_new_from_data(
	    rgba, GDK_COLORSPACE_RGB, TRUE, 8, (int)app->icon_width,
	    (int)app->icon_height, (int)app->icon_width * 4, NULL, NULL);
	g_autoptr(GdkPixbuf) scaled =
	    gdk_pixbuf_scale_simple(whole, 64, 64, GDK_INTERP_BILINEAR);
	g_autofree char *png = NULL;
	gsize size;
	return gdk_pixbuf_save_to_buffer(scaled, &png, &size, "png", error,
					 NULL) &&
	       write_file(path, png, size, error);
}

/* Desktop entries that say they are of that pool: path -> class. */
static GHashTable *find_ours(const struct apps_place *place)
{
	GHashTable *ours =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autofree char *folder = folder_of("applications");
	g_autofree char *server = server_url_text(place->server);
	g_autofree char *url =
	    g_strdup_printf("%s/%s", server, place->server->pool);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir))) {
		if (!g_str_has_prefix(name, "oriel-") ||
		    !g_str_has_suffix(name, ".desktop"))
			continue;
		g_autofree char *path = g_build_filename(folder, name, NULL);
		g_autoptr(GKeyFile) file = g_key_file_new();
		if (!g_key_file_load_from_file(file, path, 0, NULL))
			continue;
		g_autofree char *of = g_key_file_get_string(
		    file, G_KEY_FILE_DESKTOP_GROUP, MARK, NULL);
		if (g_strcmp0(of, url) == 0)
			g_hash_table_insert(
			    ours, g_steal_pointer(&path),
			    g_strndup(name, strlen(name) - strlen(".desktop")));
	}
	return ours;
}

static void remove_entries(GHashTable *entries)
{
	GHashTableIter iter;
	gpointer path, class;
	g_hash_table_iter_init(&iter, entries);
	while (g_hash_table_iter_next(&iter, &path, &class)) {
		g_autofree char *icon = icon_path(class);
		g_unlink(path);
		g_unlink(icon);
	}
}

/* Caches of MIME types and icons, where their tools are there. */
static void refresh(void)
{
	g_autofree char *applications = folder_of("applications");
	g_autofree char *program =
	    g_find_program_in_path("update-desktop-database");
	const char *argv[] = {program, "-q", applications, NULL};
	if (program)
		g_spawn_sync(NULL, (char **)argv, NULL,
			     G_SPAWN_STDOUT_TO_DEV_NULL |
				 G_SPAWN_STDERR_TO_DEV_NULL,
			     NULL, NULL, NULL, NULL, NULL, NULL);
}

gboolean apps_install(const struct apps_place *place, const GPtrArray *apps,
		      unsigned *count, GError **error)
{
	g_autofree char *folder = folder_of("applications");
	g_autofree char *program = paths_program("oriel-client");
	g_autoptr(GHashTable) old = find_ours(place);
	*count = 0;
	for (guint i = 0; i < apps->len; i++) {
		const struct seamless_app *app = apps->pdata[i];
		g_autofree char *class =
		    apps_class(place->server->pool, app->id);
		g_autofree char *file = g_strconcat(class, ".desktop", NULL);
		g_autofree char *path = g_build_filename(folder, file, NULL);
		g_autofree char *icon = icon_path(class);
		g_autofree char *text = apps_entry(place, program, app);
		if (!write_icon(app, icon, error) ||
		    !write_file(path, text, strlen(text), error))
			return FALSE;
		g_hash_table_remove(old, path);
		++*count;
	}
	remove_entries(old);
	refresh();
	return TRUE;
}

gboolean apps_uninstall(const struct apps_place *place, unsigned *count,
			GError **error)
{
	g_autoptr(GHashTable) ours = find_ours(place);
	*count = g_hash_table_size(ours);
	remove_entries(ours);
	refresh();
	return TRUE;
}
