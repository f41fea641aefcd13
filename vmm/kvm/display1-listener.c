#include "vmm/kvm/display1-listener.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/console.h"

#define LISTENER     "org.qemu.Display1.Listener"
#define LISTENER_MAP "org.qemu.Display1.Listener.Unix.Map"
#define PATH         "/org/qemu/Display1/Listener"

struct display1_listener {
	struct console *console;
	GDBusConnection *connection;
	GCancellable *cancel;
	gulong closed;
	void (*gone)(void *data, struct display1_listener *listener);
	void *data;
	bool ready;     /* we know what it can do */
	bool maps;      /* takes shared memory */
	unsigned calls; /* under way */
	bool shown;     /* it has a scanout */
	uint32_t scanout_serial, cursor_serial, shape_serial;
	bool scanout_sent, cursor_sent;
	struct rect damage[CONSOLE_RECTS];
	unsigned damage_count;
};

static void pump(struct display1_listener *l);

static void on_reply(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply =
	    g_dbus_connection_call_with_unix_fd_list_finish(
		G_DBUS_CONNECTION(source), NULL, result, &error);
	struct display1_listener *l = data;

	/* after a cancel the listener is no more */
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	l->calls--;
	pump(l);
}

static void call(struct display1_listener *l, const char *interface,
		 const char *method, GVariant *arguments, GUnixFDList *fds)
{
	l->calls++;
	g_dbus_connection_call_with_unix_fd_list(
	    l->connection, NULL, PATH, interface, method, arguments, NULL,
	    G_DBUS_CALL_FLAGS_NONE, G_MAXINT, fds, l->cancel, on_reply, l);
}

/* Rows of a rectangle, packed, as an "ay" without a second copy. */
static GVariant *pixels_of(const struct scanout *s, const struct rect *r,
			   unsigned *stride)
{
	gsize bytes = 4ull * (unsigned)r->width * (unsigned)r->height;
	guint8 *copy = g_try_malloc(bytes);

	if (!copy)
		return NULL;
	*stride = 4 * (unsigned)r->width;
	for (int row = 0; row < r->height; row++)
		memcpy(copy + (gsize)row * *stride,
		       s->pixels->map + s->offset +
			   (uint64_t)(r->y + row) * s->stride +
			   4 * (uint64_t)r->x,
		       *stride);
	return g_variant_new_from_data(G_VARIANT_TYPE("ay"), copy, bytes, TRUE,
				       g_free, copy);
}

static void send_scanout(struct display1_listener *l, struct scanout *s)
{
	g_autoptr(GUnixFDList) fds = NULL;
	struct rect all;
	GVariant *bytes;
	unsigned stride;

	if (!s) {
		if (l->shown)
			call(l, LISTENER, "Disable", NULL, NULL);
		l->shown = false;
		return;
	}
	if (l->maps && s->offset <= UINT32_MAX) {
		fds = g_unix_fd_list_new();
		if (g_unix_fd_list_append(fds, s->pixels->fd, NULL) < 0)
			return;
		call(l, LISTENER_MAP, "ScanoutMap",
		     g_variant_new("(huuuuu)", 0, (guint32)s->offset, s->width,
				   s->height, s->stride, s->format),
		     fds);
	} else {
		all = (struct rect){0, 0, (int)s->width, (int)s->height};
		bytes = pixels_of(s, &all, &stride);
		if (!bytes)
			return;
		call(l, LISTENER, "Scanout",
		     g_variant_new("(uuuu@ay)", s->width, s->height, stride,
				   s->format, bytes),
		     NULL);
	}
	l->shown = true;
}

static void send_damage(struct display1_listener *l, struct scanout *s)
{
	for (unsigned i = 0; i < l->damage_count; i++) {
		struct rect r = l->damage[i];
		GVariant *bytes;
		unsigned stride;

		/* gathered for an earlier, larger scanout */
		r.width = MIN(r.width, (int)s->width - r.x);
		r.height = MIN(r.height, (int)s->height - r.y);
		if (r.width <= 0 || r.height <= 0)
			continue;
		if (l->maps) {
			call(l, LISTENER_MAP, "UpdateMap",
			     g_variant_new("(iiii)", r.x, r.y, r.width,
					   r.height),
			     NULL);
			continue;
		}
		bytes = pixels_of(s, &r, &stride);
		if (bytes)
			call(l, LISTENER, "Update",
			     g_variant_new("(iiiiuu@ay)", r.x, r.y, r.width,
					   r.height, stride, s->format, bytes),
			     NULL);
	}
	l->damage_count = 0;
}

static void send_cursor(struct display1_listener *l,
			const struct console_cursor *c)
{
	if (c->serial != l->shape_serial) {
		call(l, LISTENER, "CursorDefine",
		     g_variant_new("(iiii@ay)", (int)c->width, (int)c->height,
				   (int)c->hot_x, (int)c->hot_y,
				   g_variant_new_fixed_array(
				       G_VARIANT_TYPE_BYTE, c->pixels,
				       4ul * c->width * c->height, 1)),
		     NULL);
		l->shape_serial = c->serial;
	}
	call(l, LISTENER, "MouseSet",
	     g_variant_new("(iii)", c->x, c->y, c->visible), NULL);
}

static void pump(struct display1_listener *l)
{
	struct console_cursor *cursor;
	struct console_view view;

	if (!l->ready || l->calls)
		return;
	cursor = g_new(struct console_cursor, 1);
	console_look(l->console, &view, cursor);
	if (!l->scanout_sent || view.scanout_serial != l->scanout_serial) {
		send_scanout(l, view.scanout);
		l->scanout_sent = true;
		l->scanout_serial = view.scanout_serial;
		l->damage_count = 0; /* a scanout shows everything */
	} else if (view.scanout && l->damage_count) {
		send_damage(l, view.scanout);
	}
	if (cursor->serial &&
	    (!l->cursor_sent || view.cursor_serial != l->cursor_serial)) {
		send_cursor(l, cursor);
		l->cursor_sent = true;
		l->cursor_serial = view.cursor_serial;
	}
	scanout_unref(view.scanout);
	g_free(cursor);
}

void display1_listener_changed(struct display1_listener *l,
			       struct console *console,
			       const struct rect *rects, unsigned count)
{
	if (console != l->console)
		return;
	for (unsigned i = 0; i < count; i++)
		rect_add(l->damage, &l->damage_count, &rects[i]);
	pump(l);
}

static void on_interfaces(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(
	    G_DBUS_CONNECTION(source), result, &error);
	g_autoptr(GVariant) value = NULL;
	struct display1_listener *l = data;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (reply) {
		g_variant_get(reply, "(v)", &value);
		if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY)) {
			g_autofree const char **names =
			    g_variant_get_strv(value, NULL);

			l->maps = g_strv_contains(names, LISTENER_MAP);
		}
	}
	/* an error only means an older listener without the property */
	l->ready = true;
	pump(l);
}

static void on_closed(GDBusConnection *connection, gboolean remote,
		      GError *error, gpointer data)
{
	struct display1_listener *l = data;

	l->gone(l->data, l);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	GDBusConnection *connection =
	    g_dbus_connection_new_finish(result, &error);
	struct display1_listener *l = data;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (!connection) {
		l->gone(l->data, l);
		return;
	}
	l->connection = connection;
	l->closed =
	    g_signal_connect(connection, "closed", G_CALLBACK(on_closed), l);
	g_dbus_connection_call(connection, NULL, PATH,
			       "org.freedesktop.DBus.Properties", "Get",
			       g_variant_new("(ss)", LISTENER, "Interfaces"),
			       G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NONE,
			       G_MAXINT, l->cancel, on_interfaces, l);
}

struct display1_listener *display1_listener_new(
    struct console *console, int fd,
    void (*gone)(void *data, struct display1_listener *), void *data,
    GError **error)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, error);
	g_autoptr(GSocketConnection) stream = NULL;
	g_autofree char *guid = g_dbus_generate_guid();
	struct display1_listener *l;

	if (!socket) {
		close(fd);
		return NULL;
	}
	l = g_new0(struct display1_listener, 1);
	l->console = console;
	l->gone = gone;
	l->data = data;
	l->cancel = g_cancellable_new();
	stream = g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(
	    G_IO_STREAM(stream), guid,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS,
	    NULL, l->cancel, on_connected, l);
	return l;
}

void display1_listener_free(struct display1_listener *l)
{
	if (!l)
		return;
	g_cancellable_cancel(l->cancel);
	if (l->connection) {
		g_signal_handler_disconnect(l->connection, l->closed);
		g_dbus_connection_close(l->connection, NULL, NULL, NULL);
		g_object_unref(l->connection);
	}
	g_object_unref(l->cancel);
	g_free(l);
}
