#include "display/mark.h"

#include <glib.h>
#include <string.h>

#define TURN        0x202020u
#define SCALE       2u
#define GLYPH_W     5u
#define GLYPH_H     7u
#define CELL_W      ((GLYPH_W + 1) * SCALE)
#define LINE_H      (GLYPH_H * SCALE)
#define BAND_H      112u /* from one line of words to the next */
#define GAP_W       72u
#define LETTERS_MAX 60u

struct glyph {
	char letter;
	uint8_t rows[GLYPH_H]; /* the leftmost pixel is bit 4 */
};

static const struct glyph glyphs[] = {
    {' ', {0}},
    {'-', {0, 0, 0, 31, 0, 0, 0}},
    {'.', {0, 0, 0, 0, 0, 12, 12}},
    {':', {0, 12, 12, 0, 12, 12, 0}},
    {'_', {0, 0, 0, 0, 0, 0, 31}},
    {'/', {1, 1, 2, 4, 8, 16, 16}},
    {'@', {14, 17, 23, 21, 23, 16, 14}},
    {'0', {14, 17, 19, 21, 25, 17, 14}},
    {'1', {4, 12, 4, 4, 4, 4, 14}},
    {'2', {14, 17, 1, 2, 4, 8, 31}},
    {'3', {31, 2, 4, 2, 1, 17, 14}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},
    {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},
    {'7', {31, 1, 2, 4, 8, 8, 8}},
    {'8', {14, 17, 17, 14, 17, 17, 14}},
    {'9', {14, 17, 17, 15, 1, 2, 12}},
    {'a', {0, 0, 14, 1, 15, 17, 15}},
    {'b', {16, 16, 22, 25, 17, 17, 30}},
    {'c', {0, 0, 14, 16, 16, 17, 14}},
    {'d', {1, 1, 13, 19, 17, 17, 15}},
    {'e', {0, 0, 14, 17, 31, 16, 14}},
    {'f', {6, 9, 8, 28, 8, 8, 8}},
    {'g', {0, 15, 17, 17, 15, 1, 14}},
    {'h', {16, 16, 22, 25, 17, 17, 17}},
    {'i', {4, 0, 12, 4, 4, 4, 14}},
    {'j', {2, 0, 6, 2, 2, 18, 12}},
    {'k', {16, 16, 18, 20, 24, 20, 18}},
    {'l', {12, 4, 4, 4, 4, 4, 14}},
    {'m', {0, 0, 26, 21, 21, 17, 17}},
    {'n', {0, 0, 22, 25, 17, 17, 17}},
    {'o', {0, 0, 14, 17, 17, 17, 14}},
    {'p', {0, 0, 30, 17, 30, 16, 16}},
    {'q', {0, 0, 13, 19, 15, 1, 1}},
    {'r', {0, 0, 22, 25, 16, 16, 16}},
    {'s', {0, 0, 14, 16, 14, 1, 30}},
    {'t', {8, 8, 28, 8, 8, 9, 6}},
    {'u', {0, 0, 17, 17, 17, 19, 13}},
    {'v', {0, 0, 17, 17, 17, 10, 4}},
    {'w', {0, 0, 17, 17, 21, 21, 10}},
    {'x', {0, 0, 17, 10, 4, 10, 17}},
    {'y', {0, 0, 17, 17, 15, 1, 14}},
    {'z', {0, 0, 31, 2, 4, 8, 31}},
};

struct mark {
	unsigned count, period; /* pixels from one to the next */
	const struct glyph *letters[LETTERS_MAX];
};

static const struct glyph *glyph_of(char letter)
{
	for (gsize i = 0; i < G_N_ELEMENTS(glyphs); i++)
		if (glyphs[i].letter == g_ascii_tolower(letter))
			return &glyphs[i];
	return NULL;
}

struct mark *mark_new(const char *words)
{
	struct mark *self = g_new0(struct mark, 1);
	bool any = false;
	for (; *words && self->count < LETTERS_MAX; words++) {
		const struct glyph *glyph = glyph_of(*words);
		if (!glyph)
			continue;
		self->letters[self->count++] = glyph;
		any = any || *words != ' ';
	}
	self->period = self->count * CELL_W + GAP_W;
	if (!any)
		g_clear_pointer(&self, g_free);
	return self;
}

void mark_free(struct mark *self)
{
	g_free(self);
}

bool mark_on_row(const struct mark *self, unsigned y)
{
	return y % BAND_H < LINE_H;
}

void mark_row(const struct mark *self, unsigned x, unsigned y, unsigned width,
	      uint32_t *pixels)
{
	if (!mark_on_row(self, y))
		return;
	unsigned line = y % BAND_H / SCALE;
	unsigned shift = y / BAND_H % 2 ? self->period / 2 : 0;
	unsigned at = (x + shift) % self->period;
	for (unsigned i = 0; i < width; i++) {
		unsigned letter = at / CELL_W, column = at % CELL_W / SCALE;
		if (letter < self->count && column < GLYPH_W &&
		    self->letters[letter]->rows[line] >>
			    (GLYPH_W - 1 - column) &
			1)
			pixels[i] ^= TURN;
		if (++at == self->period)
			at = 0;
	}
}
