/* The atlas is a head of the machine like any other, but no person looks at
 * it. It gets a shadow picture of its own, so that the desktop, its size and
 * everything that viewers are told stays free of it. */
#include "display/display-private.h"
#include "display/pixels.h"

struct desktop *display_picture_of(struct display *self, unsigned head)
{
	return self->atlas && (int)head == self->atlas_head ? self->atlas
							    : self->desktop;
}

/* What a head shows goes over from one picture to the other. */
static void hand_over(struct desktop *from, struct desktop *to, unsigned head)
{
	struct desktop_change unseen;
	struct rect at;
	if (!desktop_head(from, head, &at))
		return;
	/* what it changes is told as a new layout, below */
	desktop_commit(from, NULL, &unseen);
	unsigned width = desktop_width(from);
	const uint32_t *pixels =
	    desktop_pixels(from) + (size_t)at.y * width + at.x;
	if (desktop_set_head(to, head, at.w, at.h, NULL))
		desktop_write(to, head, &(struct rect){0, 0, at.w, at.h},
			      width * 4, PIXELS_X8R8G8B8,
			      (const uint8_t *)pixels,
			      ((size_t)(at.h - 1) * width + at.w) * 4, NULL);
	desktop_set_head(from, head, 0, 0, NULL);
}

void display_set_atlas(struct display *self, int head)
{
	if (head == self->atlas_head)
		return;
	display_marks_off(self);
	/* a machine that is not there shows its heads when it comes back */
	if (self->atlas && source_is_connected(self->source))
		hand_over(self->atlas, self->desktop, self->atlas_head);
	g_clear_pointer(&self->atlas, desktop_free);
	self->atlas_head = head;
	if (head >= 0) {
		self->atlas = desktop_new();
		hand_over(self->desktop, self->atlas, head);
	}
	display_marks_on(self);
	display_begin_round(self);
}

int display_atlas_head(const struct display *self)
{
	return self->atlas_head;
}

const struct desktop *display_atlas(const struct display *self)
{
	return self->atlas;
}

void display_size_atlas(struct display *self, unsigned width, unsigned height)
{
	if (self->atlas_head >= 0)
		source_set_head(self->source, self->atlas_head, 0, 0, width,
				height);
}

unsigned display_heads(const struct display *self)
{
	return source_heads(self->source);
}

void display_atlas_round(struct display *self)
{
	struct desktop_change change;
	/* no movement is looked for: each window is compared by its tiles */
	struct rect everywhere = {0};
	if (!self->atlas || self->reading >> self->atlas_head & 1)
		return;
	everywhere.w = desktop_width(self->atlas);
	everywhere.h = desktop_height(self->atlas);
	if (!desktop_commit(self->atlas, &everywhere, &change))
		return;
	for (guint i = 0; i < self->viewers->len; i++) {
		struct viewer *viewer = self->viewers->pdata[i];
		if (viewer->ops->atlas_changed)
			viewer->ops->atlas_changed(viewer, &change);
	}
}
