/* launch.h - from "this desktop, please" to a ticket for its display.
 *
 * Has the desktop made and started where need be, follows its progress, and
 * asks for a ticket once it runs. Losing the server meanwhile is borne for
 * LAUNCH_PATIENCE_S. Threads: main. Ownership: launch_cancel() ends it
 * without a further call; done ends it by itself. */
#pragma once

#include "client/api.h"
#include "client/desktop.h"
#include "client/session.h"

#define LAUNCH_PATIENCE_S 60

struct launch;

struct launch_handlers {
	/* It is being started: stage and fraction of the desktop. */
	void (*progress)(const struct desktop *desktop, void *data);
	/* What holds for the ticket that comes next; may be NULL. */
	void (*policy)(const struct session_policy *policy, void *data);
	/* Running. The ticket is good once and for a minute. */
	void (*ready)(const struct desktop *desktop, const char *ticket,
		      const char *protocol, void *data);
	/* desktop may be NULL; status is HTTP's, 0 where the desktop failed. */
	void (*failed)(const struct desktop *desktop, const GError *error,
		       unsigned status, void *data);
};

/* By pool (the caller's own desktop there) or, pool NULL, by id. protocol:
 * the one wanted; NULL takes the first of session_protocols[] on offer. */
struct launch *launch_start(struct api *api, const char *pool, const char *id,
			    const char *protocol,
			    const struct launch_handlers *handlers, void *data);
void launch_cancel(struct launch *launch);
