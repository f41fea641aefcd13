#include "client/desktop-notes.h"

#include <string.h>

#include "client/events.h"

/* After an answer that made no sense, or none. */
#define AGAIN_MS 3000
/* How long the server waits for an answer (docs/api.md). */
#define ANSWER_S 60
#define TEXT_MAX 1000

struct desktop_notes {
	struct api *api;
	char *id;
	GCancellable *cancellable;
	guint again, tick, telling;
	unsigned revealed; /* that are to be told of, as bits */
	GtkWidget *cards;
	GtkWidget *states;   /* what goes on: a row of pills */
	GtkWidget *recorded; /* pill */
	GtkWidget *looking;  /* pill with a button */
	GtkWidget *looking_text;
	GtkWidget *question; /* card */
	GtkWidget *title, *text, *left, *no, *view, *control, *end, *close;
	GtkWidget *message, *message_text; /* card */
	char *asked;     /* id of the question that is shown */
	gint64 asked_us; /* since when */
	gint64 read_at;  /* of the message that was put away */
	gint64 shown_at;
};

static void ask_server(struct desktop_notes *self, gint64 serial);

/* ---- what is shown ---- */

static void show(GtkWidget *widget, gboolean shown)
{
	gtk_revealer_set_reveal_child(GTK_REVEALER(widget), shown);
}

/* Checked and bounded; NULL where there is none. New string. */
static char *word(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (!text || !*text)
		return NULL;
	return g_utf8_substring(text, 0,
				MIN(g_utf8_strlen(text, -1), TEXT_MAX));
}

static gboolean on_tick(gpointer data)
{
	struct desktop_notes *self = data;
	gint64 gone =
	    (g_get_monotonic_time() - self->asked_us) / G_USEC_PER_SEC;
	g_autofree char *left =
	    g_strdup_printf("Without an answer nobody is let in; %d s left.",
			    (int)MAX(ANSWER_S - gone, 0));
	gtk_label_set_text(GTK_LABEL(self->left), left);
	return G_SOURCE_CONTINUE;
}

static void show_question(struct desktop_notes *self, json_t *shadow)
{
	g_autofree char *id = word(shadow, "id");
	g_autofree char *helper = word(shadow, "helper");
	const char *state = json_string_value(json_object_get(shadow, "state"));
	gboolean asked = id && helper && g_strcmp0(state, "asked") == 0;
	show(self->question, asked);
	if (!asked) {
		g_clear_handle_id(&self->tick, g_source_remove);
		g_clear_pointer(&self->asked, g_free);
		return;
	}
	if (g_strcmp0(id, self->asked) == 0)
		return;
	gboolean control =
	    json_is_true(json_object_get(shadow, "asked_control"));
	g_autofree char *title = g_strdup_printf(
	    control ? "%s would like to use this desktop with you"
		    : "%s would like to see this desktop",
	    helper);
	g_autofree char *text = g_strdup_printf(
	    control
		? "%s of the helpdesk asks to see what it shows, and to use "
		  "its keyboard and pointer beside you. You can end it at any "
		  "time."
		: "%s of the helpdesk asks to see what it shows, without "
		  "being able to do anything in it. You can end it at any "
		  "time.",
	    helper);
	gtk_label_set_text(GTK_LABEL(self->title), title);
	gtk_label_set_text(GTK_LABEL(self->text), text);
	gtk_widget_set_visible(self->control, control);
	gtk_button_set_label(GTK_BUTTON(self->view),
			     control ? "Allow _Looking On Only" : "_Allow");
	g_free(self->asked);
	self->asked = g_steal_pointer(&id);
	self->asked_us = g_get_monotonic_time();
	if (!self->tick)
		self->tick = g_timeout_add_seconds(1, on_tick, self);
	on_tick(self);
}

static void show_looking(struct desktop_notes *self, json_t *shadow)
{
	g_autofree char *helper = word(shadow, "helper");
	const char *state = json_string_value(json_object_get(shadow, "state"));
	gboolean on = helper && g_strcmp0(state, "granted") == 0;
	show(self->looking, on);
	if (!on)
		return;
	g_autofree char *text =
	    g_strdup_printf(json_is_true(json_object_get(shadow, "control"))
				? "%s uses this desktop with you"
				: "%s sees this desktop",
			    helper);
	gtk_label_set_text(GTK_LABEL(self->looking_text), text);
}

static void show_message(struct desktop_notes *self, json_t *message)
{
	g_autofree char *text = word(message, "text");
	gint64 at = json_integer_value(json_object_get(message, "at"));
	gboolean due = text && at > self->read_at;
	if (due) {
		gtk_label_set_text(GTK_LABEL(self->message_text), text);
		self->shown_at = at;
	}
	/* one that was shown stays until it is put away */
	if (due || !self->shown_at)
		show(self->message, due);
}

static void show_all(struct desktop_notes *self, json_t *notes)
{
	json_t *shadow = json_object_get(notes, "shadow");
	show(self->recorded,
	     json_is_object(json_object_get(notes, "recording")));
	show_looking(self, shadow);
	show_question(self, shadow);
	show_message(self, json_object_get(notes, "message"));
}

/* ---- what is pressed ---- */

static void on_told(const struct api_answer *answer, const GError *error,
		    void *data)
{
	/* too late, or the network's: what holds now comes with the notes */
}

static void tell(struct desktop_notes *self, const char *method,
		 const char *verb, json_t *body)
{
	g_autofree char *path =
	    self->id ? api_desktop_path(self->id, verb) : NULL;
	if (path)
		api_call(self->api, method, path, body, self->cancellable,
			 on_told, self);
	else
		json_decref(body);
}

static void answer(struct desktop_notes *self, const char *allow)
{
	show(self->question, FALSE);
	tell(self, "POST", "shadow/answer", json_pack("{s:s}", "allow", allow));
}

static void on_no(GtkButton *button, struct desktop_notes *self)
{
	answer(self, "no");
}

static void on_view(GtkButton *button, struct desktop_notes *self)
{
	answer(self, "view");
}

static void on_control(GtkButton *button, struct desktop_notes *self)
{
	answer(self, "control");
}

static void on_end(GtkButton *button, struct desktop_notes *self)
{
	show(self->looking, FALSE);
	tell(self, "DELETE", "shadow", NULL);
}

static void on_read(GtkButton *button, struct desktop_notes *self)
{
	self->read_at = self->shown_at;
	self->shown_at = 0;
	show(self->message, FALSE);
}

/* ---- the server ---- */

static gboolean on_again(gpointer data)
{
	struct desktop_notes *self = data;
	self->again = 0;
	ask_server(self, -1);
	return G_SOURCE_REMOVE;
}

static void on_notes(const struct api_answer *answered, const GError *error,
		     void *data)
{
	struct desktop_notes *self = data;
	json_t *serial = json_object_get(answered->json, "serial");
	if (error || !json_is_integer(serial)) {
		/* an older server has no such call: nothing is asked again */
		if (answered->status != 404)
			self->again = g_timeout_add(AGAIN_MS, on_again, self);
		return;
	}
	show_all(self, answered->json);
	ask_server(self, json_integer_value(serial));
}

static void ask_server(struct desktop_notes *self, gint64 serial)
{
	g_autofree char *base = api_desktop_path(self->id, "notes");
	if (!base)
		return;
	g_autofree char *path =
	    serial < 0
		? g_strdup(base)
		: g_strdup_printf("%s?wait=%" G_GINT64_FORMAT, base, serial);
	api_call(self->api, "GET", path, NULL, self->cancellable, on_notes,
		 self);
}

static void stop(struct desktop_notes *self)
{
	g_cancellable_cancel(self->cancellable);
	g_clear_object(&self->cancellable);
	g_clear_handle_id(&self->again, g_source_remove);
	g_clear_handle_id(&self->tick, g_source_remove);
	g_clear_handle_id(&self->telling, g_source_remove);
	self->revealed = 0;
	g_clear_pointer(&self->asked, g_free);
	g_clear_pointer(&self->id, g_free);
}

void desktop_notes_follow(struct desktop_notes *self, const char *id)
{
	if (g_strcmp0(id, self->id) == 0)
		return;
	stop(self);
	if (!id) {
		show_all(self, NULL);
		return;
	}
	self->id = g_strdup(id);
	self->cancellable = g_cancellable_new();
	ask_server(self, -1);
}

/* ---- life ---- */

static void add_class(GtkWidget *widget, const char *name)
{
	gtk_style_context_add_class(gtk_widget_get_style_context(widget), name);
}

/* ---- for who automates ---- */

/* The middle of a button, on the screen; null where it is not shown. */
static json_t *place(GtkWidget *widget)
{
	int x = 0, y = 0, left = 0, top = 0;
	if (!gtk_widget_get_mapped(widget))
		return json_null();
	GtkWidget *whole = gtk_widget_get_toplevel(widget);
	gtk_widget_translate_coordinates(
	    widget, whole, gtk_widget_get_allocated_width(widget) / 2,
	    gtk_widget_get_allocated_height(widget) / 2, &x, &y);
	gdk_window_get_origin(gtk_widget_get_window(whole), &left, &top);
	return json_pack("[i,i]", left + x, top + y);
}

/* Once everything has its place. */
static gboolean on_placed(gpointer data)
{
	struct desktop_notes *self = data;
	unsigned revealed = self->revealed;
	self->telling = self->revealed = 0;
	if (revealed & 1)
		events_emit("question", "{s:o,s:o,s:o}", "no", place(self->no),
			    "view", place(self->view), "control",
			    place(self->control));
	if (revealed & 2)
		events_emit("looking", "{s:o}", "end", place(self->end));
	if (revealed & 4)
		events_emit("message", "{s:o}", "close", place(self->close));
	if (revealed & 8)
		events_emit("recorded", NULL);
	return G_SOURCE_REMOVE;
}

static void on_revealed(GtkRevealer *revealer, GParamSpec *spec,
			struct desktop_notes *self)
{
	GtkWidget *widget = GTK_WIDGET(revealer);
	if (!gtk_revealer_get_child_revealed(revealer))
		return;
	self->revealed |= widget == self->question  ? 1
			  : widget == self->looking ? 2
			  : widget == self->message ? 4
						    : 8;
	if (!self->telling)
		self->telling =
		    g_idle_add_full(G_PRIORITY_LOW, on_placed, self, NULL);
}

/* In a revealer at the upper edge. */
static GtkWidget *reveal(struct desktop_notes *self, GtkWidget *child,
			 GtkAlign align)
{
	GtkWidget *revealer = gtk_revealer_new();
	gtk_revealer_set_transition_type(
	    GTK_REVEALER(revealer), GTK_REVEALER_TRANSITION_TYPE_SLIDE_DOWN);
	gtk_widget_set_halign(revealer, align);
	gtk_container_add(GTK_CONTAINER(revealer), child);
	g_signal_connect(revealer, "notify::child-revealed",
			 G_CALLBACK(on_revealed), self);
	return revealer;
}

static GtkWidget *label(const char *text, gboolean wraps)
{
	GtkWidget *widget = gtk_label_new(text);
	gtk_label_set_xalign(GTK_LABEL(widget), 0);
	gtk_label_set_line_wrap(GTK_LABEL(widget), wraps);
	if (wraps) {
		gtk_label_set_max_width_chars(GTK_LABEL(widget), 56);
		gtk_label_set_line_wrap_mode(GTK_LABEL(widget),
					     PANGO_WRAP_WORD_CHAR);
	}
	return widget;
}

static GtkWidget *button(struct desktop_notes *self, const char *text,
			 const char *class_name, GCallback pressed)
{
	GtkWidget *widget = gtk_button_new_with_mnemonic(text);
	gtk_widget_set_focus_on_click(widget, FALSE);
	if (class_name)
		add_class(widget, class_name);
	g_signal_connect(widget, "clicked", pressed, self);
	return widget;
}

static GtkWidget *card(const char *icon, GtkWidget *body)
{
	GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 18);
	GtkWidget *image =
	    gtk_image_new_from_icon_name(icon, GTK_ICON_SIZE_DND);
	gtk_widget_set_valign(image, GTK_ALIGN_START);
	add_class(line, "note-card");
	gtk_container_add(GTK_CONTAINER(line), image);
	gtk_container_add(GTK_CONTAINER(line), body);
	return line;
}

static GtkWidget *row_of_buttons(void)
{
	GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	gtk_widget_set_halign(row, GTK_ALIGN_END);
	gtk_widget_set_margin_top(row, 6);
	return row;
}

static void build_states(struct desktop_notes *self)
{
	self->states =
	    g_object_ref_sink(gtk_box_new(GTK_ORIENTATION_VERTICAL, 0));
	/* beside the full screen's toolbar */
	gtk_widget_set_halign(self->states, GTK_ALIGN_END);
	gtk_widget_set_valign(self->states, GTK_ALIGN_START);

	GtkWidget *recorded = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	GtkWidget *dot = gtk_image_new_from_icon_name("media-record-symbolic",
						      GTK_ICON_SIZE_MENU);
	add_class(recorded, "note-pill");
	add_class(dot, "note-recorded");
	gtk_container_add(GTK_CONTAINER(recorded), dot);
	gtk_container_add(GTK_CONTAINER(recorded),
			  label("This session is being recorded", FALSE));
	self->recorded = reveal(self, recorded, GTK_ALIGN_END);
	gtk_container_add(GTK_CONTAINER(self->states), self->recorded);

	GtkWidget *looking = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 9);
	add_class(looking, "note-pill");
	self->looking_text = label("", FALSE);
	self->end = button(self, "_End", NULL, G_CALLBACK(on_end));
	gtk_container_add(GTK_CONTAINER(looking),
			  gtk_image_new_from_icon_name("view-reveal-symbolic",
						       GTK_ICON_SIZE_MENU));
	gtk_container_add(GTK_CONTAINER(looking), self->looking_text);
	gtk_container_add(GTK_CONTAINER(looking), self->end);
	self->looking = reveal(self, looking, GTK_ALIGN_END);
	gtk_container_add(GTK_CONTAINER(self->states), self->looking);
}

static void build_question(struct desktop_notes *self)
{
	GtkWidget *body = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *row = row_of_buttons();
	self->title = label("", TRUE);
	self->text = label("", TRUE);
	self->left = label("", FALSE);
	add_class(self->title, "notice-title");
	add_class(self->left, "dim-label");
	self->view = button(self, "_Allow", NULL, G_CALLBACK(on_view));
	self->control =
	    button(self, "Allow _Taking Part", NULL, G_CALLBACK(on_control));
	gtk_widget_set_no_show_all(self->control, TRUE);
	self->no = button(self, "_Refuse", NULL, G_CALLBACK(on_no));
	gtk_container_add(GTK_CONTAINER(row), self->no);
	gtk_container_add(GTK_CONTAINER(row), self->view);
	gtk_container_add(GTK_CONTAINER(row), self->control);
	gtk_container_add(GTK_CONTAINER(body), self->title);
	gtk_container_add(GTK_CONTAINER(body), self->text);
	gtk_container_add(GTK_CONTAINER(body), self->left);
	gtk_container_add(GTK_CONTAINER(body), row);
	self->question = reveal(self, card("dialog-question-symbolic", body),
				GTK_ALIGN_CENTER);
}

static void build_message(struct desktop_notes *self)
{
	GtkWidget *body = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *row = row_of_buttons();
	GtkWidget *title = label("Message", FALSE);
	add_class(title, "notice-title");
	self->message_text = label("", TRUE);
	self->close = button(self, "_Close", NULL, G_CALLBACK(on_read));
	gtk_container_add(GTK_CONTAINER(row), self->close);
	gtk_container_add(GTK_CONTAINER(body), title);
	gtk_container_add(GTK_CONTAINER(body), self->message_text);
	gtk_container_add(GTK_CONTAINER(body), row);
	self->message =
	    reveal(self, card("mail-unread-symbolic", body), GTK_ALIGN_CENTER);
}

struct desktop_notes *desktop_notes_new(struct api *api)
{
	struct desktop_notes *self = g_new0(struct desktop_notes, 1);
	self->api = api_ref(api);
	/* apart, so that neither lies over the desktop beside itself */
	self->cards = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
	gtk_widget_set_halign(self->cards, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(self->cards, GTK_ALIGN_START);
	g_object_ref_sink(self->cards);
	build_states(self);
	build_question(self);
	build_message(self);
	gtk_container_add(GTK_CONTAINER(self->cards), self->question);
	gtk_container_add(GTK_CONTAINER(self->cards), self->message);
	return self;
}

void desktop_notes_add_to(struct desktop_notes *self, GtkOverlay *overlay)
{
	gtk_overlay_add_overlay(overlay, self->cards);
	gtk_overlay_add_overlay(overlay, self->states);
}

void desktop_notes_free(struct desktop_notes *self)
{
	if (!self)
		return;
	stop(self);
	GtkWidget *const revealers[] = {self->recorded, self->looking,
					self->question, self->message};
	for (gsize i = 0; i < G_N_ELEMENTS(revealers); i++)
		g_signal_handlers_disconnect_by_data(revealers[i], self);
	g_object_unref(self->cards);
	g_object_unref(self->states);
	api_unref(self->api);
	g_free(self);
}
