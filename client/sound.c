#include "client/sound.h"

#include <pulse/glib-mainloop.h>
#include <pulse/pulseaudio.h>
#include <string.h>

#include "client/events.h"
#include "client/sound-pace.h"

#define RETRY_MS 1000
/* How much the server asks for at a time, at least. */
#define ASK_US 2500
/* Of a piece that comes; the longest that are usual. */
#define PIECE_MS     10
#define QUIET        64
#define RATE_MIN     8000u
#define RATE_MAX     192000u
#define CHANNELS_MAX 8u

struct direction {
	gboolean wanted;
	pa_sample_spec spec;
	pa_stream *stream;
};

struct sound {
	char *name;
	pa_glib_mainloop *loop;
	pa_context *context;
	guint retry;
	struct direction play, record;
	struct sound_pace pace;
	GArray *fitted; /* gint16 */
	guint16 volume[CHANNELS_MAX];
	unsigned volume_channels;
	gboolean mute;
	sound_heard heard;
	void *heard_data;
};

static void connect_server(struct sound *sound);
static void apply_volume(struct sound *sound);
static void open_play(struct sound *sound);
static void open_record(struct sound *sound);

static gboolean set_spec(struct direction *direction, unsigned rate,
			 unsigned channels)
{
	if (rate < RATE_MIN || rate > RATE_MAX || channels < 1 ||
	    channels > CHANNELS_MAX)
		return FALSE;
	direction->spec.format = PA_SAMPLE_S16NE;
	direction->spec.rate = rate;
	direction->spec.channels = (guint8)channels;
	return TRUE;
}

static uint32_t bytes_of(const struct direction *direction, gint64 us)
{
	return (uint32_t)pa_usec_to_bytes((pa_usec_t)us, &direction->spec);
}

static void close_stream(struct direction *direction)
{
	pa_stream *stream = g_steal_pointer(&direction->stream);
	if (!stream)
		return;
	pa_stream_set_state_callback(stream, NULL, NULL);
	pa_stream_set_read_callback(stream, NULL, NULL);
	pa_stream_set_underflow_callback(stream, NULL, NULL);
	pa_stream_disconnect(stream);
	pa_stream_unref(stream);
}

static gboolean on_retry(gpointer data)
{
	struct sound *sound = data;
	sound->retry = 0;
	connect_server(sound);
	return G_SOURCE_REMOVE;
}

static void retry_later(struct sound *sound)
{
	if (!sound->retry)
		sound->retry = g_timeout_add(RETRY_MS, on_retry, sound);
}

/* A stream that ended while it is wanted: moved away, or its device pulled
 * out. The server itself may be well. */
static void on_stream_state(pa_stream *stream, void *data)
{
	struct sound *sound = data;
	pa_stream_state_t state = pa_stream_get_state(stream);
	struct direction *direction =
	    stream == sound->play.stream ? &sound->play : &sound->record;
	if (stream != direction->stream)
		return;
	if (state == PA_STREAM_READY) {
		if (direction == &sound->play)
			apply_volume(sound);
		events_emit(direction == &sound->play ? "sound" : "microphone",
			    NULL);
	} else if (!PA_STREAM_IS_GOOD(state)) {
		close_stream(direction);
		retry_later(sound);
	}
}

/* --- playing -------------------------------------------------------- */

/* Of a whole latency of twice the sink's and two requests the server gives the
 * sink its part (PA_STREAM_ADJUST_LATENCY). How much waits before it is decided
 * by when sound begins and how fast it is played. */
static void fill_play_attr(struct sound *sound, pa_buffer_attr *attr)
{
	memset(attr, 0xff, sizeof *attr); /* the server's own choice */
	attr->tlength =
	    bytes_of(&sound->play, 2 * (SOUND_SINK_MS * 1000 + ASK_US));
	attr->minreq = bytes_of(&sound->play, ASK_US);
	attr->prebuf =
	    bytes_of(&sound->play, sound->pace.margin_us + PIECE_MS * 1000);
}

static void set_buffer(struct sound *sound)
{
	pa_buffer_attr attr;
	fill_play_attr(sound, &attr);
	pa_operation *done =
	    pa_stream_set_buffer_attr(sound->play.stream, &attr, NULL, NULL);
	if (done)
		pa_operation_unref(done);
}

static void on_dry(pa_stream *stream, void *data)
{
	struct sound *sound = data;
	sound_pace_dry(&sound->pace, g_get_monotonic_time());
}

static void apply_volume(struct sound *sound)
{
	pa_stream *stream = sound->play.stream;
	if (!stream || pa_stream_get_state(stream) != PA_STREAM_READY)
		return;
	unsigned channels = sound->play.spec.channels;
	pa_cvolume volume;
	pa_cvolume_set(&volume, channels, PA_VOLUME_NORM);
	for (unsigned i = 0; i < channels && i < sound->volume_channels; i++)
		volume.values[i] = (pa_volume_t)((guint64)sound->volume[i] *
						 PA_VOLUME_NORM / 65535);
	uint32_t index = pa_stream_get_index(stream);
	pa_operation *done = NULL;
	if (sound->volume_channels)
		done = pa_context_set_sink_input_volume(sound->context, index,
							&volume, NULL, NULL);
	if (done)
		pa_operation_unref(done);
	done = pa_context_set_sink_input_mute(sound->context, index,
					      sound->mute, NULL, NULL);
	if (done)
		pa_operation_unref(done);
}

static void open_play(struct sound *sound)
{
	if (!sound->play.wanted || sound->play.stream || !sound->context ||
	    pa_context_get_state(sound->context) != PA_CONTEXT_READY)
		return;
	pa_buffer_attr attr;
	sound->play.stream =
	    pa_stream_new(sound->context, "Sound", &sound->play.spec, NULL);
	if (!sound->play.stream)
		return;
	sound_pace_start(&sound->pace, g_get_monotonic_time());
	fill_play_attr(sound, &attr);
	pa_stream_set_state_callback(sound->play.stream, on_stream_state,
				     sound);
	pa_stream_set_underflow_callback(sound->play.stream, on_dry, sound);
	if (pa_stream_connect_playback(sound->play.stream, NULL, &attr,
				       PA_STREAM_ADJUST_LATENCY |
					   PA_STREAM_AUTO_TIMING_UPDATE |
					   PA_STREAM_INTERPOLATE_TIMING,
				       NULL, NULL) < 0) {
		close_stream(&sound->play);
		retry_later(sound);
	}
}

void sound_play_start(struct sound *sound, unsigned rate, unsigned channels)
{
	sound_play_stop(sound);
	if (!set_spec(&sound->play, rate, channels))
		return;
	sound->play.wanted = TRUE;
	connect_server(sound);
	open_play(sound);
}

static gboolean is_quiet(const gint16 *samples, gsize count)
{
	for (gsize i = 0; i < count; i++)
		if (samples[i] > QUIET || samples[i] < -QUIET)
			return FALSE;
	return TRUE;
}

/* What to take out of a piece that has come, by what waits before it. */
static gint64 judge_piece(struct sound *sound, const void *pcm, gsize bytes)
{
	pa_stream *stream = sound->play.stream;
	gint64 now = g_get_monotonic_time();
	pa_usec_t left;
	int negative = 0;
	if (sound_pace_grown(&sound->pace, now))
		set_buffer(sound);
	const pa_timing_info *timing = pa_stream_get_timing_info(stream);
	if (!timing || !timing->playing ||
	    pa_stream_get_latency(stream, &left, &negative) < 0)
		return 0; /* it has not begun */
	return sound_pace_arrived(
	    &sound->pace, now, negative ? 0 : (gint64)left,
	    (gint64)timing->configured_sink_usec,
	    (gint64)pa_bytes_to_usec(bytes, &sound->play.spec),
	    is_quiet(pcm, bytes / sizeof(gint16)));
}

void sound_play(struct sound *sound, const void *pcm, gsize bytes)
{
	pa_stream *stream = sound->play.stream;
	gsize frame = pa_frame_size(&sound->play.spec);
	if (!stream || !sound->play.wanted ||
	    pa_stream_get_state(stream) != PA_STREAM_READY)
		return; /* nobody to hear it */
	gsize frames = bytes / frame;
	if (frames == 0)
		return;
	gint64 out = judge_piece(sound, pcm, frames * frame);
	gint64 left = (gint64)frames - out * sound->play.spec.rate / 1000000;
	if (left <= 0)
		return;
	if (frames > 1 && left > 1 && left != (gint64)frames) {
		g_array_set_size(sound->fitted,
				 (guint)left * sound->play.spec.channels);
		sound_pace_fit(pcm, frames, sound->play.spec.channels,
			       (gint16 *)(void *)sound->fitted->data,
			       (gsize)left);
		pcm = sound->fitted->data;
		frames = (gsize)left;
	}
	pa_stream_write(stream, pcm, frames * frame, NULL, 0, PA_SEEK_RELATIVE);
}

void sound_play_stop(struct sound *sound)
{
	sound->play.wanted = FALSE;
	close_stream(&sound->play);
}

void sound_play_volume(struct sound *sound, const guint16 *volume,
		       unsigned channels, gboolean mute)
{
	sound->volume_channels = MIN(channels, CHANNELS_MAX);
	for (unsigned i = 0; i < sound->volume_channels; i++)
		sound->volume[i] = volume[i];
	sound->mute = mute;
	apply_volume(sound);
}

unsigned sound_play_delay_ms(struct sound *sound)
{
	pa_usec_t us = 0;
	int negative = 0;
	pa_stream *stream = sound->play.stream;
	if (!stream || pa_stream_get_state(stream) != PA_STREAM_READY ||
	    pa_stream_get_latency(stream, &us, &negative) < 0 || negative)
		return 0;
	return (unsigned)(us / 1000);
}

/* --- recording ------------------------------------------------------ */

static void on_heard(pa_stream *stream, size_t bytes, void *data)
{
	struct sound *sound = data;
	const void *pcm = NULL;
	size_t length = 0;
	while (stream == sound->record.stream &&
	       pa_stream_readable_size(stream) > 0 &&
	       pa_stream_peek(stream, &pcm, &length) == 0 && length > 0) {
		if (pcm && sound->heard) /* else a hole */
			sound->heard(pcm, length, sound->heard_data);
		if (stream == sound->record.stream)
			pa_stream_drop(stream);
	}
}

static void open_record(struct sound *sound)
{
	if (!sound->record.wanted || sound->record.stream || !sound->context ||
	    pa_context_get_state(sound->context) != PA_CONTEXT_READY)
		return;
	pa_buffer_attr attr;
	memset(&attr, 0xff, sizeof attr);
	attr.fragsize = bytes_of(&sound->record, SOUND_RECORD_MS * 1000);
	sound->record.stream = pa_stream_new(sound->context, "Microphone",
					     &sound->record.spec, NULL);
	if (!sound->record.stream)
		return;
	pa_stream_set_state_callback(sound->record.stream, on_stream_state,
				     sound);
	pa_stream_set_read_callback(sound->record.stream, on_heard, sound);
	if (pa_stream_connect_record(sound->record.stream, NULL, &attr,
				     PA_STREAM_ADJUST_LATENCY) < 0) {
		close_stream(&sound->record);
		retry_later(sound);
	}
}

void sound_record_start(struct sound *sound, unsigned rate, unsigned channels,
			sound_heard heard, void *data)
{
	sound_record_stop(sound);
	if (!set_spec(&sound->record, rate, channels))
		return;
	sound->heard = heard;
	sound->heard_data = data;
	sound->record.wanted = TRUE;
	connect_server(sound);
	open_record(sound);
}

void sound_record_stop(struct sound *sound)
{
	sound->record.wanted = FALSE;
	sound->heard = NULL;
	close_stream(&sound->record);
}

/* --- the server ----------------------------------------------------- */

static void drop_server(struct sound *sound)
{
	pa_context *context = g_steal_pointer(&sound->context);
	close_stream(&sound->play);
	close_stream(&sound->record);
	if (!context)
		return;
	pa_context_set_state_callback(context, NULL, NULL);
	pa_context_disconnect(context);
	pa_context_unref(context);
}

static gboolean on_lost(gpointer data)
{
	struct sound *sound = data;
	sound->retry = 0;
	drop_server(sound);
	events_emit("sound-lost", NULL);
	retry_later(sound);
	return G_SOURCE_REMOVE;
}

static void on_server_state(pa_context *context, void *data)
{
	struct sound *sound = data;
	switch (pa_context_get_state(context)) {
	case PA_CONTEXT_READY:
		open_play(sound);
		open_record(sound);
		break;
	case PA_CONTEXT_FAILED:
	case PA_CONTEXT_TERMINATED:
		/* not from within its own call */
		g_clear_handle_id(&sound->retry, g_source_remove);
		sound->retry = g_idle_add(on_lost, sound);
		break;
	default:
		break;
	}
}

static void connect_server(struct sound *sound)
{
	if (!sound->play.wanted && !sound->record.wanted)
		return;
	if (sound->context) {
		open_play(sound);
		open_record(sound);
		return;
	}
	if (!sound->loop)
		sound->loop = pa_glib_mainloop_new(NULL);
	sound->context =
	    pa_context_new(pa_glib_mainloop_get_api(sound->loop), sound->name);
	if (!sound->context)
		return;
	pa_context_set_state_callback(sound->context, on_server_state, sound);
	if (pa_context_connect(sound->context, NULL, PA_CONTEXT_NOAUTOSPAWN,
			       NULL) < 0) {
		drop_server(sound);
		retry_later(sound);
	}
}

struct sound *sound_new(const char *name)
{
	struct sound *sound = g_new0(struct sound, 1);
	sound->name = g_strdup(name);
	sound_pace_init(&sound->pace);
	sound->fitted = g_array_new(FALSE, FALSE, sizeof(gint16));
	return sound;
}

void sound_free(struct sound *sound)
{
	if (!sound)
		return;
	g_clear_handle_id(&sound->retry, g_source_remove);
	drop_server(sound);
	if (sound->loop)
		pa_glib_mainloop_free(sound->loop);
	g_array_unref(sound->fitted);
	g_free(sound->name);
	g_free(sound);
}
