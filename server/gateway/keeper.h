/* keeper.h - one tunnel's standing with the broker.
 *
 * The worker holds a link while its tunnel lives: the link's end tells the
 * broker that the tunnel is gone, event `revoked` tells the worker to end
 * it. When the broker goes away the tunnel stays; the keeper connects again
 * (0.2 s, doubling to 5 s) and repeats `resume`. Only a refusal that says the
 * session is no longer good ends the tunnel.
 *
 * Threads: the worker's only one; serves as a relay's aside. */
#pragma once

#include "server/gateway/link.h"
#include "server/gateway/relay.h"

struct keeper;

/* Takes link, on which the session was opened. Strings are copied. */
struct keeper *keeper_new(struct link *link, const char *path,
			  const char *session, const char *protocol,
			  const char *peer);
void keeper_free(struct keeper *keeper);
/* For relay_job; valid while the keeper is. */
const struct relay_aside *keeper_aside(struct keeper *keeper);
