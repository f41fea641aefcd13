/* recorder.h - what a desktop shows and plays, kept in a WebM file (webm.h).
 *
 * A picture is taken when something has changed, `fps` times a second at most,
 * and never before the recorder has rested twice as long as its last picture
 * took: so it uses a third of one processor at worst, however much moves. What
 * stands still costs a frame of some bytes every few seconds. The pointer,
 * which viewers draw themselves, is drawn in. A change of size goes on in the
 * same file, as VP8 can.
 *
 * Encoding and writing happen on a thread of its own with a lower priority
 * than the viewers' workers; the main loop only copies what has changed.
 *
 * Threads: calls and `ended` on the main loop. Fails: a disk that is full, or
 * would be, ends the recording and nothing else; what was recorded can be
 * played. Units: as named. */
#pragma once

#include "display/display.h"

struct recorder_settings {
	unsigned fps;       /* 1..30 */
	unsigned quality;   /* 1..100 */
	unsigned rate_kbps; /* at most */
	guint64 max_bytes;
	unsigned max_s;
	guint64 min_free_bytes; /* that stay for others on that disk */
	bool sound;
	const char *title; /* or NULL */
};

struct recorder_end {
	const char *why;     /* "asked", "size", "time", "disk" or "error" */
	const GError *error; /* of "error", else NULL */
	guint64 bytes;
	gint64 length_ms;
};
/* Once, unless it is freed before. The recorder may be freed in it. */
typedef void (*recorder_ended)(const struct recorder_end *end, void *data);

struct recorder;
/* Takes fd, an empty file. */
struct recorder *recorder_new(struct display *display, int fd,
			      const struct recorder_settings *settings,
			      recorder_ended ended, void *data);
/* Asks for its end, which `ended` tells. */
void recorder_stop(struct recorder *self);
/* Ends it in order first where it has not; waits for that. */
void recorder_free(struct recorder *self);
