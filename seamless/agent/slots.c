/* Which part of the atlas is whose, and since when others may have it.
 *
 * A place that a window has left is not free yet: the client may still read
 * it, until it releases a frame that lies elsewhere, or knows the window to be
 * gone. Nobody waits for that but who finds no room. When somebody does, a few
 * windows move up and left, which makes one large gap of many small ones; a
 * move never goes back, so this comes to an end. */
#include "seamless/agent/agent.h"

#include "common/log.h"

#define ALIGN    16u /* widths: encoders work in blocks, and gaps fit again */
#define MOVES    8   /* at once: each is drawn and sent anew */
#define AGAIN_US (10 * G_USEC_PER_SEC)

static void tell_full(struct agent *agent)
{
	gint64 now = g_get_monotonic_time();
	if (agent->told_full_us && now < agent->told_full_us + AGAIN_US)
		return;
	agent->told_full_us = now;
	log_warn(NULL, "The atlas is full: windows wait for room in it. "
		       "Close some, or give the machine a larger second "
		       "screen.");
	struct seam_message message = {.type = SEAM_ERROR};
	message.error.code = SEAM_FAULT_LIMIT;
	message.error.text = seam_text_of(
	    "The atlas is full; some windows wait for room in it.", 1024);
	agent_send(agent, &message);
}

/* Even if all its frames are released: the client may look there again until
 * it knows the new place. */
static void leave(struct window *self)
{
	if (self->slot.width)
		self->old[self->n_old++] =
		    (struct old_slot){self->slot, self->peer.frame + 1};
}

static int compare_places(gconstpointer a, gconstpointer b)
{
	const struct window *left = *(struct window *const *)a;
	const struct window *right = *(struct window *const *)b;
	if (left->slot.y != right->slot.y)
		return left->slot.y > right->slot.y ? -1 : 1;
	return left->slot.x > right->slot.x   ? -1
	       : left->slot.x < right->slot.x ? 1
					      : 0;
}

/* The lowest windows that have nothing outstanding go where there is room
 * further up. */
static void make_room(struct agent *agent)
{
	g_autoptr(GPtrArray) order = g_ptr_array_new();
	int moves = 0;
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		if (w->slot.width && !w->n_old && w->committed && w->shown &&
		    w->drawn_width == (uint32_t)w->width &&
		    w->drawn_height == (uint32_t)w->height)
			g_ptr_array_add(order, w);
	}
	g_ptr_array_sort(order, compare_places);
	for (guint i = 0; i < order->len && moves < MOVES; i++) {
		struct window *w = order->pdata[i];
		struct atlas_slot slot;
		if (!atlas_take_before(agent->atlas, &w->slot, &slot))
			continue;
		leave(w);
		w->slot = slot;
		paint_whole(w);
		moves++;
	}
}

void slots_leave(struct window *self)
{
	leave(self);
	self->slot = (struct atlas_slot){0};
}

enum slots_found slots_take(struct window *self)
{
	struct agent *agent = self->agent;
	uint32_t width = ((uint32_t)self->width + ALIGN - 1) / ALIGN * ALIGN;
	struct atlas_slot slot;
	if (self->slot.width && self->n_old == SLOTS_OLD)
		return SLOTS_SOON; /* nothing of all that has been let go */
	if (!atlas_take(agent->atlas, width, (uint32_t)self->height + 1,
			&slot)) {
		uint32_t have_width, have_height;
		atlas_size(agent->atlas, &have_width, &have_height);
		/* the events of its new size bring everybody here again */
		if (output_grow(agent, width,
				self->height + 1 > (int)have_height
				    ? (unsigned)self->height + 1
				    : 0))
			return SLOTS_SOON;
		make_room(agent);
		tell_full(agent);
		return SLOTS_NONE;
	}
	leave(self);
	self->slot = slot;
	return SLOTS_TAKEN;
}

/* There is room again: whoever waits may try. */
static void room_again(struct agent *agent)
{
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		if (w->starved) {
			w->starved = false;
			agent_step_soon(agent);
		}
	}
}

static void give_old(struct window *self, uint32_t released, bool all)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < self->n_old; i++) {
		if (all || (int32_t)(released - self->old[i].until) >= 0)
			atlas_give(self->agent->atlas, self->old[i].slot);
		else
			self->old[kept++] = self->old[i];
	}
	bool room = kept < self->n_old;
	self->n_old = kept;
	if (room)
		room_again(self->agent);
}

void slots_released(struct window *self)
{
	give_old(self, self->peer.released, false);
	if (self->n_rects || (self->dirty & DIRTY_COMMIT))
		agent_step_soon(self->agent);
}

void slots_forget_window(struct window *self)
{
	self->peer.released = self->peer.frame;
	give_old(self, 0, true);
	self->starved = false;
}

static void give_array(struct agent *agent, const GArray *array)
{
	for (guint i = 0; i < array->len; i++)
		atlas_give(agent->atlas,
			   g_array_index(array, struct atlas_slot, i));
}

void slots_forget_peer(struct agent *agent)
{
	GHashTableIter iter;
	gpointer array;
	g_hash_table_iter_init(&iter, agent->gone);
	while (g_hash_table_iter_next(&iter, NULL, &array))
		give_array(agent, array);
	g_hash_table_remove_all(agent->gone);
	agent->told_full_us = 0;
}

void slots_destroy_acked(struct agent *agent, uint32_t id)
{
	GArray *array = g_hash_table_lookup(agent->gone, GUINT_TO_POINTER(id));
	if (!array)
		return;
	give_array(agent, array);
	g_hash_table_remove(agent->gone, GUINT_TO_POINTER(id));
	room_again(agent);
}

void slots_end(struct window *self, bool announced)
{
	struct agent *agent = self->agent;
	if (!self->slot.width)
		return;
	GArray *array = g_array_new(FALSE, FALSE, sizeof(struct atlas_slot));
	g_array_append_val(array, self->slot);
	for (unsigned i = 0; i < self->n_old; i++)
		g_array_append_val(array, self->old[i].slot);
	g_hash_table_insert(agent->gone, GUINT_TO_POINTER(self->peer.id),
			    array);
	self->slot = (struct atlas_slot){0};
	self->n_old = 0;
	if (!announced)
		slots_destroy_acked(agent, self->peer.id);
}

static void draw_all(struct agent *agent)
{
	for (guint i = 0; i < agent->windows->len; i++)
		paint_whole(agent->windows->pdata[i]);
	room_again(agent);
}

void slots_new_atlas(struct agent *agent, uint32_t width, uint32_t height)
{
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		w->slot = (struct atlas_slot){0};
		w->n_old = 0;
	}
	g_hash_table_remove_all(agent->gone);
	atlas_destroy(agent->atlas);
	agent->atlas = atlas_create(width, height);
	draw_all(agent);
}

void slots_grown_atlas(struct agent *agent, uint32_t width, uint32_t height)
{
	atlas_grow(agent->atlas, width, height);
	draw_all(agent);
}
