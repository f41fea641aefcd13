/* pipe.h - one end of a stream of seamless messages.
 *
 * Reads whole, checked messages and writes from a queue of its own. What is
 * read is handed over one message at a time; a handler that cannot take more
 * holds the pipe, which leaves the rest with the kernel.
 *
 * Threads: the main loop's. Ownership: takes the descriptor. Fails: by the
 * `ended` handler, once, with words where the other side broke the rules;
 * the pipe may be freed in any handler. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "seamless/wire.h"

struct pipe;

struct pipe_handlers {
	/* bytes is the message as it came, to be passed on. */
	void (*message)(void *data, const struct seam_message *message,
			const uint8_t *bytes, size_t size);
	/* The queue became shorter than it was told to be. Optional. */
	void (*drained)(void *data);
	void (*ended)(void *data, const char *why);
};

/* drain_bytes: `drained` is called when the queue sinks below it. */
struct pipe *pipe_new(int fd, const struct pipe_handlers *handlers, void *data,
		      size_t drain_bytes);
void pipe_free(struct pipe *self);
/* From now on it sends what line_set_limit() leaves it. */
void pipe_limit(struct pipe *self);
/* Nothing more is read until it is let go. */
void pipe_hold(struct pipe *self, bool hold);

/* Begins anew on the same descriptor: what is queued or half read is gone.
 * deaf: reads on, so that the other side is not held, and hears nothing. */
void pipe_reset(struct pipe *self, bool deaf);

/* Nothing read counts before the next HELLO. */
void pipe_seek_hello(struct pipe *self);

/* Queues bytes, whole messages; nothing is sent before the main loop's next
 * round. */
void pipe_put(struct pipe *self, const uint8_t *bytes, size_t size);
/* false where the message breaks the wire's own rules: our mistake. */
bool pipe_send(struct pipe *self, const struct seam_message *message);
/* Tries to send what is queued at once, for farewells. */
void pipe_flush(struct pipe *self);
size_t pipe_queued(const struct pipe *self);
guint64 pipe_sent(const struct pipe *self);
