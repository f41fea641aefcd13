/* agent.h - the guest's spice-vdagent, for its clipboard and for files.
 *
 * Speaks the vdagent protocol (spice/vd_agent.h) as its client over the port
 * com.redhat.spice.0. Screens are not told to it: Display1's SetUIInfo does
 * that. agent-wire.h is the parser.
 *
 * Threads: the main loop's. Fails: whatever the guest says wrongly costs the
 * guest its agent until it opens the port again, nothing else. */
#pragma once

#include <stdint.h>

#include "display/clipboard.h"

struct agent;

struct agent *agent_new(struct clipboard *clipboard);
void agent_free(struct agent *self);
/* Takes the port's stream; replaces an earlier one. */
void agent_attach(struct agent *self, int fd);
void agent_detach(struct agent *self);
/* The guest opened or closed the port: an agent starts or has ended. */
void agent_port_open(struct agent *self, bool open);
bool agent_is_active(const struct agent *self);

/* ---- files into the guest: VD_AGENT_FILE_XFER_* ----
 *
 * Several viewers may send files; each numbers its own, and the guest is given
 * numbers of ours. */
struct agent_party;
struct agent_ops {
	/* The guest's answer, with the party's own number in it. */
	void (*file)(struct agent_party *party, uint32_t type,
		     const uint8_t *body, uint32_t length);
	/* agent_takes_files() has changed. */
	void (*changed)(struct agent_party *party);
	/* agent_is_full() is over. */
	void (*drained)(struct agent_party *party);
};
struct agent_party {
	const struct agent_ops *ops;
	struct agent *agent; /* set by agent_join() */
};
void agent_join(struct agent *self, struct agent_party *party);
/* What it has not sent to its end is cancelled. */
void agent_leave(struct agent_party *party);
/* Both until this is called; holds for files that begin. */
void agent_allow_files(struct agent *self, bool into_guest);
bool agent_takes_files(const struct agent *self);
/* Hold back: the guest has not read what was sent. */
bool agent_is_full(const struct agent *self);
/* A message of type START, STATUS or DATA. False: nobody takes it. */
bool agent_send_file(struct agent_party *party, uint32_t type,
		     const uint8_t *body, uint32_t length);
