/* The stream is a socket to the machine, written only as it drains: at most
 * one clipboard waits here, since a new one is asked for only by the guest. */
#include "display/agent.h"

#include <errno.h>
#include <glib-unix.h>
#include <spice/vd_agent.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/agent-clip.h"
#include "display/agent-wire.h"

/* A guest that does not read its port gets nothing more than this. */
#define OUT_MAX (2 * AGENT_BODY_MAX)
/* Files are held back beyond this. */
#define FULL (256u << 10)
/* Under way at a time, of all viewers. */
#define FILES_MAX 64u

struct file {
	struct agent_party *party; /* NULL: free */
	uint32_t id;               /* the party's own; ours is its place */
};

struct agent {
	struct agent_clip clip;
	struct clipboard *clipboard;
	int fd;
	guint read_watch, write_watch;
	struct agent_wire wire;
	GByteArray *out;
	bool open;         /* clip.joined: it has announced itself, too */
	bool no_files;     /* ... it says */
	bool files_barred; /* by policy */
	GPtrArray *parties;
	struct file files[FILES_MAX];
};

static void update_watch(struct agent *self);

enum telling { TELL_CHANGED, TELL_DRAINED };

static void tell(struct agent *self, enum telling what)
{
	if (what == TELL_DRAINED && agent_is_full(self))
		return;
	g_autoptr(GPtrArray) parties =
	    g_ptr_array_copy(self->parties, NULL, NULL);
	for (guint i = 0; i < parties->len; i++) {
		struct agent_party *party = parties->pdata[i];
		if (!g_ptr_array_find(self->parties, party, NULL))
			continue;
		if (what == TELL_CHANGED)
			party->ops->changed(party);
		else
			party->ops->drained(party);
	}
}

static gboolean on_writable(int fd, GIOCondition condition, void *data)
{
	struct agent *self = data;
	ssize_t n = send(fd, self->out->data, self->out->len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		g_byte_array_remove_range(self->out, 0, n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		g_byte_array_set_size(self->out, 0);
	tell(self, TELL_DRAINED);
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

static void send_clip(void *data, uint32_t type, const uint8_t *body,
		      uint32_t length)
{
	send_message(data, type, body, length);
}

static void announce(struct agent *self, bool request)
{
	const uint32_t caps = 1u << VD_AGENT_CAP_CLIPBOARD_BY_DEMAND |
			      1u << VD_AGENT_CAP_CLIPBOARD_SELECTION;
	const uint8_t body[8] = {request, 0, 0, 0, caps, caps >> 8};
	send_message(self, VD_AGENT_ANNOUNCE_CAPABILITIES, body, sizeof body);
}

/* ---- from the guest ---- */

static void on_announce(struct agent *self, const uint8_t *body,
			uint32_t length)
{
	if (length < 8)
		return;
	uint32_t caps = body[4] | body[5] << 8;
	self->no_files = caps >> VD_AGENT_CAP_FILE_XFER_DISABLED & 1;
	bool begins = agent_clip_announced(&self->clip, self->clipboard, caps);
	if (body[0])
		announce(self, false);
	if (begins)
		agent_clip_greet(&self->clip);
	tell(self, TELL_CHANGED);
}

/* ---- files ---- */

static void put_id(uint8_t *body, uint32_t id)
{
	for (unsigned i = 0; i < 4; i++)
		body[i] = (uint8_t)(id >> 8 * i);
}

static uint32_t get_id(const uint8_t *body)
{
	return body[0] | body[1] << 8 | body[2] << 16 | (uint32_t)body[3] << 24;
}

void agent_allow_files(struct agent *self, bool into_guest)
{
	if (self->files_barred == !into_guest)
		return;
	self->files_barred = !into_guest;
	tell(self, TELL_CHANGED);
}

bool agent_takes_files(const struct agent *self)
{
	return self->clip.joined && !self->no_files && !self->files_barred;
}

bool agent_is_full(const struct agent *self)
{
	return self->out->len > FULL;
}

static void send_status(struct agent *self, uint32_t id, uint8_t result)
{
	uint8_t body[8] = {0};
	put_id(body, id);
	body[4] = result;
	send_message(self, VD_AGENT_FILE_XFER_STATUS, body, sizeof body);
}

static struct file *file_of(struct agent *self, const struct agent_party *party,
			    uint32_t id)
{
	for (unsigned i = 0; i < FILES_MAX; i++)
		if (self->files[i].party == party && self->files[i].id == id)
			return &self->files[i];
	return NULL;
}

bool agent_send_file(struct agent_party *party, uint32_t type,
		     const uint8_t *body, uint32_t length)
{
	struct agent *self = party->agent;
	if (!self || !agent_takes_files(self) || length < 4)
		return false;
	uint32_t id = get_id(body);
	struct file *file = file_of(self, party, id);
	for (unsigned i = 0;
	     type == VD_AGENT_FILE_XFER_START && !file && i < FILES_MAX; i++)
		if (!self->files[i].party)
			file = &self->files[i];
	if (!file)
		return type ==
		       VD_AGENT_FILE_XFER_STATUS; /* an end that is known */
	*file = (struct file){party, id};
	g_autofree uint8_t *copy = g_memdup2(body, length);
	put_id(copy, (uint32_t)(file - self->files));
	send_message(self, type, copy, length);
	if (type == VD_AGENT_FILE_XFER_STATUS && length >= 8 &&
	    body[4] != VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA)
		file->party = NULL;
	return true;
}

static void on_file(struct agent *self, uint32_t type, const uint8_t *body,
		    uint32_t length)
{
	uint32_t place = length >= 8 ? get_id(body) : FILES_MAX;
	if (place >= FILES_MAX || !self->files[place].party)
		return;
	struct file file = self->files[place];
	g_autofree uint8_t *copy = g_memdup2(body, length);
	put_id(copy, file.id);
	if (type == VD_AGENT_FILE_XFER_STATUS &&
	    body[4] != VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA)
		self->files[place].party = NULL;
	file.party->ops->file(file.party, type, copy, length);
}

/* The guest's agent is gone: what was under way will not arrive. */
static void fail_files(struct agent *self)
{
	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct file file = self->files[i];
		uint8_t body[8] = {0};
		if (!file.party)
			continue;
		self->files[i].party = NULL;
		put_id(body, file.id);
		body[4] = VD_AGENT_FILE_XFER_STATUS_ERROR;
		file.party->ops->file(file.party, VD_AGENT_FILE_XFER_STATUS,
				      body, sizeof body);
	}
}

void agent_join(struct agent *self, struct agent_party *party)
{
	party->agent = self;
	g_ptr_array_add(self->parties, party);
}

void agent_leave(struct agent_party *party)
{
	struct agent *self = party->agent;
	if (!self)
		return;
	g_ptr_array_remove(self->parties, party);
	party->agent = NULL;
	for (unsigned i = 0; i < FILES_MAX; i++) {
		if (self->files[i].party != party)
			continue;
		self->files[i].party = NULL;
		send_status(self, i, VD_AGENT_FILE_XFER_STATUS_CANCELLED);
	}
}

static void on_message(void *data, uint32_t type, const uint8_t *body,
		       uint32_t length)
{
	struct agent *self = data;
	if (type == VD_AGENT_ANNOUNCE_CAPABILITIES)
		on_announce(self, body, length);
	else if (!self->clip.joined)
		return;
	else if (type == VD_AGENT_FILE_XFER_STATUS)
		on_file(self, type, body, length);
	else
		agent_clip_message(&self->clip, type, body, length);
}

/* ---- the stream ---- */

static void forget_agent(struct agent *self)
{
	bool was_active = self->clip.joined;
	agent_clip_leave(&self->clip);
	agent_wire_finish(&self->wire);
	agent_wire_init(&self->wire);
	g_byte_array_set_size(self->out, 0);
	if (self->write_watch)
		g_source_remove(self->write_watch);
	self->write_watch = 0;
	if (!was_active)
		return;
	fail_files(self);
	tell(self, TELL_CHANGED);
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
	agent_clip_init(&self->clip, true, send_clip, self);
	self->clipboard = clipboard;
	self->fd = -1;
	self->out = g_byte_array_new();
	self->parties = g_ptr_array_new();
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
	g_ptr_array_unref(self->parties);
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
	return self->clip.joined;
}
