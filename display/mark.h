/* mark.h - words over a picture, such as who looks at it and when.
 *
 * Where a letter stands, bit 5 of each colour is the other way round: it is 32
 * steps lighter or darker than what lies beneath, on any ground, and putting
 * it there twice takes it away again. So a picture can be marked row by row
 * as it is written, and the words changed without what lies beneath.
 *
 * The words stand all over the picture in a grid, every second line shifted,
 * so that no part worth showing to somebody else is without them.
 * Threads: any; immutable. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mark;

/* Letters, digits and " -.:_@/"; others, and what is over 60, are left out.
 * NULL where nothing is left. */
struct mark *mark_new(const char *words);
void mark_free(struct mark *self);

/* Whether this row of the picture has any of it. */
bool mark_on_row(const struct mark *self, unsigned y);
/* Turns `width` pixels, which begin at (x, y) of the picture. */
void mark_row(const struct mark *self, unsigned x, unsigned y, unsigned width,
	      uint32_t *pixels);
