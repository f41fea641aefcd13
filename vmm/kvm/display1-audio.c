#include "vmm/kvm/display1-audio.h"

#include <gio/gunixfdlist.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/display1.h"
#include "vmm/kvm/audio.h"
#include "vmm/kvm/vm.h"

#define LISTENERS_MAX 8u
#define WRITES_MAX    32u
#define PIECE         16384u /* bytes of one Write */
#define RECORD        3840u  /* bytes of one Read: 20 ms of stereo at 48 kHz */
#define PATH          "/org/qemu/Display1/"

static const struct {
	const char *interface, *path;
	guint64 id;
} ways[AUDIO_WAYS] = {
    [AUDIO_OUT] = {"org.qemu.Display1.AudioOutListener",
		   PATH "AudioOutListener", 1},
    [AUDIO_IN] = {"org.qemu.Display1.AudioInListener", PATH "AudioInListener",
		  2},
};

struct listener {
	struct vm *vm;
	enum audio_way way;
	GDBusConnection *connection;
	GCancellable *cancel;
	gulong closed;
	unsigned calls; /* under way */
	struct audio_voice told;
	bool initialized;
};

static GPtrArray *listeners; /* of the process's one machine */

static void pump(void *data);
static void tell(struct listener *l);

static void listener_free(void *data)
{
	struct listener *l = data;

	g_cancellable_cancel(l->cancel);
	if (l->connection) {
		g_signal_handler_disconnect(l->connection, l->closed);
		g_dbus_connection_close(l->connection, NULL, NULL, NULL);
		g_object_unref(l->connection);
	}
	g_object_unref(l->cancel);
	g_free(l);
}

static void on_done(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(
	    G_DBUS_CONNECTION(source), result, &error);
	struct listener *l = data;

	/* after a cancel the listener is no more */
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	l->calls--;
	if (reply && l->way == AUDIO_IN &&
	    g_variant_is_of_type(reply, G_VARIANT_TYPE("(ay)"))) {
		g_autoptr(GVariant) bytes = g_variant_get_child_value(reply, 0);
		gsize count;
		const void *sound = g_variant_get_fixed_array(bytes, &count, 1);

		/* whole frames, lest left and right change places */
		count = MIN(count, RECORD) / (2 * l->told.channels) *
			(2 * l->told.channels);
		audio_give(l->vm->audio, sound, count);
	}
	tell(l);
}

static void call(struct listener *l, const char *method, GVariant *arguments)
{
	l->calls++;
	g_dbus_connection_call(l->connection, NULL, ways[l->way].path,
			       ways[l->way].interface, method, arguments, NULL,
			       G_DBUS_CALL_FLAGS_NONE, G_MAXINT, l->cancel,
			       on_done, l);
}

/* A voice's format is told by ending it and beginning anew, as QEMU does. */
static void tell(struct listener *l)
{
	guint64 id = ways[l->way].id;
	struct audio_voice v;
	unsigned frame;

	audio_look(l->vm->audio, l->way, &v);
	if (l->calls >= WRITES_MAX ||
	    (l->initialized && v.serial == l->told.serial))
		return;
	frame = 2 * v.channels;
	if (!l->initialized || v.rate != l->told.rate ||
	    v.channels != l->told.channels) {
		if (l->initialized)
			call(l, "Fini", g_variant_new("(t)", id));
		call(l, "Init",
		     g_variant_new("(tybbuyuub)", id, 16, TRUE, FALSE, v.rate,
				   (guchar)v.channels, frame, frame * v.rate,
				   FALSE));
		l->told.enabled = false;
		l->told.mute = !v.mute;
	}
	if (v.mute != l->told.mute || v.volume[0] != l->told.volume[0] ||
	    v.volume[1] != l->told.volume[1])
		call(l, "SetVolume",
		     g_variant_new("(tb@ay)", id, v.mute,
				   g_variant_new_fixed_array(
				       G_VARIANT_TYPE_BYTE, v.volume,
				       MIN(v.channels, 2u), 1)));
	if (v.enabled != l->told.enabled)
		call(l, "SetEnabled", g_variant_new("(tb)", id, v.enabled));
	l->told = v;
	l->initialized = true;
}

static void write_all(const guint8 *sound, gsize bytes)
{
	guint8 *copy = g_memdup2(sound, bytes);
	g_autoptr(GVariant) data = g_variant_ref_sink(g_variant_new_from_data(
	    G_VARIANT_TYPE("ay"), copy, bytes, TRUE, g_free, copy));

	for (guint i = 0; i < listeners->len; i++) {
		struct listener *l = listeners->pdata[i];

		if (l->connection && l->way == AUDIO_OUT &&
		    l->calls < WRITES_MAX)
			call(l, "Write",
			     g_variant_new("(t@ay)", ways[AUDIO_OUT].id, data));
	}
}

/* Something of the voices has changed, or there is sound. */
static void pump(void *data)
{
	struct vm *vm = data;
	guint8 sound[PIECE];
	gsize bytes;

	for (guint i = 0; i < listeners->len; i++) {
		struct listener *l = listeners->pdata[i];

		if (l->connection)
			tell(l);
	}
	while ((bytes = audio_take(vm->audio, sound, sizeof sound)))
		write_all(sound, bytes);
	for (guint i = 0; i < listeners->len; i++) {
		struct listener *l = listeners->pdata[i];

		/* one microphone: the first that was registered */
		if (!l->connection || l->way != AUDIO_IN)
			continue;
		if (l->told.enabled && !l->calls &&
		    audio_room(vm->audio) > 4 * RECORD)
			call(l, "Read",
			     g_variant_new("(tt)", ways[AUDIO_IN].id,
					   (guint64)RECORD));
		break;
	}
}

/* ---- registration ---- */

static void on_closed(GDBusConnection *connection, gboolean remote,
		      GError *error, gpointer data)
{
	g_ptr_array_remove(listeners, data);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	GDBusConnection *connection =
	    g_dbus_connection_new_finish(result, &error);
	struct listener *l = data;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (!connection) {
		g_ptr_array_remove(listeners, l);
		return;
	}
	l->connection = connection;
	l->closed =
	    g_signal_connect(connection, "closed", G_CALLBACK(on_closed), l);
	pump(l->vm);
}

static bool add_listener(struct vm *vm, enum audio_way way,
			 GDBusMethodInvocation *invocation, GUnixFDList *fds,
			 GVariant *handle)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocket) socket = NULL;
	g_autoptr(GSocketConnection) stream = NULL;
	g_autofree char *guid = g_dbus_generate_guid();
	struct listener *l;
	int fd = -1;

	if (fds)
		fd = g_unix_fd_list_get(fds, g_variant_get_handle(handle),
					&error);
	if (fd >= 0 && listeners->len < LISTENERS_MAX) {
		socket = g_socket_new_from_fd(fd, &error);
		if (socket)
			fd = -1;
	}
	if (!socket) {
		g_dbus_method_invocation_return_error(
		    invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
		    "No connected socket came with the call, or there are %u "
		    "listeners already",
		    LISTENERS_MAX);
		if (fd >= 0)
			close(fd);
		return false;
	}
	l = g_new0(struct listener, 1);
	l->vm = vm;
	l->way = way;
	l->cancel = g_cancellable_new();
	g_ptr_array_add(listeners, l);
	stream = g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(
	    G_IO_STREAM(stream), guid,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS,
	    NULL, l->cancel, on_connected, l);
	return true;
}

static gboolean on_register_out(QemuDisplay1Audio *object,
				GDBusMethodInvocation *invocation,
				GUnixFDList *fds, GVariant *handle,
				gpointer data)
{
	if (add_listener(data, AUDIO_OUT, invocation, fds, handle))
		qemu_display1_audio_complete_register_out_listener(
		    object, invocation, NULL);
	return TRUE;
}

static gboolean on_register_in(QemuDisplay1Audio *object,
			       GDBusMethodInvocation *invocation,
			       GUnixFDList *fds, GVariant *handle,
			       gpointer data)
{
	if (add_listener(data, AUDIO_IN, invocation, fds, handle))
		qemu_display1_audio_complete_register_in_listener(
		    object, invocation, NULL);
	return TRUE;
}

void display1_audio_export(struct vm *vm, GDBusObjectManagerServer *manager)
{
	g_autoptr(GDBusObjectSkeleton) object = NULL;
	g_autoptr(QemuDisplay1Audio) audio = NULL;

	if (!vm->audio)
		return;
	if (!listeners) {
		listeners = g_ptr_array_new_with_free_func(listener_free);
		audio_watch(vm->audio, pump, vm);
	}
	object = g_dbus_object_skeleton_new(PATH "Audio");
	audio = qemu_display1_audio_skeleton_new();
	g_signal_connect(audio, "handle-register-out-listener",
			 G_CALLBACK(on_register_out), vm);
	g_signal_connect(audio, "handle-register-in-listener",
			 G_CALLBACK(on_register_in), vm);
	g_dbus_object_skeleton_add_interface(object,
					     G_DBUS_INTERFACE_SKELETON(audio));
	g_dbus_object_manager_server_export(manager, object);
}

void display1_audio_finish(void)
{
	g_clear_pointer(&listeners, g_ptr_array_unref);
}
