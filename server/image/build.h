/* build.h - one image, from recipe to finished folder.
 *
 * Everything is made in a folder beside the output and renamed when complete;
 * the package tree is in a folder below $TMPDIR (or /var/tmp). Failure and
 * cancellation remove both. Nothing needs a loop device; an ordinary user
 * needs user namespaces and subordinate ids, root needs neither.
 * Threads: one, which runs children (child_setup() first). */
#pragma once

#include <jansson.h>

#include "server/image/progress.h"

struct build_request {
	const char *recipe; /* file */
	const char *output; /* folder, absent or empty */
	const char *cache;  /* folder, or NULL: no cache */
};

/* Returns the manifest, or NULL and a fault. Warnings go to `warn` (text
 * with its remedy, one line). */
json_t *build_image(const struct build_request *request,
		    struct progress *progress, void (*warn)(const char *text),
		    GError **error);
