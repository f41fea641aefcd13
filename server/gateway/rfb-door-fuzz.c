/* Any viewer, in pieces of any size, ends somewhere within bounds. */
#include <stdint.h>
#include <stdlib.h>

#include "server/gateway/rfb-door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct door door;
	door_init(&door, size && data[0] == 'x' ? "Full." : NULL);
	size_t at = 0;
	while (at < size && door.state != DOOR_CLOSED &&
	       door.state != DOOR_OPEN) {
		size_t piece = 1 + data[at] % 16;
		if (piece > size - at)
			piece = size - at;
		size_t taken = door_feed(&door, data + at, piece);
		if (taken > piece || door.out_size > sizeof door.out)
			abort();
		at += taken;
		if (door.state == DOOR_TLS) {
			door.out_size = 0; /* sent */
			door_secured(&door);
		} else if (door.state == DOOR_LOGIN) {
			if (door.user[door.user_size] ||
			    door.password[door.password_size])
				abort();
			door_admit(&door);
		}
	}
	if (door.state == DOOR_CLOSED && !door.reason)
		abort();
	door_forget(&door);
	return 0;
}
