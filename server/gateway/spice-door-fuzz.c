/* Any viewer, in pieces of any size, ends somewhere within bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/gateway/spice-door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SPICE_TICKET_PUBKEY_BYTES] = {1};
	struct spice_door door;
	spice_door_init(&door, key);
	size_t at = 0;
	while (at < size && door.state != SPICE_DOOR_CLOSED &&
	       door.state != SPICE_DOOR_OPEN) {
		size_t piece = 1 + data[at] % 32;
		if (piece > size - at)
			piece = size - at;
		size_t taken = spice_door_feed(&door, data + at, piece);
		if (taken > piece || door.out_size > sizeof door.out)
			abort();
		if (!taken && !door.out_size && door.state != SPICE_DOOR_ASK)
			abort(); /* stuck */
		at += taken;
		door.out_size = 0; /* sent */
		if (door.mess_size > SPICE_DOOR_MESS_MAX)
			abort();
		if (door.state == SPICE_DOOR_ASK)
			spice_door_answer(&door, data[0] % 2);
	}
	if (door.state == SPICE_DOOR_CLOSED && !door.reason)
		abort();
	door.out_size = 0;
	spice_door_refuse(&door, 7);
	return 0;
}
