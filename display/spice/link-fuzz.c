/* Any first bytes of a channel are taken in pieces of any size alike. */
#include <stdlib.h>
#include <string.h>

#include "display/spice/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const uint8_t *data, size_t size, size_t piece,
		struct spice_link *link, GByteArray *out)
{
	static const uint8_t key[SPICE_TICKET_PUBKEY_BYTES];
	size_t at = 0, end = 0;
	memset(link, 0, sizeof *link);
	while (end < size) {
		size_t used;
		end += MIN(piece, size - end);
		while ((used = spice_link_feed(link, key, data + at, end - at,
					       out)) > 0)
			at += used;
		if (link->state == SPICE_LINK_ASK)
			spice_link_answer(link, SPICE_LINK_ERR_OK, out);
		if (at > end)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spice_link whole, bits;
	g_autoptr(GByteArray) a = g_byte_array_new(), b = g_byte_array_new();
	run(data, size, size, &whole, a);
	run(data, size, 1, &bits, b);
	if (whole.state != bits.state || a->len != b->len ||
	    memcmp(a->data, b->data, a->len) != 0)
		abort();
	return 0;
}
