/* store-tool.h - what is done to the store as a whole, from the command line.
 *
 * backup works beside a broker; restore and migrate take the broker's lock
 * and so refuse while one runs. Threads: the main one. */
#pragma once

#include "common/paths.h"

/* The store's place: `where` of the configuration, or LIB/store.db where that
 * is NULL. New string. */
char *store_place(const struct paths_root *root, const char *where);
/* Held while a broker runs; a descriptor, or -1. */
int store_lock(const struct paths_root *root, GError **error);

/* `orield store ...`: an exit status. where is [broker] store, or NULL. */
int store_tool(const struct paths_root *root, const char *where, char **words,
	       gboolean replace, GError **error);
