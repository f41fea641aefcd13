/* files.h - small things done to folders. Threads: any. */
#pragma once

#include <glib.h>

/* Folder with its parents, mode 0700 for what is new. */
gboolean files_make_folder(const char *path, GError **error);
/* The whole tree, never through a symbolic link; absent is success. */
gboolean files_remove_tree(const char *path, GError **error);
/* Whether there is a regular file or folder of that name. */
gboolean files_exist(const char *folder, const char *name);
/* Names in a folder, sorted; empty when it is absent. */
GPtrArray *files_list(const char *folder);
