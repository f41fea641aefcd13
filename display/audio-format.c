#include "display/audio-format.h"

#include <string.h>

bool audio_format_valid(const struct audio_format *format)
{
	if (format->rate < 4000 || format->rate > 192000 || !format->channels ||
	    format->channels > 8)
		return false;
	if (format->is_float)
		return format->bits == 32;
	return format->bits == 8 || format->bits == 16 || format->bits == 32;
}

unsigned audio_format_frame_bytes(const struct audio_format *format)
{
	return format->bits / 8 * format->channels;
}

static int16_t decode_one(const struct audio_format *format, const uint8_t *p)
{
	uint32_t value = 0;
	unsigned size = format->bits / 8;
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)p[format->big_endian ? size - 1 - i : i]
			 << 8 * i;
	if (format->is_float) {
		float real;
		memcpy(&real, &value, sizeof real);
		/* also where it is no number */
		if (!(real > -1.0f))
			return real <= -1.0f ? INT16_MIN : 0;
		return real < 1.0f ? (int16_t)(real * 32767.0f) : INT16_MAX;
	}
	value <<= 32 - format->bits;
	if (!format->is_signed)
		value ^= 0x80000000u;
	return (int16_t)(uint16_t)(value >> 16);
}

static void encode_one(const struct audio_format *format, int16_t sample,
		       uint8_t *p)
{
	uint32_t value = (uint32_t)(uint16_t)sample << 16;
	unsigned size = format->bits / 8;
	if (format->is_float) {
		float real = sample / 32768.0f;
		memcpy(&value, &real, sizeof value);
	} else if (!format->is_signed) {
		value ^= 0x80000000u;
	}
	if (!format->is_float)
		value >>= 32 - format->bits;
	for (unsigned i = 0; i < size; i++)
		p[format->big_endian ? size - 1 - i : i] =
		    (uint8_t)(value >> 8 * i);
}

void audio_decode(const struct audio_format *format, const uint8_t *bytes,
		  unsigned frames, int16_t *out)
{
	unsigned step = audio_format_frame_bytes(format);
	unsigned second = format->channels > 1 ? format->bits / 8 : 0;
	for (unsigned i = 0; i < frames; i++, bytes += step) {
		*out++ = decode_one(format, bytes);
		*out++ = decode_one(format, bytes + second);
	}
}

void audio_encode(const struct audio_format *format, const int16_t *in,
		  unsigned frames, uint8_t *bytes)
{
	unsigned size = format->bits / 8;
	for (unsigned i = 0; i < frames; i++, in += AUDIO_CHANNELS)
		for (unsigned c = 0; c < format->channels; c++, bytes += size) {
			int16_t sample = c < AUDIO_CHANNELS ? in[c] : 0;
			if (format->channels == 1)
				sample = (int16_t)((in[0] + in[1]) / 2);
			encode_one(format, sample, bytes);
		}
}

void audio_resample(struct audio_resampler *self, unsigned from, unsigned to,
		    const int16_t *in, unsigned frames, GArray *out)
{
	if (from == to) {
		g_array_append_vals(out, in, frames * AUDIO_CHANNELS);
		return;
	}
	/* frame 0 is the last one of the call before */
	uint64_t step = ((uint64_t)from << 32) / to;
	while (self->at >> 32 < frames) {
		unsigned before = (unsigned)(self->at >> 32);
		int64_t part = (int64_t)(self->at & 0xffffffffu) >> 16;
		int16_t mixed[AUDIO_CHANNELS];
		for (unsigned c = 0; c < AUDIO_CHANNELS; c++) {
			int a = before ? in[(before - 1) * AUDIO_CHANNELS + c]
				       : self->last[c];
			int b = in[before * AUDIO_CHANNELS + c];
			mixed[c] = (int16_t)(a + (b - a) * part / 65536);
		}
		g_array_append_vals(out, mixed, AUDIO_CHANNELS);
		self->at += step;
	}
	self->at -= (uint64_t)frames << 32;
	if (frames)
		memcpy(self->last, in + (frames - 1) * AUDIO_CHANNELS,
		       sizeof self->last);
}
