/* Handlers may free the wire from inside a callback, so each callback runs
 * with a reference held and the code after it looks at `fd` again. */
#include "common/linewire.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"

/* One read per wake-up: a chatty peer cannot keep the loop from others. */
#define READ_SIZE 65536u

struct chunk {
	GBytes *bytes;
	gsize done;
	int fd; /* sent with the first byte; -1 none */
};

struct linewire {
	int refs;
	int fd; /* -1 once closed */
	gsize line_max;
	const struct linewire_handlers *handlers; /* NULL once freed */
	void *data;
	GMainContext *context;
	GByteArray *in;
	gsize scanned; /* bytes of `in` known to hold no newline */
	GQueue out;    /* struct chunk */
	gsize queued;
	GSource *reading, *writing, *failing;
	GError *why; /* for a failure found while sending */
};

static void chunk_free(void *data)
{
	struct chunk *chunk = data;
	g_bytes_unref(chunk->bytes);
	if (chunk->fd >= 0)
		close(chunk->fd);
	g_free(chunk);
}

static void source_drop(GSource **source)
{
	if (!*source)
		return;
	g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static void release(struct linewire *self)
{
	source_drop(&self->reading);
	source_drop(&self->writing);
	source_drop(&self->failing);
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	g_queue_clear_full(&self->out, chunk_free);
	self->queued = 0;
}

static void unref(struct linewire *self)
{
	if (--self->refs > 0)
		return;
	release(self);
	g_byte_array_unref(self->in);
	g_main_context_unref(self->context);
	g_clear_error(&self->why);
	g_free(self);
}

void linewire_free(struct linewire *self)
{
	if (!self)
		return;
	self->handlers = NULL;
	release(self);
	unref(self);
}

/* Must be called with a reference held. */
static void fail(struct linewire *self, const GError *why)
{
	if (self->fd < 0)
		return;
	release(self);
	if (self->handlers && self->handlers->closed)
		self->handlers->closed(self, why, self->data);
}

/* ---- sending ---- */

static gboolean on_writable(int fd, GIOCondition condition, void *data);

static gboolean on_fail(void *data)
{
	struct linewire *self = data;
	self->refs++;
	g_autoptr(GError) why = g_steal_pointer(&self->why);
	fail(self, why);
	unref(self);
	return G_SOURCE_REMOVE;
}

/* The owner is in the middle of something: tell it from the loop. */
static void fail_later(struct linewire *self, GError *why)
{
	if (self->failing) {
		g_error_free(why);
		return;
	}
	self->why = why;
	self->failing = g_idle_source_new();
	g_source_set_callback(self->failing, on_fail, self, NULL);
	g_source_attach(self->failing, self->context);
}

static ssize_t send_chunk(int fd, struct chunk *chunk)
{
	gsize size;
	const char *bytes = g_bytes_get_data(chunk->bytes, &size);
	struct iovec part = {(void *)(bytes + chunk->done), size - chunk->done};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	if (chunk->fd >= 0) {
		message.msg_control = control.space;
		message.msg_controllen = sizeof control.space;
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &chunk->fd, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* A dead peer is noticed by the reading side, with its last words. */
static void flush(struct linewire *self)
{
	struct chunk *chunk;
	while ((chunk = g_queue_peek_head(&self->out))) {
		ssize_t sent = send_chunk(self->fd, chunk);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return;
		if (chunk->fd >= 0)
			close(chunk->fd);
		chunk->fd = -1;
		chunk->done += (gsize)sent;
		self->queued -= (gsize)sent;
		if (chunk->done == g_bytes_get_size(chunk->bytes))
			chunk_free(g_queue_pop_head(&self->out));
	}
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct linewire *self = data;
	if (!(condition & (G_IO_ERR | G_IO_HUP)))
		flush(self);
	if (!g_queue_is_empty(&self->out) &&
	    !(condition & (G_IO_ERR | G_IO_HUP)))
		return G_SOURCE_CONTINUE;
	g_clear_pointer(&self->writing, g_source_unref);
	return G_SOURCE_REMOVE;
}

gboolean linewire_send(struct linewire *self, const void *bytes, gsize length,
		       int fd)
{
	if (self->fd < 0 || self->failing)
		return FALSE;
	if (self->queued + length > LINEWIRE_QUEUE) {
		fail_later(self,
			   fault_new(FAULT_BUSY, NULL,
				     "The other process does not read: "
				     "%" G_GSIZE_FORMAT " bytes are waiting.",
				     self->queued));
		return FALSE;
	}
	struct chunk *chunk = g_new0(struct chunk, 1);
	chunk->bytes = g_bytes_new(bytes, length);
	chunk->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	g_queue_push_tail(&self->out, chunk);
	self->queued += length;
	flush(self);
	if (!g_queue_is_empty(&self->out) && !self->writing) {
		self->writing = g_unix_fd_source_new(self->fd, G_IO_OUT);
		g_source_set_callback(self->writing, G_SOURCE_FUNC(on_writable),
				      self, NULL);
		g_source_attach(self->writing, self->context);
	}
	return TRUE;
}

/* ---- receiving ---- */

/* Hands every whole line to the owner. Must be called with a reference. */
static void deliver(struct linewire *self)
{
	gsize begin = 0;
	while (self->fd >= 0) {
		/* nothing grows `in` while handlers run: the data stay put */
		guint8 *end = memchr(self->in->data + self->scanned, '\n',
				     self->in->len - self->scanned);
		if (!end) {
			self->scanned = self->in->len;
			break;
		}
		gsize at = (gsize)(end - self->in->data);
		*end = 0;
		self->scanned = at + 1;
		if (self->handlers)
			self->handlers->line(
			    self, (const char *)self->in->data + begin,
			    at - begin, self->data);
		begin = at + 1;
	}
	if (begin) {
		g_byte_array_remove_range(self->in, 0, (guint)begin);
		self->scanned -= begin;
	}
}

static gboolean on_readable(int fd, GIOCondition condition, void *data)
{
	struct linewire *self = data;
	guint before = self->in->len;
	g_byte_array_set_size(self->in, before + READ_SIZE);
	ssize_t got = read(fd, self->in->data + before, READ_SIZE);
	int err = errno;
	g_byte_array_set_size(self->in, before + (got > 0 ? (guint)got : 0));
	if (got < 0 && (err == EAGAIN || err == EINTR))
		return G_SOURCE_CONTINUE;
	self->refs++;
	if (got > 0) {
		deliver(self);
		if (self->fd >= 0 && self->in->len > self->line_max) {
			g_autoptr(GError) why =
			    fault_new(FAULT_INVALID, NULL,
				      "The other process sent a line of over "
				      "%" G_GSIZE_FORMAT " bytes.",
				      self->line_max);
			fail(self, why);
		}
	} else {
		/* a reset is an end like another: the peer is gone */
		fail(self, NULL);
	}
	gboolean open = self->fd >= 0;
	unref(self);
	return open ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

struct linewire *linewire_new(int fd, gsize line_max,
			      const struct linewire_handlers *handlers,
			      void *data)
{
	struct linewire *self = g_new0(struct linewire, 1);
	self->refs = 1;
	self->fd = fd;
	self->line_max = line_max;
	self->handlers = handlers;
	self->data = data;
	self->context = g_main_context_ref_thread_default();
	self->in = g_byte_array_new();
	g_queue_init(&self->out);
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	self->reading = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
	g_source_set_callback(self->reading, G_SOURCE_FUNC(on_readable), self,
			      NULL);
	g_source_attach(self->reading, self->context);
	return self;
}
