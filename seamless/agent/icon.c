#include "seamless/agent/icon.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#define G_SETTINGS_ENABLE_BACKEND /* the in-memory one */
#include <gio/gsettingsbackend.h>
#include <stdlib.h>
#include <string.h>

#define FOLDERS_MAX 512 /* of one theme */

struct folder {
	char *path;
	int size;
};

static GPtrArray *all_folders; /* struct folder, in order of preference */

static const char *const suffixes[] = {".png", ".svg", ".xpm"};

static void add_theme(const char *base, const char *theme)
{
	g_autofree char *index =
	    g_build_filename(base, theme, "index.theme", NULL);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_key_file_set_list_separator(file, ',');
	if (!g_key_file_load_from_file(file, index, G_KEY_FILE_NONE, NULL))
		return;
	g_auto(GStrv) names = g_key_file_get_string_list(
	    file, "Icon Theme", "Directories", NULL, NULL);
	for (int i = 0; names && names[i] && i < FOLDERS_MAX; i++) {
		g_autofree char *type =
		    g_key_file_get_string(file, names[i], "Type", NULL);
		int scale =
		    g_key_file_get_integer(file, names[i], "Scale", NULL);
		if (scale > 1)
			continue;
		struct folder *folder = g_new0(struct folder, 1);
		folder->size =
		    g_key_file_get_integer(file, names[i], "Size", NULL);
		/* a scalable picture is right at any size */
		if (type && strcmp(type, "Scalable") == 0)
			folder->size = 0;
		folder->path = g_build_filename(base, theme, names[i], NULL);
		if (g_file_test(folder->path, G_FILE_TEST_IS_DIR))
			g_ptr_array_add(all_folders, folder);
		else {
			g_free(folder->path);
			g_free(folder);
		}
	}
}

static char *session_theme(void)
{
	GSettingsSchemaSource *source = g_settings_schema_source_get_default();
	g_autoptr(GSettingsSchema) schema =
	    source ? g_settings_schema_source_lookup(
			 source, "org.gnome.desktop.interface", TRUE)
		   : NULL;
	if (!schema)
		return NULL;
	/* the image's own choice; asking dconf would start a service first */
	g_autoptr(GSettingsBackend) backend = g_memory_settings_backend_new();
	g_autoptr(GSettings) settings =
	    g_settings_new_with_backend("org.gnome.desktop.interface", backend);
	return g_settings_get_string(settings, "icon-theme");
}

static void add_others(const char *base, const char *first)
{
	g_autoptr(GDir) dir = g_dir_open(base, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir)))
		if (strcmp(name, "hicolor") != 0 && g_strcmp0(name, first) != 0)
			add_theme(base, name);
}

static void folder_free(void *data)
{
	struct folder *folder = data;
	g_free(folder->path);
	g_free(folder);
}

void icon_forget_themes(void)
{
	g_clear_pointer(&all_folders, g_ptr_array_unref);
}

static void find_folders(void)
{
	g_autoptr(GPtrArray) bases = g_ptr_array_new_with_free_func(g_free);
	const char *const *dirs = g_get_system_data_dirs();
	g_autofree char *theme = session_theme();
	all_folders = g_ptr_array_new_with_free_func(folder_free);
	g_ptr_array_add(bases,
			g_build_filename(g_get_user_data_dir(), "icons", NULL));
	for (int i = 0; dirs[i]; i++)
		g_ptr_array_add(bases,
				g_build_filename(dirs[i], "icons", NULL));
	for (guint i = 0; theme && i < bases->len; i++)
		add_theme(bases->pdata[i], theme);
	for (guint i = 0; i < bases->len; i++)
		add_theme(bases->pdata[i], "hicolor");
	for (guint i = 0; i < bases->len; i++)
		add_others(bases->pdata[i], theme);
	for (int i = 0; dirs[i]; i++) {
		struct folder *folder = g_new0(struct folder, 1);
		folder->path = g_build_filename(dirs[i], "pixmaps", NULL);
		folder->size = 48;
		g_ptr_array_add(all_folders, folder);
	}
}

/* How far a folder's size is from the wanted one: larger ones are shrunk,
 * which looks better than the other way. */
static int distance(const struct folder *folder, int side)
{
	if (folder->size == 0)
		return 1;
	return folder->size >= side ? folder->size - side
				    : 1000 + side - folder->size;
}

/* The nearest in size; of equals the theme that comes first. */
static char *find_named(const char *name, int side)
{
	char *best = NULL;
	int best_distance = INT32_MAX;
	if (strchr(name, '/'))
		return NULL;
	if (!all_folders)
		find_folders();
	for (guint i = 0; i < all_folders->len; i++) {
		const struct folder *folder = all_folders->pdata[i];
		int d = distance(folder, side);
		if (d >= best_distance)
			continue;
		for (size_t k = 0; k < G_N_ELEMENTS(suffixes); k++) {
			g_autofree char *path = g_strconcat(
			    folder->path, "/", name, suffixes[k], NULL);
			if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
				continue;
			g_free(best);
			best = g_steal_pointer(&path);
			best_distance = d;
			break;
		}
	}
	return best;
}

static char *find_file(GIcon *icon, int side)
{
	if (G_IS_FILE_ICON(icon))
		return g_file_get_path(g_file_icon_get_file(G_FILE_ICON(icon)));
	if (!G_IS_THEMED_ICON(icon))
		return NULL;
	const char *const *names = g_themed_icon_get_names(G_THEMED_ICON(icon));
	for (int i = 0; names[i]; i++) {
		char *path = find_named(names[i], side);
		if (path)
			return path;
	}
	return NULL;
}

uint8_t *icon_load(GIcon *icon, int side, uint32_t *width, uint32_t *height)
{
	g_autofree char *path = icon ? find_file(icon, side) : NULL;
	g_autoptr(GdkPixbuf) pixbuf =
	    path ? gdk_pixbuf_new_from_file_at_size(path, side, side, NULL)
		 : NULL;
	if (!pixbuf || gdk_pixbuf_get_bits_per_sample(pixbuf) != 8)
		return NULL;
	int w = gdk_pixbuf_get_width(pixbuf), h = gdk_pixbuf_get_height(pixbuf);
	int channels = gdk_pixbuf_get_n_channels(pixbuf);
	int stride = gdk_pixbuf_get_rowstride(pixbuf);
	const uint8_t *from = gdk_pixbuf_read_pixels(pixbuf);
	if (w > side || h > side || w < 1 || h < 1)
		return NULL;
	uint8_t *pixels = g_malloc((size_t)w * (size_t)h * 4), *to = pixels;
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++, to += 4) {
			const uint8_t *p = from + y * stride + x * channels;
			unsigned a = channels == 4 ? p[3] : 255;
			for (int i = 0; i < 3; i++)
				to[i] = (uint8_t)((p[2 - i] * a + 127) / 255);
			to[3] = (uint8_t)a;
		}
	*width = (uint32_t)w;
	*height = (uint32_t)h;
	return pixels;
}
