/* iso.h - writes a small CD image: ISO 9660 (ECMA-119) for who reads no more,
 * with the names as they are in Joliet beside it, which Windows reads.
 *
 * Meant for answer files and installers: everything is in memory, folders
 * hold a few dozen files, there is no way to change one that is written.
 * Threads: any. Units: bytes; sectors of 2048. */
#pragma once

#include <glib.h>

struct iso;

/* label: up to 11 of A-Z, 0-9 and _. */
struct iso *iso_create(const char *label);
void iso_free(struct iso *iso);
typedef struct iso iso_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(iso_auto, iso_free)

/* path: "name" or "folder/name", ASCII letters, digits, '.', '-', '_', at most
 * 64 each; folders are made. FAULT_INVALID for others, for a path that is
 * there already, and when a folder is full. */
gboolean iso_add(struct iso *iso, const char *path, GBytes *contents,
		 GError **error);
/* The whole image. */
GBytes *iso_finish(struct iso *iso);
