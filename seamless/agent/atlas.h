/* atlas.h - packs rectangles into one large one, without overlap.
 *
 * Pure arithmetic over the list of what is taken: maximal free rectangles,
 * best short side first. What was given back is used at once if it fits as it
 * is; the whole is surveyed anew only when nothing fits.
 * Threads: one. Units: pixels. Fails: atlas_take() answers false when there
 * is no room, atlas_create() NULL without memory; nothing else can fail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct atlas;

struct atlas_slot {
	uint32_t x, y, width, height; /* width 0: none */
};

struct atlas *atlas_create(uint32_t width, uint32_t height);
void atlas_destroy(struct atlas *self);

/* A larger whole (never smaller); what is taken stays where it is. */
void atlas_grow(struct atlas *self, uint32_t width, uint32_t height);
void atlas_size(const struct atlas *self, uint32_t *width, uint32_t *height);

bool atlas_take(struct atlas *self, uint32_t width, uint32_t height,
		struct atlas_slot *slot);
/* As atlas_take(), but only where it ends above and left of `slot`'s own
 * place: a move that makes the rest more compact. */
bool atlas_take_before(struct atlas *self, const struct atlas_slot *old,
		       struct atlas_slot *slot);
void atlas_give(struct atlas *self, struct atlas_slot slot);

/* Pixels taken, and how many rectangles they are. */
uint64_t atlas_used(const struct atlas *self);
size_t atlas_count(const struct atlas *self);
