/* A SPICE channel's way to the display: a tunnel, connected on a thread and
 * handed to the library as a descriptor. The channel that goes first (main)
 * brings the secret that admits the others. */
#include "client/spice-line.h"

#include <string.h>

#include "client/film-decoders.h"
#include "client/secret.h"
#include "client/spice-tap.h"
#include "common/fault.h"
#include "common/log.h"

/* How a display channel's pictures come; the line's and its tunnel's. */
struct meter {
	gint references; /* atomic */
	GMutex lock;
	struct spice_tap tap; /* under lock */
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
	explicit_bzero(work->answer.session, sizeof work->answer.session);
	g_clear_object(&work->cancellable);
	g_clear_error(&work->error);
	g_free(work->host);
	g_free(work->fingerprint);
	secret_clear(&work->ticket);
	secret_clear(&work->secret);
	g_free(work);
}

gboolean spice_line_is_vital(int type)
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
		if (spice_line_is_vital(line->type))
			spice_session_end(self, g_steal_pointer(&work->error),
					  work->answer.status,
					  work->answer.retry_after_s);
		else
			log_debug(NULL, "SPICE channel %d is not to be had: %s",
				  line->type, cause);
		return G_SOURCE_REMOVE;
	}
	/* some channels are opened again and again */
	close_later(line->tunnel);
	line->tunnel = g_steal_pointer(&work->tunnel);
	if (*work->answer.session)
		secret_set(&self->secret, work->answer.session);
	if (line->type == SPICE_CHANNEL_MAIN && !self->attached) {
		self->attached = TRUE;
		spice_sound_silence_library(self->spice);
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
	/* from its first message on the library wants to decode films, and
	 * would hold the main thread until it can */
	if (work->tunnel)
		film_decoders_wait();
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
	if (!spice_line_is_vital(line->type))
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

struct spice_line *spice_line_new(struct spice_session *self,
				  SpiceChannel *channel, int type)
{
	struct spice_line *line = g_new0(struct spice_line, 1);
	line->self = self;
	line->type = type;
	line->channel = g_object_ref(channel);
	line->cancellable = g_cancellable_new();
	if (type == SPICE_CHANNEL_DISPLAY)
		line->meter = meter_new();
	g_signal_connect(channel, "open-fd", G_CALLBACK(on_open_fd), line);
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_event), line);
	return line;
}

void spice_line_free(gpointer data)
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

/* --- what the lines know -------------------------------------------- */

gint64 spice_lines_heard_us(struct session *session)
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

void spice_lines_stats(struct session *session, struct session_stats *stats)
{
	struct spice_session *self = (struct spice_session *)session;
	struct spice_tap sum = {0};
	stats->updates = self->frames;
	stats->sound_ms = spice_sound_delay_ms(self->sound);
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
