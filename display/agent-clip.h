/* agent-clip.h - the clipboard as the vdagent protocol speaks of it
 * (VD_AGENT_CLIPBOARD*), joined to the one of clipboard.h.
 *
 * The same on both sides of us: toward the guest's agent, and toward a SPICE
 * client, to whom we are the agent. It joins once the other side has said
 * that it knows clipboards by demand.
 *
 * Threads: the main loop's. Ownership: embedded; `owner` is the caller's. */
#pragma once

#include <stdint.h>

#include "display/clipboard.h"

struct agent_clip {
	struct clipboard_party party; /* first: ops get a pointer to it */
	/* Sends a message to the other side. May be called at any time. */
	void (*send)(void *owner, uint32_t type, const uint8_t *body,
		     uint32_t length);
	void *owner;
	bool joined;
	bool selection;  /* it knows several clipboards */
	bool crlf;       /* its lines end so */
	unsigned wanted; /* forms that it waits for */
};

/* guest: the other side is the machine. */
void agent_clip_init(struct agent_clip *self, bool guest,
		     void (*send)(void *owner, uint32_t type,
				  const uint8_t *body, uint32_t length),
		     void *owner);
/* Its capabilities; true when it has joined by them. What is there to paste
 * is said after that, by agent_clip_greet(). */
bool agent_clip_announced(struct agent_clip *self, struct clipboard *clipboard,
			  uint32_t caps);
void agent_clip_greet(struct agent_clip *self);
void agent_clip_leave(struct agent_clip *self);
/* A message from it; of no other type than VD_AGENT_CLIPBOARD*. */
void agent_clip_message(struct agent_clip *self, uint32_t type,
			const uint8_t *body, uint32_t length);
