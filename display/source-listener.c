/* The machine paints into these objects: one per console, each on a
 * connection of its own that the machine makes out of the socket we pass.
 * Screens in shared memory: source-map.c. */
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "display/pixels.h"
#include "display/source-link.h"

#define LISTENER_PATH "/org/qemu/Display1/Listener"

gboolean console_refuse(struct console *console, GDBusMethodInvocation *call,
			GError *error)
{
	void *data;
	const struct source_sink *sink = link_sink(console->link, &data);
	if (sink)
		sink->trouble(data, error);
	g_autofree char *cause = fault_cause(error);
	g_dbus_method_invocation_return_dbus_error(
	    call, "org.freedesktop.DBus.Error.InvalidArgs", cause);
	g_error_free(error);
	return TRUE;
}

bool console_part(int x, int y, int w, int h, struct rect *out, GError **error)
{
	if (x < 0 || y < 0 || w < 0 || h < 0) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An update of %d x %d at %d, %d makes no sense.", w,
			  h, x, y);
		return false;
	}
	*out = (struct rect){x, y, w, h};
	return true;
}

/* Bytes of an "ay", or NULL. */
static const uint8_t *bytes_of(GVariant *data, size_t *length)
{
	return g_variant_get_fixed_array(data, length, 1);
}

bool console_resize(struct console *console, unsigned width, unsigned height,
		    GError **error)
{
	void *data;
	const struct source_sink *sink = link_sink(console->link, &data);
	if (!sink || !sink->resize(data, console->head, width, height, error))
		return false;
	console->width = width;
	console->height = height;
	return true;
}

/* An update for a screen larger than we know, or for one that was off. */
static bool fit_update(struct console *console, const struct rect *part,
		       GError **error)
{
	uint64_t right = (uint64_t)part->x + part->w;
	uint64_t bottom = (uint64_t)part->y + part->h;
	if (right <= console->width && bottom <= console->height)
		return true;
	if (right <= console->said_width && bottom <= console->said_height)
		return console_resize(console, console->said_width,
				      console->said_height, error);
	return console_resize(console, MAX(right, console->width),
			      MAX(bottom, console->height), error);
}

static gboolean on_scanout(QemuDisplay1Listener *listener,
			   GDBusMethodInvocation *call, guint width,
			   guint height, guint stride, guint format,
			   GVariant *pixels, gpointer data)
{
	struct console *console = data;
	GError *error = NULL;
	size_t length;
	const uint8_t *bytes = bytes_of(pixels, &length);
	void *sink_data;
	const struct source_sink *sink = link_sink(console->link, &sink_data);
	struct rect all = {0, 0, width, height};
	if (!sink)
		return FALSE;
	console_map_forget(console);
	/* A second screen that says only that it is off, is off. */
	if (console->head && (uint64_t)stride * height <= length &&
	    console_is_placeholder(bytes, stride, format, width, height))
		width = height = 0;
	if (!console_resize(console, width, height, &error) ||
	    (width && !sink->write(sink_data, console->head, &all, stride,
				   format, bytes, length, &error)))
		return console_refuse(console, call, error);
	qemu_display1_listener_complete_scanout(listener, call);
	return TRUE;
}

static gboolean on_update(QemuDisplay1Listener *listener,
			  GDBusMethodInvocation *call, gint x, gint y,
			  gint width, gint height, guint stride, guint format,
			  GVariant *pixels, gpointer data)
{
	struct console *console = data;
	GError *error = NULL;
	size_t length;
	const uint8_t *bytes = bytes_of(pixels, &length);
	void *sink_data;
	const struct source_sink *sink = link_sink(console->link, &sink_data);
	struct rect part;
	if (!sink)
		return FALSE;
	if (!console_part(x, y, width, height, &part, &error) ||
	    !fit_update(console, &part, &error) ||
	    !sink->write(sink_data, console->head, &part, stride, format, bytes,
			 length, &error))
		return console_refuse(console, call, error);
	qemu_display1_listener_complete_update(listener, call);
	return TRUE;
}

static gboolean on_disable(QemuDisplay1Listener *listener,
			   GDBusMethodInvocation *call, gpointer data)
{
	struct console *console = data;
	void *sink_data;
	const struct source_sink *sink = link_sink(console->link, &sink_data);
	if (!sink)
		return FALSE;
	console_map_forget(console);
	console_resize(console, 0, 0, NULL);
	qemu_display1_listener_complete_disable(listener, call);
	return TRUE;
}

static gboolean on_mouse_set(QemuDisplay1Listener *listener,
			     GDBusMethodInvocation *call, gint x, gint y,
			     gint on, gpointer data)
{
	struct console *console = data;
	void *sink_data;
	const struct source_sink *sink = link_sink(console->link, &sink_data);
	if (!sink)
		return FALSE;
	sink->cursor_visible(sink_data, console->head, on);
	qemu_display1_listener_complete_mouse_set(listener, call);
	return TRUE;
}

static gboolean on_cursor_define(QemuDisplay1Listener *listener,
				 GDBusMethodInvocation *call, gint width,
				 gint height, gint hot_x, gint hot_y,
				 GVariant *pixels, gpointer data)
{
	struct console *console = data;
	size_t length;
	const uint8_t *bytes = bytes_of(pixels, &length);
	void *sink_data;
	const struct source_sink *sink = link_sink(console->link, &sink_data);
	if (!sink)
		return FALSE;
	if (width < 0 || height < 0 || (unsigned)width > CURSOR_SIDE_MAX ||
	    (unsigned)height > CURSOR_SIDE_MAX ||
	    length < (size_t)width * height * 4)
		return console_refuse(console, call,
				      fault_new(FAULT_INVALID, NULL,
						"A cursor of %d x %d came with "
						"%" G_GSIZE_FORMAT " bytes.",
						width, height, length));
	struct cursor *cursor = cursor_new(width, height);
	cursor->hot_x = CLAMP(hot_x, 0, MAX(width - 1, 0));
	cursor->hot_y = CLAMP(hot_y, 0, MAX(height - 1, 0));
	if (width && height)
		memcpy(cursor->pixels, bytes, (size_t)width * height * 4);
	sink->cursor(sink_data, console->head, cursor);
	qemu_display1_listener_complete_cursor_define(listener, call);
	return TRUE;
}

static gboolean on_dmabuf(QemuDisplay1Listener *listener,
			  GDBusMethodInvocation *call)
{
	g_dbus_method_invocation_return_dbus_error(
	    call, "org.freedesktop.DBus.Error.NotSupported",
	    "Pictures in graphics memory are not taken; start the machine "
	    "without gl.");
	return TRUE;
}

/* ---- registration ---- */

static void export_listener(struct console *console)
{
	static const char *const interfaces[] = {
	    "org.qemu.Display1.Listener.Unix.Map", NULL};
	console->listener = qemu_display1_listener_skeleton_new();
	qemu_display1_listener_set_interfaces(console->listener, interfaces);
	g_object_connect(
	    console->listener, "signal::handle-scanout", on_scanout, console,
	    "signal::handle-update", on_update, console,
	    "signal::handle-disable", on_disable, console,
	    "signal::handle-mouse-set", on_mouse_set, console,
	    "signal::handle-cursor-define", on_cursor_define, console,
	    "signal::handle-scanout-dmabuf", on_dmabuf, console,
	    "signal::handle-update-dmabuf", on_dmabuf, console, NULL);
	console->map = qemu_display1_listener_unix_map_skeleton_new();
	g_object_connect(console->map, "signal::handle-scanout-map",
			 console_on_scanout_map, console,
			 "signal::handle-update-map", console_on_update_map,
			 console, NULL);
	g_dbus_interface_skeleton_export(
	    G_DBUS_INTERFACE_SKELETON(console->listener), console->connection,
	    LISTENER_PATH, NULL);
	g_dbus_interface_skeleton_export(
	    G_DBUS_INTERFACE_SKELETON(console->map), console->connection,
	    LISTENER_PATH, NULL);
	g_dbus_connection_start_message_processing(console->connection);
}

static void on_listener_connected(GObject *object, GAsyncResult *result,
				  gpointer data)
{
	struct console *console = data;
	struct link *link = console->link;
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) connection =
	    g_dbus_connection_new_finish(result, &error);
	if (!link->ended && connection) {
		console->connection = g_steal_pointer(&connection);
		export_listener(console);
	} else if (!link->ended) {
		void *sink_data;
		link_sink(link, &sink_data)->trouble(sink_data, error);
	}
	link_unref(link);
}

static void on_registered(GObject *object, GAsyncResult *result, gpointer data)
{
	struct link *link = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply =
	    g_dbus_connection_call_with_unix_fd_list_finish(
		G_DBUS_CONNECTION(object), NULL, result, &error);
	void *sink_data;
	const struct source_sink *sink = link_sink(link, &sink_data);
	if (sink && !reply)
		sink->trouble(sink_data, error);
	link_unref(link);
}

void console_listen(struct console *console)
{
	struct link *link = console->link;
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&pair[1], 1);
	g_dbus_connection_call_with_unix_fd_list(
	    link->connection, NULL, console->path, "org.qemu.Display1.Console",
	    "RegisterListener", g_variant_new("(h)", 0), NULL,
	    G_DBUS_CALL_FLAGS_NONE, G_MAXINT, fds, link->cancel, on_registered,
	    link_ref(link));
	/* The machine may answer only once we have authenticated. */
	g_autoptr(GSocket) socket = g_socket_new_from_fd(pair[0], NULL);
	if (!socket) {
		close(pair[0]);
		return;
	}
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	link_ref(link);
	g_dbus_connection_new(
	    G_IO_STREAM(stream), NULL,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
		G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
	    NULL, link->cancel, on_listener_connected, console);
}

void console_finish(struct console *console)
{
	if (console->listener) {
		g_dbus_interface_skeleton_unexport(
		    G_DBUS_INTERFACE_SKELETON(console->listener));
		g_signal_handlers_disconnect_by_data(console->listener,
						     console);
		g_clear_object(&console->listener);
	}
	if (console->map) {
		g_dbus_interface_skeleton_unexport(
		    G_DBUS_INTERFACE_SKELETON(console->map));
		g_signal_handlers_disconnect_by_data(console->map, console);
		g_clear_object(&console->map);
	}
	if (console->connection)
		g_dbus_connection_close(console->connection, NULL, NULL, NULL);
	g_clear_object(&console->connection);
	console_map_forget(console);
	g_clear_pointer(&console->path, g_free);
}
