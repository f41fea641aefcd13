/* Further ports of a played machine, each served at a unix path where the
 * guest's end is played: by a test, or by a real agent. As QEMU has it, the
 * port is open while somebody is connected there, the host's end is one stream
 * at a time, and neither side is read further than the other takes. */
#include <errno.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/tools/machine.h"

struct way { /* one direction */
	struct served *port;
	int from, to; /* index into fds */
	uint8_t bytes[16384];
	size_t have, done;
	guint watch;
};

enum { HOST, GUEST };

struct served {
	char *name;
	QemuDisplay1Chardev *object;
	int fds[2];
	struct way ways[2];
	guint end_watch; /* of the host's end */
};

static GPtrArray *all;

static void step(struct way *way);

static void end_of(struct served *port, int which)
{
	if (port->fds[which] < 0)
		return;
	close(port->fds[which]);
	port->fds[which] = -1;
	for (int i = 0; i < 2; i++) {
		struct way *way = &port->ways[i];
		if (way->watch)
			g_source_remove(way->watch);
		way->watch = 0;
		way->have = way->done = 0;
	}
	if (port->end_watch)
		g_source_remove(port->end_watch);
	port->end_watch = 0;
	if (which == GUEST && port->object)
		qemu_display1_chardev_set_feopened(port->object, FALSE);
	say("port-end %s %s", port->name, which == HOST ? "host" : "guest");
	step(&port->ways[HOST]);
	step(&port->ways[GUEST]);
}

static gboolean on_ready(int fd, GIOCondition condition, gpointer data)
{
	struct way *way = data;
	way->watch = 0;
	step(way);
	return G_SOURCE_REMOVE;
}

static gboolean on_end(int fd, GIOCondition condition, gpointer data)
{
	struct served *port = data;
	port->end_watch = 0;
	end_of(port, HOST);
	return G_SOURCE_REMOVE;
}

/* Passes on what there is; while one end is missing only its coming counts. */
static void step(struct way *way)
{
	struct served *port = way->port;
	int from = port->fds[way->from], to = port->fds[way->to];
	if (way->watch)
		return;
	/* seen also while nothing is read from it */
	if (from >= 0 && way->from == HOST && !port->end_watch)
		port->end_watch =
		    g_unix_fd_add(from, G_IO_HUP | G_IO_ERR, on_end, port);
	if (from < 0 || to < 0)
		return;
	if (way->done == way->have) {
		ssize_t n =
		    recv(from, way->bytes, sizeof way->bytes, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			end_of(port, way->from);
			return;
		}
		way->have = n < 0 ? 0 : (size_t)n;
		way->done = 0;
	}
	if (way->done < way->have) {
		ssize_t n =
		    send(to, way->bytes + way->done, way->have - way->done,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			end_of(port, way->to);
			return;
		}
		way->done += n < 0 ? 0 : (size_t)n;
	}
	bool full = way->done < way->have;
	way->watch =
	    g_unix_fd_add(full ? to : from,
			  full ? G_IO_OUT : G_IO_IN | G_IO_HUP, on_ready, way);
}

static gboolean on_register(QemuDisplay1Chardev *object,
			    GDBusMethodInvocation *call, GUnixFDList *fds,
			    GVariant *handle, gpointer data)
{
	struct served *port = data;
	if (port->fds[HOST] >= 0) {
		g_dbus_method_invocation_return_error(call, G_DBUS_ERROR,
						      G_DBUS_ERROR_FAILED,
						      "Couldn't register FD!");
		return TRUE;
	}
	port->fds[HOST] =
	    g_unix_fd_list_get(fds, g_variant_get_handle(handle), NULL);
	qemu_display1_chardev_complete_register(object, call, NULL);
	say("port-host %s", port->name);
	step(&port->ways[HOST]);
	step(&port->ways[GUEST]);
	return TRUE;
}

static gboolean on_guest(int fd, GIOCondition condition, gpointer data)
{
	struct served *port = data;
	int guest = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (guest < 0)
		return G_SOURCE_CONTINUE;
	end_of(port, GUEST);
	port->fds[GUEST] = guest;
	if (port->object)
		qemu_display1_chardev_set_feopened(port->object, TRUE);
	say("port-guest %s", port->name);
	step(&port->ways[HOST]);
	step(&port->ways[GUEST]);
	return G_SOURCE_CONTINUE;
}

bool machine_serve_port(const char *argument)
{
	const char *path = strchr(argument, '=');
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!path || fd < 0)
		return false;
	g_strlcpy(address.sun_path, path + 1, sizeof address.sun_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(fd, 4) < 0)
		return false;
	struct served *port = g_new0(struct served, 1);
	port->name = g_strndup(argument, path - argument);
	port->fds[HOST] = port->fds[GUEST] = -1;
	port->ways[HOST] =
	    (struct way){.port = port, .from = HOST, .to = GUEST};
	port->ways[GUEST] =
	    (struct way){.port = port, .from = GUEST, .to = HOST};
	g_unix_fd_add(fd, G_IO_IN, on_guest, port);
	if (!all)
		all = g_ptr_array_new();
	g_ptr_array_add(all, port);
	return true;
}

bool machine_serves_agent(void)
{
	for (guint i = 0; all && i < all->len; i++) {
		const struct served *port = all->pdata[i];
		if (strcmp(port->name, "com.redhat.spice.0") == 0)
			return true;
	}
	return false;
}

void machine_export_ports(GDBusObjectManagerServer *objects)
{
	for (guint i = 0; all && i < all->len; i++) {
		struct served *port = all->pdata[i];
		g_autofree char *path =
		    g_strdup_printf(ROOT "/Chardev_served%u", i);
		g_autoptr(GDBusObjectSkeleton) object =
		    g_dbus_object_skeleton_new(path);
		port->object = qemu_display1_chardev_skeleton_new();
		qemu_display1_chardev_set_name(port->object, port->name);
		qemu_display1_chardev_set_feopened(port->object,
						   port->fds[GUEST] >= 0);
		g_signal_connect(port->object, "handle-register",
				 G_CALLBACK(on_register), port);
		g_dbus_object_skeleton_add_interface(
		    object, G_DBUS_INTERFACE_SKELETON(port->object));
		g_dbus_object_manager_server_export(objects, object);
	}
}

void machine_drop_ports(void)
{
	for (guint i = 0; all && i < all->len; i++) {
		struct served *port = all->pdata[i];
		g_clear_object(&port->object);
		end_of(port, HOST);
	}
}
