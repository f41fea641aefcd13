#include "display/spice/film.h"

/* One film at a time has always the same number. */
#define STREAM_ID 0u
/* What a client reports, and how often: only whether it decodes counts, the
 * line is measured by pings. */
#define REPORT_FRAMES 60u
#define REPORT_MS     2000u
/* Without sound there is nothing to wait for: frames are stamped with a time
 * that has passed, which clients show at once. */
#define PAST_MS 500u

/* Behind each frame: the delimiter of the next one, and the beginning of its
 * supplemental information (H.264, 7.3.2.4 and D.1.6: unregistered data).
 * Viewers that cut the stream into frames themselves (GStreamer's parser) hold
 * a frame back until they have seen the next one begin, and a delimiter until
 * they have seen what follows it: without these a film is 66 ms older. */
static const uint8_t next_begins[] = {0,   0,   0,   1,   9,   0xf0, 0,   0,
				      0,   1,   6,   5,   16,  'O',  'r', 'i',
				      'e', 'l', ':', ' ', 'n', 'e',  'x', 't',
				      ' ', 'f', 'r', 'a', 'm', 0x80};

static enum video_codec codec_of(uint8_t codec)
{
	return codec == SPICE_VIDEO_CODEC_TYPE_H264 ? VIDEO_H264 : VIDEO_VP8;
}

static void add_codec(struct spice_film *self, uint8_t codec)
{
	if (!video_codec_available(codec_of(codec)))
		return;
	for (guint i = 0; i < G_N_ELEMENTS(self->codecs); i++) {
		if (self->codecs[i] == codec)
			return;
		if (!self->codecs[i]) {
			self->codecs[i] = codec;
			return;
		}
	}
}

void spice_film_init(struct spice_film *self, struct spice_channel *channel)
{
	if (!spice_channel_can(channel, SPICE_DISPLAY_CAP_MULTI_CODEC))
		return;
	if (spice_channel_can(channel, SPICE_DISPLAY_CAP_CODEC_H264))
		add_codec(self, SPICE_VIDEO_CODEC_TYPE_H264);
	if (spice_channel_can(channel, SPICE_DISPLAY_CAP_CODEC_VP8))
		add_codec(self, SPICE_VIDEO_CODEC_TYPE_VP8);
}

void spice_film_finish(struct spice_film *self)
{
	g_clear_pointer(&self->seat, film_seat_free);
}

void spice_film_prefer(struct spice_film *self, struct reader *body)
{
	uint8_t had[2] = {self->codecs[0], self->codecs[1]};
	unsigned count = take8(body);
	self->codecs[0] = self->codecs[1] = 0;
	for (unsigned i = 0; i < count && !body->bad; i++) {
		uint8_t codec = take8(body);
		if (codec && (codec == had[0] || codec == had[1]))
			add_codec(self, codec);
	}
	for (unsigned i = 0; i < 2; i++)
		if (had[i])
			add_codec(self, had[i]);
}

void spice_film_report(struct spice_film *self, struct reader *body)
{
	uint32_t stream = take32(body), number = take32(body);
	take32(body);
	take32(body);
	uint32_t frames = take32(body), drops = take32(body);
	take32(body);
	take32(body);
	if (body->bad || stream != STREAM_ID || frames || drops != UINT32_MAX ||
	    !self->open || (number && number != self->streams))
		return;
	self->codecs[0] = self->codecs[1];
	self->codecs[1] = 0;
	self->lost = true;
}

bool spice_film_can(const struct spice_film *self)
{
	return self->codecs[0];
}

/* ---- frames ---- */

struct job *spice_film_begin(struct spice_film *self,
			     struct spice_channel *channel,
			     const struct rect *rect, unsigned quality,
			     unsigned rate_kbps, bool *behind, bool *begins)
{
	struct display *display = spice_server_display(channel->server);
	const struct film_wish wish = {
	    .codec = codec_of(self->codecs[0]),
	    .quality = quality,
	    .rate_kbps = rate_kbps,
	};
	struct film_frame frame;
	if (!self->seat)
		self->seat = film_seat_new(display_film_streams(display));
	if (!film_seat_next(self->seat, &wish, display_desktop(display), rect,
			    g_get_monotonic_time(), &frame))
		return NULL;
	*behind = frame.behind;
	*begins = frame.begins;
	return frame.job;
}

static bool same(const struct rect *a, const struct rect *b)
{
	return a->x == b->x && a->y == b->y && a->w == b->w && a->h == b->h;
}

static void create(struct spice_film *self, struct spice_channel *channel,
		   const struct rect *rect)
{
	unsigned width = (rect->w + 1) & ~1u, height = (rect->h + 1) & ~1u;
	self->open = true;
	self->codec = self->codecs[0];
	self->rect = *rect;
	self->lost = false;
	self->streams++;
	GByteArray *out =
	    spice_channel_begin(channel, SPICE_MSG_DISPLAY_STREAM_CREATE);
	put32(out, 0); /* the shown surface */
	put32(out, STREAM_ID);
	put8(out, SPICE_STREAM_FLAGS_TOP_DOWN);
	put8(out, self->codec);
	put64(out, 0);
	put32(out, width);
	put32(out, height);
	put32(out, width);
	put32(out, height);
	put_rect(out, rect);
	put8(out, SPICE_CLIP_TYPE_NONE);
	spice_channel_end(channel);
	if (!spice_channel_can(channel, SPICE_DISPLAY_CAP_STREAM_REPORT))
		return;
	out = spice_channel_begin(channel,
				  SPICE_MSG_DISPLAY_STREAM_ACTIVATE_REPORT);
	put32(out, STREAM_ID);
	put32(out, self->streams);
	put32(out, REPORT_FRAMES);
	put32(out, REPORT_MS);
	spice_channel_end(channel);
}

static void destroy(struct spice_film *self, struct spice_channel *channel)
{
	if (!self->open)
		return;
	self->open = false;
	put32(spice_channel_begin(channel, SPICE_MSG_DISPLAY_STREAM_DESTROY),
	      STREAM_ID);
	spice_channel_end(channel);
}

bool spice_film_send(struct spice_film *self, struct spice_channel *channel,
		     const struct rect *rect, const struct job *job,
		     bool begins)
{
	const GByteArray *bytes = job_bytes(job);
	uint32_t outcome = job_outcome(job);
	if (outcome == FILM_FAILED) {
		self->codecs[0] = self->codecs[1] = 0;
		spice_film_end(self, channel);
		return false;
	}
	if ((begins || self->lost || !self->open) && outcome != FILM_KEY) {
		/* it was on its way when its stream ended */
		if (self->seat)
			film_seat_renew(self->seat);
		return false;
	}
	if (begins || self->lost || !same(&self->rect, rect))
		destroy(self, channel);
	if (!self->open)
		create(self, channel, rect);
	/* with sound the client's clock is what it hears */
	bool sound = spice_playback_runs(channel->client->playback);
	GByteArray *out =
	    spice_channel_begin(channel, SPICE_MSG_DISPLAY_STREAM_DATA);
	put32(out, STREAM_ID);
	put32(out, spice_client_now_ms() - (sound ? 0 : PAST_MS));
	bool ends = self->codec == SPICE_VIDEO_CODEC_TYPE_H264;
	put32(out, bytes->len + (ends ? sizeof next_begins : 0));
	g_byte_array_append(out, bytes->data, bytes->len);
	if (ends)
		g_byte_array_append(out, next_begins, sizeof next_begins);
	spice_channel_end(channel);
	return true;
}

void spice_film_end(struct spice_film *self, struct spice_channel *channel)
{
	if (!self->open)
		return;
	destroy(self, channel);
	self->lost = true;
	if (self->seat)
		film_seat_renew(self->seat);
}

void spice_film_make_way(struct spice_film *self, struct spice_channel *channel,
			 const struct rect *rect)
{
	struct rect common;
	if (self->open && rect_intersect(&self->rect, rect, &common))
		spice_film_end(self, channel);
}
