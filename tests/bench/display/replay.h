/* replay.h - plays a recording into a framebuffer at its own pace.
 *
 * Frames are unpacked ahead on a thread, so that showing one is a copy. Each
 * goes into the framebuffer, which is the truth's, is stamped, and then told
 * to show().
 *
 * Threads: show() is called from the main loop for frames, and from whoever
 * calls replay_key(), never from two at a time. Ownership: the framebuffer is
 * replay's, until it is freed. Fails: ends the program with a message. */
#pragma once

#include "tests/bench/display/recording.h"
#include "tests/bench/display/truth.h"

typedef void (*replay_show)(void *data, const struct recording_rect *rects,
			    unsigned count);

struct replay;

/* Frame 0 stands in the framebuffer then; it is not told to show().
 * segment: a SysV segment for the framebuffer, or -1; see truth.h. */
struct replay *replay_new(const struct recording *recording, const char *truth,
			  int segment, replay_show show, void *data);
void replay_free(struct replay *self);
uint32_t *replay_pixels(const struct replay *self);
/* A descriptor for the framebuffer, and where in it that begins. */
int replay_fd(const struct replay *self, size_t *offset);
/* Frames 1 to the last, at their recorded times, or `fps` a second unless 0;
 * whole: each is told as the whole screen. Once; ended() may be NULL. */
void replay_start(struct replay *self, double fps, bool whole,
		  void (*ended)(void *data));
/* A key was pressed: the key mark counts on. From any thread. */
void replay_key(struct replay *self);
