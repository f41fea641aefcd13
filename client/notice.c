#include "client/notice.h"

#include <gdk/gdkkeysyms.h>

/* Who typed when the picture went has noticed by then: what is pressed now is
 * meant for the card. */
#define TURN_MS 800

struct notice {
	void *data;
	GtkWidget *revealer, *card, *spinner, *icon, *title, *text, *bar,
	    *elapsed, *buttons, *primary, *secondary;
	void (*primary_clicked)(void *data);
	void (*secondary_clicked)(void *data);
	gint64 begun_us;
	guint tick, turn;
	GtkWidget *wanted; /* the button for Enter; NULL: none */
	gboolean shown;
};

static void on_primary(GtkButton *button, struct notice *notice)
{
	if (notice->primary_clicked)
		notice->primary_clicked(notice->data);
}

static void on_secondary(GtkButton *button, struct notice *notice)
{
	if (notice->secondary_clicked)
		notice->secondary_clicked(notice->data);
}

static gboolean on_key(GtkWidget *widget, GdkEventKey *event,
		       struct notice *notice)
{
	if (event->keyval != GDK_KEY_Escape ||
	    !gtk_widget_get_visible(notice->secondary))
		return GDK_EVENT_PROPAGATE;
	on_secondary(NULL, notice);
	return GDK_EVENT_STOP;
}

static GtkWidget *wrapped_label(const char *style)
{
	GtkWidget *label = gtk_label_new(NULL);
	gtk_label_set_line_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_line_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
	gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 46);
	gtk_style_context_add_class(gtk_widget_get_style_context(label), style);
	gtk_widget_set_no_show_all(label, TRUE);
	return label;
}

struct notice *notice_new(void *data)
{
	struct notice *notice = g_new0(struct notice, 1);
	notice->data = data;
	notice->revealer = g_object_ref_sink(gtk_revealer_new());
	gtk_revealer_set_transition_type(
	    GTK_REVEALER(notice->revealer),
	    GTK_REVEALER_TRANSITION_TYPE_CROSSFADE);
	gtk_revealer_set_transition_duration(GTK_REVEALER(notice->revealer),
					     150);
	gtk_widget_set_halign(notice->revealer, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(notice->revealer, GTK_ALIGN_CENTER);
	notice->card = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	gtk_style_context_add_class(gtk_widget_get_style_context(notice->card),
				    "notice");
	gtk_container_add(GTK_CONTAINER(notice->revealer), notice->card);

	notice->spinner = gtk_spinner_new();
	gtk_widget_set_size_request(notice->spinner, 32, 32);
	gtk_widget_set_no_show_all(notice->spinner, TRUE);
	notice->icon = gtk_image_new();
	gtk_image_set_pixel_size(GTK_IMAGE(notice->icon), 48);
	gtk_widget_set_no_show_all(notice->icon, TRUE);
	notice->title = wrapped_label("notice-title");
	notice->text = wrapped_label("notice-text");
	notice->bar = gtk_progress_bar_new();
	gtk_widget_set_size_request(notice->bar, 280, -1);
	gtk_widget_set_no_show_all(notice->bar, TRUE);
	notice->elapsed = wrapped_label("dim-label");
	notice->buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	gtk_widget_set_halign(notice->buttons, GTK_ALIGN_CENTER);
	gtk_widget_set_margin_top(notice->buttons, 6);
	notice->secondary = gtk_button_new();
	gtk_button_set_use_underline(GTK_BUTTON(notice->secondary), TRUE);
	gtk_widget_set_no_show_all(notice->secondary, TRUE);
	notice->primary = gtk_button_new();
	gtk_button_set_use_underline(GTK_BUTTON(notice->primary), TRUE);
	gtk_widget_set_no_show_all(notice->primary, TRUE);
	gtk_style_context_add_class(
	    gtk_widget_get_style_context(notice->primary), "suggested-action");
	g_signal_connect(notice->primary, "clicked", G_CALLBACK(on_primary),
			 notice);
	g_signal_connect(notice->secondary, "clicked", G_CALLBACK(on_secondary),
			 notice);
	g_signal_connect(notice->card, "key-press-event", G_CALLBACK(on_key),
			 notice);
	gtk_container_add(GTK_CONTAINER(notice->buttons), notice->secondary);
	gtk_container_add(GTK_CONTAINER(notice->buttons), notice->primary);
	GtkWidget *const parts[] = {
	    notice->spinner, notice->icon,    notice->title,  notice->text,
	    notice->bar,     notice->elapsed, notice->buttons};
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
		gtk_container_add(GTK_CONTAINER(notice->card), parts[i]);
	atk_object_set_role(gtk_widget_get_accessible(notice->card),
			    ATK_ROLE_NOTIFICATION);
	gtk_widget_show_all(notice->revealer);
	gtk_widget_set_no_show_all(notice->revealer, TRUE);
	gtk_widget_hide(notice->revealer);
	return notice;
}

GtkWidget *notice_widget(struct notice *notice)
{
	return notice->revealer;
}

static gboolean on_tick(gpointer data)
{
	struct notice *notice = data;
	int seconds =
	    (int)((g_get_monotonic_time() - notice->begun_us) / G_USEC_PER_SEC);
	g_autofree char *text =
	    seconds < 60
		? g_strdup_printf("%d s", seconds)
		: g_strdup_printf("%d min %02d s", seconds / 60, seconds % 60);
	gtk_label_set_text(GTK_LABEL(notice->elapsed), text);
	return G_SOURCE_CONTINUE;
}

void notice_begin(struct notice *notice)
{
	notice->begun_us = g_get_monotonic_time();
}

static void set_label(GtkWidget *label, const char *text)
{
	gtk_label_set_text(GTK_LABEL(label), text ? text : "");
	gtk_widget_set_visible(label, text && *text);
}

static void set_button(GtkWidget *button, const struct notice_button *content)
{
	if (content->label)
		gtk_button_set_label(GTK_BUTTON(button), content->label);
	gtk_widget_set_visible(button, content->label != NULL);
}

static GtkWidget *focused(struct notice *notice)
{
	GtkWidget *top = gtk_widget_get_toplevel(notice->revealer);
	return GTK_IS_WINDOW(top) ? gtk_window_get_focus(GTK_WINDOW(top))
				  : NULL;
}

static gboolean on_turn(gpointer data)
{
	struct notice *notice = data;
	GtkWidget *now = focused(notice);
	notice->turn = 0;
	if (notice->wanted &&
	    (!now || !gtk_widget_is_ancestor(now, notice->card)))
		gtk_widget_grab_focus(notice->wanted);
	return G_SOURCE_REMOVE;
}

void notice_show(struct notice *notice, const struct notice_content *content)
{
	gboolean busy = content->icon == NULL;
	set_label(notice->title, content->title);
	set_label(notice->text, content->text);
	gtk_widget_set_visible(notice->spinner, busy && content->fraction < 0);
	g_object_set(notice->spinner, "active", busy, NULL);
	gtk_widget_set_visible(notice->icon, !busy);
	if (!busy)
		gtk_image_set_from_icon_name(GTK_IMAGE(notice->icon),
					     content->icon,
					     GTK_ICON_SIZE_DIALOG);
	gtk_widget_set_visible(notice->bar, content->fraction >= 0);
	if (content->fraction >= 0)
		gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(notice->bar),
					      content->fraction);
	gtk_widget_set_visible(notice->elapsed, content->elapsed);
	if (content->elapsed) {
		on_tick(notice);
		if (!notice->tick)
			notice->tick = g_timeout_add(500, on_tick, notice);
	} else {
		g_clear_handle_id(&notice->tick, g_source_remove);
	}
	notice->primary_clicked = content->primary.clicked;
	notice->secondary_clicked = content->secondary.clicked;
	set_button(notice->primary, &content->primary);
	set_button(notice->secondary, &content->secondary);
	gtk_widget_show(notice->revealer);
	gtk_revealer_set_reveal_child(GTK_REVEALER(notice->revealer), TRUE);
	gboolean first = !notice->shown;
	notice->shown = TRUE;
	notice->wanted = content->aside             ? NULL
			 : content->primary.label   ? notice->primary
			 : content->secondary.label ? notice->secondary
						    : NULL;
	if (!notice->wanted)
		return;
	GtkWidget *now = focused(notice);
	if (first || !now || !gtk_widget_get_visible(now))
		gtk_widget_grab_focus(notice->wanted);
	else if (!gtk_widget_is_ancestor(now, notice->card) && !notice->turn)
		notice->turn = g_timeout_add(TURN_MS, on_turn, notice);
}

void notice_hide(struct notice *notice)
{
	if (!notice->shown)
		return;
	notice->shown = FALSE;
	g_clear_handle_id(&notice->tick, g_source_remove);
	g_clear_handle_id(&notice->turn, g_source_remove);
	g_object_set(notice->spinner, "active", FALSE, NULL);
	gtk_revealer_set_reveal_child(GTK_REVEALER(notice->revealer), FALSE);
	gtk_widget_hide(notice->revealer);
}

gboolean notice_visible(struct notice *notice)
{
	return notice->shown;
}

void notice_free(struct notice *notice)
{
	if (!notice)
		return;
	g_clear_handle_id(&notice->tick, g_source_remove);
	g_clear_handle_id(&notice->turn, g_source_remove);
	notice->primary_clicked = notice->secondary_clicked = NULL;
	g_signal_handlers_disconnect_by_data(notice->card, notice);
	g_signal_handlers_disconnect_by_data(notice->primary, notice);
	g_signal_handlers_disconnect_by_data(notice->secondary, notice);
	g_object_unref(notice->revealer);
	g_free(notice);
}
