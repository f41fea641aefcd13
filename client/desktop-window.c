#include "client/desktop-window.h"

#include <gdk/gdkkeysyms.h>

#include "client/app-help.h"
#include "client/clipboard.h"
#include "client/desktop-menu.h"
#include "client/desktop-notes.h"
#include "client/events.h"
#include "client/file-drop.h"
#include "client/folder-panel.h"
#include "client/fullscreen-bar.h"
#include "client/link.h"
#include "client/notice.h"
#include "client/screens.h"
#include "client/stats-overlay.h"
#include "client/usb-panel.h"
#include "client/viewer.h"

/* A desktop in use that is silent for so long is asked for a sign of life,
 * then called silent, then given up. */
#define SILENCE_PROBE_S 3
#define SILENCE_TELL_S  7
#define SILENCE_CUT_S   15
#define HINT_MS         4500
/* So that it can be read that the desktop was shut down. */
#define KIOSK_LEAVE_MS 2500

struct desktop_window {
	GtkWindow *window;
	GtkWidget *header, *overlay, *scroller, *hint_revealer, *hint;
	OrielViewer *viewer;
	struct notice *notice;
	struct fullscreen_bar *bar;
	struct clipboard_link *clipboard;
	struct screens *screens;
	struct stats_overlay *stats;
	struct file_drop *drop;
	struct usb_panel *usb;
	struct folder_panel *folder; /* NULL: a kiosk has no files */
	struct desktop_notes *notes;
	struct link *link;
	struct session *session;
	struct api *api;
	struct servers *servers;
	GSimpleActionGroup *actions;
	char *pool;
	desktop_window_closed closed;
	void *data;
	enum desktop_window_end end;
	enum link_state state;
	gboolean fullscreen, picture, grab_hint_shown, silent, kiosk, filling;
	guint watch, hint_timer, leave;
	gint64 probed_us;
};

/* --- words over the picture ----------------------------------------- */

static gboolean on_hint_over(gpointer data)
{
	struct desktop_window *self = data;
	self->hint_timer = 0;
	gtk_revealer_set_reveal_child(GTK_REVEALER(self->hint_revealer), FALSE);
	return G_SOURCE_REMOVE;
}

static void hide_hint(struct desktop_window *self)
{
	g_clear_handle_id(&self->hint_timer, g_source_remove);
	on_hint_over(self);
}

static void show_hint(struct desktop_window *self, const char *text,
		      unsigned for_ms)
{
	gtk_label_set_text(GTK_LABEL(self->hint), text);
	gtk_revealer_set_reveal_child(GTK_REVEALER(self->hint_revealer), TRUE);
	g_clear_handle_id(&self->hint_timer, g_source_remove);
	if (for_ms)
		self->hint_timer = g_timeout_add(for_ms, on_hint_over, self);
}

static void close_clicked(void *data)
{
	gtk_window_close(((struct desktop_window *)data)->window);
}

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
	    .secondary = {"_Cancel", close_clicked},
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
			hide_hint(self);
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

static void grab_if_due(struct desktop_window *self)
{
	if (self->fullscreen && self->picture &&
	    gtk_window_is_active(self->window) &&
	    gtk_widget_has_focus(GTK_WIDGET(self->viewer)))
		oriel_viewer_grab(self->viewer);
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
		grab_if_due(self);
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
	show_hint(data,
		  on ? "The desktop hears this computer’s microphone."
		     : "The microphone is off again.",
		  HINT_MS);
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

static const struct link_handlers link_handlers = {
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
static gboolean on_watch(gpointer data)
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
		show_hint(self, text, 0);
		self->silent = TRUE;
	} else if (self->silent) {
		self->silent = FALSE;
		hide_hint(self);
	}
	return G_SOURCE_CONTINUE;
}

/* --- window, keys, full screen -------------------------------------- */

static void toggle_grab(struct desktop_window *self)
{
	if (oriel_viewer_is_grabbed(self->viewer))
		oriel_viewer_ungrab(self->viewer);
	else if (self->picture && !oriel_viewer_grab(self->viewer))
		show_hint(self,
			  "The keyboard is held by another program; try again.",
			  HINT_MS);
}

static void on_grab_changed(OrielViewer *viewer, struct desktop_window *self)
{
	gboolean grabbed = oriel_viewer_is_grabbed(viewer);
	fullscreen_bar_set_grabbed(self->bar, grabbed);
	desktop_menu_set_grabbed(self->actions, grabbed);
	if (grabbed && !self->grab_hint_shown) {
		self->grab_hint_shown = TRUE;
		show_hint(self,
			  "All keys go to the desktop. Ctrl+Alt+G gives them "
			  "back.",
			  HINT_MS);
	} else if (!grabbed && self->fullscreen && self->state == LINK_UP &&
		   gtk_window_is_active(self->window)) {
		show_hint(self,
			  self->kiosk ? "Ctrl+Alt+G sends all keys to the "
					"desktop again."
				      : "Ctrl+Alt+G sends all keys to the "
					"desktop again, Shift+F11 leaves full "
					"screen.",
			  HINT_MS);
	}
}

static void set_fullscreen(struct desktop_window *self, gboolean fullscreen)
{
	if (fullscreen)
		gtk_window_fullscreen(self->window);
	else
		gtk_window_unfullscreen(self->window);
}

static gboolean on_window_state(GtkWidget *widget, GdkEventWindowState *event,
				struct desktop_window *self)
{
	if (!(event->changed_mask & GDK_WINDOW_STATE_FULLSCREEN))
		return GDK_EVENT_PROPAGATE;
	self->fullscreen =
	    (event->new_window_state & GDK_WINDOW_STATE_FULLSCREEN) != 0;
	events_emit(self->fullscreen ? "fullscreen" : "windowed", NULL);
	fullscreen_bar_set_active(self->bar, self->fullscreen);
	if (self->fullscreen)
		grab_if_due(self);
	else
		oriel_viewer_ungrab(self->viewer);
	return GDK_EVENT_PROPAGATE;
}

static gboolean on_key(GtkWidget *widget, GdkEventKey *event,
		       struct desktop_window *self)
{
	unsigned held = event->state & gtk_accelerator_get_default_mod_mask();
	unsigned key = gdk_keyval_to_lower(event->keyval);
	gboolean ctrl_alt = held == (GDK_CONTROL_MASK | GDK_MOD1_MASK);
	if (event->type == GDK_KEY_PRESS && ctrl_alt && key == GDK_KEY_g) {
		oriel_viewer_release_keys(self->viewer);
		toggle_grab(self);
		return GDK_EVENT_STOP;
	}
	if (event->type == GDK_KEY_PRESS &&
	    ((ctrl_alt && key == GDK_KEY_Return) ||
	     (held == GDK_SHIFT_MASK && key == GDK_KEY_F11))) {
		if (self->kiosk)
			return GDK_EVENT_STOP; /* there is nothing beside it */
		oriel_viewer_release_keys(self->viewer);
		set_fullscreen(self, !self->fullscreen);
		return GDK_EVENT_STOP;
	}
	if (event->type == GDK_KEY_PRESS && ctrl_alt && key == GDK_KEY_m) {
		oriel_viewer_ungrab(self->viewer);
		oriel_viewer_release_keys(self->viewer);
		if (self->fullscreen)
			fullscreen_bar_open_menu(self->bar);
		else
			desktop_menu_popup(self->header);
		return GDK_EVENT_STOP;
	}
	if (event->type == GDK_KEY_PRESS && ctrl_alt &&
	    (key == GDK_KEY_s || key == GDK_KEY_h)) {
		oriel_viewer_release_keys(self->viewer);
		g_action_group_activate_action(
		    G_ACTION_GROUP(self->actions),
		    key == GDK_KEY_s ? "statistics" : "shortcuts", NULL);
		return GDK_EVENT_STOP;
	}
	if (!notice_visible(self->notice) &&
	    oriel_viewer_key(self->viewer, event))
		return GDK_EVENT_STOP;
	return GDK_EVENT_PROPAGATE;
}

static void on_active(GObject *object, GParamSpec *spec,
		      struct desktop_window *self)
{
	gboolean active = gtk_window_is_active(self->window);
	clipboard_link_set_focused(self->clipboard,
				   active || screens_active(self->screens));
	self->probed_us = 0;
	if (active)
		grab_if_due(self);
}

static gboolean on_motion(GtkWidget *widget, GdkEventMotion *event,
			  struct desktop_window *self)
{
	int top = 0;
	if (self->fullscreen) {
		gdk_window_get_origin(gtk_widget_get_window(widget), NULL,
				      &top);
		fullscreen_bar_pointer(self->bar, event->y_root - top);
	}
	return GDK_EVENT_PROPAGATE;
}

static void on_screen_active(void *data)
{
	on_active(NULL, NULL, data);
}

static void on_screens_changed(void *data)
{
	struct desktop_window *self = data;
	desktop_menu_set_screens(self->actions, screens_can_add(self->screens));
}

static const struct screens_handlers screens_handlers = {
    .active = on_screen_active,
    .changed = on_screens_changed,
};

/* --- what the menu asks for ----------------------------------------- */

static void menu_send_keys(const unsigned *keysyms, void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_send_keys(self->viewer, keysyms);
	gtk_widget_grab_focus(GTK_WIDGET(self->viewer));
}

static void menu_mode(enum viewer_mode mode, void *data)
{
	struct desktop_window *self = data;
	static const char *const names[] = {"follow", "fit", "actual"};
	gboolean scrolls = mode == VIEWER_ACTUAL;
	gtk_scrolled_window_set_policy(
	    GTK_SCROLLED_WINDOW(self->scroller),
	    scrolls ? GTK_POLICY_AUTOMATIC : GTK_POLICY_EXTERNAL,
	    scrolls ? GTK_POLICY_AUTOMATIC : GTK_POLICY_EXTERNAL);
	oriel_viewer_set_mode(self->viewer, mode);
	screens_set_mode(self->screens, mode);
	servers_set_preference(self->servers, "mode", names[mode]);
}

static void menu_dense(gboolean dense, void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_set_dense(self->viewer, dense);
	screens_set_dense(self->screens, dense);
	servers_set_preference(self->servers, "dense", dense ? "yes" : "no");
}

static void menu_screenshot(void *data)
{
	struct desktop_window *self = data;
	g_autoptr(GdkPixbuf) picture = oriel_viewer_snapshot(self->viewer);
	if (!picture)
		return;
	g_autofree char *failed = desktop_menu_save_picture(
	    self->window, picture, link_name(self->link));
	if (failed)
		show_hint(self, failed, HINT_MS);
}

static void menu_fullscreen(void *data)
{
	struct desktop_window *self = data;
	set_fullscreen(self, !self->fullscreen);
}

static void menu_grab(void *data)
{
	toggle_grab(data);
}

static void menu_statistics(gboolean shown, void *data)
{
	stats_overlay_set_shown(((struct desktop_window *)data)->stats, shown);
}

static void menu_shortcuts(void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_ungrab(self->viewer);
	app_help_shortcuts(self->window);
}

static void menu_usb(void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_ungrab(self->viewer);
	usb_panel_open(self->usb);
}

static void menu_folder(void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_ungrab(self->viewer);
	folder_panel_open(self->folder);
}

static void menu_add_screen(void *data)
{
	screens_add(((struct desktop_window *)data)->screens);
}

static void menu_all_monitors(void *data)
{
	screens_fill_monitors(((struct desktop_window *)data)->screens);
}

static const struct desktop_menu_handlers menu_handlers = {
    .send_keys = menu_send_keys,
    .mode = menu_mode,
    .dense = menu_dense,
    .screenshot = menu_screenshot,
    .fullscreen = menu_fullscreen,
    .grab = menu_grab,
    .add_screen = menu_add_screen,
    .all_monitors = menu_all_monitors,
    .usb = menu_usb,
    .folder = menu_folder,
    .statistics = menu_statistics,
    .shortcuts = menu_shortcuts,
    .disconnect = close_clicked,
};

/* --- life ----------------------------------------------------------- */

static void on_destroy(GtkWidget *widget, struct desktop_window *self)
{
	g_clear_handle_id(&self->watch, g_source_remove);
	g_clear_handle_id(&self->leave, g_source_remove);
	/* what is taken down from here on must not come back to us */
	oriel_viewer_ungrab(self->viewer);
	g_clear_handle_id(&self->hint_timer, g_source_remove);
	g_signal_handlers_disconnect_by_data(self->viewer, self);
	g_signal_handlers_disconnect_by_data(self->window, self);
	/* the link's farewell still reaches the viewer and the clipboard */
	link_free(g_steal_pointer(&self->link));
	clipboard_link_free(self->clipboard);
	screens_free(self->screens);
	file_drop_free(self->drop);
	usb_panel_free(self->usb);
	folder_panel_free(self->folder);
	desktop_notes_free(self->notes);
	stats_overlay_free(self->stats);
	notice_free(self->notice);
	fullscreen_bar_free(self->bar);
	g_object_unref(self->viewer);
	g_object_unref(self->actions);
	events_emit("window-closed", NULL);
	self->closed(self, self->end, self->data);
	api_unref(self->api);
	g_free(self->pool);
	g_free(self);
}

static GtkWidget *icon_button(GtkWidget *button, const char *icon,
			      const char *tip)
{
	gtk_button_set_image(
	    GTK_BUTTON(button),
	    gtk_image_new_from_icon_name(icon, GTK_ICON_SIZE_BUTTON));
	gtk_widget_set_tooltip_text(button, tip);
	atk_object_set_name(gtk_widget_get_accessible(button), tip);
	/* keys belong to the desktop; Ctrl+Alt+M opens the menu */
	gtk_widget_set_focus_on_click(button, FALSE);
	return button;
}

static void build_header(struct desktop_window *self, const char *name,
			 const char *server)
{
	self->header = gtk_header_bar_new();
	GtkHeaderBar *header = GTK_HEADER_BAR(self->header);
	gtk_header_bar_set_title(header, name);
	gtk_header_bar_set_subtitle(header, server);
	gtk_header_bar_set_show_close_button(header, TRUE);
	desktop_menu_add(header);
	GtkWidget *full =
	    icon_button(gtk_button_new(), "view-fullscreen-symbolic",
			"Full screen (Shift+F11)");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(full),
				       "desktop.fullscreen");
	GtkWidget *grab =
	    icon_button(gtk_toggle_button_new(), "input-keyboard-symbolic",
			"Send all keys to the desktop "
			"(Ctrl+Alt+G)");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(grab), "desktop.grab");
	gtk_header_bar_pack_end(header, full);
	gtk_header_bar_pack_end(header, grab);
	gtk_window_set_titlebar(self->window, self->header);
}

static void say(const char *text, void *data)
{
	show_hint(data, text, HINT_MS);
}

static void build_body(struct desktop_window *self, const char *name)
{
	self->overlay = gtk_overlay_new();
	self->scroller = gtk_scrolled_window_new(NULL, NULL);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(self->scroller),
				       GTK_POLICY_EXTERNAL,
				       GTK_POLICY_EXTERNAL);
	self->viewer = ORIEL_VIEWER(g_object_ref_sink(oriel_viewer_new(0)));
	gtk_container_add(GTK_CONTAINER(self->scroller),
			  GTK_WIDGET(self->viewer));
	gtk_container_add(GTK_CONTAINER(self->overlay), self->scroller);

	self->notice = notice_new(self);
	gtk_overlay_add_overlay(GTK_OVERLAY(self->overlay),
				notice_widget(self->notice));

	self->hint_revealer = gtk_revealer_new();
	gtk_widget_set_halign(self->hint_revealer, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(self->hint_revealer, GTK_ALIGN_END);
	gtk_revealer_set_transition_type(GTK_REVEALER(self->hint_revealer),
					 GTK_REVEALER_TRANSITION_TYPE_SLIDE_UP);
	self->hint = gtk_label_new(NULL);
	gtk_style_context_add_class(gtk_widget_get_style_context(self->hint),
				    "hint");
	gtk_container_add(GTK_CONTAINER(self->hint_revealer), self->hint);
	gtk_overlay_add_overlay(GTK_OVERLAY(self->overlay),
				self->hint_revealer);
	gtk_overlay_set_overlay_pass_through(GTK_OVERLAY(self->overlay),
					     self->hint_revealer, TRUE);

	self->stats = stats_overlay_new(self->viewer);
	gtk_overlay_add_overlay(GTK_OVERLAY(self->overlay),
				stats_overlay_widget(self->stats));
	gtk_overlay_set_overlay_pass_through(GTK_OVERLAY(self->overlay),
					     stats_overlay_widget(self->stats),
					     TRUE);
	self->drop = file_drop_new(self->viewer, say, self);
	gtk_overlay_add_overlay(GTK_OVERLAY(self->overlay),
				file_drop_widget(self->drop));

	self->notes = desktop_notes_new(self->api);
	desktop_notes_add_to(self->notes, GTK_OVERLAY(self->overlay));

	self->bar = fullscreen_bar_new(name, self->kiosk);
	gtk_overlay_add_overlay(GTK_OVERLAY(self->overlay),
				fullscreen_bar_widget(self->bar));
	gtk_container_add(GTK_CONTAINER(self->window), self->overlay);
}

struct desktop_window *desktop_window_new(
    GtkApplication *application, struct api *api, struct servers *servers,
    const char *pool, const char *id, const char *name,
    const struct desktop_window_options *options, desktop_window_closed closed,
    void *data)
{
	struct desktop_window *self = g_new0(struct desktop_window, 1);
	self->api = api_ref(api);
	self->servers = servers;
	self->pool = g_strdup(pool);
	self->closed = closed;
	self->data = data;
	self->kiosk = options->kiosk;
	self->window = GTK_WINDOW(gtk_application_window_new(application));
	g_autofree char *title = g_strdup_printf("%s – Oriel", name);
	gtk_window_set_title(self->window, title);
	gtk_window_set_icon_name(self->window, "oriel");
	gtk_window_set_default_size(self->window, 1280, 800);
	gtk_style_context_add_class(
	    gtk_widget_get_style_context(GTK_WIDGET(self->window)),
	    "desktop-window");

	g_autofree char *mode = servers_preference(servers, "mode");
	g_autofree char *dense = servers_preference(servers, "dense");
	enum viewer_mode wanted = g_strcmp0(mode, "fit") == 0 ? VIEWER_FIT
				  : g_strcmp0(mode, "actual") == 0
				      ? VIEWER_ACTUAL
				      : VIEWER_FOLLOW;
	self->actions =
	    desktop_menu_actions(wanted, g_strcmp0(dense, "yes") == 0,
				 self->kiosk, &menu_handlers, self);
	gtk_widget_insert_action_group(GTK_WIDGET(self->window), "desktop",
				       G_ACTION_GROUP(self->actions));
	build_header(self, name, api_server_key(api));
	build_body(self, name);
	self->screens =
	    screens_new(self->window, name, &screens_handlers, self);
	on_screens_changed(self);
	self->usb = usb_panel_new(self->window, self->kiosk, say, self);
	if (!self->kiosk) {
		g_autofree char *who =
		    g_strdup_printf("%s@%s/%s", api_user(api),
				    api_server_key(api), pool ? pool : id);
		self->folder =
		    folder_panel_new(self->window, servers, who, say, self);
	}
	self->clipboard = clipboard_link_new(GTK_WIDGET(self->viewer));
	if (wanted != VIEWER_FOLLOW)
		menu_mode(wanted, self);
	oriel_viewer_set_dense(self->viewer, g_strcmp0(dense, "yes") == 0);

	g_signal_connect(self->viewer, "grab-changed",
			 G_CALLBACK(on_grab_changed), self);
	g_signal_connect(self->window, "key-press-event", G_CALLBACK(on_key),
			 self);
	g_signal_connect(self->window, "key-release-event", G_CALLBACK(on_key),
			 self);
	/* also where the folded toolbar lies over the desktop */
	gtk_widget_add_events(GTK_WIDGET(self->window),
			      GDK_POINTER_MOTION_MASK);
	g_signal_connect(self->window, "motion-notify-event",
			 G_CALLBACK(on_motion), self);
	g_signal_connect(self->window, "window-state-event",
			 G_CALLBACK(on_window_state), self);
	g_signal_connect(self->window, "notify::is-active",
			 G_CALLBACK(on_active), self);
	g_signal_connect(self->window, "destroy", G_CALLBACK(on_destroy), self);
	self->watch = g_timeout_add_seconds(1, on_watch, self);
	gtk_widget_show_all(GTK_WIDGET(self->window));
	if (options->fullscreen || options->kiosk)
		set_fullscreen(self, TRUE);

	self->link = link_new(api, pool, id, name, options->protocol,
			      &link_handlers, self);
	notice_begin(self->notice);
	link_begin(self->link);
	return self;
}

void desktop_window_present(struct desktop_window *self)
{
	gtk_window_present(self->window);
}

void desktop_window_close(struct desktop_window *self)
{
	gtk_window_close(self->window);
}

const char *desktop_window_pool(const struct desktop_window *self)
{
	return self->pool;
}

const char *desktop_window_id(const struct desktop_window *self)
{
	return self->link ? link_desktop_id(self->link) : NULL;
}
