/* spice-door.h - the gateway's half of a SPICE link with a stock viewer.
 *
 * As spice/protocol.h has it: SpiceLinkHeader and SpiceLinkMess, our reply
 * with a key, the viewer's choice of authentication, its ticket encrypted
 * with that key (RSA-OAEP), our result. Every channel of a viewer makes a
 * link of its own and shows the same ticket. A machine without input or
 * output of its own, as rfb-door.h: the caller feeds bytes, sends `out`, asks
 * at SPICE_DOOR_ASK and tells the outcome.
 *
 * Threads: any; no allocation. Fails: SPICE_DOOR_CLOSED with a reason for the
 * log; what the viewer can be told is in `out`. */
#pragma once

#include <spice/protocol.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* spice-gtk sends 26 bytes; caps are a bit each, so 16 words go far */
#define SPICE_DOOR_MESS_MAX 256
#define SPICE_DOOR_CAPS_MAX 16 /* words of one kind */

enum spice_door_state {
	SPICE_DOOR_HEADER,
	SPICE_DOOR_MESS,
	SPICE_DOOR_MECHANISM,
	SPICE_DOOR_TICKET,
	SPICE_DOOR_ASK, /* caller: ask, then spice_door_answer() */
	SPICE_DOOR_OPEN,
	SPICE_DOOR_CLOSED,
};

struct spice_door {
	enum spice_door_state state;
	uint8_t key[SPICE_TICKET_PUBKEY_BYTES];
	size_t have;
	/* what is being read, then SpiceLinkMess with its caps as it came */
	uint8_t in[SPICE_DOOR_MESS_MAX];
	uint8_t mess[SPICE_DOOR_MESS_MAX];
	uint32_t mess_size;
	uint32_t connection_id; /* 0: the first channel of a viewer */
	uint8_t channel_type, channel_id;
	uint32_t common_caps; /* the viewer's, first word */
	uint8_t ticket[SPICE_TICKET_KEY_PAIR_LENGTH / 8];
	const char *reason; /* static text, once closed */
	size_t out_size;
	uint8_t out[256];
};

void spice_door_init(struct spice_door *door,
		     const uint8_t key[SPICE_TICKET_PUBKEY_BYTES]);

/* Takes at most size bytes and returns how many: it stops where the caller
 * has to do something, since what follows is not for the door. */
size_t spice_door_feed(struct spice_door *door, const uint8_t *bytes,
		       size_t size);

/* SPICE_LINK_ERR_OK opens it; anything else closes it with that result. */
void spice_door_answer(struct spice_door *door, uint32_t result);
/* Instead of serving: at any time before. */
void spice_door_refuse(struct spice_door *door, uint32_t result);
