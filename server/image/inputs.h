/* inputs.h - everything an image is made from, and the key that names it.
 *
 * The key is the SHA-256 over the builder's version, the suite, and the
 * contents of the recipes, overlay files, programs and hooks: the same inputs
 * on another machine or in another clone give the same key. The state of the
 * package mirror is not part of it; the manifest tells its date.
 * Threads: any. */
#pragma once

#include <glib.h>

#include "server/image/recipe.h"

/* Grows when the builder makes something else from the same inputs. */
#define BUILDER_VERSION 1u

struct inputs {
	char *key;        /* 64 hex digits */
	GPtrArray *files; /* char *: absolute paths, sorted by use */
};

/* FAULT_NOT_FOUND when a program or file is missing or cannot be read. */
gboolean inputs_collect(struct inputs *self, const struct recipe *recipe,
			GError **error);
void inputs_clear(struct inputs *self);

/* Regular files and symbolic links below folder, relative, sorted; hidden
 * editor leftovers (*~, .*.swp) are left out. */
GPtrArray *inputs_tree(const char *folder, GError **error);

/* SHA-256 of a file as hex digits. */
char *inputs_sum_file(const char *path, GError **error);
