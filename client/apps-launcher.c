#include "client/apps-launcher.h"

#include <string.h>

#include "client/seamless.h"

#define ICON_SIDE 32

struct apps_launcher {
	const struct apps_launcher_handlers *handlers;
	void *data;
	GtkWidget *window, *search, *list, *said;
};

static char *folded(const char *text)
{
	g_autofree char *normal = g_utf8_normalize(text, -1, G_NORMALIZE_ALL);
	return g_utf8_casefold(normal ? normal : text, -1);
}

/* Every word that was typed is somewhere in name or description. */
static gboolean matches(GtkListBoxRow *row, gpointer data)
{
	struct apps_launcher *launcher = data;
	g_autofree char *wanted =
	    folded(gtk_entry_get_text(GTK_ENTRY(launcher->search)));
	const char *text = g_object_get_data(G_OBJECT(row), "text");
	g_auto(GStrv) words = g_strsplit(wanted, " ", 16);
	for (char **word = words; *word; word++)
		if (!strstr(text, *word))
			return FALSE;
	return TRUE;
}

static void on_search(GtkSearchEntry *entry, gpointer data)
{
	struct apps_launcher *launcher = data;
	gtk_list_box_invalidate_filter(GTK_LIST_BOX(launcher->list));
}

static void on_row(GtkListBox *list, GtkListBoxRow *row, gpointer data)
{
	struct apps_launcher *launcher = data;
	const char *app = g_object_get_data(G_OBJECT(row), "app");
	apps_launcher_say(launcher, "Starting…");
	launcher->handlers->launch(app, launcher->data);
}

/* Enter in the search starts the first that is left. */
static void on_enter(GtkEntry *entry, gpointer data)
{
	struct apps_launcher *launcher = data;
	for (int i = 0;; i++) {
		GtkListBoxRow *row = gtk_list_box_get_row_at_index(
		    GTK_LIST_BOX(launcher->list), i);
		if (!row)
			return;
		if (!matches(row, launcher))
			continue;
		on_row(GTK_LIST_BOX(launcher->list), row, launcher);
		return;
	}
}

static void on_install(GtkButton *button, gpointer data)
{
	struct apps_launcher *launcher = data;
	launcher->handlers->install(launcher->data);
}

static void on_window_gone(GtkWidget *window, gpointer data)
{
	struct apps_launcher *launcher = data;
	void (*closed)(void *) = launcher->handlers->closed;
	void *of = launcher->data;
	g_free(launcher);
	closed(of);
}

static GtkWidget *icon_of(const struct seamless_app *app)
{
	if (!app->icon)
		return gtk_image_new_from_icon_name("application-x-executable",
						    GTK_ICON_SIZE_DND);
	cairo_surface_t *surface = cairo_image_surface_create_for_data(
	    (unsigned char *)app->icon, CAIRO_FORMAT_ARGB32,
	    (int)app->icon_width, (int)app->icon_height,
	    (int)app->icon_width * 4);
	g_autoptr(GdkPixbuf) whole = gdk_pixbuf_get_from_surface(
	    surface, 0, 0, (int)app->icon_width, (int)app->icon_height);
	cairo_surface_destroy(surface);
	g_autoptr(GdkPixbuf) small =
	    whole ? gdk_pixbuf_scale_simple(whole, ICON_SIDE, ICON_SIDE,
					    GDK_INTERP_BILINEAR)
		  : NULL;
	return gtk_image_new_from_pixbuf(small);
}

static GtkWidget *row_of(const struct seamless_app *app)
{
	GtkWidget *row = gtk_list_box_row_new();
	GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GtkWidget *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	GtkWidget *name = gtk_label_new(app->name);
	GtkWidget *comment = gtk_label_new(app->comment);
	gtk_label_set_xalign(GTK_LABEL(name), 0);
	gtk_label_set_xalign(GTK_LABEL(comment), 0);
	gtk_label_set_ellipsize(GTK_LABEL(comment), PANGO_ELLIPSIZE_END);
	gtk_style_context_add_class(gtk_widget_get_style_context(comment),
				    "dim-label");
	gtk_box_pack_start(GTK_BOX(words), name, TRUE, TRUE, 0);
	if (*app->comment)
		gtk_box_pack_start(GTK_BOX(words), comment, TRUE, TRUE, 0);
	else
		g_object_unref(g_object_ref_sink(comment));
	gtk_box_pack_start(GTK_BOX(line), icon_of(app), FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(line), words, TRUE, TRUE, 0);
	g_object_set(line, "margin", 6, NULL);
	gtk_container_add(GTK_CONTAINER(row), line);
	g_autofree char *text =
	    g_strconcat(app->name, " ", app->comment, " ", app->id, NULL);
	g_object_set_data_full(G_OBJECT(row), "text", folded(text), g_free);
	g_object_set_data_full(G_OBJECT(row), "app", g_strdup(app->id), g_free);
	gtk_widget_show_all(row);
	return row;
}

static int by_name(gconstpointer a, gconstpointer b)
{
	const struct seamless_app *one = *(struct seamless_app *const *)a;
	const struct seamless_app *two = *(struct seamless_app *const *)b;
	return g_utf8_collate(one->name, two->name);
}

void apps_launcher_show(struct apps_launcher *launcher, const GPtrArray *apps)
{
	g_autoptr(GPtrArray) sorted =
	    g_ptr_array_copy((GPtrArray *)apps, NULL, NULL);
	g_ptr_array_set_free_func(sorted, NULL); /* they are not its own */
	g_ptr_array_sort(sorted, by_name);
	g_autoptr(GList) rows =
	    gtk_container_get_children(GTK_CONTAINER(launcher->list));
	for (GList *row = rows; row; row = row->next)
		gtk_widget_destroy(row->data);
	for (guint i = 0; i < sorted->len; i++)
		gtk_container_add(GTK_CONTAINER(launcher->list),
				  row_of(sorted->pdata[i]));
	apps_launcher_say(launcher,
			  sorted->len ? "" : "This machine offers none.");
	gtk_window_present(GTK_WINDOW(launcher->window));
}

void apps_launcher_say(struct apps_launcher *launcher, const char *text)
{
	gtk_label_set_text(GTK_LABEL(launcher->said), text);
}

struct apps_launcher *apps_launcher_new(
    const char *title, const struct apps_launcher_handlers *handlers,
    void *data)
{
	struct apps_launcher *launcher = g_new0(struct apps_launcher, 1);
	launcher->handlers = handlers;
	launcher->data = data;
	launcher->window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	gtk_window_set_title(GTK_WINDOW(launcher->window), title);
	gtk_window_set_icon_name(GTK_WINDOW(launcher->window),
				 "applications-other");
	gtk_window_set_default_size(GTK_WINDOW(launcher->window), 420, 520);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	GtkWidget *scrolled = gtk_scrolled_window_new(NULL, NULL);
	GtkWidget *foot = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	launcher->search = gtk_search_entry_new();
	launcher->list = gtk_list_box_new();
	launcher->said = gtk_label_new(NULL);
	gtk_label_set_xalign(GTK_LABEL(launcher->said), 0);
	gtk_label_set_line_wrap(GTK_LABEL(launcher->said), TRUE);
	gtk_list_box_set_filter_func(GTK_LIST_BOX(launcher->list), matches,
				     launcher, NULL);
	gtk_list_box_set_activate_on_single_click(GTK_LIST_BOX(launcher->list),
						  TRUE);
	g_object_set(box, "margin", 6, NULL);
	gtk_container_add(GTK_CONTAINER(scrolled), launcher->list);
	gtk_box_pack_start(GTK_BOX(box), launcher->search, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(box), scrolled, TRUE, TRUE, 0);
	gtk_box_pack_start(GTK_BOX(foot), launcher->said, TRUE, TRUE, 0);
	if (handlers->install) {
		GtkWidget *install =
		    gtk_button_new_with_mnemonic("_Add to This Computer");
		gtk_widget_set_tooltip_text(
		    install, "Put them all among your own applications");
		g_signal_connect(install, "clicked", G_CALLBACK(on_install),
				 launcher);
		gtk_box_pack_end(GTK_BOX(foot), install, FALSE, FALSE, 0);
	}
	gtk_box_pack_start(GTK_BOX(box), foot, FALSE, FALSE, 0);
	gtk_container_add(GTK_CONTAINER(launcher->window), box);
	g_signal_connect(launcher->search, "search-changed",
			 G_CALLBACK(on_search), launcher);
	g_signal_connect(launcher->search, "activate", G_CALLBACK(on_enter),
			 launcher);
	g_signal_connect(launcher->list, "row-activated", G_CALLBACK(on_row),
			 launcher);
	g_signal_connect(launcher->window, "destroy",
			 G_CALLBACK(on_window_gone), launcher);
	gtk_widget_show_all(box);
	return launcher;
}

void apps_launcher_free(struct apps_launcher *launcher)
{
	if (launcher)
		gtk_widget_destroy(launcher->window);
}
