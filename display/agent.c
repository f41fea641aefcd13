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
enum { /* files; the guest is sent START and DATA, and answers with STATUS */
       AGENT_FILE_START = 10,
       AGENT_FILE_STATUS = 11,
       AGENT_FILE_DATA = 12,
};
enum { FILE_CANCELLED = 1, FILE_ERROR = 2, FILE_CAN_SEND = 0 };
enum { TYPE_NONE = 0 };
enum { SELECTION_CLIPBOARD = 0 };
/* bits of the announced capabilities */
enum {
	CAP_BY_DEMAND = 5,
	CAP_SELECTION = 6,
	CAP_LINEEND_CRLF = 9,
	CAP_FILES_DISABLED = 13
};
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
	struct clipboard_party party; /* first: ops get a pointer to it */
	struct clipboard *clipboard;
	int fd;
	guint read_watch, write_watch;
	struct agent_wire wire;
	GByteArray *out;
	bool open, active; /* active: it has announced itself */
	bool selection, crlf;
	unsigned wanted;   /* forms that the guest waits for */
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

/* "\r\n" becomes "\n", and final zeros go. */
static GBytes *plain_text(const uint8_t *body, uint32_t length)
{
	while (length && !body[length - 1])
		length--;
	g_autoptr(GByteArray) text = g_byte_array_sized_new(length);
	for (uint32_t i = 0; i < length; i++)
		if (!(body[i] == '\r' && i + 1 < length && body[i + 1] == '\n'))
			g_byte_array_append(text, body + i, 1);
	return g_byte_array_free_to_bytes(g_steal_pointer(&text));
}

static void take_clipboard(struct agent *self, const uint8_t *body,
			   uint32_t length)
{
	unsigned forms = agent_forms_of(body, MIN(length, 4));
	if (!forms) { /* none: whatever was asked for is not there */
		for (unsigned form = 0; form < CLIPBOARD_FORMS; form++)
			clipboard_give(&self->party, form, NULL);
		return;
	}
	enum clipboard_form form = (enum clipboard_form)__builtin_ctz(forms);
	g_autoptr(GBytes) data = form == CLIPBOARD_TEXT
				     ? plain_text(body + 4, length - 4)
				     : g_bytes_new(body + 4, length - 4);
	clipboard_give(&self->party, form, data);
}

static void send_grab(struct agent *self, unsigned forms)
{
	g_autoptr(GByteArray) types = g_byte_array_new();
	for (unsigned form = 1; form < CLIPBOARD_FORMS; form++)
		if (forms >> form & 1) {
			const uint8_t type[4] = {(uint8_t)agent_type_of(form)};
			g_byte_array_append(types, type, 4);
		}
	uint32_t first = agent_type_of(CLIPBOARD_TEXT);
	if (!(forms & 1u << CLIPBOARD_TEXT)) {
		first = types->data[0];
		g_byte_array_remove_range(types, 0, 4);
	}
	send_clipboard(self, AGENT_GRAB, true, first, types->data, types->len);
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
	self->no_files = caps >> CAP_FILES_DISABLED & 1;
	if (body[0])
		announce(self, false);
	if (!self->active && by_demand) {
		self->active = true;
		clipboard_join(self->clipboard, &self->party);
		if (clipboard_forms(&self->party))
			send_grab(self, clipboard_forms(&self->party));
	}
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
	return self->active && !self->no_files && !self->files_barred;
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
	send_message(self, AGENT_FILE_STATUS, body, sizeof body);
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
	for (unsigned i = 0; type == AGENT_FILE_START && !file && i < FILES_MAX;
	     i++)
		if (!self->files[i].party)
			file = &self->files[i];
	if (!file)
		return type == AGENT_FILE_STATUS; /* an end that is known */
	*file = (struct file){party, id};
	g_autofree uint8_t *copy = g_memdup2(body, length);
	put_id(copy, (uint32_t)(file - self->files));
	send_message(self, type, copy, length);
	if (type == AGENT_FILE_STATUS && length >= 8 &&
	    body[4] != FILE_CAN_SEND)
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
	if (type == AGENT_FILE_STATUS && body[4] != FILE_CAN_SEND)
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
		body[4] = FILE_ERROR;
		file.party->ops->file(file.party, AGENT_FILE_STATUS, body,
				      sizeof body);
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
		send_status(self, i, FILE_CANCELLED);
	}
}

static void on_message(void *data, uint32_t type, const uint8_t *body,
		       uint32_t length)
{
	struct agent *self = data;
	unsigned forms;
	if (type == AGENT_ANNOUNCE) {
		on_announce(self, body, length);
		return;
	}
	if (!self->active)
		return;
	if (type == AGENT_FILE_STATUS) {
		on_file(self, type, body, length);
		return;
	}
	if (self->selection) {
		if (length < 4 || body[0] != SELECTION_CLIPBOARD)
			return;
		body += 4;
		length -= 4;
	}
	switch (type) {
	case AGENT_GRAB:
		forms = agent_forms_of(body, length);
		if (forms)
			clipboard_offer(&self->party, forms);
		else
			clipboard_withdraw(&self->party);
		break;
	case AGENT_RELEASE:
		clipboard_withdraw(&self->party);
		break;
	case AGENT_CLIPBOARD:
		take_clipboard(self, body, length);
		break;
	case AGENT_REQUEST:
		forms = agent_forms_of(body, MIN(length, 4));
		if (!forms) {
			send_clipboard(self, AGENT_CLIPBOARD, true, TYPE_NONE,
				       NULL, 0);
			break;
		}
		self->wanted |= forms;
		clipboard_ask(&self->party,
			      (enum clipboard_form)__builtin_ctz(forms));
		break;
	}
}

/* ---- from the viewers ---- */

static void on_offered(struct clipboard_party *party, unsigned forms)
{
	struct agent *self = (struct agent *)party;
	if (forms)
		send_grab(self, forms);
	else
		send_clipboard(self, AGENT_RELEASE, false, 0, NULL, 0);
}

static void on_wanted(struct clipboard_party *party, enum clipboard_form form)
{
	send_clipboard((struct agent *)party, AGENT_REQUEST, true,
		       agent_type_of(form), NULL, 0);
}

static void on_given(struct clipboard_party *party, enum clipboard_form form,
		     GBytes *data)
{
	struct agent *self = (struct agent *)party;
	if (!(self->wanted >> form & 1))
		return;
	self->wanted &= ~(1u << form);
	gsize length = 0;
	const char *bytes = data ? g_bytes_get_data(data, &length) : NULL;
	if (!data) {
		send_clipboard(self, AGENT_CLIPBOARD, true, TYPE_NONE, NULL, 0);
		return;
	}
	g_autoptr(GString) ends = g_string_sized_new(length);
	if (form != CLIPBOARD_TEXT)
		g_string_append_len(ends, bytes, (gssize)length);
	for (gsize i = 0; i < length && form == CLIPBOARD_TEXT; i++) {
		if (self->crlf && bytes[i] == '\n')
			g_string_append_c(ends, '\r');
		g_string_append_c(ends, bytes[i]);
	}
	send_clipboard(self, AGENT_CLIPBOARD, true, agent_type_of(form),
		       ends->str, ends->len);
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
	bool was_active = self->active;
	self->active = false;
	self->wanted = 0;
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
	self->party.ops = &clipboard_ops;
	self->party.guest = true;
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
	return self->active;
}
