/* states.h - what a desktop, an image and a task may become, and why.
 *
 * This is the only place that says so. A change is asked for by its cause;
 * the tables tell from which states it is possible and where it leads. */
#pragma once

#include <glib.h>

enum desktop_state {
	DESKTOP_OFF,
	DESKTOP_STARTING,
	DESKTOP_RUNNING,
	DESKTOP_STOPPING,
	DESKTOP_FAILED,
	DESKTOP_STATES,
};

enum desktop_cause {
	DESKTOP_MADE,
	DESKTOP_ASKED_START,
	DESKTOP_ASKED_SHUTDOWN,
	DESKTOP_ASKED_OFF,
	DESKTOP_START_REFUSED, /* by the host, with a fault */
	DESKTOP_STOP_REFUSED,
	/* what the host says is so */
	DESKTOP_SEEN_OFF,
	DESKTOP_SEEN_STARTING,
	DESKTOP_SEEN_RUNNING,
	DESKTOP_SEEN_STOPPING,
	DESKTOP_SEEN_FAILED,
	DESKTOP_CAUSES,
};

const char *desktop_state_name(enum desktop_state state);
/* FALSE for a name that is none. */
gboolean desktop_state_parse(const char *name, enum desktop_state *state);
const char *desktop_cause_name(enum desktop_cause cause);
enum desktop_cause desktop_cause_parse(const char *name);
/* For people: "its user asked for it". */
const char *desktop_cause_text(enum desktop_cause cause);
/* Where it leads; FALSE where it is not possible. */
gboolean desktop_state_after(enum desktop_state from, enum desktop_cause cause,
			     enum desktop_state *to);

enum task_state {
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_DONE,
	TASK_FAILED,
	TASK_CANCELLED,
	TASK_STATES,
};
const char *task_state_name(enum task_state state);
gboolean task_state_parse(const char *name, enum task_state *state);
/* An ended task stays as it is. */
gboolean task_state_may(enum task_state from, enum task_state to);

/* An image version is made by its task and is then ready until removed:
 * building -> ready -> removing; a build that fails leaves no version. */
#define IMAGE_BUILDING "building"
#define IMAGE_READY    "ready"
#define IMAGE_REMOVING "removing"
