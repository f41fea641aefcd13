/* paths.h - where Oriel's programs, data and run-time files are.
 *
 * The same binaries run from a build tree, from a prefix and as services:
 * programs are looked for beside the running one first, then where they were
 * installed. Returned strings are new. Threads: any, after the first call. */
#pragma once

#include <gio/gio.h>

/* Absolute path of another program of ours, e.g. "oriel-display". */
char *paths_program(const char *name);

/* A file of data/, e.g. "images/debian-lite": $ORIEL_DATADIR, the build
 * tree's data/, or the installed one. */
char *paths_data(const char *relative);

/* $XDG_CACHE_HOME/oriel (or $ORIEL_CACHE): what can be made again. */
char *paths_cache(void);

/* One installation's folders. Under --root DIR: DIR/etc, DIR/lib, DIR/run;
 * without: /etc/oriel, /var/lib/oriel, /run/oriel. */
struct paths_root {
	char *etc;
	char *lib;
	char *run;
	gboolean rootless; /* --root was given */
};
/* root may be NULL. Makes lib and run (0700 with --root) where absent. */
gboolean paths_root_open(struct paths_root *self, const char *root,
			 GError **error);
void paths_root_clear(struct paths_root *self);

/* Unix sockets whose path may be longer than sun_path's 107 bytes: the
 * folder is opened and the socket reached through /proc/self/fd.
 * listen: removes a stale socket that nobody serves, refuses a live one
 * (FAULT_CONFLICT); the file gets the mode. Both return a non-blocking,
 * close-on-exec descriptor or -1. */
int paths_unix_connect(const char *path, GError **error);
int paths_unix_listen(const char *path, unsigned mode, GError **error);

/* What one role serves for another, where roles have users of their own: a
 * socket becomes readable and writable, a folder passable, for the group
 * "oriel-ROLE". The caller owns it and is a member. With --root, or where
 * there is no such group, nothing happens and nothing is wrong. */
gboolean paths_share(const struct paths_root *root, const char *path,
		     const char *role, GError **error);
