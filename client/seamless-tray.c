/* Icons of the guest's programs in the user's own tray.
 *
 * System Tray Protocol (freedesktop.org): whoever owns the selection
 * _NET_SYSTEM_TRAY_Sn takes windows in by XEMBED, sizes them and maps them.
 * Where there is no tray they wait for one; a tray that ends gives them back
 * to the root, unseen. */
#include <X11/Xatom.h>
#include <stdio.h>

#include "client/seamless-private.h"

#define REQUEST_DOCK  0
#define XEMBED_MAPPED 1

static Atom tray_selection(const struct x11 *x11)
{
	char name[32];
	snprintf(name, sizeof name, "_NET_SYSTEM_TRAY_S%d", x11->screen);
	return XInternAtom(x11->display, name, False);
}

void window_dock(struct seamless_window *window)
{
	struct x11 *x11 = window->desk->x11;
	const unsigned long info[2] = {0, XEMBED_MAPPED};
	Window tray = XGetSelectionOwner(x11->display, tray_selection(x11));
	x11_set(x11, window->xid, ATOM__XEMBED_INFO,
		x11->atoms[ATOM__XEMBED_INFO], info, 2);
	if (tray == None)
		return;
	XEvent event = {
	    .xclient = {.type = ClientMessage,
			.window = tray,
			.message_type =
			    x11->atoms[ATOM__NET_SYSTEM_TRAY_OPCODE],
			.format = 32}};
	event.xclient.data.l[0] = (long)window->desk->input_time;
	event.xclient.data.l[1] = REQUEST_DOCK;
	event.xclient.data.l[2] = (long)window->xid;
	XSendEvent(x11->display, tray, False, NoEventMask, &event);
}

void desk_tray_message(struct seamless *desk, const XClientMessageEvent *event)
{
	GHashTableIter iter;
	gpointer value;
	if (event->message_type != desk->x11->atoms[ATOM_MANAGER] ||
	    (Atom)event->data.l[1] != tray_selection(desk->x11))
		return;
	g_hash_table_iter_init(&iter, desk->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct seamless_window *window = value;
		if (window->kind == SEAM_TRAY && window->mapped_once)
			window_dock(window);
	}
}

void window_undocked(struct seamless_window *window, Window parent)
{
	struct x11 *x11 = window->desk->x11;
	if (parent == x11->root)
		XUnmapWindow(x11->display, window->xid);
}
