/* listen.h - the gateway's ports. Threads: any. */
#pragma once

#include <glib.h>

/* A non-blocking, close-on-exec socket that listens, or -1 with a fault that
 * names the port and the remedy; option is the command line's ("--rfb-port").
 * *port 0 takes a free one and is filled in. "::" serves IPv4 too. */
int listen_tcp(const char *address, guint16 *port, const char *option,
	       GError **error);
