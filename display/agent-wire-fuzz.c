/* Any bytes from a guest's agent are taken in chunks of any size alike. */
#include <stdlib.h>
#include <string.h>

#include "display/agent-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
	uint32_t hash;
	unsigned count;
};

static void on_message(void *data, uint32_t type, const uint8_t *body,
		       uint32_t length)
{
	struct sum *sum = data;
	sum->count++;
	sum->hash = sum->hash * 31 + type + length;
	for (uint32_t i = 0; i < length; i++)
		sum->hash = sum->hash * 31 + body[i];
	if (length > AGENT_BODY_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_wire whole, bits;
	struct sum a = {0}, b = {0};
	agent_wire_init(&whole);
	agent_wire_init(&bits);
	agent_wire_feed(&whole, data, size, on_message, &a);
	for (size_t i = 0; i < size; i++)
		agent_wire_feed(&bits, data + i, 1, on_message, &b);
	if (memcmp(&a, &b, sizeof a) != 0 || whole.broken != bits.broken)
		abort();
	agent_wire_finish(&whole);
	agent_wire_finish(&bits);
	return 0;
}
