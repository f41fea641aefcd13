#include "display/windows/atlas.h"

#include <string.h>

/* "ORI": what no application paints by chance in front of three numbers */
#define STAMP_MAGIC  0x4f5249u
#define STAMP_PIXELS 4u
#define LOW24        0xffffffu

bool atlas_same_place(const struct atlas_place *a, const struct atlas_place *b)
{
	return a->head == b->head && a->x == b->x && a->y == b->y &&
	       a->width == b->width && a->height == b->height;
}

bool atlas_find(const struct desktop *desktop, const struct atlas_place *place,
		struct rect *at)
{
	struct rect head;
	if (!place->width || !desktop_head(desktop, place->head, &head) ||
	    place->width > head.w || place->x > head.w - place->width ||
	    place->height > head.h || place->y > head.h - place->height)
		return false;
	*at = (struct rect){head.x + place->x, head.y + place->y, place->width,
			    place->height};
	return true;
}

bool atlas_has_frame(const struct desktop *desktop, const struct rect *at,
		     uint32_t window, uint32_t generation, uint32_t frame)
{
	uint32_t stamp[STAMP_PIXELS];
	if (at->y == 0)
		return false;
	desktop_read(desktop, &(struct rect){at->x, at->y - 1, STAMP_PIXELS, 1},
		     stamp);
	if ((stamp[0] & LOW24) != STAMP_MAGIC ||
	    (stamp[1] & LOW24) != (window & LOW24) ||
	    (stamp[2] & LOW24) != (generation & LOW24))
		return false;
	/* numbers of 24 bits that wrap: "not before" is the near half */
	return ((stamp[3] - frame) & LOW24) < LOW24 / 2;
}

/* ---- damage ---- */

void atlas_damage_init(struct atlas_damage *self, const struct rect *at)
{
	self->left = at->x % DAMAGE_TILE;
	self->top = at->y % DAMAGE_TILE;
	damage_init(&self->tiles, self->left + at->w, self->top + at->h);
}

void atlas_damage_finish(struct atlas_damage *self)
{
	damage_finish(&self->tiles);
	memset(self, 0, sizeof *self);
}

void atlas_damage_join(struct atlas_damage *self, const struct rect *at,
		       const struct damage *desktop)
{
	unsigned column = at->x / DAMAGE_TILE, row = at->y / DAMAGE_TILE;
	for (unsigned r = 0; r < self->tiles.rows; r++) {
		if (row + r >= desktop->rows)
			break;
		const uint64_t *bits =
		    desktop->bits + (size_t)(row + r) * desktop->words;
		for (unsigned c = 0;
		     c < self->tiles.columns && column + c < desktop->columns;
		     c++) {
			unsigned bit = (column + c) % 64;
			uint64_t word = bits[(column + c) / 64] >> bit;
			if (!word) { /* none up to the end of this word */
				c += 63 - bit;
				continue;
			}
			if (word & 1)
				damage_add_tile(&self->tiles, c, r);
		}
	}
}

void atlas_damage_move(struct atlas_damage *from, struct atlas_damage *to,
		       const struct seam_rect *part)
{
	int64_t left = MAX((int64_t)part->x, 0), top = MAX((int64_t)part->y, 0);
	int64_t right = (int64_t)part->x + part->width;
	int64_t bottom = (int64_t)part->y + part->height;
	if (right <= left || bottom <= top)
		return;
	uint64_t first_c = (left + from->left) / DAMAGE_TILE;
	uint64_t first_r = (top + from->top) / DAMAGE_TILE;
	uint64_t last_c = (right - 1 + from->left) / DAMAGE_TILE;
	uint64_t last_r = (bottom - 1 + from->top) / DAMAGE_TILE;
	for (uint64_t r = first_r; r <= last_r && r < from->tiles.rows; r++)
		for (uint64_t c = first_c;
		     c <= last_c && c < from->tiles.columns; c++) {
			if (!damage_has_tile(&from->tiles, c, r))
				continue;
			from->tiles.bits[r * from->tiles.words + c / 64] &=
			    ~((uint64_t)1 << c % 64);
			damage_add_tile(&to->tiles, c, r);
		}
}

void atlas_damage_all(struct atlas_damage *self)
{
	damage_all(&self->tiles);
}

bool atlas_damage_take(struct atlas_damage *self, unsigned side,
		       struct rect *out)
{
	struct rect r;
	while (damage_take(&self->tiles, NULL, side, &r)) {
		unsigned left = MAX(r.x, self->left);
		unsigned top = MAX(r.y, self->top);
		if (r.x + r.w <= left || r.y + r.h <= top)
			continue;
		*out = (struct rect){left - self->left, top - self->top,
				     r.x + r.w - left, r.y + r.h - top};
		return true;
	}
	return false;
}
