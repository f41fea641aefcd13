/* Two blocking threads move the bytes: one from TLS into a socket pair whose
 * other end the protocol reads, one from a queue into TLS. A full socket pair
 * holds the reader back, TLS and TCP then hold the server back. GIO's TLS
 * connections allow one reader beside one writer. */
#include "client/tunnel.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/http-answer.h"
#include "client/trust.h"
#include "common/fault.h"
#include "common/jsonline.h"

#define CHUNK       (64u << 10)
#define REFUSAL_MAX (64u << 10)
/* A cut without a word (sleep, changed network) is noticed after this. */
#define DEAD_AFTER_S 12

struct tunnel {
	GSocketConnection *tcp;
	GIOStream *tls;
	GCancellable *cancellable;
	int read_fd;   /* the protocol's end; -1 once taken */
	int write_fd;  /* ours */
	guint8 *early; /* came behind the answer's head */
	gsize early_length;
	GAsyncQueue *queue;
	gint queued;  /* atomic */
	gint closing; /* atomic */
	GThread *reader, *writer;
	GMutex lock;
	GError *error;             /* under lock: the first that went wrong */
	struct tunnel_meter meter; /* under lock */
	void (*seen)(const void *bytes, gsize length, void *data);
	void *data;
	GDestroyNotify free_data;
};

static void keep_first_error(struct tunnel *tunnel, GError *error)
{
	g_mutex_lock(&tunnel->lock);
	if (!tunnel->error && error &&
	    !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		tunnel->error = g_error_copy(error);
	g_mutex_unlock(&tunnel->lock);
}

static gboolean write_all(int fd, const guint8 *bytes, gsize length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		bytes += n;
		length -= (gsize)n;
	}
	return TRUE;
}

static void count(struct tunnel *tunnel, gsize in, gsize out)
{
	g_mutex_lock(&tunnel->lock);
	tunnel->meter.bytes_in += in;
	tunnel->meter.bytes_out += out;
	if (in)
		tunnel->meter.heard_us = g_get_monotonic_time();
	g_mutex_unlock(&tunnel->lock);
}

static gpointer read_tls(gpointer data)
{
	struct tunnel *tunnel = data;
	GInputStream *in = g_io_stream_get_input_stream(tunnel->tls);
	g_autofree guint8 *chunk = g_malloc(CHUNK);
	if (tunnel->seen && tunnel->early_length)
		tunnel->seen(tunnel->early, tunnel->early_length, tunnel->data);
	gboolean open =
	    write_all(tunnel->write_fd, tunnel->early, tunnel->early_length);
	while (open) {
		g_autoptr(GError) error = NULL;
		gssize n = g_input_stream_read(in, chunk, CHUNK,
					       tunnel->cancellable, &error);
		if (n <= 0)
			keep_first_error(tunnel, error);
		else
			count(tunnel, (gsize)n, 0);
		if (n > 0 && tunnel->seen)
			tunnel->seen(chunk, (gsize)n, tunnel->data);
		open = n > 0 && write_all(tunnel->write_fd, chunk, (gsize)n);
	}
	shutdown(tunnel->write_fd, SHUT_RDWR);
	return NULL;
}

/* Sends what the protocol writes into its end of the socket pair. */
static gpointer write_tls_from_fd(gpointer data)
{
	struct tunnel *tunnel = data;
	GOutputStream *out = g_io_stream_get_output_stream(tunnel->tls);
	g_autofree guint8 *chunk = g_malloc(CHUNK);
	for (;;) {
		ssize_t n = recv(tunnel->write_fd, chunk, CHUNK, 0);
		if (n < 0 && errno == EINTR)
			continue;
		g_autoptr(GError) error = NULL;
		gsize written = 0;
		if (n > 0 &&
		    g_output_stream_write_all(out, chunk, (gsize)n, &written,
					      tunnel->cancellable, &error)) {
			count(tunnel, 0, (gsize)n);
			continue;
		}
		keep_first_error(tunnel, error);
		g_atomic_int_set(&tunnel->closing, TRUE);
		/* either side is gone: the reader sees it, too */
		g_socket_shutdown(g_socket_connection_get_socket(tunnel->tcp),
				  TRUE, TRUE, NULL);
		return NULL;
	}
}

static gpointer write_tls(gpointer data)
{
	struct tunnel *tunnel = data;
	GOutputStream *out = g_io_stream_get_output_stream(tunnel->tls);
	for (;;) {
		g_autoptr(GBytes) bytes = g_async_queue_pop(tunnel->queue);
		gsize length = 0;
		const void *start = g_bytes_get_data(bytes, &length);
		if (length == 0)
			return NULL; /* close's farewell */
		/* what waits goes out together: fewer records, one packet */
		g_autoptr(GByteArray) batch = g_byte_array_new();
		g_byte_array_append(batch, start, (guint)length);
		GBytes *next;
		gboolean last = FALSE;
		while (batch->len < CHUNK &&
		       (next = g_async_queue_try_pop(tunnel->queue))) {
			gsize more = g_bytes_get_size(next);
			last = more == 0;
			if (more > 0)
				g_byte_array_append(
				    batch, g_bytes_get_data(next, NULL),
				    (guint)more);
			g_bytes_unref(next);
			if (last)
				break;
		}
		g_autoptr(GError) error = NULL;
		gsize written = 0;
		gboolean sent = g_output_stream_write_all(
		    out, batch->data, batch->len, &written, tunnel->cancellable,
		    &error);
		g_atomic_int_add(&tunnel->queued, -(gint)batch->len);
		count(tunnel, 0, sent ? batch->len : 0);
		if (!sent) {
			keep_first_error(tunnel, error);
			g_atomic_int_set(&tunnel->closing, TRUE);
			/* the reader sees the end of the connection */
			g_socket_shutdown(
			    g_socket_connection_get_socket(tunnel->tcp), TRUE,
			    TRUE, NULL);
			return NULL;
		}
		if (last)
			return NULL;
	}
}

static gboolean accept_certificate(GTlsConnection *connection,
				   GTlsCertificate *certificate,
				   GTlsCertificateFlags flags, gpointer data)
{
	const char *trusted = data;
	g_autofree char *fingerprint = trust_fingerprint(certificate);
	return trusted && g_strcmp0(fingerprint, trusted) == 0;
}

static void tune_socket(GSocketConnection *tcp)
{
	int fd = g_socket_get_fd(g_socket_connection_get_socket(tcp));
	static const struct {
		int level, name, value;
	} options[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, DEAD_AFTER_S / 3},
	    {IPPROTO_TCP, TCP_KEEPINTVL, DEAD_AFTER_S / 6},
	    {IPPROTO_TCP, TCP_KEEPCNT, 4},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_AFTER_S * 1000},
	};
	/* best effort: without them a dead line is only noticed later */
	for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
		if (setsockopt(fd, options[i].level, options[i].name,
			       &options[i].value, sizeof(int)) != 0)
			continue;
}

static gboolean connect_tls(struct tunnel *tunnel,
			    const struct tunnel_request *request,
			    GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_socket_client_set_timeout(client, TUNNEL_CONNECT_S);
	g_autoptr(GSocketConnectable) address =
	    g_network_address_new(request->host, request->port);
	tunnel->tcp = g_socket_client_connect(client, address,
					      tunnel->cancellable, &local);
	if (!tunnel->tcp) {
		fault_set(error, fault_code(local),
			  "Check the network; the server may be down.",
			  "%s cannot be reached: %s", request->host,
			  local->message);
		return FALSE;
	}
	tune_socket(tunnel->tcp);
	tunnel->tls = g_tls_client_connection_new(G_IO_STREAM(tunnel->tcp),
						  address, &local);
	if (tunnel->tls) {
		static const char *const alpn[] = {"http/1.1", NULL};
		GTlsConnection *tls = G_TLS_CONNECTION(tunnel->tls);
		g_tls_connection_set_advertised_protocols(tls, alpn);
		g_autofree char *trusted =
		    request->fingerprint ? trust_normalize(request->fingerprint)
					 : NULL;
		gulong handler =
		    g_signal_connect(tls, "accept-certificate",
				     G_CALLBACK(accept_certificate), trusted);
		gboolean done = g_tls_connection_handshake(
		    tls, tunnel->cancellable, &local);
		g_signal_handler_disconnect(tls, handler);
		/* no renegotiation slips another certificate in: with no
		 * handler only valid ones would pass */
		if (done)
			return TRUE;
	}
	fault_set(
	    error,
	    g_error_matches(local, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE)
		? FAULT_DENIED
		: fault_code(local),
	    "Sign in again; if it persists, ask the administrator "
	    "whether the server's certificate changed.",
	    "No secure connection to %s: %s", request->host, local->message);
	return FALSE;
}

/* The refusal's own words, from the API's error object. */
static void set_refusal(const struct http_answer *answer, const char *body,
			gsize length, GError **error)
{
	json_t *object = json_loadb(body, length, 0, NULL);
	json_t *inner = json_object_get(object, "error");
	if (json_is_object(inner)) {
		g_propagate_error(error, jsonline_to_error(inner));
	} else {
		fault_set(
		    error,
		    answer->status == 401 ? FAULT_DENIED : FAULT_UNAVAILABLE,
		    "Try again in a while.",
		    "The server refused the desktop (HTTP %u)", answer->status);
	}
	json_decref(object);
}

static gboolean ask_upgrade(struct tunnel *tunnel,
			    const struct tunnel_request *request,
			    struct tunnel_answer *answer, GError **error)
{
	g_autoptr(GString) ask = g_string_new(NULL);
	gboolean v6 = strchr(request->host, ':') != NULL;
	g_string_printf(ask,
			"GET /tunnel/v1/%s HTTP/1.1\r\n"
			"Host: %s%s%s:%u\r\n"
			"User-Agent: oriel-client/" ORIEL_VERSION "\r\n"
			"Connection: Upgrade\r\n"
			"Upgrade: oriel-tunnel\r\n"
			"Authorization: %s %s\r\n\r\n",
			request->protocol, v6 ? "[" : "", request->host,
			v6 ? "]" : "", request->port,
			request->session ? "Oriel-Session" : "Oriel-Ticket",
			request->session ? request->session : request->ticket);
	g_autoptr(GError) local = NULL;
	gboolean sent = g_output_stream_write_all(
	    g_io_stream_get_output_stream(tunnel->tls), ask->str, ask->len,
	    NULL, tunnel->cancellable, &local);
	memset(ask->str, 0, ask->len);
	g_autoptr(GByteArray) came = g_byte_array_new();
	struct http_answer head = {0};
	enum http_answer_progress progress = HTTP_ANSWER_MORE;
	gsize wanted = 0;
	while (sent && progress != HTTP_ANSWER_BAD &&
	       (progress == HTTP_ANSWER_MORE || came->len < wanted)) {
		guint8 chunk[4096];
		gssize n = g_input_stream_read(
		    g_io_stream_get_input_stream(tunnel->tls), chunk,
		    sizeof chunk, tunnel->cancellable, &local);
		if (n <= 0)
			break;
		g_byte_array_append(came, chunk, (guint)n);
		if (progress == HTTP_ANSWER_MORE)
			progress = http_answer_parse((char *)came->data,
						     came->len, &head);
		if (progress == HTTP_ANSWER_DONE && head.status != 101)
			wanted = head.head_bytes +
				 MIN(head.content_length, REFUSAL_MAX);
	}
	if (progress == HTTP_ANSWER_BAD) {
		fault_set(error, FAULT_INVALID,
			  "Check the server's address and port.",
			  "%s port %u does not speak as an Oriel server",
			  request->host, request->port);
		return FALSE;
	}
	if (progress == HTTP_ANSWER_MORE) {
		fault_set(error, local ? fault_code(local) : FAULT_UNAVAILABLE,
			  "Try again in a while.",
			  "%s ended the connection before it answered%s%s",
			  request->host, local ? ": " : "",
			  local ? local->message : "");
		return FALSE;
	}
	answer->status = head.status;
	answer->retry_after_s = head.retry_after_s;
	if (head.status != 101) {
		set_refusal(&head, (char *)came->data + head.head_bytes,
			    MIN(came->len - head.head_bytes, REFUSAL_MAX),
			    error);
		return FALSE;
	}
	if (g_ascii_strcasecmp(head.upgrade, "oriel-tunnel") != 0) {
		answer->status = 0; /* no refusal: not our server at all */
		fault_set(error, FAULT_INVALID,
			  "Check the server's address and port.",
			  "The server switched to another protocol");
		return FALSE;
	}
	g_strlcpy(answer->session, head.session, sizeof answer->session);
	tunnel->early_length = came->len - head.head_bytes;
	tunnel->early =
	    g_memdup2(came->data + head.head_bytes, tunnel->early_length);
	return TRUE;
}

struct tunnel *tunnel_connect(const struct tunnel_request *request,
			      GCancellable *cancellable,
			      struct tunnel_answer *answer, GError **error)
{
	*answer = (struct tunnel_answer){0};
	struct tunnel *tunnel = g_new0(struct tunnel, 1);
	tunnel->cancellable = g_object_ref(cancellable);
	tunnel->read_fd = tunnel->write_fd = -1;
	tunnel->seen = request->seen;
	tunnel->data = request->data;
	tunnel->free_data = request->free_data;
	tunnel->queue = g_async_queue_new_full((GDestroyNotify)g_bytes_unref);
	g_mutex_init(&tunnel->lock);
	int pair[2];
	if (!connect_tls(tunnel, request, error) ||
	    !ask_upgrade(tunnel, request, answer, error)) {
		tunnel_close(tunnel);
		return NULL;
	}
	/* from here on silence is normal */
	g_socket_set_timeout(g_socket_connection_get_socket(tunnel->tcp), 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		fault_set(error, FAULT_INTERNAL, "Close some programs.",
			  "No more connections can be opened: %s",
			  g_strerror(errno));
		tunnel_close(tunnel);
		return NULL;
	}
	tunnel->read_fd = pair[0];
	tunnel->write_fd = pair[1];
	tunnel->meter.heard_us = g_get_monotonic_time();
	tunnel->reader = g_thread_new("tunnel-read", read_tls, tunnel);
	tunnel->writer = g_thread_new(
	    "tunnel-write", request->both_ways ? write_tls_from_fd : write_tls,
	    tunnel);
	return tunnel;
}

int tunnel_take_fd(struct tunnel *tunnel)
{
	int fd = tunnel->read_fd;
	tunnel->read_fd = -1;
	return fd;
}

gboolean tunnel_send(struct tunnel *tunnel, const void *bytes, gsize length)
{
	if (length == 0)
		return TRUE;
	if (g_atomic_int_get(&tunnel->closing) || length > TUNNEL_QUEUE ||
	    (gsize)g_atomic_int_get(&tunnel->queued) > TUNNEL_QUEUE - length)
		return FALSE;
	g_atomic_int_add(&tunnel->queued, (gint)length);
	g_async_queue_push(tunnel->queue, g_bytes_new(bytes, length));
	return TRUE;
}

gsize tunnel_queued(struct tunnel *tunnel)
{
	return (gsize)MAX(0, g_atomic_int_get(&tunnel->queued));
}

void tunnel_read_meter(struct tunnel *tunnel, struct tunnel_meter *meter)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof info;
	int fd = g_socket_get_fd(g_socket_connection_get_socket(tunnel->tcp));
	g_mutex_lock(&tunnel->lock);
	*meter = tunnel->meter;
	g_mutex_unlock(&tunnel->lock);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0)
		meter->rtt_us = info.tcpi_rtt;
}

GError *tunnel_end_error(struct tunnel *tunnel)
{
	g_mutex_lock(&tunnel->lock);
	GError *error = tunnel->error ? g_error_copy(tunnel->error) : NULL;
	g_mutex_unlock(&tunnel->lock);
	return error;
}

void tunnel_close(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	g_atomic_int_set(&tunnel->closing, TRUE);
	if (tunnel->write_fd >= 0)
		shutdown(tunnel->write_fd, SHUT_RDWR);
	/* unblocks both threads, also where the peer never reads */
	if (tunnel->tcp)
		g_socket_shutdown(g_socket_connection_get_socket(tunnel->tcp),
				  TRUE, TRUE, NULL);
	g_async_queue_push(tunnel->queue, g_bytes_new(NULL, 0));
	if (tunnel->writer)
		g_thread_join(tunnel->writer);
	if (tunnel->reader)
		g_thread_join(tunnel->reader);
	if (tunnel->read_fd >= 0)
		close(tunnel->read_fd);
	if (tunnel->write_fd >= 0)
		close(tunnel->write_fd);
	/* the socket, not the TLS layer: no farewell is waited for */
	if (tunnel->tcp)
		g_socket_close(g_socket_connection_get_socket(tunnel->tcp),
			       NULL);
	g_clear_object(&tunnel->tls);
	g_clear_object(&tunnel->tcp);
	g_async_queue_unref(tunnel->queue);
	g_clear_object(&tunnel->cancellable);
	g_clear_error(&tunnel->error);
	g_mutex_clear(&tunnel->lock);
	if (tunnel->free_data)
		tunnel->free_data(tunnel->data);
	g_free(tunnel->early);
	g_free(tunnel);
}
