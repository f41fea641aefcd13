#include "server/broker/api-link.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "PEER " + IPv6 with scope + port */
#define GREETING_MAX 96u
#define GREETING_S 10
/* of silence while a request is read or an answer written */
#define SILENCE_S 60

struct greeting {
	struct api_link *link; /* NULL once handed over */
	int fd;
	char line[GREETING_MAX];
	gsize length;
	guint watch, timer;
	api_link_ready ready;
};

static GQuark link_quark(void)
{
	return g_quark_from_static_string("oriel-api-link");
}

static void link_free(void *data)
{
	struct api_link *link = data;
	link->gone(link, link->data);
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
static void hand_over(struct api_link *link, int fd, api_link_ready ready)
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
	void *data = link->data;
	g_object_set_qdata_full(G_OBJECT(remote), link_quark(), link,
				link_free);
	ready(G_IO_STREAM(stream), local, remote, data);
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
		struct api_link *link = greeting->link;
		link->address = parse_peer(greeting->line);
		if (!link->address)
			break;
		api_link_ready ready = greeting->ready;
		greeting->watch = 0;
		greeting_end(greeting, TRUE);
		hand_over(link, fd, ready);
		return G_SOURCE_REMOVE;
	}
	greeting->watch = 0;
	greeting_end(greeting, FALSE);
	return G_SOURCE_REMOVE;
}

void api_link_open(int fd, gboolean local, api_link_ready ready,
		   void (*gone)(struct api_link *link, void *data), void *data)
{
	struct api_link *link = g_new0(struct api_link, 1);
	link->local = local;
	link->gone = gone;
	link->data = data;
	if (local) {
		link->address = g_strdup("local");
		hand_over(link, fd, ready);
		return;
	}
	struct greeting *greeting = g_new0(struct greeting, 1);
	greeting->link = link;
	greeting->fd = fd;
	greeting->ready = ready;
	greeting->watch = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
					on_greeting, greeting);
	greeting->timer =
		g_timeout_add_seconds(GREETING_S, on_silence, greeting);
}
