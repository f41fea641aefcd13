/* yuv.h - pixels into the planes that video encoders take: 4:2:0, BT.601,
 * limited range (16..235).
 *
 * Planes have even sides: those of the view rounded up, by repeating its last
 * column and row. A colour is the mean of its two by two pixels.
 * Threads: any; pure. SIMD where the machine has it, with the same results
 * everywhere. */
#pragma once

#include "display/codec/codec.h"

struct yuv_planes {
	uint8_t *y, *u, *v; /* v is NULL where u holds both in turns (NV12) */
	size_t y_stride, uv_stride; /* bytes */
};

void yuv_fill(const struct codec_view *view, const struct yuv_planes *planes);
