/* The port's bytes, cut anywhere, tell the same as whole: the first byte of
 * the input says where it is cut. */
#include <stdlib.h>
#include <string.h>

#include "seamless/folder-mux.h"

struct told {
	uint64_t sum; /* over streams, bytes and ends, in their order */
	size_t bytes;
};

static void part(void *data, uint64_t stream, const uint8_t *bytes,
		 size_t length)
{
	struct told *told = data;
	if (length > FOLDER_PIECE_MAX)
		abort();
	if (length == 0)
		told->sum = told->sum * 31 + stream + 257;
	for (size_t i = 0; i < length; i++)
		told->sum = (told->sum * 31 + stream) * 31 + bytes[i];
	told->bytes += length;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length < 1)
		return 0;
	size_t step = (size_t)bytes[0] + 1;
	struct folder_reader whole = {0}, cut = {0};
	struct told one = {0}, many = {0};
	folder_read(&whole, bytes + 1, length - 1, part, &one);
	for (size_t at = 1; at < length; at += step) {
		size_t take = step < length - at ? step : length - at;
		folder_read(&cut, bytes + at, take, part, &many);
	}
	if (one.sum != many.sum || one.bytes != many.bytes ||
	    whole.have != cut.have || whole.left != cut.left)
		abort();
	return 0;
}
