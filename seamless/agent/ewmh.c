/* Extended Window Manager Hints 1.5: what applications read from us and ask of
 * us. Requests about place, size, states and focus go on to the client, whose
 * window manager decides. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>
#include <string.h>

#include "common/fault.h"

static const struct {
	enum atom_index atom;
	uint32_t state, trait;
} states[] = {
    {ATOM__NET_WM_STATE_MAXIMIZED_VERT, SEAM_MAXIMIZED, 0},
    {ATOM__NET_WM_STATE_MAXIMIZED_HORZ, SEAM_MAXIMIZED, 0},
    {ATOM__NET_WM_STATE_FULLSCREEN, SEAM_FULLSCREEN, 0},
    {ATOM__NET_WM_STATE_HIDDEN, SEAM_MINIMIZED, 0},
    {ATOM__NET_WM_STATE_ABOVE, SEAM_ABOVE, 0},
    {ATOM__NET_WM_STATE_BELOW, SEAM_BELOW, 0},
    {ATOM__NET_WM_STATE_STICKY, SEAM_STICKY, 0},
    {ATOM__NET_WM_STATE_SHADED, SEAM_SHADED, 0},
    {ATOM__NET_WM_STATE_FOCUSED, SEAM_ACTIVATED, 0},
    {ATOM__NET_WM_STATE_MODAL, 0, SEAM_MODAL},
    {ATOM__NET_WM_STATE_SKIP_TASKBAR, 0, SEAM_SKIP_TASKBAR},
    {ATOM__NET_WM_STATE_SKIP_PAGER, 0, SEAM_SKIP_PAGER},
    {ATOM__NET_WM_STATE_DEMANDS_ATTENTION, 0, SEAM_URGENT},
};

static void set_cards(struct agent *agent, Atom atom, const long *value, int n)
{
	XChangeProperty(agent->display, agent->root, atom, XA_CARDINAL, 32,
			PropModeReplace, (const unsigned char *)value, n);
}

/* Another window manager is asked to leave when `replace` says so. */
bool ewmh_become_manager(struct agent *agent, bool replace, GError **error)
{
	Display *display = agent->display;
	Window owner = XGetSelectionOwner(display, ATOM(agent, WM_S0));
	if (owner && !replace) {
		fault_set(error, FAULT_CONFLICT,
			  "End it first, or start the agent with --replace.",
			  "Another window manager runs on this X screen.");
		return false;
	}
	if (owner)
		XSelectInput(display, owner, StructureNotifyMask);
	XSetSelectionOwner(display, ATOM(agent, WM_S0), agent->own,
			   agent_time(agent));
	for (int i = 0; owner && i < 50; i++) {
		XEvent event;
		if (XCheckTypedWindowEvent(display, owner, DestroyNotify,
					   &event))
			break;
		XSync(display, False);
		g_usleep(100 * 1000);
	}
	XEvent event = {.xclient = {.type = ClientMessage,
				    .window = agent->root,
				    .message_type = ATOM(agent, MANAGER),
				    .format = 32}};
	event.xclient.data.l[0] = (long)agent->time;
	event.xclient.data.l[1] = (long)ATOM(agent, WM_S0);
	event.xclient.data.l[2] = (long)agent->own;
	XSendEvent(display, agent->root, False, StructureNotifyMask, &event);
	return true;
}

void ewmh_root(struct agent *agent)
{
	static const enum atom_index supported[] = {
	    ATOM__NET_SUPPORTED,
	    ATOM__NET_SUPPORTING_WM_CHECK,
	    ATOM__NET_CLIENT_LIST,
	    ATOM__NET_CLIENT_LIST_STACKING,
	    ATOM__NET_ACTIVE_WINDOW,
	    ATOM__NET_NUMBER_OF_DESKTOPS,
	    ATOM__NET_CURRENT_DESKTOP,
	    ATOM__NET_DESKTOP_GEOMETRY,
	    ATOM__NET_DESKTOP_VIEWPORT,
	    ATOM__NET_WORKAREA,
	    ATOM__NET_CLOSE_WINDOW,
	    ATOM__NET_MOVERESIZE_WINDOW,
	    ATOM__NET_WM_MOVERESIZE,
	    ATOM__NET_REQUEST_FRAME_EXTENTS,
	    ATOM__NET_FRAME_EXTENTS,
	    ATOM__NET_WM_NAME,
	    ATOM__NET_WM_PID,
	    ATOM__NET_WM_ICON,
	    ATOM__NET_WM_DESKTOP,
	    ATOM__NET_WM_USER_TIME,
	    ATOM__NET_WM_PING,
	    ATOM__NET_WM_SYNC_REQUEST,
	    ATOM__NET_WM_WINDOW_OPACITY,
	    ATOM__NET_WM_ALLOWED_ACTIONS,
	    ATOM__NET_WM_STATE,
	    ATOM__NET_WM_STATE_MODAL,
	    ATOM__NET_WM_STATE_STICKY,
	    ATOM__NET_WM_STATE_MAXIMIZED_VERT,
	    ATOM__NET_WM_STATE_MAXIMIZED_HORZ,
	    ATOM__NET_WM_STATE_SHADED,
	    ATOM__NET_WM_STATE_SKIP_TASKBAR,
	    ATOM__NET_WM_STATE_SKIP_PAGER,
	    ATOM__NET_WM_STATE_HIDDEN,
	    ATOM__NET_WM_STATE_FULLSCREEN,
	    ATOM__NET_WM_STATE_ABOVE,
	    ATOM__NET_WM_STATE_BELOW,
	    ATOM__NET_WM_STATE_DEMANDS_ATTENTION,
	    ATOM__NET_WM_STATE_FOCUSED,
	    ATOM__NET_WM_WINDOW_TYPE,
	    ATOM__NET_WM_WINDOW_TYPE_NORMAL,
	    ATOM__NET_WM_WINDOW_TYPE_DIALOG,
	    ATOM__NET_WM_WINDOW_TYPE_UTILITY,
	    ATOM__NET_WM_WINDOW_TYPE_TOOLBAR,
	    ATOM__NET_WM_WINDOW_TYPE_SPLASH,
	    ATOM__NET_WM_WINDOW_TYPE_MENU,
	    ATOM__NET_WM_WINDOW_TYPE_DROPDOWN_MENU,
	    ATOM__NET_WM_WINDOW_TYPE_POPUP_MENU,
	    ATOM__NET_WM_WINDOW_TYPE_TOOLTIP,
	    ATOM__NET_WM_WINDOW_TYPE_NOTIFICATION,
	    ATOM__NET_WM_WINDOW_TYPE_COMBO,
	    ATOM__NET_WM_WINDOW_TYPE_DND,
	};
	Display *display = agent->display;
	Atom atoms[G_N_ELEMENTS(supported)];
	static const long one = 1, zero[2] = {0, 0};
	for (size_t i = 0; i < G_N_ELEMENTS(supported); i++)
		atoms[i] = agent->atom[supported[i]];
	XChangeProperty(display, agent->root, ATOM(agent, _NET_SUPPORTED),
			XA_ATOM, 32, PropModeReplace, (unsigned char *)atoms,
			G_N_ELEMENTS(supported));
	Window check[2] = {agent->root, agent->own};
	for (int i = 0; i < 2; i++)
		XChangeProperty(display, check[i],
				ATOM(agent, _NET_SUPPORTING_WM_CHECK),
				XA_WINDOW, 32, PropModeReplace,
				(unsigned char *)&agent->own, 1);
	static const char name[] = "Oriel";
	XChangeProperty(display, agent->own, ATOM(agent, _NET_WM_NAME),
			ATOM(agent, UTF8_STRING), 8, PropModeReplace,
			(const unsigned char *)name, sizeof name - 1);
	set_cards(agent, ATOM(agent, _NET_NUMBER_OF_DESKTOPS), &one, 1);
	set_cards(agent, ATOM(agent, _NET_CURRENT_DESKTOP), zero, 1);
	set_cards(agent, ATOM(agent, _NET_DESKTOP_VIEWPORT), zero, 2);
	ewmh_client_list(agent);
	ewmh_active(agent);
}

void ewmh_client_list(struct agent *agent)
{
	g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Window));
	g_autoptr(GArray) stacking = g_array_new(FALSE, FALSE, sizeof(Window));
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		bool below = false;
		if (w->peer.kind != SEAM_TOPLEVEL)
			continue;
		g_array_append_val(list, w->client);
		for (guint k = 0; k < agent->stack->len && !below; k++)
			below =
			    g_array_index(agent->stack, Window, k) == w->client;
		if (!below)
			g_array_append_val(stacking, w->client);
	}
	/* what the client has stacked, then what is newer than its list */
	for (guint k = agent->stack->len; k-- > 0;) {
		Window client = g_array_index(agent->stack, Window, k);
		if (window_of_xid(agent, client))
			g_array_prepend_val(stacking, client);
	}
	XChangeProperty(agent->display, agent->root,
			ATOM(agent, _NET_CLIENT_LIST), XA_WINDOW, 32,
			PropModeReplace, (unsigned char *)list->data,
			(int)list->len);
	XChangeProperty(agent->display, agent->root,
			ATOM(agent, _NET_CLIENT_LIST_STACKING), XA_WINDOW, 32,
			PropModeReplace, (unsigned char *)stacking->data,
			(int)stacking->len);
}

void ewmh_active(struct agent *agent)
{
	Window active = agent->focus ? agent->focus->client : None;
	XChangeProperty(agent->display, agent->root,
			ATOM(agent, _NET_ACTIVE_WINDOW), XA_WINDOW, 32,
			PropModeReplace, (unsigned char *)&active, 1);
}

void ewmh_window_states(struct window *self)
{
	struct agent *agent = self->agent;
	Atom atoms[G_N_ELEMENTS(states)];
	int n = 0;
	for (size_t i = 0; i < G_N_ELEMENTS(states); i++)
		if ((self->states & states[i].state) ||
		    (states[i].trait == SEAM_URGENT
			 ? self->attention
			 : self->traits & states[i].trait))
			atoms[n++] = agent->atom[states[i].atom];
	XChangeProperty(agent->display, self->client,
			ATOM(agent, _NET_WM_STATE), XA_ATOM, 32,
			PropModeReplace, (unsigned char *)atoms, n);
}

/* What a window asks for before it is mapped. */
void ewmh_read_states(struct window *self)
{
	struct agent *agent = self->agent;
	size_t count;
	unsigned long *value =
	    props_get(agent, self->client, ATOM(agent, _NET_WM_STATE), XA_ATOM,
		      32, 32, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < G_N_ELEMENTS(states); k++)
			if (value[i] == agent->atom[states[k].atom]) {
				self->states |= states[k].state;
				self->traits |= states[k].trait;
			}
	XFree(value);
	self->attention = self->traits & SEAM_URGENT;
	self->states &= ~(uint32_t)(SEAM_ACTIVATED | SEAM_MINIMIZED);
}

static void set_traits(struct window *self, uint32_t set, uint32_t clear)
{
	uint32_t traits = (self->traits | set) & ~clear;
	if (set & SEAM_URGENT)
		self->attention = true;
	if (clear & SEAM_URGENT)
		self->attention = false;
	if (traits == self->traits)
		return;
	self->traits = traits;
	ewmh_window_states(self);
	window_mark(self, DIRTY_PROPS);
}

void ewmh_ask_states(struct window *self, uint32_t set, uint32_t clear)
{
	set &= ~self->states | SEAM_MINIMIZED;
	clear &= self->states | SEAM_MINIMIZED;
	if (!set && !clear)
		return;
	if (!self->announced) {
		manage_set_states(self, (self->states | set) & ~clear);
		window_mark(self, DIRTY_PROPS);
		return;
	}
	struct seam_message message = {.type = SEAM_STATE_REQ,
				       .window = self->peer.id};
	message.state_req.set = set;
	message.state_req.clear = clear;
	agent_send(self->agent, &message);
}

static void change_state(struct window *self, const long *l)
{
	struct agent *agent = self->agent;
	uint32_t state = 0, trait = 0;
	for (int i = 1; i <= 2; i++)
		for (size_t k = 0; k < G_N_ELEMENTS(states); k++)
			if ((Atom)l[i] == agent->atom[states[k].atom]) {
				state |= states[k].state;
				trait |= states[k].trait;
			}
	state &= ~(uint32_t)(SEAM_ACTIVATED | SEAM_MINIMIZED);
	bool set = l[0] == 1, clear = l[0] == 0;
	if (l[0] == 2) { /* toggle, by the first of the two */
		set = !((self->states & state) || (self->traits & trait));
		clear = !set;
	}
	set_traits(self, set ? trait : 0, clear ? trait : 0);
	ewmh_ask_states(self, set ? state : 0, clear ? state : 0);
}

static void start_move(struct window *self, const long *l)
{
	/* EWMH: 0 topleft 1 top 2 topright 3 right 4 bottomright 5 bottom
	 * 6 bottomleft 7 left 8 move 9 size by keyboard 10 move by keyboard
	 * 11 cancel */
	static const uint8_t edges[] = {3, 2, 6, 4, 12, 8, 9, 1, 0, 12, 0};
	if (l[2] < 0 || l[2] >= (long)sizeof edges || !self->announced)
		return;
	struct seam_message message = {.type = SEAM_MOVE_START,
				       .window = self->peer.id};
	message.move_start.edge = edges[l[2]];
	message.move_start.button =
	    (uint8_t)(l[2] >= 9 ? 0 : CLAMP(l[3], 0, 31));
	agent_send(self->agent, &message);
	/* from here on the pointer is the client's; the application must not
	 * believe its button down for ever */
	input_release_buttons(self->agent);
}

static void move_resize(struct window *self, const long *l)
{
	XConfigureRequestEvent event = {.type = ConfigureRequest,
					.window = self->client,
					.x = (int)l[1],
					.y = (int)l[2],
					.width = (int)l[3],
					.height = (int)l[4],
					.value_mask =
					    (unsigned long)(l[0] >> 8) & 15};
	manage_request(self->agent, &event);
}

void ewmh_message(struct agent *agent, const XClientMessageEvent *event)
{
	struct window *self = window_of_xid(agent, event->window);
	const long *l = event->data.l;
	Atom type = event->message_type;
	if (event->format != 32)
		return;
	if (type == ATOM(agent, _NET_REQUEST_FRAME_EXTENTS)) {
		long zero[4] = {0};
		XChangeProperty(agent->display, event->window,
				ATOM(agent, _NET_FRAME_EXTENTS), XA_CARDINAL,
				32, PropModeReplace, (unsigned char *)zero, 4);
		return;
	}
	if (!self || self->peer.kind != SEAM_TOPLEVEL)
		return;
	if (type == ATOM(agent, _NET_WM_STATE))
		change_state(self, l);
	else if (type == ATOM(agent, WM_CHANGE_STATE)) {
		if (l[0] == IconicState)
			ewmh_ask_states(self, SEAM_MINIMIZED, 0);
	} else if (type == ATOM(agent, _NET_ACTIVE_WINDOW)) {
		if (self->states & SEAM_MINIMIZED)
			ewmh_ask_states(self, 0, SEAM_MINIMIZED);
		if (self->announced)
			agent_request(self, SEAM_RAISE_REQ);
	} else if (type == ATOM(agent, _NET_CLOSE_WINDOW))
		focus_close(self);
	else if (type == ATOM(agent, _NET_WM_MOVERESIZE))
		start_move(self, l);
	else if (type == ATOM(agent, _NET_MOVERESIZE_WINDOW))
		move_resize(self, l);
}
