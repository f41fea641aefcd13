/* atlas.h - where windows lie in the atlas head, and what of them is new.
 *
 * A COMMIT tells where a window's contents are; its pixels come by another
 * way. The agent's stamp beside the rectangle says which frame they are of
 * (docs/seamless.md, "Atlas"). A commit is accepted when its stamp has come,
 * or when it has waited for so long that none will.
 *
 * Threads: the main loop's. Units: pixels. */
#pragma once

#include "display/desktop.h"
#include "seamless/wire.h"

/* A place of one window's contents. */
struct atlas_place {
	unsigned head;
	uint32_t x, y, width, height; /* in the head */
};

/* Damage of a place, kept in the desktop's own tiles so that it is exact:
 * a bitmap over the tiles that the place touches. */
struct atlas_damage {
	struct damage tiles;
	unsigned left, top; /* of the contents inside the first tile */
};

bool atlas_same_place(const struct atlas_place *a, const struct atlas_place *b);
/* Its rectangle of the desktop; false while the head is not so large. */
bool atlas_find(const struct desktop *desktop, const struct atlas_place *place,
		struct rect *at);
/* Whether the pixels of that frame, or of a later one, are there. */
bool atlas_has_frame(const struct desktop *desktop, const struct rect *at,
		     uint32_t window, uint32_t generation, uint32_t frame);

void atlas_damage_init(struct atlas_damage *self, const struct rect *at);
void atlas_damage_finish(struct atlas_damage *self);
/* Takes over what changed of the desktop under the place. */
void atlas_damage_join(struct atlas_damage *self, const struct rect *at,
		       const struct damage *desktop);
/* Moves tiles under a rectangle of the contents from one to the other. */
void atlas_damage_move(struct atlas_damage *from, struct atlas_damage *to,
		       const struct seam_rect *part);
void atlas_damage_all(struct atlas_damage *self);
/* Takes the next rectangle out, in coordinates of the contents. */
bool atlas_damage_take(struct atlas_damage *self, unsigned side,
		       struct rect *out);
