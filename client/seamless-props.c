/* What a local window is: title, class, icon, hints, type, shape. What the
 * guest says of it is turned into what any application tells its window
 * manager. */
#include <X11/Xatom.h>
#include <X11/Xutil.h>
#include <X11/extensions/shape.h>
#include <string.h>

#include "client/seamless-private.h"

static const enum x11_atom type_atoms[SEAM_TYPE_TYPES] = {
    [SEAM_TYPE_NORMAL] = ATOM__NET_WM_WINDOW_TYPE_NORMAL,
    [SEAM_TYPE_DIALOG] = ATOM__NET_WM_WINDOW_TYPE_DIALOG,
    [SEAM_TYPE_UTILITY] = ATOM__NET_WM_WINDOW_TYPE_UTILITY,
    [SEAM_TYPE_TOOLBAR] = ATOM__NET_WM_WINDOW_TYPE_TOOLBAR,
    [SEAM_TYPE_SPLASH] = ATOM__NET_WM_WINDOW_TYPE_SPLASH,
    [SEAM_TYPE_MENU] = ATOM__NET_WM_WINDOW_TYPE_MENU,
    [SEAM_TYPE_DROPDOWN] = ATOM__NET_WM_WINDOW_TYPE_DROPDOWN_MENU,
    [SEAM_TYPE_POPUP_MENU] = ATOM__NET_WM_WINDOW_TYPE_POPUP_MENU,
    [SEAM_TYPE_TOOLTIP] = ATOM__NET_WM_WINDOW_TYPE_TOOLTIP,
    [SEAM_TYPE_NOTIFICATION] = ATOM__NET_WM_WINDOW_TYPE_NOTIFICATION,
    [SEAM_TYPE_COMBO] = ATOM__NET_WM_WINDOW_TYPE_COMBO,
    [SEAM_TYPE_DND] = ATOM__NET_WM_WINDOW_TYPE_DND,
};

static bool managed(const struct seamless_window *window)
{
	return window->kind == SEAM_TOPLEVEL;
}

void window_set_class(struct seamless_window *window)
{
	g_autofree char *class =
	    g_strconcat(window->desk->prefix, window->app_id, NULL);
	XClassHint hint = {.res_name = *window->app_id ? window->app_id
						       : window->desk->prefix,
			   .res_class = class};
	XSetClassHint(window->desk->x11->display, window->xid, &hint);
}

/* Only what class names are made of; the rest becomes "_". */
static char *ascii_of(struct seam_text text)
{
	char *ascii = g_strndup(text.bytes, text.size);
	for (char *c = ascii; *c; c++)
		if (!g_ascii_isalnum(*c) && !strchr("._-", *c))
			*c = '_';
	return ascii;
}

/* Line breaks and controls mean nothing in a title bar; marks that turn the
 * direction of text could make a title seem another. */
static char *title_of(struct seam_text text)
{
	g_autoptr(GString) title = g_string_new(NULL);
	g_autofree char *raw = g_strndup(text.bytes, text.size);
	for (const char *c = raw; *c; c = g_utf8_next_char(c)) {
		gunichar u = g_utf8_get_char(c);
		bool turns = (u >= 0x202a && u <= 0x202e) ||
			     (u >= 0x2066 && u <= 0x2069);
		g_string_append_unichar(
		    title, g_unichar_iscntrl(u) || turns ? ' ' : u);
	}
	return g_string_free(g_steal_pointer(&title), FALSE);
}

static void set_title(struct seamless_window *window, struct seam_text text)
{
	struct x11 *x11 = window->desk->x11;
	g_autofree char *title = title_of(text);
	gsize length = strlen(title);
	x11_set_text(x11, window->xid, ATOM__NET_WM_NAME, title, length);
	x11_set_text(x11, window->xid, ATOM__NET_WM_ICON_NAME, title, length);
	Xutf8SetWMProperties(x11->display, window->xid, title, title, NULL, 0,
			     NULL, NULL, NULL);
}

static void set_size_hints(struct seamless_window *window,
			   const struct seam_win_props *p)
{
	int inset = 2 * (int)window->desk->inset;
	XSizeHints hints = {.flags = PWinGravity, .win_gravity = StaticGravity};
	if (window->kind == SEAM_TRAY) { /* what trays go by */
		hints.flags |= PMinSize;
		hints.min_width = (int)window->wish.width + inset;
		hints.min_height = (int)window->wish.height + inset;
	} else if (p->min_width || p->min_height) {
		hints.flags |= PMinSize;
		hints.min_width = (int)p->min_width + inset;
		hints.min_height = (int)p->min_height + inset;
	}
	if (p->max_width || p->max_height) {
		hints.flags |= PMaxSize;
		hints.max_width =
		    (int)(p->max_width ? p->max_width : SEAM_SIDE_MAX) + inset;
		hints.max_height =
		    (int)(p->max_height ? p->max_height : SEAM_SIDE_MAX) +
		    inset;
	}
	if (p->traits & SEAM_FIXED_SIZE) {
		hints.flags |= PMinSize | PMaxSize;
		hints.min_width = hints.max_width =
		    (int)window->wish.width + inset;
		hints.min_height = hints.max_height =
		    (int)window->wish.height + inset;
		if (window->shown.pixmap) {
			hints.min_width = hints.max_width =
			    (int)window->shown.width + inset;
			hints.min_height = hints.max_height =
			    (int)window->shown.height + inset;
		}
	}
	if (p->step_width || p->step_height) {
		hints.flags |= PResizeInc;
		hints.width_inc = MAX((int)p->step_width, 1);
		hints.height_inc = MAX((int)p->step_height, 1);
	}
	if (p->base_width || p->base_height || inset) {
		hints.flags |= PBaseSize;
		hints.base_width = (int)p->base_width + inset;
		hints.base_height = (int)p->base_height + inset;
	}
	if (window->placed) {
		hints.flags |= USPosition | USSize;
		hints.x = window->at.x;
		hints.y = window->at.y;
	}
	XSetWMNormalHints(window->desk->x11->display, window->xid, &hints);
}

void window_set_hints(struct seamless_window *window)
{
	XWMHints hints = {
	    .flags = InputHint | StateHint,
	    .input = !(window->traits & SEAM_NO_FOCUS),
	    .initial_state = window->wanted_states & SEAM_MINIMIZED
				 ? IconicState
				 : NormalState,
	};
	if (window->traits & SEAM_URGENT)
		hints.flags |= XUrgencyHint;
	XSetWMHints(window->desk->x11->display, window->xid, &hints);
}

static void set_decoration(struct seamless_window *window)
{
	struct x11 *x11 = window->desk->x11;
	/* flags: decorations are told; decorations: none */
	const unsigned long none[5] = {2, 0, 0, 0, 0};
	if (window->traits & SEAM_UNDECORATED)
		x11_set(x11, window->xid, ATOM__MOTIF_WM_HINTS,
			x11->atoms[ATOM__MOTIF_WM_HINTS], none, 5);
	else
		XDeleteProperty(x11->display, window->xid,
				x11->atoms[ATOM__MOTIF_WM_HINTS]);
}

static void set_traits(struct seamless_window *window, uint32_t traits)
{
	static const struct {
		uint32_t bit;
		enum x11_atom atom;
	} as_states[] = {
	    {SEAM_MODAL, ATOM__NET_WM_STATE_MODAL},
	    {SEAM_SKIP_TASKBAR, ATOM__NET_WM_STATE_SKIP_TASKBAR},
	    {SEAM_SKIP_PAGER, ATOM__NET_WM_STATE_SKIP_PAGER},
	    {SEAM_URGENT, ATOM__NET_WM_STATE_DEMANDS_ATTENTION},
	};
	uint32_t changed = window->traits ^ traits;
	window->traits = traits;
	for (gsize i = 0; i < G_N_ELEMENTS(as_states); i++)
		if (window->mapped_once && changed & as_states[i].bit)
			window_ask_state(window, traits & as_states[i].bit,
					 as_states[i].atom, 0);
	if (changed & SEAM_UNDECORATED || !window->has_props)
		set_decoration(window);
}

/* Rectangles of contents as a shape of the local window; the border, where
 * there is one, is always part of it. */
static void set_shape(struct seamless_window *window, int kind,
		      struct seam_array rects, bool set)
{
	struct seamless *desk = window->desk;
	int inset = (int)desk->inset;
	if (!desk->x11->shape)
		return;
	if (!set) {
		XShapeCombineMask(desk->x11->display, window->xid, kind, 0, 0,
				  None, ShapeSet);
		return;
	}
	g_autofree XRectangle *x = g_new(XRectangle, rects.count + 1);
	int count = 0;
	for (uint32_t i = 0; i < rects.count; i++) {
		struct seam_rect r = seam_rect_at(rects, i);
		r.x = CLAMP(r.x, -SEAM_SIDE_MAX, SEAM_SIDE_MAX);
		r.y = CLAMP(r.y, -SEAM_SIDE_MAX, SEAM_SIDE_MAX);
		x[count++] = (XRectangle){
		    (short)(r.x + inset), (short)(r.y + inset),
		    (unsigned short)r.width, (unsigned short)r.height};
	}
	XShapeCombineRectangles(desk->x11->display, window->xid, kind, 0, 0, x,
				count, ShapeSet, Unsorted);
}

void window_relate(struct seamless_window *window)
{
	struct seamless *desk = window->desk;
	struct seamless_window *of = desk_window(desk, window->transient_for);
	uint32_t next = window->transient_for;
	/* a circle would send some window managers round it for ever */
	for (unsigned i = 0; of && i <= SEAM_WINDOWS_MAX; i++) {
		struct seamless_window *up = desk_window(desk, next);
		if (!up)
			break;
		if (up == window)
			of = NULL;
		next = up->transient_for;
	}
	if (of && managed(of))
		XSetTransientForHint(desk->x11->display, window->xid, of->xid);
	else
		XDeleteProperty(desk->x11->display, window->xid,
				XA_WM_TRANSIENT_FOR);
}

void window_take_props(struct seamless_window *window,
		       const struct seam_win_props *props)
{
	struct x11 *x11 = window->desk->x11;
	g_autofree char *app_id = ascii_of(props->app_id);
	if (strcmp(app_id, window->app_id) != 0) {
		g_free(window->app_id);
		window->app_id = g_steal_pointer(&app_id);
		window_set_class(window);
	}
	set_title(window, props->title);
	set_size_hints(window, props);
	if (!window->mapped_once)
		window->wanted_states = props->states;
	set_traits(window, props->traits);
	if (window->transient_for != props->transient_for ||
	    !window->has_props) {
		window->transient_for = props->transient_for;
		window_relate(window);
	}
	if (managed(window))
		window_set_hints(window);
	unsigned long type = x11->atoms[type_atoms[props->type]];
	/* a managed window that says it is a menu would go without frame */
	if (managed(window) && props->type > SEAM_TYPE_SPLASH)
		type = x11->atoms[ATOM__NET_WM_WINDOW_TYPE_NORMAL];
	x11_set(x11, window->xid, ATOM__NET_WM_WINDOW_TYPE, XA_ATOM, &type, 1);
	if (window->opacity != props->opacity) {
		window->opacity = props->opacity;
		unsigned long opacity = props->opacity * 0x01010101ul;
		x11_set(x11, window->xid, ATOM__NET_WM_WINDOW_OPACITY,
			XA_CARDINAL, &opacity, 1);
	}
	set_shape(window, ShapeBounding, props->shape,
		  props->traits & SEAM_SHAPED);
	set_shape(window, ShapeInput, props->input, props->input.count > 0);
	g_autofree char *role = ascii_of(props->role);
	if (*role)
		XChangeProperty(x11->display, window->xid,
				x11->atoms[ATOM_WM_WINDOW_ROLE], XA_STRING, 8,
				PropModeReplace, (unsigned char *)role,
				(int)strlen(role));
	window->has_props = true;
}

void window_take_icon(struct seamless_window *window)
{
	struct x11 *x11 = window->desk->x11;
	const struct picture *icon = &window->icon;
	unsigned count = icon->width * icon->height;
	g_autofree unsigned long *items = g_new(unsigned long, count + 2);
	if (!count) {
		XDeleteProperty(x11->display, window->xid,
				x11->atoms[ATOM__NET_WM_ICON]);
		return;
	}
	items[0] = icon->width;
	items[1] = icon->height;
	for (unsigned i = 0; i < count; i++) { /* the property's are straight */
		uint32_t p = icon->pixels[i], a = p >> 24;
		uint32_t r = a ? (p >> 16 & 255) * 255 / a : 0;
		uint32_t g = a ? (p >> 8 & 255) * 255 / a : 0;
		uint32_t b = a ? (p & 255) * 255 / a : 0;
		items[i + 2] = a << 24 | r << 16 | g << 8 | b;
	}
	x11_set(x11, window->xid, ATOM__NET_WM_ICON, XA_CARDINAL, items,
		count + 2);
}
