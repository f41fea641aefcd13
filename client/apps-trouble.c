#include "client/apps-trouble.h"

#include <gtk/gtk.h>

#include "client/events.h"

static void on_closed(GtkWidget *dialog, struct apps_troubles *troubles)
{
	troubles->open--;
	troubles->closed(troubles->data);
}

void apps_trouble_show(struct apps_troubles *troubles, const char *title,
		       const char *text)
{
	GtkWidget *dialog = gtk_message_dialog_new(
	    NULL, 0, GTK_MESSAGE_WARNING, GTK_BUTTONS_CLOSE, "%s", title);
	gtk_window_set_title(GTK_WINDOW(dialog), "Oriel");
	if (text && *text)
		gtk_message_dialog_format_secondary_text(
		    GTK_MESSAGE_DIALOG(dialog), "%s", text);
	g_signal_connect(dialog, "response", G_CALLBACK(gtk_widget_destroy),
			 NULL);
	troubles->open++;
	g_signal_connect(dialog, "destroy", G_CALLBACK(on_closed), troubles);
	gtk_widget_show(dialog);
	events_emit("message", "{s:s,s:s?}", "title", title, "text", text);
}
