/* crisp.h - enlarges a picture by any factor without blurring it.
 *
 * A pixel becomes a square of scale times scale; where squares share a pixel
 * of the screen, that has each one's colour by the area it covers. Letters
 * keep their edges: no more than one pixel between two squares is mixed.
 * Fixed point, 1/256; a line of the picture is widened once.
 *
 * Threads: any. Ownership: nothing is kept. */
#pragma once

#include <cairo.h>
#include <stdbool.h>

/* Fills out with the part of the enlarged picture that begins at left, top
 * (pixels of the enlarged one, >= 0; beyond its edge stands its last pixel).
 * Both are image surfaces of 32 bits a pixel, scale is >= 1. false: they are
 * not, or memory is short; nothing is drawn then. */
bool crisp_enlarge(cairo_surface_t *picture, cairo_surface_t *out, int left,
		   int top, double scale);
