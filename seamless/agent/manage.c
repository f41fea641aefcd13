/* Toplevel windows: frames, maps, places. ICCCM section 4.
 *
 * A frame has exactly its client's size; what the user sees around a window
 * is drawn by the window manager at the client's side. Place, size and states
 * are the client's to decide once it knows the window; until then the
 * application gets what it asks for. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>
#include <X11/Xutil.h>
#include <X11/extensions/shape.h>

#include "common/log.h"

#define CLIENT_EVENTS                                                          \
	(PropertyChangeMask | StructureNotifyMask | FocusChangeMask)
#define FRAME_EVENTS                                                           \
	(SubstructureRedirectMask | SubstructureNotifyMask | FocusChangeMask)

#define SKIP_US (20 * 1000)

static unsigned step(unsigned size, unsigned base, unsigned inc)
{
	if (inc <= 1 || size < base)
		return size;
	return base + (size - base) / inc * inc;
}

void manage_constrain(const struct window *self, unsigned *width,
		      unsigned *height)
{
	const struct size_hints *h = &self->hints;
	/* 4.1.2.3: each stands in for the other where only one is given */
	unsigned base_w = h->base_width ? h->base_width : h->min_width;
	unsigned base_h = h->base_height ? h->base_height : h->min_height;
	*width = step(*width, base_w, h->step_width);
	*height = step(*height, base_h, h->step_height);
	if (h->max_width)
		*width = MIN(*width, h->max_width);
	if (h->max_height)
		*height = MIN(*height, h->max_height);
	*width = MAX(*width, MAX(h->min_width, 1u));
	*height = MAX(*height, MAX(h->min_height, 1u));
}

static void set_wm_state(struct window *self, long state)
{
	long value[2] = {state, None};
	Atom atom = ATOM(self->agent, WM_STATE);
	XChangeProperty(self->agent->display, self->client, atom, atom, 32,
			PropModeReplace, (unsigned char *)value, 2);
}

/* ICCCM 4.1.5: where it is, in the root's coordinates, as if it had no
 * frame. */
void manage_tell_place(struct window *self)
{
	XEvent event = {.xconfigure = {.type = ConfigureNotify,
				       .event = self->client,
				       .window = self->client,
				       .x = self->x,
				       .y = self->y,
				       .width = self->width,
				       .height = self->height,
				       .above = None}};
	XSendEvent(self->agent->display, self->client, False,
		   StructureNotifyMask, &event);
}

static void set_size(struct window *self, int x, int y, int width, int height)
{
	struct agent *agent = self->agent;
	bool resized = width != self->width || height != self->height;
	self->x = x;
	self->y = y;
	self->width = width;
	self->height = height;
	if (!resized) {
		XMoveWindow(agent->display, self->frame, x, y);
	} else {
		sync_begin(self);
		XMoveResizeWindow(agent->display, self->frame, x, y,
				  (unsigned)width, (unsigned)height);
		XResizeWindow(agent->display, self->client, (unsigned)width,
			      (unsigned)height);
		paint_resized(self);
	}
	manage_tell_place(self);
}

void manage_frame(struct window *self, bool existing)
{
	struct agent *agent = self->agent;
	Display *display = agent->display;
	bool deep = self->depth == 32;
	XSetWindowAttributes attributes = {
	    .event_mask = FRAME_EVENTS,
	    .override_redirect = True,
	    .border_pixel = 0,
	    .background_pixmap = None,
	    .bit_gravity = NorthWestGravity,
	    .colormap = deep ? XCreateColormap(display, agent->root,
					       self->visual, AllocNone)
			     : CopyFromParent};
	self->frame = XCreateWindow(
	    display, agent->root, self->x, self->y, (unsigned)self->width,
	    (unsigned)self->height, 0, deep ? 32 : CopyFromParent, InputOutput,
	    deep ? self->visual : CopyFromParent,
	    CWEventMask | CWOverrideRedirect | CWBorderPixel | CWBackPixmap |
		CWBitGravity | CWColormap,
	    &attributes);
	if (!deep) {
		self->depth = DefaultDepth(display, agent->screen);
		self->visual = DefaultVisual(display, agent->screen);
	} else {
		XFreeColormap(display, attributes.colormap);
	}
	g_hash_table_insert(agent->by_xid, GUINT_TO_POINTER(self->frame), self);
	long id = (long)self->peer.id;
	XChangeProperty(display, self->frame, ATOM(agent, _ORIEL_WINDOW),
			XA_CARDINAL, 32, PropModeReplace, (unsigned char *)&id,
			1);
	XSelectInput(display, self->client, CLIENT_EVENTS);
	if (agent->has_shape)
		XShapeSelectInput(display, self->client, ShapeNotifyMask);
	XAddToSaveSet(display, self->client);
	XSetWindowBorderWidth(display, self->client, 0);
	if (existing)
		self->unmaps_to_ignore++; /* reparenting unmaps it */
	XReparentWindow(display, self->client, self->frame, 0, 0);
	XResizeWindow(display, self->client, (unsigned)self->width,
		      (unsigned)self->height);
}

/* Where a window appears that the client has not placed: centred, so that a
 * pointer reaches all of it. */
static void first_place(struct window *self)
{
	struct agent *agent = self->agent;
	const struct seam_rect *work = &agent->work;
	struct window *of = window_of_xid(agent, self->transient_for);
	unsigned width = (unsigned)self->width, height = (unsigned)self->height;
	manage_constrain(self, &width, &height);
	self->width = (int)MIN(width, (unsigned)SEAM_SIDE_MAX);
	self->height = (int)MIN(height, (unsigned)SEAM_SIDE_MAX);
	if (self->hints.placed)
		return;
	if (of && of != self) {
		self->x = of->x + (of->width - self->width) / 2;
		self->y = of->y + (of->height - self->height) / 2;
	} else {
		self->x = work->x + ((int)work->width - self->width) / 2;
		self->y = work->y + ((int)work->height - self->height) / 2;
	}
	self->x = MAX(self->x, work->x);
	self->y = MAX(self->y, work->y);
}

static void announce_to_x(struct window *self)
{
	static const enum atom_index actions[] = {
	    ATOM__NET_WM_ACTION_MOVE,          ATOM__NET_WM_ACTION_RESIZE,
	    ATOM__NET_WM_ACTION_MINIMIZE,      ATOM__NET_WM_ACTION_FULLSCREEN,
	    ATOM__NET_WM_ACTION_MAXIMIZE_HORZ, ATOM__NET_WM_ACTION_CLOSE,
	    ATOM__NET_WM_ACTION_MAXIMIZE_VERT};
	struct agent *agent = self->agent;
	Atom atoms[G_N_ELEMENTS(actions)];
	long zero[4] = {0};
	for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
		atoms[i] = agent->atom[actions[i]];
	XChangeProperty(agent->display, self->client,
			ATOM(agent, _NET_WM_ALLOWED_ACTIONS), XA_ATOM, 32,
			PropModeReplace, (unsigned char *)atoms,
			G_N_ELEMENTS(actions));
	XChangeProperty(agent->display, self->client,
			ATOM(agent, _NET_FRAME_EXTENTS), XA_CARDINAL, 32,
			PropModeReplace, (unsigned char *)zero, 4);
	XChangeProperty(agent->display, self->client,
			ATOM(agent, _NET_WM_DESKTOP), XA_CARDINAL, 32,
			PropModeReplace, (unsigned char *)zero, 1);
	set_wm_state(self, NormalState);
	ewmh_window_states(self);
}

void manage_client(struct agent *agent, Window client, bool existing)
{
	XWindowAttributes attributes;
	if (window_of_xid(agent, client) ||
	    !XGetWindowAttributes(agent->display, client, &attributes) ||
	    attributes.class == InputOnly)
		return;
	if (attributes.override_redirect) {
		if (existing)
			popup_mapped(agent, client);
		return;
	}
	if (agent->windows->len >= WINDOWS_KEPT) {
		static struct log_limit limit = {.burst = 1};
		if (log_allow(&limit, NULL))
			log_warn(NULL,
				 "More than %u windows are open; further ones "
				 "stay unmapped until some are closed.",
				 WINDOWS_KEPT);
		return;
	}
	attributes.border_width = 0;
	struct window *self =
	    window_new(agent, SEAM_TOPLEVEL, client, &attributes);
	props_read(self);
	ewmh_read_states(self);
	first_place(self);
	manage_frame(self, existing && attributes.map_state != IsUnmapped);
	props_shape(self);
	announce_to_x(self);
	sync_begin(self);
	XMapWindow(agent->display, client);
	XMapWindow(agent->display, self->frame);
	manage_tell_place(self);
	paint_begin(self);
	ewmh_client_list(agent);
}

/* The application takes it off the screen; it may come back as a new one. */
void manage_withdraw(struct window *self)
{
	struct agent *agent = self->agent;
	XReparentWindow(agent->display, self->client, agent->root, self->x,
			self->y);
	XRemoveFromSaveSet(agent->display, self->client);
	XSelectInput(agent->display, self->client, NoEventMask);
	XDeleteProperty(agent->display, self->client,
			ATOM(agent, _NET_WM_STATE));
	set_wm_state(self, WithdrawnState);
	window_free(self);
	ewmh_client_list(agent);
}

void manage_set_states(struct window *self, uint32_t states)
{
	uint32_t changed = self->states ^ states;
	if (!changed)
		return;
	self->states = states;
	if (changed & SEAM_MINIMIZED)
		set_wm_state(self, states & SEAM_MINIMIZED ? IconicState
							   : NormalState);
	ewmh_window_states(self);
	/* what the client said need not be told back to it; what it has not
	 * heard goes out with the next change (rule 6) */
}

void manage_place(struct window *self, const struct turn_ask *ask)
{
	struct agent *agent = self->agent;
	unsigned width = ask->area.width, height = ask->area.height;
	int x, y;
	/* who has the focus is FOCUS's to say: a client that only moves its
	 * active window must not make the application draw it as inactive */
	uint32_t states = ask->states & ~(uint32_t)SEAM_ACTIVATED;
	if (agent->focus == self)
		states |= SEAM_ACTIVATED;
	self->placed_by_client = true;
	manage_set_states(self, states);
	if (!(ask->states & (SEAM_MAXIMIZED | SEAM_FULLSCREEN)))
		manage_constrain(self, &width, &height);
	screen_to_guest(agent, &ask->area, &x, &y);
	self->shift_x = ask->area.x - x;
	self->shift_y = ask->area.y - y;
	set_size(self, x, y, (int)width, (int)height);
	/* an answer is due even if nothing has changed */
	window_mark(self, DIRTY_COMMIT);
}

void manage_waits(struct window *self)
{
	const struct turn *turn = &self->peer.turn;
	struct turn_ask ask;
	self->asked_us = g_get_monotonic_time();
	if (turn->now.area.width == turn->next.area.width &&
	    turn->now.area.height == turn->next.area.height &&
	    turn_skip(&self->peer.turn, &ask))
		manage_place(self, &ask);
	else
		agent_step_at(self->agent, self->asked_us + SKIP_US);
}

/* While the user drags an edge each size is drawn, as fast as the program
 * can. Where no newer size comes, the drag is over: the last one need not
 * wait for pictures of those before. */
void manage_skip(struct window *self)
{
	struct turn_ask ask;
	if (g_get_monotonic_time() < self->asked_us + SKIP_US)
		agent_step_at(self->agent, self->asked_us + SKIP_US);
	else if (turn_skip(&self->peer.turn, &ask))
		manage_place(self, &ask);
}

static int gravity_offset(int gravity, bool vertical, int change)
{
	static const int8_t part[][2] = {
	    [NorthWestGravity] = {0, 0}, [NorthGravity] = {1, 0},
	    [NorthEastGravity] = {2, 0}, [WestGravity] = {0, 1},
	    [CenterGravity] = {1, 1},    [EastGravity] = {2, 1},
	    [SouthWestGravity] = {0, 2}, [SouthGravity] = {1, 2},
	    [SouthEastGravity] = {2, 2}, [StaticGravity] = {0, 0}};
	if (gravity < 0 || gravity >= (int)G_N_ELEMENTS(part))
		return 0;
	return -change * part[gravity][vertical] / 2;
}

/* The application wants to be elsewhere, or of another size. */
static void request_managed(struct window *self,
			    const XConfigureRequestEvent *event)
{
	int x = self->x, y = self->y;
	unsigned width = (unsigned)self->width, height = (unsigned)self->height;
	if (event->value_mask & CWWidth)
		width = (unsigned)CLAMP(event->width, 1, SEAM_SIDE_MAX);
	if (event->value_mask & CWHeight)
		height = (unsigned)CLAMP(event->height, 1, SEAM_SIDE_MAX);
	manage_constrain(self, &width, &height);
	int gravity = self->hints.gravity;
	if (event->value_mask & CWX)
		x = event->x;
	else
		x += gravity_offset(gravity, false, (int)width - self->width);
	if (event->value_mask & CWY)
		y = event->y;
	else
		y += gravity_offset(gravity, true, (int)height - self->height);
	if ((event->value_mask & CWStackMode) && event->detail == Above &&
	    self->announced)
		agent_request(self, SEAM_RAISE_REQ);
	if (x == self->x && y == self->y && (int)width == self->width &&
	    (int)height == self->height) {
		manage_tell_place(self);
		return;
	}
	if (!self->announced) {
		set_size(self, x, y, (int)width, (int)height);
		return;
	}
	self->wish = (struct seam_rect){CLAMP(x + self->shift_x, -65536, 65536),
					CLAMP(y + self->shift_y, -65536, 65536),
					width, height};
	window_mark(self, DIRTY_PLACE);
}

void manage_request(struct agent *agent, const XConfigureRequestEvent *event)
{
	struct window *self = window_of_xid(agent, event->window);
	if (self && self->peer.kind == SEAM_TOPLEVEL) {
		request_managed(self, event);
		return;
	}
	if (self && self->peer.kind == SEAM_TRAY) {
		tray_request(self);
		return;
	}
	/* not ours yet: it may do as it likes */
	XWindowChanges changes = {.x = event->x,
				  .y = event->y,
				  .width = event->width,
				  .height = event->height,
				  .border_width = event->border_width};
	XConfigureWindow(agent->display, event->window,
			 event->value_mask &
			     (CWX | CWY | CWWidth | CWHeight | CWBorderWidth),
			 &changes);
}

void manage_existing(struct agent *agent)
{
	Window root, parent, *children = NULL;
	unsigned n = 0;
	if (!XQueryTree(agent->display, agent->root, &root, &parent, &children,
			&n))
		return;
	for (unsigned i = 0; i < n; i++) {
		XWindowAttributes attributes;
		if (!XGetWindowAttributes(agent->display, children[i],
					  &attributes))
			continue;
		if (attributes.map_state != IsUnmapped ||
		    props_get_card(agent, children[i], ATOM(agent, WM_STATE),
				   ATOM(agent, WM_STATE),
				   WithdrawnState) != WithdrawnState)
			manage_client(agent, children[i], true);
	}
	XFree(children);
}
