#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/paths.h"
#include "display/rfb/client.h"

/* Wrong passwords from anywhere before TCP is shut for a while. */
#define FAILURES_MAX       10
#define FAILURES_WINDOW_US (30 * G_USEC_PER_SEC)

struct rfb_server {
	struct display *display;
	char *unix_path; /* removed at the end */
	char *ticket;
	bool tcp;
	int fd;
	guint watch;
	GPtrArray *clients; /* oldest first */
	unsigned failures;
	gint64 failures_since;
};

struct display *rfb_server_display(struct rfb_server *self)
{
	return self->display;
}

const char *rfb_server_ticket(struct rfb_server *self)
{
	return self->ticket;
}

void rfb_server_remove(struct rfb_server *self, struct rfb_client *client)
{
	g_ptr_array_remove(self->clients, client);
}

void rfb_server_auth_failed(struct rfb_server *self)
{
	gint64 now = g_get_monotonic_time();
	if (now - self->failures_since > FAILURES_WINDOW_US)
		self->failures = 0;
	self->failures_since = now;
	self->failures++;
}

static bool shut(const struct rfb_server *self)
{
	return self->failures >= FAILURES_MAX &&
	       g_get_monotonic_time() - self->failures_since <
		   FAILURES_WINDOW_US;
}

/* Makes room: the oldest that has not finished its handshake goes first. */
static bool make_room(struct rfb_server *self)
{
	if (self->clients->len < DISPLAY_VIEWERS_MAX)
		return true;
	for (guint i = 0; i < self->clients->len; i++) {
		struct rfb_client *client = self->clients->pdata[i];
		if (client->state != RFB_STATE_UP) {
			rfb_client_fail(client, NULL);
			return true;
		}
	}
	return false;
}

void rfb_server_take(struct rfb_server *self, int fd)
{
	static struct log_limit limit = {.burst = 2};
	const struct log_about about = {.vm = display_vm(self->display)};
	const char *reason = NULL;
	if (self->tcp && shut(self))
		reason = "Too many wrong passwords; try again in a minute.";
	else if (!make_room(self))
		reason = "This desktop has as many viewers as it may have.";
	if (reason) {
		/* 7.1.2: no security types, and why */
		g_autoptr(GString) text = g_string_new("RFB 003.008\n");
		uint8_t length[5] = {0};
		rfb_put32(length + 1, strlen(reason));
		g_string_append_len(text, (const char *)length, 5);
		g_string_append(text, reason);
		if (send(fd, text->str, text->len,
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
		    log_allow(&limit, &about))
			log_warn(&about, "viewer refused: %s", reason);
		close(fd);
		return;
	}
	struct rfb_client *client =
	    rfb_client_new(self, fd, self->ticket != NULL);
	if (!client->dead)
		g_ptr_array_add(self->clients, client);
}

static gboolean on_connection(int fd, GIOCondition condition, void *data)
{
	struct rfb_server *self = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0)
		rfb_server_take(self, client);
	else if (errno == EMFILE || errno == ENFILE)
		make_room(self); /* descriptors run out before viewers do */
	return G_SOURCE_CONTINUE;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)
				 ->sin_addr.s_addr) >>
			   24 ==
		       127;
	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(
		   &((const struct sockaddr_in6 *)address)->sin6_addr);
}

static int listen_tcp(const char *address, bool open, GError **error)
{
	const char *colon = strrchr(address, ':');
	if (!colon || colon == address || !colon[1]) {
		fault_set(error, FAULT_INVALID,
			  "Give unix:PATH or HOST:PORT, such as "
			  "127.0.0.1:5901.",
			  "\"%s\" is not an address.", address);
		return -1;
	}
	g_autofree char *host = g_strndup(address, colon - address);
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int result = getaddrinfo(host, colon + 1, &hints, &found);
	if (result) {
		fault_set(error, FAULT_INVALID,
			  "Give an address of this machine and a port number.",
			  "\"%s\" is not an address: %s.", address,
			  gai_strerror(result));
		return -1;
	}
	int fd = -1, on = 1;
	if (open && !is_loopback(found->ai_addr)) {
		fault_set(error, FAULT_DENIED,
			  "Give --ticket-file FILE, or listen on 127.0.0.1.",
			  "Serving %s without authentication is refused: "
			  "--no-auth is for loopback only.",
			  address);
		freeaddrinfo(found);
		return -1;
	}
	fd = socket(found->ai_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 ||
	    listen(fd, 64) < 0) {
		int code = errno;
		fault_set(
		    error,
		    code == EADDRINUSE ? FAULT_CONFLICT : FAULT_UNAVAILABLE,
		    code == EADDRINUSE
			? "Choose another port, or stop what uses it."
			: NULL,
		    "Cannot listen on %s: %s.", address, g_strerror(code));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

struct rfb_server *rfb_server_new_closed(struct display *display)
{
	struct rfb_server *self = g_new0(struct rfb_server, 1);
	self->display = display;
	self->fd = -1;
	self->clients = g_ptr_array_new();
	return self;
}

struct rfb_server *rfb_server_new(struct display *display, const char *address,
				  const char *ticket, bool no_auth,
				  GError **error)
{
	bool local = g_str_has_prefix(address, "unix:");
	int fd;
	if (local) {
		fd = paths_unix_listen(address + 5, 0600, error);
	} else if (!ticket && !no_auth) {
		fault_set(error, FAULT_INVALID,
			  "Give --ticket-file FILE; --no-auth is for trying "
			  "things out on loopback.",
			  "A network address needs authentication.");
		return NULL;
	} else {
		fd = listen_tcp(address, !ticket, error);
	}
	if (fd < 0)
		return NULL;
	struct rfb_server *self = rfb_server_new_closed(display);
	self->fd = fd;
	self->tcp = !local;
	if (local)
		self->unix_path = g_strdup(address + 5);
	else
		self->ticket = g_strdup(ticket);
	self->watch = g_unix_fd_add(fd, G_IO_IN, on_connection, self);
	return self;
}

void rfb_server_free(struct rfb_server *self)
{
	if (!self)
		return;
	if (self->watch)
		g_source_remove(self->watch);
	if (self->fd >= 0)
		close(self->fd);
	if (self->unix_path)
		unlink(self->unix_path);
	while (self->clients->len) /* failing takes it off the list */
		rfb_client_free(self->clients->pdata[0]);
	g_ptr_array_unref(self->clients);
	if (self->ticket)
		memset(self->ticket, 0, strlen(self->ticket));
	g_free(self->ticket);
	g_free(self->unix_path);
	g_free(self);
}
