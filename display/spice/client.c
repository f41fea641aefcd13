/* A viewer: the channels of one session id, and what the display knows of
 * them. */
#include "display/spice/channel.h"

struct spice_client *spice_client_of(struct viewer *viewer)
{
	return (struct spice_client *)viewer;
}

/* Far from 0, which clients take for an error. */
unsigned spice_client_now_ms(void)
{
	static gint64 start;
	gint64 now = g_get_monotonic_time();
	if (!start)
		start = now - 100 * G_USEC_PER_SEC;
	return (unsigned)((now - start) / 1000);
}

/* ---- what the display tells ---- */

static void on_changed(struct viewer *viewer,
		       const struct desktop_change *change)
{
	struct spice_client *self = spice_client_of(viewer);
	if (self->display)
		spice_picture_changed(self->display, change);
}

static void on_cursor_changed(struct viewer *viewer)
{
	struct spice_client *self = spice_client_of(viewer);
	if (self->cursor)
		spice_cursor_send(self->cursor);
}

static void on_leds_changed(struct viewer *viewer)
{
	struct spice_client *self = spice_client_of(viewer);
	if (self->inputs)
		spice_inputs_leds(self->inputs);
}

static void on_name_changed(struct viewer *viewer)
{
	struct spice_client *self = spice_client_of(viewer);
	if (self->main)
		spice_session_name(self->main);
}

static void on_ports_changed(struct viewer *viewer)
{
	struct spice_client *self = spice_client_of(viewer);
	if (self->main)
		spice_session_ports(self->main);
}

static void on_flush(struct viewer *viewer)
{
	struct spice_client *self = spice_client_of(viewer);
	g_autoptr(GPtrArray) channels =
	    g_ptr_array_copy(self->channels, NULL, NULL);
	/* the client is freed in an idle call, its channels are, too */
	if (self->display)
		spice_picture_pump(self->display);
	for (guint i = 0; i < channels->len; i++) {
		struct spice_channel *channel = channels->pdata[i];
		if (!channel->line.dead)
			line_flush(&channel->line);
	}
}

static void on_input_ready(struct viewer *viewer)
{
	struct spice_client *self = spice_client_of(viewer);
	if (self->inputs)
		spice_channel_go_on(self->inputs);
}

static void on_destroy(struct viewer *viewer)
{
	struct spice_client *self = spice_client_of(viewer);
	if (self->main)
		spice_channel_fail(self->main, NULL);
}

static const struct viewer_ops viewer_ops = {
    .protocol = "spice",
    .changed = on_changed,
    .cursor_changed = on_cursor_changed,
    .leds_changed = on_leds_changed,
    .name_changed = on_name_changed,
    .ports_changed = on_ports_changed,
    .flush = on_flush,
    .input_ready = on_input_ready,
    .destroy = on_destroy,
};

/* ---- life ---- */

static struct spice_client *find(GPtrArray *clients, uint32_t session)
{
	for (guint i = 0; i < clients->len; i++) {
		struct spice_client *client = clients->pdata[i];
		if (client->session == session)
			return client;
	}
	return NULL;
}

static uint32_t begin(struct spice_channel *channel)
{
	struct spice_server *server = channel->server;
	GPtrArray *clients = spice_server_clients(server);
	struct display *display = spice_server_display(server);
	if (channel->link.type != SPICE_CHANNEL_MAIN || channel->link.id)
		return SPICE_LINK_ERR_BAD_CONNECTION_ID;
	if (display_viewers(display)->len >= DISPLAY_VIEWERS_MAX)
		return SPICE_LINK_ERR_ERROR;
	struct spice_client *self = g_new0(struct spice_client, 1);
	self->server = server;
	self->viewer.ops = &viewer_ops;
	self->channels = g_ptr_array_new();
	do
		self->session = g_random_int();
	while (!self->session || find(clients, self->session));
	self->main = channel;
	g_ptr_array_add(self->channels, channel);
	g_ptr_array_add(clients, self);
	channel->client = self;
	display_attach(display, &self->viewer);
	return SPICE_LINK_ERR_OK;
}

static struct spice_channel **place_of(struct spice_client *self, uint8_t type,
				       uint8_t id)
{
	enum port_kind kind;
	if (spice_port_kind(type, &kind))
		return id < PORTS_OF_KIND ? &self->ports[kind][id] : NULL;
	if (id)
		return NULL;
	switch (type) {
	case SPICE_CHANNEL_DISPLAY:
		return &self->display;
	case SPICE_CHANNEL_INPUTS:
		return &self->inputs;
	case SPICE_CHANNEL_CURSOR:
		return &self->cursor;
	case SPICE_CHANNEL_PLAYBACK:
		return &self->playback;
	case SPICE_CHANNEL_RECORD:
		return &self->record;
	default:
		return NULL;
	}
}

static bool is_there(const struct spice_client *self,
		     const struct spice_channel *channel)
{
	const struct display *display = spice_server_display(self->server);
	enum port_kind kind;
	return !spice_port_kind(channel->link.type, &kind) ||
	       ports_there(display_ports(display), kind) >> channel->link.id &
		   1;
}

uint32_t spice_client_join(struct spice_channel *channel)
{
	if (!channel->link.connection_id)
		return begin(channel);
	struct spice_client *self = find(spice_server_clients(channel->server),
					 channel->link.connection_id);
	if (!self)
		return SPICE_LINK_ERR_BAD_CONNECTION_ID;
	struct spice_channel **place =
	    place_of(self, channel->link.type, channel->link.id);
	/* one of a kind; the older one may have lost its line: it is known
	 * when it is, and the client tries again */
	if (!place || *place || !is_there(self, channel))
		return SPICE_LINK_ERR_CHANNEL_NOT_AVAILABLE;
	*place = channel;
	channel->client = self;
	g_ptr_array_add(self->channels, channel);
	return SPICE_LINK_ERR_OK;
}

static gboolean on_free(gpointer data)
{
	struct spice_client *self = data;
	g_ptr_array_unref(self->channels);
	g_free(self);
	return G_SOURCE_REMOVE;
}

void spice_client_leave(struct spice_channel *channel)
{
	struct spice_client *self = channel->client;
	struct spice_channel **place =
	    place_of(self, channel->link.type, channel->link.id);
	g_ptr_array_remove(self->channels, channel);
	if (channel->ops->down)
		channel->ops->down(channel);
	channel->client = NULL;
	if (place)
		*place = NULL;
	if (channel != self->main)
		return;
	self->main = NULL;
	display_detach(&self->viewer);
	g_ptr_array_remove(spice_server_clients(self->server), self);
	while (self->channels->len)
		spice_channel_fail(self->channels->pdata[0], NULL);
	/* whoever called may still look at it */
	g_idle_add_full(G_PRIORITY_DEFAULT, on_free, self, NULL);
}
