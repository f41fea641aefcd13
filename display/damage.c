#include "display/damage.h"

#include <glib.h>
#include <string.h>

bool rect_clip(struct rect *rect, unsigned width, unsigned height)
{
	if (rect->x >= width || rect->y >= height || !rect->w || !rect->h)
		return false;
	rect->w = MIN(rect->w, width - rect->x);
	rect->h = MIN(rect->h, height - rect->y);
	return true;
}

bool rect_intersect(const struct rect *a, const struct rect *b,
		    struct rect *out)
{
	uint64_t left = MAX(a->x, b->x), top = MAX(a->y, b->y);
	uint64_t right = MIN((uint64_t)a->x + a->w, (uint64_t)b->x + b->w);
	uint64_t bottom = MIN((uint64_t)a->y + a->h, (uint64_t)b->y + b->h);
	if (left >= right || top >= bottom)
		return false;
	*out = (struct rect){left, top, right - left, bottom - top};
	return true;
}

void damage_init(struct damage *self, unsigned width, unsigned height)
{
	g_free(self->bits);
	self->width = width;
	self->height = height;
	self->columns = (width + DAMAGE_TILE - 1) / DAMAGE_TILE;
	self->rows = (height + DAMAGE_TILE - 1) / DAMAGE_TILE;
	self->words = (self->columns + 63) / 64;
	self->bits = g_new0(uint64_t, (size_t)self->words * self->rows + 1);
}

void damage_finish(struct damage *self)
{
	g_clear_pointer(&self->bits, g_free);
	*self = (struct damage){0};
}

void damage_clear(struct damage *self)
{
	memset(self->bits, 0, (size_t)self->words * self->rows * 8);
}

static void add_tiles(struct damage *self, unsigned row, unsigned from,
		      unsigned to)
{
	uint64_t *words = self->bits + (size_t)row * self->words;
	for (unsigned column = from; column < to;) {
		unsigned bit = column % 64;
		unsigned n = MIN(64 - bit, to - column);
		uint64_t mask = n == 64 ? ~0ull : ((1ull << n) - 1) << bit;
		words[column / 64] |= mask;
		column += n;
	}
}

void damage_all(struct damage *self)
{
	for (unsigned row = 0; row < self->rows; row++)
		add_tiles(self, row, 0, self->columns);
}

void damage_add(struct damage *self, const struct rect *rect)
{
	struct rect in = *rect;
	if (!rect_clip(&in, self->width, self->height))
		return;
	unsigned last = (in.y + in.h - 1) / DAMAGE_TILE;
	for (unsigned row = in.y / DAMAGE_TILE; row <= last; row++)
		add_tiles(self, row, in.x / DAMAGE_TILE,
			  (in.x + in.w - 1) / DAMAGE_TILE + 1);
}

void damage_add_tile(struct damage *self, unsigned column, unsigned row)
{
	if (column < self->columns && row < self->rows)
		self->bits[(size_t)row * self->words + column / 64] |=
		    1ull << column % 64;
}

void damage_join(struct damage *self, const struct damage *other)
{
	g_return_if_fail(self->columns == other->columns &&
			 self->rows == other->rows);
	size_t count = (size_t)self->words * self->rows;
	for (size_t i = 0; i < count; i++)
		self->bits[i] |= other->bits[i];
}

bool damage_any(const struct damage *self)
{
	size_t count = (size_t)self->words * self->rows;
	for (size_t i = 0; i < count; i++)
		if (self->bits[i])
			return true;
	return false;
}

bool damage_has_tile(const struct damage *self, unsigned column, unsigned row)
{
	return column < self->columns && row < self->rows &&
	       self->bits[(size_t)row * self->words + column / 64] >>
		       column % 64 &
		   1;
}

void damage_remove(struct damage *self, const struct rect *rect)
{
	struct rect in = *rect;
	if (!rect_clip(&in, self->width, self->height))
		return;
	for (unsigned row = in.y / DAMAGE_TILE;
	     row <= (in.y + in.h - 1) / DAMAGE_TILE; row++)
		for (unsigned column = in.x / DAMAGE_TILE;
		     column <= (in.x + in.w - 1) / DAMAGE_TILE; column++) {
			struct rect tile = damage_tile(self, column, row);
			if (tile.x >= in.x && tile.y >= in.y &&
			    tile.x + tile.w <= in.x + in.w &&
			    tile.y + tile.h <= in.y + in.h)
				damage_remove_tile(self, column, row);
		}
}

void damage_remove_tile(struct damage *self, unsigned column, unsigned row)
{
	if (column < self->columns && row < self->rows)
		self->bits[(size_t)row * self->words + column / 64] &=
		    ~(1ull << column % 64);
}

unsigned damage_count(const struct damage *self)
{
	size_t words = (size_t)self->words * self->rows;
	unsigned count = 0;
	for (size_t i = 0; i < words; i++)
		count += __builtin_popcountll(self->bits[i]);
	return count;
}

struct rect damage_tile(const struct damage *self, unsigned column,
			unsigned row)
{
	unsigned x = column * DAMAGE_TILE, y = row * DAMAGE_TILE;
	return (struct rect){x, y, MIN(DAMAGE_TILE, self->width - x),
			     MIN(DAMAGE_TILE, self->height - y)};
}

/* First stale tile of a row in [from, to), or `to`. */
static unsigned first_tile(const struct damage *self, unsigned row,
			   unsigned from, unsigned to)
{
	const uint64_t *words = self->bits + (size_t)row * self->words;
	while (from < to) {
		uint64_t word = words[from / 64] >> from % 64;
		if (word)
			return MIN(from + __builtin_ctzll(word), to);
		from = (from / 64 + 1) * 64;
	}
	return to;
}

bool damage_take(struct damage *self, const struct rect *within, unsigned side,
		 struct rect *out)
{
	struct rect area =
	    within ? *within : (struct rect){0, 0, self->width, self->height};
	if (!rect_clip(&area, self->width, self->height))
		return false;
	unsigned left = area.x / DAMAGE_TILE, top = area.y / DAMAGE_TILE;
	unsigned right = (area.x + area.w - 1) / DAMAGE_TILE + 1;
	unsigned bottom = (area.y + area.h - 1) / DAMAGE_TILE + 1;
	unsigned most = MAX(side / DAMAGE_TILE, 1u);
	for (unsigned row = top; row < bottom; row++) {
		unsigned column = first_tile(self, row, left, right);
		if (column == right)
			continue;
		unsigned wide = 1, high = 1;
		while (wide < most && column + wide < right &&
		       damage_has_tile(self, column + wide, row))
			wide++;
		for (; high < most && row + high < bottom; high++) {
			unsigned run = 0;
			while (run < wide &&
			       damage_has_tile(self, column + run, row + high))
				run++;
			if (run < wide)
				break;
		}
		for (unsigned y = row; y < row + high; y++)
			for (unsigned x = column; x < column + wide; x++)
				self->bits[(size_t)y * self->words + x / 64] &=
				    ~(1ull << x % 64);
		*out = (struct rect){column * DAMAGE_TILE, row * DAMAGE_TILE,
				     wide * DAMAGE_TILE, high * DAMAGE_TILE};
		return rect_clip(out, self->width, self->height);
	}
	return false;
}
