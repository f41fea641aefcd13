/* layout.h - where the screens of a guest go, and which tablet is whose.
 *
 * Pure arithmetic, apart from heads.c so that it can be tested without X.
 * Units: pixels; screens stand side by side in the order of their outputs,
 * tops aligned. Threads: any. No allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LAYOUT_HEADS_MAX 16

struct layout_head {
	bool connected;          /* in: the other side wants a picture of it */
	int width_px, height_px; /* in: preferred mode; 0 when there is none */
	bool on;                 /* out */
	int x_px, y_px;          /* out */
};

struct layout {
	size_t n_heads;
	struct layout_head head[LAYOUT_HEADS_MAX];
	int width_px, height_px; /* out: the whole; 0 when nothing is on */
};

/* Places every connected head that still fits into max; the rest is off. */
void layout_place(struct layout *self, int max_width_px, int max_height_px);

/* Row-major 3x3 that turns a tablet's 0..1 into its head's part of the
 * whole, a fraction of a pixel to the right and below to make up for QEMU's
 * rounding; identity when the head is off or there is no whole. */
void layout_matrix(const struct layout *self, size_t head, float matrix[9]);

/* Orders tablets by where their device sits ("/sys/devices/pci0000:00/
 * 0000:00:05.0/virtio2/input/input6"): the bus address first, then the
 * number. <0, 0, >0 as strcmp. */
int layout_compare_paths(const char *a, const char *b);

/* Head number from a device's serial ("oriel-head-N", N from 0), or -1. */
int layout_head_of_serial(const char *serial);
