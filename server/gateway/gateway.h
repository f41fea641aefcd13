/* gateway.h - the role on the network: TLS, tunnels, stock VNC viewers.
 *
 * The contract is docs/tunnel.md. One process accepts; one forked process
 * per connection does the handshake, asks the broker over RUN/gateway.sock
 * and relays bytes. The accepting process reads no foreign byte.
 *
 * Threads: gateway_main runs on the main thread of a process of its own and
 * starts no other. Fails: see role.h; every failure has been logged. */
#pragma once

#include "server/main/role.h"

int gateway_main(const struct paths_root *root,
		 const struct role_options *options);
