/* The life of a SPICE session: which channels it has (each a line with its
 * tunnel), and one end for all of them. */
#include "client/spice-session.h"

#include "client/secret.h"
#include "client/spice-line.h"

/* Devices a desktop can have at the same time. */
#define USB_SLOTS 16

static void self_unref(struct spice_session *self)
{
	if (!g_atomic_int_dec_and_test(&self->references))
		return;
	g_clear_object(&self->cancellable);
	g_free(self->host);
	g_free(self->fingerprint);
	secret_clear(&self->ticket);
	secret_clear(&self->secret);
	g_free(self);
}

/* --- the end -------------------------------------------------------- */

struct end {
	struct spice_session *self;
	GError *error;
	gboolean attached;
	unsigned status, retry_after_s;
};

static gboolean tell_end(gpointer data)
{
	struct end *end = data;
	struct session_end told = {end->error, end->attached, end->status,
				   end->retry_after_s};
	if (!end->self->closed)
		end->self->handlers->closed(&told, end->self->data);
	return G_SOURCE_REMOVE;
}

static void free_end(gpointer data)
{
	struct end *end = data;
	g_clear_error(&end->error);
	self_unref(end->self);
	g_free(end);
}

void spice_session_end(struct spice_session *self, GError *error,
		       unsigned status, unsigned retry_after_s)
{
	if (self->ended || self->closed) {
		g_clear_error(&error);
		return;
	}
	self->ended = TRUE;
	struct end *end = g_new0(struct end, 1);
	g_atomic_int_inc(&self->references);
	*end = (struct end){self, error, self->attached && !status, status,
			    retry_after_s};
	/* later: the library is in the middle of something */
	g_idle_add_full(G_PRIORITY_DEFAULT, tell_end, end, free_end);
}

/* --- channels ------------------------------------------------------- */

static int ids_of(int type)
{
	return type == SPICE_CHANNEL_DISPLAY    ? SESSION_HEADS
	       : type == SPICE_CHANNEL_USBREDIR ? USB_SLOTS
						: 1;
}

static void on_channel_new(SpiceSession *spice, SpiceChannel *channel,
			   gpointer data)
{
	struct spice_session *self = data;
	int type = -1, id = -1;
	g_object_get(channel, "channel-type", &type, "channel-id", &id, NULL);
	switch (type) {
	case SPICE_CHANNEL_MAIN:
	case SPICE_CHANNEL_DISPLAY:
	case SPICE_CHANNEL_INPUTS:
	case SPICE_CHANNEL_CURSOR:
	case SPICE_CHANNEL_PLAYBACK:
	case SPICE_CHANNEL_RECORD:
	case SPICE_CHANNEL_USBREDIR:
	case SPICE_CHANNEL_WEBDAV:
		break;
	default:
		return; /* never connected */
	}
	/* what is told twice, or beyond what we show */
	if (id >= ids_of(type))
		return;
	self->lines =
	    g_slist_prepend(self->lines, spice_line_new(self, channel, type));
	switch (type) {
	case SPICE_CHANNEL_MAIN:
		self->main = SPICE_MAIN_CHANNEL(channel);
		spice_agent_add(self);
		return; /* connected by the session */
	case SPICE_CHANNEL_DISPLAY:
		spice_display_add(self, channel);
		break;
	case SPICE_CHANNEL_INPUTS:
		self->inputs = SPICE_INPUTS_CHANNEL(channel);
		spice_input_add(self, channel);
		break;
	case SPICE_CHANNEL_CURSOR:
		spice_cursor_add(self, channel);
		break;
	case SPICE_CHANNEL_PLAYBACK:
	case SPICE_CHANNEL_RECORD:
		spice_sound_add(self->sound, channel);
		break;
	case SPICE_CHANNEL_USBREDIR:
		spice_usb_channel(self, TRUE);
		return; /* connected for a device, by the library */
	case SPICE_CHANNEL_WEBDAV:
		spice_folder_add(self, channel);
		return; /* connected when there is a folder */
	}
	spice_channel_connect(channel);
}

static void on_channel_destroy(SpiceSession *spice, SpiceChannel *channel,
			       gpointer data)
{
	struct spice_session *self = data;
	for (GSList *l = self->lines; l; l = l->next) {
		struct spice_line *line = l->data;
		if (line->channel != channel)
			continue;
		if (line->type == SPICE_CHANNEL_DISPLAY)
			spice_display_remove(self, channel);
		if (line->type == SPICE_CHANNEL_PLAYBACK ||
		    line->type == SPICE_CHANNEL_RECORD)
			spice_sound_remove(self->sound, channel);
		if (line->type == SPICE_CHANNEL_USBREDIR)
			spice_usb_channel(self, FALSE);
		if (line->type == SPICE_CHANNEL_WEBDAV)
			spice_folder_remove(self, channel);
		if ((gpointer)self->inputs == channel)
			self->inputs = NULL;
		if ((gpointer)self->main == channel)
			self->main = NULL;
		if (spice_line_is_vital(line->type))
			spice_session_end(self, NULL, 0, 0);
		self->lines = g_slist_delete_link(self->lines, l);
		spice_line_free(line);
		return;
	}
}

static gboolean begin(gpointer data)
{
	struct spice_session *self = data;
	if (self->closed)
		return G_SOURCE_REMOVE;
	spice_session_open_fd(self->spice, -1);
	return G_SOURCE_REMOVE;
}

static void release(gpointer data)
{
	self_unref(data);
}

static struct session *spice_open(const struct session_config *config,
				  const struct session_handlers *handlers,
				  void *data)
{
	struct spice_session *self = g_new0(struct spice_session, 1);
	self->base.ops = &spice_session_ops;
	self->references = 2; /* ours and begin's */
	self->handlers = handlers;
	self->data = data;
	self->host = g_strdup(config->host);
	self->port = config->port;
	self->fingerprint = g_strdup(config->fingerprint);
	self->ticket = g_strdup(config->ticket);
	self->secret = g_strdup(config->secret);
	self->cancellable = g_cancellable_new();
	self->sound = spice_sound_new(self);
	self->spice = spice_session_new();
	/* nothing of this computer goes there unasked */
	g_object_set(self->spice, "enable-usbredir", !config->policy.no_usb,
		     "enable-smartcard", FALSE, "enable-audio", TRUE,
		     "shared-dir", NULL, NULL);
	self->policy = config->policy;
	g_signal_connect(self->spice, "channel-new", G_CALLBACK(on_channel_new),
			 self);
	g_signal_connect(self->spice, "channel-destroy",
			 G_CALLBACK(on_channel_destroy), self);
	self->usb = spice_usb_new(self);
	g_idle_add_full(G_PRIORITY_DEFAULT, begin, self, release);
	return &self->base;
}

static void spice_close(struct session *session)
{
	struct spice_session *self = (struct spice_session *)session;
	self->closed = TRUE;
	g_signal_handlers_disconnect_by_data(self->spice, self);
	spice_display_finish(self);
	spice_sound_free(g_steal_pointer(&self->sound));
	spice_usb_free(g_steal_pointer(&self->usb));
	if (self->webdav)
		spice_folder_remove(self, self->webdav);
	for (GSList *l = self->lines; l; l = l->next)
		g_signal_handlers_disconnect_by_data(
		    ((struct spice_line *)l->data)->channel, self);
	spice_session_disconnect(self->spice);
	g_slist_free_full(g_steal_pointer(&self->lines), spice_line_free);
	self->main = NULL;
	self->inputs = NULL;
	g_clear_object(&self->spice);
	self_unref(self);
}

static gboolean spice_can_resize(struct session *session)
{
	struct spice_session *self = (struct spice_session *)session;
	/* what is asked for says of every head whether it is there, so they
	 * have to be known */
	return self->agent && self->heads[0].told;
}

static gboolean spice_sends_keycodes(struct session *session)
{
	return TRUE;
}

const struct session_ops spice_session_ops = {
    .protocol = "spice",
    .title = "SPICE",
    .open = spice_open,
    .close = spice_close,
    .lock_picture = spice_display_lock,
    .unlock_picture = spice_display_unlock,
    .key = spice_input_key,
    .pointer = spice_input_pointer,
    .resize = spice_display_resize,
    .can_resize = spice_can_resize,
    .heads = spice_display_heads,
    .sends_keycodes = spice_sends_keycodes,
    .probe = spice_input_probe,
    .heard_us = spice_lines_heard_us,
    .stats = spice_lines_stats,
    .clipboard_offer = spice_agent_clipboard_offer,
    .clipboard_request = spice_agent_clipboard_request,
    .clipboard_send = spice_agent_clipboard_send,
    .can_send_files = spice_agent_can_send_files,
    .send_files = spice_agent_send_files,
    .usb = spice_usb_list,
    .usb_attach = spice_usb_attach,
    .usb_add_disc = spice_usb_add_disc,
    .folder = spice_folder_state,
    .share_folder = spice_folder_share,
};
