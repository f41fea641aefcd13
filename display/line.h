/* line.h - a viewer's connection, or a port of the machine: bytes in and out,
 * and never a wait.
 *
 * What comes is handed over from its front as long as somebody takes it; what
 * goes out waits here until the socket takes it. Whoever embeds a line fails
 * as a whole: it is taken off everything at once (line_cut()) and freed when
 * the loop is idle, so that any function on the way may fail it; `dead` says
 * so.
 *
 * Threads: the main loop's. Ownership: takes the descriptor; embedded by what
 * `data` points to, which `release` frees. Fails: by `failed`. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Waiting to be read by the other side: beyond this it does not read, and
 * something other than pixels and sound, which stop far below, piles up. */
#define LINE_OUT_MAX (32u << 20)

struct line_ops {
	/* Takes what is whole at the front and says how long it was; 0: more
	 * bytes are needed, the line is held, or has failed. */
	size_t (*take)(void *data, const uint8_t *bytes, size_t length);
	/* All that came is taken, or the socket has taken more: queue what is
	 * to follow. Optional. */
	void (*pump)(void *data);
	void (*sent)(void *data, size_t length); /* for statistics; optional */
	/* It is over, and line_cut() has to follow. why: what the other side
	 * did wrong, for the log; NULL: it left, or was sent away. */
	void (*failed)(void *data, const char *why);
	/* Frees what the line is part of, line_clear() included. */
	void (*release)(void *data);
};

struct line {
	const struct line_ops *ops;
	void *data;
	int fd;
	int unsent; /* line_keep_short() */
	uint64_t pace;
	bool dead;
	bool held;           /* nothing more is taken */
	bool limited;        /* by line_set_limit(); set by who embeds it */
	bool closing;        /* what is queued goes out, nothing is heard */
	const char *parting; /* why, once that is done */
	guint read_watch, write_watch, deadline, free_idle;
	guint limit_timer; /* instead of write_watch: nothing may go yet */
	GByteArray *in, *out;
	size_t in_at, out_at; /* bytes that are done with */
};

void line_init(struct line *self, int fd, const struct line_ops *ops,
	       void *data);
/* Fails by itself unless line_is_up() comes in time. */
void line_set_deadline(struct line *self, unsigned seconds);
void line_is_up(struct line *self);
/* Ends it: no more calls but `release`, later. */
void line_cut(struct line *self);
/* Frees it now, with what it is part of; fails it first. NULL-safe. */
void line_free(struct line *self);
void line_clear(struct line *self);

/* What all limited lines of this process may send together, in bytes a
 * second; 0: as much as they like. What waits for it waits where a slow line
 * would let it wait, so that whoever measures the line paces by it. */
void line_set_limit(uint64_t rate);
/* For what is sent to viewers past a line: how much of it may go now (0: look
 * again in LINE_LIMIT_MS), and that it went. */
#define LINE_LIMIT_MS 4
size_t line_limit_room(size_t wanted);
void line_limit_used(size_t length);

size_t line_queued(const struct line *self);
/* Sends what is queued in `out`, as far as the socket takes it. May fail. */
void line_flush(struct line *self);
/* Fails by itself, with this reason, when all that is queued has gone out,
 * which line_flush() tries. */
void line_close_after(struct line *self, const char *why);
/* About so many bytes may wait in the kernel before a TCP connection; what is
 * beyond waits here. */
void line_keep_short(struct line *self, size_t bytes);
/* A TCP connection sends no faster than that, in bytes a second; 0: as fast as
 * it likes. */
void line_pace(struct line *self, uint64_t rate);

/* To be called in `take` only, which then says 0: nothing more is read. */
void line_hold(struct line *self);
/* Takes up what was held. Whoever calls has to flush. */
void line_go_on(struct line *self);
