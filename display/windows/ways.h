/* ways.h - what a desktop's policy lets pass beside its windows: the clipboard
 * and files, each into the guest and out of it.
 *
 * A message that may not pass is answered for the side that would have had it,
 * so that nobody waits. Threads: the main loop's. */
#pragma once

#include "display/windows/private.h"

/* true: it may pass as it came. Else it has been dealt with. */
bool ways_from_agent(struct windows *self, const struct seam_message *message);
bool ways_from_client(struct windows *self, const struct seam_message *message);
