/* Maximal free rectangles overlap one another, which is what makes the fit
 * good; taking a place splits each one it touches. Giving back only adds the
 * place itself as one more free rectangle: right, if not maximal. When
 * nothing fits, the maximal ones are computed anew from what is taken. */
#include "seamless/agent/atlas.h"

#include <stdlib.h>

/* Plain C, since the Windows agent packs with it too. */
struct list {
	struct atlas_slot *slot;
	size_t count, room;
};

struct atlas {
	uint32_t width, height;
	struct list taken, free_;
	bool surveyed; /* free_ holds every maximal rectangle */
	uint64_t used;
};

static bool list_add(struct list *self, struct atlas_slot slot)
{
	if (self->count == self->room) {
		size_t room = self->room ? self->room * 2 : 64;
		struct atlas_slot *more =
		    realloc(self->slot, room * sizeof *more);
		if (!more)
			return false;
		self->slot = more;
		self->room = room;
	}
	self->slot[self->count++] = slot;
	return true;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

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
	struct atlas *self = calloc(1, sizeof *self);
	if (!self)
		return NULL;
	self->width = width;
	self->height = height;
	return self;
}

void atlas_destroy(struct atlas *self)
{
	if (!self)
		return;
	free(self->taken.slot);
	free(self->free_.slot);
	free(self);
}

void atlas_grow(struct atlas *self, uint32_t width, uint32_t height)
{
	if (width > self->width)
		self->width = width;
	if (height > self->height)
		self->height = height;
	self->surveyed = false;
}

void atlas_size(const struct atlas *self, uint32_t *width, uint32_t *height)
{
	*width = self->width;
	*height = self->height;
}

/* Cuts `hole` out of every free rectangle. Where memory runs out a part is
 * lost until the next survey: less room, nothing else. */
static bool split(struct list *free_, const struct atlas_slot *hole)
{
	size_t kept = 0;
	bool whole = true;
	struct list fresh = {0};
	for (size_t i = 0; i < free_->count; i++) {
		struct atlas_slot f = free_->slot[i];
		if (!touch(&f, hole)) {
			free_->slot[kept++] = f;
			continue;
		}
		struct atlas_slot part;
		if (hole->x > f.x) {
			part = f;
			part.width = hole->x - f.x;
			whole &= list_add(&fresh, part);
		}
		if (hole->x + hole->width < f.x + f.width) {
			part = f;
			part.x = hole->x + hole->width;
			part.width = f.x + f.width - part.x;
			whole &= list_add(&fresh, part);
		}
		if (hole->y > f.y) {
			part = f;
			part.height = hole->y - f.y;
			whole &= list_add(&fresh, part);
		}
		if (hole->y + hole->height < f.y + f.height) {
			part = f;
			part.y = hole->y + hole->height;
			part.height = f.y + f.height - part.y;
			whole &= list_add(&fresh, part);
		}
	}
	free_->count = kept;
	/* Only the new parts can lie inside another: what was untouched was
	 * maximal before. */
	for (size_t i = 0; i < fresh.count; i++) {
		const struct atlas_slot *one = &fresh.slot[i];
		bool useless = false;
		for (size_t k = 0; k < kept && !useless; k++)
			useless = inside(one, &free_->slot[k]);
		for (size_t k = 0; k < fresh.count && !useless; k++)
			useless = k != i && inside(one, &fresh.slot[k]) &&
				  (k < i || !inside(&fresh.slot[k], one));
		if (!useless)
			whole &= list_add(free_, *one);
	}
	free(fresh.slot);
	return whole;
}

static void survey(struct atlas *self)
{
	self->free_.count = 0;
	self->surveyed = list_add(
	    &self->free_, (struct atlas_slot){0, 0, self->width, self->height});
	for (size_t i = 0; i < self->taken.count; i++)
		self->surveyed &= split(&self->free_, &self->taken.slot[i]);
}

/* The free rectangle whose shorter rest is smallest; ties go up and left. */
static bool choose(const struct atlas *self, uint32_t width, uint32_t height,
		   const struct atlas_slot *before, struct atlas_slot *slot)
{
	uint32_t best = UINT32_MAX;
	for (size_t i = 0; i < self->free_.count; i++) {
		const struct atlas_slot *f = &self->free_.slot[i];
		if (f->width < width || f->height < height)
			continue;
		if (before && (f->y > before->y ||
			       (f->y == before->y && f->x >= before->x)))
			continue;
		uint32_t rest = least(f->width - width, f->height - height);
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
	if (!list_add(&self->taken, found))
		return false;
	split(&self->free_, &found);
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
	for (size_t i = 0; i < self->taken.count; i++) {
		struct atlas_slot *t = &self->taken.slot[i];
		if (t->x != slot.x || t->y != slot.y)
			continue;
		self->used -= (uint64_t)t->width * t->height;
		list_add(&self->free_, *t);
		*t = self->taken.slot[--self->taken.count];
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
	return self->taken.count;
}
