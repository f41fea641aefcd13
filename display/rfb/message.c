#include "display/rfb/message.h"

#include <limits.h>
#include <string.h>

int32_t rfb_encoding_at(const struct rfb_message *message, unsigned index)
{
	return (int32_t)rfb_get32(message->encodings.list + index * 4);
}

static enum rfb_parse bad(const char **why, const char *text)
{
	*why = text;
	return RFB_BAD;
}

static enum rfb_parse parse_pixel_format(const uint8_t *p,
					 struct rfb_message *message,
					 const char **why)
{
	struct rfb_wire_format *format = &message->format;
	message->type = RFB_SET_PIXEL_FORMAT;
	p += 4;
	*format = (struct rfb_wire_format){
	    .bpp = p[0],
	    .depth = p[1],
	    .big_endian = p[2] != 0,
	    .true_colour = p[3] != 0,
	    .max = {rfb_get16(p + 4), rfb_get16(p + 6), rfb_get16(p + 8)},
	    .shift = {p[10], p[11], p[12]},
	};
	if (format->bpp != 8 && format->bpp != 16 && format->bpp != 32)
		return bad(why,
			   "a pixel format of other than 8, 16 or 32 bits");
	if (!format->true_colour)
		return format->bpp == 8
			   ? RFB_WHOLE
			   : bad(why, "a colour map of more than 8 bits");
	for (int c = 0; c < 3; c++) {
		uint32_t max = format->max[c];
		if (!max || (max & (max + 1)))
			return bad(why, "a colour range that is not 2^n - 1");
		if (format->shift[c] >= format->bpp ||
		    (uint64_t)max << format->shift[c] >= 1ull << format->bpp)
			return bad(why, "a colour outside its pixel");
	}
	return RFB_WHOLE;
}

/* ServerCutText's twin. A negative length marks the extended clipboard, whose
 * text begins with its flags. */
static enum rfb_parse parse_cut_text(const uint8_t *p, size_t length,
				     struct rfb_message *message, size_t *used,
				     const char **why)
{
	uint32_t raw = rfb_get32(p + 4);
	bool extended = raw > INT32_MAX;
	uint32_t count = extended ? 0u - raw : raw;
	if (extended && (count < 4 || raw == 0x80000000u))
		return bad(why, "an extended clipboard message without flags");
	if (count > RFB_CUT_TEXT_MAX) {
		*used = 8;
		message->type = RFB_SKIP;
		message->skip = count;
		return RFB_WHOLE;
	}
	if (length < 8 + (size_t)count)
		return RFB_MORE;
	*used = 8 + (size_t)count;
	message->text.bytes = p + 8;
	message->text.length = count;
	message->type = RFB_CUT_TEXT;
	if (extended) {
		message->type = RFB_EXTENDED_CLIPBOARD;
		message->text.flags = rfb_get32(p + 8);
		message->text.bytes += 4;
		message->text.length -= 4;
	}
	return RFB_WHOLE;
}

static enum rfb_parse parse_desktop_size(const uint8_t *p, size_t length,
					 struct rfb_message *message,
					 size_t *used, const char **why)
{
	unsigned count = p[6];
	if (count > RFB_SCREENS_MAX)
		return bad(why, "more than 16 screens");
	if (length < 8 + 16 * (size_t)count)
		return RFB_MORE;
	*used = 8 + 16 * (size_t)count;
	message->type = RFB_SET_DESKTOP_SIZE;
	message->size.width = rfb_get16(p + 2);
	message->size.height = rfb_get16(p + 4);
	message->size.count = count;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *s = p + 8 + 16 * i;
		message->size.screens[i] = (struct rfb_screen){
		    rfb_get32(s),     rfb_get16(s + 4),  rfb_get16(s + 6),
		    rfb_get16(s + 8), rfb_get16(s + 10), rfb_get32(s + 12),
		};
	}
	return RFB_WHOLE;
}

static enum rfb_parse parse_qemu(const uint8_t *p, size_t length,
				 struct rfb_message *message, size_t *used,
				 const char **why)
{
	if (length < 2)
		return RFB_MORE;
	if (p[1] == 0) { /* extended key event */
		if (length < 12)
			return RFB_MORE;
		*used = 12;
		message->type = RFB_EXTENDED_KEY;
		message->key.down = rfb_get16(p + 2) != 0;
		message->key.keysym = rfb_get32(p + 4);
		message->key.keycode = rfb_get32(p + 8);
		return RFB_WHOLE;
	}
	if (p[1] != 1)
		return bad(why, "a message of QEMU's that is not known");
	if (length < 4)
		return RFB_MORE;
	unsigned operation = rfb_get16(p + 2);
	if (operation > 2)
		return bad(why, "an audio message that is not known");
	*used = operation == 2 ? 10 : 4;
	if (length < *used)
		return RFB_MORE;
	message->type = RFB_AUDIO;
	message->audio.operation = operation;
	if (operation != RFB_AUDIO_FORMAT)
		return RFB_WHOLE;
	if (p[4] > RFB_SAMPLE_S32 || !p[5] || p[5] > 2)
		return bad(why, "a sound format that is not known");
	message->audio.sample = p[4];
	message->audio.channels = p[5];
	message->audio.rate_hz = rfb_get32(p + 6);
	if (message->audio.rate_hz < RFB_AUDIO_RATE_MIN ||
	    message->audio.rate_hz > RFB_AUDIO_RATE_MAX)
		return bad(why, "sound of a rate that is not known");
	return RFB_WHOLE;
}

enum rfb_parse rfb_message_parse(const uint8_t *p, size_t length,
				 struct rfb_message *message, size_t *used,
				 const char **why)
{
	/* fixed sizes, or as much as tells the size */
	static const uint8_t least[256] = {
	    [0] = 20, [2] = 4,    [3] = 10,  [4] = 8,   [5] = 6,
	    [6] = 8,  [150] = 10, [248] = 9, [251] = 8, [255] = 1,
	};
	if (!length)
		return RFB_MORE;
	memset(message, 0, sizeof *message);
	if (!least[p[0]])
		return bad(why, "a message of a type that is not known");
	if (length < least[p[0]])
		return RFB_MORE;
	*used = least[p[0]];
	switch (p[0]) {
	case 0:
		return parse_pixel_format(p, message, why);
	case 2:
		message->type = RFB_SET_ENCODINGS;
		message->encodings.count = rfb_get16(p + 2);
		message->encodings.list = p + 4;
		*used = 4 + 4 * (size_t)message->encodings.count;
		return length < *used ? RFB_MORE : RFB_WHOLE;
	case 3:
	case 150:
		message->type =
		    p[0] == 3 ? RFB_UPDATE_REQUEST : RFB_CONTINUOUS_UPDATES;
		message->request.incremental = p[1] != 0;
		message->request.x = rfb_get16(p + 2);
		message->request.y = rfb_get16(p + 4);
		message->request.w = rfb_get16(p + 6);
		message->request.h = rfb_get16(p + 8);
		return RFB_WHOLE;
	case 4:
		message->type = RFB_KEY;
		message->key.down = p[1] != 0;
		message->key.keysym = rfb_get32(p + 4);
		return RFB_WHOLE;
	case 5:
		message->type = RFB_POINTER;
		message->pointer.buttons = p[1];
		message->pointer.x = rfb_get16(p + 2);
		message->pointer.y = rfb_get16(p + 4);
		return RFB_WHOLE;
	case 6:
		return parse_cut_text(p, length, message, used, why);
	case 248:
		if (p[8] > RFB_FENCE_MAX)
			return bad(why, "a fence of more than 64 bytes");
		*used = 9 + (size_t)p[8];
		message->type = RFB_FENCE;
		message->fence.flags = rfb_get32(p + 4);
		message->fence.length = p[8];
		message->fence.payload = p + 9;
		return length < *used ? RFB_MORE : RFB_WHOLE;
	case 251:
		return parse_desktop_size(p, length, message, used, why);
	default:
		return parse_qemu(p, length, message, used, why);
	}
}
