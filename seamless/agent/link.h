/* link.h - the agent's way to its host: a virtio port, or a unix socket that
 * stands for one in tests. docs/seamless.md, "Without a machine".
 *
 * One peer at a time; on a socket a later one takes over. Messages leave in
 * order through a bounded queue: senders ask link_has_room() first and keep
 * state, not messages, while there is none.
 * Threads: the main context. Ownership: create/destroy. Errors: a broken peer
 * is closed and told why; the link itself stays and waits for the next. */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#include "seamless/wire.h"

struct link;

struct link_handlers {
	void (*opened)(void *data);
	/* message lives for the call */
	void (*message)(const struct seam_message *message, void *data);
	void (*closed)(const char *why, void *data);
	void (*room)(void *data); /* there is room again */
};

/* Listens on a unix socket, or opens a character device. */
struct link *link_listen(const char *path, const struct link_handlers *handlers,
			 void *data, GError **error);
struct link *link_open_port(const char *path,
			    const struct link_handlers *handlers, void *data,
			    GError **error);
void link_destroy(struct link *self);

bool link_is_up(const struct link *self);
bool link_has_room(const struct link *self);
/* Numbers and queues it; false where it is no valid message or nobody is
 * there. */
bool link_send(struct link *self, struct seam_message *message);
/* Tells the peer why and ends with it. */
void link_drop(struct link *self, enum seam_fault fault, const char *why);
