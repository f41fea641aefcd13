/* agent.h - the guest's spice-vdagent, for its clipboard.
 *
 * Speaks the vdagent protocol (spice/vd_agent.h) as its client over the port
 * com.redhat.spice.0. Screens are not told to it: Display1's SetUIInfo does
 * that. agent-wire.h is the parser.
 *
 * Threads: the main loop's. Fails: whatever the guest says wrongly costs the
 * guest its agent until it opens the port again, nothing else. */
#pragma once

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
