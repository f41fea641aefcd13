/* tree.h - the package tree and the file system made of it, by mmdebstrap.
 *
 * Everything happens inside mmdebstrap's namespace, where the new system's
 * owners are right; nothing there may look into our folders. So all that both
 * sides use is a file of `folder`, which is 0700, passed as a descriptor:
 * what goes in (the recipe's files and commands, package sources, apt's
 * settings with their secrets) and what comes out. On return `folder` holds
 * disk.raw, vmlinuz, initrd.img and facts (see hooks/customize.sh).
 * Threads: one (runs children). */
#pragma once

#include <glib.h>

#include "server/image/recipe.h"
#include "server/image/sources.h"

struct tree_job {
	const struct recipe *recipe;
	const struct sources *sources;
	const char *uuid;   /* of the file system */
	const char *folder; /* 0700, ours */
	const char *tree;   /* where mmdebstrap may unpack; passable by all */
	int log_fd;
	void (*line)(const char *line, void *data);
	void *data;
	GString *output; /* the end of what was printed */
};

gboolean tree_make(const struct tree_job *job, GError **error);
