#include "display/line.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Taken from a socket before others get their turn. */
#define READ_MAX 65536
/* Of the kernel, before a TCP connection: what waits there grows old, and who
 * tells nothing of what has arrived is held back by nothing else. */
#define NOTSENT_MAX (64 << 10)
/* Its end, or of TCP its half: GLib hands these bits to poll() as they are. */
#define LEFT ((GIOCondition)(POLLRDHUP | POLLHUP | POLLERR))

static void drop_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

/* ---- life ---- */

static gboolean on_free(gpointer data)
{
	struct line *self = data;
	self->free_idle = 0;
	self->ops->release(self->data);
	return G_SOURCE_REMOVE;
}

void line_cut(struct line *self)
{
	if (self->dead)
		return;
	self->dead = true;
	drop_source(&self->read_watch);
	drop_source(&self->write_watch);
	drop_source(&self->limit_timer);
	drop_source(&self->deadline);
	close(self->fd);
	self->fd = -1;
	self->free_idle =
	    g_idle_add_full(G_PRIORITY_DEFAULT, on_free, self, NULL);
}

void line_free(struct line *self)
{
	if (!self)
		return;
	if (!self->dead)
		self->ops->failed(self->data, NULL);
	drop_source(&self->free_idle);
	self->ops->release(self->data);
}

void line_clear(struct line *self)
{
	g_byte_array_unref(self->in);
	g_byte_array_unref(self->out);
}

static gboolean on_deadline(gpointer data)
{
	struct line *self = data;
	self->deadline = 0;
	self->ops->failed(self->data, "no whole handshake in time");
	return G_SOURCE_REMOVE;
}

void line_set_deadline(struct line *self, unsigned seconds)
{
	self->deadline = g_timeout_add_seconds(seconds, on_deadline, self);
}

void line_is_up(struct line *self)
{
	drop_source(&self->deadline);
}

/* ---- the limit ---- */

/* What may go at once after a pause: less than a packet is no use, more would
 * be a burst that somebody measures as the line's rate. */
#define BURST_US    10000
#define BURST_LEAST 3000

static struct {
	uint64_t rate;   /* bytes a second; 0: none */
	int64_t allowed; /* bytes that may go now */
	int64_t at_us;
} limit;

void line_set_limit(uint64_t rate)
{
	limit.rate = rate;
	limit.allowed = 0;
	limit.at_us = g_get_monotonic_time();
}

size_t line_limit_room(size_t wanted)
{
	if (!limit.rate)
		return wanted;
	int64_t now_us = g_get_monotonic_time();
	/* after a second the burst is full whatever the rate */
	int64_t took_us = MIN(now_us - limit.at_us, G_USEC_PER_SEC);
	int64_t burst =
	    MAX((int64_t)(limit.rate * BURST_US / G_USEC_PER_SEC), BURST_LEAST);
	int64_t more = (int64_t)limit.rate * took_us / G_USEC_PER_SEC;
	if (more > 0) { /* what is less than a byte is not forgotten */
		limit.allowed = MIN(limit.allowed + more, burst);
		limit.at_us = now_us;
	}
	return MIN(wanted, (size_t)MAX(limit.allowed, 0));
}

void line_limit_used(size_t length)
{
	limit.allowed -= (int64_t)length;
}

/* ---- output ---- */

size_t line_queued(const struct line *self)
{
	return self->out->len - self->out_at;
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct line *self = data;
	line_flush(self);
	if (!self->dead && self->ops->pump)
		self->ops->pump(self->data);
	if (self->dead || !self->write_watch)
		return G_SOURCE_REMOVE;
	if (line_queued(self))
		return G_SOURCE_CONTINUE;
	self->write_watch = 0;
	return G_SOURCE_REMOVE;
}

static gboolean on_allowed(void *data)
{
	struct line *self = data;
	self->limit_timer = 0;
	line_flush(self);
	if (!self->dead && self->ops->pump)
		self->ops->pump(self->data);
	return G_SOURCE_REMOVE;
}

void line_flush(struct line *self)
{
	bool limited = false;
	while (!self->dead && line_queued(self)) {
		size_t most = line_queued(self);
		if (self->limited)
			most = line_limit_room(most);
		limited = !most;
		if (limited)
			break;
		ssize_t n = send(self->fd, self->out->data + self->out_at, most,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			self->ops->failed(self->data, NULL);
			return;
		}
		self->out_at += n;
		if (self->limited)
			line_limit_used(n);
		if (self->ops->sent)
			self->ops->sent(self->data, n);
	}
	if (self->dead)
		return;
	if (!line_queued(self)) {
		g_byte_array_set_size(self->out, 0);
		self->out_at = 0;
		if (self->closing)
			self->ops->failed(self->data, self->parting);
		return;
	}
	if (self->out_at > self->out->len / 2) {
		g_byte_array_remove_range(self->out, 0, self->out_at);
		self->out_at = 0;
	}
	if (limited) {
		drop_source(&self->write_watch);
		if (!self->limit_timer)
			self->limit_timer =
			    g_timeout_add(LINE_LIMIT_MS, on_allowed, self);
	} else if (!self->write_watch && !self->limit_timer) {
		self->write_watch =
		    g_unix_fd_add(self->fd, G_IO_OUT, on_writable, self);
	}
}

void line_close_after(struct line *self, const char *why)
{
	self->closing = true;
	self->parting = why;
}

/* ---- input ---- */

static gboolean on_readable(int fd, GIOCondition condition, void *data);

/* Held, and the other side has left: nobody waits for what it said. */
static gboolean on_left(int fd, GIOCondition condition, void *data)
{
	struct line *self = data;
	self->read_watch = 0;
	self->ops->failed(self->data, NULL);
	return G_SOURCE_REMOVE;
}

static void watch_input(struct line *self)
{
	drop_source(&self->read_watch);
	if (self->held)
		self->read_watch = g_unix_fd_add(self->fd, LEFT, on_left, self);
	else
		self->read_watch = g_unix_fd_add(
		    self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
}

static size_t take_one(struct line *self)
{
	size_t length = self->in->len - self->in_at;
	if (self->closing || !length)
		return length;
	return self->ops->take(self->data, self->in->data + self->in_at,
			       length);
}

static void take_all(struct line *self)
{
	size_t used;
	bool was_held = self->held;
	self->held = false;
	while (!self->dead && (used = take_one(self)))
		self->in_at += used;
	if (self->dead)
		return;
	g_byte_array_remove_range(self->in, 0, self->in_at);
	self->in_at = 0;
	if (!self->in->len) { /* give back what a long message needed */
		g_byte_array_unref(self->in);
		self->in = g_byte_array_new();
	}
	if (self->held != was_held)
		watch_input(self);
}

static gboolean on_readable(int fd, GIOCondition condition, void *data)
{
	struct line *self = data;
	uint8_t bytes[READ_MAX];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		self->ops->failed(self->data, NULL);
		return G_SOURCE_REMOVE;
	}
	g_byte_array_append(self->in, bytes, n);
	take_all(self);
	/* all requests and their effects first, then what they ask for */
	if (!self->dead && self->ops->pump)
		self->ops->pump(self->data);
	if (!self->dead)
		line_flush(self);
	return !self->dead && !self->held ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void line_hold(struct line *self)
{
	self->held = true;
}

void line_go_on(struct line *self)
{
	if (self->held && !self->dead)
		take_all(self);
}

void line_keep_short(struct line *self, size_t bytes)
{
	int unsent = (int)MIN(bytes, (size_t)NOTSENT_MAX);
	/* a call for each change of the line's rate would be many */
	if (self->dead ||
	    (unsent < self->unsent * 2 && unsent * 2 > self->unsent))
		return;
	self->unsent = unsent;
	setsockopt(self->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
		   sizeof unsent);
}

void line_pace(struct line *self, uint64_t rate)
{
	/* a call for each change of the line's rate would be many */
	uint64_t off =
	    rate > self->pace ? rate - self->pace : self->pace - rate;
	if (self->dead || off <= self->pace / 8)
		return;
	self->pace = rate;
	uint64_t most = rate ? rate : UINT64_MAX;
	setsockopt(self->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &most,
		   sizeof most);
}

void line_init(struct line *self, int fd, const struct line_ops *ops,
	       void *data)
{
	int on = 1;
	*self = (struct line){.ops = ops, .data = data, .fd = fd};
	self->in = g_byte_array_new();
	self->out = g_byte_array_new();
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	/* where it is no TCP connection none of this means anything */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	line_keep_short(self, NOTSENT_MAX);
	watch_input(self);
}
