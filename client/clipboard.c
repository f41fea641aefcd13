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
	unsigned announced;   /* kinds of ours that the guest knows of */
	gboolean unannounced; /* it changed while we had no focus */
	unsigned remote;      /* kinds, while the clipboard is the guest's */
	GBytes *contents[2];  /* the guest's, once they came; by index_of() */
	unsigned requested;   /* kinds */
	GMainLoop *waiting;
};

static int index_of(enum session_clip kind)
{
	return kind == SESSION_CLIP_IMAGE;
}

static void drop_contents(struct clipboard_link *link)
{
	for (int i = 0; i < 2; i++)
		g_clear_pointer(&link->contents[i], g_bytes_unref);
	link->requested = 0;
}

static void get_remote(GtkClipboard *clipboard, GtkSelectionData *selection,
		       guint info, gpointer data);
static void clear_remote(GtkClipboard *clipboard, gpointer data);

static void on_targets(GtkClipboard *clipboard, GdkAtom *atoms, gint count,
		       gpointer data)
{
	GObject *owner = data;
	struct clipboard_link *link = g_object_get_data(owner, "link");
	unsigned kinds = 0;
	if (atoms && gtk_targets_include_text(atoms, count))
		kinds |= SESSION_CLIP_TEXT;
	if (atoms && gtk_targets_include_image(atoms, count, FALSE))
		kinds |= SESSION_CLIP_IMAGE;
	if (link && link->session && link->focused && !link->remote && kinds) {
		link->announced = kinds;
		link->unannounced = FALSE;
		session_clipboard_offer(link->session, kinds);
		events_emit("clipboard-offered", "{s:b,s:b}", "text",
			    (kinds & SESSION_CLIP_TEXT) != 0, "image",
			    (kinds & SESSION_CLIP_IMAGE) != 0);
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
	link->remote = 0;
	link->announced = 0;
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
		GBytes *text = link->contents[index_of(SESSION_CLIP_TEXT)];
		gsize size = 0;
		const char *start = text ? g_bytes_get_data(text, &size) : NULL;
		if (start)
			gtk_clipboard_set_text(link->clipboard, start,
					       (int)size);
		else if (gtk_clipboard_get_owner(link->clipboard) ==
			 link->owner)
			gtk_clipboard_clear(link->clipboard);
	}
	g_object_set_data(link->owner, "link", NULL);
	g_object_unref(link->owner);
	drop_contents(link);
	g_free(link);
}

void clipboard_link_set_session(struct clipboard_link *link,
				struct session *session)
{
	link->session = session;
	link->announced = 0;
	link->unannounced = TRUE;
	link->requested = 0;
	if (!session && link->waiting)
		g_main_loop_quit(link->waiting);
	if (session && link->focused)
		announce(link);
}

static void request(struct clipboard_link *link, enum session_clip kind)
{
	if (link->session && (link->remote & kind) &&
	    !link->contents[index_of(kind)] && !(link->requested & kind)) {
		link->requested |= kind;
		session_clipboard_request(link->session, kind);
	}
}

void clipboard_link_set_focused(struct clipboard_link *link, gboolean focused)
{
	link->focused = focused;
	if (focused && link->unannounced && !link->remote)
		announce(link);
	/* whoever leaves may be about to paste elsewhere; a picture is only
	 * fetched for that where there is no text, for it may be large */
	if (!focused)
		request(link, link->remote & SESSION_CLIP_TEXT
				  ? SESSION_CLIP_TEXT
				  : SESSION_CLIP_IMAGE);
}

void clipboard_link_offered(struct clipboard_link *link, unsigned kinds)
{
	static const GtkTargetEntry none[1];
	drop_contents(link);
	if (!kinds) {
		if (link->remote)
			gtk_clipboard_clear(link->clipboard);
		link->remote = 0;
		return;
	}
	GtkTargetList *list = gtk_target_list_new(none, 0);
	if (kinds & SESSION_CLIP_TEXT)
		gtk_target_list_add_text_targets(list, SESSION_CLIP_TEXT);
	if (kinds & SESSION_CLIP_IMAGE) /* as it comes: decoded by none of us */
		gtk_target_list_add(list,
				    gdk_atom_intern_static_string("image/png"),
				    0, SESSION_CLIP_IMAGE);
	int count = 0;
	GtkTargetEntry *targets = gtk_target_table_new_from_list(list, &count);
	link->remote = kinds;
	if (!gtk_clipboard_set_with_owner(link->clipboard, targets,
					  (guint)count, get_remote,
					  clear_remote, link->owner))
		link->remote = 0;
	gtk_target_table_free(targets, count);
	gtk_target_list_unref(list);
	events_emit("clipboard-claimed", "{s:b,s:b}", "text",
		    (kinds & SESSION_CLIP_TEXT) != 0, "image",
		    (kinds & SESSION_CLIP_IMAGE) != 0);
}

void clipboard_link_data(struct clipboard_link *link, enum session_clip kind,
			 GBytes *bytes)
{
	link->requested &= ~(unsigned)kind;
	if (!(link->remote & kind))
		return;
	g_clear_pointer(&link->contents[index_of(kind)], g_bytes_unref);
	if (bytes)
		link->contents[index_of(kind)] = g_bytes_ref(bytes);
	if (link->waiting)
		g_main_loop_quit(link->waiting);
}

static gboolean on_impatient(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

/* GTK wants it at once, but it may have to come over the network. */
static void get_remote(GtkClipboard *clipboard, GtkSelectionData *selection,
		       guint info, gpointer data)
{
	GObject *owner = g_object_ref(data);
	struct clipboard_link *link = g_object_get_data(owner, "link");
	enum session_clip kind =
	    info == SESSION_CLIP_IMAGE ? SESSION_CLIP_IMAGE : SESSION_CLIP_TEXT;
	if (link && !link->contents[index_of(kind)] && !link->waiting) {
		request(link, kind);
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
	GBytes *contents = link ? link->contents[index_of(kind)] : NULL;
	gsize size = 0;
	const void *start = contents ? g_bytes_get_data(contents, &size) : NULL;
	if (contents && kind == SESSION_CLIP_TEXT)
		gtk_selection_data_set_text(selection, start ? start : "",
					    (int)size);
	else if (contents)
		gtk_selection_data_set(selection,
				       gtk_selection_data_get_target(selection),
				       8, start, (int)size);
	g_object_unref(owner);
}

static void clear_remote(GtkClipboard *clipboard, gpointer data)
{
	struct clipboard_link *link = g_object_get_data(data, "link");
	if (!link)
		return;
	link->remote = 0;
	drop_contents(link);
}

/* --- ours, for the guest --------------------------------------------- */

static void send(GObject *owner, enum session_clip kind, const void *bytes,
		 gsize size)
{
	struct clipboard_link *link = g_object_get_data(owner, "link");
	if (link && link->session && (link->announced & kind) &&
	    !link->remote && bytes) {
		session_clipboard_send(link->session, kind, bytes, size);
		events_emit("clipboard-sent", "{s:s}", "kind",
			    kind == SESSION_CLIP_IMAGE ? "image" : "text");
	}
	g_object_unref(owner);
}

static void on_text(GtkClipboard *clipboard, const char *text, gpointer data)
{
	send(data, SESSION_CLIP_TEXT, text, text ? strlen(text) : 0);
}

/* Of programs that have no PNG themselves. */
static void on_image(GtkClipboard *clipboard, GdkPixbuf *image, gpointer data)
{
	g_autofree char *png = NULL;
	gsize size = 0;
	if (image &&
	    !gdk_pixbuf_save_to_buffer(image, &png, &size, "png", NULL, NULL))
		g_clear_pointer(&png, g_free);
	send(data, SESSION_CLIP_IMAGE, png, size);
}

static void on_png(GtkClipboard *clipboard, GtkSelectionData *selection,
		   gpointer data)
{
	int size = 0;
	const guchar *png =
	    gtk_selection_data_get_data_with_length(selection, &size);
	if (png && size > 0)
		send(data, SESSION_CLIP_IMAGE, png, (gsize)size);
	else
		gtk_clipboard_request_image(clipboard, on_image, data);
}

void clipboard_link_wanted(struct clipboard_link *link, enum session_clip kind)
{
	if (!(link->announced & kind) || !link->focused || link->remote)
		return;
	GObject *owner = g_object_ref(link->owner);
	if (kind == SESSION_CLIP_TEXT)
		gtk_clipboard_request_text(link->clipboard, on_text, owner);
	else
		gtk_clipboard_request_contents(
		    link->clipboard, gdk_atom_intern_static_string("image/png"),
		    on_png, owner);
}
