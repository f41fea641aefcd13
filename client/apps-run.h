/* apps-run.h - `oriel-client run`: one application's windows, no desktop.
 *
 * One process per machine shows all its windows (a second call hands its
 * application over and ends): sign-in, start of the machine, stream, launch.
 * It ends some seconds after the last window has closed.
 * Threads: main. */
#pragma once

#include <glib.h>

#include "client/url.h"

struct apps_options {
	struct server_url server;
	const char *instance; /* its D-Bus name: one process per machine */
	const char *stream;   /* unix:PATH of a display process: no server */
	const char *user;
	char *password; /* taken and wiped; NULL: ask */
	char *session;  /* of a process that is signed in; as the password */
	const char *fingerprint;
	const char *border;
	gboolean install, uninstall, list; /* `apps`, not `run` */
	gboolean json;
	gboolean choose; /* show which applications there are */
	const char *app;
	char *startup_id; /* of the click, or NULL */
	char **files;
};

/* The exit status. */
int apps_run(struct apps_options *options);
