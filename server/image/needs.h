/* needs.h - what a build needs of the machine, asked before and explained
 * after: tools, user namespaces, room; and what a failed tool meant.
 * Threads: one. */
#pragma once

#include <glib.h>

/* mmdebstrap's mode: "root" for root, "unshare" for anybody else. */
const char *needs_mode(void);

/* FAULT_UNAVAILABLE that names all that is missing. */
gboolean needs_tools(GError **error);

/* A folder of our own below $TMPDIR or /var/tmp. Others may pass through it
 * (the namespace's root is "others") but not look. New string. */
char *needs_temp_folder(GError **error);
/* Removes it, also what belongs to subordinate ids. */
void needs_remove_temp(const char *path);

/* Marks a folder of ours as in use until this process and its children end;
 * sweep removes those below parent that nobody holds: what a builder that was
 * killed outright has left. */
void needs_hold(const char *path);
void needs_sweep(const char *parent, const char *prefix);

/* FAULT_STORAGE when either file system has too little room. */
gboolean needs_room(const char *temp, const char *output, GError **error);

/* Replaces *error, which a tool's failure set, by what its output means;
 * leaves it where the output means nothing known. Always FALSE. */
gboolean needs_explain(const char *output, const char *suite, GError **error);
