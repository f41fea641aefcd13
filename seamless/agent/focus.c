/* Focus and stacking follow the client's window manager. The four models of
 * ICCCM 4.1.7: passive and locally active windows are given the focus, locally
 * and globally active ones are sent WM_TAKE_FOCUS, others get none. */
#include "seamless/agent/agent.h"

static void send_protocol(struct window *self, Atom protocol)
{
	struct agent *agent = self->agent;
	XEvent event = {.xclient = {.type = ClientMessage,
				    .window = self->client,
				    .message_type = ATOM(agent, WM_PROTOCOLS),
				    .format = 32}};
	event.xclient.data.l[0] = (long)protocol;
	event.xclient.data.l[1] = (long)agent_time(agent);
	XSendEvent(agent->display, self->client, False, NoEventMask, &event);
}

void focus_set(struct agent *agent, struct window *window)
{
	struct window *old = agent->focus;
	/* a menu's parent keeps the focus while the menu is up */
	if (window && window->peer.kind != SEAM_TOPLEVEL)
		return;
	if (!window) {
		input_release_all(agent);
		popup_dismiss(agent);
	}
	agent->focus = window;
	if (old && old != window) {
		old->states &= ~(uint32_t)SEAM_ACTIVATED;
		ewmh_window_states(old);
	}
	if (!window) {
		XSetInputFocus(agent->display, agent->own, RevertToNone,
			       agent_time(agent));
	} else {
		window->states |= SEAM_ACTIVATED;
		ewmh_window_states(window);
		if (window->takes_input)
			XSetInputFocus(agent->display, window->client,
				       RevertToPointerRoot, agent_time(agent));
		if (window->take_focus)
			send_protocol(window, ATOM(agent, WM_TAKE_FOCUS));
		focus_raise(window);
	}
	ewmh_active(agent);
}

/* Focus that a program took for itself, in another of its toplevels: the
 * client is asked to follow. What we did ourselves is no news (rule 6). */
void focus_event(struct agent *agent, const XFocusChangeEvent *event)
{
	if (event->type != FocusIn || event->mode == NotifyGrab ||
	    event->mode == NotifyUngrab ||
	    (event->detail != NotifyNonlinear &&
	     event->detail != NotifyAncestor))
		return;
	struct window *window = window_of_xid(agent, event->window);
	if (!window || window == agent->focus ||
	    window->peer.kind != SEAM_TOPLEVEL)
		return;
	if (window->announced)
		agent_request(window, SEAM_RAISE_REQ);
}

/* On top, its popups above it, without any activation. */
void focus_raise(struct window *self)
{
	struct agent *agent = self->agent;
	if (agent->raised == self)
		return;
	agent->raised = self;
	XRaiseWindow(agent->display, self->frame);
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		if (w != self && w->peer.kind != SEAM_TOPLEVEL &&
		    w->peer.kind != SEAM_TRAY)
			XRaiseWindow(agent->display, w->frame);
	}
}

void focus_stack(struct agent *agent, struct seam_array windows)
{
	g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(Window));
	/* popups stay on top of all */
	for (guint i = agent->windows->len; i-- > 0;) {
		struct window *w = agent->windows->pdata[i];
		if (w->peer.kind != SEAM_TOPLEVEL && w->peer.kind != SEAM_TRAY)
			g_array_append_val(frames, w->frame);
	}
	g_array_set_size(agent->stack, 0);
	for (uint32_t i = 0; i < windows.count; i++) {
		uint32_t id = seam_window_at(windows, i);
		struct window *w = window_of_id(agent, id);
		if (!w || w->peer.kind != SEAM_TOPLEVEL || w->stacked)
			continue;
		w->stacked = true; /* each once, whatever the client says */
		g_array_append_val(agent->stack, w->client);
	}
	for (guint i = agent->stack->len; i-- > 0;) {
		struct window *w = window_of_xid(
		    agent, g_array_index(agent->stack, Window, i));
		w->stacked = false;
		g_array_append_val(frames, w->frame);
	}
	if (frames->len)
		XRestackWindows(agent->display, (Window *)frames->data,
				(int)frames->len);
	agent->raised = NULL;
	ewmh_client_list(agent);
}

void focus_close(struct window *self)
{
	struct agent *agent = self->agent;
	if (self->peer.kind != SEAM_TOPLEVEL) {
		popup_dismiss(agent);
		return;
	}
	if (self->deletes)
		send_protocol(self, ATOM(agent, WM_DELETE_WINDOW));
	else
		XKillClient(agent->display, self->client);
}
