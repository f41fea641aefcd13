/* A virtio port has no connection: the guest's end stays open, and the
 * kernel says by POLLHUP whether the host has its end open. While it has not,
 * a timer looks a few times a second, since poll() would return at once.
 *
 * A port under load was seen not to wake its writer: what waits to be written
 * there is tried again by a timer, too. */
#include "seamless/agent/link.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/paths.h"

#define ROOM_BYTES  (256u << 10) /* beyond that senders wait */
#define QUEUE_BYTES (4u << 20)   /* beyond that the peer is dead */
#define LOOK_MS     250
#define AGAIN_MS    50

struct link {
	struct link_handlers handlers;
	void *data;
	char *path;
	int listener, fd; /* or -1 */
	bool port, up, told_full;
	bool seeking; /* what is read before the HELLO is an older one's */
	guint listen_source, in_source, out_source, look_source, again_source;
	uint32_t serial;
	GByteArray *out;
	size_t in_used;
	uint8_t in[SEAM_MESSAGE_MAX];
};

static void look_later(struct link *self);

static void drop_source(guint *source)
{
	if (*source)
		g_source_remove(*source);
	*source = 0;
}

static void end_peer(struct link *self, const char *why)
{
	drop_source(&self->in_source);
	drop_source(&self->out_source);
	drop_source(&self->again_source);
	bool was_up = self->up;
	self->up = false;
	self->in_used = 0;
	self->serial = 0;
	g_byte_array_set_size(self->out, 0);
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	if (self->port)
		look_later(self);
	if (was_up)
		self->handlers.closed(why, self->data);
}

static gboolean on_out(int fd, GIOCondition condition, gpointer data);
static gboolean on_again(gpointer data);

/* Writes what the kernel takes. False when the peer is gone. */
static bool push(struct link *self)
{
	size_t sent = 0;
	while (sent < self->out->len) {
		ssize_t n = write(self->fd, self->out->data + sent,
				  self->out->len - sent);
		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n == 0 || errno == EAGAIN)
			break;
		else
			return false;
	}
	if (sent)
		g_byte_array_remove_range(self->out, 0, (guint)sent);
	if (self->out->len && !self->out_source)
		self->out_source =
		    g_unix_fd_add(self->fd, G_IO_OUT, on_out, self);
	if (self->out->len && self->port && !self->again_source)
		self->again_source = g_timeout_add(AGAIN_MS, on_again, self);
	return true;
}

/* Writes, and tells who waits for room. */
static void push_more(struct link *self)
{
	if (!push(self)) {
		end_peer(self, "its end is closed");
		return;
	}
	if (self->told_full && link_has_room(self)) {
		self->told_full = false;
		self->handlers.room(self->data);
	}
}

static gboolean on_out(int fd, GIOCondition condition, gpointer data)
{
	struct link *self = data;
	self->out_source = 0;
	push_more(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_again(gpointer data)
{
	struct link *self = data;
	self->again_source = 0;
	if (self->out->len)
		push_more(self);
	return G_SOURCE_REMOVE;
}

/* Takes whole messages out of what has been read. */
static bool digest(struct link *self)
{
	size_t at = 0;
	if (self->seeking) {
		bool found;
		at = seam_seek_hello(self->in, self->in_used, &found);
		self->seeking = !found;
	}
	while (self->up && !self->seeking && at < self->in_used) {
		struct seam_message message;
		size_t used = 0;
		enum seam_status status = seam_parse(
		    self->in + at, self->in_used - at, &message, &used);
		if (status == SEAM_MORE)
			break;
		if (status == SEAM_OK) {
			int fd = self->fd;
			self->handlers.message(&message, self->data);
			if (!self->up || self->fd != fd)
				return false; /* the handler ended it */
		} else if (status != SEAM_UNKNOWN) {
			link_drop(self, SEAM_FAULT_PROTOCOL,
				  seam_status_text(status));
			return false;
		}
		at += used;
	}
	memmove(self->in, self->in + at, self->in_used - at);
	self->in_used -= at;
	return true;
}

static gboolean on_in(int fd, GIOCondition condition, gpointer data)
{
	struct link *self = data;
	/* One piece per turn of the loop: a flood of messages must not keep
	 * the applications waiting. */
	ssize_t n =
	    read(fd, self->in + self->in_used, sizeof self->in - self->in_used);
	if (n < 0 && (errno == EAGAIN || errno == EINTR) &&
	    !(condition & G_IO_HUP))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		self->in_source = 0;
		end_peer(self, "it went away");
		return G_SOURCE_REMOVE;
	}
	self->in_used += (size_t)n;
	guint source = self->in_source;
	digest(self);
	return self->in_source == source ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void begin_peer(struct link *self)
{
	self->up = true;
	self->told_full = false;
	self->seeking = self->port;
	self->in_source =
	    g_unix_fd_add(self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_in, self);
	self->handlers.opened(self->data);
}

static gboolean on_listener(int listener, GIOCondition condition, gpointer data)
{
	struct link *self = data;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return G_SOURCE_CONTINUE;
	if (self->up)
		link_drop(self, SEAM_FAULT_TAKEN,
			  "another client has taken over");
	self->fd = fd;
	begin_peer(self);
	return G_SOURCE_CONTINUE;
}

static gboolean on_look(gpointer data)
{
	struct link *self = data;
	if (self->fd < 0)
		self->fd = open(self->path,
				O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct pollfd poll_fd = {.fd = self->fd, .events = POLLIN | POLLOUT};
	if (self->fd < 0 || poll(&poll_fd, 1, 0) < 0 ||
	    (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL)))
		return G_SOURCE_CONTINUE;
	self->look_source = 0;
	begin_peer(self);
	return G_SOURCE_REMOVE;
}

static void look_later(struct link *self)
{
	if (!self->look_source)
		self->look_source = g_timeout_add(LOOK_MS, on_look, self);
}

static struct link *new_link(const char *path,
			     const struct link_handlers *handlers, void *data)
{
	struct link *self = g_new0(struct link, 1);
	self->handlers = *handlers;
	self->data = data;
	self->path = g_strdup(path);
	self->listener = self->fd = -1;
	self->out = g_byte_array_new();
	return self;
}

struct link *link_listen(const char *path, const struct link_handlers *handlers,
			 void *data, GError **error)
{
	int listener = paths_unix_listen(path, 0600, error);
	if (listener < 0)
		return NULL;
	struct link *self = new_link(path, handlers, data);
	self->listener = listener;
	self->listen_source =
	    g_unix_fd_add(listener, G_IO_IN, on_listener, self);
	return self;
}

struct link *link_open_port(const char *path,
			    const struct link_handlers *handlers, void *data,
			    GError **error)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "The machine has such a port only when it offers "
			  "seamless windows, and one agent at a time opens it.",
			  "Guest port '%s': %s.", path, g_strerror(errno));
		return NULL;
	}
	struct link *self = new_link(path, handlers, data);
	self->port = true;
	self->fd = fd;
	look_later(self);
	return self;
}

void link_destroy(struct link *self)
{
	if (!self)
		return;
	drop_source(&self->listen_source);
	drop_source(&self->in_source);
	drop_source(&self->out_source);
	drop_source(&self->look_source);
	drop_source(&self->again_source);
	if (self->fd >= 0)
		close(self->fd);
	if (self->listener >= 0) {
		close(self->listener);
		unlink(self->path);
	}
	g_byte_array_unref(self->out);
	g_free(self->path);
	g_free(self);
}

bool link_is_up(const struct link *self)
{
	return self->up;
}

bool link_has_room(const struct link *self)
{
	if (self->out->len < ROOM_BYTES)
		return self->up;
	((struct link *)self)->told_full = true;
	return false;
}

bool link_send(struct link *self, struct seam_message *message)
{
	static uint8_t wire[SEAM_MESSAGE_MAX];
	size_t size = 0;
	if (!self->up)
		return false;
	message->serial = ++self->serial;
	enum seam_status status = seam_write(message, wire, sizeof wire, &size);
	if (status != SEAM_OK) {
		static struct log_limit limit = {.burst = 2};
		if (log_allow(&limit, NULL))
			log_warn(NULL, "A %s was not sent: %s.",
				 seam_type_name(message->type),
				 seam_status_text(status));
		return false;
	}
	if (self->out->len + size > QUEUE_BYTES) {
		/* Senders ask for room first, so this is a peer that reads
		 * nothing while it makes us answer. */
		end_peer(self, "it does not read");
		return false;
	}
	g_byte_array_append(self->out, wire, (guint)size);
	/* the rest of this turn's messages leave with it */
	if (!self->out_source)
		self->out_source =
		    g_unix_fd_add(self->fd, G_IO_OUT, on_out, self);
	return true;
}

void link_drop(struct link *self, enum seam_fault fault, const char *why)
{
	struct seam_message message = {.type = SEAM_ERROR};
	message.error.code = fault;
	message.error.text = seam_text_of(why, 1024);
	if (link_send(self, &message) && self->up)
		push(self);
	end_peer(self, why);
}
