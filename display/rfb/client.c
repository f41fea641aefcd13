#include "display/rfb/client.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

/* From connecting to ServerInit; a person types no password in between. */
#define HANDSHAKE_TIMEOUT_S 15
/* Taken from a socket before others get their turn. */
#define READ_MAX 65536
/* Beyond this the client does not read, and something other than pixels (text
 * it asked for again and again) piles up: pixels stop far below. */
#define OUT_MAX (32u << 20)

/* Of the kernel, before a TCP connection: what waits there grows old, and a
 * client without fences is held back by nothing else. */
#define NOTSENT_MAX (64 << 10)

static void log_client(const struct rfb_client *self, const char *why)
{
	static struct log_limit limit = {.burst = 10};
	const struct log_about about = {
	    .vm = display_vm(rfb_server_display(self->server)),
	    .client = self->label,
	};
	if (!why)
		log_debug(&about, "viewer left");
	else if (log_allow(&limit, &about))
		log_warn(&about, "viewer closed: it sent %s", why);
}

static void drop_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

void rfb_client_free(struct rfb_client *self)
{
	if (!self)
		return;
	if (!self->dead)
		rfb_client_fail(self, NULL);
	drop_source(&self->free_idle);
	g_byte_array_unref(self->in);
	g_byte_array_unref(self->out);
	g_byte_array_unref(self->message);
	g_free(self);
}

static gboolean on_free(gpointer data)
{
	struct rfb_client *self = data;
	self->free_idle = 0;
	rfb_client_free(self);
	return G_SOURCE_REMOVE;
}

void rfb_client_fail(struct rfb_client *self, const char *why)
{
	if (self->dead)
		return;
	log_client(self, why);
	self->dead = true;
	display_detach(&self->viewer);
	rfb_audio_finish(self);
	rfb_clip_finish(self);
	rfb_update_finish(self);
	drop_source(&self->read_watch);
	drop_source(&self->write_watch);
	drop_source(&self->deadline);
	close(self->fd);
	self->fd = -1;
	rfb_server_remove(self->server, self);
	self->free_idle =
	    g_idle_add_full(G_PRIORITY_DEFAULT, on_free, self, NULL);
}

/* ---- output ---- */

size_t rfb_client_queued(const struct rfb_client *self)
{
	return self->out->len - self->out_at;
}

void rfb_client_send(struct rfb_client *self, const void *bytes, size_t length)
{
	if (self->dead || !length)
		return;
	if (rfb_client_queued(self) + self->planned + length > OUT_MAX) {
		rfb_client_fail(self, "requests without reading the answers");
		return;
	}
	/* between an update's rectangles there is no place for a message */
	if (!rfb_plan_add_message(self, bytes, length))
		g_byte_array_append(self->out, bytes, length);
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct rfb_client *self = data;
	rfb_client_flush(self);
	if (!self->dead && self->state == RFB_STATE_UP)
		rfb_update_pump(self);
	if (self->dead || !self->write_watch)
		return G_SOURCE_REMOVE;
	if (rfb_client_queued(self))
		return G_SOURCE_CONTINUE;
	self->write_watch = 0;
	return G_SOURCE_REMOVE;
}

void rfb_client_flush(struct rfb_client *self)
{
	while (!self->dead && rfb_client_queued(self)) {
		ssize_t n =
		    send(self->fd, self->out->data + self->out_at,
			 rfb_client_queued(self), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			rfb_client_fail(self, NULL);
			return;
		}
		self->out_at += n;
		self->viewer.bytes_sent += n;
	}
	if (self->dead)
		return;
	if (!rfb_client_queued(self)) {
		g_byte_array_set_size(self->out, 0);
		self->out_at = 0;
		if (self->state == RFB_STATE_CLOSING)
			rfb_client_fail(self, NULL);
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

void rfb_client_close_after(struct rfb_client *self)
{
	self->state = RFB_STATE_CLOSING;
	rfb_client_flush(self);
}

/* ---- input ---- */

/* One message or handshake step; false when more bytes are needed. */
static bool take_one(struct rfb_client *self)
{
	const uint8_t *bytes = self->in->data + self->in_at;
	size_t length = self->in->len - self->in_at, used = 0;
	if (self->state == RFB_STATE_CLOSING) {
		self->in_at = self->in->len;
		return false;
	}
	if (self->skip) {
		used = MIN(self->skip, length);
		self->skip -= used;
		self->in_at += used;
		return used;
	}
	if (self->state != RFB_STATE_UP) {
		if (!rfb_handshake_step(self, bytes, length, &used))
			return false;
		self->in_at += used;
		return true;
	}
	struct rfb_message message;
	const char *why = NULL;
	switch (rfb_message_parse(bytes, length, &message, &used, &why)) {
	case RFB_MORE:
		return false;
	case RFB_BAD:
		rfb_client_fail(self, why);
		return false;
	case RFB_WHOLE:
		/* Only those who type into a machine that does not listen
		 * have to wait for it. */
		if (rfb_is_input(&message) &&
		    display_input_full(rfb_server_display(self->server))) {
			self->paused = true;
			return false;
		}
		self->in_at += used;
		if (message.type == RFB_SKIP)
			self->skip = message.skip;
		rfb_dispatch(self, &message);
		break;
	}
	return true;
}

static gboolean on_readable(int fd, GIOCondition condition, void *data);

/* Works through what is here, unless the machine is behind with input. */
static void take_all(struct rfb_client *self)
{
	self->paused = false;
	while (!self->dead && take_one(self))
		;
	if (self->dead)
		return;
	g_byte_array_remove_range(self->in, 0, self->in_at);
	self->in_at = 0;
	if (!self->in->len && !self->paused) {
		/* give back what a long text needed */
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
	struct rfb_client *self = data;
	uint8_t bytes[READ_MAX];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		rfb_client_fail(self, NULL);
		return G_SOURCE_REMOVE;
	}
	g_byte_array_append(self->in, bytes, n);
	take_all(self);
	/* all requests and their effects first, then what they ask for */
	if (!self->dead && self->state == RFB_STATE_UP)
		rfb_update_pump(self);
	if (!self->dead)
		rfb_client_flush(self);
	return !self->dead && self->read_watch ? G_SOURCE_CONTINUE
					       : G_SOURCE_REMOVE;
}

static gboolean on_deadline(gpointer data)
{
	struct rfb_client *self = data;
	self->deadline = 0;
	rfb_client_fail(self, "no whole handshake in time");
	return G_SOURCE_REMOVE;
}

/* ---- what the display tells ---- */

static struct rfb_client *of(struct viewer *viewer)
{
	return (struct rfb_client *)viewer;
}

static void on_changed(struct viewer *viewer,
		       const struct desktop_change *change)
{
	rfb_update_changed(of(viewer), change);
}

static void on_cursor_changed(struct viewer *viewer)
{
	of(viewer)->cursor_due = of(viewer)->cursor_encoding != RFB_ENC_RAW;
}

static void on_leds_changed(struct viewer *viewer)
{
	of(viewer)->leds_due = of(viewer)->can_leds;
}

static void on_name_changed(struct viewer *viewer)
{
	of(viewer)->name_due = of(viewer)->can_name;
}

static void on_flush(struct viewer *viewer)
{
	rfb_update_pump(of(viewer));
}

static void on_input_ready(struct viewer *viewer)
{
	if (of(viewer)->paused)
		take_all(of(viewer));
}

static void on_destroy(struct viewer *viewer)
{
	rfb_client_fail(of(viewer), NULL);
}

static const struct viewer_ops viewer_ops = {
    .protocol = "rfb",
    .changed = on_changed,
    .cursor_changed = on_cursor_changed,
    .leds_changed = on_leds_changed,
    .name_changed = on_name_changed,
    .flush = on_flush,
    .input_ready = on_input_ready,
    .destroy = on_destroy,
};

/* ---- life ---- */

void rfb_client_up(struct rfb_client *self)
{
	drop_source(&self->deadline);
	self->state = RFB_STATE_UP;
	rfb_update_init(self);
	rfb_clip_init(self);
	rfb_audio_init(self);
	display_attach(rfb_server_display(self->server), &self->viewer);
	g_snprintf(self->label, sizeof self->label, "%u", self->viewer.id);
}

struct rfb_client *rfb_client_new(struct rfb_server *server, int fd,
				  bool authenticate)
{
	struct rfb_client *self = g_new0(struct rfb_client, 1);
	int on = 1, unsent = NOTSENT_MAX;
	self->server = server;
	self->fd = fd;
	self->authenticate = authenticate;
	self->viewer.ops = &viewer_ops;
	g_strlcpy(self->label, "new", sizeof self->label);
	self->in = g_byte_array_new();
	self->out = g_byte_array_new();
	self->message = g_byte_array_new();
	g_queue_init(&self->plan);
	g_queue_init(&self->overtaken);
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	self->read_watch =
	    g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
	self->deadline =
	    g_timeout_add_seconds(HANDSHAKE_TIMEOUT_S, on_deadline, self);
	rfb_handshake_begin(self);
	return self;
}
