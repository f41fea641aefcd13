/* life.h - the states of a machine and which step leads where.
 *
 * Pure: no I/O, no clock. machine.c holds one `enum life` and changes it only
 * through life_step(); what a request means in a state is life_request().
 * Threads: any. */
#pragma once

#include <glib.h>

enum life {
	LIFE_OFF,
	LIFE_STARTING,
	LIFE_RUNNING,
	LIFE_STOPPING,
	LIFE_FAILED,
};
#define LIFE_STATES 5

enum life_step {
	LIFE_STEP_START,  /* a start begins */
	LIFE_STEP_READY,  /* picture and identity are there */
	LIFE_STEP_STOP,   /* a shutdown or switching off begins */
	LIFE_STEP_ENDED,  /* the process ended in order, or was adopted away */
	LIFE_STEP_FAIL,   /* anything that needs a cause */
	LIFE_STEP_FORGET, /* a failure is acknowledged */
};
#define LIFE_STEPS 6

/* FALSE, and *state as it was, when the step is impossible there: our own
 * mistake or an answer that came too late; either way to be ignored. */
gboolean life_step(enum life *state, enum life_step step);

enum life_request {
	LIFE_REQUEST_START,
	LIFE_REQUEST_SHUTDOWN,
	LIFE_REQUEST_OFF,
	LIFE_REQUEST_RESET,
	LIFE_REQUEST_REMOVE,
	LIFE_REQUEST_USE, /* picture, exec, disconnect */
};

enum life_answer {
	LIFE_DO,     /* carry it out */
	LIFE_DONE,   /* it is so already */
	LIFE_REFUSE, /* conflict; error is set */
};

enum life_answer life_request(enum life state, enum life_request request,
			      const char *name, GError **error);

const char *life_name(enum life state);
