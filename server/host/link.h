/* link.h - the connection to the broker (docs/host-link.md).
 *
 * Tried for ever: 0.2 s after a loss, doubling to 5 s. Events while there is
 * no broker are dropped: the `hello` of the next connection tells all.
 * Threads: main context. */
#pragma once

#include "common/jsonline.h"

struct broker_link_handlers {
	/* First message of every connection: event `hello`, new. */
	json_t *(*hello)(void *data);
	void (*request)(struct jsonline *channel, json_int_t id, const char *op,
			json_t *message, void *data);
};

struct broker_link;

/* path: RUN/hosts.sock. Begins to connect at once. */
struct broker_link *broker_link_new(const char *path,
				    const struct broker_link_handlers *handlers,
				    void *data);
/* Takes message. */
void broker_link_send(struct broker_link *link, json_t *message);
void broker_link_free(struct broker_link *link);
