#include "display/windows/pipe.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/line.h"

/* Messages handled before other sources of the loop get their turn. */
#define READ_ROUND (256u << 10)

struct pipe {
	int refs;
	int fd; /* -1: freed, lives on in a handler's caller */
	const struct pipe_handlers *handlers;
	void *data;
	guint read_watch, write_watch;
	uint8_t *in;
	size_t in_have;
	GByteArray *out;
	size_t out_done;  /* of out, with the kernel already */
	size_t out_start; /* of out: where the message at out_done begins */
	size_t drain_bytes;
	guint64 sent;
	bool held, deaf, limited;
	bool seeking; /* nothing counts before the next HELLO */
	unsigned resets;
};

#define IN_SIZE (2 * SEAM_MESSAGE_MAX)

static void release(struct pipe *self)
{
	if (--self->refs > 0)
		return;
	g_free(self->in);
	g_byte_array_unref(self->out);
	g_free(self);
}

void pipe_limit(struct pipe *self)
{
	self->limited = true;
}

void pipe_free(struct pipe *self)
{
	if (!self || self->fd < 0)
		return;
	g_clear_handle_id(&self->read_watch, g_source_remove);
	g_clear_handle_id(&self->write_watch, g_source_remove);
	close(self->fd);
	self->fd = -1;
	release(self);
}

static void end(struct pipe *self, const char *why)
{
	if (self->fd < 0)
		return;
	g_clear_handle_id(&self->read_watch, g_source_remove);
	g_clear_handle_id(&self->write_watch, g_source_remove);
	self->handlers->ended(self->data, why);
}

/* ---- writing ---- */

size_t pipe_queued(const struct pipe *self)
{
	return self->out->len - self->out_done;
}

guint64 pipe_sent(const struct pipe *self)
{
	return self->sent;
}

static size_t message_size(const uint8_t *header)
{
	uint32_t length;
	memcpy(&length, header + 4, sizeof length);
	return SEAM_HEADER_SIZE + GUINT32_FROM_LE(length);
}

/* Whole messages that are with the kernel are behind out_start. */
static void count_sent(struct pipe *self)
{
	while (self->out_start < self->out_done) {
		size_t next = self->out_start +
			      message_size(self->out->data + self->out_start);
		if (next > self->out_done)
			return;
		self->out_start = next;
	}
}

static bool write_some(struct pipe *self)
{
	while (pipe_queued(self)) {
		size_t most = pipe_queued(self);
		if (self->limited)
			most = line_limit_room(most);
		if (!most)
			return true;
		ssize_t n = send(self->fd, self->out->data + self->out_done,
				 most, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (self->limited)
			line_limit_used((size_t)n);
		self->out_done += (size_t)n;
		self->sent += (guint64)n;
	}
	g_byte_array_set_size(self->out, 0);
	self->out_done = self->out_start = 0;
	return true;
}

static gboolean on_writable(int fd, GIOCondition condition, void *data);

static void watch_writing(struct pipe *self)
{
	self->write_watch =
	    g_unix_fd_add(self->fd, G_IO_OUT, on_writable, self);
}

static gboolean on_waited(void *data)
{
	watch_writing(data);
	return G_SOURCE_REMOVE;
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct pipe *self = data;
	bool was_long = pipe_queued(self) >= self->drain_bytes;
	if (!write_some(self)) {
		self->write_watch = 0;
		end(self, NULL);
		return G_SOURCE_REMOVE;
	}
	if (self->out_done > IN_SIZE) {
		count_sent(self);
		g_byte_array_remove_range(self->out, 0, (guint)self->out_start);
		self->out_done -= self->out_start;
		self->out_start = 0;
	}
	self->refs++;
	if (was_long && pipe_queued(self) < self->drain_bytes &&
	    self->handlers->drained)
		self->handlers->drained(self->data);
	gboolean more = G_SOURCE_REMOVE;
	if (self->fd >= 0) {
		bool wait =
		    self->limited && pipe_queued(self) && !line_limit_room(1);
		if (pipe_queued(self) && !wait)
			more = G_SOURCE_CONTINUE;
		else
			self->write_watch =
			    wait ? g_timeout_add(LINE_LIMIT_MS, on_waited, self)
				 : 0;
	}
	release(self);
	return more;
}

void pipe_put(struct pipe *self, const uint8_t *bytes, size_t size)
{
	if (self->fd < 0)
		return;
	g_byte_array_append(self->out, bytes, (guint)size);
	if (!self->write_watch)
		watch_writing(self);
}

bool pipe_send(struct pipe *self, const struct seam_message *message)
{
	static uint8_t bytes[SEAM_MESSAGE_MAX];
	size_t size;
	if (seam_write(message, bytes, sizeof bytes, &size) != SEAM_OK)
		return false;
	pipe_put(self, bytes, size);
	return true;
}

void pipe_flush(struct pipe *self)
{
	if (self->fd >= 0)
		write_some(self);
}

/* ---- reading ---- */

/* What an agent that died has left half written in the port is still to be
 * read before what the next one says. */
static void seek_hello(struct pipe *self)
{
	bool found;
	size_t skip = seam_seek_hello(self->in, self->in_have, &found);
	self->seeking = !found;
	memmove(self->in, self->in + skip, self->in_have - skip);
	self->in_have -= skip;
}

/* Hands over what is complete; false once the pipe has ended. */
static bool take_messages(struct pipe *self)
{
	size_t done = 0;
	bool alive = true;
	unsigned resets = self->resets;
	if (self->seeking)
		seek_hello(self);
	if (self->seeking)
		return true;
	self->refs++;
	/* a handler may end, hold or reset us: what is in the buffer is then
	 * not ours to go on with */
	while (self->fd >= 0 && !self->held && resets == self->resets) {
		struct seam_message message;
		size_t used = 0;
		enum seam_status status = seam_parse(
		    self->in + done, self->in_have - done, &message, &used);
		if (status == SEAM_MORE)
			break;
		if (status != SEAM_OK && status != SEAM_UNKNOWN) {
			end(self, seam_status_text(status));
			alive = false;
			break;
		}
		if (status == SEAM_OK)
			self->handlers->message(self->data, &message,
						self->in + done, used);
		done += used;
	}
	alive = alive && self->fd >= 0;
	if (done && resets == self->resets) {
		memmove(self->in, self->in + done, self->in_have - done);
		self->in_have -= done;
	}
	release(self);
	return alive;
}

static gboolean on_readable(int fd, GIOCondition condition, void *data)
{
	struct pipe *self = data;
	guint watch = self->read_watch;
	for (size_t got = 0; got < READ_ROUND;) {
		ssize_t n = recv(fd, self->in + self->in_have,
				 IN_SIZE - self->in_have, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return G_SOURCE_CONTINUE;
		if (n <= 0) {
			self->read_watch = 0;
			end(self, NULL);
			return G_SOURCE_REMOVE;
		}
		got += (size_t)n;
		if (self->deaf)
			continue;
		self->in_have += (size_t)n;
		self->refs++;
		bool go_on = take_messages(self) && self->read_watch == watch;
		release(self);
		if (!go_on) /* ended or held: this watch is no more */
			return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

static gboolean on_let_go(void *data)
{
	struct pipe *self = data;
	self->read_watch = 0;
	/* a handler that began anew has set a watch of its own */
	if (!take_messages(self) || self->held || self->read_watch)
		return G_SOURCE_REMOVE;
	self->read_watch = g_unix_fd_add(
	    self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
	return G_SOURCE_REMOVE;
}

void pipe_hold(struct pipe *self, bool hold)
{
	if (self->fd < 0 || self->held == hold)
		return;
	self->held = hold;
	g_clear_handle_id(&self->read_watch, g_source_remove);
	/* what has been read already comes first */
	if (!hold)
		self->read_watch =
		    g_idle_add_full(G_PRIORITY_DEFAULT, on_let_go, self, NULL);
}

void pipe_reset(struct pipe *self, bool deaf)
{
	if (self->fd < 0)
		return;
	self->resets++;
	self->in_have = 0;
	self->deaf = deaf;
	self->held = false;
	self->seeking = false;
	/* a message that is half with the kernel is finished: the next one
	 * would be taken for the rest of it */
	count_sent(self);
	if (self->out_start < self->out_done)
		g_byte_array_set_size(
		    self->out,
		    (guint)(self->out_start +
			    message_size(self->out->data + self->out_start)));
	else
		g_byte_array_set_size(self->out, (guint)self->out_done);
	g_clear_handle_id(&self->read_watch, g_source_remove);
	self->read_watch = g_unix_fd_add(
	    self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
}

void pipe_seek_hello(struct pipe *self)
{
	self->seeking = true;
}

struct pipe *pipe_new(int fd, const struct pipe_handlers *handlers, void *data,
		      size_t drain_bytes)
{
	struct pipe *self = g_new0(struct pipe, 1);
	self->refs = 1;
	self->fd = fd;
	self->handlers = handlers;
	self->data = data;
	self->drain_bytes = drain_bytes;
	self->in = g_malloc(IN_SIZE);
	self->out = g_byte_array_new();
	self->read_watch =
	    g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
	return self;
}
