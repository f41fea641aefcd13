/* Which part of the atlas is whose, and since when others may have it: as in
 * the X11 agent (seamless/agent/slots.c). A place that a window has left is
 * free when the client has released a frame that lies elsewhere, or knows the
 * window to be gone. When nothing fits, a few windows move up and left; a move
 * never goes back, so this comes to an end. */
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/log.h"

#define ALIGN    16u
#define MOVES    8
#define AGAIN_US (10 * 1000000)

static void tell_full(struct agent *agent)
{
	int64_t now = time_now();
	if (agent->told_full_us && now < agent->told_full_us + AGAIN_US)
		return;
	agent->told_full_us = now;
	log_line("The atlas is full: windows wait for room in it. Close some, "
		 "or give the machine a larger second screen.");
	struct seam_message message = {.type = SEAM_ERROR};
	message.error.code = SEAM_FAULT_LIMIT;
	message.error.text = seam_text_of(
	    "The atlas is full; some windows wait for room in it.", 1024);
	agent_send(agent, &message);
}

static void leave(struct window *self)
{
	if (self->slot.width)
		self->old[self->n_old++] =
		    (struct old_slot){self->slot, self->peer.frame + 1};
}

static int compare_places(const void *a, const void *b)
{
	const struct window *left = *(struct window *const *)a;
	const struct window *right = *(struct window *const *)b;
	if (left->slot.y != right->slot.y)
		return left->slot.y > right->slot.y ? -1 : 1;
	return left->slot.x > right->slot.x   ? -1
	       : left->slot.x < right->slot.x ? 1
					      : 0;
}

static void make_room(struct agent *agent)
{
	struct window *order[WINDOWS_KEPT];
	size_t n = 0;
	int moves = 0;
	for (unsigned i = 0; i < agent->n_windows; i++) {
		struct window *w = agent->windows[i];
		if (w->slot.width && !w->n_old && w->committed && w->shown &&
		    !w->iconic)
			order[n++] = w;
	}
	qsort(order, n, sizeof *order, compare_places);
	for (size_t i = 0; i < n && moves < MOVES; i++) {
		struct window *w = order[i];
		struct atlas_slot slot;
		if (!atlas_take_before(agent->atlas, &w->slot, &slot))
			continue;
		leave(w);
		w->slot = slot;
		paint_whole(w);
		moves++;
	}
}

bool slots_take(struct window *self)
{
	struct agent *agent = self->agent;
	uint32_t width = (uint32_t)(self->place.right - self->place.left);
	uint32_t height = (uint32_t)(self->place.bottom - self->place.top);
	struct atlas_slot slot;
	if (self->slot.width && self->n_old == SLOTS_OLD)
		return false; /* nothing of all that has been let go */
	if (!atlas_take(agent->atlas, (width + ALIGN - 1) / ALIGN * ALIGN,
			height + 1, &slot)) {
		make_room(agent);
		tell_full(agent);
		return false;
	}
	leave(self);
	self->slot = slot;
	return true;
}

bool slots_leave(struct window *self)
{
	if (self->slot.width && self->n_old == SLOTS_OLD)
		return false;
	leave(self);
	self->slot = (struct atlas_slot){0};
	return true;
}

static void room_again(struct agent *agent)
{
	for (unsigned i = 0; i < agent->n_windows; i++)
		agent->windows[i]->starved = false;
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
}

void slots_forget_window(struct window *self)
{
	self->peer.released = self->peer.frame;
	give_old(self, 0, true);
	self->starved = false;
}

static void give_gone(struct agent *agent, unsigned index)
{
	struct gone *gone = &agent->gone[index];
	for (unsigned i = 0; i < gone->count; i++)
		atlas_give(agent->atlas, gone->slots[i]);
	*gone = agent->gone[--agent->n_gone];
}

void slots_forget_peer(struct agent *agent)
{
	while (agent->n_gone)
		give_gone(agent, agent->n_gone - 1);
	agent->told_full_us = 0;
}

void slots_destroy_acked(struct agent *agent, uint32_t id)
{
	for (unsigned i = 0; i < agent->n_gone; i++)
		if (agent->gone[i].id == id) {
			give_gone(agent, i);
			room_again(agent);
			return;
		}
}

void slots_end(struct window *self, bool announced)
{
	struct agent *agent = self->agent;
	if (!self->slot.width && !self->n_old)
		return;
	/* a client that acknowledges nothing gives up the oldest */
	if (agent->n_gone == ARRAY_SIZE(agent->gone))
		give_gone(agent, 0);
	struct gone *gone = &agent->gone[agent->n_gone++];
	*gone = (struct gone){.id = self->peer.id};
	if (self->slot.width)
		gone->slots[gone->count++] = self->slot;
	for (unsigned i = 0; i < self->n_old; i++)
		gone->slots[gone->count++] = self->old[i].slot;
	self->slot = (struct atlas_slot){0};
	self->n_old = 0;
	if (!announced)
		slots_destroy_acked(agent, self->peer.id);
}

void slots_void(struct agent *agent)
{
	for (unsigned i = 0; i < agent->n_windows; i++) {
		struct window *w = agent->windows[i];
		w->slot = (struct atlas_slot){0};
		w->n_old = 0;
		w->starved = false;
		paint_whole(w);
	}
	agent->n_gone = 0;
}
