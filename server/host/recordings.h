/* recordings.h - what desktops were recorded: LIB/recordings/ID.webm, and
 * beside it ID.json, which says of what, for whom and why.
 *
 * They are apart from the desktops' folders, since a floating desktop is
 * thrown away and its recording is not. Both files are mode 0600.
 * Threads: main context. Errors: faults. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#include "common/paths.h"

/* Stays free for desktops on the disk that holds recordings. */
#define RECORDINGS_SPARE_MIB 1024u

struct recording_about {
	const char *machine, *desktop, *user; /* id, name, whose (or NULL) */
	const char *by;                       /* "policy" or who began it */
};

/* A new one: its empty file's descriptor, and *id (new string). -1: a fault.
 */
int recordings_begin(const struct paths_root *root,
		     const struct recording_about *about, char **id,
		     GError **error);
/* It has ended: how long and why, in words of docs/display-control.md. */
void recordings_end(const struct paths_root *root, const char *id,
		    gint64 length_ms, const char *why);
/* Whatever of that machine is noted as under way, but for `except` (or NULL),
 * has ended without anybody noticing. */
void recordings_end_lost(const struct paths_root *root, const char *machine,
			 const char *except);

/* Who began it; new string, "policy" where that is unknown. */
char *recordings_by(const struct paths_root *root, const char *id);

/* {"recordings": [...]}, oldest first. */
json_t *recordings_list(const struct paths_root *root);
/* {"data": base64, "size"}; data is empty at the end. */
json_t *recordings_read(const struct paths_root *root, const char *id,
			gint64 offset, GError **error);
/* FAULT_CONFLICT while it is under way. */
gboolean recordings_remove(const struct paths_root *root, const char *id,
			   GError **error);
