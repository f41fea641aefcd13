/* Which windows there are, by looking; and how the client hears of them. */
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/events.h"
#include "seamless/win32/log.h"

#define LOOK_US 8000 /* between two looks, however much happens */

void windows_stir(struct agent *agent, HWND hwnd)
{
	int64_t now = time_now();
	struct window *w = hwnd ? window_of_hwnd(agent, hwnd) : NULL;
	if (w)
		w->stir_us = now;
	agent->stirred_us = now;
	agent->look_due = sooner(agent->look_due, now + LOOK_US);
}

struct window *window_of_id(struct agent *agent, uint32_t id)
{
	for (unsigned i = 0; i < agent->n_windows; i++)
		if (agent->windows[i]->peer.id == id)
			return agent->windows[i];
	return NULL;
}

struct window *window_of_hwnd(struct agent *agent, HWND hwnd)
{
	for (unsigned i = 0; i < agent->n_windows; i++)
		if (agent->windows[i]->hwnd == hwnd)
			return agent->windows[i];
	return NULL;
}

static bool is_popup(const struct window *self)
{
	return self->peer.kind != SEAM_TOPLEVEL;
}

/* A popup belongs to the window it was opened from: its owner, else the
 * active window of its thread. */
static struct window *parent_of(struct window *self)
{
	struct agent *agent = self->agent;
	HWND hwnd = self->owner;
	struct window *w = NULL;
	for (int depth = 0; hwnd && !w && depth < 16; depth++) {
		w = window_of_hwnd(agent, GetAncestor(hwnd, GA_ROOT));
		hwnd = GetWindow(hwnd, GW_OWNER);
	}
	if (!w || w == self) {
		GUITHREADINFO info = {.cbSize = sizeof info};
		w = NULL;
		if (GetGUIThreadInfo(self->thread, &info)) {
			HWND from = info.hwndMenuOwner ? info.hwndMenuOwner
				    : info.hwndActive  ? info.hwndActive
						       : info.hwndFocus;
			w = from ? window_of_hwnd(agent,
						  GetAncestor(from, GA_ROOT))
				 : NULL;
		}
	}
	return w == self ? NULL : w;
}

static struct window *window_new(struct agent *agent, HWND hwnd,
				 enum seam_kind kind)
{
	if (agent->n_windows == WINDOWS_KEPT) {
		log_line("More than %u windows are open; further ones stay in "
			 "the machine until some are closed.",
			 (unsigned)WINDOWS_KEPT);
		return NULL;
	}
	struct window *self = calloc(1, sizeof *self);
	if (!self)
		return NULL;
	self->agent = agent;
	self->hwnd = hwnd;
	/* never used again: 2^32 windows outlast every session */
	self->peer.id = ++agent->next_id;
	self->peer.kind = kind;
	self->shift_x = agent->origin_x - agent->room.left;
	self->shift_y = agent->origin_y - agent->room.top;
	self->opacity = 255;
	self->shown = true;
	self->dirty = DIRTY_CREATE | DIRTY_PROPS | DIRTY_ICON;
	self->changed_us = self->stir_us = time_now();
	pixels_init(&self->pixels);
	props_read(self);
	/* so that tests and tools know them by the same number */
	SetPropW(hwnd, L"OrielWindow", (HANDLE)(UINT_PTR)self->peer.id);
	if (kind != SEAM_TOPLEVEL) {
		self->parent = parent_of(self);
		self->grabbed = self->type == SEAM_TYPE_POPUP_MENU ||
				self->type == SEAM_TYPE_COMBO;
	}
	agent->windows[agent->n_windows++] = self;
	return self;
}

void window_free(struct window *self)
{
	struct agent *agent = self->agent;
	bool announced = self->announced;
	for (unsigned i = 0; i < agent->n_windows; i++)
		if (agent->windows[i]->parent == self)
			agent->windows[i]->parent = NULL;
	if (announced) {
		if (self->grabbed)
			agent_request(self, SEAM_UNGRAB);
		self->announced = false;
		agent->n_announced--;
		struct seam_message message = {.type = SEAM_WIN_DESTROY,
					       .window = self->peer.id};
		agent_send(agent, &message);
	}
	/* its pixels may still be read, until the client says otherwise */
	slots_end(self, announced);
	pixels_finish(self);
	byport_end(self);
	if (agent->focus == self)
		agent->focus = NULL;
	if (agent->held == self)
		agent->held = NULL;
	for (unsigned i = 0; i < agent->n_windows; i++)
		if (agent->windows[i] == self) {
			/* keeps the order: parents come before popups */
			memmove(agent->windows + i, agent->windows + i + 1,
				(agent->n_windows - i - 1) *
				    sizeof *agent->windows);
			agent->n_windows--;
			break;
		}
	if (IsWindow(self->hwnd))
		RemovePropW(self->hwnd, L"OrielWindow");
	free(self);
}

void window_forget_peer(struct window *self)
{
	self->announced = false;
	self->dirty |= DIRTY_CREATE | DIRTY_PROPS | DIRTY_ICON;
	self->shown = true;
	memset(&self->peer.turn, 0, sizeof self->peer.turn);
	self->committed = false;
	self->expecting = false;
	self->told_states = self->states;
	slots_forget_window(self);
	byport_end(self); /* the next one may not take it */
	paint_whole(self);
}

/* ---- looking ---- */

static struct {
	HWND hwnd[WINDOWS_KEPT * 2];
	unsigned count;
} found;

static BOOL CALLBACK on_window(HWND hwnd, LPARAM data)
{
	(void)data;
	if (IsWindowVisible(hwnd) && found.count < ARRAY_SIZE(found.hwnd))
		found.hwnd[found.count++] = hwnd;
	return TRUE;
}

static void look_at(struct agent *agent, HWND hwnd)
{
	enum seam_kind kind;
	if (!props_wanted(agent, hwnd, &kind))
		return;
	struct window *w = window_of_hwnd(agent, hwnd);
	if (w && w->peer.kind != kind) { /* another window by now */
		window_free(w);
		w = NULL;
	}
	if (w)
		props_read(w);
	else
		w = window_new(agent, hwnd, kind);
	if (w)
		w->seen = true;
}

void windows_look(struct agent *agent)
{
	unsigned before = agent->n_windows;
	uint32_t newest = agent->next_id;
	for (unsigned i = 0; i < agent->n_windows; i++)
		agent->windows[i]->seen = false;
	found.count = 0;
	EnumWindows(on_window, 0);
	/* from the bottom: owners are met before what they own */
	for (unsigned i = found.count; i-- > 0;)
		look_at(agent, found.hwnd[i]);
	for (unsigned i = agent->n_windows; i-- > 0;)
		if (!agent->windows[i]->seen)
			window_free(agent->windows[i]);
	if (agent->n_windows != before || agent->next_id != newest) {
		events_found(time_now());
		agent->stirred_us = time_now();
	}
	for (unsigned i = 0; i < agent->n_windows; i++) {
		struct window *w = agent->windows[i];
		if (is_popup(w) && !w->parent && !w->announced)
			w->parent = parent_of(w);
		if (!is_popup(w))
			place_compare(w);
	}
	place_restack(agent, found.hwnd, found.count);
	place_foreground(agent);
	paint_follow_screens(agent);
}

/* ---- telling ---- */

/* Where a popup is for the client: from its parent's corner, or on the
 * client's screens where nobody is its parent. */
static void popup_place(const struct window *self, int *x, int *y)
{
	const struct window *parent = self->parent;
	*x = self->place.left - (parent ? parent->place.left : -self->shift_x);
	*y = self->place.top - (parent ? parent->place.top : -self->shift_y);
}

static struct seam_rect area_at(const struct window *self, int x, int y)
{
	return (struct seam_rect){
	    most(least(x, 65536), -65536), most(least(y, 65536), -65536),
	    (uint32_t)(self->place.right - self->place.left),
	    (uint32_t)(self->place.bottom - self->place.top)};
}

static unsigned count_popups(const struct agent *agent)
{
	unsigned n = 0;
	for (unsigned i = 0; i < agent->n_windows; i++)
		n +=
		    agent->windows[i]->announced && is_popup(agent->windows[i]);
	return n;
}

static bool announce(struct window *self)
{
	struct agent *agent = self->agent;
	if (self->parent && !self->parent->announced)
		return false;
	if (agent->n_announced >= agent->peer_windows_max)
		return false; /* its turn comes when another has gone */
	if (is_popup(self) && count_popups(agent) >= SEAM_POPUPS_MAX)
		return false;
	struct seam_message message = {.type = SEAM_WIN_CREATE,
				       .window = self->peer.id};
	struct seam_win_create *create = &message.win_create;
	create->kind = (uint8_t)self->peer.kind;
	create->area = area_at(self, self->place.left + self->shift_x,
			       self->place.top + self->shift_y);
	if (is_popup(self)) {
		create->parent = self->parent ? self->parent->peer.id : 0;
		popup_place(self, &self->place_x, &self->place_y);
		create->area = area_at(self, self->place_x, self->place_y);
	}
	self->wanted = self->place;
	self->wanted_states = self->told_states = self->states;
	self->wish = create->area;
	agent_send(agent, &message);
	self->announced = true;
	agent->n_announced++;
	if (!is_popup(self))
		launches_window(self);
	if (self->grabbed)
		agent_request(self, SEAM_GRAB);
	self->dirty &= ~(unsigned)(DIRTY_CREATE | DIRTY_PLACE | DIRTY_STATES);
	self->dirty |= DIRTY_PROPS | DIRTY_ICON | DIRTY_COMMIT;
	return true;
}

static void tell_place(struct window *self)
{
	struct seam_message message = {.type = SEAM_GEOM_REQ,
				       .window = self->peer.id};
	struct seam_geom_req *request = &message.geom_req;
	if (is_popup(self)) {
		int x, y;
		popup_place(self, &x, &y);
		if (x == self->place_x && y == self->place_y)
			return; /* it moved with its parent */
		self->place_x = x;
		self->place_y = y;
		request->area = area_at(self, x, y);
	} else {
		request->based_on = self->peer.turn.last;
		request->area = self->wish;
	}
	agent_send(self->agent, &message);
}

static void tell_states(struct window *self)
{
	struct seam_message message = {.type = SEAM_STATE_REQ,
				       .window = self->peer.id};
	message.state_req.set = self->states & ~self->wanted_states;
	message.state_req.clear = self->wanted_states & ~self->states;
	if (message.state_req.set | message.state_req.clear)
		agent_send(self->agent, &message);
}

void windows_announce(struct agent *agent)
{
	for (unsigned i = 0; i < agent->n_windows; i++) {
		struct window *self = agent->windows[i];
		if (!link_has_room(agent->link))
			return;
		if ((self->dirty & DIRTY_CREATE) && !announce(self))
			continue;
		if (self->dirty & DIRTY_PROPS)
			props_send(self);
		if (self->dirty & DIRTY_ICON)
			props_send_icon(self);
		if (self->dirty & DIRTY_STATES)
			tell_states(self);
		if (self->dirty & DIRTY_PLACE)
			tell_place(self);
		self->dirty &= DIRTY_COMMIT;
	}
}

bool windows_all_told(const struct agent *agent)
{
	for (unsigned i = 0; i < agent->n_windows; i++) {
		const struct window *w = agent->windows[i];
		if (w->starved && !w->by_port)
			continue;
		if (!w->announced) {
			if (agent->n_announced >= agent->peer_windows_max ||
			    count_popups(agent) >= SEAM_POPUPS_MAX)
				continue;
			return false;
		}
		if (!w->committed)
			return false;
	}
	return true;
}
