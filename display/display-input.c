/* Keys, pointer and wishes for sizes, from viewers to the machine. */
#include <string.h>

#include "display/display-private.h"

static bool held_elsewhere(const struct viewer *viewer, unsigned keycode)
{
	const struct display *self = viewer->display;
	for (guint i = 0; i < self->viewers->len; i++) {
		const struct viewer *other = self->viewers->pdata[i];
		if (other != viewer &&
		    other->keys[keycode / 8] >> keycode % 8 & 1)
			return true;
	}
	return false;
}

void display_note_input(struct display *self)
{
	self->input = g_get_monotonic_time();
	if (self->hooks && self->hooks->input)
		self->hooks->input(self->hooks_data);
}

gint64 display_input_us(const struct display *self)
{
	return self->input;
}

void display_key(struct viewer *viewer, unsigned keycode, bool down)
{
	guint8 *keys = viewer->keys;
	if (viewer->view_only)
		return;
	display_note_input(viewer->display);
	if (down)
		viewer->display->pressed = viewer->display->input;
	if (!keycode || keycode > 255)
		return;
	if (down)
		keys[keycode / 8] |= 1u << keycode % 8;
	else
		keys[keycode / 8] &= ~(1u << keycode % 8);
	if (!down && held_elsewhere(viewer, keycode))
		return;
	source_key(viewer->display->source, keycode, down);
}

/* The head under a place; beside all of them, the nearest one's edge. */
static bool find_head(const struct display *self, unsigned *x, unsigned *y,
		      unsigned *head)
{
	struct desktop_head heads[DESKTOP_HEADS_MAX];
	unsigned count = desktop_heads(self->desktop, heads);
	guint64 best = G_MAXUINT64;
	unsigned best_x = 0, best_y = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct rect *at = &heads[i].at;
		unsigned in_x = CLAMP(*x, at->x, at->x + at->w - 1);
		unsigned in_y = CLAMP(*y, at->y, at->y + at->h - 1);
		gint64 dx = (gint64)*x - in_x, dy = (gint64)*y - in_y;
		guint64 far = dx * dx + dy * dy;
		if (far < best) {
			best = far;
			best_x = in_x - at->x;
			best_y = in_y - at->y;
			*head = heads[i].number;
		}
	}
	*x = best_x;
	*y = best_y;
	return count;
}

void display_pointer(struct viewer *viewer, unsigned x, unsigned y,
		     unsigned buttons)
{
	struct display *self = viewer->display;
	unsigned head, changed = viewer->buttons ^ buttons;
	if (viewer->view_only)
		return;
	display_note_input(self);
	if (changed)
		self->pressed = self->input;
	viewer->x = x;
	viewer->y = y;
	viewer->buttons = buttons;
	self->pointer_x = x;
	self->pointer_y = y;
	if (self->watch)
		self->watch->moved(self->watch_data);
	if (!find_head(self, &x, &y, &head))
		return;
	source_pointer(self->source, head, x, y);
	for (unsigned b = 0; b <= SOURCE_WHEEL_RIGHT; b++)
		if (changed >> b & 1)
			source_button(self->source, head, b, buttons >> b & 1);
}

void display_pointer_place(const struct display *self, unsigned *x, unsigned *y)
{
	*x = self->pointer_x;
	*y = self->pointer_y;
}

bool display_input_full(const struct display *self)
{
	return source_input_full(self->source);
}

unsigned display_heads_most(const struct display *self)
{
	return source_heads(self->source);
}

enum display_resize display_resize(struct display *self,
				   const struct desktop_head *heads,
				   unsigned count)
{
	unsigned have = source_heads(self->source);
	guint64 pixels = 0;
	if (!source_is_connected(self->source))
		return DISPLAY_RESIZE_LOST;
	if (!count || count > DESKTOP_HEADS_MAX)
		return DISPLAY_RESIZE_INVALID;
	for (unsigned i = 0; i < count; i++) {
		const struct rect *at = &heads[i].at;
		struct rect common;
		if (heads[i].number >= have ||
		    (int)heads[i].number == self->atlas_head || !at->w ||
		    !at->h || at->w > DESKTOP_SIDE_MAX ||
		    at->h > DESKTOP_SIDE_MAX ||
		    (guint64)at->w * at->h > DESKTOP_HEAD_PIXELS_MAX)
			return DISPLAY_RESIZE_INVALID;
		pixels += (guint64)at->w * at->h;
		for (unsigned k = 0; k < i; k++)
			if (heads[k].number == heads[i].number ||
			    rect_intersect(at, &heads[k].at, &common))
				return DISPLAY_RESIZE_INVALID;
	}
	if (pixels > DESKTOP_PIXELS_MAX)
		return DISPLAY_RESIZE_INVALID;
	struct desktop_head now[DESKTOP_HEADS_MAX];
	unsigned on = desktop_heads(self->desktop, now);
	bool same = on == count;
	for (unsigned i = 0; i < on && same; i++)
		same = now[i].number == heads[i].number &&
		       memcmp(&now[i].at, &heads[i].at, sizeof(now[i].at)) == 0;
	desktop_arrange(self->desktop, heads, count);
	if (desktop_layout_serial(self->desktop) != self->layout_serial)
		display_begin_round(self);
	for (unsigned n = 0; n < have; n++) {
		const struct rect *at = NULL;
		if ((int)n == self->atlas_head)
			continue; /* no viewer's */
		for (unsigned i = 0; i < count; i++)
			if (heads[i].number == n)
				at = &heads[i].at;
		if (at)
			source_set_head(self->source, n, at->x, at->y, at->w,
					at->h);
		else
			source_set_head(self->source, n, 0, 0, 0, 0);
	}
	return same ? DISPLAY_RESIZE_DONE : DISPLAY_RESIZE_FORWARDED;
}
