/* looks.h - how the pixels of a tile are like their neighbours.
 *
 * Pure functions; the fast one is of what every processor of its kind has
 * (SSE2), its portable twin is what it is tested against. */
#pragma once

#include <stdint.h>

/* Neighbours whose channels all differ by no more than this are a soft edge:
 * noise of a camera, shading of a drawing. */
#define LOOKS_SOFT 12u

struct looks {
	unsigned equal; /* pixels that equal the next one in their row */
	unsigned soft;  /* that differ from it, but softly */
	unsigned all;
};

/* Of width x height pixels 0x00RRGGBB, in rows of stride_px. */
struct looks looks_count(const uint32_t *pixels, unsigned stride_px,
			 unsigned width, unsigned height);
struct looks looks_count_portable(const uint32_t *pixels, unsigned stride_px,
				  unsigned width, unsigned height);
