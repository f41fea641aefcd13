/* QEMU's audio extension (rfbproto.rst, "QEMU Audio"): uncompressed samples in
 * the format that the client has chosen, little endian. Nothing is kept for a
 * client that is behind: what it cannot be sent now it does not hear. */
#include <string.h>

#include "display/rfb/client.h"

enum { MESSAGE = 255, SUBMESSAGE = 1, END = 0, BEGIN = 1, DATA = 2 };
/* Bytes waiting for the socket beyond which sound is left out: more would be
 * heard late. A third of it is what pixels may take there. */
#define WAITING_MAX (384u << 10)
/* Frames of a message: 20 ms, and a bound for what is on the stack. */
#define CHUNK (AUDIO_RATE / 50)
/* ... at the highest rate that a client may ask for. */
#define CHUNK_OUT (RFB_AUDIO_RATE_MAX / 50 + 1)

static struct rfb_client *client_of(struct audio_party *party)
{
	return (void *)((char *)party -
			G_STRUCT_OFFSET(struct rfb_client, audio));
}

static size_t waiting(const struct rfb_client *self)
{
	return line_queued(&self->line) + self->planned;
}

static void put_head(uint8_t *p, unsigned operation)
{
	p[0] = MESSAGE;
	p[1] = SUBMESSAGE;
	rfb_put16(p + 2, operation);
}

static void say(struct rfb_client *self, bool begun)
{
	uint8_t message[4];
	if (self->audio_begun == begun)
		return;
	self->audio_begun = begun;
	put_head(message, begun ? BEGIN : END);
	rfb_client_send(self, message, sizeof message);
	line_flush(&self->line);
}

static uint8_t *put_sample(uint8_t *p, enum rfb_sample sample, int value)
{
	uint32_t wide = (uint32_t)(uint16_t)value << 16;
	unsigned bytes = 1u << (sample / 2);
	if (sample % 2 == 0) /* unsigned */
		wide ^= 0x80000000u;
	for (unsigned i = 0; i < bytes; i++)
		*p++ = (uint8_t)(wide >> (32 - bytes * 8 + i * 8));
	return p;
}

static uint8_t *put_frame(const struct rfb_client *self, uint8_t *p,
			  const int16_t *frame)
{
	int left = frame[0] * (int64_t)self->audio_level[0] / 65536;
	int right = frame[1] * (int64_t)self->audio_level[1] / 65536;
	if (self->audio_channels == 1)
		return put_sample(p, self->sample, (left + right) / 2);
	return put_sample(put_sample(p, self->sample, left), self->sample,
			  right);
}

static void send_some(struct rfb_client *self, const int16_t *frames,
		      unsigned count)
{
	uint8_t message[8 + CHUNK_OUT * AUDIO_CHANNELS * 4], *p = message + 8;
	g_array_set_size(self->resampled, 0);
	audio_resample(&self->resampler, AUDIO_RATE, self->audio_rate_hz,
		       frames, count, self->resampled);
	const int16_t *out = (const int16_t *)self->resampled->data;
	unsigned made = MIN(self->resampled->len / AUDIO_CHANNELS, CHUNK_OUT);
	for (unsigned i = 0; i < made; i++)
		p = put_frame(self, p, out + i * AUDIO_CHANNELS);
	if (!made)
		return;
	put_head(message, DATA);
	rfb_put32(message + 4, (uint32_t)(p - message - 8));
	rfb_client_send(self, message, (size_t)(p - message));
}

static void on_heard(struct audio_party *party, const int16_t *frames,
		     unsigned count)
{
	struct rfb_client *self = client_of(party);
	while (count && !self->line.dead && waiting(self) < WAITING_MAX) {
		unsigned some = MIN(count, CHUNK);
		send_some(self, frames, some);
		frames += some * AUDIO_CHANNELS;
		count -= some;
	}
	line_flush(&self->line);
}

static void on_playing(struct audio_party *party, bool on)
{
	struct rfb_client *self = client_of(party);
	memset(&self->resampler, 0, sizeof self->resampler);
	say(self, on);
}

static void on_volume(struct audio_party *party, bool mute,
		      const uint16_t level[AUDIO_CHANNELS])
{
	struct rfb_client *self = client_of(party);
	for (unsigned c = 0; c < AUDIO_CHANNELS; c++)
		self->audio_level[c] = mute ? 0 : level[c] + (level[c] > 32767);
}

static const struct audio_ops ops = {
    .playing = on_playing,
    .heard = on_heard,
    .volume = on_volume,
};

static void join(struct rfb_client *self)
{
	struct audio *audio = display_audio(rfb_server_display(self->server));
	if (self->audio.audio)
		return;
	audio_join(audio, &self->audio);
	if (audio_is_playing(audio))
		on_playing(&self->audio, true);
}

void rfb_audio_init(struct rfb_client *self)
{
	self->audio.ops = &ops;
	self->resampled = g_array_new(FALSE, FALSE, sizeof(int16_t));
	for (unsigned c = 0; c < AUDIO_CHANNELS; c++)
		self->audio_level[c] = 65536;
	/* what QEMU begins with */
	self->sample = RFB_SAMPLE_S16;
	self->audio_channels = 2;
	self->audio_rate_hz = 44100;
}

void rfb_audio_finish(struct rfb_client *self)
{
	audio_leave(&self->audio);
	g_clear_pointer(&self->resampled, g_array_unref);
}

void rfb_audio_message(struct rfb_client *self,
		       const struct rfb_message *message)
{
	bool on = self->audio.audio;
	switch (message->audio.operation) {
	case RFB_AUDIO_ON:
		join(self);
		return;
	case RFB_AUDIO_OFF:
		audio_leave(&self->audio);
		say(self, false);
		return;
	case RFB_AUDIO_FORMAT:
		audio_leave(&self->audio);
		say(self, false);
		self->sample = message->audio.sample;
		self->audio_channels = message->audio.channels;
		self->audio_rate_hz = message->audio.rate_hz;
		if (on)
			join(self);
		return;
	}
}
