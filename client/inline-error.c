#include "client/inline-error.h"

#include "common/fault.h"

struct inline_error {
	GtkWidget *revealer, *cause, *remedy;
};

static void on_destroy(GtkWidget *widget, struct inline_error *error)
{
	g_free(error);
}

struct inline_error *inline_error_new(void)
{
	struct inline_error *error = g_new0(struct inline_error, 1);
	error->revealer = gtk_revealer_new();
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	gtk_style_context_add_class(gtk_widget_get_style_context(box),
				    "inline-error");
	GtkWidget *icon = gtk_image_new_from_icon_name(
	    "dialog-warning-symbolic", GTK_ICON_SIZE_MENU);
	gtk_widget_set_valign(icon, GTK_ALIGN_START);
	gtk_widget_set_margin_top(icon, 2);
	GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	error->cause = gtk_label_new(NULL);
	error->remedy = gtk_label_new(NULL);
	gtk_widget_set_no_show_all(error->remedy, TRUE);
	GtkWidget *const labels[] = {error->cause, error->remedy};
	for (int i = 0; i < 2; i++) {
		gtk_label_set_xalign(GTK_LABEL(labels[i]), 0);
		gtk_label_set_line_wrap(GTK_LABEL(labels[i]), TRUE);
		gtk_label_set_line_wrap_mode(GTK_LABEL(labels[i]),
					     PANGO_WRAP_WORD_CHAR);
		gtk_label_set_max_width_chars(GTK_LABEL(labels[i]), 40);
		gtk_container_add(GTK_CONTAINER(words), labels[i]);
	}
	gtk_style_context_add_class(gtk_widget_get_style_context(error->cause),
				    "error-cause");
	gtk_container_add(GTK_CONTAINER(box), icon);
	gtk_container_add(GTK_CONTAINER(box), words);
	gtk_container_add(GTK_CONTAINER(error->revealer), box);
	atk_object_set_role(gtk_widget_get_accessible(box),
			    ATK_ROLE_NOTIFICATION);
	g_signal_connect(error->revealer, "destroy", G_CALLBACK(on_destroy),
			 error);
	return error;
}

GtkWidget *inline_error_widget(struct inline_error *error)
{
	return error->revealer;
}

void inline_error_show(struct inline_error *error, const GError *what)
{
	gtk_revealer_set_reveal_child(GTK_REVEALER(error->revealer),
				      what != NULL);
	if (!what)
		return;
	g_autofree char *cause = fault_cause(what);
	g_autofree char *remedy = fault_remedy(what);
	gtk_label_set_text(GTK_LABEL(error->cause), cause);
	gtk_label_set_text(GTK_LABEL(error->remedy), remedy ? remedy : "");
	gtk_widget_set_visible(error->remedy, remedy != NULL);
}
