#include "client/apps-files.h"

#include <gtk/gtk.h>

#include "client/events.h"
#include "common/fault.h"

/* What is there sooner is not worth a window. */
#define SHOW_AFTER_MS 700

struct apps_files {
	struct seamless *seamless;
	const struct apps_files_handlers *handlers;
	void *data;
	char **path; /* in the caller's list; NULL: none is on its way */
	unsigned *at;
	double fraction;
	GtkWidget *window, *bar;
	guint show;
	GtkWidget *unsaved; /* says that a change could not be saved */
};

static void finish(struct apps_files *files)
{
	files->path = NULL;
	files->at = NULL;
	g_clear_handle_id(&files->show, g_source_remove);
	g_clear_pointer(&files->window, gtk_widget_destroy);
}

static void fail(struct apps_files *files, const GError *error)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	g_autofree char *text = remedy
				    ? g_strdup_printf("%s.\n%s", cause, remedy)
				    : g_strdup(cause);
	events_emit("file", "{s:b,s:s}", "failed", TRUE, "text", cause);
	finish(files);
	files->handlers->failed("The file could not be opened", text,
				files->data);
}

static void on_response(GtkDialog *dialog, int response, gpointer data)
{
	struct apps_files *files = data;
	seamless_file_cancel(files->seamless);
	events_emit("file", "{s:b,s:s}", "failed", TRUE, "text", "cancelled");
	finish(files);
	files->handlers->failed(NULL, NULL, files->data);
}

static gboolean on_show(gpointer data)
{
	struct apps_files *files = data;
	files->show = 0;
	g_autofree char *name = g_path_get_basename(*files->path);
	g_autofree char *text =
	    g_strdup_printf("“%s” is on its way to the desktop…", name);
	files->window = gtk_dialog_new_with_buttons(
	    "Opening a file", NULL, 0, "_Cancel", GTK_RESPONSE_CANCEL, NULL);
	GtkWidget *label = gtk_label_new(text);
	GtkWidget *box = gtk_dialog_get_content_area(GTK_DIALOG(files->window));
	files->bar = gtk_progress_bar_new();
	gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(files->bar),
				      files->fraction);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 50);
	gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
	g_object_set(box, "margin", 12, "spacing", 12, NULL);
	gtk_container_add(GTK_CONTAINER(box), label);
	gtk_container_add(GTK_CONTAINER(box), files->bar);
	g_signal_connect(files->window, "response", G_CALLBACK(on_response),
			 files);
	gtk_widget_show_all(files->window);
	return G_SOURCE_REMOVE;
}

/* file:// of this computer's is a path like any other. */
static void make_path(char **path)
{
	char *local = g_str_has_prefix(*path, "file://")
			  ? g_filename_from_uri(*path, NULL, NULL)
			  : NULL;
	if (!local)
		return;
	g_free(*path);
	*path = local;
}

gboolean apps_files_carry(struct apps_files *files, char **paths, unsigned *at)
{
	g_autoptr(GError) error = NULL;
	if (files->path)
		return FALSE;
	for (; paths && paths[*at]; (*at)++) {
		make_path(&paths[*at]);
		if (!g_file_test(paths[*at], G_FILE_TEST_EXISTS))
			continue; /* one of the guest's */
		files->path = &paths[*at];
		files->at = at;
		files->fraction = 0;
		if (seamless_file_send(files->seamless, paths[*at], &error))
			files->show =
			    g_timeout_add(SHOW_AFTER_MS, on_show, files);
		else
			fail(files, error);
		return FALSE;
	}
	return TRUE;
}

void apps_files_progress(struct apps_files *files, double fraction)
{
	files->fraction = fraction;
	if (files->window)
		gtk_progress_bar_set_fraction(GTK_PROGRESS_BAR(files->bar),
					      fraction);
}

void apps_files_sent(struct apps_files *files, const char *guest_path,
		     const GError *error)
{
	if (!files->path)
		return;
	if (error) {
		fail(files, error);
		return;
	}
	g_free(*files->path);
	*files->path = g_strdup(guest_path);
	(*files->at)++;
	events_emit("file", "{s:b,s:s}", "failed", FALSE, "text", guest_path);
	finish(files);
	files->handlers->moved(files->data);
}

static void on_unsaved_closed(GtkWidget *dialog, struct apps_files *files)
{
	files->unsaved = NULL;
	files->handlers->moved(files->data);
}

void apps_files_saved(struct apps_files *files, const char *path,
		      const char *backup, const GError *error)
{
	g_autofree char *cause = error ? fault_cause(error) : NULL;
	g_autofree char *remedy = error ? fault_remedy(error) : NULL;
	events_emit("file-saved", "{s:s,s:s?,s:s?}", "path", path, "backup",
		    backup, "cause", cause);
	/* one at a time, however many a guest makes up */
	if (!error || files->unsaved)
		return;
	files->unsaved = gtk_message_dialog_new(
	    NULL, 0, GTK_MESSAGE_WARNING, GTK_BUTTONS_CLOSE,
	    "A changed file could not be saved");
	gtk_message_dialog_format_secondary_text(
	    GTK_MESSAGE_DIALOG(files->unsaved), "%s\n%s.\n%s", path, cause,
	    remedy ? remedy : "");
	g_signal_connect(files->unsaved, "response",
			 G_CALLBACK(gtk_widget_destroy), NULL);
	g_signal_connect(files->unsaved, "destroy",
			 G_CALLBACK(on_unsaved_closed), files);
	gtk_widget_show(files->unsaved);
}

void apps_files_cut(struct apps_files *files)
{
	finish(files);
}

gboolean apps_files_busy(const struct apps_files *files)
{
	return files->path || files->unsaved ||
	       seamless_files_busy(files->seamless);
}

struct apps_files *apps_files_new(struct seamless *seamless,
				  const struct apps_files_handlers *handlers,
				  void *data)
{
	struct apps_files *files = g_new0(struct apps_files, 1);
	files->seamless = seamless;
	files->handlers = handlers;
	files->data = data;
	return files;
}

void apps_files_free(struct apps_files *files)
{
	if (!files)
		return;
	finish(files);
	if (files->unsaved) {
		g_signal_handlers_disconnect_by_data(files->unsaved, files);
		gtk_widget_destroy(files->unsaved);
	}
	g_free(files);
}
