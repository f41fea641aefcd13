#include <string.h>

#include "common/fault.h"
#include "common/paths.h"
#include "server/broker/images.h"
#include "server/broker/shape.h"

#define SUFFIX ".recipe"

static char *value_of(GKeyFile *file, const char *key)
{
	/* the head: whichever group the key stands in first */
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		char *value = g_key_file_get_string(file, *group, key, NULL);
		if (value)
			return value;
	}
	return NULL;
}

static json_t *recipe_json(const char *folder, const char *name)
{
	g_autofree char *base = g_strconcat(name, SUFFIX, NULL);
	g_autofree char *path = g_build_filename(folder, base, NULL);
	g_autoptr(GKeyFile) file = g_key_file_new();
	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL))
		return NULL;
	g_autofree char *abstract = value_of(file, "abstract");
	if (g_strcmp0(abstract, "yes") == 0)
		return NULL; /* only a part of others */
	g_autofree char *title = value_of(file, "title");
	g_autofree char *description = value_of(file, "description");
	return json_pack("{s:s, s:s, s:o}", "name", name, "title",
			 title ? title : name, "description",
			 json_text(description));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Feeds every file below the folder, in a fixed order, with its name. */
static void hash_folder(GChecksum *sum, const char *folder, unsigned depth)
{
	g_autoptr(GDir) dir = depth ? g_dir_open(folder, 0, NULL) : NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *each;
	while (dir && (each = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strdup(each));
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path =
		    g_build_filename(folder, names->pdata[i], NULL);
		g_autofree char *text = NULL;
		gsize size;
		if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
			hash_folder(sum, path, depth - 1);
		} else if (g_file_get_contents(path, &text, &size, NULL)) {
			g_checksum_update(sum, names->pdata[i], -1);
			g_checksum_update(sum, (guchar *)text, (gssize)size);
		}
	}
}

char *recipe_hash(const char *recipe, GError **error)
{
	g_autofree char *folder = paths_data("images");
	g_autofree char *base = g_strconcat(recipe, SUFFIX, NULL);
	g_autofree char *path = g_build_filename(folder, base, NULL);
	json_t *known =
	    shape_is_name(recipe, 32) ? recipe_json(folder, recipe) : NULL;
	json_decref(known);
	if (!known && g_file_test(path, G_FILE_TEST_EXISTS)) {
		fault_set(error, FAULT_INVALID,
			  "'oriel image recipes' lists those that can be "
			  "built.",
			  "Recipe '%s' cannot be built: it is a part of others "
			  "or damaged.",
			  recipe);
		return NULL;
	}
	if (!known) {
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel image recipes' lists them.",
			  "There is no recipe '%s'.", recipe);
		return NULL;
	}
	/* Recipes include each other and files beside them. One hash over all
	 * of them asks the builder too often rather than too seldom, and the
	 * builder answers from its cache. */
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	hash_folder(sum, folder, 5);
	return g_strdup(g_checksum_get_string(sum));
}

json_t *recipes_list(void)
{
	json_t *list = json_array();
	g_autofree char *folder = paths_data("images");
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *file;
	while (dir && (file = g_dir_read_name(dir)))
		if (g_str_has_suffix(file, SUFFIX))
			g_ptr_array_add(
			    names,
			    g_strndup(file, strlen(file) - strlen(SUFFIX)));
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++) {
		json_t *recipe = shape_is_name(names->pdata[i], 32)
				     ? recipe_json(folder, names->pdata[i])
				     : NULL;
		if (recipe)
			json_array_append_new(list, recipe);
	}
	return list;
}
