/* What the client says, while the machine records. */
#include <opus.h>

#include "display/audio.h"
#include "display/spice/channel.h"

/* Longest packet that Opus has: 120 ms. */
#define PACKET (AUDIO_RATE * 120 / 1000)
/* Samples of one message beyond this are no sound: half a second. */
#define SAMPLES_MAX (AUDIO_RATE / 2)

struct record {
	struct audio_party party; /* first: ops get a pointer to it */
	struct spice_channel *channel;
	OpusDecoder *opus; /* while the client sends that */
	bool started;
	bool known; /* its mode */
};

static void on_recording(struct audio_party *party, bool on)
{
	struct record *self = (struct record *)party;
	if (on == self->started)
		return;
	self->started = on;
	GByteArray *out = spice_channel_begin(
	    self->channel, on ? SPICE_MSG_RECORD_START : SPICE_MSG_RECORD_STOP);
	if (on) {
		put32(out, AUDIO_CHANNELS);
		put16(out, SPICE_AUDIO_FMT_S16);
		put32(out, AUDIO_RATE);
	}
	spice_channel_end(self->channel);
	line_flush(&self->channel->line);
}

static const struct audio_ops audio_ops = {
    .recording = on_recording,
};

static void set_mode(struct record *self, unsigned mode)
{
	int error;
	g_clear_pointer(&self->opus, opus_decoder_destroy);
	self->known = mode == SPICE_AUDIO_DATA_MODE_RAW;
	if (mode == SPICE_AUDIO_DATA_MODE_OPUS)
		self->opus =
		    opus_decoder_create(AUDIO_RATE, AUDIO_CHANNELS, &error);
	self->known = self->known || self->opus;
	if (!self->known)
		spice_channel_fail(self->channel, "sound in an unknown form");
}

static void take_packet(struct record *self, const struct reader *in)
{
	g_autofree int16_t *frames = g_new(int16_t, PACKET * AUDIO_CHANNELS);
	int count = opus_decode(self->opus, in->at, (opus_int32)in->left,
				frames, PACKET, 0);
	if (count > 0)
		audio_say(&self->party, frames, (unsigned)count);
}

static void take_samples(struct record *self, struct reader *in)
{
	unsigned count =
	    (unsigned)MIN(in->left / (2 * AUDIO_CHANNELS), SAMPLES_MAX);
	g_autofree int16_t *frames =
	    g_new(int16_t, (gsize)count * AUDIO_CHANNELS + 1);
	for (unsigned i = 0; i < count * AUDIO_CHANNELS; i++)
		frames[i] = (int16_t)take16(in);
	audio_say(&self->party, frames, count);
}

static void message(struct spice_channel *channel, unsigned type,
		    struct reader *body)
{
	struct record *self = channel->state;
	uint32_t mode;
	switch (type) {
	case SPICE_MSGC_RECORD_MODE:
		take32(body); /* time */
		mode = take16(body);
		if (!body->bad)
			set_mode(self, mode);
		break;
	case SPICE_MSGC_RECORD_START_MARK:
		take32(body);
		break;
	case SPICE_MSGC_RECORD_DATA:
		take32(body);
		if (body->bad || !self->started)
			break; /* some of it was on its way at the end */
		if (self->opus)
			take_packet(self, body);
		else if (self->known)
			take_samples(self, body);
		else
			spice_channel_fail(channel, "sound without its form");
		break;
	default:
		spice_channel_fail(channel, "an unknown message");
		break;
	}
}

static void up(struct spice_channel *channel)
{
	struct record *self = g_new0(struct record, 1);
	struct audio *audio =
	    display_audio(spice_server_display(channel->server));
	channel->state = self;
	self->channel = channel;
	self->party.ops = &audio_ops;
	audio_join(audio, &self->party);
	if (audio_is_recording(audio))
		on_recording(&self->party, true);
}

static void down(struct spice_channel *channel)
{
	struct record *self = channel->state;
	audio_leave(&self->party);
}

static void release(void *state)
{
	struct record *self = state;
	g_clear_pointer(&self->opus, opus_decoder_destroy);
	g_free(self);
}

const struct spice_channel_ops spice_record_ops = {
    .type = SPICE_CHANNEL_RECORD,
    .up = up,
    .message = message,
    .down = down,
    .release = release,
};
