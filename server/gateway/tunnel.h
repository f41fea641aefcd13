/* tunnel.h - a client's way to a desktop's display (docs/tunnel.md).
 *
 * Threads: the worker's only one. Fails: FALSE and a fault for the log; the
 * client has been told. */
#pragma once

#include "server/gateway/http-head.h"
#include "server/gateway/worker.h"

/* The path is one of a tunnel, existing or not. */
gboolean tunnel_wants(const struct head *head);

/* rest: what the client has sent behind its head. Serves to the end. */
gboolean tunnel_serve(const struct worker_world *world, struct conn *conn,
		      const struct head *head, const void *rest,
		      gsize rest_size, GError **error);
