/* truth.h - what a source shows and since when, for who measures viewers.
 *
 * A shared file between the source that plays a recording and the measuring
 * client: the picture as the source has it, the time at which each frame and
 * each tile came. Times are CLOCK_MONOTONIC in ns, the same in all processes
 * of a computer and in its network namespaces.
 *
 * Threads: one writer; readers see each word whole, and pixels perhaps in the
 * middle of a frame: compare them at rest, or tile by tile by their times. */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "tests/bench/display/mark.h"

#define TRUTH_TILE  64u
#define TRUTH_TILES 4096u

struct truth {
	uint32_t width, height;    /* rows are width pixels apart */
	int32_t segment;           /* shmid of the picture; -1: in the file */
	_Atomic uint32_t frame;    /* newest shown */
	_Atomic uint32_t keys;     /* key presses answered */
	_Atomic uint32_t finished; /* all frames of a play are shown */
	_Atomic uint64_t changed_ns;
	_Atomic uint64_t shown_ns[MARK_MAX + 1];
	_Atomic uint64_t tile_ns[TRUTH_TILES];
};
/* The picture follows it in the file, unless it is a SysV segment. */
#define TRUTH_PIXELS_AT ((sizeof(struct truth) + 4095) & ~(size_t)4095)

static inline uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline unsigned truth_columns(const struct truth *self)
{
	return (self->width + TRUTH_TILE - 1) / TRUTH_TILE;
}

/* By the source, whose framebuffer *pixels is; *fd may be NULL. Ends the
 * program with a message when it cannot. */
struct truth *truth_create(const char *path, unsigned width, unsigned height,
			   int segment, uint32_t **pixels, int *fd);
/* By a reader; NULL with a GError. */
const struct truth *truth_open(const char *path, const uint32_t **pixels,
			       GError **error);
