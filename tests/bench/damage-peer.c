/* damage-peer.c - how much a monitor announces of its first screen.
 *
 *   damage-peer QMP-SOCKET [--map]
 *
 * Connects as oriel-display would (getfd, add_client, RegisterListener), with
 * --map as one that maps shared scanouts. For every line on standard input it
 * prints what was announced since the last one, as JSON: how many scanouts
 * and updates, their area in pixels, and the bytes of pixels that were copied
 * over the connection to announce it. */
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/display1.h"
#include "common/qmp.h"

static struct {
	guint64 scanouts, updates, scanout_area, update_area, copied;
} seen;

static void fail(const char *what, const GError *error)
{
	fprintf(stderr, "damage-peer: %s: %s\n", what,
		error ? error->message : "");
	exit(1);
}

/* ---- the listener ---- */

static gboolean on_scanout(QemuDisplay1Listener *listener,
			   GDBusMethodInvocation *call, guint width,
			   guint height, guint stride, guint format,
			   GVariant *pixels, gpointer data)
{
	seen.scanouts++;
	seen.scanout_area += (guint64)width * height;
	seen.copied += g_variant_get_size(pixels);
	qemu_display1_listener_complete_scanout(listener, call);
	return TRUE;
}

static gboolean on_update(QemuDisplay1Listener *listener,
			  GDBusMethodInvocation *call, gint x, gint y,
			  gint width, gint height, guint stride, guint format,
			  GVariant *pixels, gpointer data)
{
	seen.updates++;
	seen.update_area += (guint64)width * (guint64)height;
	seen.copied += g_variant_get_size(pixels);
	qemu_display1_listener_complete_update(listener, call);
	return TRUE;
}

static gboolean on_scanout_map(QemuDisplay1ListenerUnixMap *map,
			       GDBusMethodInvocation *call, GUnixFDList *fds,
			       GVariant *handle, guint offset, guint width,
			       guint height, guint stride, guint format,
			       gpointer data)
{
	seen.scanouts++;
	seen.scanout_area += (guint64)width * height;
	qemu_display1_listener_unix_map_complete_scanout_map(map, call, NULL);
	return TRUE;
}

static gboolean on_update_map(QemuDisplay1ListenerUnixMap *map,
			      GDBusMethodInvocation *call, gint x, gint y,
			      gint width, gint height, gpointer data)
{
	seen.updates++;
	seen.update_area += (guint64)width * (guint64)height;
	qemu_display1_listener_unix_map_complete_update_map(map, call);
	return TRUE;
}

static gboolean on_disable(QemuDisplay1Listener *listener,
			   GDBusMethodInvocation *call, gpointer data)
{
	qemu_display1_listener_complete_disable(listener, call);
	return TRUE;
}

static gboolean on_mouse(QemuDisplay1Listener *listener,
			 GDBusMethodInvocation *call, gint x, gint y, gint on,
			 gpointer data)
{
	qemu_display1_listener_complete_mouse_set(listener, call);
	return TRUE;
}

static gboolean on_cursor(QemuDisplay1Listener *listener,
			  GDBusMethodInvocation *call, gint width, gint height,
			  gint x, gint y, GVariant *pixels, gpointer data)
{
	qemu_display1_listener_complete_cursor_define(listener, call);
	return TRUE;
}

/* ---- connections ---- */

static void on_qmp(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;

	*(struct qmp **)data = qmp_connect_finish(result, &error);
	if (error)
		fail("QMP", error);
}

struct answer {
	struct qmp *qmp;
	gboolean done;
};

static void on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	struct answer *answer = data;
	g_autoptr(GError) error = NULL;

	json_decref(qmp_call_finish(answer->qmp, result, &error));
	if (error)
		fail("QMP", error);
	answer->done = TRUE;
}

static void ask(struct qmp *qmp, const char *command, json_t *arguments, int fd)
{
	struct answer answer = {.qmp = qmp};

	qmp_call_async(qmp, command, arguments, fd, 0, NULL, on_answer,
		       &answer);
	while (!answer.done)
		g_main_context_iteration(NULL, TRUE);
}

static GDBusConnection *connect_over(int fd, GDBusConnectionFlags more)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
	g_autoptr(GSocketConnection) stream =
	    socket ? g_socket_connection_factory_create_connection(socket)
		   : NULL;
	GDBusConnection *connection =
	    stream ? g_dbus_connection_new_sync(
			 G_IO_STREAM(stream), NULL,
			 G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | more,
			 NULL, NULL, &error)
		   : NULL;

	if (!connection)
		fail("D-Bus", error);
	return connection;
}

static void pair_of(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		fail("socketpair", NULL);
}

static void listen_on(GDBusConnection *display, gboolean maps)
{
	static const char *const interfaces[] = {
	    "org.qemu.Display1.Listener.Unix.Map", NULL};
	QemuDisplay1Listener *listener = qemu_display1_listener_skeleton_new();
	QemuDisplay1ListenerUnixMap *map =
	    qemu_display1_listener_unix_map_skeleton_new();
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
	g_autoptr(GVariant) reply = NULL;
	g_autoptr(GError) error = NULL;
	GDBusConnection *connection;
	int pair[2], index;

	if (maps)
		qemu_display1_listener_set_interfaces(listener, interfaces);
	g_signal_connect(listener, "handle-scanout", G_CALLBACK(on_scanout),
			 NULL);
	g_signal_connect(listener, "handle-update", G_CALLBACK(on_update),
			 NULL);
	g_signal_connect(listener, "handle-disable", G_CALLBACK(on_disable),
			 NULL);
	g_signal_connect(listener, "handle-mouse-set", G_CALLBACK(on_mouse),
			 NULL);
	g_signal_connect(listener, "handle-cursor-define",
			 G_CALLBACK(on_cursor), NULL);
	g_signal_connect(map, "handle-scanout-map", G_CALLBACK(on_scanout_map),
			 NULL);
	g_signal_connect(map, "handle-update-map", G_CALLBACK(on_update_map),
			 NULL);
	pair_of(pair);
	index = g_unix_fd_list_append(fds, pair[1], NULL);
	close(pair[1]);
	reply = g_dbus_connection_call_with_unix_fd_list_sync(
	    display, NULL, "/org/qemu/Display1/Console_0",
	    "org.qemu.Display1.Console", "RegisterListener",
	    g_variant_new("(h)", index), NULL, 0, 60000, fds, NULL, NULL,
	    &error);
	if (!reply)
		fail("RegisterListener", error);
	connection = connect_over(
	    pair[0], G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING);
	g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(listener),
					 connection,
					 "/org/qemu/Display1/Listener", NULL);
	if (maps)
		g_dbus_interface_skeleton_export(
		    G_DBUS_INTERFACE_SKELETON(map), connection,
		    "/org/qemu/Display1/Listener", NULL);
	g_dbus_connection_start_message_processing(connection);
}

static gboolean on_line(GIOChannel *channel, GIOCondition condition,
			gpointer data)
{
	g_autofree char *line = NULL;

	if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) !=
	    G_IO_STATUS_NORMAL) {
		g_main_loop_quit(data);
		return FALSE;
	}
	printf("{\"scanouts\": %" G_GUINT64_FORMAT
	       ", \"updates\": %" G_GUINT64_FORMAT
	       ", \"scanout_area\": %" G_GUINT64_FORMAT
	       ", \"update_area\": %" G_GUINT64_FORMAT
	       ", \"copied\": %" G_GUINT64_FORMAT "}\n",
	       seen.scanouts, seen.updates, seen.scanout_area, seen.update_area,
	       seen.copied);
	fflush(stdout);
	memset(&seen, 0, sizeof seen);
	return TRUE;
}

int main(int argc, char **argv)
{
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	struct qmp *qmp = NULL;
	int pair[2];

	if (argc < 2)
		fail("a QMP socket is needed", NULL);
	qmp_connect_async(argv[1], 60000, NULL, on_qmp, &qmp);
	while (!qmp)
		g_main_context_iteration(NULL, TRUE);
	pair_of(pair);
	ask(qmp, "getfd", json_pack("{s:s}", "fdname", "damage"), pair[1]);
	ask(qmp, "add_client",
	    json_pack("{s:s,s:s}", "protocol", "@dbus-display", "fdname",
		      "damage"),
	    -1);
	close(pair[1]);
	listen_on(connect_over(pair[0], 0),
		  argc > 2 && strcmp(argv[2], "--map") == 0);
	g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN | G_IO_HUP, on_line,
		       loop);
	g_main_loop_run(loop);
	return 0;
}
