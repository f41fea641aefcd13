#include "client/clipboard.h"

#include <string.h>

#include "client/events.h"

/* How long a local program that pastes may be kept waiting. */
#define PASTE_PATIENCE_MS 3000

struct clipboard_link {
	GtkClipboard *clipboard;
	GObject *owner; /* marks the clipboard as ours */
	struct session *session;
	gulong changed_handler;
	gboolean focused;
	gboolean announced;   /* the guest knows of our text */
	gboolean unannounced; /* it changed while we had no focus */
	gboolean remote;      /* the clipboard is the guest's */
	char *text;           /* the guest's, once it came */
	gboolean requested;
	GMainLoop *waiting;
};

static void get_remote(GtkClipboard *clipboard, GtkSelectionData *selection,
		       guint info, gpointer data);
static void clear_remote(GtkClipboard *clipboard, gpointer data);

static void on_targets(GtkClipboard *clipboard, GdkAtom *atoms, gint count,
		       gpointer data)
{
	GObject *owner = data;
	struct clipboard_link *link = g_object_get_data(owner, "link");
	if (link && link->session && link->focused && !link->remote && atoms &&
	    gtk_targets_include_text(atoms, count)) {
		link->announced = TRUE;
		link->unannounced = FALSE;
		session_clipboard_offer(link->session);
		events_emit("clipboard-offered", NULL);
	}
	g_object_unref(owner);
}

static void announce(struct clipboard_link *link)
{
	if (!link->session)
		return;
	if (!link->focused) {
		link->unannounced = TRUE;
		return;
	}
	gtk_clipboard_request_targets(link->clipboard, on_targets,
				      g_object_ref(link->owner));
}

static void on_owner_change(GtkClipboard *clipboard, GdkEventOwnerChange *event,
			    gpointer data)
{
	struct clipboard_link *link = data;
	if (gtk_clipboard_get_owner(clipboard) == link->owner)
		return; /* the echo of our own claim */
	link->remote = FALSE;
	link->announced = FALSE;
	announce(link);
}

struct clipboard_link *clipboard_link_new(GtkWidget *widget)
{
	struct clipboard_link *link = g_new0(struct clipboard_link, 1);
	link->clipboard =
	    gtk_widget_get_clipboard(widget, GDK_SELECTION_CLIPBOARD);
	link->owner = g_object_new(G_TYPE_OBJECT, NULL);
	g_object_set_data(link->owner, "link", link);
	link->unannounced = TRUE;
	link->changed_handler = g_signal_connect(
	    link->clipboard, "owner-change", G_CALLBACK(on_owner_change), link);
	return link;
}

void clipboard_link_free(struct clipboard_link *link)
{
	if (!link)
		return;
	g_signal_handler_disconnect(link->clipboard, link->changed_handler);
	if (link->waiting)
		g_main_loop_quit(link->waiting);
	if (link->remote) {
		/* what was copied there stays pasteable here */
		if (link->text)
			gtk_clipboard_set_text(link->clipboard, link->text, -1);
		else if (gtk_clipboard_get_owner(link->clipboard) ==
			 link->owner)
			gtk_clipboard_clear(link->clipboard);
	}
	g_object_set_data(link->owner, "link", NULL);
	g_object_unref(link->owner);
	g_free(link->text);
	g_free(link);
}

void clipboard_link_set_session(struct clipboard_link *link,
				struct session *session)
{
	link->session = session;
	link->announced = FALSE;
	link->unannounced = TRUE;
	link->requested = FALSE;
	if (!session && link->waiting)
		g_main_loop_quit(link->waiting);
	if (session && link->focused)
		announce(link);
}

static void request(struct clipboard_link *link)
{
	if (link->session && link->remote && !link->text && !link->requested) {
		link->requested = TRUE;
		session_clipboard_request(link->session);
	}
}

void clipboard_link_set_focused(struct clipboard_link *link, gboolean focused)
{
	link->focused = focused;
	if (focused && link->unannounced && !link->remote)
		announce(link);
	/* whoever leaves may be about to paste elsewhere */
	if (!focused)
		request(link);
}

void clipboard_link_offered(struct clipboard_link *link, gboolean text)
{
	static const GtkTargetEntry none[1];
	g_clear_pointer(&link->text, g_free);
	link->requested = FALSE;
	if (!text) {
		if (link->remote)
			gtk_clipboard_clear(link->clipboard);
		link->remote = FALSE;
		return;
	}
	GtkTargetList *list = gtk_target_list_new(none, 0);
	gtk_target_list_add_text_targets(list, 0);
	int count = 0;
	GtkTargetEntry *targets = gtk_target_table_new_from_list(list, &count);
	link->remote = TRUE;
	if (!gtk_clipboard_set_with_owner(link->clipboard, targets,
					  (guint)count, get_remote,
					  clear_remote, link->owner))
		link->remote = FALSE;
	gtk_target_table_free(targets, count);
	gtk_target_list_unref(list);
	events_emit("clipboard-claimed", NULL);
}

void clipboard_link_text(struct clipboard_link *link, const char *text)
{
	link->requested = FALSE;
	if (!link->remote)
		return;
	g_free(link->text);
	link->text = g_strdup(text);
	if (link->waiting)
		g_main_loop_quit(link->waiting);
}

static gboolean on_impatient(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

/* GTK wants the text at once, but it may have to come over the network. */
static void get_remote(GtkClipboard *clipboard, GtkSelectionData *selection,
		       guint info, gpointer data)
{
	GObject *owner = g_object_ref(data);
	struct clipboard_link *link = g_object_get_data(owner, "link");
	if (link && !link->text && !link->waiting) {
		request(link);
		GMainLoop *loop = g_main_loop_new(NULL, FALSE);
		guint timer =
		    g_timeout_add(PASTE_PATIENCE_MS, on_impatient, loop);
		link->waiting = loop;
		g_main_loop_run(loop);
		link = g_object_get_data(owner, "link");
		if (link)
			link->waiting = NULL;
		GSource *source = g_main_context_find_source_by_id(NULL, timer);
		if (source)
			g_source_destroy(source);
		g_main_loop_unref(loop);
	}
	if (link && link->text)
		gtk_selection_data_set_text(selection, link->text, -1);
	g_object_unref(owner);
}

static void clear_remote(GtkClipboard *clipboard, gpointer data)
{
	struct clipboard_link *link = g_object_get_data(data, "link");
	if (!link)
		return;
	link->remote = FALSE;
	g_clear_pointer(&link->text, g_free);
}

static void on_text(GtkClipboard *clipboard, const char *text, gpointer data)
{
	GObject *owner = data;
	struct clipboard_link *link = g_object_get_data(owner, "link");
	if (link && link->session && link->announced && !link->remote && text) {
		session_clipboard_send(link->session, text);
		events_emit("clipboard-sent", NULL);
	}
	g_object_unref(owner);
}

void clipboard_link_wanted(struct clipboard_link *link)
{
	if (link->announced && link->focused && !link->remote)
		gtk_clipboard_request_text(link->clipboard, on_text,
					   g_object_ref(link->owner));
}
