/* agent-wire.h - messages of the vdagent protocol out of and into its chunks.
 *
 * A message travels in chunks, each with a small header: at most 2048 bytes
 * toward the guest, of any size from it; all numbers are little-endian.
 * Messages longer than AGENT_BODY_MAX are skipped without being stored.
 * Threads: any. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "display/clipboard.h"

#define AGENT_BODY_MAX (CLIPBOARD_PICTURE_MAX + 64u)

/* A clipboard's forms have the numbers of the protocol's types, less one. */
static inline uint32_t agent_type_of(enum clipboard_form form)
{
	return form + 1u;
}

/* The forms of a list of types, a bit each. */
unsigned agent_forms_of(const uint8_t *types, uint32_t length);

struct agent_wire {
	GByteArray *body;   /* of the message that is under way */
	uint8_t header[20]; /* of the chunk, then of the message */
	unsigned chunk_have, message_have;
	uint8_t chunk_header[8];
	uint32_t chunk_left; /* bytes of this chunk still to come */
	uint32_t body_left;
	uint32_t type;
	bool skip, broken;
};

void agent_wire_init(struct agent_wire *self);
void agent_wire_finish(struct agent_wire *self);

typedef void (*agent_message)(void *data, uint32_t type, const uint8_t *body,
			      uint32_t length);
/* false once the stream makes no sense; it never recovers by itself. */
bool agent_wire_feed(struct agent_wire *self, const uint8_t *bytes,
		     size_t length, agent_message message, void *data);
/* Appends one whole message in chunks. */
void agent_wire_write(GByteArray *out, uint32_t type, const uint8_t *body,
		      uint32_t length);
