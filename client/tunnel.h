/* tunnel.h - one TLS connection that carries a desktop's display protocol.
 *
 * The client's side of docs/tunnel.md: connect, TLS, ask for the upgrade with
 * a ticket or with the secret of an earlier session, then bytes both ways.
 * What the server sends can be read from a plain socket, which is what
 * protocol libraries want; what is to be sent is queued, so that no caller
 * ever waits for the network; or both ways go through the socket, for
 * libraries that want one, and a full socket holds the library back.
 *
 * Threads: connect, fd, end_error and close on the thread that owns the
 *   tunnel (it blocks in connect); send from any. Two threads of its own move
 *   the bytes and are joined by close.
 * Bounds: head 16 KiB, body of a refusal 64 KiB, TUNNEL_QUEUE bytes unsent;
 *   connect, TLS and answer within TUNNEL_CONNECT_S seconds each.
 * Fails: FAULT with the server's own words where it gave any. */
#pragma once

#include <gio/gio.h>

#define TUNNEL_QUEUE     (8u << 20)
#define TUNNEL_CONNECT_S 15

struct tunnel_request {
	const char *host;
	guint16 port;
	const char *protocol;    /* "rfb", "spice", "windows" */
	const char *fingerprint; /* trusted besides valid ones; or NULL */
	const char *ticket;      /* one of these two */
	const char *session;
	gboolean both_ways; /* what is written to fd is sent; no tunnel_send */
	/* or NULL: is shown all that comes, on the tunnel's thread; data lives
	 * until close or failure, then free_data */
	void (*seen)(const void *bytes, gsize length, void *data);
	void *data;
	GDestroyNotify free_data;
};

struct tunnel_answer {
	unsigned status;        /* of the refusal; 0: never came that far */
	unsigned retry_after_s; /* 0: the server did not say */
	char session[129];      /* secret for reconnects, "" where none came */
};

struct tunnel;

/* NULL and error on failure; answer is filled as far as it came. */
struct tunnel *tunnel_connect(const struct tunnel_request *request,
			      GCancellable *cancellable,
			      struct tunnel_answer *answer, GError **error);
/* Where the server's bytes are read; ends (EOF) when the tunnel does. The
 * caller owns the descriptor. */
int tunnel_take_fd(struct tunnel *tunnel);
/* Copies. FALSE when the queue is full or the tunnel is closing. */
gboolean tunnel_send(struct tunnel *tunnel, const void *bytes, gsize length);
/* Bytes queued and not yet handed to TLS. */
gsize tunnel_queued(struct tunnel *tunnel);

/* What has moved so far; any thread. */
struct tunnel_meter {
	guint64 bytes_in, bytes_out; /* of the protocol */
	gint64 heard_us; /* of the last byte, g_get_monotonic_time() */
	unsigned rtt_us; /* as TCP measures it to the gateway; 0: unknown */
};
void tunnel_read_meter(struct tunnel *tunnel, struct tunnel_meter *meter);
/* Why it ended (new), once fd has said EOF; NULL for an orderly end. */
GError *tunnel_end_error(struct tunnel *tunnel);
void tunnel_close(struct tunnel *tunnel);
