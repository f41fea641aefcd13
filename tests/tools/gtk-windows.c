/* gtk-windows - a GTK program with a menu, a combo box, a tooltip, a dialog
 * and a text that can be dragged, for tests. Prints "at WHAT X Y W H" for each
 * of them (in the window's pixels) once it is shown, and "chose N",
 * "pressed", "text WHAT" as the entry's text changes. */
#include <gtk/gtk.h>
#include <stdio.h>

static GtkWidget *window;

static void tell(const char *what, GtkWidget *widget)
{
	GtkAllocation a;
	int x = 0, y = 0;
	gtk_widget_get_allocation(widget, &a);
	gtk_widget_translate_coordinates(widget, window, 0, 0, &x, &y);
	printf("at %s %d %d %d %d\n", what, x, y, a.width, a.height);
	fflush(stdout);
}

static void on_item(GtkMenuItem *item, gpointer data)
{
	printf("chose %s\n", gtk_menu_item_get_label(item));
	fflush(stdout);
}

static GtkWidget *make_menu(int depth)
{
	GtkWidget *menu = gtk_menu_new();
	for (int i = 0; i < 8; i++) {
		char label[32];
		snprintf(label, sizeof label, "Entry %d-%d", depth, i);
		GtkWidget *item = gtk_menu_item_new_with_label(label);
		if (i == 2 && depth < 3)
			gtk_menu_item_set_submenu(GTK_MENU_ITEM(item),
						  make_menu(depth + 1));
		else
			g_signal_connect(item, "activate", G_CALLBACK(on_item),
					 NULL);
		gtk_menu_shell_append(GTK_MENU_SHELL(menu), item);
	}
	return menu;
}

static void on_pressed(GtkButton *button, gpointer data)
{
	GtkWidget *dialog = gtk_message_dialog_new(
	    GTK_WINDOW(window), GTK_DIALOG_MODAL, GTK_MESSAGE_INFO,
	    GTK_BUTTONS_CLOSE, "A message");
	gtk_window_set_title(GTK_WINDOW(dialog), "A dialog");
	g_signal_connect(dialog, "response", G_CALLBACK(gtk_widget_destroy),
			 NULL);
	gtk_widget_show_all(dialog);
	puts("pressed");
	fflush(stdout);
}

static void on_text(GtkEditable *entry, gpointer data)
{
	printf("text %s\n", gtk_entry_get_text(GTK_ENTRY(entry)));
	fflush(stdout);
}

static void on_drag_get(GtkWidget *widget, GdkDragContext *context,
			GtkSelectionData *selection, guint info, guint time,
			gpointer data)
{
	gtk_selection_data_set_text(selection, "dragged", -1);
}

/* A label whose text can be dragged elsewhere. */
static GtkWidget *make_source(void)
{
	GtkWidget *box = gtk_event_box_new();
	gtk_container_add(GTK_CONTAINER(box), gtk_label_new("Drag this"));
	gtk_drag_source_set(box, GDK_BUTTON1_MASK, NULL, 0, GDK_ACTION_COPY);
	gtk_drag_source_add_text_targets(box);
	g_signal_connect(box, "drag-data-get", G_CALLBACK(on_drag_get), NULL);
	return box;
}

static gboolean tell_all(gpointer data)
{
	GtkWidget **widgets = data;
	tell("menu", widgets[0]);
	tell("combo", widgets[1]);
	tell("button", widgets[2]);
	tell("entry", widgets[3]);
	tell("drag", widgets[4]);
	puts("shown");
	fflush(stdout);
	return G_SOURCE_REMOVE;
}

static gboolean on_map(GtkWidget *widget, GdkEventAny *event, gpointer data)
{
	g_timeout_add(100, tell_all, data);
	return FALSE;
}

int main(int argc, char **argv)
{
	gtk_init(&argc, &argv);
	window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	gtk_window_set_title(GTK_WINDOW(window), "GTK windows");
	gtk_window_set_default_size(GTK_WINDOW(window), 500, 400);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 4);
	GtkWidget *bar = gtk_menu_bar_new();
	GtkWidget *file = gtk_menu_item_new_with_label("File");
	gtk_menu_item_set_submenu(GTK_MENU_ITEM(file), make_menu(1));
	gtk_menu_shell_append(GTK_MENU_SHELL(bar), file);
	GtkWidget *combo = gtk_combo_box_text_new();
	for (int i = 0; i < 12; i++) {
		char text[32];
		snprintf(text, sizeof text, "Choice %d", i);
		gtk_combo_box_text_append_text(GTK_COMBO_BOX_TEXT(combo), text);
	}
	gtk_combo_box_set_active(GTK_COMBO_BOX(combo), 3);
	GtkWidget *button = gtk_button_new_with_label("Button");
	gtk_widget_set_tooltip_text(button, "A tooltip of this button");
	g_signal_connect(button, "clicked", G_CALLBACK(on_pressed), NULL);
	GtkWidget *entry = gtk_entry_new();
	g_signal_connect(entry, "changed", G_CALLBACK(on_text), NULL);
	GtkWidget *source = make_source();
	gtk_container_add(GTK_CONTAINER(window), box);
	gtk_box_pack_start(GTK_BOX(box), bar, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(box), combo, FALSE, FALSE, 0);
	gtk_box_pack_start(GTK_BOX(box), button, FALSE, FALSE, 40);
	gtk_box_pack_start(GTK_BOX(box), entry, FALSE, FALSE, 20);
	gtk_box_pack_start(GTK_BOX(box), source, FALSE, FALSE, 20);
	static GtkWidget *widgets[5];
	widgets[0] = file;
	widgets[1] = combo;
	widgets[2] = button;
	widgets[3] = entry;
	widgets[4] = source;
	g_signal_connect(window, "map-event", G_CALLBACK(on_map), widgets);
	g_signal_connect(window, "destroy", G_CALLBACK(gtk_main_quit), NULL);
	gtk_widget_show_all(window);
	gtk_widget_grab_focus(entry);
	gtk_main();
	return 0;
}
