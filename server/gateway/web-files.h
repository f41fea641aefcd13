/* web-files.h - the files that browsers get, in memory.
 *
 * The accepting process reads them once, before any client; a connection's
 * process inherits the pages and opens no file, so that no path that a
 * stranger sends ever meets a file system. They are ours, or were checked
 * when they were installed, and are small.
 *
 *	/web/...            data/web, and noVNC's folder beside it
 *	/web/novnc/rfb.js   leads to noVNC's version that is installed
 *
 * Threads: main. Ownership: files belong to the set. Fails: NULL and a fault
 * that names the file; a set without noVNC is none, see `novnc`. */
#pragma once

#include <glib.h>

#include "server/gateway/http-head.h"

struct web_file {
	const char *type;
	char etag[20];    /* with its quotes */
	gboolean forever; /* what its path leads to never changes */
	GBytes *plain;
	GBytes *gzip; /* NULL where it is no smaller */
};

struct web_files {
	GHashTable *by_path; /* "/web/app.js" -> struct web_file */
	const struct web_file *page;
	gboolean novnc;
};

struct web_files *web_files_load(GError **error);
void web_files_free(struct web_files *files);

/* NULL for none. What a person may type - "/" and a pool's name - is the
 * page, which finds out by itself what it shows. */
const struct web_file *web_files_find(const struct web_files *files,
				      struct span path);
/* The path is one that only web_files answers for. */
gboolean web_files_owns(struct span path);
