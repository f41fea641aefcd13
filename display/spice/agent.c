#include "display/spice/agent.h"

#include <spice/vd_agent.h>

#include "display/agent-clip.h"
#include "display/agent-wire.h"
#include "display/agent.h"
#include "display/spice/channel.h"

/* Pieces that are given back at once. */
#define TOKENS_BACK (SPICE_AGENT_TOKENS / 2)
/* Waiting for a client that gives no tokens: one clipboard and a little. */
#define WAITING_MAX (2 * AGENT_BODY_MAX)
#define PIECE_MAX   VD_AGENT_MAX_DATA_SIZE

struct spice_agent {
	struct agent_clip clip;
	struct agent_party files;
	struct spice_channel *channel;
	struct agent_wire wire;
	unsigned taken; /* pieces, not given back yet */
	bool started;
	uint32_t tokens;
	GByteArray *waiting; /* pieces as agent_wire_write() makes them */
	size_t waiting_at;
	bool held; /* tokens, while the guest does not read files */
};

/* ---- out ---- */

/* What was written for a guest's port has a header before each piece: here
 * each piece is a message. */
static void send_pieces(struct spice_agent *self)
{
	while (self->started && self->tokens &&
	       self->waiting_at < self->waiting->len) {
		struct reader in = {self->waiting->data + self->waiting_at, 8,
				    false};
		take32(&in);
		uint32_t size = take32(&in);
		GByteArray *out = spice_channel_begin(
		    self->channel, SPICE_MSG_MAIN_AGENT_DATA);
		g_byte_array_append(out, in.at, size);
		spice_channel_end(self->channel);
		self->waiting_at += 8 + size;
		if (self->tokens != UINT32_MAX)
			self->tokens--;
	}
	if (self->waiting_at == self->waiting->len) {
		g_byte_array_set_size(self->waiting, 0);
		self->waiting_at = 0;
	} else if (self->waiting_at > self->waiting->len / 2) {
		g_byte_array_remove_range(self->waiting, 0, self->waiting_at);
		self->waiting_at = 0;
	}
}

static void send_message(struct spice_agent *self, uint32_t type,
			 const void *body, size_t length)
{
	if (self->channel->line.dead || !self->started)
		return;
	if (self->waiting->len - self->waiting_at + length > WAITING_MAX) {
		spice_channel_fail(self->channel,
				   "no tokens for what it asked for");
		return;
	}
	agent_wire_write(self->waiting, type, body, length);
	send_pieces(self);
}

static struct agent *guest_of(const struct spice_agent *self)
{
	return display_agent(spice_server_display(self->channel->server));
}

static void give_tokens(struct spice_agent *self)
{
	self->held = false;
	put32(spice_channel_begin(self->channel, SPICE_MSG_MAIN_AGENT_TOKEN),
	      self->taken);
	spice_channel_end(self->channel);
	self->taken = 0;
}

static void announce(struct spice_agent *self)
{
	bool files = agent_takes_files(guest_of(self));
	g_autoptr(GByteArray) body = g_byte_array_new();
	put32(body, 0); /* no answer */
	put32(body, 1u << VD_AGENT_CAP_MONITORS_CONFIG |
			1u << VD_AGENT_CAP_REPLY |
			1u << VD_AGENT_CAP_CLIPBOARD_BY_DEMAND |
			1u << VD_AGENT_CAP_CLIPBOARD_SELECTION |
			1u << VD_AGENT_CAP_SPARSE_MONITORS_CONFIG |
			1u << VD_AGENT_CAP_GUEST_LINEEND_LF |
			1u << VD_AGENT_CAP_MONITORS_CONFIG_POSITION |
			(files ? 1u << VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS
			       : 1u << VD_AGENT_CAP_FILE_XFER_DISABLED));
	send_message(self, VD_AGENT_ANNOUNCE_CAPABILITIES, body->data,
		     body->len);
}

static void send_clip(void *data, uint32_t type, const uint8_t *body,
		      uint32_t length)
{
	struct spice_agent *self = data;
	send_message(self, type, body, length);
	line_flush(&self->channel->line);
}

/* ---- screens ---- */

/* Side by side, for who gives no places or impossible ones. */
static void set_in_row(struct desktop_head *heads, unsigned count)
{
	unsigned x = 0;
	for (unsigned i = 0; i < count; i++) {
		heads[i].at.x = x;
		heads[i].at.y = 0;
		x += heads[i].at.w;
	}
}

static bool resize(struct spice_agent *self, struct reader *in)
{
	struct display *display = spice_server_display(self->channel->server);
	struct desktop_head heads[DESKTOP_HEADS_MAX];
	uint32_t count = take32(in), flags = take32(in);
	unsigned on = 0, most = display_heads_most(display);
	bool placed = flags & VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS;
	for (uint32_t i = 0; i < count && i < DESKTOP_HEADS_MAX; i++) {
		uint32_t h = take32(in), w = take32(in);
		take32(in); /* depth */
		int32_t x = (int32_t)take32(in), y = (int32_t)take32(in);
		if (in->bad)
			return false;
		if (!w || !h || i >= most)
			continue; /* off, or more than there are */
		if (w > DESKTOP_SIDE_MAX || h > DESKTOP_SIDE_MAX)
			return false;
		placed = placed && x >= 0 && y >= 0 &&
			 x <= (int32_t)DESKTOP_SIDE_MAX &&
			 y <= (int32_t)DESKTOP_SIDE_MAX;
		heads[on++] = (struct desktop_head){
		    i,
		    {placed ? (unsigned)x : 0, placed ? (unsigned)y : 0, w, h}};
	}
	if (!placed)
		set_in_row(heads, on);
	enum display_resize result = display_resize(display, heads, on);
	if (result == DISPLAY_RESIZE_INVALID && placed) {
		set_in_row(heads, on);
		result = display_resize(display, heads, on);
	}
	return result == DISPLAY_RESIZE_DONE ||
	       result == DISPLAY_RESIZE_FORWARDED;
}

static void on_monitors(struct spice_agent *self, struct reader *in)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	bool done = resize(self, in);
	put32(body, VD_AGENT_MONITORS_CONFIG);
	put32(body, done ? VD_AGENT_SUCCESS : VD_AGENT_ERROR);
	send_message(self, VD_AGENT_REPLY, body->data, body->len);
}

static void on_announce(struct spice_agent *self, struct reader *in)
{
	bool answer = take32(in);
	uint32_t caps = take32(in);
	if (in->bad)
		return;
	/* how lines end is the guest's to say, which is us here */
	caps &= ~(1u << VD_AGENT_CAP_GUEST_LINEEND_CRLF);
	bool begins = agent_clip_announced(
	    &self->clip,
	    display_clipboard(spice_server_display(self->channel->server)),
	    caps);
	if (answer)
		announce(self);
	if (begins)
		agent_clip_greet(&self->clip);
}

/* ---- files ---- */

static struct spice_agent *by_files(struct agent_party *party)
{
	return (struct spice_agent *)((char *)party -
				      offsetof(struct spice_agent, files));
}

static void on_file(struct agent_party *party, uint32_t type,
		    const uint8_t *body, uint32_t length)
{
	struct spice_agent *self = by_files(party);
	send_message(self, type, body, length);
	line_flush(&self->channel->line);
}

static void on_guest_changed(struct agent_party *party)
{
	struct spice_agent *self = by_files(party);
	announce(self);
	line_flush(&self->channel->line);
}

static void on_guest_drained(struct agent_party *party)
{
	struct spice_agent *self = by_files(party);
	if (!self->held)
		return;
	give_tokens(self);
	line_flush(&self->channel->line);
}

static const struct agent_ops agent_ops = {
    .file = on_file,
    .changed = on_guest_changed,
    .drained = on_guest_drained,
};

/* To the guest, or back at once where nobody takes it. */
static void send_file(struct spice_agent *self, uint32_t type,
		      const uint8_t *bytes, uint32_t length)
{
	struct reader in = {bytes, length, false};
	uint32_t id = take32(&in);
	if (in.bad || agent_send_file(&self->files, type, bytes, length) ||
	    type != VD_AGENT_FILE_XFER_START)
		return;
	g_autoptr(GByteArray) body = g_byte_array_new();
	put32(body, id);
	put32(body, VD_AGENT_FILE_XFER_STATUS_ERROR);
	send_message(self, VD_AGENT_FILE_XFER_STATUS, body->data, body->len);
}

/* ---- in ---- */

static void on_message(void *data, uint32_t type, const uint8_t *body,
		       uint32_t length)
{
	struct spice_agent *self = data;
	struct reader in = {body, length, false};
	if (self->channel->line.dead)
		return;
	switch (type) {
	case VD_AGENT_ANNOUNCE_CAPABILITIES:
		on_announce(self, &in);
		break;
	case VD_AGENT_MONITORS_CONFIG:
		on_monitors(self, &in);
		break;
	case VD_AGENT_FILE_XFER_START:
	case VD_AGENT_FILE_XFER_STATUS:
	case VD_AGENT_FILE_XFER_DATA:
		send_file(self, type, body, length);
		break;
	case VD_AGENT_CLIPBOARD:
	case VD_AGENT_CLIPBOARD_GRAB:
	case VD_AGENT_CLIPBOARD_REQUEST:
	case VD_AGENT_CLIPBOARD_RELEASE:
		agent_clip_message(&self->clip, type, body, length);
		break;
	default:
		break; /* not for us */
	}
}

void spice_agent_data(struct spice_agent *self, const uint8_t *bytes,
		      size_t length)
{
	struct spice_channel *channel = self->channel;
	uint8_t header[8] = {VDP_CLIENT_PORT,   0, 0, 0, length & 0xff,
			     length >> 8 & 0xff};
	if (!self->started || length > PIECE_MAX ||
	    ++self->taken > SPICE_AGENT_TOKENS) {
		spice_channel_fail(channel, "agent's data out of turn");
		return;
	}
	if (length &&
	    !(agent_wire_feed(&self->wire, header, sizeof header, on_message,
			      self) &&
	      agent_wire_feed(&self->wire, bytes, length, on_message, self)))
		spice_channel_fail(channel, "agent's data without sense");
	if (channel->line.dead || self->taken < TOKENS_BACK)
		return;
	if (agent_is_full(guest_of(self)))
		self->held = true;
	else
		give_tokens(self);
}

void spice_agent_start(struct spice_agent *self, uint32_t tokens)
{
	self->started = true;
	self->tokens = tokens;
	send_pieces(self);
}

void spice_agent_tokens(struct spice_agent *self, uint32_t tokens)
{
	self->tokens = tokens > UINT32_MAX - self->tokens
			   ? UINT32_MAX
			   : self->tokens + tokens;
	send_pieces(self);
}

/* ---- life ---- */

struct spice_agent *spice_agent_new(struct spice_channel *channel)
{
	struct spice_agent *self = g_new0(struct spice_agent, 1);
	agent_clip_init(&self->clip, false, send_clip, self);
	self->channel = channel;
	self->waiting = g_byte_array_new();
	agent_wire_init(&self->wire);
	self->files.ops = &agent_ops;
	agent_join(guest_of(self), &self->files);
	return self;
}

void spice_agent_leave(struct spice_agent *self)
{
	agent_clip_leave(&self->clip);
	agent_leave(&self->files);
}

void spice_agent_free(struct spice_agent *self)
{
	agent_wire_finish(&self->wire);
	g_byte_array_unref(self->waiting);
	g_free(self);
}
