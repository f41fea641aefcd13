#include "client/desktop-hint.h"

#define FOR_A_WHILE_MS 4500

struct desktop_hint {
	GtkWidget *revealer, *label;
	guint timer;
};

static gboolean on_over(gpointer data)
{
	struct desktop_hint *self = data;
	self->timer = 0;
	gtk_revealer_set_reveal_child(GTK_REVEALER(self->revealer), FALSE);
	return G_SOURCE_REMOVE;
}

void desktop_hint_hide(struct desktop_hint *self)
{
	g_clear_handle_id(&self->timer, g_source_remove);
	on_over(self);
}

void desktop_hint_stay(struct desktop_hint *self, const char *text)
{
	g_clear_handle_id(&self->timer, g_source_remove);
	gtk_label_set_text(GTK_LABEL(self->label), text);
	gtk_revealer_set_reveal_child(GTK_REVEALER(self->revealer), TRUE);
}

void desktop_hint_say(const char *text, void *hint)
{
	struct desktop_hint *self = hint;
	desktop_hint_stay(self, text);
	self->timer = g_timeout_add(FOR_A_WHILE_MS, on_over, self);
}

struct desktop_hint *desktop_hint_new(GtkOverlay *overlay)
{
	struct desktop_hint *self = g_new0(struct desktop_hint, 1);
	self->revealer = gtk_revealer_new();
	gtk_widget_set_halign(self->revealer, GTK_ALIGN_CENTER);
	gtk_widget_set_valign(self->revealer, GTK_ALIGN_END);
	gtk_revealer_set_transition_type(GTK_REVEALER(self->revealer),
					 GTK_REVEALER_TRANSITION_TYPE_SLIDE_UP);
	self->label = gtk_label_new(NULL);
	gtk_style_context_add_class(gtk_widget_get_style_context(self->label),
				    "hint");
	gtk_container_add(GTK_CONTAINER(self->revealer), self->label);
	gtk_overlay_add_overlay(overlay, self->revealer);
	gtk_overlay_set_overlay_pass_through(overlay, self->revealer, TRUE);
	return self;
}

void desktop_hint_free(struct desktop_hint *self)
{
	if (!self)
		return;
	g_clear_handle_id(&self->timer, g_source_remove);
	g_free(self);
}
