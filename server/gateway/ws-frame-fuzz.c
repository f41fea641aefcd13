/* However a client's bytes are cut, the same data comes out of them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/gateway/ws-frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	uint8_t bytes[4096];
	size_t size;
	unsigned pings, code;
	enum ws_event last;
};

static void feed(struct ws_reader *reader, struct outcome *out, uint8_t *bytes,
		 size_t size)
{
	struct ws_part part;
	for (size_t at = 0; out->last != WS_BAD && out->last != WS_HAS_CLOSE;) {
		out->last = ws_read(reader, bytes, size, &at, &part);
		if (at > size)
			abort();
		if (out->last == WS_MORE) {
			if (at != size)
				abort();
			return;
		}
		if (out->last == WS_HAS_DATA) {
			if (!part.size || part.bytes < bytes ||
			    part.bytes + part.size > bytes + size ||
			    out->size + part.size > sizeof out->bytes)
				abort();
			memcpy(out->bytes + out->size, part.bytes, part.size);
			out->size += part.size;
		} else if (out->last == WS_HAS_PING) {
			if (part.size > WS_CONTROL_MAX)
				abort();
			out->pings++;
		} else {
			out->code = part.code;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, pieces;
	uint8_t copy[4096];
	if (size < 1 || size > sizeof copy)
		return 0;
	size_t step = 1 + data[0] % 9;
	struct ws_reader reader = {0};
	memset(&whole, 0, sizeof whole);
	memset(&pieces, 0, sizeof pieces);
	memcpy(copy, data, size);
	feed(&reader, &whole, copy, size);
	reader = (struct ws_reader){0};
	memcpy(copy, data, size);
	for (size_t at = 0; at < size; at += step)
		feed(&reader, &pieces, copy + at,
		     step < size - at ? step : size - at);
	if (whole.size != pieces.size || whole.pings != pieces.pings ||
	    whole.code != pieces.code || whole.last != pieces.last ||
	    memcmp(whole.bytes, pieces.bytes, whole.size) != 0)
		abort();
	if (whole.size > size)
		abort();
	return 0;
}
