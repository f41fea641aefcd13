/* apps-launcher.h - the window in which a machine's applications are chosen.
 *
 * Threads: main. Ownership: the window is its own; it is gone when the handler
 * `closed` is called, or after apps_launcher_free(). */
#pragma once

#include <gtk/gtk.h>

struct apps_launcher;

struct apps_launcher_handlers {
	void (*launch)(const char *app, void *data);
	/* All of them are to be among the user's own. NULL: cannot be. */
	void (*install)(void *data);
	void (*closed)(void *data);
};

/* title: whose applications they are. */
struct apps_launcher *apps_launcher_new(
    const char *title, const struct apps_launcher_handlers *handlers,
    void *data);
void apps_launcher_free(struct apps_launcher *launcher);
/* struct seamless_app; nothing of it is kept. */
void apps_launcher_show(struct apps_launcher *launcher, const GPtrArray *apps);
/* What has been done, or why it was not. */
void apps_launcher_say(struct apps_launcher *launcher, const char *text);
