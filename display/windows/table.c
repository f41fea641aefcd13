#include "display/windows/table.h"

#include <string.h>

/* More rectangles than this are their bounding box. */
#define DAMAGE_RECTS_MAX 256u

struct table {
	GHashTable *by_id;
	GPtrArray *list;
};

static void window_free(void *data)
{
	struct window *window = data;
	atlas_damage_finish(&window->changed);
	atlas_damage_finish(&window->due);
	g_array_unref(window->waits_damage);
	g_free(window);
}

struct table *table_new(void)
{
	struct table *self = g_new0(struct table, 1);
	self->by_id = g_hash_table_new(NULL, NULL);
	self->list = g_ptr_array_new_with_free_func(window_free);
	return self;
}

void table_free(struct table *self)
{
	if (!self)
		return;
	g_hash_table_unref(self->by_id);
	g_ptr_array_unref(self->list);
	g_free(self);
}

void table_clear(struct table *self)
{
	g_hash_table_remove_all(self->by_id);
	g_ptr_array_set_size(self->list, 0);
}

struct window *table_find(struct table *self, uint32_t id)
{
	return g_hash_table_lookup(self->by_id, GUINT_TO_POINTER(id));
}

struct window *table_add(struct table *self, uint32_t id, uint8_t kind)
{
	struct window *window = table_find(self, id);
	if (window) /* repeated: only said again */
		return window;
	if (self->list->len >= SEAM_WINDOWS_MAX)
		return NULL;
	window = g_new0(struct window, 1);
	window->id = id;
	window->kind = kind;
	window->waits_damage =
	    g_array_new(FALSE, FALSE, sizeof(struct seam_rect));
	g_hash_table_insert(self->by_id, GUINT_TO_POINTER(id), window);
	g_ptr_array_add(self->list, window);
	return window;
}

void table_remove(struct table *self, uint32_t id)
{
	struct window *window = table_find(self, id);
	if (!window)
		return;
	g_hash_table_remove(self->by_id, GUINT_TO_POINTER(id));
	g_ptr_array_remove_fast(self->list, window);
}

unsigned table_count(const struct table *self)
{
	return self->list->len;
}

struct window *table_at(struct table *self, unsigned i)
{
	return i < self->list->len ? self->list->pdata[i] : NULL;
}

uint64_t table_pixels(struct table *self, const struct window *but)
{
	uint64_t pixels = 0;
	for (guint i = 0; i < self->list->len; i++) {
		const struct window *window = self->list->pdata[i];
		if (window == but)
			continue;
		const struct atlas_place *place = window->waiting
						      ? &window->waits.place
						      : &window->shown.place;
		pixels += (uint64_t)place->width * place->height;
	}
	return pixels;
}

/* ---- commits ---- */

static void note_damage(struct window *window, const struct seam_rect *r)
{
	GArray *rects = window->waits_damage;
	if (rects->len < DAMAGE_RECTS_MAX) {
		g_array_append_val(rects, *r);
		return;
	}
	/* too many: from now on the first one grows around all */
	struct seam_rect *box = &g_array_index(rects, struct seam_rect, 0);
	for (guint i = 1; i <= rects->len; i++) {
		const struct seam_rect *with =
		    i < rects->len ? &g_array_index(rects, struct seam_rect, i)
				   : r;
		int32_t right = MAX(box->x + (int32_t)box->width,
				    with->x + (int32_t)with->width);
		int32_t bottom = MAX(box->y + (int32_t)box->height,
				     with->y + (int32_t)with->height);
		box->x = MIN(box->x, with->x);
		box->y = MIN(box->y, with->y);
		box->width = (uint32_t)(right - box->x);
		box->height = (uint32_t)(bottom - box->y);
	}
	g_array_set_size(rects, 1);
}

static struct frame frame_of(const struct seam_commit *commit)
{
	return (struct frame){
	    .place = {.head = commit->head,
		      .x = commit->atlas_x,
		      .y = commit->atlas_y,
		      .width = commit->width,
		      .height = commit->height},
	    .generation = commit->generation,
	    .number = commit->frame,
	    .configure = commit->configure,
	    .refused = commit->refused,
	    .scale = commit->scale,
	    .left = commit->frame_left,
	    .top = commit->frame_top,
	    .right = commit->frame_right,
	    .bottom = commit->frame_bottom,
	};
}

/* An answer that was not told yet is not lost. */
static void keep_answer(struct frame *next, const struct frame *untold)
{
	if (next->configure)
		return;
	next->configure = untold->configure;
	next->refused = untold->refused;
}

void window_go_by_port(struct window *window)
{
	if (window->by_port)
		return;
	window->by_port = true;
	if (window->waiting && window->told_due)
		keep_answer(&window->waits, &window->shown);
	if (window->waiting)
		window->shown = window->waits;
	else if (!window->told_due)
		window->shown.configure = 0; /* told already */
	window->waiting = window->valid = window->told_due = false;
	window->at.w = 0;
	atlas_damage_finish(&window->changed);
	atlas_damage_finish(&window->due);
}

void window_commit_by_port(struct window *window,
			   const struct seam_commit *commit)
{
	struct frame next = frame_of(commit);
	window_go_by_port(window);
	keep_answer(&next, &window->shown);
	window->shown = next;
}

void window_commit(struct window *window, const struct seam_commit *commit,
		   gint64 now_us)
{
	struct frame next = frame_of(commit);
	window->by_port = false;
	const struct frame *before =
	    window->waiting ? &window->waits : &window->shown;
	bool had = window->waiting || window->valid;
	bool moved = !had || next.generation != before->generation ||
		     !atlas_same_place(&next.place, &before->place);
	if (window->waiting)
		keep_answer(&next, &window->waits);
	if (!window->waiting) {
		window->waits_whole = false;
		window->waits_since_us = now_us;
		g_array_set_size(window->waits_damage, 0);
	}
	window->waits_whole |= moved;
	window->waits = next;
	window->waiting = true;
	if (window->waits_whole)
		return;
	for (uint32_t i = 0; i < commit->damage.count; i++) {
		struct seam_rect r = seam_rect_at(commit->damage, i);
		note_damage(window, &r);
	}
}

void window_accept(struct window *window, const struct rect *at)
{
	/* one that was not sent: its answer goes with this one */
	if (window->told_due)
		keep_answer(&window->waits, &window->shown);
	window->shown = window->waits;
	window->waiting = false;
	window->told_due = true;
	if (window->waits_whole || !window->valid) {
		window->at = *at;
		atlas_damage_init(&window->changed, at);
		atlas_damage_init(&window->due, at);
		atlas_damage_all(&window->due);
		window->valid = true;
		return;
	}
	for (guint i = 0; i < window->waits_damage->len; i++)
		atlas_damage_move(
		    &window->changed, &window->due,
		    &g_array_index(window->waits_damage, struct seam_rect, i));
}
