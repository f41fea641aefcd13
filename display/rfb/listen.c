#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "display/address.h"
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
	bool local;
	int fd =
	    address_listen(address, ticket != NULL, no_auth, &local, error);
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
