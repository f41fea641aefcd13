/* Whatever parses must be writable, and come back the same. */
#include <stdlib.h>
#include <string.h>

#include "seamless/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static uint8_t again[SEAM_MESSAGE_MAX];
	while (size > 0) {
		struct seam_message message, copy;
		size_t used, written, reread;
		enum seam_status status =
		    seam_parse(bytes, size, &message, &used);
		if (status != SEAM_OK && status != SEAM_UNKNOWN)
			break;
		if (used < SEAM_HEADER_SIZE || used > size)
			abort();
		if (status == SEAM_OK) {
			if (seam_write(&message, again, sizeof again,
				       &written) != SEAM_OK)
				abort();
			if (written > used ||
			    seam_parse(again, written, &copy, &reread) !=
				SEAM_OK ||
			    reread != written)
				abort();
		}
		bytes += used;
		size -= used;
	}
	return 0;
}
