/* rfb.h - the RFB (VNC) server of one display. RFC 6143 and rfbproto.rst.
 *
 * Own protocol core: every socket is non-blocking, every message is framed
 * before it is looked at, an update is encoded piece by piece only as the
 * client takes it. docs/display.md says why.
 *
 * Threads: the main loop's. Ownership: the display must outlive the server. */
#pragma once

#include "display/display.h"

struct rfb_server;

/* address: "unix:PATH" (mode 0600, no authentication) or "HOST:PORT".
 * ticket: what a TCP client must know (VNC authentication, of which the
 * protocol uses 8 characters), or NULL with no_auth, which is refused
 * anywhere but on loopback. NULL and a fault when it cannot be so. */
struct rfb_server *rfb_server_new(struct display *display, const char *address,
				  const char *ticket, bool no_auth,
				  GError **error);
/* Whoever comes from now on only looks on: their input, sizes and clipboards
 * are not the desktop's. */
void rfb_server_view_only(struct rfb_server *self);
void rfb_server_free(struct rfb_server *self);

/* A client that is connected already, to be served without authentication;
 * takes fd. For tests and fuzzing. */
void rfb_server_take(struct rfb_server *self, int fd);
/* Serves only what rfb_server_take() is given. */
struct rfb_server *rfb_server_new_closed(struct display *display);
