#include "client/card.h"

#include <string.h>

#include "common/fault.h"

#define PICTURE_WIDTH  288
#define PICTURE_HEIGHT 180

struct card {
	GtkWidget *child, *picture, *name, *pool, *icon, *state, *bar, *error,
	    *open, *menu;
	GSimpleActionGroup *actions;
	struct desktop *desktop;
	cairo_surface_t *image;
	card_action action;
	void *data;
	gboolean action_failed;
};

static const char *const verbs[] = {"open",         "start",  "shutdown",
				    "off",          "reset",  "disconnect",
				    "applications", "finish", "cancel"};

static gboolean possible(const struct desktop *desktop, const char *verb)
{
	gboolean running = desktop->state == DESKTOP_RUNNING;
	gboolean down = desktop->state == DESKTOP_OFF ||
			desktop->state == DESKTOP_NONE ||
			desktop->state == DESKTOP_FAILED;
	if (strcmp(verb, "open") == 0)
		return TRUE;
	if (strcmp(verb, "applications") == 0)
		return !desktop->install;
	if (strcmp(verb, "finish") == 0 || strcmp(verb, "cancel") == 0)
		return desktop->install && desktop->install_task;
	if (strcmp(verb, "start") == 0)
		return down;
	if (strcmp(verb, "disconnect") == 0)
		return running && desktop->viewers > 0;
	if (strcmp(verb, "off") == 0)
		return running || desktop->state == DESKTOP_STOPPING ||
		       desktop->state == DESKTOP_STARTING;
	return running;
}

/* A rounded picture, or the desktop's quiet stand-in while there is none. */
static gboolean on_draw(GtkWidget *widget, cairo_t *cr, struct card *card)
{
	double w = gtk_widget_get_allocated_width(widget);
	double h = gtk_widget_get_allocated_height(widget);
	const double r = 6;
	cairo_new_sub_path(cr);
	cairo_arc(cr, w - r, r, r, -G_PI_2, 0);
	cairo_arc(cr, w - r, h - r, r, 0, G_PI_2);
	cairo_arc(cr, r, h - r, r, G_PI_2, G_PI);
	cairo_arc(cr, r, r, r, G_PI, 3 * G_PI_2);
	cairo_close_path(cr);
	cairo_clip(cr);
	cairo_pattern_t *sky = cairo_pattern_create_linear(0, 0, 0, h);
	cairo_pattern_add_color_stop_rgb(sky, 0, 0.24, 0.26, 0.31);
	cairo_pattern_add_color_stop_rgb(sky, 1, 0.16, 0.17, 0.20);
	cairo_set_source(cr, sky);
	cairo_paint(cr);
	cairo_pattern_destroy(sky);
	if (card->image) {
		double iw = cairo_image_surface_get_width(card->image);
		double ih = cairo_image_surface_get_height(card->image);
		/* fills the frame unless too much would be cut off */
		double fill = MAX(w / iw, h / ih), fit = MIN(w / iw, h / ih);
		double scale = fit / fill > 0.8 ? fill : fit;
		cairo_translate(cr, (w - iw * scale) / 2, (h - ih * scale) / 2);
		cairo_scale(cr, scale, scale);
		cairo_set_source_surface(cr, card->image, 0, 0);
		cairo_pattern_set_filter(cairo_get_source(cr),
					 CAIRO_FILTER_GOOD);
		cairo_paint_with_alpha(
		    cr, card->desktop->state == DESKTOP_RUNNING ? 1 : 0.4);
	} else {
		GtkIconTheme *theme = gtk_icon_theme_get_default();
		g_autoptr(GtkIconInfo) info = gtk_icon_theme_lookup_icon(
		    theme, "oriel-symbolic", 48, GTK_ICON_LOOKUP_FORCE_SIZE);
		GdkRGBA faint = {1, 1, 1, 0.35};
		g_autoptr(GdkPixbuf) icon =
		    info ? gtk_icon_info_load_symbolic(info, &faint, NULL, NULL,
						       NULL, NULL, NULL)
			 : NULL;
		if (icon) {
			gdk_cairo_set_source_pixbuf(cr, icon, (w - 48) / 2,
						    (h - 48) / 2);
			cairo_paint(cr);
		}
	}
	return GDK_EVENT_STOP;
}

static void on_action(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct card *card = data;
	card->action(card, g_action_get_name(G_ACTION(action)), card->data);
}

static void on_open(GtkButton *button, struct card *card)
{
	card->action(card, "open", card->data);
}

static gboolean on_button(GtkWidget *widget, GdkEventButton *event,
			  struct card *card)
{
	if (event->type != GDK_BUTTON_PRESS || event->button != 3)
		return GDK_EVENT_PROPAGATE;
	card_popup_menu(card);
	return GDK_EVENT_STOP;
}

static void on_destroy(GtkWidget *widget, struct card *card)
{
	g_clear_pointer(&card->image, cairo_surface_destroy);
	desktop_free(card->desktop);
	g_object_unref(card->actions);
	g_free(card);
}

static void add_if_possible(GMenu *menu, const char *label, const char *action)
{
	GMenuItem *item = g_menu_item_new(label, action);
	g_menu_item_set_attribute(item, "hidden-when", "s", "action-disabled");
	g_menu_append_item(menu, item);
	g_object_unref(item);
}

static GtkWidget *build_menu(struct card *card)
{
	GtkWidget *button = gtk_menu_button_new();
	GMenu *menu = g_menu_new();
	GMenu *power = g_menu_new();
	GMenu *hard = g_menu_new();
	GMenu *setup = g_menu_new();
	g_menu_append(menu, "_Open", "card.open");
	g_menu_append(menu, "_Applications…", "card.applications");
	g_menu_append(menu, "Disconnect _Viewers", "card.disconnect");
	g_menu_append(power, "_Start", "card.start");
	g_menu_append(power, "S_hut Down…", "card.shutdown");
	g_menu_append(hard, "_Reset…", "card.reset");
	g_menu_append(hard, "_Turn Off…", "card.off");
	add_if_possible(setup, "_Finish Installation…", "card.finish");
	add_if_possible(setup, "_Cancel Installation…", "card.cancel");
	g_menu_append_section(menu, NULL, G_MENU_MODEL(setup));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(power));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(hard));
	gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(button),
				       G_MENU_MODEL(menu));
	gtk_button_set_image(GTK_BUTTON(button),
			     gtk_image_new_from_icon_name(
				 "view-more-symbolic", GTK_ICON_SIZE_BUTTON));
	gtk_button_set_relief(GTK_BUTTON(button), GTK_RELIEF_NONE);
	gtk_widget_set_tooltip_text(button, "What can be done");
	gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
	g_object_unref(menu);
	g_object_unref(power);
	g_object_unref(hard);
	g_object_unref(setup);
	return button;
}

static GtkWidget *build_words(struct card *card)
{
	GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 3);
	card->name = gtk_label_new(NULL);
	gtk_label_set_xalign(GTK_LABEL(card->name), 0);
	gtk_label_set_ellipsize(GTK_LABEL(card->name), PANGO_ELLIPSIZE_END);
	gtk_style_context_add_class(gtk_widget_get_style_context(card->name),
				    "card-name");
	GtkWidget *status = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	card->icon = gtk_image_new();
	card->state = gtk_label_new(NULL);
	gtk_label_set_ellipsize(GTK_LABEL(card->state), PANGO_ELLIPSIZE_END);
	gtk_label_set_xalign(GTK_LABEL(card->state), 0);
	gtk_label_set_max_width_chars(GTK_LABEL(card->state), 16);
	gtk_label_set_max_width_chars(GTK_LABEL(card->name), 16);
	gtk_container_add(GTK_CONTAINER(status), card->icon);
	gtk_container_add(GTK_CONTAINER(status), card->state);
	gtk_style_context_add_class(gtk_widget_get_style_context(status),
				    "card-state");
	gtk_container_add(GTK_CONTAINER(words), card->name);
	gtk_container_add(GTK_CONTAINER(words), status);
	card->open = gtk_button_new_with_label("Open");
	gtk_widget_set_valign(card->open, GTK_ALIGN_CENTER);
	card->menu = build_menu(card);
	gtk_box_pack_start(GTK_BOX(line), words, TRUE, TRUE, 0);
	gtk_box_pack_start(GTK_BOX(line), card->open, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(line), card->menu, FALSE, FALSE, 0);
	g_signal_connect(card->open, "clicked", G_CALLBACK(on_open), card);
	return line;
}

struct card *card_new(struct desktop *desktop, card_action action, void *data)
{
	struct card *card = g_new0(struct card, 1);
	card->action = action;
	card->data = data;
	card->child = gtk_flow_box_child_new();
	g_object_set_data(G_OBJECT(card->child), "card", card);
	gtk_style_context_add_class(gtk_widget_get_style_context(card->child),
				    "card");
	gtk_widget_set_valign(card->child, GTK_ALIGN_START);
	GtkWidget *events = gtk_event_box_new();
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	card->picture = gtk_drawing_area_new();
	gtk_widget_set_size_request(card->picture, PICTURE_WIDTH,
				    PICTURE_HEIGHT);
	g_signal_connect(card->picture, "draw", G_CALLBACK(on_draw), card);
	gtk_container_add(GTK_CONTAINER(box), card->picture);
	gtk_container_add(GTK_CONTAINER(box), build_words(card));
	card->bar = gtk_progress_bar_new();
	gtk_widget_set_no_show_all(card->bar, TRUE);
	gtk_container_add(GTK_CONTAINER(box), card->bar);
	card->error = gtk_label_new(NULL);
	gtk_label_set_line_wrap(GTK_LABEL(card->error), TRUE);
	gtk_label_set_line_wrap_mode(GTK_LABEL(card->error),
				     PANGO_WRAP_WORD_CHAR);
	gtk_label_set_xalign(GTK_LABEL(card->error), 0);
	gtk_label_set_max_width_chars(GTK_LABEL(card->error), 34);
	gtk_widget_set_no_show_all(card->error, TRUE);
	gtk_style_context_add_class(gtk_widget_get_style_context(card->error),
				    "card-error");
	gtk_container_add(GTK_CONTAINER(box), card->error);
	gtk_container_add(GTK_CONTAINER(events), box);
	gtk_container_add(GTK_CONTAINER(card->child), events);
	g_signal_connect(events, "button-press-event", G_CALLBACK(on_button),
			 card);

	card->actions = g_simple_action_group_new();
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
		const GActionEntry entry = {.name = verbs[i],
					    .activate = on_action};
		g_action_map_add_action_entries(G_ACTION_MAP(card->actions),
						&entry, 1, card);
	}
	gtk_widget_insert_action_group(card->child, "card",
				       G_ACTION_GROUP(card->actions));
	g_signal_connect(card->child, "destroy", G_CALLBACK(on_destroy), card);
	gtk_widget_show_all(card->child);
	card_update(card, desktop);
	return card;
}

GtkWidget *card_widget(struct card *card)
{
	return card->child;
}

struct card *card_of(GtkWidget *widget)
{
	return g_object_get_data(G_OBJECT(widget), "card");
}

const struct desktop *card_desktop(const struct card *card)
{
	return card->desktop;
}

static void show_error(struct card *card, const char *cause, const char *remedy)
{
	g_autofree char *markup =
	    remedy ? g_markup_printf_escaped("<b>%s</b>\n%s", cause, remedy)
		   : g_markup_printf_escaped("<b>%s</b>", cause);
	gtk_label_set_markup(GTK_LABEL(card->error), markup);
	gtk_widget_show(card->error);
}

void card_update(struct card *card, struct desktop *desktop)
{
	desktop_free(card->desktop);
	card->desktop = desktop;
	gtk_label_set_text(GTK_LABEL(card->name), desktop->name);
	gboolean settling = desktop->install && desktop->install_fraction >= 0;
	gboolean busy = desktop->state == DESKTOP_STARTING || settling;
	g_autofree char *state = g_strdup(desktop_state_text(desktop->state));
	if (settling) {
		g_free(state);
		state = g_strdup("Becoming an image");
	} else if (desktop->install && desktop->state == DESKTOP_RUNNING) {
		g_free(state);
		state = g_strdup("Being installed");
	} else if (busy && desktop->stage) {
		g_free(state);
		state = g_strdup(desktop->stage);
	} else if (desktop->state == DESKTOP_RUNNING && desktop->viewers > 0) {
		g_free(state);
		state = g_strdup("Running, in use");
	}
	g_autofree char *line =
	    desktop->pool && desktop->state != DESKTOP_STARTING &&
		    g_ascii_strcasecmp(desktop->pool, desktop->name) != 0
		? g_strdup_printf("%s · %s", state, desktop->pool)
		: g_strdup(state);
	gtk_label_set_text(GTK_LABEL(card->state), line);
	gtk_widget_set_tooltip_text(card->state, line);
	gtk_image_set_from_icon_name(GTK_IMAGE(card->icon),
				     desktop_state_icon(desktop->state),
				     GTK_ICON_SIZE_MENU);
	GtkStyleContext *style =
	    gtk_widget_get_style_context(gtk_widget_get_parent(card->icon));
	for (int i = DESKTOP_NONE; i <= DESKTOP_FAILED; i++)
		gtk_style_context_remove_class(
		    style, desktop_state_name((enum desktop_state)i));
	gtk_style_context_add_class(style, desktop_state_name(desktop->state));
	gtk_widget_set_visible(card->bar, busy);
	gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(card->bar),
				      settling ? desktop->install_fraction
					       : desktop->fraction);
	if (desktop->state == DESKTOP_FAILED)
		show_error(card,
			   desktop->cause ? desktop->cause
					  : "The desktop failed",
			   desktop->remedy);
	else if (!card->action_failed)
		gtk_widget_hide(card->error);
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
		g_simple_action_set_enabled(
		    G_SIMPLE_ACTION(g_action_map_lookup_action(
			G_ACTION_MAP(card->actions), verbs[i])),
		    possible(desktop, verbs[i]));
	g_autofree char *spoken = g_strdup_printf(
	    "%s, %s", desktop->name, desktop_state_text(desktop->state));
	atk_object_set_name(gtk_widget_get_accessible(card->child), spoken);
	g_autofree char *open_name = g_strdup_printf("Open %s", desktop->name);
	atk_object_set_name(gtk_widget_get_accessible(card->open), open_name);
	if (desktop->state == DESKTOP_OFF || desktop->state == DESKTOP_NONE ||
	    desktop->state == DESKTOP_FAILED)
		card_set_picture(card, NULL);
	gtk_widget_queue_draw(card->picture);
}

void card_set_picture(struct card *card, GdkPixbuf *picture)
{
	g_clear_pointer(&card->image, cairo_surface_destroy);
	if (picture)
		card->image =
		    gdk_cairo_surface_create_from_pixbuf(picture, 1, NULL);
	gtk_widget_queue_draw(card->picture);
}

void card_set_error(struct card *card, const GError *error)
{
	card->action_failed = error != NULL;
	if (!error) {
		if (card->desktop->state != DESKTOP_FAILED)
			gtk_widget_hide(card->error);
		return;
	}
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	show_error(card, cause, remedy);
}

void card_popup_menu(struct card *card)
{
	gtk_button_clicked(GTK_BUTTON(card->menu));
}
