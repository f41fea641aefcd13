/* What the machine plays. Opus where the client has it: pieces of 10 ms, each
 * a message; else samples as they come.
 *
 * What a client has not heard in time it does not hear at all: pings among
 * the pieces tell how far behind it is, and while it is too far nothing is
 * added to what lies before it. */
#include <opus.h>

#include "display/audio.h"
#include "display/spice/channel.h"

/* The length that every client takes: spice-gtk's decoder has no room for
 * more. */
#define PIECE (AUDIO_RATE / 100)
/* Stereo music that nobody tells from the samples; a tenth of them. */
#define BITRATE    128000
#define OPUS_BYTES 1500
/* Between two pings, in pieces, and how old an unanswered one may become. */
#define PING_PIECES 5u
#define BEHIND_US   300000
/* What a client should keep before it plays: spice-gtk's own idea is 200. */
#define LATENCY_MS 40u

struct playback {
	struct audio_party party; /* first: ops get a pointer to it */
	struct spice_channel *channel;
	OpusEncoder *opus; /* NULL: samples */
	int16_t piece[PIECE * AUDIO_CHANNELS];
	unsigned have;   /* frames of it */
	unsigned pieces; /* since the last ping */
	uint32_t pinged, ponged;
	gint64 oldest_us; /* ping without an answer */
	bool started;
};

static void put_piece(struct playback *self)
{
	struct spice_channel *channel = self->channel;
	uint8_t packet[OPUS_BYTES];
	int length =
	    opus_encode(self->opus, self->piece, PIECE, packet, sizeof packet);
	if (length <= 0)
		return;
	GByteArray *out = spice_channel_begin(channel, SPICE_MSG_PLAYBACK_DATA);
	put32(out, spice_client_now_ms());
	g_byte_array_append(out, packet, (guint)length);
	spice_channel_end(channel);
}

static void ping(struct playback *self)
{
	if (++self->pieces < PING_PIECES)
		return;
	self->pieces = 0;
	if (self->pinged != self->ponged)
		return;
	self->oldest_us = g_get_monotonic_time();
	GByteArray *out = spice_channel_begin(self->channel, SPICE_MSG_PING);
	put32(out, ++self->pinged);
	put64(out, (uint64_t)self->oldest_us);
	spice_channel_end(self->channel);
}

static bool is_behind(const struct playback *self)
{
	return self->pinged != self->ponged &&
	       g_get_monotonic_time() - self->oldest_us > BEHIND_US;
}

static void put_samples(struct playback *self, const int16_t *frames,
			unsigned count)
{
	GByteArray *out =
	    spice_channel_begin(self->channel, SPICE_MSG_PLAYBACK_DATA);
	put32(out, spice_client_now_ms());
	for (unsigned i = 0; i < count * AUDIO_CHANNELS; i++)
		put16(out, (uint16_t)frames[i]);
	spice_channel_end(self->channel);
	ping(self);
}

static void on_heard(struct audio_party *party, const int16_t *frames,
		     unsigned count)
{
	struct playback *self = (struct playback *)party;
	if (!self->started || is_behind(self))
		return;
	if (!self->opus) {
		put_samples(self, frames, count);
		line_flush(&self->channel->line);
		return;
	}
	while (count) {
		unsigned n = MIN(count, PIECE - self->have);
		memcpy(self->piece + self->have * AUDIO_CHANNELS, frames,
		       n * AUDIO_CHANNELS * sizeof *frames);
		self->have += n;
		frames += n * AUDIO_CHANNELS;
		count -= n;
		if (self->have < PIECE)
			break;
		self->have = 0;
		put_piece(self);
		ping(self);
	}
	line_flush(&self->channel->line);
}

static void on_playing(struct audio_party *party, bool on)
{
	struct playback *self = (struct playback *)party;
	struct spice_channel *channel = self->channel;
	if (on == self->started)
		return;
	self->started = on;
	self->have = 0;
	if (on) {
		GByteArray *out =
		    spice_channel_begin(channel, SPICE_MSG_PLAYBACK_START);
		put32(out, AUDIO_CHANNELS);
		put16(out, SPICE_AUDIO_FMT_S16);
		put32(out, AUDIO_RATE);
		put32(out, spice_client_now_ms());
	} else {
		spice_channel_begin(channel, SPICE_MSG_PLAYBACK_STOP);
	}
	spice_channel_end(channel);
	if (on && spice_channel_can(channel, SPICE_PLAYBACK_CAP_LATENCY)) {
		put32(spice_channel_begin(channel, SPICE_MSG_PLAYBACK_LATENCY),
		      LATENCY_MS);
		spice_channel_end(channel);
	}
	line_flush(&channel->line);
}

static void on_volume(struct audio_party *party, bool mute,
		      const uint16_t level[AUDIO_CHANNELS])
{
	struct playback *self = (struct playback *)party;
	struct spice_channel *channel = self->channel;
	if (!spice_channel_can(channel, SPICE_PLAYBACK_CAP_VOLUME))
		return;
	GByteArray *out =
	    spice_channel_begin(channel, SPICE_MSG_PLAYBACK_VOLUME);
	put8(out, AUDIO_CHANNELS);
	for (unsigned c = 0; c < AUDIO_CHANNELS; c++)
		put16(out, level[c]);
	spice_channel_end(channel);
	put8(spice_channel_begin(channel, SPICE_MSG_PLAYBACK_MUTE), mute);
	spice_channel_end(channel);
	line_flush(&channel->line);
}

static const struct audio_ops audio_ops = {
    .playing = on_playing,
    .heard = on_heard,
    .volume = on_volume,
};

static OpusEncoder *new_encoder(void)
{
	int error;
	OpusEncoder *opus =
	    opus_encoder_create(AUDIO_RATE, AUDIO_CHANNELS,
				OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error);
	if (!opus)
		return NULL;
	opus_encoder_ctl(opus, OPUS_SET_BITRATE(BITRATE));
	opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY(5));
	return opus;
}

static void up(struct spice_channel *channel)
{
	struct playback *self = g_new0(struct playback, 1);
	struct audio *audio =
	    display_audio(spice_server_display(channel->server));
	channel->state = self;
	self->channel = channel;
	self->party.ops = &audio_ops;
	if (spice_channel_can(channel, SPICE_PLAYBACK_CAP_OPUS))
		self->opus = new_encoder();
	GByteArray *out = spice_channel_begin(channel, SPICE_MSG_PLAYBACK_MODE);
	put32(out, spice_client_now_ms());
	put16(out, self->opus ? SPICE_AUDIO_DATA_MODE_OPUS
			      : SPICE_AUDIO_DATA_MODE_RAW);
	spice_channel_end(channel);
	audio_join(audio, &self->party);
	if (audio_is_playing(audio))
		on_playing(&self->party, true);
}

static void down(struct spice_channel *channel)
{
	struct playback *self = channel->state;
	audio_leave(&self->party);
}

static void release(void *state)
{
	struct playback *self = state;
	if (self->opus)
		opus_encoder_destroy(self->opus);
	g_free(self);
}

bool spice_playback_runs(const struct spice_channel *channel)
{
	const struct playback *self = channel ? channel->state : NULL;
	return self && self->started;
}

static void message(struct spice_channel *channel, unsigned type,
		    struct reader *body)
{
	spice_channel_fail(channel, "an unknown message");
}

static void pong(struct spice_channel *channel, uint32_t id)
{
	struct playback *self = channel->state;
	if (id == self->pinged)
		self->ponged = id;
}

const struct spice_channel_ops spice_playback_ops = {
    .type = SPICE_CHANNEL_PLAYBACK,
    .up = up,
    .message = message,
    .pong = pong,
    .down = down,
    .release = release,
};
