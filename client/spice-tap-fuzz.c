/* Any bytes, in two pieces, must leave the tap's figures finite. */
#include "client/spice-tap.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const guint8 *bytes, size_t size);

int LLVMFuzzerTestOneInput(const guint8 *bytes, size_t size)
{
	struct spice_tap tap = {0};
	char text[64];
	/* the first byte says where to cut; an odd one skips the link */
	gsize cut = size > 1 ? bytes[0] % size : 0;
	if (size > 0 && (bytes[0] & 1)) {
		static const guint8 link[16 + 4] = "REDQ";
		spice_tap_read(&tap, link, sizeof link);
	}
	spice_tap_read(&tap, bytes, cut);
	spice_tap_read(&tap, bytes + cut, size - cut);
	spice_tap_tell(&tap, text, sizeof text);
	for (int i = 0; i < SPICE_TAP_KINDS; i++)
		if (!isfinite(tap.bytes[i]))
			__builtin_trap();
	return 0;
}
