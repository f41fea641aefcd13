/* linewire.h - lines over a stream socket, both ways, with descriptors.
 *
 * The transport under common/qmp.h and common/qga.h: it finds line ends,
 * queues what the kernel does not take at once, and bounds both directions.
 * What a line means is the owner's business.
 *
 * Bounds: an incoming line of more than line_max bytes, or more than
 * LINEWIRE_QUEUE bytes that the peer does not read, closes the wire.
 * Threads: the thread-default main context of the caller of linewire_new().
 * Ownership: linewire_free() may be called from inside a handler. */
#pragma once

#include <glib.h>

#define LINEWIRE_QUEUE (32u << 20)

struct linewire;

struct linewire_handlers {
	/* One line without its newline, followed by a NUL. */
	void (*line)(struct linewire *wire, const char *bytes, gsize length,
		     void *data);
	/* Once, when the peer is gone (why is NULL) or broke the rules. No
	 * line follows. Not called because of linewire_free(). */
	void (*closed)(struct linewire *wire, const GError *why, void *data);
};

/* Takes fd, a connected stream socket, and makes it non-blocking. */
struct linewire *linewire_new(int fd, gsize line_max,
			      const struct linewire_handlers *handlers,
			      void *data);
void linewire_free(struct linewire *wire);

/* Bytes as they are (the caller ends its line). fd, or -1, is duplicated and
 * travels with the first byte. FALSE when the wire is closed or its queue is
 * full; the latter also closes it, from the loop. */
gboolean linewire_send(struct linewire *wire, const void *bytes, gsize length,
		       int fd);
