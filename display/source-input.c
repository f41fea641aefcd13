/* What goes to the machine. Input is sent with answers wanted, only to count
 * what the machine has not taken yet: pointer motion is folded beyond a few,
 * and everything else holds its viewer back instead of piling up here. */
#include "display/source-link.h"

/* Positions in flight; newer ones replace each other while these travel. */
#define MOTIONS_MAX 8
#define INPUTS_HIGH 256
#define INPUTS_LOW  64

/* ---- input ---- */

struct input_call {
	struct link *link;
	bool motion;
};

static void send_motion(struct link *link);

static void on_input(GObject *object, GAsyncResult *result, gpointer data)
{
	struct input_call *call = data;
	struct link *link = call->link;
	/* an error here is a key or place the machine does not have */
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(
	    G_DBUS_CONNECTION(object), result, NULL);
	link->inputs--;
	if (call->motion)
		link->motions--;
	if (!link->ended && link->motion_waits && link->motions < MOTIONS_MAX)
		send_motion(link);
	if (!link->ended && link->full && link->inputs < INPUTS_LOW) {
		link->full = false;
		link->source->sink->input_ready(link->source->data);
	}
	link_unref(link);
	g_free(call);
}

static void send_input(struct link *link, unsigned head, const char *interface,
		       const char *method, GVariant *parameters, bool motion)
{
	struct input_call *call = g_new0(struct input_call, 1);
	call->link = link_ref(link);
	call->motion = motion;
	link->inputs++;
	link->motions += motion;
	if (link->inputs >= INPUTS_HIGH)
		link->full = true;
	g_dbus_connection_call(link->connection, NULL,
			       link->consoles[head].path, interface, method,
			       parameters, NULL, G_DBUS_CALL_FLAGS_NONE,
			       G_MAXINT, link->cancel, on_input, call);
}

static void send_position(struct link *link, unsigned x, unsigned y)
{
	send_input(link, link->motion_head, DISPLAY1_IFACE "Mouse",
		   "SetAbsPosition", g_variant_new("(uu)", x, y), true);
}

static void send_motion(struct link *link)
{
	struct console *console = &link->consoles[link->motion_head];
	unsigned x = link->motion_x, y = link->motion_y;
	bool back = link->pointed != console->head && x == console->last_x &&
		    y == console->last_y;
	link->motion_waits = false;
	link->pointed = console->head;
	/* A guest drops what a tablet says twice, though another screen's
	 * moved the pointer meanwhile: a step aside first. */
	if (console->absolute && back)
		send_position(link, x ? x - 1 : x + 1, y);
	if (console->absolute)
		send_position(link, x, y);
	else if (x != console->last_x || y != console->last_y)
		send_input(link, console->head, DISPLAY1_IFACE "Mouse",
			   "RelMotion",
			   g_variant_new("(ii)", (int)x - (int)console->last_x,
					 (int)y - (int)console->last_y),
			   true);
	console->last_x = x;
	console->last_y = y;
}

void source_key(struct source *self, unsigned keycode, bool down)
{
	if (self->connected)
		send_input(self->link, 0, DISPLAY1_IFACE "Keyboard",
			   down ? "Press" : "Release",
			   g_variant_new("(u)", keycode), false);
}

void source_pointer(struct source *self, unsigned head, unsigned x, unsigned y)
{
	struct link *link = self->link;
	if (!self->connected || head >= link->count)
		return;
	/* a position on another head must not be folded into this one's */
	if (link->motion_waits && link->motion_head != head)
		send_motion(link);
	link->motion_waits = true;
	link->motion_head = head;
	link->motion_x = x;
	link->motion_y = y;
	if (link->motions < MOTIONS_MAX)
		send_motion(link);
}

void source_button(struct source *self, unsigned head,
		   enum source_button button, bool down)
{
	struct link *link = self->link;
	if (!self->connected || head >= link->count)
		return;
	if (link->motion_waits) /* a click lands where the pointer is */
		send_motion(link);
	send_input(link, head, DISPLAY1_IFACE "Mouse",
		   down ? "Press" : "Release", g_variant_new("(u)", button),
		   false);
}

bool source_input_full(const struct source *self)
{
	return self->link && self->link->full;
}

/* ---- screens ---- */

static void send_wanted(struct console *console);

static void on_ui_info(GObject *object, GAsyncResult *result, gpointer data)
{
	struct console *console = data;
	struct link *link = console->link;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(
	    G_DBUS_CONNECTION(object), result, &error);
	console->wanted_flies = false;
	if (!link->ended && error)
		link->source->sink->trouble(link->source->data, error);
	if (!link->ended && console->wanted_waits)
		send_wanted(console);
	link_unref(link);
}

static void send_wanted(struct console *console)
{
	struct link *link = console->link;
	const struct rect *at = &console->wanted;
	console->wanted_waits = false;
	console->wanted_flies = true;
	link_ref(link);
	/* millimetres at 96 dots per inch, as desktops expect */
	g_dbus_connection_call(
	    link->connection, NULL, console->path, DISPLAY1_IFACE "Console",
	    "SetUIInfo",
	    g_variant_new("(qqiiuu)", (guint16)(at->w * 254 / 960),
			  (guint16)(at->h * 254 / 960), (gint32)at->x,
			  (gint32)at->y, at->w, at->h),
	    NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, link->cancel, on_ui_info,
	    console);
}

void source_set_head(struct source *self, unsigned head, unsigned x, unsigned y,
		     unsigned width, unsigned height)
{
	if (!self->connected || head >= self->link->count)
		return;
	struct console *console = &self->link->consoles[head];
	console->wanted = (struct rect){x, y, width, height};
	console->wanted_waits = true;
	if (!console->wanted_flies)
		send_wanted(console);
}
