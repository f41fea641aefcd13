/* tunnels.h - the broker's side of RUN/gateway.sock (docs/tunnel.md).
 *
 * One channel for each tunnel; its end is the tunnel's end, while the attach
 * session stays for a reconnect. Everything a worker asks is answered once;
 * what needs time (a password, a desktop that starts) is bounded in time. */
#pragma once

#include "server/broker/internal.h"

/* Serves RUN/gateway.sock. */
struct tunnels *tunnels_create(struct broker *broker, GError **error);
void tunnels_destroy(struct tunnels *tunnels);

/* Ends the tunnels of the attach session with this hash. */
void tunnels_revoke(struct tunnels *tunnels, const char *hash,
		    const char *cause);
/* Whether the attach session with this hash has one at the moment. */
gboolean tunnels_connected(struct tunnels *tunnels, const char *hash);
/* Whether that user has one with that desktop, beside those of the shadow
 * `but` (or NULL); whether a shadow's has. */
gboolean tunnels_user_connected(struct tunnels *tunnels, const char *desktop,
				const char *user, const char *but);
gboolean tunnels_mark_connected(struct tunnels *tunnels, const char *mark);
/* Tunnels held at the moment. */
unsigned tunnels_count(struct tunnels *tunnels);
