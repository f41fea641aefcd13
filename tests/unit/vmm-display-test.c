/* vmm-display-test.c - contract B of oriel-vmm, with a bare-metal guest that
 * paints (tests/guests/gpu.c) and a Display1 client in this process. */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/display1.h"
#include "common/paths.h"
#include "common/qmp.h"

enum { W = 320, H = 200 };

struct world {
	char *folder, *socket;
	GPid vmm;
	struct qmp *qmp;
	GDBusConnection *display;
	/* what the listener saw */
	bool maps, hang;
	unsigned scanouts, updates;
	gint64 area;
	unsigned width, height, stride;
	guint32 *pixels;
	gsize bytes;
	int last[4];
};

static bool usable(void)
{
	int kvm = open("/dev/kvm", O_RDWR), vm;

	if (kvm < 0)
		return false;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm >= 0)
		close(vm);
	close(kvm);
	return vm >= 0;
}

static gboolean on_timeout(gpointer data)
{
	g_error("nothing happened for 30 s");
	return G_SOURCE_REMOVE;
}

#define until(condition)                                                       \
	do {                                                                   \
		guint limit = g_timeout_add_seconds(30, on_timeout, NULL);     \
                                                                               \
		while (!(condition))                                           \
			g_main_context_iteration(NULL, TRUE);                  \
		g_source_remove(limit);                                        \
	} while (0)

struct answer {
	bool done;
	json_t *reply;
	struct qmp *qmp;
};

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	struct answer *answer = data;
	g_autoptr(GError) error = NULL;

	answer->qmp = qmp_connect_finish(result, &error);
	answer->done = true;
}

static void on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	struct answer *answer = data;
	g_autoptr(GError) error = NULL;

	answer->reply = qmp_call_finish(answer->qmp, result, &error);
	g_assert_no_error(error);
	answer->done = true;
}

static json_t *ask(struct world *w, const char *command, json_t *arguments,
		   int fd)
{
	struct answer answer = {.qmp = w->qmp};

	qmp_call_async(w->qmp, command, arguments, fd, 0, NULL, on_answer,
		       &answer);
	until(answer.done);
	return answer.reply;
}

static void open_world(struct world *w, const char *guest, const char *cmdline,
		       const char *const *more)
{
	g_autofree char *program = paths_program("oriel-vmm");
	g_autofree char *directory = g_path_get_dirname(program);
	g_autofree char *kernel = NULL, *said = NULL;
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_auto(GStrv) arguments = NULL;
	g_autoptr(GError) error = NULL;
	struct answer answer = {0};
	int pair[2];

	memset(w, 0, sizeof *w);
	w->folder = g_dir_make_tmp("oriel-XXXXXX", NULL);
	w->socket = g_build_filename(w->folder, "qmp.sock", NULL);
	said = g_strdup_printf("file:%s/said", w->folder);
	kernel = g_strdup_printf("%s/../guests/%s.elf", directory, guest);
	g_strv_builder_add_many(argv, program, "--memory", "64", "--kernel",
				kernel, "--cmdline", cmdline, "--qmp",
				w->socket, "--debugcon", said, NULL);
	for (; *more; more++)
		g_strv_builder_add(argv, *more);
	arguments = g_strv_builder_end(argv);
	g_spawn_async(NULL, arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
		      NULL, &w->vmm, &error);
	g_assert_no_error(error);
	for (int i = 0; i < 1000 && !answer.qmp; i++) {
		answer.done = false;
		qmp_connect_async(w->socket, 5000, NULL, on_connected, &answer);
		until(answer.done);
		if (!answer.qmp)
			g_usleep(10000);
	}
	g_assert_nonnull(answer.qmp);
	w->qmp = answer.qmp;

	g_assert_cmpint(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	json_decref(
	    ask(w, "getfd", json_pack("{s:s}", "fdname", "display"), pair[1]));
	json_decref(ask(w, "add_client",
			json_pack("{s:s,s:s}", "protocol", "@dbus-display",
				  "fdname", "display"),
			-1));
	close(pair[1]);
	{
		g_autoptr(GSocket) socket =
		    g_socket_new_from_fd(pair[0], &error);
		g_autoptr(GSocketConnection) stream =
		    g_socket_connection_factory_create_connection(socket);

		w->display = g_dbus_connection_new_sync(
		    G_IO_STREAM(stream), NULL,
		    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
		    &error);
		g_assert_no_error(error);
	}
}

static char *said_in(const struct world *w)
{
	g_autofree char *path = g_build_filename(w->folder, "said", NULL);
	char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static void until_said(const struct world *w, const char *words)
{
	for (int i = 0; i < 1500; i++) {
		g_autofree char *so_far = said_in(w);

		if (strstr(so_far, words))
			break;
		g_usleep(20000);
	}
}

static void forget_world(struct world *w)
{
	g_autofree char *path = g_build_filename(w->folder, "said", NULL);

	unlink(path);
	rmdir(w->folder);
	g_free(w->folder);
	g_free(w->socket);
}

static void close_world(struct world *w)
{
	int status;

	g_clear_object(&w->display);
	qmp_unref(w->qmp);
	kill(w->vmm, SIGTERM);
	g_assert_cmpint(waitpid(w->vmm, &status, 0), ==, w->vmm);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 0);
	if (w->pixels)
		munmap(w->pixels, w->bytes);
	forget_world(w);
}

static GVariant *call(struct world *w, const char *path, const char *method,
		      GVariant *arguments, GError **error)
{
	g_autofree char *interface = g_strdup(method);
	char *dot = strrchr(interface, '.');
	g_autofree char *full = NULL;
	g_autofree char *object =
	    g_strconcat("/org/qemu/Display1/", path, NULL);

	*dot = '\0';
	full = g_str_has_prefix(interface, "org.")
		   ? g_strdup(interface)
		   : g_strconcat("org.qemu.Display1.", interface, NULL);
	return g_dbus_connection_call_sync(w->display, NULL, object, full,
					   dot + 1, arguments, NULL, 0, 20000,
					   NULL, error);
}

/* ---- the listener ---- */

static gboolean on_scanout_map(QemuDisplay1ListenerUnixMap *map,
			       GDBusMethodInvocation *invocation,
			       GUnixFDList *fds, GVariant *handle, guint offset,
			       guint width, guint height, guint stride,
			       guint format, gpointer data)
{
	struct world *w = data;
	int fd = g_unix_fd_list_get(fds, g_variant_get_handle(handle), NULL);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpuint(format, ==, 0x20020888);
	g_assert_cmpuint(offset, ==, 0);
	if (w->pixels)
		munmap(w->pixels, w->bytes);
	w->bytes = (gsize)stride * height;
	w->pixels = mmap(NULL, w->bytes, PROT_READ, MAP_SHARED, fd, 0);
	g_assert_true(w->pixels != MAP_FAILED);
	/* nobody can pull it away under us */
	g_assert_cmpint(ftruncate(fd, 1), ==, -1);
	close(fd);
	w->width = width;
	w->height = height;
	w->stride = stride;
	w->scanouts++;
	if (!w->hang)
		qemu_display1_listener_unix_map_complete_scanout_map(
		    map, invocation, NULL);
	return TRUE;
}

static gboolean on_update_map(QemuDisplay1ListenerUnixMap *map,
			      GDBusMethodInvocation *invocation, gint x, gint y,
			      gint width, gint height, gpointer data)
{
	struct world *w = data;

	w->updates++;
	w->area += (gint64)width * height;
	memcpy(w->last, (int[4]){x, y, width, height}, sizeof w->last);
	qemu_display1_listener_unix_map_complete_update_map(map, invocation);
	return TRUE;
}

static gboolean on_scanout(QemuDisplay1Listener *listener,
			   GDBusMethodInvocation *invocation, guint width,
			   guint height, guint stride, guint format,
			   GVariant *bytes, gpointer data)
{
	struct world *w = data;
	gsize count;
	const void *pixels = g_variant_get_fixed_array(bytes, &count, 1);

	g_assert_cmpuint(count, ==, (gsize)stride * height);
	w->width = width;
	w->height = height;
	w->stride = stride;
	w->bytes = count;
	w->pixels = mmap(NULL, count, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(w->pixels, pixels, count);
	w->scanouts++;
	qemu_display1_listener_complete_scanout(listener, invocation);
	return TRUE;
}

static gboolean on_update(QemuDisplay1Listener *listener,
			  GDBusMethodInvocation *invocation, gint x, gint y,
			  gint width, gint height, guint stride, guint format,
			  GVariant *bytes, gpointer data)
{
	struct world *w = data;
	gsize count;
	const char *rows = g_variant_get_fixed_array(bytes, &count, 1);

	g_assert_cmpuint(count, ==, (gsize)stride * (guint)height);
	for (int row = 0; row < height; row++)
		memcpy((char *)w->pixels + (y + row) * (int)w->stride + 4 * x,
		       rows + row * (int)stride, 4 * (gsize)width);
	w->updates++;
	w->area += (gint64)width * height;
	memcpy(w->last, (int[4]){x, y, width, height}, sizeof w->last);
	qemu_display1_listener_complete_update(listener, invocation);
	return TRUE;
}

/* The listener's side of a connection that the machine serves. */
static GDBusConnection *connect_peer(int fd)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, NULL);
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	GDBusConnection *connection = g_dbus_connection_new_sync(
	    G_IO_STREAM(stream), NULL,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
		G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
	    NULL, NULL, &error);

	g_assert_no_error(error);
	return connection;
}

static GDBusConnection *listen_on(struct world *w, bool maps)
{
	const char *const interfaces[] = {"org.qemu.Display1.Listener.Unix.Map",
					  NULL};
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
	g_signal_connect(map, "handle-scanout-map", G_CALLBACK(on_scanout_map),
			 w);
	g_signal_connect(map, "handle-update-map", G_CALLBACK(on_update_map),
			 w);
	g_signal_connect(listener, "handle-scanout", G_CALLBACK(on_scanout), w);
	g_signal_connect(listener, "handle-update", G_CALLBACK(on_update), w);
	g_assert_cmpint(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	index = g_unix_fd_list_append(fds, pair[1], NULL);
	close(pair[1]);
	reply = g_dbus_connection_call_with_unix_fd_list_sync(
	    w->display, NULL, "/org/qemu/Display1/Console_0",
	    "org.qemu.Display1.Console", "RegisterListener",
	    g_variant_new("(h)", index), NULL, 0, 20000, fds, NULL, NULL,
	    &error);
	g_assert_no_error(error);
	connection = connect_peer(pair[0]);
	g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(listener),
					 connection,
					 "/org/qemu/Display1/Listener", NULL);
	g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(map),
					 connection,
					 "/org/qemu/Display1/Listener", NULL);
	g_dbus_connection_start_message_processing(connection);
	/* an exported object is not kept by its connection */
	g_object_set_data_full(G_OBJECT(connection), "listener", listener,
			       g_object_unref);
	g_object_set_data_full(G_OBJECT(connection), "map", map,
			       g_object_unref);
	return connection;
}

static guint32 pixel(const struct world *w, unsigned x, unsigned y)
{
	return w->pixels[y * w->stride / 4 + x] & 0xffffff;
}

static const char *const painter[] = {"--device", "virtio-gpu", "--heads", "2",
				      NULL};

static void check_picture(struct world *w)
{
	g_assert_cmpuint(w->width, ==, W);
	g_assert_cmpuint(w->height, ==, H);
	g_assert_cmphex(pixel(w, 0, 0), ==, 0xff0000);
	g_assert_cmphex(pixel(w, W / 2, 0), ==, 0x0000ff);
	g_assert_cmphex(pixel(w, 200, 100), ==, 0x00ff00);
	g_assert_cmphex(pixel(w, 216, 100), ==, 0x0000ff);
}

static void test_maps(void)
{
	g_autoptr(GDBusConnection) listener = NULL;
	struct world w;

	open_world(&w, "gpu", "stay", painter);
	listener = listen_on(&w, true);
	until(w.updates >= 3 && w.last[2] == 8);
	check_picture(&w);
	/* the guest transfers 8x8 and flushes the whole screen */
	g_assert_cmpint(w.last[2] * w.last[3], ==, 64);
	close_world(&w);
}

static void test_copies(void)
{
	g_autoptr(GDBusConnection) listener = NULL;
	struct world w;

	open_world(&w, "gpu", "stay", painter);
	listener = listen_on(&w, false);
	until(w.updates >= 8);
	check_picture(&w);
	g_assert_cmpint(w.last[2] * w.last[3], ==, 64);
	close_world(&w);
}

/* One listener never answers: the guest and the other one do not notice. */
static void test_hang(void)
{
	g_autoptr(GDBusConnection) stuck = NULL, listener = NULL;
	struct world w, other = {.hang = true};

	open_world(&w, "gpu", "stay", painter);
	other.display = w.display;
	stuck = listen_on(&other, true);
	until(other.scanouts == 1);
	listener = listen_on(&w, true);
	until(w.updates >= 20);
	g_assert_cmpuint(other.updates, ==, 0);
	munmap(other.pixels, other.bytes);
	close_world(&w);
}

static void test_objects(void)
{
	g_autoptr(GVariant) ids = NULL;
	g_autoptr(GVariant) moved = NULL, resized = NULL, none = NULL;
	g_autoptr(GVariant) pressed = NULL, inner = NULL;
	g_autoptr(GError) error = NULL;
	struct world w;

	open_world(&w, "gpu", "stay", painter);
	ids = call(&w, "VM", "org.freedesktop.DBus.Properties.Get",
		   g_variant_new("(ss)", "org.qemu.Display1.VM", "ConsoleIDs"),
		   &error);
	g_assert_no_error(error);
	g_variant_get(ids, "(v)", &inner);
	g_assert_cmpuint(g_variant_n_children(inner), ==, 2);
	resized =
	    call(&w, "Console_1", "Console.SetUIInfo",
		 g_variant_new("(qqiiuu)", 0, 0, 0, 0, 1024, 768), &error);
	g_assert_no_error(error);
	/* no tablet: movements are relative, absolute ones are outside */
	moved = call(&w, "Console_0", "Mouse.RelMotion",
		     g_variant_new("(ii)", 5, -5), &error);
	g_assert_no_error(error);
	pressed = call(&w, "Console_0", "Keyboard.Press",
		       g_variant_new("(u)", 0xffffffff), &error);
	g_assert_no_error(error);
	none = call(&w, "Console_0", "Mouse.SetAbsPosition",
		    g_variant_new("(uu)", 100000, 1), &error);
	g_assert_null(none);
	g_assert_nonnull(error);
	g_clear_error(&error);
	none = call(&w, "Console_0", "Console.RegisterListener",
		    g_variant_new("(h)", 7), &error);
	g_assert_null(none);
	g_assert_nonnull(error);
	close_world(&w);
}

/* A size that comes while the guest is busy with the one before is not lost. */
static void test_sizes(void)
{
	static const struct {
		const char *when;
		unsigned width, height;
	} wishes[] = {{"waits\n", 1024, 768}, {"asked\n", 800, 600}};
	g_autofree char *said = NULL;
	struct world w;
	int status;

	open_world(&w, "gpu", "resized", painter);
	for (unsigned i = 0; i < G_N_ELEMENTS(wishes); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GVariant) reply = NULL;

		until_said(&w, wishes[i].when);
		reply = call(&w, "Console_0", "Console.SetUIInfo",
			     g_variant_new("(qqiiuu)", 0, 0, 0, 0,
					   wishes[i].width, wishes[i].height),
			     &error);
		g_assert_no_error(error);
	}
	g_assert_cmpint(waitpid(w.vmm, &status, 0), ==, w.vmm);
	g_clear_object(&w.display);
	qmp_unref(w.qmp);
	said = said_in(&w);
	g_test_message("%s", said);
	g_assert_nonnull(strstr(said, "\n1.."));
	g_assert_null(strstr(said, "not ok"));
	forget_world(&w);
}

struct hearing {
	guint rate, channels, enabled;
	GByteArray *sound;
};

static gboolean on_voice(QemuDisplay1AudioOutListener *listener,
			 GDBusMethodInvocation *invocation, guint64 id,
			 guchar bits, gboolean is_signed, gboolean is_float,
			 guint rate, guchar channels, guint frame_bytes,
			 guint bytes_per_second, gboolean big_endian,
			 gpointer data)
{
	struct hearing *heard = data;

	g_assert_cmpuint(bits, ==, 16);
	g_assert_true(is_signed && !is_float && !big_endian);
	g_assert_cmpuint(frame_bytes, ==, 2 * channels);
	heard->rate = rate;
	heard->channels = channels;
	qemu_display1_audio_out_listener_complete_init(listener, invocation);
	return TRUE;
}

static gboolean on_voice_enabled(QemuDisplay1AudioOutListener *listener,
				 GDBusMethodInvocation *invocation, guint64 id,
				 gboolean enabled, gpointer data)
{
	struct hearing *heard = data;

	heard->enabled = (guint)enabled;
	qemu_display1_audio_out_listener_complete_set_enabled(listener,
							      invocation);
	return TRUE;
}

static gboolean on_volume(QemuDisplay1AudioOutListener *listener,
			  GDBusMethodInvocation *invocation, guint64 id,
			  gboolean mute, GVariant *volume, gpointer data)
{
	qemu_display1_audio_out_listener_complete_set_volume(listener,
							     invocation);
	return TRUE;
}

static gboolean on_sound(QemuDisplay1AudioOutListener *listener,
			 GDBusMethodInvocation *invocation, guint64 id,
			 GVariant *bytes, gpointer data)
{
	struct hearing *heard = data;
	gsize count;
	const void *sound = g_variant_get_fixed_array(bytes, &count, 1);

	g_byte_array_append(heard->sound, sound, (guint)count);
	qemu_display1_audio_out_listener_complete_write(listener, invocation);
	return TRUE;
}

/* What the guest plays, a ramp, arrives without a gap. */
static void test_sound(void)
{
	static const char *const devices[] = {"--device", "intel-hda", NULL};
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
	g_autoptr(GVariant) reply = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) connection = NULL;
	QemuDisplay1AudioOutListener *listener =
	    qemu_display1_audio_out_listener_skeleton_new();
	struct hearing heard = {.sound = g_byte_array_new()};
	const gint16 *samples;
	struct world w;
	int pair[2];

	open_world(&w, "hda", "play", devices);
	until_said(&w, "plays\n");
	g_assert_cmpint(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_unix_fd_list_append(fds, pair[1], NULL);
	close(pair[1]);
	reply = g_dbus_connection_call_with_unix_fd_list_sync(
	    w.display, NULL, "/org/qemu/Display1/Audio",
	    "org.qemu.Display1.Audio", "RegisterOutListener",
	    g_variant_new("(h)", 0), NULL, 0, 20000, fds, NULL, NULL, &error);
	g_assert_no_error(error);
	connection = connect_peer(pair[0]);
	g_signal_connect(listener, "handle-init", G_CALLBACK(on_voice), &heard);
	g_signal_connect(listener, "handle-set-enabled",
			 G_CALLBACK(on_voice_enabled), &heard);
	g_signal_connect(listener, "handle-set-volume", G_CALLBACK(on_volume),
			 &heard);
	g_signal_connect(listener, "handle-write", G_CALLBACK(on_sound),
			 &heard);
	g_dbus_interface_skeleton_export(
	    G_DBUS_INTERFACE_SKELETON(listener), connection,
	    "/org/qemu/Display1/AudioOutListener", NULL);
	g_dbus_connection_start_message_processing(connection);
	until(heard.sound->len > 4 * 9600 && heard.enabled);
	g_assert_cmpuint(heard.rate, ==, 48000);
	g_assert_cmpuint(heard.channels, ==, 2);
	samples = (const gint16 *)(gconstpointer)heard.sound->data;
	for (guint i = 0; i < heard.sound->len / 4; i++) {
		g_assert_cmpint(samples[2 * i], ==,
				(samples[0] + (gint)i) % 4800);
		g_assert_cmpint(samples[2 * i + 1], ==, -samples[2 * i]);
	}
	g_byte_array_unref(heard.sound);
	g_object_unref(listener);
	close_world(&w);
}

/* A port's bytes go through Register(), and the keyboard reaches the guest. */
static void test_ports(void)
{
	static const char *const devices[] = {
	    "--device",
	    "virtio-console,port1=dbus:org.oriel.test,name1=org.oriel.test",
	    "--device",
	    "virtio-keyboard",
	    "--device",
	    "virtio-net,mac=52:54:00:12:34:56",
	    "--device",
	    "virtio-balloon",
	    "--paused",
	    NULL};
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
	g_autoptr(GVariant) reply = NULL, down = NULL, up = NULL;
	g_autoptr(GError) error = NULL;
	struct world w;
	g_autofree char *said = NULL;
	char text[16] = "";
	int pair[2], index, status;

	open_world(&w, "ports", "console", devices);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	index = g_unix_fd_list_append(fds, pair[1], NULL);
	close(pair[1]);
	reply = g_dbus_connection_call_with_unix_fd_list_sync(
	    w.display, NULL, "/org/qemu/Display1/Chardev_org_oriel_test",
	    "org.qemu.Display1.Chardev", "Register",
	    g_variant_new("(h)", index), NULL, 0, 20000, fds, NULL, NULL,
	    &error);
	g_assert_no_error(error);
	json_decref(ask(&w, "cont", NULL, -1));
	g_assert_cmpint(read(pair[0], text, 11), ==, 11);
	g_assert_cmpstr(text, ==, "hello host\n");
	g_assert_cmpint(write(pair[0], "reply", 5), ==, 5);
	until_said(&w, "press A");
	down = call(&w, "Console_0", "Keyboard.Press",
		    g_variant_new("(u)", 0x1e), &error);
	g_assert_no_error(error);
	/* the guest may power off before this is answered */
	up = call(&w, "Console_0", "Keyboard.Release",
		  g_variant_new("(u)", 0x1e), NULL);
	g_assert_cmpint(waitpid(w.vmm, &status, 0), ==, w.vmm);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 0);
	g_clear_object(&w.display);
	qmp_unref(w.qmp);
	close(pair[0]);
	said = said_in(&w);
	g_assert_nonnull(strstr(said, "\n1.."));
	g_assert_null(strstr(said, "not ok"));
	forget_world(&w);
}

/* Several fingers at once, through MultiTouch. */
static void test_touch(void)
{
	static const char *const devices[] = {"--device", "virtio-gpu",
					      "--device", "virtio-touch", NULL};
	static const struct {
		unsigned kind, slot;
		double x, y;
	} touches[] = {
	    {1, 3, 9, 9}, /* moves without a beginning: nothing */
	    {0, 0, 100, 100}, {0, 1, 500, 300}, {0, 1, 1, 1}, /* twice */
	    {1, 1, 600, 310}, {2, 0, 0, 0},     {2, 0, 0, 0}, {3, 1, 0, 0},
	};
	g_autoptr(GVariant) none = NULL;
	g_autoptr(GError) error = NULL;
	struct world w;
	g_autofree char *said = NULL;
	int status;

	open_world(&w, "touch", "console", devices);
	until_said(&w, "touch\n");
	none = call(&w, "Console_0", "MultiTouch.SendEvent",
		    g_variant_new("(utdd)", 0, (guint64)10, 1.0, 1.0), &error);
	g_assert_null(none);
	g_clear_error(&error);
	for (unsigned i = 0; i < G_N_ELEMENTS(touches); i++) {
		/* the guest may power off before the last is answered */
		g_autoptr(GVariant) reply =
		    call(&w, "Console_0", "MultiTouch.SendEvent",
			 g_variant_new("(utdd)", touches[i].kind,
				       (guint64)touches[i].slot, touches[i].x,
				       touches[i].y),
			 i + 1 < G_N_ELEMENTS(touches) ? &error : NULL);

		g_assert_no_error(error);
	}
	g_assert_cmpint(waitpid(w.vmm, &status, 0), ==, w.vmm);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 0);
	g_clear_object(&w.display);
	qmp_unref(w.qmp);
	said = said_in(&w);
	g_test_message("%s", said);
	g_assert_nonnull(strstr(said, "\n1.."));
	g_assert_null(strstr(said, "not ok"));
	forget_world(&w);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	if (!usable()) {
		g_print("1..0 # skip /dev/kvm makes no machines here\n");
		return 0;
	}
	g_test_add_func("/vmm-display/scanout-by-map", test_maps);
	g_test_add_func("/vmm-display/scanout-by-copy", test_copies);
	g_test_add_func("/vmm-display/hanging-listener", test_hang);
	g_test_add_func("/vmm-display/objects", test_objects);
	g_test_add_func("/vmm-display/sizes", test_sizes);
	g_test_add_func("/vmm-display/ports-and-keys", test_ports);
	g_test_add_func("/vmm-display/touch", test_touch);
	g_test_add_func("/vmm-display/sound", test_sound);
	return g_test_run();
}
