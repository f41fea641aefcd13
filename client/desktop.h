/* desktop.h - what the server says about one desktop, checked and typed.
 *
 * Made from the API's object; nothing in it is trusted: strings are bounded
 * and valid, numbers in range. Threads: main. Ownership: desktop_free(). */
#pragma once

#include <jansson.h>

#include <glib.h>

enum desktop_state {
	DESKTOP_NONE, /* none made yet in this pool */
	DESKTOP_OFF,
	DESKTOP_STARTING,
	DESKTOP_RUNNING,
	DESKTOP_STOPPING,
	DESKTOP_FAILED,
};

struct desktop {
	char *id; /* NULL while there is none */
	char *name, *pool, *user;
	enum desktop_state state;
	char *stage;          /* what it is doing, for people; or NULL */
	double fraction;      /* 0..1 */
	char *cause, *remedy; /* of a failure; or NULL */
	/* while an image is being installed at its console: the image, the
	 * task, what it does, how far it is with the disk (< 0: not there
	 * yet); else NULL */
	char *install, *install_task, *install_stage;
	double install_fraction;
	gint64 since; /* Unix seconds; 0: unknown */
	int viewers;
	gint64 serial;
};

struct desktop *desktop_from_json(json_t *object);
void desktop_free(struct desktop *desktop);

/* "Running", "Starting…": for people. */
const char *desktop_state_text(enum desktop_state state);
const char *desktop_state_icon(enum desktop_state state);
const char *desktop_state_name(enum desktop_state state);
