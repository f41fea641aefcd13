/* relay.h - bytes between a client and a local socket, both ways.
 *
 * One thread, one poll() loop, one buffer each way: reading stops while the
 * other side does not take what is there, so memory is bounded whatever
 * either of them does. Toward the client up to RELAY_DOWN bytes are encrypted
 * into one buffer and leave with one call.
 *
 * The end: the local side's end ends the relay when everything has reached
 * the client's kernel; the client's end is passed on and the local side may
 * still finish. A client that takes nothing for RELAY_STALL_MS while bytes
 * wait is given up.
 *
 * Threads: the worker's only one. Fails: FALSE and a fault for the log;
 * TRUE is an ordinary end. */
#pragma once

#include "server/gateway/conn.h"

#define RELAY_DOWN     (256 * 1024) /* local -> client: pictures */
#define RELAY_UP       (64 * 1024)  /* client -> local: input */
#define RELAY_STALL_MS 30000
#define RELAY_HALF_MS  30000 /* client has ended, local side says nothing */

/* Something else that has to be watched meanwhile; all optional. */
struct relay_aside {
	/* -1 for none */
	int (*fd)(void *data);
	/* ms until serve() wants to be called anyway, -1 for never */
	int (*patience_ms)(void *data);
	/* fd is readable or time is up; FALSE with error ends the relay */
	gboolean (*serve)(void *data, GError **error);
	void *data;
};

struct relay_job {
	struct conn *conn; /* secured */
	int local;         /* non-blocking stream socket; stays the caller's */
	const void *first; /* bytes the client sent already, for local; at */
	gsize first_size;  /* most RELAY_UP */
	unsigned idle_ms;  /* end when nothing moves for so long; 0 never */
	const struct relay_aside *aside; /* or NULL */
};

gboolean relay_run(const struct relay_job *job, GError **error);
