#include "server/gateway/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"

/* A peer that acknowledges nothing, or keeps its window shut, for this long
 * is gone; a client comes back with its session. */
#define GONE_MS          30000
#define KEEPALIVE_IDLE_S 20
#define KEEPALIVE_STEP_S 5
#define KEEPALIVE_COUNT  2
/* what the kernel holds unsent; more would be old pictures in a queue that
 * the display cannot see */
#define NOTSENT_LOWAT (256 * 1024)

static void set(int fd, int level, int name, int value)
{
	/* tuning only: the connection works without */
	(void)!setsockopt(fd, level, name, &value, sizeof value);
}

static void name_peer(struct conn *conn)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage space;
	} peer;
	socklen_t size = sizeof peer;
	gboolean six = FALSE;
	strcpy(conn->address, "?");
	if (getpeername(conn->fd, &peer.any, &size) == 0) {
		if (peer.any.sa_family == AF_INET) {
			inet_ntop(AF_INET, &peer.v4.sin_addr, conn->address,
				  sizeof conn->address);
			conn->port = ntohs(peer.v4.sin_port);
		} else if (peer.any.sa_family == AF_INET6 &&
			   IN6_IS_ADDR_V4MAPPED(&peer.v6.sin6_addr)) {
			inet_ntop(AF_INET, &peer.v6.sin6_addr.s6_addr[12],
				  conn->address, sizeof conn->address);
			conn->port = ntohs(peer.v6.sin6_port);
		} else if (peer.any.sa_family == AF_INET6) {
			inet_ntop(AF_INET6, &peer.v6.sin6_addr, conn->address,
				  sizeof conn->address);
			conn->port = ntohs(peer.v6.sin6_port);
			six = TRUE;
		}
	}
	g_snprintf(conn->who, sizeof conn->who, "%s%s%s:%u", six ? "[" : "",
		   conn->address, six ? "]" : "", conn->port);
}

void conn_init(struct conn *conn, int fd)
{
	*conn = (struct conn){.fd = fd};
	fcntl(fd, F_SETFL, O_NONBLOCK);
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_STEP_S);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, GONE_MS);
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT);
	name_peer(conn);
}

int conn_wait(int fd, short events, gint64 deadline_us)
{
	for (;;) {
		gint64 left_us = deadline_us - g_get_monotonic_time();
		struct pollfd watch = {.fd = fd, .events = events};
		if (left_us <= 0)
			return 0;
		int ready =
		    poll(&watch, 1, (int)MIN(left_us / 1000 + 1, G_MAXINT));
		if (ready > 0)
			return watch.revents;
		if (ready < 0 && errno != EINTR)
			return POLLERR;
	}
}

/* Waits as the TLS layer or the socket wishes; FALSE with a fault. */
static gboolean wait_for(struct conn *conn, short events, gint64 deadline_us,
			 GError **error)
{
	if (conn_wait(conn->fd, events, deadline_us))
		return TRUE;
	fault_set(error, FAULT_TIMEOUT, NULL,
		  "The client did not go on in time.");
	return FALSE;
}

/* After a TLS call returned <= 0: TRUE when it should be made again. */
static gboolean tls_again(struct conn *conn, int result, const char *what,
			  gint64 deadline_us, GError **error)
{
	int saved = errno;
	switch (SSL_get_error(conn->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(conn, POLLIN, deadline_us, error);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(conn, POLLOUT, deadline_us, error);
	case SSL_ERROR_ZERO_RETURN:
		fault_set(error, FAULT_CANCELLED, NULL, "The client left.");
		return FALSE;
	case SSL_ERROR_SYSCALL:
		fault_set(error, FAULT_CANCELLED, NULL,
			  "The client's connection broke: %s.",
			  saved ? g_strerror(saved) : "it ended");
		return FALSE;
	default: {
		unsigned long code = ERR_get_error();
		const char *reason = ERR_reason_error_string(code);
		ERR_clear_error();
		fault_set(error, FAULT_INVALID, NULL, "%s: %s.", what,
			  reason ? reason : "protocol error");
		return FALSE;
	}
	}
}

gboolean conn_secure(struct conn *conn, SSL_CTX *context, gint64 deadline_us,
		     GError **error)
{
	conn->ssl = SSL_new(context);
	if (!conn->ssl || !SSL_set_fd(conn->ssl, conn->fd)) {
		fault_set(error, FAULT_INTERNAL, NULL, "No memory for TLS.");
		return FALSE;
	}
	for (;;) {
		ERR_clear_error();
		errno = 0;
		int result = SSL_accept(conn->ssl);
		if (result == 1)
			return TRUE;
		if (!tls_again(conn, result, "The TLS handshake failed",
			       deadline_us, error))
			return FALSE;
	}
}

gssize conn_read(struct conn *conn, void *bytes, gsize size, gint64 deadline_us,
		 GError **error)
{
	for (;;) {
		if (conn->ssl) {
			ERR_clear_error();
			errno = 0;
			int got = SSL_read(conn->ssl, bytes,
					   (int)MIN(size, G_MAXINT));
			if (got > 0)
				return got;
			if (SSL_get_error(conn->ssl, got) ==
			    SSL_ERROR_ZERO_RETURN)
				return 0;
			if (!tls_again(conn, got, "Broken TLS", deadline_us,
				       error))
				return -1;
			continue;
		}
		gssize got = recv(conn->fd, bytes, size, 0);
		if (got >= 0)
			return got;
		if (errno != EAGAIN && errno != EINTR) {
			fault_set(error, FAULT_CANCELLED, NULL,
				  "The client's connection broke: %s.",
				  g_strerror(errno));
			return -1;
		}
		if (!wait_for(conn, POLLIN, deadline_us, error))
			return -1;
	}
}

gboolean conn_read_byte(struct conn *conn, guint8 *byte, gint64 deadline_us,
			GError **error)
{
	gssize got = conn_read(conn, byte, 1, deadline_us, error);
	if (got == 0)
		fault_set(error, FAULT_CANCELLED, NULL, "The viewer left.");
	return got > 0;
}

gboolean conn_write(struct conn *conn, const void *bytes, gsize size,
		    gint64 deadline_us, GError **error)
{
	const char *at = bytes;
	while (size) {
		gssize put;
		if (conn->ssl) {
			ERR_clear_error();
			errno = 0;
			put =
			    SSL_write(conn->ssl, at, (int)MIN(size, G_MAXINT));
			if (put <= 0 && !tls_again(conn, (int)put, "Broken TLS",
						   deadline_us, error))
				return FALSE;
		} else {
			put = send(conn->fd, at, size, MSG_NOSIGNAL);
			if (put < 0 && errno != EAGAIN && errno != EINTR) {
				fault_set(error, FAULT_CANCELLED, NULL,
					  "The client's connection broke: %s.",
					  g_strerror(errno));
				return FALSE;
			}
			if (put < 0 &&
			    !wait_for(conn, POLLOUT, deadline_us, error))
				return FALSE;
		}
		if (put > 0) {
			at += put;
			size -= (gsize)put;
		}
	}
	return TRUE;
}

void conn_farewell(struct conn *conn)
{
	gint64 until = g_get_monotonic_time() + G_USEC_PER_SEC;
	char drop[4096];
	/* closing with bytes unread makes the kernel send a reset, which can
	 * overtake the answer; hence at most a second and 64 KiB of listening
	 */
	if (conn->ssl && SSL_is_init_finished(conn->ssl))
		SSL_shutdown(conn->ssl);
	shutdown(conn->fd, SHUT_WR);
	for (int i = 0; i < 16; i++)
		if (!conn_wait(conn->fd, POLLIN, until) ||
		    recv(conn->fd, drop, sizeof drop, 0) <= 0)
			break;
	close(conn->fd);
	conn->fd = -1;
}
