/* Any payload is either refused or gives bounded, valid text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/rfb-clipboard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rfb_clipboard_message message;
	if (!rfb_clipboard_parse(data, size, &message))
		return 0;
	if (message.text && !g_utf8_validate(message.text, -1, NULL))
		abort();
	g_free(message.text);
	return 0;
}
