/* filter.h - pixels as bytes: three per pixel, or what a prediction left over.
 *
 * Threads: any; pure. SIMD where the machine has it, with the same results
 * everywhere. Units: bytes. */
#pragma once

#include "display/codec/codec.h"

/* Bytes that a row's functions may write behind its end. */
#define FILTER_SLACK 32u

/* Red, green, blue of every pixel; or blue, green, red. */
void filter_rgb(const uint32_t *pixels, unsigned width, uint8_t *out);
void filter_bgr(const uint32_t *pixels, unsigned width, uint8_t *out);

/* Tight's gradient: each channel less the sum of left and above without above
 * left, cut to 0..255; outside is 0. `above` is NULL for the first row. */
void filter_gradient(const uint32_t *pixels, const uint32_t *above,
		     unsigned width, uint8_t *out);
