#include "client/desktop-window-private.h"

#include "client/app-help.h"

static void menu_send_keys(const unsigned *keysyms, void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_send_keys(self->viewer, keysyms);
	gtk_widget_grab_focus(GTK_WIDGET(self->viewer));
}

void desktop_window_set_mode(struct desktop_window *self, enum viewer_mode mode)
{
	gboolean scrolls = mode == VIEWER_ACTUAL;
	gtk_scrolled_window_set_policy(
	    GTK_SCROLLED_WINDOW(self->scroller),
	    scrolls ? GTK_POLICY_AUTOMATIC : GTK_POLICY_EXTERNAL,
	    scrolls ? GTK_POLICY_AUTOMATIC : GTK_POLICY_EXTERNAL);
	oriel_viewer_set_mode(self->viewer, mode);
	screens_set_mode(self->screens, mode);
}

static void menu_mode(enum viewer_mode mode, void *data)
{
	struct desktop_window *self = data;
	static const char *const names[] = {"follow", "fit", "actual"};
	desktop_window_set_mode(self, mode);
	servers_set_preference(self->servers, "mode", names[mode]);
}

static void menu_dense(gboolean dense, void *data)
{
	struct desktop_window *self = data;
	oriel_viewer_set_dense(self->viewer, dense);
	screens_set_dense(self->screens, dense);
	servers_set_preference(self->servers, "dense", dense ? "yes" : "no");
}

static void menu_zoom(unsigned percent, void *data)
{
	struct desktop_window *self = data;
	g_autofree char *text = g_strdup_printf("%u", percent);
	oriel_viewer_set_zoom(self->viewer, percent / 100.0);
	screens_set_zoom(self->screens, percent / 100.0);
	servers_set_preference(self->servers, "zoom", text);
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
		desktop_hint_say(failed, self->hint);
}

static void menu_fullscreen(void *data)
{
	struct desktop_window *self = data;
	desktop_keys_set_fullscreen(self, !self->fullscreen);
}

static void menu_grab(void *data)
{
	desktop_keys_toggle_grab(data);
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

const struct desktop_menu_handlers desktop_window_menu_handlers = {
    .send_keys = menu_send_keys,
    .mode = menu_mode,
    .dense = menu_dense,
    .zoom = menu_zoom,
    .screenshot = menu_screenshot,
    .fullscreen = menu_fullscreen,
    .grab = menu_grab,
    .add_screen = menu_add_screen,
    .all_monitors = menu_all_monitors,
    .usb = menu_usb,
    .folder = menu_folder,
    .statistics = menu_statistics,
    .shortcuts = menu_shortcuts,
    .disconnect = desktop_window_disconnect,
};
