/* Geometry, states, stacking and focus, from both sides.
 *
 * What the client asks for is given to Windows asynchronously, so that a hung
 * program never holds the agent, and remembered as what is expected. What a
 * look then finds is an answer if it is that, or if the program has handled
 * the request and is still otherwise: then it has refused. Whatever differs
 * while nothing is expected is the program's own wish and told as one. */
#include "seamless/win32/agent.h"

#include <string.h>

#define REFUSE_US (80 * 1000)   /* after the program has handled it */
#define HUNG_US   (1000 * 1000) /* it has not */
#define DRAW_US   (120 * 1000)  /* to draw the new size, at most */
#define STACK_US  (150 * 1000)
#define EXPOSE_MS 100
#define QUIET_SWP (SWP_NOACTIVATE | SWP_ASYNCWINDOWPOS)
/* what Windows shows as its own; the others are the client's alone */
#define STATES (SEAM_MAXIMIZED | SEAM_MINIMIZED | SEAM_ABOVE)

/* ---- the client's wishes ---- */

/* What maximized programs fill by themselves, until the client says where. */
static void set_work(struct agent *agent, struct seam_output first)
{
	RECT work = agent->room;
	work.left += most(first.work.x - first.area.x, 0);
	work.top += most(first.work.y - first.area.y, 0);
	work.right = least(work.right, work.left + (int)first.work.width);
	work.bottom = least(work.bottom, work.top + (int)first.work.height);
	if (work.left < work.right && work.top < work.bottom)
		SystemParametersInfoW(SPI_SETWORKAREA, 0, &work, 0);
}

void place_outputs(struct agent *agent, struct seam_array outputs)
{
	int left = INT32_MAX, top = INT32_MAX;
	for (uint32_t i = 0; i < outputs.count; i++) {
		struct seam_output o = seam_output_at(outputs, i);
		left = least(left, o.area.x);
		top = least(top, o.area.y);
	}
	if (outputs.count == 0)
		return;
	set_work(agent, seam_output_at(outputs, 0));
	agent->origin_x = left;
	agent->origin_y = top;
	for (unsigned i = 0; i < agent->n_windows; i++) {
		struct window *w = agent->windows[i];
		if (!w->placed_by_client) {
			w->shift_x = left - agent->room.left;
			w->shift_y = top - agent->room.top;
		}
	}
}

/* Where all of it can be pointed at; its top left corner where it is too
 * large for that. */
static void to_guest(const struct agent *agent, const struct seam_rect *area,
		     RECT *place)
{
	const RECT *room = &agent->room;
	int x = area->x - agent->origin_x + room->left;
	int y = area->y - agent->origin_y + room->top;
	x = most(least(x, room->right - (int)area->width), room->left);
	y = most(least(y, room->bottom - (int)area->height), room->top);
	SetRect(place, x, y, x + (int)area->width, y + (int)area->height);
}

struct pending {
	struct agent *agent;
	uint32_t id, asked;
};

/* A ring: one that is overwritten is answered by time instead. */
static struct pending pending[1024];
static unsigned next_pending;

static void CALLBACK on_processed(HWND hwnd, UINT message, ULONG_PTR data,
				  LRESULT result)
{
	(void)hwnd, (void)message, (void)result;
	const struct pending *p = &pending[data % ARRAY_SIZE(pending)];
	struct window *w = p->agent ? window_of_id(p->agent, p->id) : NULL;
	if (!w || w->asked != p->asked)
		return;
	w->processed_us = time_now();
	windows_stir(w->agent, w->hwnd);
}

static void apply_states(struct window *self, uint32_t states)
{
	uint32_t now = self->states;
	HWND hwnd = self->hwnd;
	if ((states ^ now) & SEAM_ABOVE)
		SetWindowPos(
		    hwnd, states & SEAM_ABOVE ? HWND_TOPMOST : HWND_NOTOPMOST,
		    0, 0, 0, 0, SWP_NOMOVE | SWP_NOSIZE | QUIET_SWP);
	if (!((states ^ now) & (SEAM_MINIMIZED | SEAM_MAXIMIZED)))
		return;
	if (states & SEAM_MINIMIZED)
		ShowWindowAsync(hwnd, SW_SHOWMINNOACTIVE);
	else if (states & SEAM_MAXIMIZED)
		ShowWindowAsync(hwnd, SW_SHOWMAXIMIZED);
	else
		ShowWindowAsync(hwnd, SW_SHOWNOACTIVATE);
}

void place_configure(struct window *self, const struct turn_ask *ask)
{
	struct agent *agent = self->agent;
	RECT *to = &self->wanted;
	self->placed_by_client = true;
	to_guest(agent, &ask->area, to);
	self->shift_x = ask->area.x - to->left;
	self->shift_y = ask->area.y - to->top;
	self->wish = ask->area;
	apply_states(self, ask->states);
	self->wanted_states = ask->states;
	self->told_states = ask->states & STATES;
	const int *m = self->margin;
	bool there = EqualRect(&self->place, to) &&
		     !((self->states ^ ask->states) & STATES);
	if (!there && !(ask->states & SEAM_MINIMIZED))
		SetWindowPos(self->hwnd, NULL, to->left - m[0], to->top - m[1],
			     to->right - to->left + m[0] + m[2],
			     to->bottom - to->top + m[1] + m[3],
			     SWP_NOZORDER | SWP_NOOWNERZORDER | QUIET_SWP);
	self->starved = false;
	self->expecting = true;
	self->asked_us = time_now();
	self->processed_us = there ? self->asked_us : 0;
	self->asked++;
	if (!there) {
		unsigned slot = next_pending++ % ARRAY_SIZE(pending);
		pending[slot] =
		    (struct pending){agent, self->peer.id, self->asked};
		if (!SendMessageCallbackW(self->hwnd, WM_NULL, 0, 0,
					  on_processed, slot))
			self->processed_us = self->asked_us;
	}
	/* an answer is due even if nothing has changed */
	self->dirty |= DIRTY_COMMIT;
	self->look_us = 0;
	windows_stir(agent, self->hwnd);
}

/* ---- what there is ---- */

static bool same_size(const RECT *a, const RECT *b)
{
	return a->right - a->left == b->right - b->left &&
	       a->bottom - a->top == b->bottom - b->top;
}

int place_settled(struct window *self, int64_t now)
{
	if (!self->expecting)
		return 1;
	bool minimized = (self->wanted_states & SEAM_MINIMIZED) || self->iconic;
	if (minimized && self->processed_us)
		return 1;
	if (self->processed_us && same_size(&self->place, &self->wanted)) {
		/* it has the size; it draws last of all it does */
		return now > self->processed_us + DRAW_US ? 1 : 3;
	}
	if (self->processed_us && now > self->processed_us + REFUSE_US)
		return 2;
	return now > self->asked_us + HUNG_US ? 2 : 0;
}

void place_answered(struct window *self)
{
	if (!self->expecting)
		return;
	self->expecting = false;
	if (self->iconic)
		return;
	/* Where it did not go is where the client has it all the same. */
	self->shift_x += self->wanted.left - self->place.left;
	self->shift_y += self->wanted.top - self->place.top;
	self->wanted = self->place;
}

static struct seam_rect on_client(const struct window *self)
{
	const RECT *p = &self->place;
	return (struct seam_rect){
	    most(least(p->left + self->shift_x, 65536), -65536),
	    most(least(p->top + self->shift_y, 65536), -65536),
	    (uint32_t)(p->right - p->left), (uint32_t)(p->bottom - p->top)};
}

void place_compare(struct window *self)
{
	if (!self->announced || self->expecting || self->peer.turn.waiting)
		return;
	uint32_t states = self->states & STATES;
	if (states != self->told_states) {
		self->told_states = states;
		/* a screen-filling frame is the client's idea of fullscreen */
		self->states |= self->wanted_states & ~(uint32_t)STATES;
		self->dirty |= DIRTY_STATES;
	}
	if (self->iconic || EqualRect(&self->place, &self->wanted))
		return;
	self->wanted = self->place;
	self->wish = on_client(self);
	self->dirty |= DIRTY_PLACE;
}

/* ---- stacking ---- */

static void restack(struct agent *agent)
{
	HWND above = HWND_TOP;
	for (unsigned i = agent->n_stack; i-- > 0;) {
		struct window *w = window_of_id(agent, agent->stack[i]);
		if (!w)
			continue;
		SetWindowPos(w->hwnd, above, 0, 0, 0, 0,
			     SWP_NOMOVE | SWP_NOSIZE | SWP_NOOWNERZORDER |
				 QUIET_SWP);
		above = w->hwnd;
	}
	agent->stacked_us = time_now();
}

void place_stack(struct agent *agent, struct seam_array windows)
{
	agent->n_stack = 0;
	for (uint32_t i = 0; i < windows.count; i++) {
		uint32_t id = seam_window_at(windows, i);
		struct window *w = window_of_id(agent, id);
		bool known = false;
		for (unsigned k = 0; k < agent->n_stack; k++)
			known |= agent->stack[k] == id;
		/* each once, whatever the client says */
		if (w && !known && w->peer.kind == SEAM_TOPLEVEL)
			agent->stack[agent->n_stack++] = id;
	}
	agent->stack_tries = 0;
	restack(agent);
	windows_stir(agent, NULL);
}

/* Each program moves its own windows when it comes to it, so the first try
 * may end in another order. */
void place_restack(struct agent *agent, const HWND *hwnd, unsigned count)
{
	unsigned at = 0;
	if (!agent->n_stack || agent->stack_tries >= 3 ||
	    time_now() < agent->stacked_us + STACK_US)
		return;
	for (unsigned i = agent->n_stack; i-- > 0;) {
		const struct window *w = window_of_id(agent, agent->stack[i]);
		/* topmost ones are Windows' to keep above */
		if (!w || (w->states & SEAM_ABOVE))
			continue;
		while (at < count && hwnd[at] != w->hwnd)
			at++;
	}
	agent->stack_tries++;
	if (at < count)
		agent->stack_tries = 3; /* all were met, in order */
	else
		restack(agent);
}

static HWND root_at(POINT point)
{
	HWND hwnd = WindowFromPoint(point);
	return hwnd ? GetAncestor(hwnd, GA_ROOT) : NULL;
}

/* What covers it at this point goes under it, one by one: Windows lets a
 * background program push others down, but not itself up. What follows is
 * injected there, so each step is waited for, within limits. */
void place_expose(struct window *self, POINT at)
{
	for (int covers = 0; covers < 16; covers++) {
		HWND cover = root_at(at);
		if (!cover || cover == self->hwnd ||
		    GetWindow(cover, GW_OWNER) == self->hwnd)
			return;
		SetWindowPos(cover, self->hwnd, 0, 0, 0, 0,
			     SWP_NOMOVE | SWP_NOSIZE | SWP_NOOWNERZORDER |
				 QUIET_SWP);
		for (int i = 0; i < EXPOSE_MS && root_at(at) == cover; i++)
			Sleep(1);
		if (root_at(at) == cover)
			return; /* a topmost one, or its program hangs */
	}
}

/* ---- focus ---- */

static void dismiss(struct agent *agent)
{
	for (unsigned i = 0; i < agent->n_windows; i++) {
		struct window *w = agent->windows[i];
		if (w->peer.kind != SEAM_POPUP)
			continue;
		GUITHREADINFO info = {.cbSize = sizeof info};
		if (!GetGUIThreadInfo(w->thread, &info))
			continue;
		HWND owner =
		    info.hwndMenuOwner ? info.hwndMenuOwner : info.hwndCapture;
		if (owner)
			SendNotifyMessageW(owner, WM_CANCELMODE, 0, 0);
	}
}

void place_focus(struct agent *agent, struct window *window)
{
	/* a menu's parent keeps the focus while the menu is up */
	if (window && window->peer.kind != SEAM_TOPLEVEL)
		return;
	agent->focus = window;
	if (!window) {
		input_release_all(agent);
		dismiss(agent);
		agent->foreground = agent->atlas_window;
		SetForegroundWindow(agent->atlas_window);
		windows_stir(agent, NULL);
		return;
	}
	/* one that a dialog of its own has disabled passes the focus on */
	HWND hwnd = window->hwnd;
	if (!IsWindowEnabled(hwnd)) {
		HWND popup = GetLastActivePopup(hwnd);
		if (popup && IsWindowVisible(popup))
			hwnd = popup;
	}
	agent->foreground = hwnd;
	if (GetForegroundWindow() != hwnd)
		SetForegroundWindow(hwnd);
	windows_stir(agent, window->hwnd);
}

/* Focus that a program took for itself: the client is asked to follow. What
 * we did ourselves is no news (rule 6). */
void place_foreground(struct agent *agent)
{
	HWND now = GetForegroundWindow();
	if (now == agent->foreground)
		return;
	agent->foreground = now;
	struct window *w =
	    now ? window_of_hwnd(agent, GetAncestor(now, GA_ROOT)) : NULL;
	if (w && w != agent->focus && w->announced &&
	    w->peer.kind == SEAM_TOPLEVEL)
		agent_request(w, SEAM_RAISE_REQ);
}

void place_close(struct window *self)
{
	if (self->peer.kind != SEAM_TOPLEVEL)
		dismiss(self->agent);
	else
		PostMessageW(self->hwnd, WM_SYSCOMMAND, SC_CLOSE, 0);
}
