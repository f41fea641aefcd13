/* desktop-window.h - the window that is somebody's desktop.
 *
 * Shows starting, connecting, the desktop itself, cuts and ends, each with
 * words; full screen with a toolbar at the upper edge; sending of special
 * keys; screenshots. Threads: main. Ownership: it frees itself when closed,
 * after telling so. */
#pragma once

#include <gtk/gtk.h>

#include "client/api.h"
#include "client/servers.h"

struct desktop_window;

enum desktop_window_end {
	DESKTOP_WINDOW_CLOSED,  /* by the person */
	DESKTOP_WINDOW_SIGN_IN, /* the person wants to sign in again */
};

struct desktop_window_options {
	const char *protocol; /* "spice", "rfb"; NULL: the best on offer */
	gboolean fullscreen;
	/* Nothing beside it: always full, on all monitors; what leads out is
	 * not offered; it closes by itself when the desktop was shut down. */
	gboolean kiosk;
};

typedef void (*desktop_window_closed)(struct desktop_window *window,
				      enum desktop_window_end end, void *data);

/* pool or id as for launch_start(); both are kept as desktop_window_pool()
 * and desktop_window_id(). */
struct desktop_window *desktop_window_new(
    GtkApplication *application, struct api *api, struct servers *servers,
    const char *pool, const char *id, const char *name,
    const struct desktop_window_options *options, desktop_window_closed closed,
    void *data);
void desktop_window_present(struct desktop_window *window);
void desktop_window_close(struct desktop_window *window);
const char *desktop_window_pool(const struct desktop_window *window);
const char *desktop_window_id(const struct desktop_window *window);
