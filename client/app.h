/* app.h - the client as a whole: which page or window is shown when.
 *
 *	sign-in -> list of desktops -> windows of desktops
 *
 * A pool in the address, or a list of one, leads straight to its desktop;
 * closing that leads back to the list. In kiosk mode nothing is remembered of
 * who was here, and leaving a desktop that was opened at once leads back to
 * signing in. Threads: main. */
#pragma once

#include <gtk/gtk.h>

#include "client/url.h"

struct app_options {
	struct server_url server; /* host NULL: none given */
	const char *user;
	char *password; /* taken and wiped; NULL: ask */
	const char *fingerprint;
	const char *protocol; /* NULL: the best on offer */
	gboolean fullscreen;
	/* A terminal's only program: fills the screen, cannot be left. */
	gboolean kiosk;
	const GError *misconfigured; /* shown on the page of signing in */
};

/* Runs until the last window is closed; the exit status. */
int app_run(struct app_options *options);
