/* recording.h - frames of real applications in a file.
 *
 * A header, then frames one after the other: frame header, rectangles, and
 * their pixels (0x00RRGGBB, rows without gaps) as one LZ4 block. The first
 * frame is the whole screen. Each frame's number stands in its marks, which
 * are among its rectangles. Native byte order: a recording is a cache, made
 * anew by the machine that lacks it.
 *
 * Threads: a reader is read-only after opening. Fails: with a GError that
 * says what is wrong with the file. Units: pixels, milliseconds. */
#pragma once

#include <glib.h>

#include "tests/bench/display/mark.h"

#define RECORDING_MARKS 3u

struct recording_rect {
	uint16_t x, y, w, h;
};

struct recording_header {
	char magic[8];
	uint32_t version, width, height, frames;
	uint32_t end_ms, reserved;
	struct mark marks[RECORDING_MARKS]; /* block 0: not used */
	struct mark key; /* painted by who plays it, at each key press */
};

struct recording_frame {
	uint32_t time_ms, rects;
	uint32_t packed_bytes, raw_bytes;
};

struct recording;

struct recording *recording_open(const char *path, GError **error);
void recording_close(struct recording *self);
const struct recording_header *recording_header(const struct recording *self);
const struct recording_frame *recording_frame(const struct recording *self,
					      unsigned number);
const struct recording_rect *recording_rects(const struct recording *self,
					     unsigned number);
/* Fills raw_bytes of pixels. */
bool recording_pixels(const struct recording *self, unsigned number,
		      uint32_t *out);
/* Puts unpacked pixels of a frame where they belong. */
void recording_apply(const struct recording *self, unsigned number,
		     const uint32_t *pixels, uint32_t *picture, size_t stride);

struct recorder;
/* Marks and key come from *header; the rest of it is filled in. */
struct recorder *recorder_create(const char *path,
				 const struct recording_header *header,
				 GError **error);
/* Copies the rectangles out of a picture. */
bool recorder_add(struct recorder *self, uint32_t time_ms,
		  const struct recording_rect *rects, unsigned count,
		  const uint32_t *picture, size_t stride, GError **error);
/* The file takes its name only here, whole. */
bool recorder_finish(struct recorder *self, uint32_t end_ms, GError **error);
