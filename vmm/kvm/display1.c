/* display1.c - the objects of contract B, and what calls on them do.
 *
 * One client is one connection; each of its listeners is a connection of its
 * own (display1-listener.c). All calls are bounded: a listener is only data
 * to us, its input calls go through input.c, which clips. */
#include "vmm/kvm/display1.h"

#include <errno.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/display1.h"
#include "common/fault.h"
#include "vmm/kvm/chardev.h"
#include "vmm/kvm/console.h"
#include "vmm/kvm/display1-audio.h"
#include "vmm/kvm/display1-listener.h"
#include "vmm/kvm/input.h"
#include "vmm/kvm/vm.h"

#define CLIENTS_MAX   4u
#define LISTENERS_MAX 16u /* of one client: four screens, and changes */
#define PATH          "/org/qemu/Display1"

struct screen { /* one console as one client sees it */
	struct client *client;
	struct console *console;
	QemuDisplay1Console *object;
};

struct port {
	struct client *client;
	struct chardev *chardev;
	QemuDisplay1Chardev *object;
};

struct client {
	struct vm *vm;
	GDBusConnection *connection;
	GDBusObjectManagerServer *manager;
	struct screen screens[VM_HEADS_MAX];
	GPtrArray *ports;     /* struct port */
	GPtrArray *listeners; /* struct display1_listener */
	GPtrArray *keyboards;
	struct console_watch watch;
	gulong closed;
	struct client *next;
};

static struct client *clients;

static void client_free(struct client *c)
{
	for (struct client **at = &clients; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	console_remove_watch(c->vm->consoles, &c->watch);
	g_signal_handler_disconnect(c->connection, c->closed);
	g_dbus_object_manager_server_set_connection(c->manager, NULL);
	g_ptr_array_unref(c->listeners);
	g_ptr_array_unref(c->ports);
	g_ptr_array_unref(c->keyboards);
	for (unsigned i = 0; i < VM_HEADS_MAX; i++)
		g_clear_object(&c->screens[i].object);
	g_clear_object(&c->manager);
	g_dbus_connection_close(c->connection, NULL, NULL, NULL);
	g_clear_object(&c->connection);
	g_free(c);
}

static void on_closed(GDBusConnection *connection, gboolean remote,
		      GError *error, gpointer data)
{
	client_free(data);
}

/* ---- consoles ---- */

/* A descriptor out of a message's list by its index; -1 and an error reply. */
static int take_fd(GDBusMethodInvocation *call, GUnixFDList *list,
		   GVariant *handle)
{
	g_autoptr(GError) error = NULL;
	int fd = -1;

	if (list)
		fd = g_unix_fd_list_get(list, g_variant_get_handle(handle),
					&error);
	if (fd < 0)
		g_dbus_method_invocation_return_error(
		    call, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
		    "No descriptor came with the call%s%s", error ? ": " : "",
		    error ? error->message : "");
	return fd;
}

static void forget_listener(void *data, struct display1_listener *listener)
{
	struct client *c = data;

	g_ptr_array_remove(c->listeners, listener);
}

static gboolean on_register_listener(QemuDisplay1Console *object,
				     GDBusMethodInvocation *call,
				     GUnixFDList *fds, GVariant *handle,
				     gpointer data)
{
	struct screen *s = data;
	g_autoptr(GError) error = NULL;
	struct display1_listener *listener;
	int fd;

	if (s->client->listeners->len >= LISTENERS_MAX) {
		g_dbus_method_invocation_return_error(
		    call, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
		    "At most %u listeners", LISTENERS_MAX);
		return TRUE;
	}
	fd = take_fd(call, fds, handle);
	if (fd < 0)
		return TRUE;
	/* The answer goes out first: the listener may set up its side of the
	 * new connection only after it. */
	qemu_display1_console_complete_register_listener(object, call, NULL);
	listener = display1_listener_new(s->console, fd, forget_listener,
					 s->client, &error);
	if (listener)
		g_ptr_array_add(s->client->listeners, listener);
	return TRUE;
}

static gboolean on_set_ui_info(QemuDisplay1Console *object,
			       GDBusMethodInvocation *call, guint16 width_mm,
			       guint16 height_mm, gint x, gint y, guint width,
			       guint height, gpointer data)
{
	struct screen *s = data;

	console_resize(s->console, width, height, width_mm, height_mm);
	qemu_display1_console_complete_set_uiinfo(object, call);
	return TRUE;
}

/* ---- input ---- */

static struct input_set *input_of(struct screen *s)
{
	return s->client->vm->input;
}

static gboolean on_key_press(QemuDisplay1Keyboard *object,
			     GDBusMethodInvocation *call, guint keycode,
			     gpointer data)
{
	input_key(input_of(data), keycode, true);
	qemu_display1_keyboard_complete_press(object, call);
	return TRUE;
}

static gboolean on_key_release(QemuDisplay1Keyboard *object,
			       GDBusMethodInvocation *call, guint keycode,
			       gpointer data)
{
	input_key(input_of(data), keycode, false);
	qemu_display1_keyboard_complete_release(object, call);
	return TRUE;
}

static gboolean on_button_press(QemuDisplay1Mouse *object,
				GDBusMethodInvocation *call, guint button,
				gpointer data)
{
	struct screen *s = data;

	input_button(input_of(s), s->console->head, button, true);
	qemu_display1_mouse_complete_press(object, call);
	return TRUE;
}

static gboolean on_button_release(QemuDisplay1Mouse *object,
				  GDBusMethodInvocation *call, guint button,
				  gpointer data)
{
	struct screen *s = data;

	input_button(input_of(s), s->console->head, button, false);
	qemu_display1_mouse_complete_release(object, call);
	return TRUE;
}

static void size_of(struct screen *s, unsigned *width, unsigned *height)
{
	struct console_view view;

	console_look(s->console, &view, NULL);
	*width = view.scanout ? view.scanout->width : 0;
	*height = view.scanout ? view.scanout->height : 0;
	scanout_unref(view.scanout);
}

static gboolean on_move_to(QemuDisplay1Mouse *object,
			   GDBusMethodInvocation *call, guint x, guint y,
			   gpointer data)
{
	struct screen *s = data;
	unsigned width, height;

	size_of(s, &width, &height);
	if (x >= width || y >= height) {
		g_dbus_method_invocation_return_error(
		    call, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
		    "%u,%u lies outside the screen of %ux%u", x, y, width,
		    height);
		return TRUE;
	}
	input_move_to(input_of(s), s->console->head, x, y, width, height);
	qemu_display1_mouse_complete_set_abs_position(object, call);
	return TRUE;
}

static gboolean on_move_by(QemuDisplay1Mouse *object,
			   GDBusMethodInvocation *call, gint dx, gint dy,
			   gpointer data)
{
	struct screen *s = data;

	if (input_is_absolute(input_of(s), s->console->head)) {
		g_dbus_method_invocation_return_error(call, G_DBUS_ERROR,
						      G_DBUS_ERROR_INVALID_ARGS,
						      "The mouse is absolute");
		return TRUE;
	}
	input_move_by(input_of(s), dx, dy);
	qemu_display1_mouse_complete_rel_motion(object, call);
	return TRUE;
}

static gboolean on_touch(QemuDisplay1MultiTouch *object,
			 GDBusMethodInvocation *call, guint kind, guint64 slot,
			 gdouble x, gdouble y, gpointer data)
{
	struct screen *s = data;
	unsigned width, height;

	if (slot >= INPUT_TOUCH_SLOTS || kind > 3) {
		g_dbus_method_invocation_return_error(
		    call, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
		    "Slots are 0 to %u, kinds 0 to 3", INPUT_TOUCH_SLOTS - 1);
		return TRUE;
	}
	size_of(s, &width, &height);
	input_touch(input_of(s), s->console->head, kind, (unsigned)slot, x, y,
		    width, height);
	qemu_display1_multi_touch_complete_send_event(object, call);
	return TRUE;
}

/* ---- objects ---- */

static void refresh(struct client *c, struct console *console)
{
	struct screen *s = &c->screens[console->head];
	unsigned width, height;

	size_of(s, &width, &height);
	qemu_display1_console_set_width(s->object, width);
	qemu_display1_console_set_height(s->object, height);
	for (unsigned i = 0; i < c->keyboards->len; i++)
		qemu_display1_keyboard_set_modifiers(
		    g_ptr_array_index(c->keyboards, i),
		    input_lights(c->vm->input));
	for (unsigned i = 0; i < c->ports->len; i++) {
		struct port *port = g_ptr_array_index(c->ports, i);

		qemu_display1_chardev_set_feopened(
		    port->object, chardev_front_open(port->chardev));
	}
}

static void on_change(void *data, struct console *console,
		      const struct rect *rects, unsigned count)
{
	struct client *c = data;

	refresh(c, console);
	for (unsigned i = c->listeners->len; i-- > 0;)
		display1_listener_changed(g_ptr_array_index(c->listeners, i),
					  console, rects, count);
}

static void add(GDBusObjectSkeleton *object, void *interface)
{
	g_dbus_object_skeleton_add_interface(
	    object, G_DBUS_INTERFACE_SKELETON(interface));
}

static void add_vm(struct client *c)
{
	g_autoptr(GDBusObjectSkeleton) object =
	    g_dbus_object_skeleton_new(PATH "/VM");
	QemuDisplay1VM *vm = qemu_display1_vm_skeleton_new();
	GVariantBuilder ids;

	g_variant_builder_init(&ids, G_VARIANT_TYPE("au"));
	for (unsigned i = 0; i < console_count(c->vm->consoles); i++)
		g_variant_builder_add(&ids, "u", i);
	qemu_display1_vm_set_name(vm, c->vm->config.name);
	qemu_display1_vm_set_uuid(vm, c->vm->config.uuid);
	qemu_display1_vm_set_console_ids(vm, g_variant_builder_end(&ids));
	add(object, vm);
	g_object_unref(vm);
	g_dbus_object_manager_server_export(c->manager, object);
}

static void add_console(struct client *c, unsigned head)
{
	g_autofree char *path = g_strdup_printf(PATH "/Console_%u", head);
	g_autoptr(GDBusObjectSkeleton) object =
	    g_dbus_object_skeleton_new(path);
	struct screen *s = &c->screens[head];
	QemuDisplay1Keyboard *keyboard = qemu_display1_keyboard_skeleton_new();
	QemuDisplay1Mouse *mouse = qemu_display1_mouse_skeleton_new();
	QemuDisplay1MultiTouch *touch =
	    qemu_display1_multi_touch_skeleton_new();
	g_autofree char *label = g_strdup_printf("Screen %u", head + 1);

	s->client = c;
	s->console = console_get(c->vm->consoles, head);
	s->object = qemu_display1_console_skeleton_new();
	qemu_display1_console_set_label(s->object, label);
	qemu_display1_console_set_head(s->object, head);
	qemu_display1_console_set_type_(s->object, "Graphic");
	qemu_display1_console_set_device_address(s->object, "");
	qemu_display1_mouse_set_is_absolute(
	    mouse, input_has(c->vm->input, INPUT_TABLET));
	qemu_display1_multi_touch_set_max_slots(touch, INPUT_TOUCH_SLOTS);
	g_signal_connect(s->object, "handle-register-listener",
			 G_CALLBACK(on_register_listener), s);
	g_signal_connect(s->object, "handle-set-uiinfo",
			 G_CALLBACK(on_set_ui_info), s);
	g_signal_connect(keyboard, "handle-press", G_CALLBACK(on_key_press), s);
	g_signal_connect(keyboard, "handle-release", G_CALLBACK(on_key_release),
			 s);
	g_signal_connect(mouse, "handle-press", G_CALLBACK(on_button_press), s);
	g_signal_connect(mouse, "handle-release", G_CALLBACK(on_button_release),
			 s);
	g_signal_connect(mouse, "handle-set-abs-position",
			 G_CALLBACK(on_move_to), s);
	g_signal_connect(mouse, "handle-rel-motion", G_CALLBACK(on_move_by), s);
	g_signal_connect(touch, "handle-send-event", G_CALLBACK(on_touch), s);
	add(object, s->object);
	add(object, keyboard);
	add(object, mouse);
	if (input_has(c->vm->input, INPUT_TOUCH))
		add(object, touch);
	g_ptr_array_add(c->keyboards, keyboard);
	g_object_unref(mouse);
	g_object_unref(touch);
	refresh(c, s->console);
	g_dbus_object_manager_server_export(c->manager, object);
}

static gboolean on_register_chardev(QemuDisplay1Chardev *object,
				    GDBusMethodInvocation *call,
				    GUnixFDList *fds, GVariant *handle,
				    gpointer data)
{
	struct port *port = data;
	int fd = take_fd(call, fds, handle);

	if (fd < 0)
		return TRUE;
	chardev_connect(port->chardev, fd);
	qemu_display1_chardev_set_owner(object, "");
	qemu_display1_chardev_complete_register(object, call, NULL);
	return TRUE;
}

static gboolean on_send_break(QemuDisplay1Chardev *object,
			      GDBusMethodInvocation *call, gpointer data)
{
	qemu_display1_chardev_complete_send_break(object, call);
	return TRUE;
}

static void port_free(void *data)
{
	struct port *port = data;

	g_clear_object(&port->object);
	g_free(port);
}

static void add_chardev(struct chardev *chardev, void *data)
{
	struct client *c = data;
	/* object paths know letters, digits and _ only */
	g_autofree char *id = g_strdup(chardev_dbus_name(chardev));
	g_autofree char *path = NULL;
	g_autoptr(GDBusObjectSkeleton) object = NULL;
	struct port *port = g_new0(struct port, 1);

	for (char *at = id; *at; at++)
		if (!g_ascii_isalnum(*at))
			*at = '_';
	path = g_strdup_printf(PATH "/Chardev_%s", id);
	object = g_dbus_object_skeleton_new(path);
	port->client = c;
	port->chardev = chardev;
	port->object = qemu_display1_chardev_skeleton_new();
	qemu_display1_chardev_set_name(port->object,
				       chardev_dbus_name(chardev));
	qemu_display1_chardev_set_feopened(port->object,
					   chardev_front_open(chardev));
	g_signal_connect(port->object, "handle-register",
			 G_CALLBACK(on_register_chardev), port);
	g_signal_connect(port->object, "handle-send-break",
			 G_CALLBACK(on_send_break), port);
	add(object, port->object);
	g_dbus_object_manager_server_export(c->manager, object);
	g_ptr_array_add(c->ports, port);
}

/* ---- connections ---- */

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	struct vm *vm = data;
	g_autoptr(GDBusConnection) connection =
	    g_dbus_connection_new_finish(result, NULL);
	struct client *c;
	unsigned count = 0;

	if (!connection)
		return; /* gone before it said who it is */
	for (c = clients; c; c = c->next)
		count++;
	if (count >= CLIENTS_MAX) {
		g_dbus_connection_close(connection, NULL, NULL, NULL);
		return;
	}
	c = g_new0(struct client, 1);
	c->vm = vm;
	c->connection = g_steal_pointer(&connection);
	c->manager = g_dbus_object_manager_server_new(PATH);
	c->listeners = g_ptr_array_new_with_free_func(
	    (GDestroyNotify)display1_listener_free);
	c->ports = g_ptr_array_new_with_free_func(port_free);
	c->keyboards = g_ptr_array_new_with_free_func(g_object_unref);
	add_vm(c);
	for (unsigned i = 0; i < console_count(vm->consoles); i++)
		add_console(c, i);
	chardev_each_dbus(add_chardev, c);
	display1_audio_export(vm, c->manager);
	g_dbus_object_manager_server_set_connection(c->manager, c->connection);
	c->closed =
	    g_signal_connect(c->connection, "closed", G_CALLBACK(on_closed), c);
	c->watch = (struct console_watch){.changed = on_change, .data = c};
	console_add_watch(vm->consoles, &c->watch);
	c->next = clients;
	clients = c;
	g_dbus_connection_start_message_processing(c->connection);
}

static gboolean authorize(GDBusAuthObserver *observer, GIOStream *stream,
			  GCredentials *credentials, gpointer data)
{
	g_autoptr(GCredentials) own = g_credentials_new();

	/* the descriptor came over our own QMP socket; root may serve others */
	return credentials &&
	       (g_credentials_is_same_user(credentials, own, NULL) ||
		g_credentials_get_unix_user(credentials, NULL) == 0);
}

bool display1_add_client(struct vm *vm, int fd, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &why);
	g_autoptr(GSocketConnection) stream = NULL;
	g_autoptr(GDBusAuthObserver) observer = NULL;
	g_autofree char *guid = NULL;

	if (!socket || g_socket_get_family(socket) != G_SOCKET_FAMILY_UNIX) {
		fault_set(error, FAULT_INVALID, NULL,
			  "The descriptor is no connected unix socket");
		if (!socket)
			close(fd);
		return false;
	}
	stream = g_socket_connection_factory_create_connection(socket);
	observer = g_dbus_auth_observer_new();
	g_signal_connect(observer, "authorize-authenticated-peer",
			 G_CALLBACK(authorize), NULL);
	guid = g_dbus_generate_guid();
	g_dbus_connection_new(
	    G_IO_STREAM(stream), guid,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
		G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
	    observer, NULL, on_connected, vm);
	return true;
}

void display1_finish(struct vm *vm)
{
	while (clients)
		client_free(clients);
	display1_audio_finish();
}
