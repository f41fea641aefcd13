#include "client/desktop-window-private.h"

#include "client/events.h"

static void on_active(GObject *object, GParamSpec *spec,
		      struct desktop_window *self)
{
	gboolean active = gtk_window_is_active(self->window);
	clipboard_link_set_focused(self->clipboard,
				   active || screens_active(self->screens));
	self->probed_us = 0;
	if (active)
		desktop_keys_grab_if_due(self);
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

void desktop_window_disconnect(void *data)
{
	gtk_window_close(((struct desktop_window *)data)->window);
}

static void on_destroy(GtkWidget *widget, struct desktop_window *self)
{
	g_clear_handle_id(&self->watch, g_source_remove);
	g_clear_handle_id(&self->leave, g_source_remove);
	/* what is taken down from here on must not come back to us */
	oriel_viewer_ungrab(self->viewer);
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
	desktop_hint_free(self->hint);
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

	self->hint = desktop_hint_new(GTK_OVERLAY(self->overlay));

	self->stats = stats_overlay_new(self->viewer);
	gtk_overlay_add_overlay(GTK_OVERLAY(self->overlay),
				stats_overlay_widget(self->stats));
	gtk_overlay_set_overlay_pass_through(GTK_OVERLAY(self->overlay),
					     stats_overlay_widget(self->stats),
					     TRUE);
	self->drop = file_drop_new(self->viewer, desktop_hint_say, self->hint);
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
	g_autofree char *kept = servers_preference(servers, "zoom");
	unsigned zoom = desktop_menu_zoom(kept);
	enum viewer_mode wanted = g_strcmp0(mode, "fit") == 0 ? VIEWER_FIT
				  : g_strcmp0(mode, "actual") == 0
				      ? VIEWER_ACTUAL
				      : VIEWER_FOLLOW;
	self->actions = desktop_menu_actions(
	    wanted, g_strcmp0(dense, "yes") == 0, zoom, self->kiosk,
	    &desktop_window_menu_handlers, self);
	gtk_widget_insert_action_group(GTK_WIDGET(self->window), "desktop",
				       G_ACTION_GROUP(self->actions));
	build_header(self, name, api_server_key(api));
	build_body(self, name);
	self->screens =
	    screens_new(self->window, name, &screens_handlers, self);
	on_screens_changed(self);
	self->usb = usb_panel_new(self->window, self->kiosk, desktop_hint_say,
				  self->hint);
	if (!self->kiosk) {
		g_autofree char *who =
		    g_strdup_printf("%s@%s/%s", api_user(api),
				    api_server_key(api), pool ? pool : id);
		self->folder = folder_panel_new(self->window, servers, who,
						desktop_hint_say, self->hint);
	}
	self->clipboard = clipboard_link_new(GTK_WIDGET(self->viewer));
	if (wanted != VIEWER_FOLLOW)
		desktop_window_set_mode(self, wanted);
	oriel_viewer_set_dense(self->viewer, g_strcmp0(dense, "yes") == 0);
	oriel_viewer_set_zoom(self->viewer, zoom / 100.0);
	screens_set_zoom(self->screens, zoom / 100.0);

	desktop_keys_connect(self);
	g_signal_connect(self->window, "notify::is-active",
			 G_CALLBACK(on_active), self);
	g_signal_connect(self->window, "destroy", G_CALLBACK(on_destroy), self);
	self->watch = g_timeout_add_seconds(1, desktop_link_watch, self);
	gtk_widget_show_all(GTK_WIDGET(self->window));
	if (options->fullscreen || options->kiosk)
		desktop_keys_set_fullscreen(self, TRUE);

	self->link = link_new(api, pool, id, name, options->protocol,
			      &desktop_link_handlers, self);
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
