/* manifest.h - what is in an image folder, as manifest.json.
 *
 * Members: manifest (format version), recipe, title, description, key,
 * builder, suite, architecture, built (UTC), seconds, release (dates of the
 * package lists), kernel, disk_gib, files {NAME: {bytes, sha256}}, packages
 * {NAME: VERSION}.
 * Threads: any. Ownership: new references. */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "server/image/recipe.h"

/* facts: what hooks/customize.sh wrote. Sums the files of folder. */
json_t *manifest_make(const struct recipe *recipe, const char *key,
		      const char *facts, const char *folder, double seconds,
		      GError **error);
gboolean manifest_write(json_t *manifest, const char *folder, GError **error);

/* Reads a folder's manifest and compares key (NULL: any) and file sizes;
 * FAULT_STORAGE when they do not fit. */
json_t *manifest_check(const char *folder, const char *key, GError **error);
