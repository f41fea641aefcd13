/* Windows that place themselves: menus, combo boxes, tooltips, drag icons.
 * Their place is told relative to a parent, so that it is right wherever the
 * client has put that parent. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>

static enum seam_kind kind_of(const struct window *self)
{
	switch (self->type) {
	case SEAM_TYPE_TOOLTIP:
		return SEAM_TOOLTIP;
	case SEAM_TYPE_DND:
		return SEAM_DND;
	default:
		return SEAM_POPUP;
	}
}

/* Which X client made it: the server gives each a range of ids. */
static XID maker(const struct agent *agent, Window window)
{
	return window & ~(XID)agent->id_mask;
}

/* The window it belongs to: what it says itself, else the program's own
 * newest popup or its window with focus, else whoever has focus. */
static struct window *find_parent(struct window *self)
{
	struct agent *agent = self->agent;
	struct window *of = window_of_xid(agent, self->transient_for);
	struct window *best = NULL;
	if (of && of != self && of->peer.kind != SEAM_TRAY)
		return of;
	if (agent->focus &&
	    maker(agent, agent->focus->client) == maker(agent, self->client))
		return agent->focus;
	for (guint i = agent->windows->len; i-- > 0 && !best;) {
		struct window *w = agent->windows->pdata[i];
		if (w != self && w->peer.kind == SEAM_TOPLEVEL &&
		    maker(agent, w->client) == maker(agent, self->client))
			best = w;
	}
	return best ? best : agent->focus;
}

/* Menus and lists end with a press beside them; whether a program holds the
 * pointer for that, X tells only to who tries to take it. */
static bool holds_pointer(const struct window *self)
{
	return self->type == SEAM_TYPE_MENU ||
	       self->type == SEAM_TYPE_DROPDOWN ||
	       self->type == SEAM_TYPE_POPUP_MENU ||
	       self->type == SEAM_TYPE_COMBO;
}

void popup_mapped(struct agent *agent, Window client)
{
	XWindowAttributes attributes;
	struct window *self = window_of_xid(agent, client);
	if (self || agent->windows->len >= WINDOWS_KEPT ||
	    !XGetWindowAttributes(agent->display, client, &attributes) ||
	    attributes.class == InputOnly || !attributes.override_redirect ||
	    attributes.map_state == IsUnmapped)
		return;
	/* a selection owner's or a toolkit's invisible helper */
	if (attributes.x + attributes.width <= 0 ||
	    attributes.y + attributes.height <= 0 ||
	    (attributes.width == 1 && attributes.height == 1))
		return;
	if (attributes.width > SEAM_SIDE_MAX ||
	    attributes.height > SEAM_SIDE_MAX)
		return;
	self = window_new(agent, SEAM_POPUP, client, &attributes);
	XSelectInput(agent->display, client, PropertyChangeMask);
	props_read(self);
	self->peer.kind = kind_of(self);
	self->parent = find_parent(self);
	self->grabbed = holds_pointer(self);
	self->placed_by_client = true; /* its shift is its parent's */
	if (self->parent) {
		self->shift_x = self->parent->shift_x;
		self->shift_y = self->parent->shift_y;
	}
	long id = (long)self->peer.id;
	XChangeProperty(agent->display, client, ATOM(agent, _ORIEL_WINDOW),
			XA_CARDINAL, 32, PropModeReplace, (unsigned char *)&id,
			1);
	paint_begin(self);
	/* menus are drawn over whatever the program has */
	XRaiseWindow(agent->display, client);
}

void popup_configured(struct window *self, int x, int y, int width, int height)
{
	bool resized = width != self->width || height != self->height;
	if (!resized && x == self->x && y == self->y)
		return;
	self->x = x;
	self->y = y;
	if (width > 0 && width <= SEAM_SIDE_MAX && height > 0 &&
	    height <= SEAM_SIDE_MAX) {
		self->width = width;
		self->height = height;
		if (resized)
			paint_resized(self);
	}
	window_mark(self, DIRTY_PLACE);
}

/* The user pressed outside every window of the guest. */
void popup_dismiss(struct agent *agent)
{
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		if (w->grabbed) {
			input_press_outside(agent);
			return;
		}
	}
}
