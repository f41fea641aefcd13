/* org.qemu.Display1.Audio: a listener is a connection of its own, on which the
 * machine is the client and authenticates us. QEMU waits, its main loop
 * included, for the answer to each Read: it is given at once. */
#include "display/audio-private.h"

#include <gio/gunixfdlist.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/display1.h"
#include "common/log.h"

#define ROOT "/org/qemu/Display1/"

struct audio_listener {      /* counted: by its owner and by calls under way */
	struct audio *audio; /* NULL: it has ended */
	bool out;
	GCancellable *cancel;
	GDBusConnection *connection;
	GDBusInterfaceSkeleton *skeleton;
};

static void on_last_unref(void *data)
{
	struct audio_listener *self = data;
	g_clear_object(&self->cancel);
}

static void listener_unref(struct audio_listener *self)
{
	g_rc_box_release_full(self, on_last_unref);
}

/* ---- what the machine says; both interfaces begin alike ---- */

static gboolean on_init(GDBusInterfaceSkeleton *skeleton,
			GDBusMethodInvocation *call, guint64 id, guchar bits,
			gboolean is_signed, gboolean is_float, guint rate,
			guchar channels, guint frame_bytes,
			guint bytes_a_second, gboolean big_endian,
			struct audio_listener *self)
{
	const struct audio_format format = {
	    .bits = bits,
	    .is_signed = is_signed,
	    .is_float = is_float,
	    .big_endian = big_endian,
	    .rate = rate,
	    .channels = channels,
	};
	audio_stream_open(self->audio, self->out, id, &format);
	g_dbus_method_invocation_return_value(call, NULL);
	return TRUE;
}

static gboolean on_fini(GDBusInterfaceSkeleton *skeleton,
			GDBusMethodInvocation *call, guint64 id,
			struct audio_listener *self)
{
	audio_stream_close(self->audio, self->out, id);
	g_dbus_method_invocation_return_value(call, NULL);
	return TRUE;
}

static gboolean on_enabled(GDBusInterfaceSkeleton *skeleton,
			   GDBusMethodInvocation *call, guint64 id,
			   gboolean enabled, struct audio_listener *self)
{
	audio_stream_enable(self->audio, self->out, id, enabled);
	g_dbus_method_invocation_return_value(call, NULL);
	return TRUE;
}

static gboolean on_volume(GDBusInterfaceSkeleton *skeleton,
			  GDBusMethodInvocation *call, guint64 id,
			  gboolean mute, GVariant *levels,
			  struct audio_listener *self)
{
	gsize count;
	const uint8_t *bytes = g_variant_get_fixed_array(levels, &count, 1);
	if (self->out)
		audio_stream_volume(self->audio, id, mute, bytes, count);
	g_dbus_method_invocation_return_value(call, NULL);
	return TRUE;
}

static gboolean on_write(GDBusInterfaceSkeleton *skeleton,
			 GDBusMethodInvocation *call, guint64 id,
			 GVariant *data, struct audio_listener *self)
{
	gsize length;
	const uint8_t *bytes = g_variant_get_fixed_array(data, &length, 1);
	audio_stream_write(self->audio, id, bytes, length);
	g_dbus_method_invocation_return_value(call, NULL);
	return TRUE;
}

static gboolean on_read(GDBusInterfaceSkeleton *skeleton,
			GDBusMethodInvocation *call, guint64 id, guint64 size,
			struct audio_listener *self)
{
	g_autoptr(GByteArray) said = audio_stream_read(self->audio, id, size);
	g_dbus_method_invocation_return_value(
	    call, g_variant_new("(@ay)", g_variant_new_fixed_array(
					     G_VARIANT_TYPE_BYTE, said->data,
					     said->len, 1)));
	return TRUE;
}

/* ---- life ---- */

static void export(struct audio_listener *self)
{
	g_autoptr(GError) error = NULL;
	self->skeleton =
	    self->out ? G_DBUS_INTERFACE_SKELETON(
			    qemu_display1_audio_out_listener_skeleton_new())
		      : G_DBUS_INTERFACE_SKELETON(
			    qemu_display1_audio_in_listener_skeleton_new());
	g_object_connect(self->skeleton, "signal::handle-init", on_init, self,
			 "signal::handle-fini", on_fini, self,
			 "signal::handle-set-enabled", on_enabled, self,
			 "signal::handle-set-volume", on_volume, self, NULL);
	if (self->out)
		g_signal_connect(self->skeleton, "handle-write",
				 G_CALLBACK(on_write), self);
	else
		g_signal_connect(self->skeleton, "handle-read",
				 G_CALLBACK(on_read), self);
	if (!g_dbus_interface_skeleton_export(
		self->skeleton, self->connection,
		self->out ? ROOT "AudioOutListener" : ROOT "AudioInListener",
		&error))
		log_fault(NULL, error);
	g_dbus_connection_start_message_processing(self->connection);
}

static void on_connected(GObject *object, GAsyncResult *result, gpointer data)
{
	struct audio_listener *self = data;
	g_autoptr(GDBusConnection) connection =
	    g_dbus_connection_new_finish(result, NULL);
	if (self->audio && connection) {
		self->connection = g_steal_pointer(&connection);
		export(self);
	}
	listener_unref(self);
}

static void on_registered(GObject *object, GAsyncResult *result, gpointer data)
{
	struct audio_listener *self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusMessage) reply =
	    g_dbus_connection_send_message_with_reply_finish(
		G_DBUS_CONNECTION(object), result, &error);
	if (reply)
		g_dbus_message_to_gerror(reply, &error);
	if (self->audio && error)
		log_debug(NULL, "no sound: %s", error->message);
	listener_unref(self);
}

/* With a sender, which nobody has on a connection of two: QEMU 7.2 keeps its
 * listeners by that name, and ends where there is none. */
static void call_register(struct audio_listener *self, GDBusConnection *machine,
			  int fd)
{
	g_autofree char *sender = g_strdup_printf(":1.%u", g_random_int());
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&fd, 1);
	g_autoptr(GDBusMessage) call = g_dbus_message_new_method_call(
	    NULL, ROOT "Audio", "org.qemu.Display1.Audio",
	    self->out ? "RegisterOutListener" : "RegisterInListener");
	g_dbus_message_set_sender(call, sender);
	g_dbus_message_set_body(call, g_variant_new("(h)", 0));
	g_dbus_message_set_unix_fd_list(call, fds);
	g_dbus_connection_send_message_with_reply(
	    machine, call, G_DBUS_SEND_MESSAGE_FLAGS_NONE, G_MAXINT, NULL,
	    self->cancel, on_registered, g_rc_box_acquire(self));
}

struct audio_listener *audio_listener_new(struct audio *audio,
					  GDBusConnection *machine, bool out)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return NULL;
	struct audio_listener *self = g_rc_box_new0(struct audio_listener);
	self->audio = audio;
	self->out = out;
	self->cancel = g_cancellable_new();
	call_register(self, machine, pair[1]);
	/* The machine may answer only once we have authenticated. */
	g_autoptr(GSocket) socket = g_socket_new_from_fd(pair[0], NULL);
	if (!socket) {
		close(pair[0]);
		return self;
	}
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	g_dbus_connection_new(
	    G_IO_STREAM(stream), NULL,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
		G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
	    NULL, self->cancel, on_connected, g_rc_box_acquire(self));
	return self;
}

void audio_listener_free(struct audio_listener *self)
{
	self->audio = NULL;
	g_cancellable_cancel(self->cancel);
	if (self->skeleton) {
		g_dbus_interface_skeleton_unexport(self->skeleton);
		g_signal_handlers_disconnect_by_data(self->skeleton, self);
	}
	g_clear_object(&self->skeleton);
	if (self->connection)
		g_dbus_connection_close(self->connection, NULL, NULL, NULL);
	g_clear_object(&self->connection);
	listener_unref(self);
}
