#include "server/host/life.h"

#include "common/fault.h"

static const char *const names[LIFE_STATES] = {
    [LIFE_OFF] = "off",         [LIFE_STARTING] = "starting",
    [LIFE_RUNNING] = "running", [LIFE_STOPPING] = "stopping",
    [LIFE_FAILED] = "failed",
};

const char *life_name(enum life state)
{
	return names[state];
}

#define NO (-1)
static const signed char table[LIFE_STATES][LIFE_STEPS] = {
    /* START READY STOP ENDED FAIL FORGET */
    [LIFE_OFF] = {LIFE_STARTING, NO, NO, NO, LIFE_FAILED, NO},
    [LIFE_STARTING] = {NO, LIFE_RUNNING, LIFE_STOPPING, LIFE_OFF, LIFE_FAILED,
		       NO},
    [LIFE_RUNNING] = {NO, NO, LIFE_STOPPING, LIFE_OFF, LIFE_FAILED, NO},
    [LIFE_STOPPING] = {NO, NO, LIFE_STOPPING, LIFE_OFF, LIFE_FAILED, NO},
    [LIFE_FAILED] = {LIFE_STARTING, NO, NO, NO, LIFE_FAILED, LIFE_OFF},
};

gboolean life_step(enum life *state, enum life_step step)
{
	int next = table[*state][step];
	if (next == NO)
		return FALSE;
	*state = (enum life)next;
	return TRUE;
}

enum life_answer life_request(enum life state, enum life_request request,
			      const char *name, GError **error)
{
	switch (request) {
	case LIFE_REQUEST_START:
		if (state == LIFE_OFF || state == LIFE_FAILED)
			return LIFE_DO;
		if (state == LIFE_STARTING || state == LIFE_RUNNING)
			return LIFE_DONE;
		fault_set(error, FAULT_CONFLICT,
			  "Try again when it is off, or switch it off.",
			  "Desktop '%s' is shutting down.", name);
		return LIFE_REFUSE;
	case LIFE_REQUEST_SHUTDOWN:
	case LIFE_REQUEST_OFF:
		if (state == LIFE_OFF)
			return LIFE_DONE;
		if (state == LIFE_STOPPING && request == LIFE_REQUEST_SHUTDOWN)
			return LIFE_DONE;
		return LIFE_DO;
	case LIFE_REQUEST_REMOVE:
		if (state == LIFE_OFF || state == LIFE_FAILED)
			return LIFE_DO;
		fault_set(error, FAULT_CONFLICT, "Switch it off first.",
			  "Desktop '%s' is %s.", name, names[state]);
		return LIFE_REFUSE;
	case LIFE_REQUEST_RESET:
	case LIFE_REQUEST_USE:
		if (state == LIFE_RUNNING)
			return LIFE_DO;
		fault_set(error, FAULT_CONFLICT,
			  state == LIFE_STARTING ? "Wait until it runs."
						 : "Start it first.",
			  "Desktop '%s' is %s.", name, names[state]);
		return LIFE_REFUSE;
	}
	g_return_val_if_reached(LIFE_REFUSE);
}
