/* jobs.h - rectangles encoded on worker threads, and what came of them kept
 * for all viewers.
 *
 * A job is a pure function of pixels and of a "style", which is all that a
 * protocol's writer wants to say about the encoding: bytes that are equal when
 * the wish is. Jobs hold no state between them, so any worker takes any job,
 * and the same bytes are good for every viewer of that style at any time. Two
 * viewers that ask for the same part of the same frame share one job, even
 * before it is done.
 *
 * Small parts are encoded at once by the caller: waking a thread takes longer.
 *
 * The kept results take at most JOBS_KEPT_BYTES, the least recently asked for
 * go first; with one viewer nothing is kept.
 *
 * Threads: all calls on the main loop; `encode` runs on any, several at a
 * time. Ownership: a job is counted; job_unref() by everyone who got it.
 * Fails: never; an encoder always finds some form. Units: pixels. */
#pragma once

#include "display/desktop.h"

#define JOBS_KEPT_BYTES (24u << 20)
#define JOBS_KEPT_MAX   8192u
#define JOBS_STYLE_MAX  32u
/* Parts of no more pixels are encoded by the caller. */
#define JOBS_AT_ONCE 12288u

struct job_kind {
	/* Appends to out. Returns what the writer wants to know of the result
	 * (a number of its own). style: as given, style_size bytes. */
	uint32_t (*encode)(const void *style, const uint32_t *pixels,
			   unsigned stride_px, unsigned width, unsigned height,
			   GByteArray *out);
	size_t style_size; /* at most JOBS_STYLE_MAX */
};

struct jobs;
struct job;

/* threads: 0 for as many as there are processors. `ready` is called on the
 * main loop when at least one job has been done. */
struct jobs *jobs_new(unsigned threads, void (*ready)(void *data), void *data);
/* Waits for what is being encoded. */
void jobs_free(struct jobs *self);

/* Begins (or finds) a part of the frame as it is now. Padding in *style has to
 * be zero. keep: others may ask for the same. */
struct job *jobs_begin(struct jobs *self, const struct job_kind *kind,
		       const void *style, const struct desktop *desktop,
		       const struct rect *rect, bool keep);
/* A job with state, which is never shared: `encode` gets `data`, on a worker
 * however small the part is. The caller begins the next one with the same data
 * only when this one is done. release: of data, on any thread. */
struct job *jobs_begin_own(
    struct jobs *self,
    uint32_t (*encode)(void *data, const uint32_t *pixels, unsigned stride_px,
		       unsigned width, unsigned height, GByteArray *out),
    void *data, GDestroyNotify release, const struct desktop *desktop,
    const struct rect *rect);
struct job *job_ref(struct job *job);
void job_unref(struct job *job);
bool job_done(const struct job *job);
/* Of a job that is done. */
const GByteArray *job_bytes(const struct job *job);
uint32_t job_outcome(const struct job *job);
/* desktop_serial() of the pixels it was given. */
uint32_t job_frame(const struct job *job);

/* For tests and the log. */
struct jobs_count {
	guint64 encoded, shared;
	size_t kept_bytes;
	unsigned kept;
};
void jobs_count(const struct jobs *self, struct jobs_count *out);
