/* quality.h - how true shown frames are to their recording, judged afterwards.
 *
 * A few pictures are kept while a viewer is watched (a copy of 2 ms each);
 * what they should have been is unpacked at the end. Peak signal to noise, in
 * dB, over what the frame changed; 99 is exact. Parts of a shown frame may
 * already be newer than it: each tile is judged by the best of the frames that
 * the source had shown by then, so that this is a figure of the encoder; age
 * and frames shown are the others.
 *
 * Threads: one. Ownership: the recording is the caller's. */
#pragma once

#include "tests/bench/display/recording.h"

struct quality;

struct quality *quality_create(const struct recording *recording);
void quality_destroy(struct quality *self);
/* A frame is shown in `pixels`; `newest` is what the source shows by now. */
void quality_look(struct quality *self, unsigned frame, unsigned newest,
		  const uint32_t *pixels);
/* The median of the pictures kept; -1 when there are none. */
double quality_judge(const struct quality *self);
