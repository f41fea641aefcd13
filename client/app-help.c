#include "client/app-help.h"

gboolean app_help_confirm_forget(GtkWindow *parent, const char *server)
{
	GtkWidget *dialog = gtk_message_dialog_new(
	    parent, GTK_DIALOG_MODAL, GTK_MESSAGE_QUESTION, GTK_BUTTONS_NONE,
	    "Forget %s?", server);
	gtk_window_set_title(GTK_WINDOW(dialog), "Forget Server");
	gtk_message_dialog_format_secondary_text(
	    GTK_MESSAGE_DIALOG(dialog),
	    "Its certificate and your user name there are no longer "
	    "remembered. At the next sign-in you are asked again whether "
	    "it is the right server: compare the fingerprint with the "
	    "administrator's.");
	gtk_dialog_add_button(GTK_DIALOG(dialog), "_Cancel",
			      GTK_RESPONSE_CANCEL);
	GtkWidget *forget = gtk_dialog_add_button(GTK_DIALOG(dialog), "_Forget",
						  GTK_RESPONSE_ACCEPT);
	gtk_style_context_add_class(gtk_widget_get_style_context(forget),
				    "destructive-action");
	gtk_dialog_set_default_response(GTK_DIALOG(dialog),
					GTK_RESPONSE_CANCEL);
	int response = gtk_dialog_run(GTK_DIALOG(dialog));
	gtk_widget_destroy(dialog);
	return response == GTK_RESPONSE_ACCEPT;
}

static const struct {
	const char *group;
	struct {
		const char *keys, *what;
	} shortcuts[10];
} groups[] = {
    {"In a desktop",
     {{"<Primary><Alt>g", "Send all keys to the desktop, or stop that"},
      {"<Shift>F11 <Primary><Alt>Return", "Full screen"},
      {"<Primary><Alt>m", "Menu"},
      {"<Primary><Alt>s", "Statistics: frames, delay, bytes, encoding"},
      {"<Primary><Alt>h", "These shortcuts"}}},
    {"In the list",
     {{"Return", "Open"},
      {"<Shift>F10", "What can be done with a desktop"},
      {"F10", "Menu"},
      {"F1", "These shortcuts"},
      {"<Primary>q", "Quit"}}},
};

/* It takes its size after it was placed, in steps. */
static void centre(GtkWidget *widget, GdkRectangle *now, gpointer data)
{
	GtkWindow *window = GTK_WINDOW(widget);
	GtkWindow *parent = gtk_window_get_transient_for(window);
	GdkRectangle *before = data;
	int x, y, width, height;
	if (!parent ||
	    (now->width == before->width && now->height == before->height))
		return;
	*before = *now;
	gtk_window_get_position(parent, &x, &y);
	gtk_window_get_size(parent, &width, &height);
	gtk_window_move(window, MAX(0, x + (width - now->width) / 2),
			MAX(0, y + (height - now->height) / 2));
}

static void free_rectangle(gpointer data, GClosure *closure)
{
	g_free(data);
}

void app_help_shortcuts(GtkWindow *parent)
{
	GtkWidget *section =
	    g_object_new(GTK_TYPE_SHORTCUTS_SECTION, "section-name", "oriel",
			 "max-height", 10, "visible", TRUE, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(groups); i++) {
		GtkWidget *group =
		    g_object_new(GTK_TYPE_SHORTCUTS_GROUP, "title",
				 groups[i].group, "visible", TRUE, NULL);
		for (int j = 0; groups[i].shortcuts[j].keys; j++) {
			GtkWidget *shortcut = g_object_new(
			    GTK_TYPE_SHORTCUTS_SHORTCUT, "accelerator",
			    groups[i].shortcuts[j].keys, "title",
			    groups[i].shortcuts[j].what, "visible", TRUE, NULL);
			gtk_container_add(GTK_CONTAINER(group), shortcut);
		}
		gtk_container_add(GTK_CONTAINER(section), group);
	}
	GtkWidget *window = g_object_new(
	    GTK_TYPE_SHORTCUTS_WINDOW, "transient-for", parent, "modal", TRUE,
	    "window-position", GTK_WIN_POS_CENTER_ON_PARENT, NULL);
	gtk_container_add(GTK_CONTAINER(window), section);
	g_signal_connect_data(window, "size-allocate", G_CALLBACK(centre),
			      g_new0(GdkRectangle, 1), free_rectangle, 0);
	gtk_widget_show_all(window);
}

void app_help_about(GtkWindow *parent)
{
	gtk_show_about_dialog(parent, "program-name", "Oriel", "logo-icon-name",
			      "oriel", "version", ORIEL_VERSION, "comments",
			      "Hosted desktops, wherever you are",
			      "license-type", GTK_LICENSE_GPL_2_0, "copyright",
			      "The Oriel project", NULL);
}
