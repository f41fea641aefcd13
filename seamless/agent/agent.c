/* The agent's heart: the X connection, its events, and the step that follows
 * each batch of them. */
#include "seamless/agent/agent.h"

#include <X11/XKBlib.h>
#include <X11/Xatom.h>
#include <X11/extensions/XTest.h>
#include <X11/extensions/Xcomposite.h>
#include <X11/extensions/Xfixes.h>
#include <X11/extensions/Xrandr.h>
#include <X11/extensions/shape.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"

#define ROOT_EVENTS                                                            \
	(SubstructureRedirectMask | SubstructureNotifyMask |                   \
	 StructureNotifyMask | PropertyChangeMask)
/* of one batch, so that a flooding application cannot keep the link waiting */
#define EVENTS_MAX 2000

static bool root_taken;

static int on_x_error(Display *display, XErrorEvent *event)
{
	/* X_ChangeWindowAttributes on the root: somebody else redirects it */
	if (event->error_code == BadAccess)
		root_taken = true;
	return 0;
}

/* ---- sending ---- */

void agent_send(struct agent *self, struct seam_message *message)
{
	if (self->peer_ready)
		link_send(self->link, message);
}

void agent_request(struct window *self, enum seam_type type)
{
	struct seam_message message = {.type = (uint16_t)type,
				       .window = self->peer.id};
	/* these are wishes: one that finds no room was one too many */
	if (self->agent->peer_ready && link_has_room(self->agent->link))
		agent_send(self->agent, &message);
}

void agent_send_picture(struct agent *self, struct seam_message *message,
			const uint8_t *pixels)
{
	static const uint32_t piece_max = 60000;
	struct seam_picture *p = &message->picture;
	uint32_t size = p->width * p->height * 4;
	p->offset = 0;
	do {
		p->piece.bytes = pixels + p->offset;
		p->piece.size = MIN(size - p->offset, piece_max);
		agent_send(self, message);
		p->offset += p->piece.size;
	} while (p->offset < size);
}

/* ---- time ---- */

static Bool is_time(Display *display, XEvent *event, XPointer data)
{
	struct agent *self = (struct agent *)data;
	return event->type == PropertyNotify &&
	       event->xproperty.window == self->own &&
	       event->xproperty.atom == ATOM(self, _ORIEL_TIME);
}

Time agent_time(struct agent *self)
{
	XEvent event;
	/* Appending nothing to a property tells the time of now. */
	XChangeProperty(self->display, self->own, ATOM(self, _ORIEL_TIME),
			XA_CARDINAL, 32, PropModeAppend, NULL, 0);
	XIfEvent(self->display, &event, is_time, (XPointer)self);
	self->time = event.xproperty.time;
	return self->time;
}

/* ---- the client's messages ---- */

static struct peer_window *op_find(uint32_t id, void *data)
{
	struct window *w = window_of_id(data, id);
	return w && w->announced ? &w->peer : NULL;
}

static void op_send(struct seam_message *message, void *data)
{
	agent_send(data, message);
}

static void op_drop(enum seam_fault fault, const char *why, void *data)
{
	struct agent *self = data;
	link_drop(self->link, fault, why);
}

static void forget_peer(struct agent *self)
{
	self->peer_ready = self->syncing = self->told_limit = false;
	self->n_announced = 0;
	for (guint i = 0; i < self->windows->len; i++)
		window_forget_peer(self->windows->pdata[i]);
	slots_forget_peer(self);
	apps_forget_peer(self);
	files_forget_peer(self);
	launch_forget_peer(self);
	self->cursor_stale = true;
	g_array_set_size(self->stack, 0);
}

static void send_hello(struct agent *self)
{
	struct seam_message message = {.type = SEAM_HELLO};
	message.hello = (struct seam_hello){
	    SEAM_VERSION,
	    SEAM_CAP_ATLAS | SEAM_CAP_APPS | SEAM_CAP_NOTIFY | SEAM_CAP_TRAY |
		SEAM_CAP_TOUCH,
	    SEAM_WINDOWS_MAX, SEAM_PIXELS_MAX,
	    seam_text_of("oriel-agent " ORIEL_VERSION, 64)};
	link_send(self->link, &message);
}

static void op_hello(const struct seam_hello *hello, void *data)
{
	struct agent *self = data;
	g_autofree char *name = log_quote(hello->name.bytes, hello->name.size);
	if (self->peer_ready) { /* it began anew */
		forget_peer(self);
		send_hello(self);
	}
	log_info(NULL, "Serving %s.", name);
	self->peer_windows_max = hello->windows_max;
	self->peer_capabilities = hello->capabilities;
	self->peer_ready = self->syncing = true;
	struct seam_message message = {.type = SEAM_SYNC_BEGIN};
	agent_send(self, &message);
	files_greet(self);
	agent_step_soon(self);
}

static void op_outputs(struct seam_array outputs, void *data)
{
	screen_outputs(data, outputs);
}
static void op_configure(struct peer_window *window, const struct turn_ask *ask,
			 void *data)
{
	manage_place((struct window *)window, ask);
}
static void op_waits(struct peer_window *window, void *data)
{
	manage_waits((struct window *)window);
}
static void op_show(struct peer_window *window, bool shown, void *data)
{
	struct window *w = (struct window *)window;
	w->shown = shown;
	if (shown)
		window_mark(w, DIRTY_COMMIT);
}
static void op_stack(struct seam_array windows, void *data)
{
	focus_stack(data, windows);
}
static void op_focus(struct peer_window *window, void *data)
{
	focus_set(data, (struct window *)window);
}
static void op_close(struct peer_window *window, void *data)
{
	focus_close((struct window *)window);
}
static void op_pointer(struct peer_window *window, int32_t x, int32_t y,
		       void *data)
{
	input_pointer((struct window *)window, x, y);
}
static void op_button(struct peer_window *window, unsigned button, bool down,
		      void *data)
{
	input_button((struct window *)window, button, down);
}
static void op_axis(struct peer_window *window, int32_t dx, int32_t dy,
		    void *data)
{
	input_axis((struct window *)window, dx, dy);
}
static void op_key(const struct seam_key *key, void *data)
{
	input_key(data, key);
}
static void op_keymap(const struct seam_keymap *keymap, void *data)
{
	input_keymap(data, keymap);
}
static void op_released(struct peer_window *window, void *data)
{
	slots_released((struct window *)window);
}
static void op_destroy_acked(uint32_t id, void *data)
{
	slots_destroy_acked(data, id);
}
static void op_launch_cancel(uint32_t token, void *data)
{
	launch_cancel(data, token);
}

static void op_launch(const struct seam_launch *launch, void *data)
{
	launch_app(data, launch);
}

static void op_file(const struct seam_message *message, void *data)
{
	files_message(data, message);
}

static const struct receive_ops receive_ops = {
    .find = op_find,
    .send = op_send,
    .drop = op_drop,
    .hello = op_hello,
    .outputs = op_outputs,
    .configure = op_configure,
    .waits = op_waits,
    .show = op_show,
    .stack = op_stack,
    .focus = op_focus,
    .close = op_close,
    .pointer = op_pointer,
    .button = op_button,
    .axis = op_axis,
    .key = op_key,
    .keymap = op_keymap,
    .released = op_released,
    .destroy_acked = op_destroy_acked,
    .launch = op_launch,
    .launch_cancel = op_launch_cancel,
    .file = op_file,
};

static void on_opened(void *data)
{
	struct agent *self = data;
	receive_begin(&self->receive);
	send_hello(self);
}

static void on_message(const struct seam_message *message, void *data)
{
	struct agent *self = data;
	receive_message(&self->receive, message);
}

static void on_closed(const char *why, void *data)
{
	struct agent *self = data;
	log_info(NULL, "The client's side is gone: %s.", why);
	input_release_all(self);
	forget_peer(self);
}

static void on_room(void *data)
{
	agent_step_soon(data);
}

const struct link_handlers agent_link_handlers = {on_opened, on_message,
						  on_closed, on_room};

/* ---- X events ---- */

static void on_unmap(struct agent *self, const XUnmapEvent *event)
{
	struct window *w = window_of_xid(self, event->window);
	if (!w || event->window != w->client)
		return;
	if (w->frame == w->client) {
		window_free(w);
		return;
	}
	/* once from the client's own selection, once from the frame's: the
	 * frame's counts; a synthetic one to the root withdraws (4.1.4) */
	if (event->event != w->frame &&
	    !(event->send_event && event->event == self->root))
		return;
	if (!event->send_event && w->unmaps_to_ignore > 0) {
		w->unmaps_to_ignore--;
		return;
	}
	if (w->peer.kind == SEAM_TOPLEVEL) {
		manage_withdraw(w);
		return;
	}
	/* out of the frame, which goes with all that is in it */
	XReparentWindow(self->display, w->client, self->root, 0, 0);
	XRemoveFromSaveSet(self->display, w->client);
	window_free(w);
}

static void on_destroy(struct agent *self, Window window)
{
	struct window *w = window_of_xid(self, window);
	if (!w || window != w->client)
		return;
	bool toplevel = w->peer.kind == SEAM_TOPLEVEL;
	window_free(w);
	if (toplevel)
		ewmh_client_list(self);
}

static void on_map_request(struct agent *self, Window window)
{
	struct window *w = window_of_xid(self, window);
	if (!w) {
		manage_client(self, window, false);
		return;
	}
	if (w->states & SEAM_MINIMIZED)
		ewmh_ask_states(w, 0, SEAM_MINIMIZED);
}

static void on_reparent(struct agent *self, const XReparentEvent *event)
{
	struct window *w = window_of_xid(self, event->window);
	if (!w || event->window != w->client || w->frame == w->client ||
	    event->parent == w->frame)
		return;
	/* somebody took it out of our frame */
	on_destroy(self, event->window);
}

static void on_extension(struct agent *self, XEvent *event)
{
	if (event->type == self->damage_event + XDamageNotify) {
		const XDamageNotifyEvent *damage = (void *)event;
		struct window *w = window_of_xid(self, damage->drawable);
		if (w)
			paint_damage(w, &damage->area);
	} else if (event->type == self->fixes_event + XFixesCursorNotify) {
		cursor_changed(self);
	} else if (self->has_shape &&
		   event->type == self->shape_event + ShapeNotify) {
		struct window *w =
		    window_of_xid(self, ((XShapeEvent *)event)->window);
		if (w)
			props_shape(w);
	} else if (self->has_sync &&
		   event->type == self->sync_event + XSyncAlarmNotify) {
		sync_alarm(self, (XSyncAlarmNotifyEvent *)event);
	} else if (event->type == self->randr_event + RRScreenChangeNotify) {
		XRRUpdateConfiguration(event);
		screen_default(self);
		head_follow(self);
		/* a screen of another size begins empty */
		for (guint i = 0; i < self->windows->len; i++)
			paint_whole(self->windows->pdata[i]);
	} else if (event->type == self->randr_event + RRNotify) {
		head_follow(self);
	} else if (event->type == self->xkb_event) {
		const XkbEvent *xkb = (const XkbEvent *)event;
		if (xkb->any.xkb_type == XkbBellNotify) {
			struct seam_message message = {.type = SEAM_BELL};
			message.bell.percent =
			    (uint8_t)CLAMP(xkb->bell.percent, 0, 100);
			if (self->peer_ready && link_has_room(self->link))
				agent_send(self, &message);
		}
	}
}

static void on_event(struct agent *self, XEvent *event)
{
	struct window *w;
	switch (event->type) {
	case MapRequest:
		on_map_request(self, event->xmaprequest.window);
		break;
	case ConfigureRequest:
		manage_request(self, &event->xconfigurerequest);
		break;
	case MapNotify:
		if (event->xmap.override_redirect &&
		    event->xmap.event == self->root)
			popup_mapped(self, event->xmap.window);
		break;
	case UnmapNotify:
		on_unmap(self, &event->xunmap);
		break;
	case DestroyNotify:
		on_destroy(self, event->xdestroywindow.window);
		break;
	case ReparentNotify:
		on_reparent(self, &event->xreparent);
		break;
	case ConfigureNotify:
		w = window_of_xid(self, event->xconfigure.window);
		if (w && w->frame == w->client &&
		    event->xconfigure.event == self->root) {
			const XConfigureEvent *c = &event->xconfigure;
			w->border = c->border_width;
			popup_configured(w, c->x, c->y,
					 c->width + 2 * c->border_width,
					 c->height + 2 * c->border_width);
		}
		break;
	case PropertyNotify:
		self->time = event->xproperty.time;
		w = window_of_xid(self, event->xproperty.window);
		if (w)
			props_changed(w, event->xproperty.atom);
		break;
	case ClientMessage:
		if (event->xclient.window == self->own)
			tray_message(self, &event->xclient);
		else
			ewmh_message(self, &event->xclient);
		break;
	case FocusIn:
	case FocusOut:
		focus_event(self, &event->xfocus);
		break;
	case SelectionClear:
		if (event->xselectionclear.selection == ATOM(self, WM_S0)) {
			log_warn(NULL, "Another window manager has taken over "
				       "this X screen.");
			g_main_loop_quit(self->loop);
		}
		break;
	case MappingNotify:
		XRefreshKeyboardMapping(&event->xmapping);
		break;
	default:
		on_extension(self, event);
	}
}

/* ---- the loop ---- */

/* What is due after events and messages: read, tell, draw. */
static void step(struct agent *self)
{
	for (guint i = 0; i < self->windows->len; i++) {
		struct window *w = self->windows->pdata[i];
		if (w->stale)
			props_refresh(w);
		if (w->peer.turn.queued)
			manage_skip(w);
	}
	if (self->peer_ready) {
		window_announce_all(self);
		paint_all(self);
		cursor_send(self);
		notices_send(self);
		files_send(self);
		bool told = apps_send(self);
		if (self->syncing && told && window_all_told(self)) {
			struct seam_message message = {.type = SEAM_SYNC_END};
			self->syncing = false;
			agent_send(self, &message);
		}
	}
	XFlush(self->display);
}

static gboolean on_step(gpointer data)
{
	struct agent *self = data;
	self->step_source = 0;
	step(self);
	return G_SOURCE_REMOVE;
}

void agent_step_soon(struct agent *self)
{
	if (!self->step_source)
		self->step_source = g_idle_add_full(G_PRIORITY_DEFAULT + 10,
						    on_step, self, NULL);
}

static gboolean on_timer(gpointer data)
{
	struct agent *self = data;
	self->timer_source = 0;
	agent_step_soon(self);
	return G_SOURCE_REMOVE;
}

void agent_step_at(struct agent *self, gint64 at_us)
{
	if (self->timer_source && self->timer_us <= at_us)
		return;
	if (self->timer_source)
		g_source_remove(self->timer_source);
	gint64 wait_us = MAX(at_us - g_get_monotonic_time(), 0);
	self->timer_us = at_us;
	self->timer_source =
	    g_timeout_add((guint)((wait_us + 999) / 1000), on_timer, self);
}

struct x_source {
	GSource source;
	struct agent *agent;
	GPollFD poll;
};

static gboolean x_prepare(GSource *source, int *timeout)
{
	struct x_source *x = (struct x_source *)source;
	*timeout = -1;
	XFlush(x->agent->display);
	return XEventsQueued(x->agent->display, QueuedAlready) > 0;
}

static gboolean x_check(GSource *source)
{
	struct x_source *x = (struct x_source *)source;
	return (x->poll.revents & G_IO_IN) ||
	       XEventsQueued(x->agent->display, QueuedAlready) > 0;
}

static gboolean x_dispatch(GSource *source, GSourceFunc function, gpointer data)
{
	struct agent *self = ((struct x_source *)source)->agent;
	for (int i = 0; i < EVENTS_MAX && XPending(self->display); i++) {
		XEvent event;
		XNextEvent(self->display, &event);
		on_event(self, &event);
	}
	agent_step_soon(self);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs x_funcs = {
    .prepare = x_prepare, .check = x_check, .dispatch = x_dispatch};

/* ---- beginning and end ---- */

static bool need(bool there, const char *what, GError **error)
{
	if (!there)
		fault_set(error, FAULT_UNAVAILABLE,
			  "Use an X server that has it, such as Debian's.",
			  "The X server lacks %s.", what);
	return there;
}

static bool open_extensions(struct agent *self, GError **error)
{
	Display *display = self->display;
	int event, e, major = 0, minor = 4;
	if (!need(XCompositeQueryExtension(display, &event, &e) &&
		      XCompositeQueryVersion(display, &major, &minor) &&
		      (major > 0 || minor >= 2),
		  "the Composite extension", error) ||
	    !need(XDamageQueryExtension(display, &self->damage_event, &e) &&
		      XDamageQueryVersion(display, &major, &minor),
		  "the Damage extension", error) ||
	    !need(cursor_open(self), "the XFixes extension", error) ||
	    !need(XTestQueryExtension(display, &event, &e, &major, &minor),
		  "the XTest extension", error) ||
	    !need(XRRQueryExtension(display, &self->randr_event, &e) &&
		      XRRQueryVersion(display, &major, &minor) &&
		      (major > 1 || minor >= 5),
		  "RandR 1.5", error))
		return false;
	self->has_shape = XShapeQueryExtension(display, &self->shape_event, &e);
	self->has_sync = XSyncQueryExtension(display, &self->sync_event, &e) &&
			 XSyncInitialize(display, &major, &minor);
	int opcode;
	major = XkbMajorVersion;
	minor = XkbMinorVersion;
	if (XkbQueryExtension(display, &opcode, &self->xkb_event, &e, &major,
			      &minor)) {
		XkbSelectEvents(display, XkbUseCoreKbd, XkbBellNotifyMask,
				XkbBellNotifyMask);
		/* the bell rings at the client's */
		XkbChangeEnabledControls(display, XkbUseCoreKbd,
					 XkbAudibleBellMask, 0);
	}
	XRRSelectInput(display, self->root,
		       RRScreenChangeNotifyMask | RRCrtcChangeNotifyMask |
			   RROutputChangeNotifyMask);
	return true;
}

struct agent *agent_create(const char *display_name, bool replace,
			   GError **error)
{
	static const char *names[] = {
#define X(name) #name,
	    ATOM_NAMES(X)
#undef X
	};
	Display *display = XOpenDisplay(display_name);
	if (!display) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Start the agent inside an X session, or name its "
			  "display with --display.",
			  "The X display '%s' cannot be opened.",
			  XDisplayName(display_name));
		return NULL;
	}
	XSetErrorHandler(on_x_error);
	struct agent *self = g_new0(struct agent, 1);
	self->display = display;
	self->screen = DefaultScreen(display);
	self->root = RootWindow(display, self->screen);
	/* 29 bits of an id, 8 of them for 256 clients, as X servers do */
	self->id_mask = ((XID)1 << 21) - 1;
	self->peer_windows_max = SEAM_WINDOWS_MAX;
	self->locks = UINT32_MAX;
	self->receive = (struct receive){.ops = &receive_ops, .data = self};
	self->windows = g_ptr_array_new();
	self->by_id = g_hash_table_new(NULL, NULL);
	self->by_xid = g_hash_table_new(NULL, NULL);
	self->gone = g_hash_table_new_full(NULL, NULL, NULL,
					   (GDestroyNotify)g_array_unref);
	self->stack = g_array_new(FALSE, FALSE, sizeof(Window));
	XInternAtoms(display, (char **)names, ATOMS, False, self->atom);
	XSetWindowAttributes attributes = {.override_redirect = True,
					   .event_mask = PropertyChangeMask};
	self->own = XCreateWindow(
	    display, self->root, -10, -10, 1, 1, 0, 0, InputOnly,
	    CopyFromParent, CWOverrideRedirect | CWEventMask, &attributes);
	XMapWindow(display, self->own);
	if (!open_extensions(self, error) ||
	    !ewmh_become_manager(self, replace, error)) {
		agent_destroy(self);
		return NULL;
	}
	root_taken = false;
	XSelectInput(display, self->root, ROOT_EVENTS);
	XCompositeRedirectSubwindows(display, self->root,
				     CompositeRedirectManual);
	XSync(display, False);
	if (root_taken) {
		fault_set(error, FAULT_CONFLICT,
			  "End it first: the agent is both for its X screen.",
			  "A window manager or compositor runs on this X "
			  "screen.");
		agent_destroy(self);
		return NULL;
	}
	if (!need(paint_open(self), "a picture format for its screen", error)) {
		agent_destroy(self);
		return NULL;
	}
	struct x_source *x =
	    (struct x_source *)g_source_new(&x_funcs, sizeof *x);
	x->agent = self;
	x->poll.fd = ConnectionNumber(display);
	x->poll.events = G_IO_IN | G_IO_HUP | G_IO_ERR;
	g_source_add_poll(&x->source, &x->poll);
	g_source_attach(&x->source, NULL);
	self->x_source = &x->source;
	screen_default(self);
	ewmh_root(self);
	return self;
}

void agent_destroy(struct agent *self)
{
	if (!self)
		return;
	link_destroy(self->link);
	self->link = NULL;
	self->peer_ready = false;
	apps_close(self);
	notices_close(self);
	files_close(self);
	launch_forget_peer(self);
	self->ending = true;
	/* the save set puts the windows back on the root */
	while (self->windows->len) {
		struct window *w = self->windows->pdata[self->windows->len - 1];
		if (w->frame != w->client)
			XReparentWindow(self->display, w->client, self->root,
					w->x, w->y);
		window_free(w);
	}
	if (self->x_source) {
		g_source_destroy(self->x_source);
		g_source_unref(self->x_source);
	}
	if (self->step_source)
		g_source_remove(self->step_source);
	if (self->timer_source)
		g_source_remove(self->timer_source);
	if (self->copy_gc)
		XFreeGC(self->display, self->copy_gc);
	XCloseDisplay(self->display);
	atlas_destroy(self->atlas);
	g_ptr_array_unref(self->windows);
	g_hash_table_unref(self->by_id);
	g_hash_table_unref(self->by_xid);
	g_hash_table_unref(self->gone);
	g_array_unref(self->stack);
	g_free(self);
}
