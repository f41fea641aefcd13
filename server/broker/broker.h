/* broker.h - the role that knows people, desktops and images.
 *
 * The only writer of the store. Serves RUN/admin.sock and RUN/api.sock (HTTP,
 * docs/api.md), RUN/gateway.sock (docs/tunnel.md) and RUN/hosts.sock
 * (docs/host-link.md). It starts nothing but the password helper: machines
 * are the hosts' matter, and live on when this process ends.
 *
 * Threads: broker_main runs its loop on the calling thread, which has to be
 * the process's main one (signals). Fails: see role.h; all is logged. */
#pragma once

#include "server/main/role.h"

int broker_main(const struct paths_root *root,
		const struct role_options *options);
