/* The stream is a socket to the machine, written only as it drains: at most
 * one clipboard waits here, since a new one is asked for only by the guest. */
#include "display/agent.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/agent-wire.h"

enum { /* vd_agent.h, in its order */
       AGENT_CLIPBOARD = 4,
       AGENT_ANNOUNCE = 6,
       AGENT_GRAB = 7,
       AGENT_REQUEST = 8,
       AGENT_RELEASE = 9,
};
enum { TYPE_NONE = 0, TYPE_UTF8 = 1 };
enum { SELECTION_CLIPBOARD = 0 };
/* bits of the announced capabilities */
enum { CAP_BY_DEMAND = 5, CAP_SELECTION = 6, CAP_LINEEND_CRLF = 9 };
/* A guest that does not read its port gets nothing more than this. */
#define OUT_MAX (2 * AGENT_BODY_MAX)

struct agent {
	struct clipboard_party party; /* first: ops get a pointer to it */
	struct clipboard *clipboard;
	int fd;
	guint read_watch, write_watch;
	struct agent_wire wire;
	GByteArray *out;
	bool open, active; /* active: it has announced itself */
	bool selection, crlf;
	bool wanted; /* the guest waits for our text */
};

static void update_watch(struct agent *self);

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct agent *self = data;
	ssize_t n = send(fd, self->out->data, self->out->len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		g_byte_array_remove_range(self->out, 0, n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		g_byte_array_set_size(self->out, 0);
	if (self->out->len)
		return G_SOURCE_CONTINUE;
	self->write_watch = 0;
	return G_SOURCE_REMOVE;
}

static void update_watch(struct agent *self)
{
	if (self->fd >= 0 && self->out->len && !self->write_watch)
		self->write_watch =
		    g_unix_fd_add(self->fd, G_IO_OUT, on_writable, self);
}

static void send_message(struct agent *self, uint32_t type, const void *body,
			 uint32_t length)
{
	if (self->fd < 0 || self->out->len + length > OUT_MAX)
		return;
	agent_wire_write(self->out, type, body, length);
	update_watch(self);
}

/* Selection (4 bytes, where both know it) and a type come first. */
static void send_clipboard(struct agent *self, uint32_t message, bool typed,
			   uint32_t type, const void *text, size_t length)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	const uint8_t selection[4] = {SELECTION_CLIPBOARD};
	const uint8_t type_le[4] = {type, type >> 8};
	if (self->selection)
		g_byte_array_append(body, selection, 4);
	if (typed)
		g_byte_array_append(body, type_le, 4);
	if (length)
		g_byte_array_append(body, text, length);
	send_message(self, message, body->data, body->len);
}

static void announce(struct agent *self, bool request)
{
	const uint32_t caps = 1u << CAP_BY_DEMAND | 1u << CAP_SELECTION;
	const uint8_t body[8] = {request, 0, 0, 0, caps, caps >> 8};
	send_message(self, AGENT_ANNOUNCE, body, sizeof body);
}

/* ---- from the guest ---- */

static bool offers_text(const uint8_t *types, uint32_t length)
{
	for (uint32_t i = 0; i + 4 <= length; i += 4)
		if (types[i] == TYPE_UTF8 && !types[i + 1] && !types[i + 2] &&
		    !types[i + 3])
			return true;
	return false;
}

static void take_text(struct agent *self, const uint8_t *body, uint32_t length)
{
	if (length < 4 || body[0] != TYPE_UTF8) {
		clipboard_give(&self->party, NULL);
		return;
	}
	body += 4;
	length -= 4;
	while (length && !body[length - 1])
		length--;
	g_autoptr(GByteArray) text = g_byte_array_sized_new(length);
	for (uint32_t i = 0; i < length; i++)
		if (!(body[i] == '\r' && i + 1 < length && body[i + 1] == '\n'))
			g_byte_array_append(text, body + i, 1);
	g_autoptr(GBytes) bytes =
	    g_byte_array_free_to_bytes(g_steal_pointer(&text));
	clipboard_give(&self->party, bytes);
}

static void on_announce(struct agent *self, const uint8_t *body,
			uint32_t length)
{
	if (length < 8)
		return;
	uint32_t caps = body[4] | body[5] << 8;
	self->selection = caps >> CAP_SELECTION & 1;
	self->crlf = caps >> CAP_LINEEND_CRLF & 1;
	bool by_demand = caps >> CAP_BY_DEMAND & 1;
	if (body[0])
		announce(self, false);
	if (!self->active && by_demand) {
		self->active = true;
		clipboard_join(self->clipboard, &self->party);
		if (clipboard_has_text(&self->party))
			send_clipboard(self, AGENT_GRAB, true, TYPE_UTF8, NULL,
				       0);
	}
}

static void on_message(void *data, uint32_t type, const uint8_t *body,
		       uint32_t length)
{
	struct agent *self = data;
	if (type == AGENT_ANNOUNCE) {
		on_announce(self, body, length);
		return;
	}
	if (!self->active)
		return;
	if (self->selection) {
		if (length < 4 || body[0] != SELECTION_CLIPBOARD)
			return;
		body += 4;
		length -= 4;
	}
	switch (type) {
	case AGENT_GRAB:
		if (offers_text(body, length))
			clipboard_offer(&self->party);
		else
			clipboard_withdraw(&self->party);
		break;
	case AGENT_RELEASE:
		clipboard_withdraw(&self->party);
		break;
	case AGENT_CLIPBOARD:
		take_text(self, body, length);
		break;
	case AGENT_REQUEST:
		if (!offers_text(body, length)) {
			send_clipboard(self, AGENT_CLIPBOARD, true, TYPE_NONE,
				       NULL, 0);
			break;
		}
		self->wanted = true;
		clipboard_ask(&self->party);
		break;
	}
}

/* ---- from the viewers ---- */

static void on_offered(struct clipboard_party *party, bool text)
{
	struct agent *self = (struct agent *)party;
	if (text)
		send_clipboard(self, AGENT_GRAB, true, TYPE_UTF8, NULL, 0);
	else
		send_clipboard(self, AGENT_RELEASE, false, 0, NULL, 0);
}

static void on_wanted(struct clipboard_party *party)
{
	send_clipboard((struct agent *)party, AGENT_REQUEST, true, TYPE_UTF8,
		       NULL, 0);
}

static void on_given(struct clipboard_party *party, GBytes *text)
{
	struct agent *self = (struct agent *)party;
	if (!self->wanted)
		return;
	self->wanted = false;
	gsize length = 0;
	const char *bytes = text ? g_bytes_get_data(text, &length) : NULL;
	if (!bytes) {
		send_clipboard(self, AGENT_CLIPBOARD, true, TYPE_NONE, NULL, 0);
		return;
	}
	g_autoptr(GString) ends = g_string_sized_new(length);
	for (gsize i = 0; i < length; i++) {
		if (self->crlf && bytes[i] == '\n')
			g_string_append_c(ends, '\r');
		g_string_append_c(ends, bytes[i]);
	}
	send_clipboard(self, AGENT_CLIPBOARD, true, TYPE_UTF8, ends->str,
		       ends->len);
}

static const struct clipboard_ops clipboard_ops = {
    .offered = on_offered,
    .wanted = on_wanted,
    .given = on_given,
};

/* ---- the stream ---- */

static void forget_agent(struct agent *self)
{
	if (self->active)
		clipboard_leave(&self->party);
	self->active = self->wanted = false;
	agent_wire_finish(&self->wire);
	agent_wire_init(&self->wire);
	g_byte_array_set_size(self->out, 0);
	if (self->write_watch)
		g_source_remove(self->write_watch);
	self->write_watch = 0;
}

static gboolean on_readable(int fd, GIOCondition condition, void *data)
{
	struct agent *self = data;
	uint8_t bytes[16384];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		agent_detach(self);
		return G_SOURCE_REMOVE;
	}
	/* Broken: read on, so that the guest is not held, and hear nothing
	 * until it opens the port anew. */
	agent_wire_feed(&self->wire, bytes, n, on_message, self);
	return G_SOURCE_CONTINUE;
}

struct agent *agent_new(struct clipboard *clipboard)
{
	struct agent *self = g_new0(struct agent, 1);
	self->party.ops = &clipboard_ops;
	self->party.guest = true;
	self->clipboard = clipboard;
	self->fd = -1;
	self->out = g_byte_array_new();
	agent_wire_init(&self->wire);
	return self;
}

void agent_free(struct agent *self)
{
	if (!self)
		return;
	agent_detach(self);
	agent_wire_finish(&self->wire);
	g_byte_array_unref(self->out);
	g_free(self);
}

void agent_attach(struct agent *self, int fd)
{
	agent_detach(self);
	self->fd = fd;
	self->read_watch =
	    g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, self);
}

void agent_detach(struct agent *self)
{
	forget_agent(self);
	self->open = false;
	if (self->read_watch)
		g_source_remove(self->read_watch);
	self->read_watch = 0;
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
}

void agent_port_open(struct agent *self, bool open)
{
	if (self->fd < 0 || open == self->open)
		return;
	forget_agent(self);
	self->open = open;
	if (open)
		announce(self, true);
}

bool agent_is_active(const struct agent *self)
{
	return self->active;
}
