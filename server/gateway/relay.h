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

/* What the client's bytes are wrapped in, if not in TLS alone. Reading stays
 * in place: what is wrapped is never shorter than what is in it. */
#define RELAY_CODEC_HEAD  4     /* bytes ahead of a piece for the client */
#define RELAY_CODEC_PIECE 65535 /* the longest of those pieces */
#define RELAY_CODEC_SAY   254   /* bytes of its own that it adds at once */
struct relay_codec {
	/* Unwraps in place; how many bytes are left for the local side. Sets
	 * *ended when the client will say nothing more that counts. */
	gsize (*take)(void *data, guint8 *bytes, gsize size, gboolean *ended);
	/* Writes what goes ahead of size bytes; its own size. */
	gsize (*put_head)(void *data, guint8 *head, gsize size);
	/* Writes what it has to say between pieces, 0 for nothing; last: and
	 * with that a farewell, after which nothing follows. */
	gsize (*say)(void *data, guint8 *bytes, gboolean last);
	/* The relay ends for a reason that is not the client's doing. */
	void (*why)(void *data, const GError *fault);
	void *data;
};

/* Where TLS records toward the client have to end, for clients that do not
 * look for a second message in one. Without: wherever they do. */
struct relay_pieces {
	/* How many of these bytes may share a record, at least 1. */
	gsize (*next)(const void *data, const guint8 *bytes, gsize size);
	/* They have gone out. */
	void (*done)(void *data, const guint8 *bytes, gsize size);
	void *data;
};

struct relay_job {
	struct conn *conn; /* secured */
	int local;         /* non-blocking stream socket; stays the caller's */
	const void *first; /* bytes the client sent already, for local; at */
	gsize first_size;  /* most RELAY_UP */
	unsigned idle_ms;  /* end when nothing moves for so long; 0 never */
	const struct relay_aside *aside;   /* or NULL */
	const struct relay_codec *codec;   /* or NULL; unwraps `first`, too */
	const struct relay_pieces *pieces; /* or NULL; not with a codec */
};

gboolean relay_run(const struct relay_job *job, GError **error);
