/* conn.h - the client's side of one connection, before bytes are relayed.
 *
 * A non-blocking TCP socket, in the clear until conn_secure(), read and
 * written with deadlines by a worker that has nothing else to do. relay.h
 * takes over from here.
 *
 * Threads: the worker's only one. Fails: -1 or FALSE and a fault whose cause
 * is for the log: FAULT_TIMEOUT when the deadline passed, FAULT_CANCELLED
 * when the client left, FAULT_INVALID for what is no TLS.
 * Units: deadlines in microseconds of g_get_monotonic_time(). */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>

struct conn {
	int fd;
	SSL *ssl;         /* NULL while in the clear */
	char address[46]; /* the client's, as text; IPv4 as such */
	guint16 port;
	char who[56]; /* "address:port" for the log */
};

/* Takes fd, sets it up (no delay, keep-alive, non-blocking). */
void conn_init(struct conn *conn, int fd);

gboolean conn_secure(struct conn *conn, SSL_CTX *context, gint64 deadline_us,
		     GError **error);
/* At least one byte; 0 at the orderly end. */
gssize conn_read(struct conn *conn, void *bytes, gsize size, gint64 deadline_us,
		 GError **error);
/* Just one, so that what follows is left; a client that left is an error. */
gboolean conn_read_byte(struct conn *conn, guint8 *byte, gint64 deadline_us,
			GError **error);
gboolean conn_write(struct conn *conn, const void *bytes, gsize size,
		    gint64 deadline_us, GError **error);

/* Ends it so that what was written arrives: close notify, half-close, and
 * what still comes is read and dropped for a moment. */
void conn_farewell(struct conn *conn);

/* poll() on one descriptor until the deadline: revents, 0 on timeout. */
int conn_wait(int fd, short events, gint64 deadline_us);
