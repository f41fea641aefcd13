#include "display/door.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/address.h"

/* Wrong passwords from anywhere before TCP is shut for a while. */
#define FAILURES_MAX       10
#define FAILURES_WINDOW_US (30 * G_USEC_PER_SEC)

struct door {
	const struct door_ops *ops;
	void *data;
	unsigned most;
	int fd; /* -1: closed */
	guint watch;
	char *unix_path; /* removed at the end */
	char *ticket;
	GPtrArray *guests; /* oldest first */
	unsigned failures;
	gint64 failures_since;
};

void door_list(struct door *self, void *guest)
{
	g_ptr_array_add(self->guests, guest);
}

void door_forget(struct door *self, void *guest)
{
	g_ptr_array_remove(self->guests, guest);
}

static bool send_one_away(struct door *self)
{
	for (guint i = 0; i < self->guests->len; i++) {
		void *guest = self->guests->pdata[i];
		if (!self->ops->is_up(guest)) {
			self->ops->send_away(guest);
			return true;
		}
	}
	return false;
}

bool door_make_room(struct door *self)
{
	return self->guests->len < self->most || send_one_away(self);
}

/* ---- tickets ---- */

const char *door_ticket(const struct door *self)
{
	return self->ticket;
}

void door_wrong_ticket(struct door *self)
{
	gint64 now = g_get_monotonic_time();
	if (now - self->failures_since > FAILURES_WINDOW_US)
		self->failures = 0;
	self->failures_since = now;
	self->failures++;
}

bool door_is_shut(const struct door *self)
{
	return self->failures >= FAILURES_MAX &&
	       g_get_monotonic_time() - self->failures_since <
		   FAILURES_WINDOW_US;
}

/* ---- life ---- */

static gboolean on_connection(int fd, GIOCondition condition, void *data)
{
	struct door *self = data;
	int guest = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (guest >= 0)
		self->ops->came(self->data, guest);
	else if (errno == EMFILE || errno == ENFILE)
		send_one_away(self); /* descriptors run out before places do */
	return G_SOURCE_CONTINUE;
}

struct door *door_new(const struct door_ops *ops, void *data, unsigned most)
{
	struct door *self = g_new0(struct door, 1);
	self->ops = ops;
	self->data = data;
	self->most = most;
	self->fd = -1;
	self->guests = g_ptr_array_new();
	return self;
}

bool door_open(struct door *self, const char *address, const char *ticket,
	       bool no_auth, GError **error)
{
	bool local;
	self->fd =
	    address_listen(address, ticket != NULL, no_auth, &local, error);
	if (self->fd < 0)
		return false;
	if (local)
		self->unix_path = g_strdup(address + strlen("unix:"));
	else
		self->ticket = g_strdup(ticket);
	self->watch = g_unix_fd_add(self->fd, G_IO_IN, on_connection, self);
	return true;
}

void door_free(struct door *self)
{
	if (!self)
		return;
	if (self->watch)
		g_source_remove(self->watch);
	if (self->fd >= 0)
		close(self->fd);
	if (self->unix_path)
		unlink(self->unix_path);
	while (self->guests->len) /* each forgets itself */
		self->ops->free(self->guests->pdata[0]);
	g_ptr_array_unref(self->guests);
	if (self->ticket)
		explicit_bzero(self->ticket, strlen(self->ticket));
	g_free(self->ticket);
	g_free(self->unix_path);
	g_free(self);
}
