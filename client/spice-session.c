/* The life of a SPICE session: a tunnel for each channel, and one end for all
 * of them. The channel that goes first brings the secret that admits the
 * others. */
#include "client/spice-session.h"

#include <string.h>
#include <unistd.h>

#include "client/spice-tap.h"
#include "common/fault.h"
#include "common/log.h"

/* How a display channel's pictures come; the line's and its tunnel's. */
struct meter {
	gint references; /* atomic */
	GMutex lock;
	struct spice_tap tap; /* under lock */
};

/* A channel and its way to the display. */
struct spice_line {
	struct spice_session *self;
	SpiceChannel *channel;
	GCancellable *cancellable;
	struct tunnel *tunnel; /* NULL: not connected */
	struct meter *meter;   /* of a display channel */
	int type;
};

/* What a connecting thread needs and brings. */
struct connecting {
	struct spice_line *line; /* valid while not cancelled */
	GCancellable *cancellable;
	char *host, *fingerprint, *ticket, *secret;
	guint16 port;
	struct meter *meter;
	struct tunnel *tunnel;
	struct tunnel_answer answer;
	GError *error;
};

static struct meter *meter_ref(struct meter *meter)
{
	if (meter)
		g_atomic_int_inc(&meter->references);
	return meter;
}

static void meter_unref(gpointer data)
{
	struct meter *meter = data;
	if (!meter || !g_atomic_int_dec_and_test(&meter->references))
		return;
	g_mutex_clear(&meter->lock);
	g_free(meter);
}

static struct meter *meter_new(void)
{
	struct meter *meter = g_new0(struct meter, 1);
	meter->references = 1;
	g_mutex_init(&meter->lock);
	return meter;
}

/* A tunnel's thread. */
static void on_seen(const void *bytes, gsize length, void *data)
{
	struct meter *meter = data;
	g_mutex_lock(&meter->lock);
	spice_tap_read(&meter->tap, bytes, length);
	g_mutex_unlock(&meter->lock);
}

static void wipe(char *secret)
{
	if (secret)
		memset(secret, 0, strlen(secret));
	g_free(secret);
}

static void self_unref(struct spice_session *self)
{
	if (!g_atomic_int_dec_and_test(&self->references))
		return;
	g_clear_object(&self->cancellable);
	g_free(self->host);
	g_free(self->fingerprint);
	wipe(self->ticket);
	wipe(self->secret);
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

/* --- a channel's tunnel --------------------------------------------- */

/* Its threads are joined elsewhere: nothing here may wait. */
static gpointer close_tunnel(gpointer data)
{
	tunnel_close(data);
	return NULL;
}

static void close_later(struct tunnel *tunnel)
{
	if (tunnel)
		g_thread_unref(
		    g_thread_new("tunnel-close", close_tunnel, tunnel));
}

static void free_connecting(gpointer data)
{
	struct connecting *work = data;
	close_later(work->tunnel);
	meter_unref(work->meter);
	memset(work->answer.session, 0, sizeof work->answer.session);
	g_clear_object(&work->cancellable);
	g_clear_error(&work->error);
	g_free(work->host);
	g_free(work->fingerprint);
	wipe(work->ticket);
	wipe(work->secret);
	g_free(work);
}

static gboolean is_vital(int type)
{
	return type == SPICE_CHANNEL_MAIN || type == SPICE_CHANNEL_DISPLAY ||
	       type == SPICE_CHANNEL_INPUTS;
}

static gboolean on_connected(gpointer data)
{
	struct connecting *work = data;
	if (g_cancellable_is_cancelled(work->cancellable))
		return G_SOURCE_REMOVE; /* the line is gone */
	struct spice_line *line = work->line;
	struct spice_session *self = line->self;
	if (!work->tunnel) {
		g_autofree char *cause = fault_cause(work->error);
		if (is_vital(line->type))
			spice_session_end(self, g_steal_pointer(&work->error),
					  work->answer.status,
					  work->answer.retry_after_s);
		else
			log_debug(NULL, "SPICE channel %d is not to be had: %s",
				  line->type, cause);
		return G_SOURCE_REMOVE;
	}
	line->tunnel = g_steal_pointer(&work->tunnel);
	if (*work->answer.session) {
		wipe(self->secret);
		self->secret = g_strdup(work->answer.session);
	}
	if (line->type == SPICE_CHANNEL_MAIN && !self->attached) {
		self->attached = TRUE;
		self->handlers->attached(self->secret, self->data);
		if (self->closed)
			return G_SOURCE_REMOVE;
	}
	spice_channel_open_fd(line->channel, tunnel_take_fd(line->tunnel));
	return G_SOURCE_REMOVE;
}

static gpointer connect_tunnel(gpointer data)
{
	struct connecting *work = data;
	struct tunnel_request request = {
	    .host = work->host,
	    .port = work->port,
	    .protocol = "spice",
	    .fingerprint = work->fingerprint,
	    .ticket = work->ticket,
	    .session = work->secret,
	    .both_ways = TRUE,
	    .seen = work->meter ? on_seen : NULL,
	    .data = meter_ref(work->meter),
	    .free_data = meter_unref,
	};
	work->tunnel = tunnel_connect(&request, work->cancellable,
				      &work->answer, &work->error);
	g_idle_add_full(G_PRIORITY_DEFAULT, on_connected, work,
			free_connecting);
	return NULL;
}

static void on_open_fd(SpiceChannel *channel, int tls, gpointer data)
{
	struct spice_line *line = data;
	struct spice_session *self = line->self;
	struct connecting *work = g_new0(struct connecting, 1);
	work->line = line;
	work->cancellable = g_object_ref(line->cancellable);
	work->meter = meter_ref(line->meter);
	work->host = g_strdup(self->host);
	work->port = self->port;
	work->fingerprint = g_strdup(self->fingerprint);
	work->secret = g_strdup(self->secret);
	if (!self->secret)
		work->ticket = g_strdup(self->ticket);
	g_thread_unref(g_thread_new("spice-connect", connect_tunnel, work));
}

static void on_event(SpiceChannel *channel, SpiceChannelEvent event,
		     gpointer data)
{
	struct spice_line *line = data;
	struct spice_session *self = line->self;
	if (event == SPICE_CHANNEL_OPENED || event == SPICE_CHANNEL_NONE ||
	    event == SPICE_CHANNEL_SWITCHING)
		return;
	if (!is_vital(line->type))
		return;
	GError *error = line->tunnel ? tunnel_end_error(line->tunnel) : NULL;
	const GError *theirs = spice_channel_get_error(channel);
	if (!error && event == SPICE_CHANNEL_ERROR_AUTH)
		error = fault_new(FAULT_INVALID,
				  "Tell the administrator; RFB may work: start "
				  "with --protocol=rfb.",
				  "The desktop's display asks for a password");
	else if (!error && event == SPICE_CHANNEL_ERROR_LINK)
		error = fault_new(FAULT_UNAVAILABLE, "Try again.",
				  "The desktop's display refused a channel%s%s",
				  theirs ? ": " : "",
				  theirs ? theirs->message : "");
	spice_session_end(self, error, 0, 0);
}

static void free_line(gpointer data)
{
	struct spice_line *line = data;
	g_cancellable_cancel(line->cancellable);
	g_signal_handlers_disconnect_by_data(line->channel, line);
	g_clear_object(&line->cancellable);
	g_clear_object(&line->channel);
	close_later(line->tunnel);
	meter_unref(line->meter);
	g_free(line);
}

/* --- channels ------------------------------------------------------- */

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
		break;
	default:
		return; /* never connected */
	}
	/* what is told twice, or beyond what we show */
	if ((type == SPICE_CHANNEL_DISPLAY && id >= SESSION_HEADS) ||
	    (type != SPICE_CHANNEL_DISPLAY && id != 0))
		return;
	struct spice_line *line = g_new0(struct spice_line, 1);
	line->self = self;
	line->type = type;
	line->channel = g_object_ref(channel);
	line->cancellable = g_cancellable_new();
	self->lines = g_slist_prepend(self->lines, line);
	g_signal_connect(channel, "open-fd", G_CALLBACK(on_open_fd), line);
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_event), line);
	switch (type) {
	case SPICE_CHANNEL_MAIN:
		self->main = SPICE_MAIN_CHANNEL(channel);
		spice_agent_add(self);
		return; /* connected by the session */
	case SPICE_CHANNEL_DISPLAY:
		line->meter = meter_new();
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
		if ((gpointer)self->inputs == channel)
			self->inputs = NULL;
		if ((gpointer)self->main == channel)
			self->main = NULL;
		if (is_vital(line->type))
			spice_session_end(self, NULL, 0, 0);
		self->lines = g_slist_delete_link(self->lines, l);
		free_line(line);
		return;
	}
}

static gboolean begin(gpointer data)
{
	struct spice_session *self = data;
	if (self->closed)
		return G_SOURCE_REMOVE;
	spice_session_open_fd(self->spice, -1);
	/* while the tunnel is being made: the library looks for plug-ins */
	spice_sound_silence_library(self->spice);
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
	g_object_set(self->spice, "enable-usbredir", FALSE, "enable-smartcard",
		     FALSE, "enable-audio", TRUE, "shared-dir", NULL, NULL);
	spice_sound_silence_library(self->spice);
	g_signal_connect(self->spice, "channel-new", G_CALLBACK(on_channel_new),
			 self);
	g_signal_connect(self->spice, "channel-destroy",
			 G_CALLBACK(on_channel_destroy), self);
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
	for (GSList *l = self->lines; l; l = l->next)
		g_signal_handlers_disconnect_by_data(
		    ((struct spice_line *)l->data)->channel, self);
	spice_session_disconnect(self->spice);
	g_slist_free_full(g_steal_pointer(&self->lines), free_line);
	self->main = NULL;
	self->inputs = NULL;
	g_clear_object(&self->spice);
	self_unref(self);
}

/* --- what the lines know -------------------------------------------- */

static gint64 spice_heard_us(struct session *session)
{
	struct spice_session *self = (struct spice_session *)session;
	gint64 heard = 0;
	for (GSList *l = self->lines; l; l = l->next) {
		struct spice_line *line = l->data;
		struct tunnel_meter meter;
		if (!line->tunnel)
			continue;
		tunnel_read_meter(line->tunnel, &meter);
		heard = MAX(heard, meter.heard_us);
	}
	/* connecting has its own limits; a server that cannot be asked is only
	 * missed by TCP */
	return heard && spice_input_can_probe(self) ? heard
						    : g_get_monotonic_time();
}

static void spice_stats(struct session *session, struct session_stats *stats)
{
	struct spice_session *self = (struct spice_session *)session;
	struct spice_tap sum = {0};
	stats->updates = self->frames;
	for (GSList *l = self->lines; l; l = l->next) {
		struct spice_line *line = l->data;
		struct tunnel_meter meter;
		if (!line->tunnel)
			continue;
		tunnel_read_meter(line->tunnel, &meter);
		stats->bytes_in += meter.bytes_in;
		stats->bytes_out += meter.bytes_out;
		if (line->type != SPICE_CHANNEL_DISPLAY)
			continue;
		stats->rtt_us = meter.rtt_us;
		g_mutex_lock(&line->meter->lock);
		for (int i = 0; i < SPICE_TAP_KINDS; i++) {
			sum.bytes[i] += line->meter->tap.bytes[i];
			/* what is old counts less */
			line->meter->tap.bytes[i] /= 2;
		}
		g_mutex_unlock(&line->meter->lock);
	}
	spice_tap_tell(&sum, stats->encoding, sizeof stats->encoding);
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
    .heard_us = spice_heard_us,
    .stats = spice_stats,
    .clipboard_offer = spice_agent_clipboard_offer,
    .clipboard_request = spice_agent_clipboard_request,
    .clipboard_send = spice_agent_clipboard_send,
    .can_send_files = spice_agent_can_send_files,
    .send_files = spice_agent_send_files,
};
