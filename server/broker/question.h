/* question.h - helpers that answer one question each.
 *
 * A process for a question: over RUN/NAME.sock where the service manager has
 * it (data/systemd/oriel-NAME.socket), with the rights that it needs; else
 * started by us, with ours. What it may not say (an error of another code
 * than denied or unavailable) is told as the `silence` it was created with.
 * Threads: one main context. Callbacks come later, exactly once. */
#pragma once

#include <jansson.h>

#include "common/fault.h"
#include "common/paths.h"

struct helper;

/* socket: "pam.sock"; args: after the program, NULL ends, copied. */
struct helper *helper_create(const struct paths_root *root, const char *socket,
			     const char *program, const char *const *args,
			     const char *silence);
/* What is still asked is answered now: unavailable. */
void helper_destroy(struct helper *helper);

/* reply: borrowed; NULL with an error. */
typedef void (*helper_answered)(json_t *reply, const GError *error, void *data);
/* Takes message. */
void helper_ask(struct helper *helper, json_t *message,
		helper_answered answered, void *data);
