/* machine.c - the Display1 server of a played machine. */
#include <errno.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/tools/machine.h"

struct machine machine = {.port_fd = -1, .echo_head = -1};

void say(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	fflush(stdout);
}

/* ---- what the other side calls ---- */

static GSocket *socket_of(GUnixFDList *fds, GVariant *handle)
{
	int fd = g_unix_fd_list_get(fds, g_variant_get_handle(handle), NULL);
	return g_socket_new_from_fd(fd, NULL);
}

/* Once its registration is answered: the other side waits for that. */
static GDBusConnection *connect_listener(GSocket *socket)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = g_dbus_generate_guid();
	GDBusConnection *connection = g_dbus_connection_new_sync(
	    G_IO_STREAM(stream), guid,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, NULL, NULL, &error);
	if (!connection)
		say("trouble %s", error->message);
	return connection;
}

static gboolean on_register(QemuDisplay1Console *console,
			    GDBusMethodInvocation *call, GUnixFDList *fds,
			    GVariant *handle, gpointer data)
{
	struct head *head = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = socket_of(fds, handle);
	qemu_display1_console_complete_register_listener(console, call, NULL);
	g_autoptr(GDBusConnection) connection = connect_listener(socket);
	if (!connection)
		return TRUE;
	g_clear_object(&head->listener);
	g_clear_object(&head->map);
	head->listener = qemu_display1_listener_proxy_new_sync(
	    connection, G_DBUS_PROXY_FLAGS_NONE, NULL, ROOT "/Listener", NULL,
	    &error);
	const char *const *more =
	    qemu_display1_listener_get_interfaces(head->listener);
	if (machine.use_map && more &&
	    g_strv_contains(more, "org.qemu.Display1.Listener.Unix.Map"))
		head->map = qemu_display1_listener_unix_map_proxy_new_sync(
		    connection, G_DBUS_PROXY_FLAGS_NONE, NULL, ROOT "/Listener",
		    NULL, &error);
	say("listener %u%s", head->number, head->map ? " map" : "");
	if (head->width)
		head_send_scanout(head, false);
	return TRUE;
}

static gboolean on_ui_info(QemuDisplay1Console *console,
			   GDBusMethodInvocation *call, guint16 width_mm,
			   guint16 height_mm, gint x, gint y, guint width,
			   guint height, gpointer data)
{
	struct head *head = data;
	say("uiinfo %u %d %d %u %u", head->number, x, y, width, height);
	qemu_display1_console_complete_set_uiinfo(console, call);
	return TRUE;
}

/* Input in a machine that hangs gets no answer. */
static gboolean answered(GDBusMethodInvocation *call)
{
	if (machine.hang) {
		machine.unanswered++;
		return TRUE;
	}
	g_dbus_method_invocation_return_value(call, NULL);
	return TRUE;
}

static gboolean on_key_press(QemuDisplay1Keyboard *keyboard,
			     GDBusMethodInvocation *call, guint code,
			     gpointer data)
{
	if (machine.on_keycode) {
		machine.on_keycode(code, true);
	} else if (machine.on_key) {
		machine.on_key(machine.on_key_data);
	} else if (machine.echo_head >= 0) {
		head_echo(&machine.heads[machine.echo_head],
			  ++machine.echo_count);
	} else {
		say("key press %u", code);
	}
	return answered(call);
}

static gboolean on_key_release(QemuDisplay1Keyboard *keyboard,
			       GDBusMethodInvocation *call, guint code,
			       gpointer data)
{
	if (machine.on_keycode)
		machine.on_keycode(code, false);
	else if (machine.echo_head < 0 && !machine.on_key)
		say("key release %u", code);
	return answered(call);
}

static gboolean on_abs(QemuDisplay1Mouse *mouse, GDBusMethodInvocation *call,
		       guint x, guint y, gpointer data)
{
	struct head *head = data;
	say("abs %u %u %u", head->number, x, y);
	return answered(call);
}

static gboolean on_rel(QemuDisplay1Mouse *mouse, GDBusMethodInvocation *call,
		       gint dx, gint dy, gpointer data)
{
	struct head *head = data;
	say("rel %u %d %d", head->number, dx, dy);
	return answered(call);
}

static gboolean on_button_press(QemuDisplay1Mouse *mouse,
				GDBusMethodInvocation *call, guint button,
				gpointer data)
{
	struct head *head = data;
	say("button press %u %u", head->number, button);
	return answered(call);
}

static gboolean on_button_release(QemuDisplay1Mouse *mouse,
				  GDBusMethodInvocation *call, guint button,
				  gpointer data)
{
	struct head *head = data;
	say("button release %u %u", head->number, button);
	return answered(call);
}

static gboolean on_port_readable(int fd, GIOCondition condition, gpointer data)
{
	uint8_t bytes[4096];
	ssize_t n = read(fd, bytes, sizeof bytes);
	if (machine.on_port)
		machine.on_port(bytes, MAX(n, 0));
	if (n > 0 && machine.on_port)
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		say("port closed");
		machine.port_watch = 0;
		return G_SOURCE_REMOVE;
	}
	g_autoptr(GString) hex = g_string_new("port ");
	for (ssize_t i = 0; i < n; i++)
		g_string_append_printf(hex, "%02x", bytes[i]);
	say("%s", hex->str);
	return G_SOURCE_CONTINUE;
}

static gboolean on_port_register(QemuDisplay1Chardev *port,
				 GDBusMethodInvocation *call, GUnixFDList *fds,
				 GVariant *handle, gpointer data)
{
	if (machine.port_watch)
		g_source_remove(machine.port_watch);
	if (machine.port_fd >= 0)
		close(machine.port_fd);
	machine.port_fd =
	    g_unix_fd_list_get(fds, g_variant_get_handle(handle), NULL);
	machine.port_watch = g_unix_fd_add(machine.port_fd, G_IO_IN | G_IO_HUP,
					   on_port_readable, NULL);
	qemu_display1_chardev_complete_register(port, call, NULL);
	if (machine.on_port_registered)
		machine.on_port_registered();
	say("port registered");
	return TRUE;
}

static void on_audio_closed(GDBusConnection *connection, gboolean vanished,
			    GError *error, gpointer data)
{
	g_clear_object(&machine.audio);
	say("audio closed");
}

static gboolean on_audio_register(QemuDisplay1Audio *audio,
				  GDBusMethodInvocation *call, GUnixFDList *fds,
				  GVariant *handle, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = socket_of(fds, handle);
	qemu_display1_audio_complete_register_out_listener(audio, call, NULL);
	g_autoptr(GDBusConnection) connection = connect_listener(socket);
	if (!connection)
		return TRUE;
	g_clear_object(&machine.audio);
	machine.audio = qemu_display1_audio_out_listener_proxy_new_sync(
	    connection, G_DBUS_PROXY_FLAGS_NONE, NULL, ROOT "/AudioOutListener",
	    NULL, &error);
	g_signal_connect(connection, "closed", G_CALLBACK(on_audio_closed),
			 NULL);
	say("audio registered");
	return TRUE;
}

/* ---- objects ---- */

static void export_port(void)
{
	g_autoptr(GDBusObjectSkeleton) port_object =
	    g_dbus_object_skeleton_new(ROOT "/Chardev_vdagent");
	machine.port = qemu_display1_chardev_skeleton_new();
	qemu_display1_chardev_set_name(
	    machine.port,
	    machine.port_name ? machine.port_name : "com.redhat.spice.0");
	g_signal_connect(machine.port, "handle-register",
			 G_CALLBACK(on_port_register), NULL);
	g_dbus_object_skeleton_add_interface(
	    port_object, G_DBUS_INTERFACE_SKELETON(machine.port));
	g_dbus_object_manager_server_export(machine.objects, port_object);
}

static void export_all(GDBusConnection *connection)
{
	machine.objects = g_dbus_object_manager_server_new(ROOT);
	g_autoptr(GDBusObjectSkeleton) vm_object =
	    g_dbus_object_skeleton_new(ROOT "/VM");
	g_autoptr(QemuDisplay1VM) vm = qemu_display1_vm_skeleton_new();
	qemu_display1_vm_set_name(vm, "Player");
	qemu_display1_vm_set_uuid(vm, "00000000-0000-0000-0000-000000000000");
	g_autoptr(GVariantBuilder) ids =
	    g_variant_builder_new(G_VARIANT_TYPE("au"));
	for (unsigned i = 0; i < machine.count; i++)
		g_variant_builder_add(ids, "u", i);
	qemu_display1_vm_set_console_ids(vm, g_variant_builder_end(ids));
	g_dbus_object_skeleton_add_interface(vm_object,
					     G_DBUS_INTERFACE_SKELETON(vm));
	g_dbus_object_manager_server_export(machine.objects, vm_object);
	for (unsigned i = 0; i < machine.count; i++) {
		struct head *head = &machine.heads[i];
		g_autofree char *path = g_strdup_printf(ROOT "/Console_%u", i);
		head->object = g_dbus_object_skeleton_new(path);
		head->console = qemu_display1_console_skeleton_new();
		qemu_display1_console_set_label(head->console, "player");
		qemu_display1_console_set_head(head->console, i);
		qemu_display1_console_set_type_(head->console, "Graphic");
		qemu_display1_console_set_width(head->console, head->width);
		qemu_display1_console_set_height(head->console, head->height);
		g_object_connect(head->console,
				 "signal::handle-register-listener",
				 on_register, head, "signal::handle-set-uiinfo",
				 on_ui_info, head, NULL);
		head->keyboard = qemu_display1_keyboard_skeleton_new();
		g_object_connect(head->keyboard, "signal::handle-press",
				 on_key_press, head, "signal::handle-release",
				 on_key_release, head, NULL);
		head->mouse = qemu_display1_mouse_skeleton_new();
		qemu_display1_mouse_set_is_absolute(head->mouse, TRUE);
		g_object_connect(
		    head->mouse, "signal::handle-set-abs-position", on_abs,
		    head, "signal::handle-rel-motion", on_rel, head,
		    "signal::handle-press", on_button_press, head,
		    "signal::handle-release", on_button_release, head, NULL);
		g_dbus_object_skeleton_add_interface(
		    head->object, G_DBUS_INTERFACE_SKELETON(head->console));
		g_dbus_object_skeleton_add_interface(
		    head->object, G_DBUS_INTERFACE_SKELETON(head->keyboard));
		g_dbus_object_skeleton_add_interface(
		    head->object, G_DBUS_INTERFACE_SKELETON(head->mouse));
		g_dbus_object_manager_server_export(machine.objects,
						    head->object);
	}
	if (!machine_serves_agent())
		export_port();
	machine_export_ports(machine.objects);
	g_autoptr(GDBusObjectSkeleton) audio_object =
	    g_dbus_object_skeleton_new(ROOT "/Audio");
	g_autoptr(QemuDisplay1Audio) audio = qemu_display1_audio_skeleton_new();
	g_signal_connect(audio, "handle-register-out-listener",
			 G_CALLBACK(on_audio_register), NULL);
	sound_export(audio);
	g_dbus_object_skeleton_add_interface(audio_object,
					     G_DBUS_INTERFACE_SKELETON(audio));
	g_dbus_object_manager_server_export(machine.objects, audio_object);
	g_dbus_object_manager_server_set_connection(machine.objects,
						    connection);
}

void machine_drop(void)
{
	for (unsigned i = 0; i < machine.count; i++) {
		struct head *head = &machine.heads[i];
		if (head->listener)
			g_dbus_connection_close_sync(
			    g_dbus_proxy_get_connection(
				G_DBUS_PROXY(head->listener)),
			    NULL, NULL);
		g_clear_object(&head->listener);
		g_clear_object(&head->map);
		g_clear_object(&head->console);
		g_clear_object(&head->keyboard);
		g_clear_object(&head->mouse);
		g_clear_object(&head->object);
	}
	if (machine.audio)
		g_dbus_connection_close_sync(
		    g_dbus_proxy_get_connection(G_DBUS_PROXY(machine.audio)),
		    NULL, NULL);
	g_clear_object(&machine.audio);
	g_clear_object(&machine.objects);
	g_clear_object(&machine.port);
	machine_drop_ports();
	if (machine.connection)
		g_dbus_connection_close_sync(machine.connection, NULL, NULL);
	g_clear_object(&machine.connection);
}

static gboolean on_connection(int fd, GIOCondition condition, gpointer data)
{
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (client < 0)
		return G_SOURCE_CONTINUE;
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = g_socket_new_from_fd(client, NULL);
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = g_dbus_generate_guid();
	GDBusConnection *connection = g_dbus_connection_new_sync(
	    G_IO_STREAM(stream), guid,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
		G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
	    NULL, NULL, &error);
	if (!connection) {
		say("trouble %s", error->message);
		return G_SOURCE_CONTINUE;
	}
	machine_drop();
	machine.connection = connection;
	export_all(connection);
	g_dbus_connection_start_message_processing(connection);
	say("connected");
	return G_SOURCE_CONTINUE;
}

void machine_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) ||
	    listen(fd, 8))
		g_error("cannot listen on %s: %s", path, g_strerror(errno));
	g_unix_fd_add(fd, G_IO_IN, on_connection, NULL);
}
