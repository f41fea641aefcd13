#include "display/audio.h"

#include <string.h>

#include "display/audio-private.h"

/* A machine has one sound card or two. */
#define STREAMS_MAX 8u
/* One message: a second of sound of the largest format, which none sends. */
#define WRITE_MAX (8u << 20)
#define READ_MAX  65536u
/* Who has said nothing for so long does not speak any more. */
#define SPEAKER_GONE_US 500000

struct stream {
	bool used, out, enabled;
	uint64_t id;
	struct audio_format format;
	struct audio_resampler resampler;
};

struct audio {
	GPtrArray *parties;
	struct stream streams[STREAMS_MAX];
	struct audio_listener
	    *listeners[2]; /* what it plays, what it records */
	GArray *work;      /* int16_t, of the call under way */
	bool playing, recording;
	bool may_play, may_record; /* by policy */
	struct audio_party *speaker;
	gint64 said_us;
	GArray *said; /* int16_t, waits for the machine */
};

/* ---- parties ---- */

void audio_join(struct audio *self, struct audio_party *party)
{
	party->audio = self;
	g_ptr_array_add(self->parties, party);
}

void audio_leave(struct audio_party *party)
{
	struct audio *self = party->audio;
	if (!self)
		return;
	audio_silent(party);
	g_ptr_array_remove(self->parties, party);
	party->audio = NULL;
}

bool audio_is_playing(const struct audio *self)
{
	return self->playing;
}

bool audio_is_recording(const struct audio *self)
{
	return self->recording;
}

/* Walks over a copy: callbacks may leave. */
#define EACH(self, party, call)                                                \
	do {                                                                   \
		g_autoptr(GPtrArray) all =                                     \
		    g_ptr_array_copy((self)->parties, NULL, NULL);             \
		for (guint i = 0; i < all->len; i++) {                         \
			struct audio_party *party = all->pdata[i];             \
			if (g_ptr_array_find((self)->parties, party, NULL)) {  \
				call;                                          \
			}                                                      \
		}                                                              \
	} while (0)

static void tell_states(struct audio *self)
{
	bool playing = false, recording = false;
	for (unsigned i = 0; i < STREAMS_MAX; i++) {
		const struct stream *stream = &self->streams[i];
		bool on = stream->used && stream->enabled;
		playing = playing || (on && stream->out);
		recording = recording || (on && !stream->out);
	}
	playing = playing && self->may_play;
	recording = recording && self->may_record;
	if (playing != self->playing) {
		self->playing = playing;
		EACH(self, party,
		     if (party->ops->playing)
			 party->ops->playing(party, playing));
	}
	if (recording != self->recording) {
		self->recording = recording;
		g_array_set_size(self->said, 0);
		EACH(self, party,
		     if (party->ops->recording)
			 party->ops->recording(party, recording));
	}
}

void audio_set_ways(struct audio *self, bool play, bool record)
{
	self->may_play = play;
	self->may_record = record;
	tell_states(self);
}

/* ---- what is said ---- */

void audio_say(struct audio_party *party, const int16_t *frames, unsigned count)
{
	struct audio *self = party->audio;
	if (!self || !self->recording)
		return;
	if (self->speaker != party) {
		self->speaker = party;
		g_array_set_size(self->said, 0);
	}
	self->said_us = g_get_monotonic_time();
	g_array_append_vals(self->said, frames, count * AUDIO_CHANNELS);
	guint most = AUDIO_SAID_MAX * AUDIO_CHANNELS;
	if (self->said->len > most)
		g_array_remove_range(self->said, 0, self->said->len - most);
}

void audio_silent(struct audio_party *party)
{
	struct audio *self = party->audio;
	if (self && self->speaker == party)
		self->speaker = NULL;
}

/* ---- streams ---- */

static struct stream *find(struct audio *self, bool out, uint64_t id)
{
	for (unsigned i = 0; i < STREAMS_MAX; i++) {
		struct stream *stream = &self->streams[i];
		if (stream->used && stream->out == out && stream->id == id)
			return stream;
	}
	return NULL;
}

void audio_stream_open(struct audio *self, bool out, uint64_t id,
		       const struct audio_format *format)
{
	struct stream *stream = find(self, out, id);
	for (unsigned i = 0; i < STREAMS_MAX && !stream; i++)
		if (!self->streams[i].used)
			stream = &self->streams[i];
	if (!stream || !audio_format_valid(format))
		return;
	*stream = (struct stream){
	    .used = true, .out = out, .id = id, .format = *format};
	tell_states(self);
}

void audio_stream_close(struct audio *self, bool out, uint64_t id)
{
	struct stream *stream = find(self, out, id);
	if (stream)
		stream->used = false;
	tell_states(self);
}

void audio_stream_enable(struct audio *self, bool out, uint64_t id, bool on)
{
	struct stream *stream = find(self, out, id);
	if (stream)
		stream->enabled = on;
	tell_states(self);
}

void audio_stream_volume(struct audio *self, uint64_t id, bool mute,
			 const uint8_t *levels, size_t count)
{
	uint16_t level[AUDIO_CHANNELS];
	if (!count || !find(self, true, id))
		return;
	for (unsigned c = 0; c < AUDIO_CHANNELS; c++)
		level[c] = (uint16_t)(levels[MIN(c, count - 1)] * 257u);
	EACH(self, party,
	     if (party->ops->volume) party->ops->volume(party, mute, level));
}

/* The first that plays: machines mix what they play themselves. */
static bool is_heard(const struct audio *self, const struct stream *stream)
{
	for (unsigned i = 0; i < STREAMS_MAX; i++) {
		const struct stream *other = &self->streams[i];
		if (other->used && other->out && other->enabled)
			return other == stream;
	}
	return false;
}

void audio_stream_write(struct audio *self, uint64_t id, const uint8_t *bytes,
			size_t length)
{
	struct stream *stream = find(self, true, id);
	if (!stream || !self->playing || length > WRITE_MAX ||
	    !is_heard(self, stream) || !self->parties->len)
		return;
	unsigned frames =
	    (unsigned)(length / audio_format_frame_bytes(&stream->format));
	g_autofree int16_t *plain =
	    g_new(int16_t, (gsize)frames * AUDIO_CHANNELS + 1);
	audio_decode(&stream->format, bytes, frames, plain);
	g_array_set_size(self->work, 0);
	audio_resample(&stream->resampler, stream->format.rate, AUDIO_RATE,
		       plain, frames, self->work);
	unsigned count = self->work->len / AUDIO_CHANNELS;
	const int16_t *ours = (const int16_t *)(void *)self->work->data;
	if (count)
		EACH(self, party,
		     if (party->ops->heard)
			 party->ops->heard(party, ours, count));
}

GByteArray *audio_stream_read(struct audio *self, uint64_t id, size_t size)
{
	GByteArray *out = g_byte_array_new();
	struct stream *stream = find(self, false, id);
	if (!stream)
		return out;
	unsigned step = audio_format_frame_bytes(&stream->format);
	unsigned frames = (unsigned)(MIN(size, READ_MAX) / step);
	if (g_get_monotonic_time() - self->said_us > SPEAKER_GONE_US)
		self->speaker = NULL;
	if (!self->speaker) {
		/* unsigned samples are silent in the middle */
		g_autofree int16_t *none =
		    g_new0(int16_t, (gsize)frames * AUDIO_CHANNELS + 1);
		g_byte_array_set_size(out, frames * step);
		audio_encode(&stream->format, none, frames, out->data);
		return out;
	}
	/* so many of ours become at most the frames that are wanted */
	unsigned wanted =
	    (unsigned)((guint64)frames * AUDIO_RATE / stream->format.rate);
	unsigned have = self->said->len / AUDIO_CHANNELS;
	unsigned count = MIN(wanted, have);
	g_array_set_size(self->work, 0);
	audio_resample(&stream->resampler, AUDIO_RATE, stream->format.rate,
		       (const int16_t *)(void *)self->said->data, count,
		       self->work);
	g_array_remove_range(self->said, 0, count * AUDIO_CHANNELS);
	frames = MIN(frames, self->work->len / AUDIO_CHANNELS);
	g_byte_array_set_size(out, frames * step);
	audio_encode(&stream->format, (const int16_t *)(void *)self->work->data,
		     frames, out->data);
	return out;
}

/* ---- life ---- */

struct audio *audio_new(void)
{
	struct audio *self = g_new0(struct audio, 1);
	self->may_play = self->may_record = true;
	self->parties = g_ptr_array_new();
	self->work = g_array_new(FALSE, FALSE, sizeof(int16_t));
	self->said = g_array_new(FALSE, FALSE, sizeof(int16_t));
	return self;
}

void audio_free(struct audio *self)
{
	if (!self)
		return;
	audio_detach(self);
	g_ptr_array_unref(self->parties);
	g_array_unref(self->work);
	g_array_unref(self->said);
	g_free(self);
}

void audio_attach(struct audio *self, GDBusConnection *machine)
{
	audio_detach(self);
	for (int out = 0; out < 2; out++)
		self->listeners[out] = audio_listener_new(self, machine, out);
}

void audio_detach(struct audio *self)
{
	for (int out = 0; out < 2; out++)
		g_clear_pointer(&self->listeners[out], audio_listener_free);
	for (unsigned i = 0; i < STREAMS_MAX; i++)
		self->streams[i].used = false;
	tell_states(self);
}
