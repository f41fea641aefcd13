/* once.h - calls that are repeated and done once.
 *
 * A client that got no answer cannot know whether its call was done. With an
 * Idempotency-Key it asks again: the same call of the same person gets the
 * first one's answer for a day. A refusal that another try may mend (busy,
 * unavailable, storage, ...) is not kept. Threads: one main context. */
#pragma once

#include "server/broker/request.h"

#define ONCE_KEY_MAX 64

enum once_verdict {
	ONCE_GO,       /* the first: go on, and tell once_end() the answer */
	ONCE_ANSWERED, /* the request has its answer, and is gone */
	ONCE_REFUSED,  /* error is set */
};
enum once_verdict once_begin(struct request *request, const char *key,
			     GError **error);
/* Before the answer goes out; answer may be NULL. */
void once_end(struct request *request, int status, json_t *answer);
/* At the start: calls that ended with the broker before they were done. */
gboolean once_tidy(struct broker *broker, GError **error);
