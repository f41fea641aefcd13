#include "client/desktop-menu.h"

#include <gdk/gdkkeysyms.h>
#include <string.h>

struct context {
	const struct desktop_menu_handlers *handlers;
	void *data;
};

static const struct {
	const char *name, *label;
	unsigned keys[4];
} combinations[] = {
    {"cad",
     "Ctrl+Alt+_Delete",
     {GDK_KEY_Control_L, GDK_KEY_Alt_L, GDK_KEY_Delete}},
    {"alt-tab", "Alt+_Tab", {GDK_KEY_Alt_L, GDK_KEY_Tab}},
    {"alt-f4", "Alt+F_4", {GDK_KEY_Alt_L, GDK_KEY_F4}},
    {"super", "_Super (Windows key)", {GDK_KEY_Super_L}},
    {"print", "_Print Screen", {GDK_KEY_Print}},
    {"ctrl-esc", "Ctrl+_Esc", {GDK_KEY_Control_L, GDK_KEY_Escape}},
    {"f1", "Ctrl+Alt+F_1", {GDK_KEY_Control_L, GDK_KEY_Alt_L, GDK_KEY_F1}},
    {"f2", "Ctrl+Alt+F_2", {GDK_KEY_Control_L, GDK_KEY_Alt_L, GDK_KEY_F2}},
    {"f7", "Ctrl+Alt+F_7", {GDK_KEY_Control_L, GDK_KEY_Alt_L, GDK_KEY_F7}},
};

static const char *const not_in_kiosk[] = {
    "screenshot", "fullscreen", "add-screen", "all-monitors", "folder"};

/* percent; with 125 and 150 what desktops call fractional scaling */
static const char *const zooms[] = {"100", "125", "150", "175", "200"};

static const char *const mode_names[] = {"follow", "fit", "actual"};

static void on_keys(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct context *context = data;
	const char *name = g_variant_get_string(parameter, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(combinations); i++)
		if (strcmp(combinations[i].name, name) == 0)
			context->handlers->send_keys(combinations[i].keys,
						     context->data);
}

static void on_mode(GSimpleAction *action, GVariant *value, gpointer data)
{
	struct context *context = data;
	const char *name = g_variant_get_string(value, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(mode_names); i++) {
		if (strcmp(mode_names[i], name) != 0)
			continue;
		g_simple_action_set_state(action, value);
		context->handlers->mode((enum viewer_mode)i, context->data);
	}
}

unsigned desktop_menu_zoom(const char *text)
{
	for (gsize i = 0; text && i < G_N_ELEMENTS(zooms); i++)
		if (strcmp(zooms[i], text) == 0)
			return (unsigned)g_ascii_strtoull(text, NULL, 10);
	return 100;
}

static void on_zoom(GSimpleAction *action, GVariant *value, gpointer data)
{
	struct context *context = data;
	const char *text = g_variant_get_string(value, NULL);
	g_simple_action_set_state(action, value);
	context->handlers->zoom(desktop_menu_zoom(text), context->data);
}

static void on_dense(GSimpleAction *action, GVariant *value, gpointer data)
{
	struct context *context = data;
	g_simple_action_set_state(action, value);
	context->handlers->dense(g_variant_get_boolean(value), context->data);
}

static void on_statistics(GSimpleAction *action, GVariant *value, gpointer data)
{
	struct context *context = data;
	g_simple_action_set_state(action, value);
	context->handlers->statistics(g_variant_get_boolean(value),
				      context->data);
}

static void on_plain(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct context *context = data;
	const char *name = g_action_get_name(G_ACTION(action));
	if (strcmp(name, "screenshot") == 0)
		context->handlers->screenshot(context->data);
	else if (strcmp(name, "fullscreen") == 0)
		context->handlers->fullscreen(context->data);
	else if (strcmp(name, "shortcuts") == 0)
		context->handlers->shortcuts(context->data);
	else if (strcmp(name, "add-screen") == 0)
		context->handlers->add_screen(context->data);
	else if (strcmp(name, "all-monitors") == 0)
		context->handlers->all_monitors(context->data);
	else if (strcmp(name, "usb") == 0)
		context->handlers->usb(context->data);
	else if (strcmp(name, "folder") == 0)
		context->handlers->folder(context->data);
	else if (strcmp(name, "disconnect") == 0)
		context->handlers->disconnect(context->data);
}

/* Its state follows what really happened, by desktop_menu_set_grabbed(). */
static void on_grab(GSimpleAction *action, GVariant *value, gpointer data)
{
	struct context *context = data;
	context->handlers->grab(context->data);
}

GSimpleActionGroup *desktop_menu_actions(
    enum viewer_mode mode, gboolean dense, unsigned zoom, gboolean kiosk,
    const struct desktop_menu_handlers *handlers, void *data)
{
	GSimpleActionGroup *group = g_simple_action_group_new();
	struct context *context = g_new(struct context, 1);
	*context = (struct context){handlers, data};
	g_object_set_data_full(G_OBJECT(group), "context", context, g_free);
	const GActionEntry entries[] = {
	    {.name = "keys", .activate = on_keys, .parameter_type = "s"},
	    {.name = "screenshot", .activate = on_plain},
	    {.name = "fullscreen", .activate = on_plain},
	    {.name = "disconnect", .activate = on_plain},
	    {.name = "add-screen", .activate = on_plain},
	    {.name = "all-monitors", .activate = on_plain},
	    {.name = "usb", .activate = on_plain},
	    {.name = "folder", .activate = on_plain},
	    {.name = "shortcuts", .activate = on_plain},
	    {.name = "statistics",
	     .state = "false",
	     .change_state = on_statistics},
	    {.name = "grab", .state = "false", .change_state = on_grab},
	    {.name = "dense", .state = "false", .change_state = on_dense},
	    {.name = "zoom",
	     .parameter_type = "s",
	     .state = "'100'",
	     .change_state = on_zoom},
	    {.name = "mode",
	     .parameter_type = "s",
	     .state = "'follow'",
	     .change_state = on_mode},
	};
	g_action_map_add_action_entries(G_ACTION_MAP(group), entries,
					G_N_ELEMENTS(entries), context);
	g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(
				      G_ACTION_MAP(group), "mode")),
				  g_variant_new_string(mode_names[mode]));
	g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(
				      G_ACTION_MAP(group), "dense")),
				  g_variant_new_boolean(dense));
	g_autofree char *percent = g_strdup_printf("%u", zoom);
	g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(
				      G_ACTION_MAP(group), "zoom")),
				  g_variant_new_string(percent));
	/* items of absent actions are hidden */
	for (gsize i = 0; kiosk && i < G_N_ELEMENTS(not_in_kiosk); i++)
		g_action_map_remove_action(G_ACTION_MAP(group),
					   not_in_kiosk[i]);
	return group;
}

void desktop_menu_set_grabbed(GSimpleActionGroup *actions, gboolean grabbed)
{
	g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(
				      G_ACTION_MAP(actions), "grab")),
				  g_variant_new_boolean(grabbed));
}

void desktop_menu_set_screens(GSimpleActionGroup *actions, gboolean more)
{
	static const char *const names[] = {"add-screen", "all-monitors"};
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		GAction *action =
		    g_action_map_lookup_action(G_ACTION_MAP(actions), names[i]);
		if (action)
			g_simple_action_set_enabled(G_SIMPLE_ACTION(action),
						    more);
	}
}

static GMenuModel *keys_menu(void)
{
	GMenu *menu = g_menu_new();
	for (gsize i = 0; i < G_N_ELEMENTS(combinations); i++) {
		GMenuItem *item = g_menu_item_new(combinations[i].label, NULL);
		g_menu_item_set_action_and_target(item, "desktop.keys", "s",
						  combinations[i].name);
		g_menu_append_item(menu, item);
		g_object_unref(item);
	}
	return G_MENU_MODEL(menu);
}

/* Not there where the window has no such action. */
static void append_hidable(GMenu *menu, const char *label, const char *action)
{
	GMenuItem *item = g_menu_item_new(label, action);
	g_menu_item_set_attribute(item, "hidden-when", "s", "action-missing");
	g_menu_append_item(menu, item);
	g_object_unref(item);
}

static GMenuModel *main_menu(void)
{
	GMenu *menu = g_menu_new();
	GMenu *size = g_menu_new();
	g_menu_append(size, "_Follow the Window", "desktop.mode::follow");
	g_menu_append(size, "_Scale to the Window", "desktop.mode::fit");
	g_menu_append(size, "_Actual Size", "desktop.mode::actual");
	GdkDisplay *display = gdk_display_get_default();
	GdkMonitor *monitor = gdk_display_get_monitor(display, 0);
	if (monitor && gdk_monitor_get_scale_factor(monitor) > 1)
		g_menu_append(size, "Use _Every Pixel", "desktop.dense");
	GMenu *zoom = g_menu_new();
	for (gsize i = 0; i < G_N_ELEMENTS(zooms); i++) {
		g_autofree char *label = g_strdup_printf("%s %%", zooms[i]);
		g_autofree char *action =
		    g_strdup_printf("desktop.zoom::%s", zooms[i]);
		g_menu_append(zoom, label, action);
	}
	g_menu_append_submenu(size, "Pixel Si_ze", G_MENU_MODEL(zoom));
	g_object_unref(zoom);
	g_menu_append_section(menu, "Picture", G_MENU_MODEL(size));
	GMenu *window = g_menu_new();
	append_hidable(window, "F_ull Screen", "desktop.fullscreen");
	if (gdk_display_get_n_monitors(display) > 1)
		append_hidable(window, "Full Screen on All _Monitors",
			       "desktop.all-monitors");
	append_hidable(window, "Add a Sc_reen", "desktop.add-screen");
	g_menu_append(window, "Send All _Keys to the Desktop", "desktop.grab");
	GMenuModel *keys = keys_menu();
	g_menu_append_submenu(window, "Send Special K_eys", keys);
	g_object_unref(keys);
	append_hidable(window, "Save a _Picture…", "desktop.screenshot");
	g_menu_append(window, "S_tatistics", "desktop.statistics");
	g_menu_append_section(menu, NULL, G_MENU_MODEL(window));
	GMenu *things = g_menu_new();
	g_menu_append(things, "US_B Devices…", "desktop.usb");
	append_hidable(things, "S_hared Folder…", "desktop.folder");
	g_menu_append_section(menu, NULL, G_MENU_MODEL(things));
	g_object_unref(things);
	GMenu *last = g_menu_new();
	g_menu_append(last, "Keyboard Sh_ortcuts", "desktop.shortcuts");
	g_menu_append(last, "_Disconnect", "desktop.disconnect");
	g_menu_append_section(menu, NULL, G_MENU_MODEL(last));
	g_object_unref(size);
	g_object_unref(window);
	g_object_unref(last);
	return G_MENU_MODEL(menu);
}

static GtkWidget *menu_button(const char *icon, const char *tip,
			      GMenuModel *model)
{
	GtkWidget *button = gtk_menu_button_new();
	gtk_button_set_image(
	    GTK_BUTTON(button),
	    gtk_image_new_from_icon_name(icon, GTK_ICON_SIZE_BUTTON));
	gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(button), model);
	gtk_widget_set_tooltip_text(button, tip);
	atk_object_set_name(gtk_widget_get_accessible(button), tip);
	gtk_widget_set_focus_on_click(button, FALSE);
	g_object_unref(model);
	return button;
}

GtkWidget *desktop_menu_keys_button(void)
{
	return menu_button("oriel-keys-symbolic", "Send special keys",
			   keys_menu());
}

GtkWidget *desktop_menu_main_button(void)
{
	return menu_button("open-menu-symbolic", "Menu (Ctrl+Alt+M)",
			   main_menu());
}

void desktop_menu_add(GtkHeaderBar *header)
{
	GtkWidget *main_button = desktop_menu_main_button();
	g_object_set_data(G_OBJECT(header), "main-menu", main_button);
	gtk_header_bar_pack_end(header, main_button);
	gtk_header_bar_pack_start(header, desktop_menu_keys_button());
}

void desktop_menu_popup(GtkWidget *header)
{
	GtkWidget *button = g_object_get_data(G_OBJECT(header), "main-menu");
	if (button)
		gtk_button_clicked(GTK_BUTTON(button));
}

char *desktop_menu_save_picture(GtkWindow *parent, GdkPixbuf *picture,
				const char *name)
{
	GtkFileChooserNative *native = gtk_file_chooser_native_new(
	    "Save a Picture", parent, GTK_FILE_CHOOSER_ACTION_SAVE, "_Save",
	    "_Cancel");
	GtkFileChooser *chooser = GTK_FILE_CHOOSER(native);
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *when = g_date_time_format(now, "%Y-%m-%d %H-%M-%S");
	g_autofree char *suggested = g_strdup_printf("%s %s.png", name, when);
	g_strdelimit(suggested, "/\\", '-');
	char *failed = NULL;
	gtk_file_chooser_set_do_overwrite_confirmation(chooser, TRUE);
	gtk_file_chooser_set_current_name(chooser, suggested);
	const char *pictures =
	    g_get_user_special_dir(G_USER_DIRECTORY_PICTURES);
	if (pictures)
		gtk_file_chooser_set_current_folder(chooser, pictures);
	if (gtk_native_dialog_run(GTK_NATIVE_DIALOG(native)) ==
	    GTK_RESPONSE_ACCEPT) {
		g_autofree char *path = gtk_file_chooser_get_filename(chooser);
		g_autoptr(GError) error = NULL;
		if (!path)
			failed = g_strdup("Pictures can be saved in local "
					  "folders only.");
		else if (!gdk_pixbuf_save(picture, path, "png", &error, NULL))
			failed =
			    g_strdup_printf("Not saved: %s", error->message);
	}
	g_object_unref(native);
	return failed;
}
