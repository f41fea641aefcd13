/* audio-format.h - the machine's samples into ours, and back.
 *
 * Ours are 16 bits, signed, in the computer's byte order, two channels,
 * AUDIO_RATE frames a second. Pure but for the struct that is passed.
 * Threads: any, one at a time per struct. Units: frames. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define AUDIO_RATE     48000u
#define AUDIO_CHANNELS 2u

struct audio_format {
	unsigned bits; /* 8, 16 or 32 */
	bool is_signed, is_float, big_endian;
	unsigned rate, channels; /* 4000..192000, 1..8 */
};

bool audio_format_valid(const struct audio_format *format);
unsigned audio_format_frame_bytes(const struct audio_format *format);

/* Of several channels the first two are heard; one is heard on both sides. */
void audio_decode(const struct audio_format *format, const uint8_t *bytes,
		  unsigned frames, int16_t *out);
/* The mean of both channels where there is one; silence beyond two. */
void audio_encode(const struct audio_format *format, const int16_t *in,
		  unsigned frames, uint8_t *bytes);

/* Another rate, by straight lines between samples; where the rates are the
 * same, a copy. Zero it to begin. */
struct audio_resampler {
	uint64_t at; /* of the next frame out, in 1/2^32 frames in */
	int16_t last[AUDIO_CHANNELS];
};
/* Appends frames; in is all taken. */
void audio_resample(struct audio_resampler *self, unsigned from, unsigned to,
		    const int16_t *in, unsigned frames, GArray *out);
