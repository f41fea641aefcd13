/* apps-start.h - an application from the click until its first window.
 *
 * The user's desktop is told by the Startup Notification protocol (a busy
 * pointer, an entry in the taskbar): by the id that the click came with, or by
 * one of ours. What takes more than some seconds gets a window that says what
 * is waited for and lets the user have it cancelled; what ends without a
 * window is told. One object for all that are being started; each has a number.
 * Threads: main. */
#pragma once

#include <gtk/gtk.h>

struct apps_starts;

struct apps_starts_handlers {
	/* By the user; it is no longer there. token 0: not launched yet. */
	void (*cancelled)(unsigned number, unsigned token, void *data);
	/* Something else tells the user already why nothing is there. */
	gboolean (*excused)(void *data);
	/* It ended by itself, or shows nothing. alone: no window is there. */
	gboolean (*alone)(void *data);
	void (*trouble)(const char *title, const char *text, void *data);
	/* One is no longer there, for whatever reason. */
	void (*ended)(void *data);
};

struct apps_starts *apps_starts_new(const char *class_prefix,
				    const struct apps_starts_handlers *handlers,
				    void *data);
void apps_starts_free(struct apps_starts *starts);

/* startup_id: of the click, or NULL. */
unsigned apps_starts_begin(struct apps_starts *starts, const char *app,
			   const char *startup_id);
/* For the property of its first window. NULL: it is not there. */
const char *apps_starts_startup_id(struct apps_starts *starts, unsigned number);
/* How the user knows it. */
void apps_starts_name(struct apps_starts *starts, unsigned number,
		      const char *name);
/* Of the machine; NULL: it is there. */
void apps_starts_stage(struct apps_starts *starts, const char *stage);
void apps_starts_launched(struct apps_starts *starts, unsigned number,
			  unsigned token);
/* It will not be. */
void apps_starts_drop(struct apps_starts *starts, unsigned number);

/* What the guest says of launches. */
void apps_starts_refused(struct apps_starts *starts, unsigned token);
void apps_starts_shown(struct apps_starts *starts, unsigned token);
void apps_starts_over(struct apps_starts *starts, unsigned token,
		      gboolean failed, const char *text);
/* A window is there, or came to the front, of nobody knows which launch: the
 * eldest's, unless the guest says soon whose it is. */
void apps_starts_window(struct apps_starts *starts);

gboolean apps_starts_any(const struct apps_starts *starts);
