/* Any pixels in any format fit what is set aside for them. */
#include <stdlib.h>
#include <string.h>

#include "display/rfb/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum rfb_encoding encodings[] = {
	    RFB_ENC_RAW, RFB_ENC_HEXTILE, RFB_ENC_ZLIB, RFB_ENC_TIGHT,
	    RFB_ENC_ZRLE};
	if (size < 24)
		return 0;
	struct rfb_style style = {.compress = 2, .format = rfb_native_format};
	struct rfb_message message;
	size_t used;
	const char *why;
	uint8_t format[20] = {0};
	memcpy(format + 4, data, 16);
	if (rfb_message_parse(format, 20, &message, &used, &why) == RFB_WHOLE)
		style.format = message.format;
	unsigned w = 1 + data[16], h = 1 + data[17] % 80;
	style.quality = data[18] % 101;
	style.full_colour = data[18] & 1;
	style.compress = 1 + data[19] % 9;
	uint32_t *pixels = g_new0(uint32_t, (size_t)w * h);
	size -= 20;
	for (size_t i = 0; i < (size_t)w * h; i++) {
		uint32_t pixel = data[20 + i % size];
		pixels[i] =
		    (data[20] & 1 ? pixel * 0x10305 + i / 3 : pixel * 0x10101) &
		    0xffffff;
	}
	GByteArray *out = g_byte_array_new();
	for (size_t e = 0; e < G_N_ELEMENTS(encodings); e++) {
		style.encoding = encodings[e];
		rfb_encode(&style, pixels, w, w, h, out);
	}
	g_byte_array_unref(out);
	g_free(pixels);
	return 0;
}
