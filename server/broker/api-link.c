#include "server/broker/api-link.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "server/broker/http-guard.h"

/* "PEER " + IPv6 with scope + port */
#define GREETING_MAX 96u
#define GREETING_S   10
/* of silence while a request is read or an answer written */
#define SILENCE_S 60

/* how long until a head that has come in part is looked at again */
#define LOOK_MS 20

struct greeting {
	struct api_link *link;
	int fd;
	char line[GREETING_MAX];
	gsize length;
	guint watch, timer;
};

static GQuark link_quark(void)
{
	return g_quark_from_static_string("oriel-api-link");
}

static void link_free(void *data)
{
	struct api_link *link = data;
	link->calls->gone(link, link->data);
	g_clear_object(&link->socket);
	g_free(link->address);
	g_free(link);
}

struct api_link *api_link_of(GSocketAddress *remote)
{
	return remote ? g_object_get_qdata(G_OBJECT(remote), link_quark())
		      : NULL;
}

void api_link_cut(struct api_link *link)
{
	if (link)
		g_socket_shutdown(link->socket, TRUE, TRUE, NULL);
}

/* Takes link and fd. */
static void hand_over(struct api_link *link, int fd)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, NULL);
	if (!socket) {
		close(fd);
		link_free(link);
		return;
	}
	g_socket_set_timeout(socket, SILENCE_S);
	link->socket = g_object_ref(socket);
	g_autoptr(GSocketConnection) stream =
	    g_socket_connection_factory_create_connection(socket);
	/* libsoup derives the host of an HTTP/1.0 request from an address of
	 * the internet family, and from nothing else */
	g_autoptr(GSocketAddress) local =
	    g_inet_socket_address_new_from_string("127.0.0.1", 80);
	g_autoptr(GSocketAddress) remote =
	    g_inet_socket_address_new_from_string("127.0.0.1", 80);
	g_object_set_qdata_full(G_OBJECT(remote), link_quark(), link,
				link_free);
	link->calls->ready(link, G_IO_STREAM(stream), local, remote,
			   link->data);
}

static void greeting_end(struct greeting *greeting, gboolean keep)
{
	if (greeting->watch)
		g_source_remove(greeting->watch);
	if (greeting->timer)
		g_source_remove(greeting->timer);
	if (!keep) {
		close(greeting->fd);
		link_free(greeting->link);
	}
	g_free(greeting);
}

static gboolean on_silence(void *data)
{
	struct greeting *greeting = data;
	greeting->timer = 0;
	greeting_end(greeting, FALSE);
	return G_SOURCE_REMOVE;
}

/* "PEER address port"; the address is printed and compared, never used. */
static char *parse_peer(const char *line)
{
	static const char prefix[] = "PEER ";
	if (strncmp(line, prefix, strlen(prefix)) != 0)
		return NULL;
	const char *address = line + strlen(prefix);
	gsize length = strcspn(address, " ");
	const char *port = address + length;
	static const char allowed[] = "0123456789abcdefABCDEF.:%"
				      "ghijklmnopqrstuvwxyz_-";
	if (!length || strspn(address, allowed) != length || *port != ' ')
		return NULL;
	port++;
	gsize digits = strspn(port, "0123456789");
	return digits && digits <= 5 && !port[digits]
		   ? g_strndup(address, length)
		   : NULL;
}

static void refuse(int fd, const GError *why)
{
	json_t *object = json_pack("{s:o}", "error", jsonline_from_error(why));
	char *text = json_dumps(object, JSON_COMPACT);
	g_autofree char *answer = g_strdup_printf(
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
	    "Content-Length: %" G_GSIZE_FORMAT "\r\nCache-Control: "
	    "no-store\r\nConnection: close\r\n\r\n%s",
	    strlen(text), text);
	json_decref(object);
	free(text);
	/* it fits an empty socket; who does not take it does without */
	if (send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	/* what lies unread would reset the connection under the answer */
	shutdown(fd, SHUT_WR);
	char rest[4096];
	for (int i = 0; i < 64 && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0;
	     i++)
		;
}

static gboolean on_head(int fd, GIOCondition condition, void *data);

static gboolean on_look(void *data)
{
	struct greeting *greeting = data;
	greeting->watch = g_unix_fd_add(
	    greeting->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_head, greeting);
	return G_SOURCE_REMOVE;
}

/* The head stays in the socket for libsoup. The gateway sends it whole; one
 * that comes in parts is looked at again after a while, since poll() would
 * only say again and again that there is something. */
static gboolean on_head(int fd, GIOCondition condition, void *data)
{
	struct greeting *greeting = data;
	char head[HTTP_HEAD_MAX];
	ssize_t got = recv(fd, head, sizeof head, MSG_PEEK);
	greeting->watch = 0;
	gsize length = got > 0 ? http_guard_length(head, (gsize)got) : 0;
	g_autoptr(GError) error = NULL;
	gboolean full = got == (ssize_t)sizeof head;
	gboolean ended = got == 0 || (condition & (G_IO_HUP | G_IO_ERR));
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (!length && !full && !ended && got > 0) {
		greeting->watch = g_timeout_add(LOOK_MS, on_look, greeting);
		return G_SOURCE_REMOVE;
	}
	if (!length && full)
		fault_set(&error, FAULT_INVALID, "Send less.",
			  "The request's head is larger than %u bytes.",
			  HTTP_HEAD_MAX);
	if (length && http_guard_check(head, length, &error)) {
		struct api_link *link = greeting->link;
		greeting_end(greeting, TRUE);
		hand_over(link, fd);
		return G_SOURCE_REMOVE;
	}
	if (error)
		refuse(fd, error);
	greeting_end(greeting, FALSE);
	return G_SOURCE_REMOVE;
}

/* A byte at a time: what follows the line is HTTP's. */
static gboolean on_greeting(int fd, GIOCondition condition, void *data)
{
	struct greeting *greeting = data;
	for (;;) {
		char byte;
		ssize_t got = recv(fd, &byte, 1, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return G_SOURCE_CONTINUE;
		if (got <= 0 || greeting->length >= GREETING_MAX - 1)
			break;
		if (byte != '\n') {
			greeting->line[greeting->length++] = byte;
			continue;
		}
		greeting->line[greeting->length] = 0;
		greeting->link->address = parse_peer(greeting->line);
		struct api_link *link = greeting->link;
		if (!link->address || !link->calls->known(link, link->data))
			break;
		on_look(greeting);
		return G_SOURCE_REMOVE;
	}
	greeting->watch = 0;
	greeting_end(greeting, FALSE);
	return G_SOURCE_REMOVE;
}

void api_link_open(int fd, gboolean local, const struct api_link_calls *calls,
		   void *data)
{
	struct api_link *link = g_new0(struct api_link, 1);
	link->local = local;
	link->calls = calls;
	link->data = data;
	struct greeting *greeting = g_new0(struct greeting, 1);
	greeting->link = link;
	greeting->fd = fd;
	greeting->timer =
	    g_timeout_add_seconds(GREETING_S, on_silence, greeting);
	if (local) {
		link->address = g_strdup("local");
		on_look(greeting);
		return;
	}
	greeting->watch = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
					on_greeting, greeting);
}
