/* The windows the agent knows, and how the client hears of them. */
#include <X11/Xatom.h>
#include <string.h>

#include "seamless/agent/agent.h"

#define LAST_ID 0x7fffffffu

/* A window's id is written on it, and the last one given on the root, so that
 * an agent that takes over from one that died calls every window as before
 * and none by another's name. */
static uint32_t id_of(struct agent *agent, Window client)
{
	Atom atom = ATOM(agent, _ORIEL_ID);
	uint32_t id =
	    props_get_card(agent, client, atom, XA_CARDINAL, 0) & LAST_ID;
	if (!agent->next_id)
		agent->next_id =
		    props_get_card(agent, agent->root, atom, XA_CARDINAL, 0) &
		    LAST_ID;
	gpointer key = GUINT_TO_POINTER(id);
	/* an application can write there, too */
	if (id && id <= agent->next_id &&
	    !g_hash_table_contains(agent->by_id, key) &&
	    !g_hash_table_contains(agent->gone, key))
		return id;
	/* 2^31 windows outlast every session */
	long given = ++agent->next_id & LAST_ID;
	Window on[] = {client, agent->root};
	for (unsigned i = 0; i < G_N_ELEMENTS(on); i++)
		XChangeProperty(agent->display, on[i], atom, XA_CARDINAL, 32,
				PropModeReplace, (unsigned char *)&given, 1);
	return (uint32_t)given;
}

struct window *window_new(struct agent *agent, enum seam_kind kind,
			  Window client, const XWindowAttributes *attributes)
{
	struct window *self = g_new0(struct window, 1);
	self->agent = agent;
	self->client = self->frame = client;
	self->peer.id = id_of(agent, client);
	self->peer.kind = kind;
	self->x = attributes->x;
	self->y = attributes->y;
	self->width = attributes->width + 2 * attributes->border_width;
	self->height = attributes->height + 2 * attributes->border_width;
	self->border = attributes->border_width;
	self->depth = attributes->depth;
	self->visual = attributes->visual;
	self->shift_x = agent->origin_x;
	self->shift_y = agent->origin_y;
	self->opacity = 255;
	self->shown = true;
	self->dirty = DIRTY_CREATE | DIRTY_PROPS | DIRTY_ICON;
	g_ptr_array_add(agent->windows, self);
	g_hash_table_insert(agent->by_id, GUINT_TO_POINTER(self->peer.id),
			    self);
	g_hash_table_insert(agent->by_xid, GUINT_TO_POINTER(client), self);
	agent_step_soon(agent);
	return self;
}

static void tell_gone(struct window *self)
{
	struct agent *agent = self->agent;
	if (!self->announced)
		return;
	self->announced = false;
	agent->n_announced--;
	if (self->grabbed) {
		struct seam_message ungrab = {.type = SEAM_UNGRAB,
					      .window = self->peer.id};
		agent_send(agent, &ungrab);
	}
	struct seam_message message = {.type = SEAM_WIN_DESTROY,
				       .window = self->peer.id};
	agent_send(agent, &message);
}

void window_free(struct window *self)
{
	struct agent *agent = self->agent;
	bool announced = self->announced;
	sync_end(self);
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *other = agent->windows->pdata[i];
		if (other->parent == self)
			other->parent = NULL;
	}
	tell_gone(self);
	/* its pixels may still be read, until the client says otherwise */
	slots_end(self, announced);
	paint_end(self);
	if (agent->focus == self)
		agent->focus = NULL;
	if (agent->raised == self)
		agent->raised = NULL;
	/* a menu that comes back is another; an agent that ends leaves the
	 * names to its successor */
	if (!agent->ending)
		XDeleteProperty(agent->display, self->client,
				ATOM(agent, _ORIEL_ID));
	g_hash_table_remove(agent->by_id, GUINT_TO_POINTER(self->peer.id));
	g_hash_table_remove(agent->by_xid, GUINT_TO_POINTER(self->client));
	if (self->frame != self->client) {
		g_hash_table_remove(agent->by_xid,
				    GUINT_TO_POINTER(self->frame));
		XDestroyWindow(agent->display, self->frame);
	}
	g_ptr_array_remove(agent->windows, self);
	g_free(self->title);
	g_free(self->app_id);
	g_free(self->role);
	g_free(self->startup_id);
	g_free(self);
	agent_step_soon(agent);
}

struct window *window_of_xid(struct agent *agent, Window xid)
{
	return g_hash_table_lookup(agent->by_xid, GUINT_TO_POINTER(xid));
}

struct window *window_of_id(struct agent *agent, uint32_t id)
{
	return g_hash_table_lookup(agent->by_id, GUINT_TO_POINTER(id));
}

void window_mark(struct window *self, unsigned dirty)
{
	self->dirty |= dirty;
	agent_step_soon(self->agent);
}

void window_forget_peer(struct window *self)
{
	self->announced = false;
	self->dirty |= DIRTY_CREATE | DIRTY_PROPS | DIRTY_ICON;
	self->shown = true;
	memset(&self->peer.turn, 0, sizeof self->peer.turn);
	self->committed = self->by_port = self->half_sent = false;
	slots_forget_window(self);
	paint_whole(self);
}

/* Where a popup is for the client: from its parent's corner, or on the
 * client's screens where nobody is its parent. */
static void popup_place(const struct window *self, int *x, int *y)
{
	const struct window *parent = self->parent;
	*x = self->x - (parent ? parent->x : -self->shift_x);
	*y = self->y - (parent ? parent->y : -self->shift_y);
}

static unsigned count_popups(const struct agent *agent)
{
	unsigned n = 0;
	for (guint i = 0; i < agent->windows->len; i++) {
		const struct window *w = agent->windows->pdata[i];
		n += w->announced && w->peer.kind != SEAM_TOPLEVEL &&
		     w->peer.kind != SEAM_TRAY;
	}
	return n;
}

/* Once a client: whoever waits for this window is to know why. */
static void tell_limit(struct window *self)
{
	struct agent *agent = self->agent;
	if (self->peer.kind != SEAM_TOPLEVEL || agent->told_limit)
		return;
	agent->told_limit = true;
	struct seam_message message = {.type = SEAM_ERROR,
				       .window = self->peer.id};
	message.error.code = SEAM_FAULT_LIMIT;
	message.error.text = seam_text_of(
	    "There are as many windows as can be shown; it comes when another "
	    "is closed.",
	    1024);
	agent_send(agent, &message);
}

static bool announce(struct window *self)
{
	struct agent *agent = self->agent;
	if (self->parent && !self->parent->announced)
		return false;
	if (agent->n_announced >= agent->peer_windows_max) {
		tell_limit(self);
		return false;
	}
	if (self->peer.kind != SEAM_TOPLEVEL && self->peer.kind != SEAM_TRAY &&
	    count_popups(agent) >= SEAM_POPUPS_MAX)
		return false;
	struct seam_message message = {.type = SEAM_WIN_CREATE,
				       .window = self->peer.id};
	struct seam_win_create *create = &message.win_create;
	create->kind = (uint8_t)self->peer.kind;
	create->area =
	    (struct seam_rect){self->x + self->shift_x, self->y + self->shift_y,
			       (uint32_t)self->width, (uint32_t)self->height};
	if (self->peer.kind != SEAM_TOPLEVEL) {
		create->parent = self->parent ? self->parent->peer.id : 0;
		popup_place(self, &self->place_x, &self->place_y);
		create->area.x = self->place_x;
		create->area.y = self->place_y;
	}
	agent_send(agent, &message);
	self->announced = true;
	agent->n_announced++;
	if (self->grabbed)
		agent_request(self, SEAM_GRAB);
	if (self->peer.kind == SEAM_TOPLEVEL)
		launch_window(self);
	self->dirty &= ~(unsigned)(DIRTY_CREATE | DIRTY_PLACE);
	self->dirty |= DIRTY_PROPS | DIRTY_ICON | DIRTY_COMMIT;
	return true;
}

static void tell_place(struct window *self)
{
	struct seam_message message = {.type = SEAM_GEOM_REQ,
				       .window = self->peer.id};
	struct seam_geom_req *request = &message.geom_req;
	if (self->peer.kind == SEAM_TOPLEVEL) {
		request->based_on = self->peer.turn.last;
		request->area = self->wish;
	} else {
		popup_place(self, &self->place_x, &self->place_y);
		request->area = (struct seam_rect){self->place_x, self->place_y,
						   (uint32_t)self->width,
						   (uint32_t)self->height};
	}
	agent_send(self->agent, &message);
}

void window_announce_all(struct agent *agent)
{
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *self = agent->windows->pdata[i];
		if (!link_has_room(agent->link))
			return;
		if ((self->dirty & DIRTY_CREATE) && !announce(self))
			continue;
		if (self->dirty & DIRTY_PROPS)
			props_send(self);
		if (self->dirty & DIRTY_ICON)
			props_send_icon(self);
		if (self->dirty & DIRTY_PLACE)
			tell_place(self);
		self->dirty &= DIRTY_COMMIT;
	}
}

bool window_all_told(const struct agent *agent)
{
	for (guint i = 0; i < agent->windows->len; i++) {
		const struct window *w = agent->windows->pdata[i];
		/* one that is not drawn now is told when it is shown */
		if ((w->starved && !w->by_port) || (w->announced && !w->shown))
			continue;
		if (!w->announced) {
			if (agent->n_announced >= agent->peer_windows_max ||
			    count_popups(agent) >= SEAM_POPUPS_MAX ||
			    (w->parent && !w->parent->announced))
				continue;
			return false;
		}
		if (!w->committed)
			return false;
	}
	return true;
}
