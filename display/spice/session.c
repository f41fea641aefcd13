/* The main channel: what there is, mouse modes, the agent. */
#include "display/spice/agent.h"
#include "display/spice/channel.h"

/* Absolute positions, always: the machine's side turns them into motions
 * where it has no tablet. */
#define MODES (SPICE_MOUSE_MODE_SERVER | SPICE_MOUSE_MODE_CLIENT)

static void up(struct spice_channel *self)
{
	GByteArray *out = spice_channel_begin(self, SPICE_MSG_MAIN_INIT);
	put32(out, self->client->session);
	put32(out, 1); /* display channels */
	put32(out, MODES);
	put32(out, SPICE_MOUSE_MODE_CLIENT);
	put32(out, 1); /* an agent: there is always one, ours */
	put32(out, SPICE_AGENT_TOKENS);
	put32(out, spice_client_now_ms());
	put32(out, 0); /* QXL's memory: there is none */
	spice_channel_end(self);
	self->state = spice_agent_new(self);
	spice_session_name(self);
}

static void down(struct spice_channel *self)
{
	if (self->state)
		spice_agent_leave(self->state);
}

static void release(void *state)
{
	spice_agent_free(state);
}

void spice_session_name(struct spice_channel *self)
{
	const char *name = display_name(spice_server_display(self->server));
	size_t length = strlen(name) + 1;
	if (!spice_channel_can(self, SPICE_MAIN_CAP_NAME_AND_UUID))
		return;
	GByteArray *out = spice_channel_begin(self, SPICE_MSG_MAIN_NAME);
	put32(out, length);
	g_byte_array_append(out, (const guint8 *)name, length);
	spice_channel_end(self);
}

/* Type and number of each port that the client does not know of. */
static void add_ports(struct spice_channel *self, GByteArray *list)
{
	const struct ports *ports =
	    display_ports(spice_server_display(self->server));
	for (enum port_kind kind = 0; kind < PORT_KINDS; kind++) {
		unsigned there = ports_there(ports, kind);
		unsigned fresh = there & ~self->client->listed[kind];
		/* a port that comes back finds its channel still there; a
		 * device's has ended with it */
		if (kind == PORT_USB)
			self->client->listed[kind] = there;
		else
			self->client->listed[kind] |= there;
		for (unsigned i = 0; i < PORTS_OF_KIND; i++) {
			if (!(fresh >> i & 1))
				continue;
			put8(list, spice_port_type(kind));
			put8(list, i);
		}
	}
}

static void send_list(struct spice_channel *self, const GByteArray *list)
{
	GByteArray *out =
	    spice_channel_begin(self, SPICE_MSG_MAIN_CHANNELS_LIST);
	put32(out, list->len / 2);
	g_byte_array_append(out, list->data, list->len);
	spice_channel_end(self);
}

static void list_channels(struct spice_channel *self)
{
	static const uint8_t types[] = {
	    SPICE_CHANNEL_DISPLAY, SPICE_CHANNEL_INPUTS, SPICE_CHANNEL_CURSOR,
	    SPICE_CHANNEL_PLAYBACK, SPICE_CHANNEL_RECORD};
	g_autoptr(GByteArray) list = g_byte_array_new();
	for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
		put8(list, types[i]);
		put8(list, 0);
	}
	self->client->lists = true;
	add_ports(self, list);
	send_list(self, list);
}

/* A list of what is new: clients take it for that. */
void spice_session_ports(struct spice_channel *self)
{
	g_autoptr(GByteArray) list = g_byte_array_new();
	if (!self->client->lists)
		return;
	add_ports(self, list);
	if (list->len)
		send_list(self, list);
}

static void set_mouse_mode(struct spice_channel *self, unsigned mode)
{
	if (mode != SPICE_MOUSE_MODE_SERVER && mode != SPICE_MOUSE_MODE_CLIENT)
		return;
	GByteArray *out = spice_channel_begin(self, SPICE_MSG_MAIN_MOUSE_MODE);
	put16(out, MODES);
	put16(out, mode);
	spice_channel_end(self);
}

static void message(struct spice_channel *self, unsigned type,
		    struct reader *body)
{
	uint32_t count;
	switch (type) {
	case SPICE_MSGC_MAIN_ATTACH_CHANNELS:
		list_channels(self);
		break;
	case SPICE_MSGC_MAIN_MOUSE_MODE_REQUEST:
		count = take16(body);
		if (!body->bad)
			set_mouse_mode(self, count);
		break;
	case SPICE_MSGC_MAIN_AGENT_START:
	case SPICE_MSGC_MAIN_AGENT_TOKEN:
		count = take32(body);
		if (body->bad)
			break;
		if (type == SPICE_MSGC_MAIN_AGENT_START)
			spice_agent_start(self->state, count);
		else
			spice_agent_tokens(self->state, count);
		break;
	case SPICE_MSGC_MAIN_AGENT_DATA:
		spice_agent_data(self->state, body->at, body->left);
		break;
	case SPICE_MSGC_MAIN_CLIENT_INFO:
	case SPICE_MSGC_MAIN_MIGRATE_CONNECTED:
	case SPICE_MSGC_MAIN_MIGRATE_CONNECT_ERROR:
	case SPICE_MSGC_MAIN_MIGRATE_END:
	case SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS:
	case SPICE_MSGC_MAIN_MIGRATE_CONNECTED_SEAMLESS:
	case SPICE_MSGC_MAIN_QUALITY_INDICATOR:
		break; /* nothing here migrates */
	default:
		spice_channel_fail(self, "an unknown message");
		break;
	}
}

const struct spice_channel_ops spice_main_ops = {
    .type = SPICE_CHANNEL_MAIN,
    .up = up,
    .message = message,
    .down = down,
    .release = release,
};
