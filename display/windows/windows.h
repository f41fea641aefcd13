/* windows.h - the `oriel-windows` stream: guest windows for one client.
 *
 * Takes the guest agent's messages from the port org.oriel.seamless.0 and
 * the pixels from the atlas head of the desktop, and serves both to a client
 * in one order: docs/seamless.md, "Toward the client". Atlas coordinates end
 * here. One client at a time; a later one takes over and the earlier is told.
 *
 * Nothing waits for anyone: a client that does not read holds the agent's
 * messages back at the port, and its pixels are encoded only as it takes
 * them. What is kept per window is its place in the atlas and two bitmaps.
 *
 * Threads: the main loop's. Ownership: the display must outlive it. */
#pragma once

#include "display/display.h"

struct windows;

/* Listens on "unix:PATH", mode 0600. */
struct windows *windows_new(struct display *display, const char *address,
			    GError **error);
void windows_free(struct windows *self);

/* The two ends as sockets, for tests and fuzzing: take fd. */
struct windows *windows_new_closed(struct display *display);
void windows_take_client(struct windows *self, int fd);
void windows_take_port(struct windows *self, int fd);
