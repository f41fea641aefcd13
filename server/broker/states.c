#include "server/broker/states.h"

#include <string.h>

static const char *const state_names[DESKTOP_STATES] = {
    [DESKTOP_OFF] = "off",         [DESKTOP_STARTING] = "starting",
    [DESKTOP_RUNNING] = "running", [DESKTOP_STOPPING] = "stopping",
    [DESKTOP_FAILED] = "failed",
};

#define IN(state) (1u << DESKTOP_##state)
#define ANY       ((1u << DESKTOP_STATES) - 1)

static const struct {
	const char *name;
	const char *text;
	unsigned from;
	enum desktop_state to;
} causes[DESKTOP_CAUSES] = {
    [DESKTOP_MADE] = {"made", "it was made for its user", IN(OFF), DESKTOP_OFF},
    [DESKTOP_ASKED_START] = {"asked-start", "somebody wants to use it",
			     IN(OFF) | IN(FAILED), DESKTOP_STARTING},
    [DESKTOP_ASKED_SHUTDOWN] = {"asked-shutdown",
				"somebody asked it to shut down",
				IN(STARTING) | IN(RUNNING), DESKTOP_STOPPING},
    [DESKTOP_ASKED_OFF] = {"asked-off", "somebody switched it off",
			   IN(STARTING) | IN(RUNNING) | IN(STOPPING) |
			       IN(FAILED),
			   DESKTOP_STOPPING},
    [DESKTOP_START_REFUSED] = {"start-refused", "its host cannot start it",
			       IN(STARTING), DESKTOP_FAILED},
    /* what it was doing it does still */
    [DESKTOP_STOP_REFUSED] = {"stop-refused", "its host cannot stop it",
			      IN(STOPPING), DESKTOP_RUNNING},
    [DESKTOP_SEEN_OFF] = {"seen-off", "its host says that it is off", ANY,
			  DESKTOP_OFF},
    [DESKTOP_SEEN_STARTING] = {"seen-starting", "its host is starting it", ANY,
			       DESKTOP_STARTING},
    [DESKTOP_SEEN_RUNNING] = {"seen-running", "its host says that it runs", ANY,
			      DESKTOP_RUNNING},
    [DESKTOP_SEEN_STOPPING] = {"seen-stopping", "its host is stopping it", ANY,
			       DESKTOP_STOPPING},
    [DESKTOP_SEEN_FAILED] = {"seen-failed", "its host says that it failed", ANY,
			     DESKTOP_FAILED},
};

const char *desktop_state_name(enum desktop_state state)
{
	return state_names[state];
}

gboolean desktop_state_parse(const char *name, enum desktop_state *state)
{
	for (int i = 0; name && i < DESKTOP_STATES; i++) {
		if (strcmp(state_names[i], name) == 0) {
			*state = (enum desktop_state)i;
			return TRUE;
		}
	}
	return FALSE;
}

const char *desktop_cause_name(enum desktop_cause cause)
{
	return causes[cause].name;
}

enum desktop_cause desktop_cause_parse(const char *name)
{
	for (int i = 0; name && i < DESKTOP_CAUSES; i++)
		if (strcmp(causes[i].name, name) == 0)
			return (enum desktop_cause)i;
	return DESKTOP_MADE;
}

const char *desktop_cause_text(enum desktop_cause cause)
{
	return causes[cause].text;
}

gboolean desktop_state_after(enum desktop_state from, enum desktop_cause cause,
			     enum desktop_state *to)
{
	if (!(causes[cause].from & (1u << from)))
		return FALSE;
	*to = causes[cause].to;
	return TRUE;
}

static const char *const task_names[TASK_STATES] = {
    [TASK_QUEUED] = "queued",       [TASK_RUNNING] = "running",
    [TASK_DONE] = "done",           [TASK_FAILED] = "failed",
    [TASK_CANCELLED] = "cancelled",
};

const char *task_state_name(enum task_state state)
{
	return task_names[state];
}

gboolean task_state_parse(const char *name, enum task_state *state)
{
	for (int i = 0; name && i < TASK_STATES; i++) {
		if (strcmp(task_names[i], name) == 0) {
			*state = (enum task_state)i;
			return TRUE;
		}
	}
	return FALSE;
}

gboolean task_state_may(enum task_state from, enum task_state to)
{
	return from < TASK_DONE && to >= from && to != TASK_QUEUED;
}
