/* What the machine plays. Opus where the client has it, else samples as they
 * come. A piece of Opus is a message: of 5 ms, or 10 over a long line, where
 * its frame would cost more than the time is worth. A near line with room has
 * samples, which wait for no piece to fill and no codec: some 5 ms sooner, for
 * 1.5 Mb/s.
 *
 * What a client has not heard in time it does not hear at all: pings among
 * the pieces tell how far behind it is, and while it is too far nothing is
 * added to what lies before it. */
#include <opus.h>

#include "common/log.h"
#include "display/audio.h"
#include "display/spice/channel.h"

/* spice-gtk's decoder takes any length, but has no room for more. */
#define PIECE_MOST (AUDIO_RATE / 100)
#define PIECE_NEAR (AUDIO_RATE / 200)
/* Stereo music that nobody tells from the samples; a tenth of them. */
#define BITRATE    128000
#define OPUS_BYTES 1500
/* Between two pings, and how old an unanswered one may become. */
#define PING_FRAMES (AUDIO_RATE / 20)
#define BEHIND_US   300000
/* Round trips of lately, of which the least tells how long the line is. */
#define TRIPS   16u
#define LONG_US 10000
#define NEAR_US 4000
/* What a line must be known to carry, in bytes a second, to be given samples;
 * a tenth of it. */
#define ROOM (2u << 20)
/* What a client should keep before it plays: spice-gtk's own idea is 200. */
#define LATENCY_MS 40u

struct playback {
	struct audio_party party; /* first: ops get a pointer to it */
	struct spice_channel *channel;
	OpusEncoder *opus; /* NULL: samples */
	int16_t piece[PIECE_MOST * AUDIO_CHANNELS];
	unsigned have, whole; /* frames of it, and to be */
	unsigned unpinged;    /* frames since the last ping */
	uint32_t pinged, ponged;
	gint64 oldest_us; /* ping without an answer */
	gint64 trips[TRIPS];
	unsigned trip, trips_known;
	bool started, samples;
	bool left; /* samples were too much: not again */
};

/* Microseconds; 0: not known yet. */
static gint64 round_trip(const struct playback *self)
{
	gint64 least = 0;
	for (unsigned i = 0; i < self->trips_known; i++)
		least = least ? MIN(least, self->trips[i]) : self->trips[i];
	return least;
}

static void put_mode(struct playback *self, bool samples)
{
	GByteArray *out =
	    spice_channel_begin(self->channel, SPICE_MSG_PLAYBACK_MODE);
	put32(out, spice_client_now_ms());
	put16(out,
	      samples ? SPICE_AUDIO_DATA_MODE_RAW : SPICE_AUDIO_DATA_MODE_OPUS);
	spice_channel_end(self->channel);
}

/* A mode may change at any time; the client keeps its decoder, which it makes
 * when sound begins in Opus. Clients without a volume are simple and may know
 * no other mode than they began with. */
static void choose_mode(struct playback *self)
{
	struct spice_channel *channel = self->channel;
	gint64 trip = round_trip(self);
	if (!self->opus || self->left || self->trips_known < TRIPS ||
	    !spice_channel_can(channel, SPICE_PLAYBACK_CAP_VOLUME))
		return;
	bool samples = trip < (self->samples ? LONG_US : NEAR_US) &&
		       spice_picture_rate(channel->client->display) >=
			   (self->samples ? ROOM / 2 : ROOM);
	if (samples == self->samples)
		return;
	self->left = self->samples;
	self->samples = samples;
	self->have = 0;
	log_debug(NULL, "%s: %s", channel->label,
		  samples ? "samples" : "Opus again");
	opus_encoder_ctl(self->opus, OPUS_RESET_STATE);
	put_mode(self, samples);
}

static void put_piece(struct playback *self)
{
	struct spice_channel *channel = self->channel;
	uint8_t packet[OPUS_BYTES];
	int length = opus_encode(self->opus, self->piece, (int)self->have,
				 packet, sizeof packet);
	if (length <= 0)
		return;
	GByteArray *out = spice_channel_begin(channel, SPICE_MSG_PLAYBACK_DATA);
	put32(out, spice_client_now_ms());
	g_byte_array_append(out, packet, (guint)length);
	spice_channel_end(channel);
}

static void ping(struct playback *self, unsigned frames)
{
	self->unpinged += frames;
	if (self->unpinged < PING_FRAMES)
		return;
	self->unpinged = 0;
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
	ping(self, count);
}

static void on_heard(struct audio_party *party, const int16_t *frames,
		     unsigned count)
{
	struct playback *self = (struct playback *)party;
	if (!self->started || is_behind(self))
		return;
	if (!self->opus || self->samples) {
		put_samples(self, frames, count);
		line_flush(&self->channel->line);
		return;
	}
	while (count) {
		if (self->have == 0)
			self->whole = round_trip(self) < LONG_US ? PIECE_NEAR
								 : PIECE_MOST;
		unsigned n = MIN(count, self->whole - self->have);
		memcpy(self->piece + self->have * AUDIO_CHANNELS, frames,
		       n * AUDIO_CHANNELS * sizeof *frames);
		self->have += n;
		frames += n * AUDIO_CHANNELS;
		count -= n;
		if (self->have < self->whole)
			break;
		put_piece(self);
		ping(self, self->have);
		self->have = 0;
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
		if (self->opus && self->samples)
			put_mode(self, false);
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
	if (on && self->opus && self->samples)
		put_mode(self, true);
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
	self->samples = !self->opus;
	put_mode(self, self->samples);
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
	if (id != self->pinged || id == self->ponged)
		return;
	self->ponged = id;
	self->trips[self->trip++ % TRIPS] =
	    g_get_monotonic_time() - self->oldest_us;
	self->trips_known = MIN(self->trips_known + 1, TRIPS);
	choose_mode(self);
}

const struct spice_channel_ops spice_playback_ops = {
    .type = SPICE_CHANNEL_PLAYBACK,
    .up = up,
    .message = message,
    .pong = pong,
    .down = down,
    .release = release,
};
