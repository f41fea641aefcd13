#include "client/desktop-window-private.h"

/* A desktop in use that is silent for so long is asked for a sign of life,
 * then called silent, then given up. */
#define SILENCE_PROBE_S 3
#define SILENCE_TELL_S  7
#define SILENCE_CUT_S   15
/* So that it can be read that the desktop was shut down. */
#define KIOSK_LEAVE_MS 2500

/* --- words over the picture ----------------------------------------- */

static void again_clicked(void *data)
{
	struct desktop_window *self = data;
	notice_begin(self->notice);
	link_begin(self->link);
}

static void sign_in_clicked(void *data)
{
	struct desktop_window *self = data;
	self->end = DESKTOP_WINDOW_SIGN_IN;
	gtk_window_close(self->window);
}

static void show_status(struct desktop_window *self,
			const struct link_status *status)
{
	struct notice_content content = {
	    .title = status->title,
	    .text = status->text,
	    .fraction = -1,
	    .secondary = {"_Cancel", desktop_window_disconnect},
	};
	g_autofree char *text = NULL;
	switch (status->state) {
	case LINK_STARTING:
		content.fraction = status->fraction;
		content.elapsed = TRUE;
		break;
	case LINK_CONNECTING:
		content.elapsed = TRUE;
		break;
	case LINK_UP:
		return; /* until there is a picture, the words stay */
	case LINK_SETTLING:
		content.fraction = status->fraction;
		content.secondary.label = "_Close";
		break;
	case LINK_RECONNECTING:
		content.aside = TRUE;
		if (status->retry_s > 0) {
			text = g_strdup_printf(
			    "Trying again in %u s. Your desktop keeps "
			    "running.",
			    status->retry_s);
			content.text = text;
			content.primary =
			    (struct notice_button){"_Try Now", again_clicked};
		}
		content.secondary.label = "_Disconnect";
		break;
	case LINK_ENDED:
		content.icon = status->icon;
		content.secondary.label = "_Close";
		switch (status->remedy) {
		case LINK_TRY_AGAIN:
			content.primary =
			    (struct notice_button){"_Reconnect", again_clicked};
			break;
		case LINK_START_AGAIN:
			content.primary = (struct notice_button){"_Start Again",
								 again_clicked};
			break;
		case LINK_SIGN_IN:
			content.primary = (struct notice_button){
			    "_Sign In Again", sign_in_clicked};
			break;
		case LINK_NOTHING:
			break;
		}
		break;
	}
	notice_show(self->notice, &content);
}

static gboolean on_leave(gpointer data)
{
	struct desktop_window *self = data;
	self->leave = 0;
	if (self->state == LINK_ENDED)
		gtk_window_close(self->window);
	return G_SOURCE_REMOVE;
}

static void on_status(const struct link_status *status, void *data)
{
	struct desktop_window *self = data;
	enum link_state before = self->state;
	self->state = status->state;
	if (status->state == LINK_UP) {
		self->picture = FALSE;
	} else {
		/* words over a picture that stands still: it is dimmed */
		oriel_viewer_set_dimmed(self->viewer, TRUE);
		screens_set_dimmed(self->screens, TRUE);
		oriel_viewer_ungrab(self->viewer);
		if (before == LINK_UP)
			desktop_hint_hide(self->hint);
	}
	if (status->state == LINK_UP)
		desktop_notes_follow(self->notes, link_desktop_id(self->link));
	else if (status->state == LINK_ENDED)
		desktop_notes_follow(self->notes, NULL);
	show_status(self, status);
	if (self->kiosk && status->state == LINK_ENDED && status->shut_down &&
	    !self->leave)
		self->leave = g_timeout_add(KIOSK_LEAVE_MS, on_leave, self);
}

/* --- the session ---------------------------------------------------- */

static void on_session(struct session *session, void *data)
{
	struct desktop_window *self = data;
	self->session = session;
	self->silent = FALSE;
	oriel_viewer_set_session(self->viewer, session);
	screens_set_session(self->screens, session);
	clipboard_link_set_session(self->clipboard, session);
	file_drop_set_session(self->drop, session);
	usb_panel_set_session(self->usb, session);
	if (self->folder)
		folder_panel_set_session(self->folder, session);
	stats_overlay_set_session(self->stats, session,
				  self->link ? link_protocol(self->link)
					     : NULL);
}

static void on_size(int head, int width, int height, void *data)
{
	struct desktop_window *self = data;
	if (head > 0)
		screens_size(self->screens, head, width, height);
	else
		oriel_viewer_size(self->viewer, width, height);
}

static void on_damage(int head, const cairo_region_t *region, void *data)
{
	struct desktop_window *self = data;
	if (head > 0) {
		screens_damage(self->screens, head, region);
		return;
	}
	if (!self->picture) {
		self->picture = TRUE;
		notice_hide(self->notice);
		oriel_viewer_set_dimmed(self->viewer, FALSE);
		screens_set_dimmed(self->screens, FALSE);
		gtk_widget_grab_focus(GTK_WIDGET(self->viewer));
		gtk_widget_queue_draw(GTK_WIDGET(self->viewer));
		desktop_keys_grab_if_due(self);
	}
	oriel_viewer_damage(self->viewer, region);
}

static void on_cursor(cairo_surface_t *image, int hot_x, int hot_y, void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_cursor(self->viewer, image, hot_x, hot_y);
	screens_cursor(self->screens, image, hot_x, hot_y);
}

static void on_leds(unsigned leds, void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_leds(self->viewer, leds);
	screens_leds(self->screens, leds);
}

static void on_bell(void *data)
{
	struct desktop_window *self = data;
	gtk_widget_error_bell(GTK_WIDGET(self->window));
}

static void on_resized(int head, enum session_resize outcome, void *data)
{
	struct desktop_window *self = data;
	if (head == 0)
		oriel_viewer_resized(self->viewer, outcome);
	screens_resized(self->screens, head, outcome);
}

static void on_clipboard_offered(unsigned kinds, void *data)
{
	clipboard_link_offered(((struct desktop_window *)data)->clipboard,
			       kinds);
}

static void on_clipboard_data(enum session_clip kind, GBytes *bytes, void *data)
{
	clipboard_link_data(((struct desktop_window *)data)->clipboard, kind,
			    bytes);
}

static void on_clipboard_wanted(enum session_clip kind, void *data)
{
	clipboard_link_wanted(((struct desktop_window *)data)->clipboard, kind);
}

static void on_recording(gboolean on, void *data)
{
	struct desktop_window *self = data;
	desktop_hint_say(on ? "The desktop hears this computer’s microphone."
			    : "The microphone is off again.",
			 self->hint);
}

static void on_shares_changed(void *data)
{
	struct desktop_window *self = data;
	usb_panel_changed(self->usb);
	if (self->folder)
		folder_panel_changed(self->folder);
}

static void on_usb_failed(const char *id, const char *name, const GError *error,
			  void *data)
{
	usb_panel_failed(((struct desktop_window *)data)->usb, id, name, error);
}

const struct link_handlers desktop_link_handlers = {
    .status = on_status,
    .session = on_session,
    .view =
	{
	    .size = on_size,
	    .damage = on_damage,
	    .cursor = on_cursor,
	    .leds = on_leds,
	    .bell = on_bell,
	    .resized = on_resized,
	    .clipboard_offered = on_clipboard_offered,
	    .clipboard_data = on_clipboard_data,
	    .clipboard_wanted = on_clipboard_wanted,
	    .recording = on_recording,
	    .shares_changed = on_shares_changed,
	    .usb_failed = on_usb_failed,
	},
};

/* A picture that no longer moves must not look like a working one. */
gboolean desktop_link_watch(gpointer data)
{
	struct desktop_window *self = data;
	if (self->state != LINK_UP || !self->session ||
	    !gtk_window_is_active(self->window))
		return G_SOURCE_CONTINUE;
	gint64 now = g_get_monotonic_time();
	gint64 heard = session_heard_us(self->session);
	/* nobody was asked while the window was not in use */
	gint64 since = MAX(heard, self->probed_us);
	gint64 quiet_s = (now - heard) / G_USEC_PER_SEC;
	if (heard > self->probed_us && quiet_s >= SILENCE_PROBE_S) {
		self->probed_us = now;
		session_probe(self->session);
		return G_SOURCE_CONTINUE;
	}
	gint64 waited_s =
	    heard < self->probed_us ? (now - since) / G_USEC_PER_SEC : 0;
	if (waited_s >= SILENCE_CUT_S) {
		link_cut(self->link);
	} else if (waited_s >= SILENCE_TELL_S - SILENCE_PROBE_S) {
		g_autofree char *text = g_strdup_printf(
		    "No answer from the server for %d s…", (int)quiet_s);
		desktop_hint_stay(self->hint, text);
		self->silent = TRUE;
	} else if (self->silent) {
		self->silent = FALSE;
		desktop_hint_hide(self->hint);
	}
	return G_SOURCE_CONTINUE;
}
