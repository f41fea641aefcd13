/* websocket.h - a tunnel for browsers: its request, its frames, its end.
 *
 * RFC 6455, 4.2 "Server-Side Requirements". A script can neither set a header
 * nor read a refused answer, and what stands in an address gets logged: hence
 * the ticket comes as a second subprotocol beside `binary`, and a refusal is
 * an accepted connection that is closed at once with a code (4000 + HTTP
 * status) and a reason. docs/tunnel.md is the contract.
 *
 * Threads: the worker's only one. Fails: FALSE and a fault to answer with. */
#pragma once

#include "server/gateway/http-head.h"
#include "server/gateway/relay.h"
#include "server/gateway/ws-frame.h"

/* The request is for a WebSocket at all. */
gboolean websocket_wanted(const struct head *head);

struct websocket_request {
	char accept[32];    /* Sec-WebSocket-Accept, 28 characters */
	gboolean binary;    /* subprotocol to select */
	struct span ticket; /* of the subprotocol, size 0 for none */
};

/* Checks the handshake, and that it comes from a page of this server or from
 * no page at all: FAULT_DENIED for a page of another. */
gboolean websocket_parse(const struct head *head,
			 struct websocket_request *request, GError **error);

/* Frames for relay.h. */
struct websocket {
	struct ws_reader reader;
	struct relay_codec codec;
	unsigned code; /* to close with; 0: none yet */
	char reason[WS_REASON_MAX + 1];
	guint8 pong[WS_CONTROL_MAX]; /* the newest ping's, to be sent */
	guint8 pong_size;
	gboolean pong_due, close_sent;
};

void websocket_init(struct websocket *socket);
/* What the client is to be told when this connection ends. */
void websocket_set_end(struct websocket *socket, const GError *fault);
/* The Close frame for that; its size. */
gsize websocket_write_close(struct websocket *socket,
			    guint8 frame[2 + WS_CONTROL_MAX]);
