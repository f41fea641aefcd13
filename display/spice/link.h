/* link.h - the beginning of a channel: link message, our reply, the client's
 * choice of authentication, its ticket, our result. spice/protocol.h.
 *
 * A machine without input or output of its own: bytes are fed, `out` is sent.
 * Threads: any; no allocation beyond `out`. Fails: SPICE_LINK_CLOSED with a
 * reason for the log; what the client can be told is in `out`. */
#pragma once

#include <glib.h>
#include <spice/protocol.h>
#include <stdbool.h>

/* spice-gtk sends 26 bytes; caps are a bit each, so 16 words go far */
#define SPICE_LINK_MESS_MAX 256u
#define SPICE_LINK_CAPS_MAX 16u /* words of one kind */

enum spice_link_state {
	SPICE_LINK_HEADER,
	SPICE_LINK_MESS,
	SPICE_LINK_MECHANISM,
	SPICE_LINK_TICKET,
	SPICE_LINK_ASK, /* the ticket is here: spice_link_answer() */
	SPICE_LINK_OPEN,
	SPICE_LINK_CLOSED,
};

struct spice_link {
	enum spice_link_state state;
	size_t mess_size;
	uint32_t connection_id; /* 0: a new viewer */
	uint8_t type, id;
	uint32_t common_caps, channel_caps; /* first words */
	uint8_t ticket[SPICE_TICKET_KEY_PAIR_LENGTH / 8];
	const char *reason; /* static text, once closed */
};

/* Takes the next step if its bytes are here. Returns how many it used; 0 when
 * more are needed or the caller's turn has come. */
size_t spice_link_feed(struct spice_link *self,
		       const uint8_t key[SPICE_TICKET_PUBKEY_BYTES],
		       const uint8_t *bytes, size_t size, GByteArray *out);
/* SPICE_LINK_ERR_OK opens it; anything else closes it with that result. */
void spice_link_answer(struct spice_link *self, uint32_t result,
		       GByteArray *out);
