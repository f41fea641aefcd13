/* spice.h - the SPICE server of one display. spice/protocol.h, enums.h and
 * vd_agent.h define the wire; what stock clients make of it decides.
 *
 * A viewer is a main channel and the channels that come with its session id;
 * each channel is a connection of its own.
 *
 * Threads: the main loop's. Ownership: the display must outlive the server. */
#pragma once

#include "display/display.h"

struct spice_server;

/* address: "unix:PATH" (mode 0600, any ticket is taken) or "HOST:PORT".
 * ticket: the password of viewers over TCP, or NULL with no_auth, which is
 * refused anywhere but on loopback. NULL and a fault when it cannot be so. */
struct spice_server *spice_server_new(struct display *display,
				      const char *address, const char *ticket,
				      bool no_auth, GError **error);
void spice_server_free(struct spice_server *self);

/* A connection that is made already, to be served without authentication;
 * takes fd. For tests and fuzzing. */
void spice_server_take(struct spice_server *self, int fd);
/* Serves only what spice_server_take() is given. */
struct spice_server *spice_server_new_closed(struct display *display);
