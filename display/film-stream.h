/* film-stream.h - a film as a stream: encoded once for all viewers that see it
 * alike.
 *
 * Every viewer has a seat. Viewers of the same codec and quality whose lines
 * are not full sit together: a frame is encoded when the first of them asks
 * for it, and the others get the same bytes. Each frame refers to the one
 * before it, so a viewer is given all of them in order; one that falls further
 * behind than what is kept, or whose line is full, gets an encoder of its own
 * for a while, which follows its line. A viewer that joins, or has lost its
 * decoder, begins at a key frame, which the others take like any other.
 *
 * The bytes are video-encoder.h's; headers are the protocol's business.
 *
 * Threads: the main loop's; encoding on the workers of `jobs`. Ownership: a
 * seat belongs to its viewer and ends before the streams do. */
#pragma once

#include "display/codec/video-encoder.h"
#include "display/jobs.h"

/* As fast as films usually are; rates are reckoned by it. */
#define FILM_FPS 30u

/* A frame's job_outcome(). */
enum film_outcome {
	FILM_FAILED, /* told in the log; pictures are sent instead */
	FILM_KEY,
	FILM_DELTA,
};

struct film_wish {
	enum video_codec codec;
	unsigned quality; /* 1..100 */
	/* What the line carries, for one that is full; 0: it takes all. */
	unsigned rate_kbps;
};

struct film_frame {
	struct job *job; /* job_unref() when it was sent */
	bool begins;     /* the viewer needs a new decoder */
	bool behind;     /* there is a newer picture than it holds */
};

struct film_streams;
struct film_streams *film_streams_new(struct jobs *jobs);
void film_streams_free(struct film_streams *self);

struct film_seat;
struct film_seat *film_seat_new(struct film_streams *streams);
/* Gives its place up; frames under way are encoded to their end. */
void film_seat_free(struct film_seat *self);

/* The viewer's next frame of that rectangle, which it then has to be sent, in
 * order. False: not yet, ask again when jobs are done. */
bool film_seat_next(struct film_seat *self, const struct film_wish *wish,
		    const struct desktop *desktop, const struct rect *rect,
		    int64_t now_us, struct film_frame *out);
/* The viewer cannot go on from what it has: its next frame is a key frame. */
void film_seat_renew(struct film_seat *self);
