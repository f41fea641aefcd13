/* agent.h - the agent that a SPICE client is shown. spice/vd_agent.h.
 *
 * It is ours and always there, whatever the guest has: a client sends the
 * screens it wants only to an agent. It takes them for the display, and stands
 * between the client's clipboard and the one that all viewers and the guest
 * share (clipboard.h).
 *
 * Messages come in pieces of at most 2048 bytes, each of which costs a token:
 * a client that sends more than it has is cut off; we wait for tokens.
 *
 * Threads: the main loop's. Ownership: the channel must outlive it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct spice_channel;
struct spice_agent;

/* Pieces that a client may have on their way to us. */
#define SPICE_AGENT_TOKENS 10u

struct spice_agent *spice_agent_new(struct spice_channel *channel);
/* The channel has failed: no more calls from others. */
void spice_agent_leave(struct spice_agent *self);
void spice_agent_free(struct spice_agent *self);

/* The client speaks to agents, and takes so many pieces. */
void spice_agent_start(struct spice_agent *self, uint32_t tokens);
void spice_agent_tokens(struct spice_agent *self, uint32_t tokens);
/* A piece of a message. May fail the channel. */
void spice_agent_data(struct spice_agent *self, const uint8_t *bytes,
		      size_t length);
