/* Tray icons: System Tray Protocol 0.4 and XEMBED. Each icon gets a frame of
 * its own and is a window like others to the client, of kind SEAM_TRAY. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>
#include <X11/Xutil.h>

#include "common/log.h"

#define SIDE      24 /* pixels; what panels commonly have */
#define ICONS_MAX 32
#define PANEL     0xe8e8e8 /* a grey that dark and light icons stand out on */
#define DOCK      0        /* SYSTEM_TRAY_REQUEST_DOCK */
#define EMBEDDED  0        /* XEMBED_EMBEDDED_NOTIFY */

void tray_open(struct agent *agent)
{
	Display *display = agent->display;
	Atom selection = ATOM(agent, _NET_SYSTEM_TRAY_S0);
	if (XGetSelectionOwner(display, selection) != None)
		return; /* a panel has it; let it */
	Time time = agent_time(agent);
	XSetSelectionOwner(display, selection, agent->own, time);
	if (XGetSelectionOwner(display, selection) != agent->own)
		return;
	long horizontal = 0;
	XChangeProperty(display, agent->own,
			ATOM(agent, _NET_SYSTEM_TRAY_ORIENTATION), XA_CARDINAL,
			32, PropModeReplace, (unsigned char *)&horizontal, 1);
	XEvent event = {.xclient = {.type = ClientMessage,
				    .window = agent->root,
				    .message_type = ATOM(agent, MANAGER),
				    .format = 32}};
	event.xclient.data.l[0] = (long)time;
	event.xclient.data.l[1] = (long)selection;
	event.xclient.data.l[2] = (long)agent->own;
	XSendEvent(display, agent->root, False, StructureNotifyMask, &event);
}

static unsigned count_icons(const struct agent *agent)
{
	unsigned n = 0;
	for (guint i = 0; i < agent->windows->len; i++) {
		const struct window *w = agent->windows->pdata[i];
		n += w->peer.kind == SEAM_TRAY;
	}
	return n;
}

static void dock(struct agent *agent, Window icon)
{
	Display *display = agent->display;
	XWindowAttributes attributes;
	if (icon == None || window_of_xid(agent, icon) ||
	    count_icons(agent) >= ICONS_MAX ||
	    !XGetWindowAttributes(display, icon, &attributes) ||
	    attributes.class == InputOnly)
		return;
	attributes.x = attributes.y = 0;
	attributes.width = attributes.height = SIDE;
	attributes.border_width = 0;
	struct window *self = window_new(agent, SEAM_TRAY, icon, &attributes);
	props_read(self);
	manage_frame(self, attributes.map_state != IsUnmapped);
	/* icons that are not rectangles let the panel shine through */
	XSetWindowBackground(display, self->frame, PANEL);
	/* _XEMBED_INFO's flags, bit 0: whether it wants to be seen */
	size_t count;
	unsigned long *info =
	    props_get(agent, icon, ATOM(agent, _XEMBED_INFO),
		      ATOM(agent, _XEMBED_INFO), 32, 2, &count);
	bool mapped = count < 2 || (info[1] & 1);
	XFree(info);
	XEvent event = {.xclient = {.type = ClientMessage,
				    .window = icon,
				    .message_type = ATOM(agent, _XEMBED),
				    .format = 32}};
	event.xclient.data.l[0] = (long)agent_time(agent);
	event.xclient.data.l[1] = EMBEDDED;
	event.xclient.data.l[3] = (long)self->frame;
	XSendEvent(display, icon, False, NoEventMask, &event);
	if (mapped)
		XMapWindow(display, icon);
	XMapWindow(display, self->frame);
	paint_begin(self);
}

/* To the selection's owner: an icon wants in. */
void tray_message(struct agent *agent, const XClientMessageEvent *event)
{
	if (event->message_type == ATOM(agent, _NET_SYSTEM_TRAY_OPCODE) &&
	    event->format == 32 && event->data.l[1] == DOCK)
		dock(agent, (Window)event->data.l[2]);
}

/* It wants another size or place and keeps the ones it has. */
void tray_request(struct window *self)
{
	manage_tell_place(self);
}
