/* The user's side: what happens to local windows becomes messages. Positions
 * are told before what happens there; held keys are let go when the focus
 * leaves, so that none is stuck in the guest. */
#include <X11/Xatom.h>
#include <X11/Xcursor/Xcursor.h>
#include <X11/Xutil.h>
#include <X11/extensions/Xrandr.h>
#include <string.h>

#include "client/seamless-private.h"

/* X's key codes are evdev's plus 8, on every server that has evdev codes. */
#define EVDEV_OFFSET 8u

static void note_input(struct seamless *desk, Time time)
{
	if (time) {
		desk->input_time = time;
		desk->input_us = g_get_monotonic_time();
	}
}

/* ---- keys ---- */

static void send_key(struct seamless *desk, unsigned code, bool down,
		     unsigned modifiers)
{
	if (code < 1 || code >= KEYS_MAX)
		return;
	bool held = desk->keys[code / 8] >> code % 8 & 1;
	if (held == down)
		return; /* the guest repeats by itself */
	desk->keys[code / 8] ^= (uint8_t)(1u << code % 8);
	struct seam_message message = {.type = SEAM_KEY};
	message.key = (struct seam_key){code, down, modifiers};
	desk_send(desk, &message);
}

void desk_release_keys(struct seamless *desk)
{
	for (unsigned code = 1; code < KEYS_MAX; code++)
		if (desk->keys[code / 8] >> code % 8 & 1)
			send_key(desk, code, false, 0);
}

static void on_key(struct seamless *desk, XKeyEvent *event)
{
	Display *display = desk->x11->display;
	note_input(desk, event->time);
	if (event->type == KeyRelease &&
	    XEventsQueued(display, QueuedAfterReading)) {
		XEvent next; /* an auto-repeat: let go and pressed at once */
		XPeekEvent(display, &next);
		if (next.type == KeyPress && next.xkey.time == event->time &&
		    next.xkey.keycode == event->keycode) {
			XNextEvent(display, &next);
			return;
		}
	}
	desk_tell_focus(desk);
	send_key(desk, event->keycode - EVDEV_OFFSET, event->type == KeyPress,
		 event->state & 0xff);
}

/* ---- focus ---- */

void desk_tell_focus(struct seamless *desk)
{
	g_clear_handle_id(&desk->focus_idle, g_source_remove);
	if (desk->told_focus == desk->focus || !desk->greeted)
		return;
	desk_release_keys(desk);
	desk->told_focus = desk->focus;
	desk_send_bare(desk, SEAM_FOCUS, desk->focus);
}

/* Out of one window and into the next come as two events. */
static gboolean on_focus_idle(gpointer data)
{
	struct seamless *desk = data;
	desk->focus_idle = 0;
	if (!desk->focus)
		desk_ungrab(desk);
	desk_tell_focus(desk);
	return G_SOURCE_REMOVE;
}

static void on_focus(struct seamless *desk, struct seamless_window *window,
		     XFocusChangeEvent *event)
{
	if (event->detail == NotifyPointer || event->detail == NotifyInferior ||
	    event->mode == NotifyGrab || event->mode == NotifyUngrab)
		return;
	if (event->type == FocusIn)
		desk->focus = window->id;
	else if (desk->focus == window->id)
		desk->focus = 0;
	if (!desk->focus_idle)
		desk->focus_idle = g_idle_add_full(G_PRIORITY_DEFAULT,
						   on_focus_idle, desk, NULL);
}

/* ---- the pointer ---- */

static void send_position(struct seamless *desk, uint32_t window, int x, int y)
{
	struct seam_message message = {.type = SEAM_POINTER, .window = window};
	int inset = (int)desk->inset;
	message.pointer.x = CLAMP(x - inset, -65535, 65535) * 256;
	message.pointer.y = CLAMP(y - inset, -65535, 65535) * 256;
	desk_send(desk, &message);
}

static void on_motion(struct seamless *desk, struct seamless_window *window,
		      XMotionEvent *event)
{
	XEvent next;
	/* only where it is now counts */
	while (XEventsQueued(desk->x11->display, QueuedAlready)) {
		XPeekEvent(desk->x11->display, &next);
		if (next.type != MotionNotify ||
		    next.xmotion.window != event->window)
			break;
		XNextEvent(desk->x11->display, &next);
		*event = next.xmotion;
	}
	note_input(desk, event->time);
	send_position(desk, window->id, event->x, event->y);
}

void desk_grab(struct seamless *desk, struct seamless_window *window)
{
	/* only while the user is with this guest: a grab holds the pointer */
	if (desk->grab || !desk->focus || !window->mapped_once)
		return;
	if (XGrabPointer(desk->x11->display, window->xid, True,
			 ButtonPressMask | ButtonReleaseMask |
			     PointerMotionMask,
			 GrabModeAsync, GrabModeAsync, None, None,
			 CurrentTime) == GrabSuccess)
		desk->grab = window->xid;
}

void desk_ungrab(struct seamless *desk)
{
	if (!desk->grab)
		return;
	XUngrabPointer(desk->x11->display, CurrentTime);
	desk->grab = None;
}

/* A press outside of all the guest's windows closes its menus: the focus
 * leaves, and comes back. */
static bool dismisses(struct seamless *desk, struct seamless_window *window,
		      XButtonEvent *event)
{
	if (!desk->grab || event->window != desk->grab)
		return false;
	unsigned inset = 2 * desk->inset;
	if (event->x >= 0 && event->y >= 0 &&
	    event->x < (int)(window->at.width + inset) &&
	    event->y < (int)(window->at.height + inset))
		return false;
	desk_ungrab(desk);
	desk_send_bare(desk, SEAM_FOCUS, 0);
	desk->told_focus = 0;
	desk_tell_focus(desk);
	return true;
}

static void send_wheel(struct seamless *desk, uint32_t window, unsigned button)
{
	struct seam_message message = {.type = SEAM_AXIS, .window = window};
	if (button <= 5)
		message.axis.dy = button == 4 ? -120 : 120;
	else
		message.axis.dx = button == 6 ? -120 : 120;
	desk_send(desk, &message);
}

static void on_button(struct seamless *desk, struct seamless_window *window,
		      XButtonEvent *event)
{
	bool down = event->type == ButtonPress;
	note_input(desk, event->time);
	if (down && dismisses(desk, window, event))
		return;
	send_position(desk, window->id, event->x, event->y);
	if (event->button >= 4 && event->button <= 7) {
		if (down)
			send_wheel(desk, window->id, event->button);
		return;
	}
	if (event->button > 31)
		return;
	if (!down && !(desk->pressed_buttons >> event->button & 1))
		return; /* let go already */
	desk->pressed_window = window->id;
	if (down)
		desk->pressed_buttons |= 1u << event->button;
	else
		desk->pressed_buttons &= ~(1u << event->button);
	desk_tell_focus(desk); /* the press may have brought it */
	struct seam_message message = {.type = SEAM_BUTTON,
				       .window = window->id};
	message.button.button = (uint8_t)event->button;
	message.button.down = down;
	desk_send(desk, &message);
}

static void on_crossing(struct seamless *desk, struct seamless_window *window,
			XCrossingEvent *event)
{
	if (event->type == LeaveNotify) {
		if (desk->under == window->id)
			desk->under = 0;
		return;
	}
	desk->under = window->id;
	desk_set_cursor(desk);
	send_position(desk, window->id, event->x, event->y);
}

/* ---- windows ---- */

static void place_popups(struct seamless *desk,
			 const struct seamless_window *window)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, desk->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct seamless_window *popup = value;
		if (popup->kind != SEAM_TOPLEVEL &&
		    popup->parent == window->id && popup->mapped_once)
			window_place_popup(popup);
	}
}

static void on_configure(struct seamless *desk, struct seamless_window *window,
			 XConfigureEvent *event)
{
	XEvent next;
	while (XCheckTypedWindowEvent(desk->x11->display, event->window,
				      ConfigureNotify, &next))
		*event = next.xconfigure;
	if (window->kind != SEAM_TOPLEVEL && window->kind != SEAM_TRAY)
		return;
	int x = event->x, y = event->y;
	Window child;
	/* a real event counts from the window manager's frame */
	if (!event->send_event &&
	    !XTranslateCoordinates(desk->x11->display, event->window,
				   desk->x11->root, 0, 0, &x, &y, &child))
		return;
	int inset = (int)desk->inset;
	struct seam_rect before = window->at;
	window->at = (struct seam_rect){
	    CLAMP(x + inset, -65535, 65535), CLAMP(y + inset, -65535, 65535),
	    (uint32_t)CLAMP(event->width - 2 * inset, 1, SEAM_SIDE_MAX),
	    (uint32_t)CLAMP(event->height - 2 * inset, 1, SEAM_SIDE_MAX)};
	if (window->kind == SEAM_TRAY) {
		place_popups(desk, window); /* its menu stands beside it */
		return;
	}
	if (inset && (before.width != window->at.width ||
		      before.height != window->at.height))
		window_paint_all(window);
	if (before.x == window->at.x && before.y == window->at.y &&
	    before.width == window->at.width &&
	    before.height == window->at.height && window->geometry.known)
		return;
	geometry_local(&window->geometry, window->at, window->states);
	desk_tell_geometry(desk, window);
	/* popups go where their parent goes */
	if (before.x == window->at.x && before.y == window->at.y)
		return;
	place_popups(desk, window);
}

static void on_window_property(struct seamless *desk,
			       struct seamless_window *window, Atom atom)
{
	const Atom *atoms = desk->x11->atoms;
	if (window->kind != SEAM_TOPLEVEL || !window->mapped_once ||
	    (atom != atoms[ATOM__NET_WM_STATE] && atom != atoms[ATOM_WM_STATE]))
		return;
	uint32_t before = window->states;
	window_read_states(window);
	if (before == window->states || !window->geometry.known)
		return;
	geometry_local(&window->geometry, window->at, window->states);
	desk_tell_geometry(desk, window);
}

static void on_client_message(struct seamless *desk,
			      struct seamless_window *window,
			      XClientMessageEvent *event)
{
	const Atom *atoms = desk->x11->atoms;
	if (event->message_type != atoms[ATOM_WM_PROTOCOLS])
		return;
	if ((Atom)event->data.l[0] == atoms[ATOM_WM_DELETE_WINDOW]) {
		desk_send_bare(desk, SEAM_CLOSE, window->id);
	} else if ((Atom)event->data.l[0] == atoms[ATOM__NET_WM_PING]) {
		XEvent pong = {.xclient = *event};
		pong.xclient.window = desk->x11->root;
		XSendEvent(desk->x11->display, desk->x11->root, False,
			   SubstructureRedirectMask | SubstructureNotifyMask,
			   &pong);
	}
}

static void on_window_event(struct seamless *desk,
			    struct seamless_window *window, XEvent *event)
{
	switch (event->type) {
	case Expose:
		window_paint(window, event->xexpose.x, event->xexpose.y,
			     event->xexpose.width, event->xexpose.height);
		break;
	case ConfigureNotify:
		on_configure(desk, window, &event->xconfigure);
		break;
	case MapNotify:
	case UnmapNotify:
		if (window->visible == (event->type == MapNotify))
			break;
		window->visible = event->type == MapNotify;
		if (window->kind == SEAM_TOPLEVEL)
			desk_send_bare(desk,
				       window->visible ? SEAM_MAP : SEAM_UNMAP,
				       window->id);
		break;
	case ReparentNotify:
		if (window->kind == SEAM_TRAY)
			window_undocked(window, event->xreparent.parent);
		break;
	case PropertyNotify:
		on_window_property(desk, window, event->xproperty.atom);
		break;
	case ClientMessage:
		on_client_message(desk, window, &event->xclient);
		break;
	case FocusIn:
	case FocusOut:
		on_focus(desk, window, &event->xfocus);
		break;
	case KeyPress:
	case KeyRelease:
		on_key(desk, &event->xkey);
		break;
	case ButtonPress:
	case ButtonRelease:
		on_button(desk, window, &event->xbutton);
		break;
	case MotionNotify:
		on_motion(desk, window, &event->xmotion);
		break;
	case EnterNotify:
	case LeaveNotify:
		on_crossing(desk, window, &event->xcrossing);
		break;
	}
}

static void on_root_event(struct seamless *desk, XEvent *event)
{
	const Atom *atoms = desk->x11->atoms;
	if (desk->x11->randr_event >= 0 &&
	    event->type == desk->x11->randr_event + RRScreenChangeNotify) {
		XRRUpdateConfiguration(event);
		desk_send_outputs(desk);
	} else if (event->type == ClientMessage) {
		desk_tray_message(desk, &event->xclient);
	} else if (event->type == PropertyNotify) {
		Atom atom = event->xproperty.atom;
		if (atom == atoms[ATOM__NET_CLIENT_LIST_STACKING])
			desk_send_stack(desk);
		else if (atom == atoms[ATOM__NET_WORKAREA])
			desk_send_outputs(desk);
		else if (atom == atoms[ATOM__XKB_RULES_NAMES])
			desk_send_keymap(desk);
	}
}

void desk_on_event(XEvent *event, void *data)
{
	struct seamless *desk = data;
	if (event->type == MappingNotify) {
		XRefreshKeyboardMapping(&event->xmapping);
		return;
	}
	struct seamless_window *window =
	    desk_window_at(desk, event->xany.window);
	if (window)
		on_window_event(desk, window, event);
	else
		on_root_event(desk, event);
}
