#include "client/fullscreen-bar.h"

#include "client/desktop-menu.h"

#define FIRST_LOOK_MS 2500
#define LEAVE_MS      600
#define EDGE_PX       2

struct fullscreen_bar {
	GtkWidget *revealer, *box, *grab, *menu, *keys;
	gboolean active;
	guint timer;
};

static gboolean menu_open(struct fullscreen_bar *bar)
{
	return gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(bar->menu)) ||
	       gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(bar->keys));
}

static gboolean on_hide(gpointer data)
{
	struct fullscreen_bar *bar = data;
	if (bar->active && menu_open(bar))
		return G_SOURCE_CONTINUE;
	bar->timer = 0;
	gtk_revealer_set_reveal_child(GTK_REVEALER(bar->revealer), FALSE);
	return G_SOURCE_REMOVE;
}

static void hide_after(struct fullscreen_bar *bar, unsigned ms)
{
	g_clear_handle_id(&bar->timer, g_source_remove);
	bar->timer = g_timeout_add(ms, on_hide, bar);
}

static gboolean shown(struct fullscreen_bar *bar)
{
	return gtk_revealer_get_reveal_child(GTK_REVEALER(bar->revealer));
}

static void show(struct fullscreen_bar *bar)
{
	g_clear_handle_id(&bar->timer, g_source_remove);
	gtk_revealer_set_reveal_child(GTK_REVEALER(bar->revealer), TRUE);
}

static gboolean on_crossing(GtkWidget *widget, GdkEventCrossing *event,
			    struct fullscreen_bar *bar)
{
	if (event->detail == GDK_NOTIFY_INFERIOR || !bar->active)
		return GDK_EVENT_PROPAGATE;
	if (event->type == GDK_ENTER_NOTIFY)
		show(bar);
	else
		hide_after(bar, LEAVE_MS);
	return GDK_EVENT_PROPAGATE;
}

static GtkWidget *action_button(const char *icon, const char *action,
				const char *tip)
{
	GtkWidget *button =
	    gtk_button_new_from_icon_name(icon, GTK_ICON_SIZE_BUTTON);
	gtk_actionable_set_action_name(GTK_ACTIONABLE(button), action);
	gtk_widget_set_tooltip_text(button, tip);
	atk_object_set_name(gtk_widget_get_accessible(button), tip);
	gtk_widget_set_focus_on_click(button, FALSE);
	return button;
}

struct fullscreen_bar *fullscreen_bar_new(const char *title, gboolean kiosk)
{
	struct fullscreen_bar *bar = g_new0(struct fullscreen_bar, 1);
	bar->revealer = g_object_ref_sink(gtk_revealer_new());
	gtk_revealer_set_transition_type(
	    GTK_REVEALER(bar->revealer),
	    GTK_REVEALER_TRANSITION_TYPE_SLIDE_DOWN);
	gtk_widget_set_halign(bar->revealer, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(bar->revealer, GTK_ALIGN_START);
	/* an event box: the bar must not let clicks through to the desktop */
	GtkWidget *events = gtk_event_box_new();
	gtk_widget_add_events(events,
			      GDK_ENTER_NOTIFY_MASK | GDK_LEAVE_NOTIFY_MASK);
	g_signal_connect(events, "enter-notify-event", G_CALLBACK(on_crossing),
			 bar);
	g_signal_connect(events, "leave-notify-event", G_CALLBACK(on_crossing),
			 bar);
	bar->box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	gtk_style_context_add_class(gtk_widget_get_style_context(bar->box),
				    "fullscreen-bar");
	GtkWidget *label = gtk_label_new(title);
	gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 32);
	gtk_style_context_add_class(gtk_widget_get_style_context(label),
				    "title");
	bar->keys = desktop_menu_keys_button();
	bar->menu = desktop_menu_main_button();
	bar->grab = gtk_toggle_button_new();
	gtk_button_set_image(
	    GTK_BUTTON(bar->grab),
	    gtk_image_new_from_icon_name("input-keyboard-symbolic",
					 GTK_ICON_SIZE_BUTTON));
	gtk_actionable_set_action_name(GTK_ACTIONABLE(bar->grab),
				       "desktop.grab");
	gtk_widget_set_focus_on_click(bar->grab, FALSE);
	gtk_widget_set_tooltip_text(bar->grab, "Send all keys to the desktop "
					       "(Ctrl+Alt+G)");
	GtkWidget *leave =
	    action_button("view-restore-symbolic", "desktop.fullscreen",
			  "Leave full screen (Shift+F11)");
	gtk_widget_set_no_show_all(leave, kiosk);
	GtkWidget *const parts[] = {
	    bar->keys,
	    label,
	    bar->grab,
	    bar->menu,
	    leave,
	    action_button("window-close-symbolic", "desktop.disconnect",
			  "Disconnect"),
	};
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
		gtk_container_add(GTK_CONTAINER(bar->box), parts[i]);
	gtk_box_set_child_packing(GTK_BOX(bar->box), label, TRUE, TRUE, 12,
				  GTK_PACK_START);
	gtk_container_add(GTK_CONTAINER(events), bar->box);
	gtk_container_add(GTK_CONTAINER(bar->revealer), events);
	gtk_widget_show_all(bar->revealer);
	gtk_widget_set_no_show_all(bar->revealer, TRUE);
	gtk_widget_hide(bar->revealer);
	return bar;
}

GtkWidget *fullscreen_bar_widget(struct fullscreen_bar *bar)
{
	return bar->revealer;
}

void fullscreen_bar_set_active(struct fullscreen_bar *bar, gboolean active)
{
	bar->active = active;
	gtk_widget_set_visible(bar->revealer, active);
	if (active) {
		show(bar);
		hide_after(bar, FIRST_LOOK_MS);
	} else {
		g_clear_handle_id(&bar->timer, g_source_remove);
		gtk_revealer_set_reveal_child(GTK_REVEALER(bar->revealer),
					      FALSE);
	}
}

void fullscreen_bar_set_grabbed(struct fullscreen_bar *bar, gboolean grabbed)
{
	GtkStyleContext *style = gtk_widget_get_style_context(bar->box);
	if (grabbed)
		gtk_style_context_add_class(style, "grabbed");
	else
		gtk_style_context_remove_class(style, "grabbed");
}

void fullscreen_bar_pointer(struct fullscreen_bar *bar, double y)
{
	if (!bar->active)
		return;
	if (y <= EDGE_PX && !shown(bar))
		show(bar);
	else if (shown(bar) && !bar->timer &&
		 y > gtk_widget_get_allocated_height(bar->revealer) + 24)
		hide_after(bar, LEAVE_MS);
}

void fullscreen_bar_open_menu(struct fullscreen_bar *bar)
{
	show(bar);
	gtk_button_clicked(GTK_BUTTON(bar->menu));
	hide_after(bar, FIRST_LOOK_MS);
}

void fullscreen_bar_free(struct fullscreen_bar *bar)
{
	if (!bar)
		return;
	g_clear_handle_id(&bar->timer, g_source_remove);
	g_object_unref(bar->revealer);
	g_free(bar);
}
