/* answers.h - a helper's own side of question.h: standard input is the socket.
 *
 * Threads: the calling one, which is the only one. */
#pragma once

#include <jansson.h>

#include "common/fault.h"

/* A new object of the answer's members, or NULL and a fault. What of message
 * is secret is wiped by whoever wrote this: it ends with the call. */
typedef json_t *(*answer_maker)(const char *op, json_t *message, void *data,
				GError **error);

/* Returns when the other side has hung up. Nothing of this process can be
 * dumped or traced by then: secrets pass through its memory. */
void answers_give(answer_maker maker, void *data);
