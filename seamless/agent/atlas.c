/* Maximal free rectangles overlap one another, which is what makes the fit
 * good; taking a place splits each one it touches. Giving back only adds the
 * place itself as one more free rectangle: right, if not maximal. When
 * nothing fits, the maximal ones are computed anew from what is taken. */
#include "seamless/agent/atlas.h"

#include <glib.h>

struct atlas {
	uint32_t width, height;
	GArray *taken, *free_; /* struct atlas_slot */
	bool surveyed;         /* free_ holds every maximal rectangle */
	uint64_t used;
};

#define SLOT(array, i) g_array_index(array, struct atlas_slot, i)

static bool inside(const struct atlas_slot *a, const struct atlas_slot *b)
{
	return a->x >= b->x && a->y >= b->y &&
	       a->x + a->width <= b->x + b->width &&
	       a->y + a->height <= b->y + b->height;
}

static bool touch(const struct atlas_slot *a, const struct atlas_slot *b)
{
	return a->x < b->x + b->width && b->x < a->x + a->width &&
	       a->y < b->y + b->height && b->y < a->y + a->height;
}

struct atlas *atlas_create(uint32_t width, uint32_t height)
{
	struct atlas *self = g_new0(struct atlas, 1);
	self->taken = g_array_new(FALSE, FALSE, sizeof(struct atlas_slot));
	self->free_ = g_array_new(FALSE, FALSE, sizeof(struct atlas_slot));
	self->width = width;
	self->height = height;
	return self;
}

void atlas_destroy(struct atlas *self)
{
	if (!self)
		return;
	g_array_unref(self->taken);
	g_array_unref(self->free_);
	g_free(self);
}

void atlas_grow(struct atlas *self, uint32_t width, uint32_t height)
{
	self->width = MAX(self->width, width);
	self->height = MAX(self->height, height);
	self->surveyed = false;
}

void atlas_size(const struct atlas *self, uint32_t *width, uint32_t *height)
{
	*width = self->width;
	*height = self->height;
}

/* Cuts `hole` out of every free rectangle. */
static void split(GArray *free_, const struct atlas_slot *hole)
{
	guint old = free_->len, kept = 0;
	g_autoptr(GArray) fresh =
	    g_array_new(FALSE, FALSE, sizeof(struct atlas_slot));
	for (guint i = 0; i < old; i++) {
		struct atlas_slot f = SLOT(free_, i);
		if (!touch(&f, hole)) {
			SLOT(free_, kept++) = f;
			continue;
		}
		struct atlas_slot part;
		if (hole->x > f.x) {
			part = f;
			part.width = hole->x - f.x;
			g_array_append_val(fresh, part);
		}
		if (hole->x + hole->width < f.x + f.width) {
			part = f;
			part.x = hole->x + hole->width;
			part.width = f.x + f.width - part.x;
			g_array_append_val(fresh, part);
		}
		if (hole->y > f.y) {
			part = f;
			part.height = hole->y - f.y;
			g_array_append_val(fresh, part);
		}
		if (hole->y + hole->height < f.y + f.height) {
			part = f;
			part.y = hole->y + hole->height;
			part.height = f.y + f.height - part.y;
			g_array_append_val(fresh, part);
		}
	}
	g_array_set_size(free_, kept);
	/* Only the new parts can lie inside another: what was untouched was
	 * maximal before. */
	for (guint i = 0; i < fresh->len; i++) {
		bool useless = false;
		for (guint k = 0; k < kept && !useless; k++)
			useless = inside(&SLOT(fresh, i), &SLOT(free_, k));
		for (guint k = 0; k < fresh->len && !useless; k++)
			useless = k != i &&
				  inside(&SLOT(fresh, i), &SLOT(fresh, k)) &&
				  (k < i ||
				   !inside(&SLOT(fresh, k), &SLOT(fresh, i)));
		if (!useless)
			g_array_append_val(free_, SLOT(fresh, i));
	}
}

static void survey(struct atlas *self)
{
	struct atlas_slot whole = {0, 0, self->width, self->height};
	g_array_set_size(self->free_, 0);
	g_array_append_val(self->free_, whole);
	for (guint i = 0; i < self->taken->len; i++)
		split(self->free_, &SLOT(self->taken, i));
	self->surveyed = true;
}

/* The free rectangle whose shorter rest is smallest; ties go up and left. */
static bool choose(const struct atlas *self, uint32_t width, uint32_t height,
		   const struct atlas_slot *before, struct atlas_slot *slot)
{
	uint32_t best = UINT32_MAX;
	for (guint i = 0; i < self->free_->len; i++) {
		const struct atlas_slot *f = &SLOT(self->free_, i);
		if (f->width < width || f->height < height)
			continue;
		if (before && (f->y > before->y ||
			       (f->y == before->y && f->x >= before->x)))
			continue;
		uint32_t rest = MIN(f->width - width, f->height - height);
		if (rest > best ||
		    (rest == best &&
		     (f->y > slot->y || (f->y == slot->y && f->x > slot->x))))
			continue;
		best = rest;
		*slot = (struct atlas_slot){f->x, f->y, width, height};
	}
	return best != UINT32_MAX;
}

static bool take(struct atlas *self, uint32_t width, uint32_t height,
		 const struct atlas_slot *before, struct atlas_slot *slot)
{
	struct atlas_slot found = {0};
	if (width == 0 || height == 0 || width > self->width ||
	    height > self->height)
		return false;
	if (!choose(self, width, height, before, &found)) {
		if (self->surveyed)
			return false;
		survey(self);
		if (!choose(self, width, height, before, &found))
			return false;
	}
	g_array_append_val(self->taken, found);
	split(self->free_, &found);
	self->used += (uint64_t)width * height;
	*slot = found;
	return true;
}

bool atlas_take(struct atlas *self, uint32_t width, uint32_t height,
		struct atlas_slot *slot)
{
	return take(self, width, height, NULL, slot);
}

bool atlas_take_before(struct atlas *self, const struct atlas_slot *old,
		       struct atlas_slot *slot)
{
	return take(self, old->width, old->height, old, slot);
}

void atlas_give(struct atlas *self, struct atlas_slot slot)
{
	for (guint i = 0; i < self->taken->len; i++) {
		struct atlas_slot *t = &SLOT(self->taken, i);
		if (t->x != slot.x || t->y != slot.y)
			continue;
		self->used -= (uint64_t)t->width * t->height;
		g_array_append_val(self->free_, *t);
		g_array_remove_index_fast(self->taken, i);
		self->surveyed = false;
		return;
	}
}

uint64_t atlas_used(const struct atlas *self)
{
	return self->used;
}

size_t atlas_count(const struct atlas *self)
{
	return self->taken->len;
}
