/* Any bytes, in any number of pieces, give the same verdict. */
#include <stdint.h>
#include <stdlib.h>

#include "server/gateway/http-head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data, *reason = NULL;
	static struct head head, part;
	enum head_result whole = head_parse(&head, bytes, size, &reason);
	if (whole == HEAD_BAD && !reason)
		abort();
	if (whole == HEAD_DONE &&
	    (head.size > size || head.size > HEAD_MAX || !head.path.size))
		abort();
	/* a prefix is never worse than the whole */
	enum head_result early = head_parse(&part, bytes, size / 2, &reason);
	if (early == HEAD_BAD && whole != HEAD_BAD)
		abort();
	if (early == HEAD_DONE &&
	    (whole != HEAD_DONE || part.size != head.size))
		abort();
	for (unsigned i = 0; whole == HEAD_DONE && i < head.count; i++)
		span_lists(head.fields[i].value, "upgrade");
	return 0;
}
