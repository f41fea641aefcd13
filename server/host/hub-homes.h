/* hub-homes.h - the broker's requests that begin with "home." (docs/
 * host-link.md). Threads: main context. */
#pragma once

#include "server/host/hub-private.h"

/* FALSE: it is none of them. Else answered is called once. */
gboolean hub_home_op(struct hub *hub, const char *op, json_t *message,
		     machine_answered answered, void *data);
