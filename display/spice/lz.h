/* lz.h - pixels into SPICE's LZ, which every client takes: three bytes a
 * pixel where nothing repeats, runs and what stood before where it does.
 *
 * A pure function; any thread. Units: pixels. */
#pragma once

#include <glib.h>
#include <stdint.h>

/* A part has no more. */
#define SPICE_LZ_PIXELS_MAX 65536u

/* Appends a whole image, header and all: rows without gaps, the upper one
 * first, pixels in the order of the wire: B, G, R, 0. */
void spice_lz_put(const uint32_t *pixels, unsigned width, unsigned height,
		  GByteArray *out);
