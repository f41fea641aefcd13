#include "client/file-drop.h"

#include "client/events.h"
#include "common/fault.h"

#define FILES_MAX 256

struct file_drop {
	OrielViewer *viewer;
	struct session *session;
	file_drop_say say;
	void *data;
	GtkWidget *revealer, *title, *bar, *cancel;
	struct sending *sending; /* NULL: nothing is under way */
};

/* Outlives the window that began it, until the session lets go of it. */
struct sending {
	struct file_drop *drop; /* NULL: gone */
	GCancellable *cancellable;
	char *what;
	GPtrArray *files; /* of GFile */
};

static void free_sending(struct sending *sending)
{
	g_clear_object(&sending->cancellable);
	g_ptr_array_unref(sending->files);
	g_free(sending->what);
	g_free(sending);
}

static void on_progress(gint64 done, gint64 total, void *data)
{
	struct sending *sending = data;
	struct file_drop *drop = sending->drop;
	if (!drop || total < 1)
		return;
	g_autofree char *is = g_format_size((guint64)done);
	g_autofree char *of = g_format_size((guint64)total);
	g_autofree char *text = g_strdup_printf("%s of %s", is, of);
	gtk_progress_bar_set_fraction(
	    GTK_PROGRESS_BAR(drop->bar),
	    CLAMP((double)done / (double)total, 0, 1));
	gtk_progress_bar_set_text(GTK_PROGRESS_BAR(drop->bar), text);
}

static void on_sent(const GError *error, void *data)
{
	struct sending *sending = data;
	struct file_drop *drop = sending->drop;
	g_autofree char *cause = error ? fault_cause(error) : NULL;
	g_autofree char *remedy = error ? fault_remedy(error) : NULL;
	events_emit("files-sent", "{s:s?}", "fault", cause);
	if (drop) {
		drop->sending = NULL;
		gtk_revealer_set_reveal_child(GTK_REVEALER(drop->revealer),
					      FALSE);
		g_autofree char *text =
		    error ? g_strdup_printf("%s%s%s", cause, remedy ? ". " : "",
					    remedy ? remedy : "")
			  : g_strdup_printf("%s: copied to the desktop.",
					    sending->what);
		drop->say(text, drop->data);
	}
	free_sending(sending);
}

static void on_cancel(GtkButton *button, struct file_drop *drop)
{
	if (drop->sending)
		g_cancellable_cancel(drop->sending->cancellable);
}

/* Folders and what is not on this computer's disks: no agent takes them. */
static const char *unfit(GFile *file)
{
	if (!g_file_is_native(file))
		return "Only files of this computer can be copied; save it "
		       "here first.";
	switch (g_file_query_file_type(file, G_FILE_QUERY_INFO_NONE, NULL)) {
	case G_FILE_TYPE_REGULAR:
		return NULL;
	case G_FILE_TYPE_DIRECTORY:
		return "Folders cannot be copied; pack it into one file "
		       "first.";
	default:
		return "This is not a file that can be copied.";
	}
}

void file_drop_send(struct file_drop *drop, GFile **files)
{
	const char *why = NULL;
	unsigned count = 0;
	if (!drop->session || !session_can_send_files(drop->session))
		why = "This desktop takes no files: it needs SPICE and an "
		      "agent in the desktop.";
	else if (drop->sending)
		why = "Other files are still being copied; wait for them or "
		      "cancel them.";
	for (; !why && files[count]; count++)
		why = count < FILES_MAX ? unfit(files[count])
					: "These are too many files at once; "
					  "pack them into one.";
	if (why || count == 0) {
		drop->say(why ? why : "There is no file in what was dropped.",
			  drop->data);
		events_emit("files-refused", NULL);
		return;
	}
	struct sending *sending = g_new0(struct sending, 1);
	sending->drop = drop;
	sending->cancellable = g_cancellable_new();
	sending->files = g_ptr_array_new_with_free_func(g_object_unref);
	for (unsigned i = 0; i < count; i++)
		g_ptr_array_add(sending->files, g_object_ref(files[i]));
	g_autofree char *name = g_file_get_basename(files[0]);
	g_autofree char *shown = g_filename_display_name(name);
	sending->what = count == 1 ? g_steal_pointer(&shown)
				   : g_strdup_printf("%u files", count);
	g_autofree char *title = g_strdup_printf("Copying %s", sending->what);
	gtk_label_set_text(GTK_LABEL(drop->title), title);
	gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(drop->bar), 0);
	gtk_progress_bar_set_text(GTK_PROGRESS_BAR(drop->bar), "Starting…");
	gtk_revealer_set_reveal_child(GTK_REVEALER(drop->revealer), TRUE);
	drop->sending = sending;
	events_emit("files-sending", "{s:i}", "count", (int)count);
	g_autofree GFile **list = g_new0(GFile *, count + 1);
	for (unsigned i = 0; i < count; i++)
		list[i] = g_ptr_array_index(sending->files, i);
	session_send_files(drop->session, list, sending->cancellable,
			   on_progress, on_sent, sending);
}

static void on_received(GtkWidget *widget, GdkDragContext *context, int x,
			int y, GtkSelectionData *selection, guint info,
			guint time, struct file_drop *drop)
{
	g_auto(GStrv) uris = gtk_selection_data_get_uris(selection);
	guint count = uris ? g_strv_length(uris) : 0;
	g_autofree GFile **files = g_new0(GFile *, count + 1);
	for (guint i = 0; i < count; i++)
		files[i] = g_file_new_for_uri(uris[i]);
	gtk_drag_finish(context, uris != NULL, FALSE, time);
	file_drop_send(drop, files);
	for (guint i = 0; i < count; i++)
		g_object_unref(files[i]);
}

struct file_drop *file_drop_new(OrielViewer *viewer, file_drop_say say,
				void *data)
{
	struct file_drop *drop = g_new0(struct file_drop, 1);
	drop->viewer = viewer;
	drop->say = say;
	drop->data = data;
	gtk_drag_dest_set(GTK_WIDGET(viewer), GTK_DEST_DEFAULT_ALL, NULL, 0,
			  GDK_ACTION_COPY);
	gtk_drag_dest_add_uri_targets(GTK_WIDGET(viewer));
	g_signal_connect(viewer, "drag-data-received", G_CALLBACK(on_received),
			 drop);
	drop->revealer = g_object_ref_sink(gtk_revealer_new());
	gtk_revealer_set_transition_type(GTK_REVEALER(drop->revealer),
					 GTK_REVEALER_TRANSITION_TYPE_SLIDE_UP);
	gtk_widget_set_halign(drop->revealer, GTK_ALIGN_END);
	gtk_widget_set_valign(drop->revealer, GTK_ALIGN_END);
	GtkWidget *card = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	gtk_style_context_add_class(gtk_widget_get_style_context(card),
				    "transfer");
	drop->title = gtk_label_new(NULL);
	gtk_label_set_xalign(GTK_LABEL(drop->title), 0);
	gtk_label_set_ellipsize(GTK_LABEL(drop->title), PANGO_ELLIPSIZE_MIDDLE);
	gtk_label_set_max_width_chars(GTK_LABEL(drop->title), 40);
	gtk_style_context_add_class(gtk_widget_get_style_context(drop->title),
				    "error-cause");
	GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	drop->bar = gtk_progress_bar_new();
	gtk_progress_bar_set_show_text(GTK_PROGRESS_BAR(drop->bar), TRUE);
	gtk_widget_set_size_request(drop->bar, 260, -1);
	gtk_widget_set_valign(drop->bar, GTK_ALIGN_CENTER);
	drop->cancel = gtk_button_new_with_label("Cancel");
	gtk_widget_set_focus_on_click(drop->cancel, FALSE);
	g_signal_connect(drop->cancel, "clicked", G_CALLBACK(on_cancel), drop);
	gtk_container_add(GTK_CONTAINER(row), drop->bar);
	gtk_container_add(GTK_CONTAINER(row), drop->cancel);
	gtk_container_add(GTK_CONTAINER(card), drop->title);
	gtk_container_add(GTK_CONTAINER(card), row);
	gtk_container_add(GTK_CONTAINER(drop->revealer), card);
	return drop;
}

GtkWidget *file_drop_widget(struct file_drop *drop)
{
	return drop->revealer;
}

void file_drop_set_session(struct file_drop *drop, struct session *session)
{
	drop->session = session;
	if (!session && drop->sending)
		g_cancellable_cancel(drop->sending->cancellable);
}

void file_drop_free(struct file_drop *drop)
{
	if (!drop)
		return;
	if (drop->sending) {
		drop->sending->drop = NULL;
		g_cancellable_cancel(drop->sending->cancellable);
	}
	g_signal_handlers_disconnect_by_data(drop->viewer, drop);
	g_signal_handlers_disconnect_by_data(drop->cancel, drop);
	g_object_unref(drop->revealer);
	g_free(drop);
}
