/* One local window. Everything the guest says about it is turned into what
 * any application tells its window manager; nothing here overrules one. */
#include <X11/Xatom.h>
#include <X11/Xutil.h>
#include <X11/extensions/shape.h>
#include <string.h>

#include "client/seamless-private.h"

#define EVENTS                                                                 \
	(KeyPressMask | KeyReleaseMask | ButtonPressMask | ButtonReleaseMask | \
	 PointerMotionMask | EnterWindowMask | LeaveWindowMask |               \
	 FocusChangeMask | StructureNotifyMask | ExposureMask |                \
	 PropertyChangeMask)
/* An older act of the user's is no reason to take the focus. */
#define RECENT_US (3 * G_USEC_PER_SEC)

static bool managed(const struct seamless_window *window)
{
	return window->kind == SEAM_TOPLEVEL;
}

struct seamless_window *window_new(struct seamless *desk, uint32_t id,
				   const struct seam_win_create *create)
{
	struct x11 *x11 = desk->x11;
	struct seamless_window *window = g_new0(struct seamless_window, 1);
	window->desk = desk;
	window->id = id;
	window->kind = create->kind;
	window->parent = create->parent;
	window->wish = window->at = create->area;
	window->opacity = 255;
	window->damage_x0 = window->damage_y0 = INT32_MAX;
	XSetWindowAttributes attributes = {
	    .background_pixel = desk->inset ? desk->border_pixel : 0xdddddd,
	    .bit_gravity = NorthWestGravity,
	    /* a tray is to manage its icons */
	    .override_redirect = !managed(window) && window->kind != SEAM_TRAY,
	    .save_under = !managed(window),
	    .event_mask = EVENTS,
	    .colormap = x11->colormap,
	};
	window->xid =
	    XCreateWindow(x11->display, x11->root, create->area.x,
			  create->area.y, create->area.width + 2 * desk->inset,
			  create->area.height + 2 * desk->inset, 0, x11->depth,
			  InputOutput, x11->visual,
			  CWBackPixel | CWBitGravity | CWOverrideRedirect |
			      CWSaveUnder | CWEventMask | CWColormap,
			  &attributes);
	Atom protocols[] = {x11->atoms[ATOM_WM_DELETE_WINDOW],
			    x11->atoms[ATOM__NET_WM_PING]};
	XSetWMProtocols(x11->display, window->xid, protocols,
			G_N_ELEMENTS(protocols));
	window->app_id = g_strdup("");
	window_set_class(window);
	return window;
}

void window_free(struct seamless_window *window)
{
	window_drop_contents(window);
	picture_clear(&window->icon);
	XDestroyWindow(window->desk->x11->display, window->xid);
	g_free(window->app_id);
	g_free(window->startup_id);
	g_free(window);
}

/* ---- where it is ---- */

static bool user_is_here(const struct seamless *desk)
{
	return desk->input_time &&
	       g_get_monotonic_time() - desk->input_us < RECENT_US;
}

/* Tells the window manager whose doing the window is: with a recent act of
 * the user's in one of ours it may come to the front, without not. */
static void set_user_time(struct seamless_window *window)
{
	struct x11 *x11 = window->desk->x11;
	unsigned long time = window->desk->input_time;
	/* the click that it was started by is such an act, too */
	const char *clicked =
	    window->startup_id ? g_strrstr(window->startup_id, "_TIME") : NULL;
	if (clicked)
		time = MAX(time, (unsigned long)g_ascii_strtoull(
				     clicked + strlen("_TIME"), NULL, 10) &
				     0xffffffffu);
	if (window->startup_id)
		x11_set_text(x11, window->xid, ATOM__NET_STARTUP_ID,
			     window->startup_id, strlen(window->startup_id));
	if (time)
		x11_set(x11, window->xid, ATOM__NET_WM_USER_TIME, XA_CARDINAL,
			&time, 1);
}

static bool too_large_a_popup(struct seamless_window *window)
{
	struct seamless *desk = window->desk;
	if (desk->config.trusted)
		return false;
	struct seam_rect work = desk_work_area(desk);
	return (uint64_t)window->at.width * window->at.height * 10 >
	       (uint64_t)work.width * work.height * 9;
}

void window_place_popup(struct seamless_window *window)
{
	struct seamless *desk = window->desk;
	if (window->kind == SEAM_TRAY)
		return; /* where its tray has it */
	struct seamless_window *parent = desk_window(desk, window->parent);
	unsigned inset = desk->inset;
	window->at = window->wish;
	if (parent && parent != window) {
		window->at.x += parent->at.x;
		window->at.y += parent->at.y;
	}
	if (window->shown.pixmap) {
		window->at.width = window->shown.width;
		window->at.height = window->shown.height;
	}
	if (too_large_a_popup(window)) {
		XUnmapWindow(desk->x11->display, window->xid);
		return;
	}
	XMoveResizeWindow(desk->x11->display, window->xid,
			  window->at.x - (int)inset, window->at.y - (int)inset,
			  window->at.width + 2 * inset,
			  window->at.height + 2 * inset);
}

void window_show(struct seamless_window *window, bool restore)
{
	struct seamless *desk = window->desk;
	Display *display = desk->x11->display;
	if (window->kind == SEAM_TRAY) {
		window->mapped_once = true;
		window_dock(window);
		return;
	}
	if (!managed(window)) {
		window_place_popup(window);
		if (!too_large_a_popup(window))
			XMapRaised(display, window->xid);
		window->mapped_once = true;
		return;
	}
	unsigned inset = desk->inset;
	window->at = window->wish;
	window->at.width = window->shown.width;
	window->at.height = window->shown.height;
	if (restore) { /* it had a place here before */
		window->placed = true;
		window->at.width = window->wish.width;
		window->at.height = window->wish.height;
		XSizeHints hints;
		long supplied;
		if (XGetWMNormalHints(display, window->xid, &hints,
				      &supplied)) {
			hints.flags |= USPosition | USSize | PWinGravity;
			hints.win_gravity = StaticGravity;
			XSetWMNormalHints(display, window->xid, &hints);
		}
	}
	XMoveResizeWindow(display, window->xid, window->at.x - (int)inset,
			  window->at.y - (int)inset,
			  window->at.width + 2 * inset,
			  window->at.height + 2 * inset);
	window_set_first_states(window);
	window_set_hints(window);
	set_user_time(window);
	XMapWindow(display, window->xid);
	window->mapped_once = true;
}

/* ---- what the guest asks ---- */

void window_ask_area(struct seamless_window *window, struct seam_rect area)
{
	unsigned inset = window->desk->inset;
	XWindowChanges changes = {.x = area.x - (int)inset,
				  .y = area.y - (int)inset,
				  .width = (int)(area.width + 2 * inset),
				  .height = (int)(area.height + 2 * inset)};
	unsigned mask = 0;
	if (area.x != window->at.x || area.y != window->at.y)
		mask |= CWX | CWY;
	if (area.width != window->at.width || area.height != window->at.height)
		mask |= CWWidth | CWHeight;
	if (mask)
		XConfigureWindow(window->desk->x11->display, window->xid, mask,
				 &changes);
}

/* Activation is the window manager's to give, and ours to ask for only when
 * the user is with this guest just now. */
void window_ask_attention(struct seamless_window *window)
{
	struct seamless *desk = window->desk;
	if (desk->focus && user_is_here(desk)) {
		const long items[5] = {1, (long)desk->input_time, 0, 0, 0};
		x11_ask(desk->x11, window->xid, ATOM__NET_ACTIVE_WINDOW, items);
		return;
	}
	window_ask_state(window, true, ATOM__NET_WM_STATE_DEMANDS_ATTENTION, 0);
}

void window_ask_move(struct seamless_window *window, unsigned edge,
		     unsigned button)
{
	/* _NET_WM_MOVERESIZE's directions by our bits left, top, right,
	 * bottom; what makes no sense moves */
	static const uint8_t directions[16] = {
	    [0] = 8, [1] = 7, [2] = 1, [3] = 0,  [4] = 3,
	    [6] = 2, [8] = 5, [9] = 6, [12] = 4,
	};
	struct seamless *desk = window->desk;
	Display *display = desk->x11->display;
	Window root, child;
	int root_x, root_y, x, y;
	unsigned mask;
	if (!button || desk->pressed_window != window->id ||
	    !(desk->pressed_buttons >> button & 1))
		return; /* nobody holds that button in this window */
	XQueryPointer(display, desk->x11->root, &root, &child, &root_x, &root_y,
		      &x, &y, &mask);
	XUngrabPointer(display, desk->input_time);
	unsigned direction = directions[edge & 15];
	if (edge && edge != 3 && !direction)
		direction = 8;
	const long items[5] = {root_x, root_y, (long)direction, (long)button,
			       1};
	x11_ask(desk->x11, window->xid, ATOM__NET_WM_MOVERESIZE, items);
	/* the window manager has the pointer now: the release is its */
	desk->pressed_buttons = 0;
	struct seam_message up = {.type = SEAM_BUTTON, .window = window->id};
	up.button.button = (uint8_t)button;
	desk_send(desk, &up);
}
