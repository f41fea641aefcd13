/* link.h - the Windows agent's way to its host: a virtio-serial port, or a
 * TCP socket on this machine's loopback that stands for one in tests.
 *
 * As seamless/agent/link.h: one peer at a time, a later one takes over on a
 * socket; a bounded queue, senders ask link_has_room() first. A port has no
 * connection: while the host's end is closed, reads end at once with nothing,
 * and it is tried again four times a second.
 * Threads: one, which waits for link_handle() until link_due() at the latest
 * and then calls link_pump(). Errors: a broken peer is closed and told why;
 * the link stays. */
#pragma once

#include "seamless/win32/win.h"
#include "seamless/wire.h"

struct link;

struct link_handlers {
	void (*opened)(void *data);
	void (*message)(const struct seam_message *message, void *data);
	void (*closed)(const char *why, void *data);
};

/* A port by its name, or one that a service has opened already. */
struct link *link_open_port(const WCHAR *path, HANDLE inherited,
			    const struct link_handlers *handlers, void *data);
/* 127.0.0.1; with port 0 Windows chooses one. NULL: the log says why. */
struct link *link_listen(unsigned port, const struct link_handlers *handlers,
			 void *data);
unsigned link_port(const struct link *self);
void link_destroy(struct link *self);

HANDLE link_handle(const struct link *self);
int64_t link_due(const struct link *self);
void link_pump(struct link *self);

bool link_is_up(const struct link *self);
bool link_has_room(const struct link *self);
bool link_send(struct link *self, struct seam_message *message);
void link_drop(struct link *self, enum seam_fault fault, const char *why);
