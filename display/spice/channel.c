#include "display/spice/channel.h"

#include "common/log.h"
#include "display/door.h"

/* From connecting to the link's end. */
#define LINK_TIMEOUT_S 15

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

static void release(void *data)
{
	struct spice_channel *self = data;
	if (self->state)
		self->ops->release(self->state);
	line_clear(&self->line);
	g_free(self);
}

void spice_channel_free(struct spice_channel *self)
{
	line_free(&self->line);
}

void spice_channel_fail(struct spice_channel *self, const char *why)
{
	if (self->line.dead)
		return;
	log_channel(self, why);
	line_cut(&self->line);
	door_forget(spice_server_door(self->server), self);
	if (self->client)
		spice_client_leave(self);
}

static void on_failed(void *data, const char *why)
{
	spice_channel_fail(data, why);
}

bool spice_channel_can(const struct spice_channel *self, unsigned cap)
{
	return self->link.channel_caps >> cap & 1;
}

/* ---- output ---- */

GByteArray *spice_channel_begin(struct spice_channel *self, unsigned type)
{
	GByteArray *out = self->line.out;
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
	    GUINT32_TO_LE(self->line.out->len - self->message_at - header);
	memcpy(self->line.out->data + self->message_at + size_at, &size, 4);
	if (!self->line.dead && line_queued(&self->line) > LINE_OUT_MAX)
		spice_channel_fail(self, "requests without reading answers");
}

static void on_sent(void *data, size_t length)
{
	struct spice_channel *self = data;
	if (self->client)
		self->client->viewer.bytes_sent += length;
}

static void on_pump(void *data)
{
	struct spice_channel *self = data;
	if (self->client && self->ops->drained)
		self->ops->drained(self);
}

/* ---- input ---- */

static const struct spice_channel_ops *const all_ops[] = {
    &spice_main_ops,   &spice_display_ops,  &spice_inputs_ops,
    &spice_cursor_ops, &spice_playback_ops, &spice_record_ops,
    &spice_webdav_ops, &spice_usbredir_ops, &spice_port_ops,
};

static uint32_t admit(struct spice_channel *self)
{
	uint32_t result = spice_server_judge(self->server, self);
	if (result != SPICE_LINK_ERR_OK)
		return result;
	for (guint i = 0; i < G_N_ELEMENTS(all_ops); i++)
		if (all_ops[i]->type == self->link.type)
			self->ops = all_ops[i];
	if (!self->ops)
		return SPICE_LINK_ERR_CHANNEL_NOT_AVAILABLE;
	return spice_client_join(self);
}

/* Everything is answered in the order it came: an answer that cannot be sent
 * yet is in `out` before what follows it. */
static size_t link_step(struct spice_channel *self, const uint8_t *bytes,
			size_t length)
{
	size_t used =
	    spice_link_feed(&self->link, spice_server_key(self->server), bytes,
			    length, self->line.out);
	if (self->link.state == SPICE_LINK_ASK) {
		uint32_t result = admit(self);
		spice_link_answer(&self->link, result, self->line.out);
		if (result == SPICE_LINK_ERR_OK) {
			line_is_up(&self->line);
			self->mini = self->link.common_caps >>
					 SPICE_COMMON_CAP_MINI_HEADER &
				     1;
			g_snprintf(self->label, sizeof self->label,
				   "%u channel %u", self->client->viewer.id,
				   self->link.type);
			self->ops->up(self);
		}
	}
	if (self->link.state == SPICE_LINK_CLOSED)
		line_close_after(&self->line, self->link.reason);
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
		line_close_after(&self->line, NULL);
		return;
	default:
		self->ops->message(self, type, body);
		break;
	}
	if (body->bad)
		spice_channel_fail(self, "a message that is too short");
}

/* One message; 0 when more bytes are needed, or it has to wait. */
static size_t message_step(struct spice_channel *self, const uint8_t *bytes,
			   size_t length)
{
	unsigned header = self->mini ? SHORT_HEADER : LONG_HEADER;
	struct reader in = {bytes, MIN(length, header), false};
	if (length < header)
		return 0;
	if (!self->mini)
		take64(&in);
	unsigned type = take16(&in);
	uint32_t size = take32(&in);
	uint32_t subs = self->mini ? 0 : take32(&in);
	uint32_t longest =
	    self->ops->longest ? self->ops->longest : SPICE_MESSAGE_MAX;
	if (size > longest || subs) {
		spice_channel_fail(self, subs ? "sub-messages"
					      : "a message that is too long");
		return 0;
	}
	if (self->ops->full && self->ops->full(self)) {
		line_hold(&self->line); /* before its body fills memory */
		return 0;
	}
	if (length - header < size)
		return 0;
	struct reader body = {bytes + header, size, false};
	dispatch(self, type, &body);
	return header + size;
}

static size_t take(void *data, const uint8_t *bytes, size_t length)
{
	struct spice_channel *self = data;
	return self->link.state == SPICE_LINK_OPEN
		   ? message_step(self, bytes, length)
		   : link_step(self, bytes, length);
}

void spice_channel_go_on(struct spice_channel *self)
{
	if (!self->line.held)
		return;
	line_go_on(&self->line);
	line_flush(&self->line);
}

/* ---- life ---- */

struct spice_channel *spice_channel_new(struct spice_server *server, int fd,
					bool authenticate)
{
	static const struct line_ops ops = {
	    .take = take,
	    .pump = on_pump,
	    .sent = on_sent,
	    .failed = on_failed,
	    .release = release,
	};
	struct spice_channel *self = g_new0(struct spice_channel, 1);
	self->server = server;
	self->authenticate = authenticate;
	g_strlcpy(self->label, "new", sizeof self->label);
	line_init(&self->line, fd, &ops, self);
	self->line.limited = true;
	line_set_deadline(&self->line, LINK_TIMEOUT_S);
	return self;
}
