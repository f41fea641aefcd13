#include "server/host/files.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "common/fault.h"

gboolean files_make_folder(const char *path, GError **error)
{
	if (g_mkdir_with_parents(path, 0700) == 0)
		return TRUE;
	int err = errno;
	fault_set(error, FAULT_STORAGE,
		  "Make room on that disk, or make the folder above writable.",
		  "Folder '%s' cannot be made: %s.", path, g_strerror(err));
	return FALSE;
}

static int remove_one(const char *path, const struct stat *st, int kind,
		      struct FTW *at)
{
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

gboolean files_remove_tree(const char *path, GError **error)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 ||
	    errno == ENOENT)
		return TRUE;
	int err = errno;
	fault_set(error, FAULT_STORAGE, "Remove it by hand.",
		  "'%s' cannot be removed: %s.", path, g_strerror(err));
	return FALSE;
}

gboolean files_exist(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *files_list(const char *folder)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;
	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, by_name);
	return names;
}
