/* Life of a connection, and discovery: one GetManagedObjects names consoles,
 * ports and all their properties, PropertiesChanged keeps them true. */
#include "display/source.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "display/source-link.h"

#define ROOT "/org/qemu/Display1"
/* Answers not in by then mean a machine that does not work; it may be paused
 * for a while, so this is long. */
#define DISCOVERY_TIMEOUT_MS 30000
/* A machine has a handful. */
#define PORTS_MAX 32

struct cursor *cursor_new(unsigned width, unsigned height)
{
	struct cursor *cursor = g_new0(struct cursor, 1);
	cursor->width = width;
	cursor->height = height;
	cursor->pixels = g_new0(uint32_t, (size_t)width * height + 1);
	return cursor;
}

void cursor_free(struct cursor *cursor)
{
	if (!cursor)
		return;
	g_free(cursor->pixels);
	g_free(cursor);
}

/* ---- life of a link ---- */

static void link_clear(void *data)
{
	struct link *link = data;
	g_clear_object(&link->connection);
	g_clear_object(&link->cancel);
	g_clear_pointer(&link->ports, g_hash_table_unref);
}

struct link *link_ref(struct link *link)
{
	return g_rc_box_acquire(link);
}

void link_unref(struct link *link)
{
	g_rc_box_release_full(link, link_clear);
}

const struct source_sink *link_sink(const struct link *link, void **data)
{
	if (link->ended)
		return NULL;
	*data = link->source->data;
	return link->source->sink;
}

/* Ends the link without telling anyone. */
static void link_end(struct link *link)
{
	struct source *source = link->source;
	if (link->ended)
		return;
	link->ended = true;
	source->link = NULL;
	source->connected = false;
	g_cancellable_cancel(link->cancel);
	for (unsigned i = 0; i < link->count; i++)
		console_finish(&link->consoles[i]);
	link->count = 0;
	if (link->connection) {
		if (link->closed_handler)
			g_signal_handler_disconnect(link->connection,
						    link->closed_handler);
		g_dbus_connection_close(link->connection, NULL, NULL, NULL);
	}
	link_unref(link);
}

static void link_fail(struct link *link, const GError *why)
{
	struct source *source = link->source;
	bool was_full = link->full;
	if (link->ended)
		return;
	link_end(link);
	if (was_full)
		source->sink->input_ready(source->data);
	source->sink->lost(source->data, why);
}

static void on_closed(GDBusConnection *connection, gboolean vanished,
		      GError *error, gpointer data)
{
	link_fail(data, error);
}

/* ---- ports ---- */

static void source_port_free(void *data)
{
	struct source_port *port = data;
	g_free(port->path);
	g_free(port->name);
	g_free(port);
}

struct port_call {
	struct link *link;
	char *name;
	int fd; /* our end */
};

static void on_port_registered(GObject *object, GAsyncResult *result,
			       gpointer data)
{
	struct port_call *call = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply =
	    g_dbus_connection_call_with_unix_fd_list_finish(
		G_DBUS_CONNECTION(object), NULL, result, &error);
	void *sink_data;
	const struct source_sink *sink = link_sink(call->link, &sink_data);
	if (sink)
		sink->port_stream(sink_data, call->name,
				  reply ? g_steal_fd(&call->fd) : -1, error);
	if (call->fd >= 0)
		close(call->fd);
	link_unref(call->link);
	g_free(call->name);
	g_free(call);
}

static struct source_port *port_named(struct link *link, const char *name)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, link->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct source_port *port = value;
		if (strcmp(port->name, name) == 0)
			return port;
	}
	return NULL;
}

bool source_open_port(struct source *self, const char *name)
{
	struct source_port *port =
	    self->connected ? port_named(self->link, name) : NULL;
	int pair[2];
	if (!port ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	struct port_call *call = g_new0(struct port_call, 1);
	call->link = link_ref(self->link);
	call->name = g_strdup(name);
	call->fd = pair[0];
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&pair[1], 1);
	g_dbus_connection_call_with_unix_fd_list(
	    self->link->connection, NULL, port->path, DISPLAY1_IFACE "Chardev",
	    "Register", g_variant_new("(h)", 0), NULL, G_DBUS_CALL_FLAGS_NONE,
	    DISCOVERY_TIMEOUT_MS, fds, self->link->cancel, on_port_registered,
	    call);
	return true;
}

bool source_port_is_open(struct source *self, const char *name)
{
	struct source_port *port =
	    self->connected ? port_named(self->link, name) : NULL;
	return port && port->open;
}

static void take_port(struct link *link, const char *path, GVariant *properties)
{
	const char *name;
	gboolean open = FALSE;
	if (!g_variant_lookup(properties, "Name", "&s", &name) || !*name ||
	    strlen(name) > 64 || g_hash_table_contains(link->ports, path) ||
	    port_named(link, name) ||
	    g_hash_table_size(link->ports) >= PORTS_MAX)
		return;
	g_variant_lookup(properties, "FEOpened", "b", &open);
	struct source_port *port = g_new0(struct source_port, 1);
	port->path = g_strdup(path);
	port->name = g_strdup(name);
	port->open = open;
	g_hash_table_insert(link->ports, port->path, port);
}

static int port_order(const void *a, const void *b)
{
	const struct source_port *one = *(struct source_port *const *)a;
	const struct source_port *two = *(struct source_port *const *)b;
	return strcmp(one->name, two->name);
}

static void tell_ports(struct link *link)
{
	g_autoptr(GPtrArray) ports = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, link->ports);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		g_ptr_array_add(ports, value);
	g_ptr_array_sort(ports, port_order);
	for (guint i = 0; i < ports->len && !link->ended; i++) {
		struct source_port *port = ports->pdata[i];
		link->source->sink->port(link->source->data, port->name,
					 port->open);
	}
}

/* ---- discovery ---- */

static struct console *console_at(struct link *link, const char *path)
{
	for (unsigned i = 0; i < link->count; i++)
		if (strcmp(link->consoles[i].path, path) == 0)
			return &link->consoles[i];
	return NULL;
}

static void take_properties(struct link *link, const char *path,
			    const char *interface, GVariant *properties)
{
	void *data;
	const struct source_sink *sink = link_sink(link, &data);
	struct console *console = console_at(link, path);
	gboolean flag;
	guint32 number;
	struct source_port *port = g_hash_table_lookup(link->ports, path);
	if (!sink)
		return;
	if (console && strcmp(interface, DISPLAY1_IFACE "Console") == 0) {
		g_variant_lookup(properties, "Width", "u",
				 &console->said_width);
		g_variant_lookup(properties, "Height", "u",
				 &console->said_height);
		if (console->width && console->said_width &&
		    console->said_height && console->map_fd < 0)
			console_resize(console, console->said_width,
				       console->said_height, NULL);
	}
	if (console && strcmp(interface, DISPLAY1_IFACE "Mouse") == 0 &&
	    g_variant_lookup(properties, "IsAbsolute", "b", &flag))
		console->absolute = flag;
	if (console && strcmp(interface, DISPLAY1_IFACE "Keyboard") == 0 &&
	    g_variant_lookup(properties, "Modifiers", "u", &number))
		sink->leds(data, number & 7);
	if (port && strcmp(interface, DISPLAY1_IFACE "Chardev") == 0 &&
	    g_variant_lookup(properties, "FEOpened", "b", &flag)) {
		port->open = flag;
		sink->port(data, port->name, flag);
	}
}

static void on_properties_changed(GDBusConnection *connection,
				  const char *sender, const char *path,
				  const char *interface, const char *signal,
				  GVariant *parameters, gpointer data)
{
	if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(sa{sv}as)")))
		return;
	const char *of;
	g_autoptr(GVariant) changed = NULL;
	g_variant_get(parameters, "(&s@a{sv}as)", &of, &changed, NULL);
	take_properties(data, path, of, changed);
}

struct found { /* a graphic console, before they are put in order */
	char *path;
	unsigned number;
	GVariant *interfaces;
};

static void found_free(void *data)
{
	struct found *found = data;
	g_free(found->path);
	g_variant_unref(found->interfaces);
	g_free(found);
}

static int found_order(const void *a, const void *b)
{
	const struct found *one = *(struct found *const *)a;
	const struct found *two = *(struct found *const *)b;
	return one->number < two->number ? -1 : one->number > two->number;
}

static void take_objects(struct link *link, GVariant *objects)
{
	void *data;
	const struct source_sink *sink = link_sink(link, &data);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(found_free);
	g_autofree char *name = NULL;
	GVariantIter iter;
	const char *path;
	GVariant *interfaces;
	bool sound = false;
	if (!sink)
		return;
	g_variant_iter_init(&iter, objects);
	while (
	    g_variant_iter_next(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
		g_autoptr(GVariant) own = interfaces;
		g_autoptr(GVariant) vm = NULL, console = NULL, port = NULL;
		g_variant_lookup(own, DISPLAY1_IFACE "VM", "@a{sv}", &vm);
		g_variant_lookup(own, DISPLAY1_IFACE "Console", "@a{sv}",
				 &console);
		g_variant_lookup(own, DISPLAY1_IFACE "Chardev", "@a{sv}",
				 &port);
		if (vm && !name)
			g_variant_lookup(vm, "Name", "s", &name);
		if (port)
			take_port(link, path, port);
		sound = sound || g_variant_lookup(own, DISPLAY1_IFACE "Audio",
						  "@a{sv}", NULL);
		const char *type = "Graphic";
		const char *digits = strrchr(path, '_');
		if (!console || !digits)
			continue;
		g_variant_lookup(console, "Type", "&s", &type);
		if (strcmp(type, "Graphic") != 0)
			continue;
		struct found *entry = g_new0(struct found, 1);
		entry->path = g_strdup(path);
		entry->number = g_ascii_strtoull(digits + 1, NULL, 10);
		entry->interfaces = g_steal_pointer(&own);
		g_ptr_array_add(found, entry);
	}
	g_ptr_array_sort(found, found_order);
	link->count = MIN(found->len, DESKTOP_HEADS_MAX);
	for (unsigned i = 0; i < link->count; i++) {
		struct found *entry = found->pdata[i];
		struct console *console = &link->consoles[i];
		console->link = link;
		console->head = i;
		console->path = g_strdup(entry->path);
		console->absolute = true;
		console->map_fd = -1;
		GVariantIter of;
		const char *interface;
		GVariant *properties;
		g_variant_iter_init(&of, entry->interfaces);
		while (g_variant_iter_next(&of, "{&s@a{sv}}", &interface,
					   &properties)) {
			take_properties(link, console->path, interface,
					properties);
			g_variant_unref(properties);
		}
	}
	if (!link->count) {
		g_autoptr(GError) error = fault_new(
		    FAULT_UNAVAILABLE,
		    "Give the machine a graphics card and a display of "
		    "kind \"dbus\".",
		    "The machine has no screen.");
		link_fail(link, error);
		return;
	}
	link->source->connected = true;
	sink->connected(data, name ? name : "", link->count);
	tell_ports(link);
	for (unsigned i = 0; !link->ended && i < link->count; i++)
		console_listen(&link->consoles[i]);
	if (sound && !link->ended)
		sink->sound(data, link->connection);
}

static void on_objects(GObject *object, GAsyncResult *result, gpointer data)
{
	struct link *link = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(
	    G_DBUS_CONNECTION(object), result, &error);
	if (!reply) {
		link_fail(link, error);
	} else if (!link->ended) {
		g_autoptr(GVariant) objects =
		    g_variant_get_child_value(reply, 0);
		take_objects(link, objects);
	}
	link_unref(link);
}

static void on_connected(GObject *object, GAsyncResult *result, gpointer data)
{
	struct link *link = data;
	g_autoptr(GError) error = NULL;
	GDBusConnection *connection =
	    g_dbus_connection_new_finish(result, &error);
	if (!connection) {
		link_fail(link, error);
	} else if (link->ended) {
		g_dbus_connection_close(connection, NULL, NULL, NULL);
		g_object_unref(connection);
	} else {
		link->connection = connection;
		link->closed_handler = g_signal_connect_data(
		    connection, "closed", G_CALLBACK(on_closed), link_ref(link),
		    (GClosureNotify)(void (*)(void))link_unref, 0);
		g_dbus_connection_signal_subscribe(
		    connection, NULL, "org.freedesktop.DBus.Properties",
		    "PropertiesChanged", NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
		    on_properties_changed, link_ref(link),
		    (GDestroyNotify)link_unref);
		g_dbus_connection_start_message_processing(connection);
		g_dbus_connection_call(
		    connection, NULL, ROOT,
		    "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
		    NULL, G_VARIANT_TYPE("(a{oa{sa{sv}}})"),
		    G_DBUS_CALL_FLAGS_NONE, DISCOVERY_TIMEOUT_MS, link->cancel,
		    on_objects, link_ref(link));
	}
	link_unref(link);
}

struct source *source_new(const struct source_sink *sink, void *data)
{
	struct source *self = g_new0(struct source, 1);
	self->sink = sink;
	self->data = data;
	return self;
}

void source_free(struct source *self)
{
	if (!self)
		return;
	if (self->link)
		link_end(self->link);
	g_free(self);
}

void source_attach(struct source *self, int fd)
{
	if (self->link) {
		bool was_full = self->link->full;
		link_end(self->link);
		if (was_full)
			self->sink->input_ready(self->data);
	}
	struct link *link = g_rc_box_new0(struct link);
	link->source = self;
	link->cancel = g_cancellable_new();
	link->ports = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
					    source_port_free);
	self->link = link;
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
	if (!socket) {
		close(fd);
		link_fail(link, error);
		return;
	}
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(
	    G_IO_STREAM(stream), NULL,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
		G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
	    NULL, link->cancel, on_connected, link_ref(link));
}

bool source_is_connected(const struct source *self)
{
	return self->connected;
}

unsigned source_heads(const struct source *self)
{
	return self->connected ? self->link->count : 0;
}
