/* spice-link.h - the gateway as a viewer of a display's own SPICE socket.
 *
 * The link that a viewer has made with us is made again with the display: the
 * same SpiceLinkMess, an empty password. Behind it both sides speak as if
 * they had linked with each other.
 *
 * Threads: the worker's only one. Fails: FAULT_UNAVAILABLE. */
#pragma once

#include "server/gateway/spice-door.h"

#include <glib.h>

/* fd: connected and non-blocking. */
gboolean spice_link(int fd, const struct spice_door *door, gint64 deadline_us,
		    GError **error);
