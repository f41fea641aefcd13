/* Ports of the machine: what the client says goes there and back, as far as
 * both sides have room (display/ports.h). */
#include "display/spice/channel.h"

/* Data waiting for a client that does not read; then the machine waits. */
#define AHEAD_MAX (256u << 10)
/* What a device is told at once may be all that a driver asks for. */
#define USB_MESSAGE_MAX (4u << 20)

struct spice_port {
	struct port_user user; /* first: ops get a pointer to it */
	struct spice_channel *channel;
	bool told_open;
};

bool spice_port_kind(unsigned type, enum port_kind *kind)
{
	switch (type) {
	case SPICE_CHANNEL_WEBDAV:
		*kind = PORT_FOLDER;
		return true;
	case SPICE_CHANNEL_USBREDIR:
		*kind = PORT_USB;
		return true;
	case SPICE_CHANNEL_PORT:
		*kind = PORT_CONSOLE;
		return true;
	default:
		return false;
	}
}

unsigned spice_port_type(enum port_kind kind)
{
	static const uint8_t types[PORT_KINDS] = {
	    [PORT_FOLDER] = SPICE_CHANNEL_WEBDAV,
	    [PORT_USB] = SPICE_CHANNEL_USBREDIR,
	    [PORT_CONSOLE] = SPICE_CHANNEL_PORT,
	};
	return types[kind];
}

/* ---- from the port ---- */

static void on_changed(struct port_user *user)
{
	struct spice_port *self = (struct spice_port *)user;
	struct spice_channel *channel = self->channel;
	bool open = port_is_open(user);
	if (channel->link.type != SPICE_CHANNEL_USBREDIR &&
	    open != self->told_open) {
		self->told_open = open;
		put8(spice_channel_begin(channel, SPICE_MSG_PORT_EVENT),
		     open ? SPICE_PORT_EVENT_OPENED : SPICE_PORT_EVENT_CLOSED);
		spice_channel_end(channel);
		line_flush(&channel->line);
	}
	if (!port_is_full(user))
		spice_channel_go_on(channel);
}

static void on_data(struct port_user *user, const uint8_t *bytes, size_t length)
{
	struct spice_channel *channel = ((struct spice_port *)user)->channel;
	GByteArray *out = spice_channel_begin(channel, SPICE_MSG_SPICEVMC_DATA);
	g_byte_array_append(out, bytes, length);
	spice_channel_end(channel);
	line_flush(&channel->line);
}

static bool on_full(struct port_user *user)
{
	return line_queued(&((struct spice_port *)user)->channel->line) >
	       AHEAD_MAX;
}

static void on_drained(struct port_user *user)
{
	spice_channel_go_on(((struct spice_port *)user)->channel);
}

static void on_gone(struct port_user *user)
{
	spice_channel_fail(((struct spice_port *)user)->channel, NULL);
}

static const struct port_user_ops user_ops = {
    .changed = on_changed,
    .data = on_data,
    .full = on_full,
    .drained = on_drained,
    .gone = on_gone,
};

/* ---- from the client ---- */

static void up(struct spice_channel *channel)
{
	struct spice_port *self = g_new0(struct spice_port, 1);
	enum port_kind kind = PORT_FOLDER;
	spice_port_kind(channel->link.type, &kind);
	self->user.ops = &user_ops;
	self->channel = channel;
	channel->state = self;
	ports_join(display_ports(spice_server_display(channel->server)), kind,
		   channel->link.id, &self->user);
	if (kind == PORT_USB)
		return;
	/* the name stands behind the fixed part, which says where */
	const char *name = port_name(&self->user);
	GByteArray *out = spice_channel_begin(channel, SPICE_MSG_PORT_INIT);
	put32(out, strlen(name) + 1);
	put32(out, 9);
	put8(out, 0); /* opened: told when it is */
	g_byte_array_append(out, (const guint8 *)name, strlen(name) + 1);
	spice_channel_end(channel);
	on_changed(&self->user);
}

static void message(struct spice_channel *channel, unsigned type,
		    struct reader *body)
{
	struct spice_port *self = channel->state;
	switch (type) {
	case SPICE_MSGC_SPICEVMC_DATA:
		port_send(&self->user, body->at, body->left);
		break;
	case SPICE_MSGC_PORT_EVENT: /* what it does with it is its own */
		take8(body);
		break;
	default:
		spice_channel_fail(channel, "an unknown message");
		break;
	}
}

static void drained(struct spice_channel *channel)
{
	struct spice_port *self = channel->state;
	if (line_queued(&channel->line) <= AHEAD_MAX / 2)
		port_go_on(&self->user);
}

static bool full(struct spice_channel *channel)
{
	struct spice_port *self = channel->state;
	return port_is_full(&self->user);
}

static void down(struct spice_channel *channel)
{
	struct spice_port *self = channel->state;
	if (self)
		ports_leave(&self->user);
}

#define PORT_OPS                                                               \
	.up = up, .message = message, .drained = drained, .full = full,        \
	.down = down, .release = g_free

const struct spice_channel_ops spice_webdav_ops = {
    .type = SPICE_CHANNEL_WEBDAV,
    PORT_OPS,
};

const struct spice_channel_ops spice_usbredir_ops = {
    .type = SPICE_CHANNEL_USBREDIR,
    .longest = USB_MESSAGE_MAX,
    PORT_OPS,
};

const struct spice_channel_ops spice_port_ops = {
    .type = SPICE_CHANNEL_PORT,
    PORT_OPS,
};
