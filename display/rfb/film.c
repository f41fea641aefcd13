/* Open H.264 (rfbproto.rst, encoding 50): one stream for the rectangle in
 * which a film plays. Every frame is read when it is its turn, encoded on a
 * worker, and refers to the one before it, which the client has: frames that
 * a line has no room for are never encoded. The stream belongs to the client,
 * since how fast and how fine it is follows the client's line. */
#include <string.h>

#include "common/log.h"
#include "display/codec/video-encoder.h"
#include "display/rfb/client.h"

/* Flags of the encoding: forget the rectangle's decoder, or all of them. */
#define RESET_THIS 1u
#define RESET_ALL  2u

/* Shared with the worker that encodes its one frame in flight. */
struct rfb_film {
	struct rect rect;
	/* written between frames, read by the worker */
	unsigned rate_kbps, quality;
	/* the worker's */
	struct video_encoder *encoder;
	bool failed;
};

static void film_clear(void *data)
{
	struct rfb_film *self = data;
	video_encoder_destroy(self->encoder);
}

void rfb_film_drop(struct rfb_client *self)
{
	if (self->film)
		g_atomic_rc_box_release_full(self->film, film_clear);
	self->film = NULL;
}

static void unref(void *data)
{
	g_atomic_rc_box_release_full(data, film_clear);
}

/* On a worker. An outcome of 0: it went wrong. */
static uint32_t on_frame(void *data, const uint32_t *pixels, unsigned stride_px,
			 unsigned width, unsigned height, GByteArray *out)
{
	struct rfb_film *self = data;
	g_autoptr(GError) error = NULL;
	struct codec_view view = {pixels, stride_px, width, height};
	bool fresh = !self->encoder;
	if (fresh) {
		struct video_settings settings = {
		    .codec = VIDEO_H264,
		    .width = width,
		    .height = height,
		    .rate_kbps = self->rate_kbps,
		    .quality = self->quality,
		    .fps = 30,
		};
		self->encoder = video_encoder_create(&settings, &error);
	} else {
		video_encoder_set_rate(self->encoder, self->rate_kbps,
				       self->quality, 30);
	}
	guint at = out->len;
	g_byte_array_set_size(out, at + 8);
	if (!self->encoder ||
	    !video_encode(self->encoder, &view, fresh, NULL, out, &error)) {
		struct log_about about = {0};
		log_fault(&about, error);
		g_byte_array_set_size(out, at);
		self->failed = true;
		return 0;
	}
	rfb_put32(out->data + at, out->len - at - 8);
	rfb_put32(out->data + at + 4, fresh ? RESET_THIS | RESET_ALL : 0);
	return RFB_ENC_H264 | RFB_OUTCOME_LOSSY;
}

static bool same(const struct rect *a, const struct rect *b)
{
	return a->x == b->x && a->y == b->y && a->w == b->w && a->h == b->h;
}

void rfb_film_follow(struct rfb_client *self, const struct rect *within)
{
	const struct rect *at = display_film(rfb_server_display(self->server));
	struct rect none = {0};
	struct rect shown;
	if (self->can_h264 && at && at->x + at->w <= self->width &&
	    at->y + at->h <= self->height &&
	    rect_intersect(at, within, &shown) && same(&shown, at))
		self->view.film = *at;
	else
		self->view.film = none;
}

struct job *rfb_film_begin(struct rfb_client *self, const struct rect *rect)
{
	struct display *display = rfb_server_display(self->server);
	int most = rfb_jpeg_quality(self->quality_level);
	if (self->film && !same(&self->film->rect, rect))
		rfb_film_drop(self);
	if (!self->film) {
		self->film = g_atomic_rc_box_new0(struct rfb_film);
		self->film->rect = *rect;
	}
	/* a line that is not full has not shown what it carries */
	bool tight = self->quality < most;
	self->film->rate_kbps =
	    tight ? (unsigned)MIN(pacer_rate(&self->pacer) / 125 * 7 / 10,
				  1000000)
		  : 0;
	self->film->quality = (unsigned)CLAMP(self->quality, 1, 100);
	return jobs_begin_own(display_jobs(display), on_frame,
			      g_atomic_rc_box_acquire(self->film), unref,
			      display_desktop(display), rect);
}

bool rfb_film_worked(struct rfb_client *self, const struct job *job)
{
	if (job_outcome(job))
		return true;
	/* as if it knew no H.264: pictures from now on */
	self->can_h264 = false;
	self->view.film = (struct rect){0};
	return false;
}
