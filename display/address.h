/* address.h - where viewers come in: "unix:PATH" or "HOST:PORT".
 *
 * A unix socket is made with mode 0600 and needs no authentication. A network
 * address needs a ticket, or no_auth, which is refused anywhere but on
 * loopback. Threads: the main loop's. Fails: with a fault. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* A listening descriptor (non-blocking, close-on-exec) or -1; *local tells
 * that it is a unix socket. */
int address_listen(const char *address, bool ticket, bool no_auth, bool *local,
		   GError **error);
