/* A window's properties: read from X when they have changed, sent as one
 * WIN_PROPS. What an application writes there is foreign: every length is
 * bounded and every text made valid. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>
#include <X11/Xutil.h>
#include <X11/extensions/shape.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX  4096u
#define RECTS_MAX 1024

enum stale {
	STALE_TITLE = 1 << 0,
	STALE_CLASS = 1 << 1,
	STALE_ROLE = 1 << 2,
	STALE_HINTS = 1 << 3,
	STALE_SIZES = 1 << 4,
	STALE_TRANSIENT = 1 << 5,
	STALE_PROTOCOLS = 1 << 6,
	STALE_TYPE = 1 << 7,
	STALE_MOTIF = 1 << 8,
	STALE_OPACITY = 1 << 9,
	STALE_SHADOW = 1 << 10,
	STALE_USER_TIME = 1 << 11,
	STALE_ONCE = 1 << 12, /* what does not change in a window's life */
	STALE_ALL = (1 << 13) - 1
};

void *props_get(struct agent *agent, Window window, Atom atom, Atom type,
		int format, size_t max, size_t *count)
{
	Atom actual_type;
	int actual_format;
	unsigned long items = 0, rest;
	unsigned char *value = NULL;
	long longs =
	    (long)(format == 32 ? max : (max * (unsigned)format / 8 + 3) / 4);
	*count = 0;
	if (XGetWindowProperty(agent->display, window, atom, 0, longs, False,
			       type, &actual_type, &actual_format, &items,
			       &rest, &value) != Success)
		return NULL;
	if (!value)
		return NULL;
	if (actual_format != format || items == 0) {
		XFree(value);
		return NULL;
	}
	*count = MIN(items, max);
	return value;
}

uint32_t props_get_card(struct agent *agent, Window window, Atom atom,
			Atom type, uint32_t otherwise)
{
	size_t count;
	unsigned long *value =
	    props_get(agent, window, atom, type, 32, 1, &count);
	if (value)
		otherwise = (uint32_t)value[0];
	XFree(value);
	return otherwise;
}

/* STRING is Latin-1, UTF8_STRING what it says; both may be broken. */
char *props_get_text(struct agent *agent, Window window, Atom atom)
{
	Atom type;
	int format;
	unsigned long items = 0, rest;
	unsigned char *value = NULL;
	char *text = NULL;
	if (XGetWindowProperty(agent->display, window, atom, 0, TEXT_MAX / 4,
			       False, AnyPropertyType, &type, &format, &items,
			       &rest, &value) != Success ||
	    !value)
		return NULL;
	/* Xlib ends it with a NUL; only the first of several strings counts */
	if (format == 8 && type == XA_STRING)
		text = g_convert((char *)value, -1, "UTF-8", "ISO-8859-1", NULL,
				 NULL, NULL);
	else if (format == 8 && type == ATOM(agent, COMPOUND_TEXT)) {
		XTextProperty property = {value, type, format, items};
		char **list = NULL;
		int n = 0;
		if (Xutf8TextPropertyToTextList(agent->display, &property,
						&list, &n) >= Success &&
		    n > 0)
			text = g_strdup(list[0]);
		if (list)
			XFreeStringList(list);
	} else if (format == 8)
		text = g_utf8_make_valid((char *)value, -1);
	XFree(value);
	return text;
}

static void replace(char **where, char *text)
{
	g_free(*where);
	*where = text ? text : g_strdup("");
}

static void read_title(struct window *self)
{
	struct agent *agent = self->agent;
	char *text =
	    props_get_text(agent, self->client, ATOM(agent, _NET_WM_NAME));
	if (!text || !*text) {
		g_free(text);
		text = props_get_text(agent, self->client, XA_WM_NAME);
	}
	replace(&self->title, text);
}

/* WM_CLASS is two strings, one after the other. */
static void read_class(struct window *self)
{
	struct agent *agent = self->agent;
	size_t count;
	char *value = props_get(agent, self->client, XA_WM_CLASS, XA_STRING, 8,
				TEXT_MAX, &count);
	if (!value) {
		replace(&self->app_id, NULL);
		return;
	}
	size_t first = strnlen(value, count);
	const char *class_name = first + 1 < count ? value + first + 1 : "";
	replace(&self->app_id, apps_id_of_window(agent, value, class_name));
	XFree(value);
}

static unsigned side(long value)
{
	return value <= 0              ? 0
	       : value > SEAM_SIDE_MAX ? SEAM_SIDE_MAX
				       : (unsigned)value;
}

static void read_sizes(struct window *self)
{
	XSizeHints hints;
	long supplied;
	struct size_hints *h = &self->hints;
	memset(h, 0, sizeof *h);
	h->gravity = NorthWestGravity;
	if (!XGetWMNormalHints(self->agent->display, self->client, &hints,
			       &supplied))
		return;
	if (hints.flags & PMinSize) {
		h->min_width = side(hints.min_width);
		h->min_height = side(hints.min_height);
	}
	if (hints.flags & PMaxSize) {
		h->max_width = side(hints.max_width);
		h->max_height = side(hints.max_height);
		if (h->max_width && h->max_width < h->min_width)
			h->max_width = h->min_width;
		if (h->max_height && h->max_height < h->min_height)
			h->max_height = h->min_height;
	}
	if (hints.flags & PBaseSize) {
		h->base_width = side(hints.base_width);
		h->base_height = side(hints.base_height);
	}
	if (hints.flags & PResizeInc) {
		h->step_width = side(hints.width_inc);
		h->step_height = side(hints.height_inc);
	}
	if (hints.flags & PWinGravity)
		h->gravity = hints.win_gravity;
	h->placed = hints.flags & (PPosition | USPosition);
}

static void read_hints(struct window *self)
{
	XWMHints *hints = XGetWMHints(self->agent->display, self->client);
	/* ICCCM 4.1.2.4: who says nothing of input wants it */
	self->takes_input =
	    !hints || !(hints->flags & InputHint) || hints->input;
	self->traits &= ~(uint32_t)SEAM_URGENT;
	if (hints && (hints->flags & XUrgencyHint))
		self->traits |= SEAM_URGENT;
	if (self->attention)
		self->traits |= SEAM_URGENT;
	XFree(hints);
}

static void read_protocols(struct window *self)
{
	Atom *atoms = NULL;
	int n = 0;
	struct agent *agent = self->agent;
	self->take_focus = self->deletes = self->pings = self->syncs = false;
	if (!XGetWMProtocols(agent->display, self->client, &atoms, &n))
		return;
	for (int i = 0; i < n; i++) {
		self->take_focus |= atoms[i] == ATOM(agent, WM_TAKE_FOCUS);
		self->deletes |= atoms[i] == ATOM(agent, WM_DELETE_WINDOW);
		self->pings |= atoms[i] == ATOM(agent, _NET_WM_PING);
		self->syncs |= atoms[i] == ATOM(agent, _NET_WM_SYNC_REQUEST);
	}
	XFree(atoms);
	sync_read(self);
}

static void read_type(struct window *self)
{
	static const struct {
		enum atom_index atom;
		enum seam_window_type type;
	} types[] = {
	    {ATOM__NET_WM_WINDOW_TYPE_NORMAL, SEAM_TYPE_NORMAL},
	    {ATOM__NET_WM_WINDOW_TYPE_DIALOG, SEAM_TYPE_DIALOG},
	    {ATOM__NET_WM_WINDOW_TYPE_UTILITY, SEAM_TYPE_UTILITY},
	    {ATOM__NET_WM_WINDOW_TYPE_TOOLBAR, SEAM_TYPE_TOOLBAR},
	    {ATOM__NET_WM_WINDOW_TYPE_SPLASH, SEAM_TYPE_SPLASH},
	    {ATOM__NET_WM_WINDOW_TYPE_MENU, SEAM_TYPE_MENU},
	    {ATOM__NET_WM_WINDOW_TYPE_DROPDOWN_MENU, SEAM_TYPE_DROPDOWN},
	    {ATOM__NET_WM_WINDOW_TYPE_POPUP_MENU, SEAM_TYPE_POPUP_MENU},
	    {ATOM__NET_WM_WINDOW_TYPE_TOOLTIP, SEAM_TYPE_TOOLTIP},
	    {ATOM__NET_WM_WINDOW_TYPE_NOTIFICATION, SEAM_TYPE_NOTIFICATION},
	    {ATOM__NET_WM_WINDOW_TYPE_COMBO, SEAM_TYPE_COMBO},
	    {ATOM__NET_WM_WINDOW_TYPE_DND, SEAM_TYPE_DND},
	};
	struct agent *agent = self->agent;
	size_t count;
	unsigned long *value =
	    props_get(agent, self->client, ATOM(agent, _NET_WM_WINDOW_TYPE),
		      XA_ATOM, 32, 16, &count);
	self->type = self->transient_for ? SEAM_TYPE_DIALOG : SEAM_TYPE_NORMAL;
	/* in the application's order of preference; the first known counts */
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < G_N_ELEMENTS(types); k++)
			if (value[i] == agent->atom[types[k].atom]) {
				self->type = types[k].type;
				XFree(value);
				return;
			}
	XFree(value);
}

static void read_motif(struct window *self)
{
	struct agent *agent = self->agent;
	size_t count;
	unsigned long *value =
	    props_get(agent, self->client, ATOM(agent, _MOTIF_WM_HINTS),
		      AnyPropertyType, 32, 5, &count);
	self->traits &= ~(uint32_t)SEAM_UNDECORATED;
	/* flags bit 1: the third field says which decorations */
	if (count >= 3 && (value[0] & 2) && value[2] == 0)
		self->traits |= SEAM_UNDECORATED;
	XFree(value);
}

static void read_shadow(struct window *self)
{
	struct agent *agent = self->agent;
	size_t count;
	unsigned long *value =
	    props_get(agent, self->client, ATOM(agent, _GTK_FRAME_EXTENTS),
		      XA_CARDINAL, 32, 4, &count);
	for (int i = 0; i < 4; i++)
		self->shadow[i] = count == 4 ? (int)side((long)value[i]) : 0;
	XFree(value);
}

static void read_once(struct window *self)
{
	struct agent *agent = self->agent;
	self->pid = props_get_card(agent, self->client,
				   ATOM(agent, _NET_WM_PID), XA_CARDINAL, 0);
	replace(
	    &self->startup_id,
	    props_get_text(agent, self->client, ATOM(agent, _NET_STARTUP_ID)));
}

void props_refresh(struct window *self)
{
	struct agent *agent = self->agent;
	unsigned stale = self->stale;
	self->stale = 0;
	if (stale & STALE_ONCE)
		read_once(self);
	if (stale & STALE_TITLE)
		read_title(self);
	if (stale & STALE_CLASS)
		read_class(self);
	if (stale & STALE_ROLE)
		replace(&self->role,
			props_get_text(agent, self->client,
				       ATOM(agent, WM_WINDOW_ROLE)));
	if (stale & STALE_HINTS)
		read_hints(self);
	if (stale & STALE_SIZES)
		read_sizes(self);
	if (stale & STALE_TRANSIENT) {
		Window of = None;
		XGetTransientForHint(agent->display, self->client, &of);
		self->transient_for = of;
	}
	if (stale & STALE_PROTOCOLS)
		read_protocols(self);
	if (stale & (STALE_TYPE | STALE_TRANSIENT))
		read_type(self);
	if (stale & STALE_MOTIF)
		read_motif(self);
	if (stale & STALE_SHADOW)
		read_shadow(self);
	if (stale & STALE_OPACITY)
		self->opacity =
		    props_get_card(agent, self->client,
				   ATOM(agent, _NET_WM_WINDOW_OPACITY),
				   XA_CARDINAL, UINT32_MAX) >>
		    24;
	if (stale & STALE_USER_TIME)
		self->user_time = props_get_card(agent, self->client,
						 ATOM(agent, _NET_WM_USER_TIME),
						 XA_CARDINAL, 0);
	if (stale & ~(unsigned)STALE_USER_TIME)
		self->dirty |= DIRTY_PROPS;
}

void props_read(struct window *self)
{
	self->stale = STALE_ALL;
	props_refresh(self);
	props_shape(self);
}

void props_changed(struct window *self, Atom atom)
{
	struct agent *agent = self->agent;
	unsigned stale = 0;
	if (atom == ATOM(agent, _NET_WM_NAME) || atom == XA_WM_NAME)
		stale = STALE_TITLE;
	else if (atom == XA_WM_CLASS)
		stale = STALE_CLASS;
	else if (atom == ATOM(agent, WM_WINDOW_ROLE))
		stale = STALE_ROLE;
	else if (atom == XA_WM_HINTS)
		stale = STALE_HINTS;
	else if (atom == XA_WM_NORMAL_HINTS)
		stale = STALE_SIZES;
	else if (atom == XA_WM_TRANSIENT_FOR)
		stale = STALE_TRANSIENT;
	else if (atom == ATOM(agent, WM_PROTOCOLS) ||
		 atom == ATOM(agent, _NET_WM_SYNC_REQUEST_COUNTER))
		stale = STALE_PROTOCOLS;
	else if (atom == ATOM(agent, _NET_WM_WINDOW_TYPE))
		stale = STALE_TYPE;
	else if (atom == ATOM(agent, _MOTIF_WM_HINTS))
		stale = STALE_MOTIF;
	else if (atom == ATOM(agent, _GTK_FRAME_EXTENTS))
		stale = STALE_SHADOW;
	else if (atom == ATOM(agent, _NET_WM_WINDOW_OPACITY))
		stale = STALE_OPACITY;
	else if (atom == ATOM(agent, _NET_WM_USER_TIME))
		stale = STALE_USER_TIME;
	else if (atom == ATOM(agent, _NET_WM_ICON)) {
		window_mark(self, DIRTY_ICON);
		return;
	}
	if (!stale)
		return;
	self->stale |= stale;
	agent_step_soon(agent);
}

void props_shape(struct window *self)
{
	struct agent *agent = self->agent;
	int bounding = 0, clip, x, y;
	unsigned w, h;
	if (!agent->has_shape)
		return;
	if (!XShapeQueryExtents(agent->display, self->client, &bounding, &x, &y,
				&w, &h, &clip, &x, &y, &w, &h))
		bounding = 0;
	bool was = self->shaped;
	self->shaped = bounding;
	/* the frame takes the same outline, so that presses beside it go
	 * through */
	if (self->frame != self->client && (was || self->shaped)) {
		if (self->shaped)
			XShapeCombineShape(agent->display, self->frame,
					   ShapeBounding, 0, 0, self->client,
					   ShapeBounding, ShapeSet);
		else
			XShapeCombineMask(agent->display, self->frame,
					  ShapeBounding, 0, 0, None, ShapeSet);
	}
	if (was || self->shaped)
		window_mark(self, DIRTY_PROPS | DIRTY_COMMIT);
}

/* Outline or input region, as rectangles on the wire. */
static struct seam_array put_shape(struct window *self, int kind, uint8_t *wire)
{
	struct seam_array array = {wire, 0};
	int n = 0, ordering;
	size_t used = 0;
	XRectangle *rects = XShapeGetRectangles(
	    self->agent->display, self->client, kind, &n, &ordering);
	for (int i = 0; rects && i < n && i < RECTS_MAX; i++) {
		int x = rects[i].x + self->border;
		int y = rects[i].y + self->border;
		if (!rects[i].width || !rects[i].height ||
		    rects[i].width > SEAM_SIDE_MAX ||
		    rects[i].height > SEAM_SIDE_MAX)
			continue;
		used += seam_rect_put(
		    wire + used,
		    (struct seam_rect){x, y, rects[i].width, rects[i].height});
		array.count++;
	}
	if (n > RECTS_MAX)
		array.count = 0; /* too fine an outline: as if it had none */
	XFree(rects);
	return array;
}

void props_send(struct window *self)
{
	static uint8_t shape[RECTS_MAX * SEAM_RECT_SIZE];
	static uint8_t input[RECTS_MAX * SEAM_RECT_SIZE];
	struct agent *agent = self->agent;
	struct seam_message message = {.type = SEAM_WIN_PROPS,
				       .window = self->peer.id};
	struct seam_win_props *p = &message.win_props;
	const struct size_hints *h = &self->hints;
	struct window *of = window_of_xid(agent, self->transient_for);
	p->title = seam_text_of(self->title, SEAM_TITLE_MAX);
	p->app_id = seam_text_of(self->app_id, SEAM_APP_ID_MAX);
	p->role = seam_text_of(self->role, 128);
	p->pid = self->pid;
	p->transient_for = of && of != self ? of->peer.id : 0;
	p->traits = self->traits & SEAM_TRAITS_ALL;
	if (!self->takes_input && !self->take_focus)
		p->traits |= SEAM_NO_FOCUS;
	if (h->max_width && h->max_width == h->min_width && h->max_height &&
	    h->max_height == h->min_height)
		p->traits |= SEAM_FIXED_SIZE;
	p->states = self->states & SEAM_STATES_ALL;
	p->type = (uint8_t)self->type;
	p->opacity = (uint8_t)self->opacity;
	p->min_width = h->min_width;
	p->min_height = h->min_height;
	p->max_width = h->max_width;
	p->max_height = h->max_height;
	p->base_width = h->base_width;
	p->base_height = h->base_height;
	p->step_width = h->step_width;
	p->step_height = h->step_height;
	if (self->shaped) {
		p->shape = put_shape(self, ShapeBounding, shape);
		p->input = put_shape(self, ShapeInput, input);
		p->traits |= p->shape.count ? SEAM_SHAPED : 0;
		/* both full would not fit one message */
		if (p->shape.count + p->input.count > RECTS_MAX)
			p->input.count = 0;
	}
	agent_send(agent, &message);
}

/* _NET_WM_ICON holds several; the largest that the protocol carries. */
static bool choose_icon(const unsigned long *value, size_t count, size_t *at,
			unsigned *width, unsigned *height)
{
	size_t best = 0;
	for (size_t i = 0; i + 2 <= count;) {
		unsigned long w = value[i], h = value[i + 1];
		if (w == 0 || h == 0 || w > 4096 || h > 4096 ||
		    w * h > count - i - 2)
			break;
		if (w <= SEAM_ICON_SIDE && h <= SEAM_ICON_SIDE &&
		    w * h > best) {
			best = w * h;
			*at = i + 2;
			*width = (unsigned)w;
			*height = (unsigned)h;
		}
		i += 2 + w * h;
	}
	return best > 0;
}

static uint8_t blend(unsigned long colour, unsigned long alpha)
{
	return (uint8_t)((colour * alpha + 127) / 255);
}

void props_send_icon(struct window *self)
{
	struct agent *agent = self->agent;
	size_t count, at = 0;
	unsigned width = 0, height = 0;
	/* all sizes together may be a few MB: the sixteen largest fit */
	unsigned long *value =
	    props_get(agent, self->client, ATOM(agent, _NET_WM_ICON),
		      XA_CARDINAL, 32, 1u << 20, &count);
	if (!value)
		return;
	if (choose_icon(value, count, &at, &width, &height)) {
		g_autofree uint8_t *pixels =
		    g_malloc((size_t)width * height * 4);
		for (size_t i = 0; i < (size_t)width * height; i++) {
			unsigned long p = value[at + i], a = p >> 24 & 0xff;
			pixels[i * 4] = blend(p & 0xff, a);
			pixels[i * 4 + 1] = blend(p >> 8 & 0xff, a);
			pixels[i * 4 + 2] = blend(p >> 16 & 0xff, a);
			pixels[i * 4 + 3] = (uint8_t)a;
		}
		struct seam_message message = {.type = SEAM_WIN_ICON,
					       .window = self->peer.id};
		message.picture.width = width;
		message.picture.height = height;
		agent_send_picture(agent, &message, pixels);
	}
	XFree(value);
}
