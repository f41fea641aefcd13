/* local.h - the display's side of one connection, before bytes are relayed,
 * and the relaying.
 *
 * Threads: the worker's only one. Units: deadlines in microseconds of
 * g_get_monotonic_time(). */
#pragma once

#include "server/gateway/attach.h"
#include "server/gateway/relay.h"
#include "server/gateway/worker.h"

/* All of it; FALSE when the socket ends or fails, or time is up. */
gboolean local_read(int fd, void *bytes, gsize size, gint64 deadline_us);
/* At once: for what a fresh socket's buffer holds. */
gboolean local_write(int fd, const void *bytes, gsize size);

/* What the log calls it: "WHAT of user NAME OPENED.", "WHAT CLOSED: cause". */
struct local_words {
	const char *what, *opened, *closed;
};

/* Relays between job's client and the attached display, standing with the
 * broker meanwhile, until either leaves; then bids the client farewell. job's
 * local and aside are set here. Takes attach's link. */
void local_relay(const struct worker_world *world, struct attach *attach,
		 const char *protocol, const struct local_words *words,
		 struct relay_job job);
