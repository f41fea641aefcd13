/* picture.h - a still of the desktop, scaled down well, as PNG.
 *
 * Threads: made on a worker thread from a copy, told on the main loop.
 * Fails: with a fault; FAULT_UNAVAILABLE while there is no such head. */
#pragma once

#include <gio/gio.h>

#include "display/desktop.h"

/* head: a number, or -1 for the whole desktop. max_width 0: as it is; it is
 * never enlarged. */
void picture_take_async(const struct desktop *desktop, int head,
			unsigned max_width, GAsyncReadyCallback callback,
			void *data);
/* The file's bytes and the picture's size. */
GBytes *picture_take_finish(GAsyncResult *result, unsigned *width,
			    unsigned *height, GError **error);

/* Each pixel of the result is the mean of the area it covers. New memory of
 * width x height words; for tests. */
uint32_t *picture_shrink(const uint32_t *pixels, unsigned from_width,
			 unsigned from_height, unsigned width, unsigned height);
