/* session-spice.c - the same viewer over SPICE: spice-client-glib as everybody
 * has it, without a window. Linked in place of session.c.
 *
 * The library lives in this thread's main context, which runs while the bench
 * waits; keys of another thread are handed over to it. */
#include <spice-client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/display/session.h"

#define KEY_A 30u /* the bench types no other */

struct rect {
	unsigned x, y, w, h;
};

struct session {
	SpiceSession *spice;
	SpiceInputsChannel *inputs;
	GPtrArray *channels; /* not owned */
	const uint8_t *surface;
	unsigned stride, width, height;
	uint32_t *pixels; /* the surface's, 0x00RRGGBB */
	GArray *changed;  /* struct rect */
	bool ended;
};

static void note(struct session *self, unsigned x, unsigned y, unsigned w,
		 unsigned h)
{
	if (x > self->width || y > self->height || w > self->width - x ||
	    h > self->height - y)
		die("an area outside of the screen");
	for (unsigned row = y; row < y + h; row++) {
		const uint32_t *from =
		    (const void *)(self->surface + (size_t)row * self->stride);
		uint32_t *to = self->pixels + (size_t)row * self->width;
		for (unsigned i = x; i < x + w; i++)
			to[i] = from[i] & 0xffffff;
	}
	struct rect rect = {x, y, w, h};
	g_array_append_val(self->changed, rect);
}

static void on_primary(SpiceChannel *channel, int format, int width, int height,
		       int stride, int shm, gpointer pixels, gpointer data)
{
	struct session *self = data;
	if (format != SPICE_SURFACE_FMT_32_xRGB || width <= 0 || height <= 0)
		die("a surface of format %d, %d x %d", format, width, height);
	self->surface = pixels;
	self->stride = (unsigned)stride;
	self->width = (unsigned)width;
	self->height = (unsigned)height;
	g_free(self->pixels);
	self->pixels = g_new0(uint32_t, (size_t)width * (size_t)height);
	g_array_set_size(self->changed, 0);
	note(self, 0, 0, self->width, self->height);
}

static void on_primary_gone(SpiceChannel *channel, gpointer data)
{
	struct session *self = data;
	self->surface = NULL;
}

static void on_invalidate(SpiceChannel *channel, int x, int y, int w, int h,
			  gpointer data)
{
	struct session *self = data;
	if (self->surface)
		note(self, (unsigned)x, (unsigned)y, (unsigned)w, (unsigned)h);
}

static void on_event(SpiceChannel *channel, SpiceChannelEvent event,
		     gpointer data)
{
	struct session *self = data;
	if (event != SPICE_CHANNEL_OPENED)
		self->ended = true;
}

static void on_channel(SpiceSession *spice, SpiceChannel *channel,
		       gpointer data)
{
	struct session *self = data;
	g_signal_connect(channel, "channel-event", G_CALLBACK(on_event), self);
	if (SPICE_IS_DISPLAY_CHANNEL(channel)) {
		g_signal_connect(channel, "display-primary-create",
				 G_CALLBACK(on_primary), self);
		g_signal_connect(channel, "display-primary-destroy",
				 G_CALLBACK(on_primary_gone), self);
		g_signal_connect(channel, "display-invalidate",
				 G_CALLBACK(on_invalidate), self);
	} else if (SPICE_IS_INPUTS_CHANNEL(channel)) {
		self->inputs = SPICE_INPUTS_CHANNEL(channel);
	} else if (!SPICE_IS_MAIN_CHANNEL(channel) &&
		   !SPICE_IS_CURSOR_CHANNEL(channel)) {
		return;
	}
	g_ptr_array_add(self->channels, channel);
	if (!SPICE_IS_MAIN_CHANNEL(channel))
		spice_channel_connect(channel);
}

static void take_ticket(SpiceSession *spice, const char *ticket_file)
{
	g_autofree char *ticket = NULL;
	if (!g_file_get_contents(ticket_file, &ticket, NULL, NULL))
		die("no ticket in %s", ticket_file);
	g_object_set(spice, "password", g_strchomp(ticket), NULL);
}

struct session *session_open(const char *address, const char *profile,
			     const char *ticket_file)
{
	struct session *self = g_new0(struct session, 1);
	g_autofree char *uri = g_strconcat(
	    address[0] == '/' ? "spice+unix://" : "spice://", address, NULL);
	self->channels = g_ptr_array_new();
	self->changed = g_array_new(FALSE, FALSE, sizeof(struct rect));
	self->spice = spice_session_new();
	g_object_set(self->spice, "uri", uri, "enable-audio", FALSE,
		     "enable-usbredir", FALSE, "enable-smartcard", FALSE, NULL);
	if (ticket_file)
		take_ticket(self->spice, ticket_file);
	g_signal_connect(self->spice, "channel-new", G_CALLBACK(on_channel),
			 self);
	if (!spice_session_connect(self->spice))
		die("the SPICE session does not begin");
	gint64 until = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	while ((!self->pixels || !self->inputs) && !self->ended)
		if (!session_ready(self, 100) && g_get_monotonic_time() > until)
			die("no screen came over SPICE");
	return self;
}

void session_close(struct session *self)
{
	g_signal_handlers_disconnect_by_data(self->spice, self);
	for (unsigned i = 0; i < self->channels->len; i++)
		g_signal_handlers_disconnect_by_data(self->channels->pdata[i],
						     self);
	spice_session_disconnect(self->spice);
	g_object_unref(self->spice);
	g_ptr_array_unref(self->channels);
	g_array_unref(self->changed);
	g_free(self->pixels);
	g_free(self);
}

static gboolean on_time(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

bool session_ready(struct session *self, int ms)
{
	bool late = false;
	guint timer = g_timeout_add((guint)ms, on_time, &late);
	while (!late && !self->ended && !self->changed->len)
		g_main_context_iteration(NULL, TRUE);
	if (!late)
		g_source_remove(timer);
	if (self->ended)
		die("the SPICE session ended");
	/* what has come belongs to the same update */
	for (unsigned i = 0; i < 64 && g_main_context_iteration(NULL, FALSE);)
		i++;
	return self->changed->len > 0;
}

bool session_message(struct session *self,
		     void (*on_rect)(void *data, unsigned x, unsigned y,
				     unsigned w, unsigned h, int32_t encoding),
		     void *data)
{
	for (unsigned i = 0; i < self->changed->len; i++) {
		const struct rect *rect =
		    &g_array_index(self->changed, struct rect, i);
		on_rect(data, rect->x, rect->y, rect->w, rect->h, 0);
	}
	bool some = self->changed->len > 0;
	g_array_set_size(self->changed, 0);
	return some;
}

void session_ask_all(struct session *self)
{
}

struct key {
	struct session *self;
	bool down;
};

static gboolean on_key(gpointer data)
{
	struct key *key = data;
	if (key->down)
		spice_inputs_channel_key_press(key->self->inputs, KEY_A);
	else
		spice_inputs_channel_key_release(key->self->inputs, KEY_A);
	return G_SOURCE_REMOVE;
}

void session_key(struct session *self, uint32_t keysym, bool down)
{
	struct key *key = g_new(struct key, 1);
	*key = (struct key){self, down};
	g_main_context_invoke_full(NULL, G_PRIORITY_HIGH, on_key, key, g_free);
}

uint64_t session_received(struct session *self)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < self->channels->len; i++) {
		gulong bytes = 0;
		g_object_get(self->channels->pdata[i], "total-read-bytes",
			     &bytes, NULL);
		sum += bytes;
	}
	return sum;
}

const uint32_t *session_pixels(struct session *self)
{
	return self->pixels;
}

unsigned session_width(const struct session *self)
{
	return self->width;
}

unsigned session_refused(const struct session *self)
{
	return 0;
}

const unsigned *session_counts(const struct session *self)
{
	static const unsigned none[SESSION_COUNTS];
	return none;
}
