/* sound.c - a played machine's sound card: a tone that it plays in its own
 * time, and what it records. */
#include <gio/gunixfdlist.h>
#include <math.h>
#include <string.h>

#include "tests/tools/machine.h"

#define PIECE_MS     20
#define RATE         48000
#define CLAP_LOOK_MS 5 /* QEMU's, as the host role starts it */
#define OUT_ID       7
#define IN_ID        9

static struct {
	QemuDisplay1AudioInListener *in;
	double hz, phase;
	unsigned left_ms;
	GByteArray *recorded;
	char *file;
	gint64 began_us;
	unsigned done_ms;
} sound;

static GDBusConnection *connect_listener(GUnixFDList *fds, GVariant *handle)
{
	g_autoptr(GError) error = NULL;
	int fd = g_unix_fd_list_get(fds, g_variant_get_handle(handle), &error);
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, &error);
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

static gboolean on_register_in(QemuDisplay1Audio *audio,
			       GDBusMethodInvocation *call, GUnixFDList *fds,
			       GVariant *handle, gpointer data)
{
	qemu_display1_audio_complete_register_in_listener(audio, call, NULL);
	g_autoptr(GDBusConnection) connection = connect_listener(fds, handle);
	g_clear_object(&sound.in);
	if (connection)
		sound.in = qemu_display1_audio_in_listener_proxy_new_sync(
		    connection, G_DBUS_PROXY_FLAGS_NONE, NULL,
		    ROOT "/AudioInListener", NULL, NULL);
	return TRUE;
}

void sound_export(QemuDisplay1Audio *audio)
{
	g_signal_connect(audio, "handle-register-in-listener",
			 G_CALLBACK(on_register_in), NULL);
}

/* ---- playing ---- */

static gboolean play_on(gpointer data)
{
	unsigned frames = RATE * PIECE_MS / 1000;
	g_autofree int16_t *samples = g_new(int16_t, frames * 2);
	if (!machine.audio || !sound.left_ms) {
		if (machine.audio)
			qemu_display1_audio_out_listener_call_set_enabled(
			    machine.audio, OUT_ID, FALSE, NULL, NULL, NULL);
		say("tone ended");
		return G_SOURCE_REMOVE;
	}
	for (unsigned i = 0; i < frames; i++) {
		sound.phase += 2 * G_PI * sound.hz / RATE;
		samples[2 * i] = samples[2 * i + 1] =
		    GINT16_TO_LE((int16_t)(12000 * sin(sound.phase)));
	}
	qemu_display1_audio_out_listener_call_write(
	    machine.audio, OUT_ID,
	    g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, samples, frames * 4,
				      1),
	    NULL, NULL, NULL);
	sound.left_ms -= MIN(sound.left_ms, PIECE_MS);
	return G_SOURCE_CONTINUE;
}

/* The card begins to play; every_ms it is asked for more. */
static void begin(unsigned every_ms, GSourceFunc more)
{
	qemu_display1_audio_out_listener_call_init(
	    machine.audio, OUT_ID, 16, TRUE, FALSE, RATE, 2, 4, RATE * 4, FALSE,
	    NULL, NULL, NULL);
	qemu_display1_audio_out_listener_call_set_enabled(
	    machine.audio, OUT_ID, TRUE, NULL, NULL, NULL);
	g_timeout_add(every_ms, more, NULL);
}

bool sound_play(double hz, unsigned ms)
{
	if (!machine.audio)
		return false;
	sound.hz = hz;
	sound.phase = 0;
	sound.left_ms = ms;
	begin(PIECE_MS, play_on);
	return true;
}

/* ---- claps: a flash and a tone of the same moment ---- */

#define CLAP_PERIOD_MS 1000
#define CLAP_TONE_MS   150
#define CLAP_SIDE      32u
/* A film around the flash, which is a frame of it. */
#define CLAP_FILM_US (G_USEC_PER_SEC / 30)
#define CLAP_FILM_W  384u
#define CLAP_FILM_H  256u

static struct {
	unsigned left, count;
	gint64 began_us, done; /* frames */
	bool film;
	unsigned pictures; /* of it */
	gint64 picture_us; /* when the last one was drawn */
} claps;

static void flash(gint64 now)
{
	struct head *head = &machine.heads[0];
	unsigned w = CLAP_SIDE, h = CLAP_SIDE;
	uint32_t colour = claps.count & 1 ? 0xffffff : 0;
	if (claps.film) {
		w = MIN(CLAP_FILM_W, head->width);
		h = MIN(CLAP_FILM_H, head->height);
		head_paint(head, "gradient", ++claps.pictures * 7, 0, 0, w, h);
		claps.picture_us = now;
	}
	for (unsigned y = 0; y < CLAP_SIDE; y++)
		for (unsigned x = 0; x < CLAP_SIDE; x++)
			head->pixels[y * head->width + x] = colour;
	head_send_update(head, 0, 0, w, h, false);
}

/* As a sound card does: what the time since the last look is worth. */
static gboolean clap_on(gpointer data)
{
	gint64 now = g_get_monotonic_time();
	gint64 due = (now - claps.began_us) * RATE / G_USEC_PER_SEC;
	gint64 next = (gint64)(claps.count + 1) * CLAP_PERIOD_MS * RATE / 1000;
	gint64 last = (gint64)claps.count * CLAP_PERIOD_MS * RATE / 1000;
	if (!machine.audio || !claps.left) {
		say("claps ended");
		return G_SOURCE_REMOVE;
	}
	if (claps.done >= next) { /* begins with this piece */
		claps.count++;
		claps.left--;
		last = claps.done;
		flash(now);
		say("clap %" G_GINT64_FORMAT, now);
	} else if (claps.film && now - claps.picture_us >= CLAP_FILM_US) {
		flash(now);
	}
	unsigned frames = (unsigned)(due - claps.done);
	g_autofree int16_t *samples = g_new0(int16_t, frames * 2 + 1);
	for (unsigned i = 0; i < frames && claps.count; i++) {
		gint64 at = claps.done + i - last;
		if (at < (gint64)CLAP_TONE_MS * RATE / 1000 + RATE / 100)
			samples[2 * i] = samples[2 * i + 1] =
			    (int16_t)(12000 * sin((double)at * 2 * G_PI *
						  sound.hz / RATE));
	}
	claps.done = due;
	qemu_display1_audio_out_listener_call_write(
	    machine.audio, OUT_ID,
	    g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, samples, frames * 4,
				      1),
	    NULL, NULL, NULL);
	return G_SOURCE_CONTINUE;
}

bool sound_clap(double hz, unsigned count, bool film)
{
	if (!machine.audio)
		return false;
	sound.hz = hz;
	claps.left = count;
	claps.count = 0;
	claps.film = film;
	claps.done = 0;
	claps.began_us = g_get_monotonic_time();
	begin(CLAP_LOOK_MS, clap_on);
	return true;
}

/* ---- recording: one channel, as fast as time goes ---- */

static gboolean record_on(gpointer data);

static void on_read(GObject *object, GAsyncResult *result, gpointer data)
{
	g_autoptr(GVariant) bytes = NULL;
	if (qemu_display1_audio_in_listener_call_read_finish(sound.in, &bytes,
							     result, NULL)) {
		gsize length;
		const guint8 *at = g_variant_get_fixed_array(bytes, &length, 1);
		g_byte_array_append(sound.recorded, at, (guint)length);
	}
	if (sound.recorded->len < sound.left_ms * (RATE / 1000) * 2) {
		g_timeout_add(PIECE_MS / 2, record_on, NULL);
		return;
	}
	qemu_display1_audio_in_listener_call_set_enabled(sound.in, IN_ID, FALSE,
							 NULL, NULL, NULL);
	g_file_set_contents(sound.file, (const char *)sound.recorded->data,
			    sound.recorded->len, NULL);
	say("recorded %u", sound.recorded->len);
}

static gboolean record_on(gpointer data)
{
	unsigned due_ms =
	    (unsigned)((g_get_monotonic_time() - sound.began_us) / 1000);
	unsigned ms = MIN(due_ms - sound.done_ms, 100);
	sound.done_ms = due_ms;
	qemu_display1_audio_in_listener_call_read(
	    sound.in, IN_ID, ms * (RATE / 1000) * 2, NULL, on_read, NULL);
	return G_SOURCE_REMOVE;
}

bool sound_record(const char *file, unsigned ms)
{
	if (!sound.in)
		return false;
	g_clear_pointer(&sound.recorded, g_byte_array_unref);
	g_free(sound.file);
	sound.file = g_strdup(file);
	sound.recorded = g_byte_array_new();
	sound.left_ms = ms;
	sound.began_us = g_get_monotonic_time();
	sound.done_ms = 0;
	qemu_display1_audio_in_listener_call_init(sound.in, IN_ID, 16, TRUE,
						  FALSE, RATE, 1, 2, RATE * 2,
						  FALSE, NULL, NULL, NULL);
	qemu_display1_audio_in_listener_call_set_enabled(sound.in, IN_ID, TRUE,
							 NULL, NULL, NULL);
	g_timeout_add(PIECE_MS / 2, record_on, NULL);
	return true;
}
