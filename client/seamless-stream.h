/* seamless-stream.h - the oriel-windows stream: bytes and checked messages.
 *
 * Threads: main. Ownership: takes descriptor and tunnel. Fails: `ended`,
 * once, with a fault where the other side broke the rules; the stream may be
 * freed in any handler. Bounds: one message is held, TUNNEL_QUEUE unsent. */
#pragma once

#include <gio/gio.h>

#include "client/tunnel.h"
#include "seamless/wire.h"

struct seamless_stream;

struct seamless_stream_handlers {
	void (*message)(const struct seam_message *message, void *data);
	/* What came at once has been handed over. */
	void (*pause)(void *data);
	void (*ended)(const GError *error, void *data);
};

struct seamless_stream *seamless_stream_new(
    int fd, struct tunnel *tunnel,
    const struct seamless_stream_handlers *handlers, void *data);
void seamless_stream_free(struct seamless_stream *stream);
/* Numbers the message and sends it; its serial, 0 when it could not be. */
uint32_t seamless_stream_send(struct seamless_stream *stream,
			      struct seam_message *message);
