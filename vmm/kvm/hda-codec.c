#include "vmm/kvm/hda-codec.h"

#include <string.h>

enum { ROOT, GROUP, DAC, LINE_OUT, ADC, LINE_IN };

/* parameters: 7.3.4 */
enum {
	P_VENDOR = 0x00,
	P_REVISION = 0x02,
	P_NODES = 0x04,
	P_FUNCTION = 0x05,
	P_GROUP_CAPS = 0x08,
	P_WIDGET_CAPS = 0x09,
	P_RATES = 0x0a,
	P_FORMATS = 0x0b,
	P_PIN_CAPS = 0x0c,
	P_AMP_IN = 0x0d,
	P_CONNECTIONS = 0x0e,
	P_POWER = 0x0f,
	P_AMP_OUT = 0x12,
};

#define ID            0x1af40022u
#define RATES         (1u << 17 | 1u << 6 | 1u << 5) /* 16 bits at 48, 44.1 kHz */
#define AMP_CAPS      (1u << 31 | 3u << 16 | HDA_GAIN_MAX << 8 | HDA_GAIN_MAX)
#define STEREO        1u
#define AMPS(in, out) ((in) << 1 | (out) << 2 | 1u << 3 /* own values */)
#define OWN_RATES     (1u << 4)
#define CONNECTED     (1u << 8)

static uint32_t parameter(unsigned node, unsigned which)
{
	static const struct {
		uint8_t node, which;
		uint32_t value;
	} known[] = {
	    {ROOT, P_VENDOR, ID},
	    {ROOT, P_REVISION, 0x00100101},
	    {ROOT, P_NODES, GROUP << 16 | 1},
	    {GROUP, P_FUNCTION, 1},
	    {GROUP, P_NODES, DAC << 16 | 4},
	    {GROUP, P_GROUP_CAPS, 0x0808},
	    {GROUP, P_RATES, RATES},
	    {GROUP, P_FORMATS, 1},
	    {GROUP, P_POWER, 0x9}, /* D0 and D3 */
	    {DAC, P_WIDGET_CAPS, 0u << 20 | OWN_RATES | AMPS(0, 1) | STEREO},
	    {DAC, P_RATES, RATES},
	    {DAC, P_FORMATS, 1},
	    {DAC, P_AMP_OUT, AMP_CAPS},
	    {LINE_OUT, P_WIDGET_CAPS, 4u << 20 | CONNECTED | STEREO},
	    {LINE_OUT, P_PIN_CAPS, 1u << 4},
	    {LINE_OUT, P_CONNECTIONS, 1},
	    {ADC, P_WIDGET_CAPS,
	     1u << 20 | CONNECTED | OWN_RATES | AMPS(1, 0) | STEREO},
	    {ADC, P_RATES, RATES},
	    {ADC, P_FORMATS, 1},
	    {ADC, P_AMP_IN, AMP_CAPS},
	    {ADC, P_CONNECTIONS, 1},
	    {LINE_IN, P_WIDGET_CAPS, 4u << 20 | STEREO},
	    {LINE_IN, P_PIN_CAPS, 1u << 5},
	};

	for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].node == node && known[i].which == which)
			return known[i].value;
	return 0;
}

void hda_codec_reset(struct hda_codec *codec)
{
	const struct hda_converter silent = {
	    .format = 0x0011, .gain = {HDA_GAIN_MAX, HDA_GAIN_MAX}};

	*codec = (struct hda_codec){
	    .out = silent, .in = silent, .pin = {0x40, 0x20}, .changed = true};
}

static struct hda_converter *converter(struct hda_codec *c, unsigned node)
{
	return node == DAC ? &c->out : node == ADC ? &c->in : NULL;
}

static void set_gain(struct hda_converter *at, bool output, unsigned value)
{
	/* bits 15 and 14: the output's or the input's amplifier; 13, 12: left
	 * and right */
	if (!(value >> (output ? 15 : 14) & 1))
		return;
	for (unsigned side = 0; side < 2; side++)
		if (value >> (13 - side) & 1) {
			unsigned gain = value & 0x7f;

			at->gain[side] =
			    (uint8_t)((value & 0x80) |
				      (gain > HDA_GAIN_MAX ? HDA_GAIN_MAX
							   : gain));
		}
}

/* Verbs with 16 bits of data; false: it is none of them. */
static bool long_verb(struct hda_codec *c, unsigned node, unsigned verb,
		      unsigned data, uint32_t *answer)
{
	struct hda_converter *at = converter(c, node);

	if (verb != 0x2 && verb != 0x3 && verb != 0xa && verb != 0xb)
		return false;
	*answer = 0;
	if (!at)
		return true;
	if (verb == 0x2)
		at->format = (uint16_t)data;
	else if (verb == 0x3)
		set_gain(at, node == DAC, data);
	else if (verb == 0xa)
		*answer = at->format;
	else
		*answer = at->gain[data >> 13 & 1 ? 0 : 1];
	c->changed |= verb < 0xa;
	return true;
}

static uint32_t read_verb(struct hda_codec *c, unsigned node, unsigned verb,
			  unsigned data)
{
	struct hda_converter *at = converter(c, node);
	bool pin = node == LINE_OUT || node == LINE_IN;

	switch (verb) {
	case 0xf00:
		return parameter(node, data);
	case 0xf02: /* connections: the output's from DAC, ADC from the jack */
		return data               ? 0
		       : node == LINE_OUT ? DAC
		       : node == ADC      ? LINE_IN
					  : 0;
	case 0xf05:
		return node == GROUP ? c->power | (uint32_t)c->power << 4 : 0;
	case 0xf06:
		return at ? (uint32_t)at->stream << 4 : 0;
	case 0xf07:
		return pin ? c->pin[node == LINE_IN] : 0;
	case 0xf1c: /* where and what the jacks are: rear, green and blue */
		return node == LINE_OUT  ? 0x01014010
		       : node == LINE_IN ? 0x01813020
					 : 0;
	case 0xf20:
		return node == GROUP ? ID : 0;
	}
	return 0;
}

uint32_t hda_codec_verb(struct hda_codec *c, uint32_t word)
{
	unsigned node = word >> 20 & 0x7f, verb = word >> 8 & 0xfff;
	unsigned data = word & 0xff;
	struct hda_converter *at = converter(c, node);
	uint32_t answer;

	if (word >> 28 || word >> 27 & 1)
		return 0; /* another codec's */
	if (long_verb(c, node, verb >> 8, word & 0xffff, &answer))
		return answer;
	switch (verb) {
	case 0x705:
		if (node == GROUP)
			c->power = data & 0xf;
		return 0;
	case 0x706:
		if (at) {
			at->stream = (uint8_t)(data >> 4);
			c->changed = true;
		}
		return 0;
	case 0x707:
		if (node == LINE_OUT || node == LINE_IN)
			c->pin[node == LINE_IN] = (uint8_t)data;
		return 0;
	case 0x7ff:
		if (node == GROUP)
			hda_codec_reset(c);
		return 0;
	}
	return read_verb(c, node, verb, data);
}

void hda_format(uint16_t format, unsigned *rate, unsigned *channels,
		unsigned *frame_bytes, bool *plain)
{
	static const uint8_t container[8] = {1, 2, 4, 4, 4, 0, 0, 0};
	unsigned base = format >> 14 & 1 ? 44100 : 48000;
	unsigned times = (format >> 11 & 7) + 1;
	unsigned by = (format >> 8 & 7) + 1;
	unsigned bytes = container[format >> 4 & 7];

	*channels = (format & 0xf) + 1;
	*frame_bytes = *channels * bytes;
	*rate = format >> 15 || times > 4 || !bytes ? 0 : base * times / by;
	*plain = bytes == 2 && *channels <= 2 && *rate;
}
