#include "display/spice/channel.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

/* From connecting to the link's end. */
#define LINK_TIMEOUT_S 15
/* Taken from a socket before others get their turn. */
#define READ_MAX 65536
/* Beyond this the client does not read: pixels and sound stop far below. */
#define OUT_MAX (32u << 20)
/* Of the kernel, before a TCP connection: what waits there grows old. */
#define NOTSENT_MAX (64 << 10)

#define LONG_HEADER  18u
#define SHORT_HEADER 6u

static void log_channel(const struct spice_channel *self, const char *why)
{
	static struct log_limit limit = {.burst = 10};
	const struct log_about about = {
	    .vm = display_vm(spice_server_display(self->server)),
	    .client = self->label,
	};
	if (!why)
		log_debug(&about, "channel left");
	else if (log_allow(&limit, &about))
		log_warn(&about, "SPICE channel closed: it sent %s", why);
}

static void drop_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

void spice_channel_free(struct spice_channel *self)
{
	if (!self)
		return;
	if (!self->dead)
		spice_channel_fail(self, NULL);
	drop_source(&self->free_idle);
	if (self->state)
		self->ops->release(self->state);
	g_byte_array_unref(self->in);
	g_byte_array_unref(self->out);
	g_free(self);
}

static gboolean on_free(gpointer data)
{
	struct spice_channel *self = data;
	self->free_idle = 0;
	spice_channel_free(self);
	return G_SOURCE_REMOVE;
}

void spice_channel_fail(struct spice_channel *self, const char *why)
{
	if (self->dead)
		return;
	log_channel(self, why);
	self->dead = true;
	drop_source(&self->read_watch);
	drop_source(&self->write_watch);
	drop_source(&self->deadline);
	close(self->fd);
	self->fd = -1;
	self->free_idle =
	    g_idle_add_full(G_PRIORITY_DEFAULT, on_free, self, NULL);
	spice_server_remove(self->server, self);
	if (self->client)
		spice_client_leave(self);
}

bool spice_channel_can(const struct spice_channel *self, unsigned cap)
{
	return self->link.channel_caps >> cap & 1;
}

/* ---- output ---- */

size_t spice_channel_queued(const struct spice_channel *self)
{
	return self->out->len - self->out_at;
}

GByteArray *spice_channel_begin(struct spice_channel *self, unsigned type)
{
	GByteArray *out = self->out;
	self->message_at = out->len;
	if (!self->mini)
		put64(out, ++self->serial);
	put16(out, type);
	put32(out, 0);
	if (!self->mini)
		put32(out, 0); /* no sub-messages */
	return out;
}

void spice_channel_end(struct spice_channel *self)
{
	unsigned header = self->mini ? SHORT_HEADER : LONG_HEADER;
	unsigned size_at = self->mini ? 2 : 10;
	uint32_t size =
	    GUINT32_TO_LE(self->out->len - self->message_at - header);
	memcpy(self->out->data + self->message_at + size_at, &size, 4);
	if (!self->dead && spice_channel_queued(self) > OUT_MAX)
		spice_channel_fail(self, "requests without reading answers");
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct spice_channel *self = data;
	spice_channel_flush(self);
	if (!self->dead && self->client && self->ops->drained)
		self->ops->drained(self);
	if (self->dead || !self->write_watch)
		return G_SOURCE_REMOVE;
	if (spice_channel_queued(self))
		return G_SOURCE_CONTINUE;
	self->write_watch = 0;
	return G_SOURCE_REMOVE;
}

void spice_channel_flush(struct spice_channel *self)
{
	while (!self->dead && spice_channel_queued(self)) {
		ssize_t n = send(self->fd, self->out->data + self->out_at,
				 spice_channel_queued(self),
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			spice_channel_fail(self, NULL);
			return;
		}
		self->out_at += n;
		if (self->client)
			self->client->viewer.bytes_sent += n;
	}
	if (self->dead)
		return;
	if (!spice_channel_queued(self)) {
		g_byte_array_set_size(self->out, 0);
		self->out_at = 0;
		if (self->closing)
			spice_channel_fail(self, self->link.reason);
		return;
	}
	if (self->out_at > self->out->len / 2) {
		g_byte_array_remove_range(self->out, 0, self->out_at);
		self->out_at = 0;
	}
	if (!self->write_watch)
		self->write_watch =
		    g_unix_fd_add(self->fd, G_IO_OUT, on_writable, self);
}

/* ---- input ---- */

static const struct spice_channel_ops *const all_ops[] = {
    &spice_main_ops,   &spice_display_ops,  &spice_inputs_ops,
    &spice_cursor_ops, &spice_playback_ops, &spice_record_ops,
};

static uint32_t admit(struct spice_channel *self)
{
	uint32_t result = spice_server_judge(self->server, self);
	if (result != SPICE_LINK_ERR_OK)
		return result;
	for (guint i = 0; i < G_N_ELEMENTS(all_ops); i++)
		if (all_ops[i]->type == self->link.type)
			self->ops = all_ops[i];
	if (!self->ops || self->link.id)
		return SPICE_LINK_ERR_CHANNEL_NOT_AVAILABLE;
	return spice_client_join(self);
}

/* Everything is answered in the order it came: an answer that cannot be sent
 * yet is in `out` before what follows it. */
static bool link_step(struct spice_channel *self, const uint8_t *bytes,
		      size_t length)
{
	size_t used =
	    spice_link_feed(&self->link, spice_server_key(self->server), bytes,
			    length, self->out);
	self->in_at += used;
	if (self->link.state == SPICE_LINK_ASK) {
		uint32_t result = admit(self);
		spice_link_answer(&self->link, result, self->out);
		if (result == SPICE_LINK_ERR_OK) {
			drop_source(&self->deadline);
			self->mini = self->link.common_caps >>
					 SPICE_COMMON_CAP_MINI_HEADER &
				     1;
			g_snprintf(self->label, sizeof self->label,
				   "%u channel %u", self->client->viewer.id,
				   self->link.type);
			self->ops->up(self);
		}
		used = 1;
	}
	if (self->link.state == SPICE_LINK_CLOSED && !self->dead)
		self->closing = true;
	return used;
}

/* What every channel understands. */
static void dispatch(struct spice_channel *self, unsigned type,
		     struct reader *body)
{
	uint32_t id;
	switch (type) {
	case SPICE_MSGC_PONG:
		id = take32(body);
		if (!body->bad && self->ops->pong)
			self->ops->pong(self, id);
		break;
	case SPICE_MSGC_ACK_SYNC:
	case SPICE_MSGC_ACK: /* we count bytes, with pings */
	case SPICE_MSGC_MIGRATE_FLUSH_MARK:
	case SPICE_MSGC_MIGRATE_DATA:
		break;
	case SPICE_MSGC_DISCONNECTING:
		self->closing = true;
		return;
	default:
		self->ops->message(self, type, body);
		break;
	}
	if (body->bad)
		spice_channel_fail(self, "a message that is too short");
}

/* One message; false when more bytes are needed, or it has to wait. */
static bool message_step(struct spice_channel *self, const uint8_t *bytes,
			 size_t length)
{
	unsigned header = self->mini ? SHORT_HEADER : LONG_HEADER;
	struct reader in = {bytes, MIN(length, header), false};
	if (length < header)
		return false;
	if (!self->mini)
		take64(&in);
	unsigned type = take16(&in);
	uint32_t size = take32(&in);
	uint32_t subs = self->mini ? 0 : take32(&in);
	if (size > SPICE_MESSAGE_MAX || subs) {
		spice_channel_fail(self, subs ? "sub-messages"
					      : "a message that is too long");
		return false;
	}
	if (length - header < size)
		return false;
	if (self->ops->full && self->ops->full(self)) {
		self->paused = true;
		return false;
	}
	self->in_at += header + size;
	struct reader body = {bytes + header, size, false};
	dispatch(self, type, &body);
	return true;
}

static bool take_one(struct spice_channel *self)
{
	const uint8_t *bytes = self->in->data + self->in_at;
	size_t length = self->in->len - self->in_at;
	if (self->closing) {
		self->in_at = self->in->len;
		return false;
	}
	if (self->link.state != SPICE_LINK_OPEN)
		return link_step(self, bytes, length);
	return message_step(self, bytes, length);
}

static gboolean on_readable(int fd, GIOCondition condition, void *data);

static void take_all(struct spice_channel *self)
{
	self->paused = false;
	while (!self->dead && take_one(self))
		;
	if (self->dead)
		return;
	g_byte_array_remove_range(self->in, 0, self->in_at);
	self->in_at = 0;
	if (!self->in->len) { /* give back what a long message needed */
		g_byte_array_unref(self->in);
		self->in = g_byte_array_new();
	}
	if (self->paused)
		drop_source(&self->read_watch);
	else if (!self->read_watch)
		self->read_watch = g_unix_fd_add(
		    self->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
}

static gboolean on_readable(int fd, GIOCondition condition, void *data)
{
	struct spice_channel *self = data;
	uint8_t bytes[READ_MAX];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		spice_channel_fail(self, NULL);
		return G_SOURCE_REMOVE;
	}
	g_byte_array_append(self->in, bytes, n);
	take_all(self);
	if (!self->dead && self->client && self->ops->drained)
		self->ops->drained(self);
	if (!self->dead && !spice_channel_queued(self) && self->closing)
		spice_channel_fail(self, self->link.reason);
	if (!self->dead)
		spice_channel_flush(self);
	return !self->dead && self->read_watch ? G_SOURCE_CONTINUE
					       : G_SOURCE_REMOVE;
}

void spice_channel_go_on(struct spice_channel *self)
{
	if (!self->paused)
		return;
	take_all(self);
	if (!self->dead)
		spice_channel_flush(self);
}

/* ---- life ---- */

static gboolean on_deadline(gpointer data)
{
	struct spice_channel *self = data;
	self->deadline = 0;
	spice_channel_fail(self, "no whole link in time");
	return G_SOURCE_REMOVE;
}

struct spice_channel *spice_channel_new(struct spice_server *server, int fd,
					bool authenticate)
{
	struct spice_channel *self = g_new0(struct spice_channel, 1);
	int on = 1, unsent = NOTSENT_MAX;
	self->server = server;
	self->fd = fd;
	self->authenticate = authenticate;
	g_strlcpy(self->label, "new", sizeof self->label);
	self->in = g_byte_array_new();
	self->out = g_byte_array_new();
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	self->read_watch =
	    g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
	self->deadline =
	    g_timeout_add_seconds(LINK_TIMEOUT_S, on_deadline, self);
	return self;
}
