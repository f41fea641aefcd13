/* hda-codec.h - the codec behind hda.c: one output, one input, stereo.
 *
 * High Definition Audio 1.0a, 7.3. Nodes: 1 the function group, 2 converter
 * and 3 jack of the output, 4 converter and 5 jack of the input. A verb that
 * is not known, or for no node, answers 0.
 * Threads: under the controller's lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hda_converter {
	uint16_t format;
	uint8_t stream;  /* tag; 0: none */
	uint8_t gain[2]; /* left, right: bit 7 mute, 0 to HDA_GAIN_MAX */
};
#define HDA_GAIN_MAX 0x4a

struct hda_codec {
	struct hda_converter out, in;
	uint8_t pin[2]; /* controls of the jacks: output, input */
	uint8_t power;
	bool changed; /* a converter; the controller clears it */
};

void hda_codec_reset(struct hda_codec *codec);
uint32_t hda_codec_verb(struct hda_codec *codec, uint32_t verb);
/* A stream's or converter's format: frames a second and bytes a frame; 0 for
 * rate where the format is none. plain: 16-bit, at most stereo. */
void hda_format(uint16_t format, unsigned *rate, unsigned *channels,
		unsigned *frame_bytes, bool *plain);
