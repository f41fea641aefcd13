/* display1-player - plays a machine's display for tests and benches.
 *
 * Serves contract B as a VMM does: listens on a unix path, is the D-Bus
 * authentication server, offers consoles, keyboard, mouse and one port
 * (com.redhat.spice.0). Commands come as lines on stdin, what happened goes
 * as lines to stdout; see help[] below. Every command is answered "done" or
 * "failed CAUSE", pictures only once the other side has taken them.
 *
 *   display1-player PATH WIDTHxHEIGHT [WIDTHxHEIGHT...] [--map] */
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/display1.h"

#define ROOT      "/org/qemu/Display1"
#define XRGB      0x20020888u
#define HEADS_MAX 16

static const char help[] =
    "paint HEAD KIND SEED [X Y W H]  paint and send; KIND is flat, text,\n"
    "                                few, gradient, noise\n"
    "resize HEAD W H                 a new mode; 0 0 sends Disable\n"
    "placeholder HEAD W H            what QEMU shows for a head that is off\n"
    "cursor W H X Y | hide | show    pointer picture\n"
    "bad HEAD X Y W H STRIDE BYTES   an update as told, right or wrong\n"
    "play HEAD FPS FRAMES exact|whole  a moving box; each frame's number is\n"
    "                                in the 32 pixels of the first row\n"
    "echo HEAD | echo off            each key press paints at once\n"
    "dump HEAD FILE                  the picture, 32 bits 0x00RRGGBB\n"
    "port HEX | port-open 0|1        bytes from, and state of, the guest\n"
    "leds N | relative 0|1           properties\n"
    "hang 0|1                        leave input calls unanswered\n"
    "drop | quit                     close the connection, end\n";

struct head {
	unsigned number;
	unsigned width, height;
	uint32_t *pixels;
	int map_fd;
	QemuDisplay1Console *console;
	QemuDisplay1Keyboard *keyboard;
	QemuDisplay1Mouse *mouse;
	GDBusObjectSkeleton *object;
	QemuDisplay1Listener *listener; /* NULL until registered */
	QemuDisplay1ListenerUnixMap *map;
	unsigned box, frame, frames;
	bool whole;
	guint timer;
};

static struct {
	GMainLoop *loop;
	bool use_map;
	GDBusConnection *connection;
	GDBusObjectManagerServer *objects;
	struct head heads[HEADS_MAX];
	unsigned count;
	QemuDisplay1Chardev *port;
	int port_fd;
	guint port_watch;
	int echo_head;
	unsigned echo_count;
	bool hang;
	unsigned unanswered;
} player = {.port_fd = -1, .echo_head = -1};

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void say(const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	putchar('\n');
	fflush(stdout);
}

/* ---- pictures ---- */

static uint32_t mix(uint32_t a, uint32_t b)
{
	a ^= b * 0x9e3779b9u;
	a ^= a >> 16;
	a *= 0x85ebca6bu;
	a ^= a >> 13;
	a *= 0xc2b2ae35u;
	return a ^ a >> 16;
}

static uint32_t pixel_of(const char *kind, uint32_t seed, unsigned x,
			 unsigned y)
{
	if (strcmp(kind, "flat") == 0)
		return mix(seed, 1) & 0xffffff;
	if (strcmp(kind, "text") == 0) /* strokes on white, cells of 8 x 16 */
		return mix(mix(seed, x / 8), y / 16) >> (x % 8 + y % 16 / 2) &
				   1 &&
			       y % 16 > 2
			   ? 0x202020
			   : 0xffffff;
	if (strcmp(kind, "few") == 0)
		return (mix(mix(seed, x / 3), y / 2) % 11) * 0x161208;
	if (strcmp(kind, "gradient") == 0)
		return ((x + seed) & 0xff) << 16 | ((y + x / 2) & 0xff) << 8 |
		       ((x * 3 + y) / 4 & 0xff);
	return mix(mix(seed, x), y) & 0xffffff;
}

static void paint(struct head *head, const char *kind, uint32_t seed,
		  unsigned x, unsigned y, unsigned w, unsigned h)
{
	for (unsigned row = y; row < y + h; row++)
		for (unsigned column = x; column < x + w; column++)
			head->pixels[row * head->width + column] =
			    pixel_of(kind, seed, column, row);
}

static void release_pixels(struct head *head)
{
	if (!head->pixels)
		return;
	munmap(head->pixels, (size_t)head->width * head->height * 4);
	close(head->map_fd);
	head->pixels = NULL;
}

static void take_pixels(struct head *head, unsigned width, unsigned height)
{
	release_pixels(head);
	head->width = width;
	head->height = height;
	size_t size = (size_t)width * height * 4;
	if (!size)
		return;
	head->map_fd = memfd_create("scanout", MFD_CLOEXEC);
	if (head->map_fd < 0 || ftruncate(head->map_fd, size) < 0)
		g_error("no memory for a picture");
	head->pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    head->map_fd, 0);
	if (head->pixels == MAP_FAILED)
		g_error("no memory for a picture");
}

/* ---- sending; a command is answered when its last call is ---- */

static void on_sent(GObject *object, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply =
	    g_dbus_proxy_call_finish(G_DBUS_PROXY(object), result, &error);
	if (!data) /* nobody waits: a played frame */
		return;
	if (reply)
		say("done");
	else
		say("failed %s", error->message);
}

static void on_sent_map(GObject *object, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_proxy_call_with_unix_fd_list_finish(
	    G_DBUS_PROXY(object), NULL, result, &error);
	if (!data)
		return;
	if (reply)
		say("done");
	else
		say("failed %s", error->message);
}

static void call_listener(struct head *head, const char *method,
			  GVariant *parameters, bool answer)
{
	if (!head->listener) {
		g_variant_unref(g_variant_ref_sink(parameters));
		if (answer)
			say("done");
		return;
	}
	g_dbus_proxy_call(G_DBUS_PROXY(head->listener), method, parameters,
			  G_DBUS_CALL_FLAGS_NONE, 20000, NULL, on_sent,
			  GINT_TO_POINTER(answer));
}

static GVariant *bytes_variant(const void *bytes, size_t length)
{
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, length, 1);
}

static void send_scanout(struct head *head, bool answer)
{
	size_t size = (size_t)head->width * head->height * 4;
	if (!size) {
		call_listener(head, "Disable", g_variant_new("()"), answer);
		return;
	}
	if (!player.use_map) {
		call_listener(head, "Scanout",
			      g_variant_new("(uuuu@ay)", head->width,
					    head->height, head->width * 4, XRGB,
					    bytes_variant(head->pixels, size)),
			      answer);
		return;
	}
	if (!head->map) {
		if (answer)
			say("done");
		return;
	}
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
	g_unix_fd_list_append(fds, head->map_fd, NULL);
	g_dbus_proxy_call_with_unix_fd_list(
	    G_DBUS_PROXY(head->map), "ScanoutMap",
	    g_variant_new("(huuuuu)", 0, 0, head->width, head->height,
			  head->width * 4, XRGB),
	    G_DBUS_CALL_FLAGS_NONE, 20000, fds, NULL, on_sent_map,
	    GINT_TO_POINTER(answer));
}

static void send_update(struct head *head, unsigned x, unsigned y, unsigned w,
			unsigned h, bool answer)
{
	if (player.use_map && head->map) {
		g_dbus_proxy_call(G_DBUS_PROXY(head->map), "UpdateMap",
				  g_variant_new("(iiii)", x, y, w, h),
				  G_DBUS_CALL_FLAGS_NONE, 20000, NULL, on_sent,
				  GINT_TO_POINTER(answer));
		return;
	}
	g_autofree uint32_t *part = g_new(uint32_t, (size_t)w * h + 1);
	for (unsigned row = 0; row < h; row++)
		memcpy(part + (size_t)row * w,
		       head->pixels + (size_t)(y + row) * head->width + x,
		       (size_t)w * 4);
	call_listener(head, "Update",
		      g_variant_new("(iiiiuu@ay)", x, y, w, h, w * 4, XRGB,
				    bytes_variant(part, (size_t)w * h * 4)),
		      answer);
}

/* ---- playing ---- */

static gboolean on_frame(gpointer data)
{
	struct head *head = data;
	unsigned side = MIN(64, MIN(head->width, head->height - 1));
	unsigned x = head->box, y = 1;
	head->frame++;
	paint(head, "flat", 7, x, y, side, side);
	head->box = (head->box + 5) % (head->width - side + 1);
	paint(head, "text", head->frame, head->box, y, side, side);
	for (unsigned bit = 0; bit < 32 && bit < head->width; bit++)
		head->pixels[bit] = head->frame >> bit & 1 ? 0xffffff : 0;
	if (head->whole) {
		send_update(head, 0, 0, head->width, head->height, false);
	} else {
		send_update(head, 0, 0, MIN(32, head->width), 1, false);
		unsigned left = MIN(x, head->box);
		send_update(head, left, y, MAX(x, head->box) - left + side,
			    side, false);
	}
	if (head->frame < head->frames)
		return G_SOURCE_CONTINUE;
	head->timer = 0;
	say("played %u", head->frame);
	return G_SOURCE_REMOVE;
}

/* ---- what the other side calls ---- */

static gboolean on_register(QemuDisplay1Console *console,
			    GDBusMethodInvocation *call, GUnixFDList *fds,
			    GVariant *handle, gpointer data)
{
	struct head *head = data;
	g_autoptr(GError) error = NULL;
	int fd = g_unix_fd_list_get(fds, g_variant_get_handle(handle), &error);
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
	qemu_display1_console_complete_register_listener(console, call, NULL);
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = g_dbus_generate_guid();
	g_autoptr(GDBusConnection) connection = g_dbus_connection_new_sync(
	    G_IO_STREAM(stream), guid,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, NULL, NULL, &error);
	if (!connection) {
		say("trouble %s", error->message);
		return TRUE;
	}
	g_clear_object(&head->listener);
	g_clear_object(&head->map);
	head->listener = qemu_display1_listener_proxy_new_sync(
	    connection, G_DBUS_PROXY_FLAGS_NONE, NULL, ROOT "/Listener", NULL,
	    &error);
	const char *const *more =
	    qemu_display1_listener_get_interfaces(head->listener);
	if (player.use_map && more &&
	    g_strv_contains(more, "org.qemu.Display1.Listener.Unix.Map"))
		head->map = qemu_display1_listener_unix_map_proxy_new_sync(
		    connection, G_DBUS_PROXY_FLAGS_NONE, NULL, ROOT "/Listener",
		    NULL, &error);
	say("listener %u%s", head->number, head->map ? " map" : "");
	if (head->width)
		send_scanout(head, false);
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
	if (player.hang) {
		player.unanswered++;
		return TRUE;
	}
	g_dbus_method_invocation_return_value(call, NULL);
	return TRUE;
}

static gboolean on_key_press(QemuDisplay1Keyboard *keyboard,
			     GDBusMethodInvocation *call, guint code,
			     gpointer data)
{
	if (player.echo_head >= 0) {
		struct head *head = &player.heads[player.echo_head];
		unsigned n = ++player.echo_count;
		paint(head, "text", n, 0, 16, 8, 16);
		for (unsigned bit = 0; bit < 32; bit++)
			head->pixels[bit] = n >> bit & 1 ? 0xffffff : 0;
		send_update(head, 0, 0, 32, 32, false);
	} else {
		say("key press %u", code);
	}
	return answered(call);
}

static gboolean on_key_release(QemuDisplay1Keyboard *keyboard,
			       GDBusMethodInvocation *call, guint code,
			       gpointer data)
{
	if (player.echo_head < 0)
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
	if (n <= 0) {
		say("port closed");
		player.port_watch = 0;
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
	if (player.port_watch)
		g_source_remove(player.port_watch);
	if (player.port_fd >= 0)
		close(player.port_fd);
	player.port_fd =
	    g_unix_fd_list_get(fds, g_variant_get_handle(handle), NULL);
	player.port_watch = g_unix_fd_add(player.port_fd, G_IO_IN | G_IO_HUP,
					  on_port_readable, NULL);
	qemu_display1_chardev_complete_register(port, call, NULL);
	say("port registered");
	return TRUE;
}

/* ---- objects ---- */

static void export_all(GDBusConnection *connection)
{
	player.objects = g_dbus_object_manager_server_new(ROOT);
	g_autoptr(GDBusObjectSkeleton) vm_object =
	    g_dbus_object_skeleton_new(ROOT "/VM");
	g_autoptr(QemuDisplay1VM) vm = qemu_display1_vm_skeleton_new();
	qemu_display1_vm_set_name(vm, "Player");
	qemu_display1_vm_set_uuid(vm, "00000000-0000-0000-0000-000000000000");
	g_autoptr(GVariantBuilder) ids =
	    g_variant_builder_new(G_VARIANT_TYPE("au"));
	for (unsigned i = 0; i < player.count; i++)
		g_variant_builder_add(ids, "u", i);
	qemu_display1_vm_set_console_ids(vm, g_variant_builder_end(ids));
	g_dbus_object_skeleton_add_interface(vm_object,
					     G_DBUS_INTERFACE_SKELETON(vm));
	g_dbus_object_manager_server_export(player.objects, vm_object);
	for (unsigned i = 0; i < player.count; i++) {
		struct head *head = &player.heads[i];
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
		g_dbus_object_manager_server_export(player.objects,
						    head->object);
	}
	g_autoptr(GDBusObjectSkeleton) port_object =
	    g_dbus_object_skeleton_new(ROOT "/Chardev_vdagent");
	player.port = qemu_display1_chardev_skeleton_new();
	qemu_display1_chardev_set_name(player.port, "com.redhat.spice.0");
	g_signal_connect(player.port, "handle-register",
			 G_CALLBACK(on_port_register), NULL);
	g_dbus_object_skeleton_add_interface(
	    port_object, G_DBUS_INTERFACE_SKELETON(player.port));
	g_dbus_object_manager_server_export(player.objects, port_object);
	g_dbus_object_manager_server_set_connection(player.objects, connection);
}

static void drop_connection(void)
{
	for (unsigned i = 0; i < player.count; i++) {
		struct head *head = &player.heads[i];
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
	g_clear_object(&player.objects);
	g_clear_object(&player.port);
	if (player.connection)
		g_dbus_connection_close_sync(player.connection, NULL, NULL);
	g_clear_object(&player.connection);
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
	drop_connection();
	player.connection = connection;
	export_all(connection);
	g_dbus_connection_start_message_processing(connection);
	say("connected");
	return G_SOURCE_CONTINUE;
}

/* ---- commands ---- */

static struct head *head_of(const char *text)
{
	unsigned number = text ? g_ascii_strtoull(text, NULL, 10) : HEADS_MAX;
	return number < player.count ? &player.heads[number] : NULL;
}

static bool do_paint(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 4 || !head || !head->pixels)
		return false;
	uint32_t seed = strtoul(word[3], NULL, 10);
	if (words < 8) {
		paint(head, word[2], seed, 0, 0, head->width, head->height);
		send_scanout(head, true);
		return true;
	}
	unsigned v[4];
	for (int i = 0; i < 4; i++)
		v[i] = strtoul(word[4 + i], NULL, 10);
	if (v[0] + v[2] > head->width || v[1] + v[3] > head->height)
		return false;
	paint(head, word[2], seed, v[0], v[1], v[2], v[3]);
	send_update(head, v[0], v[1], v[2], v[3], true);
	return true;
}

static bool do_resize(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 4 || !head)
		return false;
	take_pixels(head, strtoul(word[2], NULL, 10),
		    strtoul(word[3], NULL, 10));
	if (head->console) {
		qemu_display1_console_set_width(head->console, head->width);
		qemu_display1_console_set_height(head->console, head->height);
	}
	if (head->width)
		paint(head, "text", 1, 0, 0, head->width, head->height);
	send_scanout(head, true);
	return true;
}

static bool do_placeholder(char **word, unsigned words)
{
	static const char text[] = "Display output is not active.";
	struct head *head = head_of(word[1]);
	if (words < 4 || !head)
		return false;
	take_pixels(head, strtoul(word[2], NULL, 10),
		    strtoul(word[3], NULL, 10));
	unsigned length = strlen(text);
	unsigned x = (head->width / 8 - length) / 2 * 8;
	unsigned y = (head->height / 16 - 1) / 2 * 16;
	for (unsigned i = 0; i < length; i++)
		if (text[i] != ' ')
			head->pixels[(y + i % 16) * head->width + x + i * 8 +
				     i % 8] = 0xaaaaaa;
	send_scanout(head, true);
	return true;
}

static bool do_cursor(char **word, unsigned words)
{
	struct head *head = &player.heads[0];
	if (words == 2) {
		call_listener(
		    head, "MouseSet",
		    g_variant_new("(iii)", 0, 0, strcmp(word[1], "show") == 0),
		    true);
		return true;
	}
	if (words < 5)
		return false;
	int v[4];
	for (int i = 0; i < 4; i++)
		v[i] = atoi(word[1 + i]);
	size_t count = (size_t)MAX(v[0], 0) * MAX(v[1], 0);
	g_autofree uint32_t *pixels = g_new0(uint32_t, count + 1);
	for (size_t i = 0; i < count; i++) /* opaque, half, clear in turn */
		pixels[i] = i % 3 == 0   ? 0xff102030
			    : i % 3 == 1 ? 0x80402010
					 : 0;
	call_listener(head, "CursorDefine",
		      g_variant_new("(iiii@ay)", v[0], v[1], v[2], v[3],
				    bytes_variant(pixels, count * 4)),
		      true);
	return true;
}

static bool do_bad(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 8 || !head)
		return false;
	int v[6];
	for (int i = 0; i < 6; i++)
		v[i] = atoi(word[2 + i]);
	g_autofree uint8_t *bytes = g_malloc0(MAX(v[5], 1));
	call_listener(head, "Update",
		      g_variant_new("(iiiiuu@ay)", v[0], v[1], v[2], v[3],
				    (guint)v[4], XRGB,
				    bytes_variant(bytes, MAX(v[5], 0))),
		      true);
	return true;
}

static bool do_play(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 5 || !head || !head->pixels)
		return false;
	unsigned fps = CLAMP(atoi(word[2]), 1, 1000);
	head->frame = 0;
	head->frames = atoi(word[3]);
	head->whole = strcmp(word[4], "whole") == 0;
	if (head->timer)
		g_source_remove(head->timer);
	head->timer = g_timeout_add(1000 / fps, on_frame, head);
	say("done");
	return true;
}

static bool do_dump(char **word, unsigned words)
{
	struct head *head = head_of(word[1]);
	if (words < 3 || !head || !head->pixels)
		return false;
	if (!g_file_set_contents(word[2], (const char *)head->pixels,
				 (gssize)head->width * head->height * 4, NULL))
		return false;
	say("done");
	return true;
}

static bool do_port(const char *hex)
{
	size_t length = strlen(hex) / 2;
	g_autofree uint8_t *bytes = g_malloc(length + 1);
	for (size_t i = 0; i < length; i++)
		bytes[i] = g_ascii_xdigit_value(hex[2 * i]) << 4 |
			   g_ascii_xdigit_value(hex[2 * i + 1]);
	if (player.port_fd < 0 ||
	    write(player.port_fd, bytes, length) != (ssize_t)length)
		return false;
	say("done");
	return true;
}

static bool obey(char **word, unsigned words)
{
	const char *command = words ? word[0] : "";
	if (strcmp(command, "paint") == 0)
		return do_paint(word, words);
	if (strcmp(command, "resize") == 0)
		return do_resize(word, words);
	if (strcmp(command, "placeholder") == 0)
		return do_placeholder(word, words);
	if (strcmp(command, "cursor") == 0)
		return do_cursor(word, words);
	if (strcmp(command, "bad") == 0)
		return do_bad(word, words);
	if (strcmp(command, "play") == 0)
		return do_play(word, words);
	if (strcmp(command, "dump") == 0)
		return do_dump(word, words);
	if (strcmp(command, "port") == 0 && words > 1)
		return do_port(word[1]);
	if (strcmp(command, "echo") == 0 && words > 1)
		player.echo_head =
		    strcmp(word[1], "off") == 0 ? -1 : atoi(word[1]);
	else if (strcmp(command, "port-open") == 0 && words > 1 && player.port)
		qemu_display1_chardev_set_feopened(player.port, atoi(word[1]));
	else if (strcmp(command, "leds") == 0 && words > 1)
		qemu_display1_keyboard_set_modifiers(player.heads[0].keyboard,
						     atoi(word[1]));
	else if (strcmp(command, "relative") == 0 && words > 1)
		qemu_display1_mouse_set_is_absolute(player.heads[0].mouse,
						    !atoi(word[1]));
	else if (strcmp(command, "hang") == 0 && words > 1)
		player.hang = atoi(word[1]);
	else if (strcmp(command, "drop") == 0)
		drop_connection();
	else if (strcmp(command, "quit") == 0)
		g_main_loop_quit(player.loop);
	else
		return false;
	say("done");
	return true;
}

static gboolean on_command(GIOChannel *channel, GIOCondition condition,
			   gpointer data)
{
	g_autofree char *line = NULL;
	gsize length;
	if (g_io_channel_read_line(channel, &line, &length, NULL, NULL) !=
	    G_IO_STATUS_NORMAL) {
		g_main_loop_quit(player.loop);
		return G_SOURCE_REMOVE;
	}
	g_auto(GStrv) word = g_strsplit(g_strstrip(line), " ", -1);
	if (!obey(word, g_strv_length(word)))
		say("failed not understood; the commands are:\n%s", help);
	return G_SOURCE_CONTINUE;
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) ||
	    listen(fd, 8))
		g_error("cannot listen on %s: %s", path, g_strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc && player.count < HEADS_MAX; i++) {
		unsigned width, height;
		if (strcmp(argv[i], "--map") == 0) {
			player.use_map = true;
		} else if (sscanf(argv[i], "%ux%u", &width, &height) == 2) {
			struct head *head = &player.heads[player.count];
			head->number = player.count++;
			take_pixels(head, width, height);
			if (width)
				paint(head, "text", head->number, 0, 0, width,
				      height);
		}
	}
	if (argc < 3 || !player.count) {
		fprintf(stderr,
			"usage: display1-player PATH WIDTHxHEIGHT... [--map]\n"
			"%s",
			help);
		return 2;
	}
	player.loop = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(listen_on(argv[1]), G_IO_IN, on_connection, NULL);
	g_autoptr(GIOChannel) in = g_io_channel_unix_new(0);
	g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_command, NULL);
	say("listening");
	g_main_loop_run(player.loop);
	drop_connection();
	return 0;
}
