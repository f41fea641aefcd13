/* The sound channels of a SPICE session, on sound.h. The library's own audio
 * (GStreamer) buffers 200 ms and more; it never gets hold of these channels,
 * since it takes only those that nobody has connected. */
#include "client/spice-session.h"

#include "client/sound.h"

struct spice_sound {
	struct spice_session *session;
	struct sound *sound;
	SpiceChannel *playback, *record;
};

/* --- the library's own ---------------------------------------------- */

/* To learn the volume for a guest's agent, it would play and record for a
 * moment, by GStreamer: it is told that nobody knows. */
static void no_volume(SpiceAudio *audio, GCancellable *cancellable,
		      SpiceMainChannel *channel, GAsyncReadyCallback callback,
		      gpointer data)
{
	GTask *task = g_task_new(audio, cancellable, callback, data);
	g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
				"the volume stays here");
	g_object_unref(task);
}

void spice_sound_silence_library(SpiceSession *spice)
{
	SpiceAudio *audio = spice_audio_get(spice, NULL);
	if (!audio)
		return;
	SpiceAudioClass *class = SPICE_AUDIO_GET_CLASS(audio);
	class->get_playback_volume_info_async = no_volume;
	class->get_record_volume_info_async = no_volume;
}

/* --- playback ------------------------------------------------------- */

static void on_play_start(SpiceChannel *channel, int format, int channels,
			  int rate, struct spice_sound *self)
{
	if (format == SPICE_AUDIO_FMT_S16 && channels > 0 && rate > 0)
		sound_play_start(self->sound, (unsigned)rate,
				 (unsigned)channels);
}

static void on_play_data(SpiceChannel *channel, gpointer pcm, int bytes,
			 struct spice_sound *self)
{
	if (bytes > 0)
		sound_play(self->sound, pcm, (gsize)bytes);
}

static void on_play_stop(SpiceChannel *channel, struct spice_sound *self)
{
	sound_play_stop(self->sound);
}

/* Pictures of a film wait for their sound. */
static void on_play_delay(SpiceChannel *channel, struct spice_sound *self)
{
	unsigned delay = sound_play_delay_ms(self->sound);
	if (delay)
		spice_playback_channel_set_delay(
		    SPICE_PLAYBACK_CHANNEL(channel), delay);
}

static void on_volume(SpiceChannel *channel, GParamSpec *spec,
		      struct spice_sound *self)
{
	guint16 *volume = NULL;
	guint channels = 0;
	gboolean mute = FALSE;
	g_object_get(channel, "volume", &volume, "nchannels", &channels, "mute",
		     &mute, NULL);
	sound_play_volume(self->sound, volume, volume ? channels : 0, mute);
}

/* --- microphone ----------------------------------------------------- */

static void on_heard(const void *pcm, gsize bytes, void *data)
{
	struct spice_sound *self = data;
	if (self->record)
		spice_record_channel_send_data(
		    SPICE_RECORD_CHANNEL(self->record), (gpointer)pcm, bytes,
		    (guint32)(g_get_monotonic_time() / 1000));
}

static void tell_recording(struct spice_sound *self, gboolean on)
{
	if (!self->session->closed)
		self->session->handlers->recording(on, self->session->data);
}

static void on_record_start(SpiceChannel *channel, int format, int channels,
			    int rate, struct spice_sound *self)
{
	if (format != SPICE_AUDIO_FMT_S16 || channels < 1 || rate < 1)
		return;
	sound_record_start(self->sound, (unsigned)rate, (unsigned)channels,
			   on_heard, self);
	tell_recording(self, TRUE);
}

static void on_record_stop(SpiceChannel *channel, struct spice_sound *self)
{
	sound_record_stop(self->sound);
	tell_recording(self, FALSE);
}

/* --- life ----------------------------------------------------------- */

void spice_sound_add(struct spice_sound *self, SpiceChannel *channel)
{
	if (SPICE_IS_PLAYBACK_CHANNEL(channel)) {
		self->playback = channel;
		g_signal_connect(channel, "playback-start",
				 G_CALLBACK(on_play_start), self);
		g_signal_connect(channel, "playback-data",
				 G_CALLBACK(on_play_data), self);
		g_signal_connect(channel, "playback-stop",
				 G_CALLBACK(on_play_stop), self);
		g_signal_connect(channel, "playback-get-delay",
				 G_CALLBACK(on_play_delay), self);
		g_signal_connect(channel, "notify::volume",
				 G_CALLBACK(on_volume), self);
		g_signal_connect(channel, "notify::mute", G_CALLBACK(on_volume),
				 self);
	} else {
		self->record = channel;
		g_signal_connect(channel, "record-start",
				 G_CALLBACK(on_record_start), self);
		g_signal_connect(channel, "record-stop",
				 G_CALLBACK(on_record_stop), self);
	}
}

void spice_sound_remove(struct spice_sound *self, SpiceChannel *channel)
{
	g_signal_handlers_disconnect_by_data(channel, self);
	if (channel == self->playback) {
		self->playback = NULL;
		sound_play_stop(self->sound);
	} else if (channel == self->record) {
		self->record = NULL;
		sound_record_stop(self->sound);
	}
}

struct spice_sound *spice_sound_new(struct spice_session *session)
{
	struct spice_sound *self = g_new0(struct spice_sound, 1);
	self->session = session;
	self->sound = sound_new("Oriel desktop");
	return self;
}

void spice_sound_free(struct spice_sound *self)
{
	if (!self)
		return;
	if (self->playback)
		spice_sound_remove(self, self->playback);
	if (self->record)
		spice_sound_remove(self, self->record);
	sound_free(self->sound);
	g_free(self);
}

unsigned spice_sound_delay_ms(struct spice_sound *self)
{
	return sound_play_delay_ms(self->sound);
}
