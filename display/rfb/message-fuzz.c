/* Any bytes are framed without reading past them or going round in circles. */
#include <stdlib.h>
#include <string.h>

#include "display/rfb/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		struct rfb_message message;
		size_t used = 0;
		const char *why = NULL;
		/* a copy of exact size lets the sanitizer see every overrun */
		uint8_t *copy = malloc(size);
		memcpy(copy, data, size);
		enum rfb_parse result =
		    rfb_message_parse(copy, size, &message, &used, &why);
		volatile int32_t seen = 0;
		if (result == RFB_WHOLE && message.type == RFB_SET_ENCODINGS)
			for (unsigned i = 0; i < message.encodings.count; i++)
				seen ^= rfb_encoding_at(&message, i);
		free(copy);
		if (result == RFB_BAD && !why)
			abort();
		if (result != RFB_WHOLE)
			return 0;
		if (!used || used > size)
			abort();
		if (message.type == RFB_SKIP && message.skip < size - used)
			used += message.skip;
		data += used;
		size -= used;
	}
	return 0;
}
