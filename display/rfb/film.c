/* Open H.264 (rfbproto.rst, encoding 50): one stream for the rectangle in
 * which a film plays (film-stream.h). Every frame is read when it is its turn,
 * and refers to the one before it, which the client has: frames that a line
 * has no room for are never encoded. A client that asks for everything anew
 * gets a key frame, with the order to forget what it had. */
#include <string.h>

#include "display/rfb/client.h"

/* Flags of the encoding: forget the rectangle's decoder, or all of them. */
#define RESET_THIS 1u
#define RESET_ALL  2u

void rfb_film_drop(struct rfb_client *self)
{
	g_clear_pointer(&self->film, film_seat_free);
}

void rfb_film_renew(struct rfb_client *self)
{
	if (self->film)
		film_seat_renew(self->film);
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

struct job *rfb_film_begin(struct rfb_client *self, const struct rect *rect,
			   bool *begins)
{
	struct display *display = rfb_server_display(self->server);
	struct film_wish wish = {.codec = VIDEO_H264};
	struct film_frame frame;
	int quality = rfb_jpeg_quality(self->quality_level);
	/* A line that is not full has not shown what it carries; one that is
	 * full of other things may still carry the film with ease. */
	guint64 carries = pacer_rate(&self->pacer) * 7 / 10;
	guint64 takes = (guint64)rect->w * rect->h / 1024 *
			self->cost[VIEW_FILM] * FILM_FPS;
	if (self->quality < quality && carries < takes * 2) {
		quality = self->quality;
		wish.rate_kbps = (unsigned)CLAMP(carries / 125, 1, 1000000);
	}
	wish.quality = (unsigned)CLAMP(quality, 1, 100);
	if (!self->film)
		self->film = film_seat_new(display_film_streams(display));
	if (!film_seat_next(self->film, &wish, display_desktop(display), rect,
			    g_get_monotonic_time(), &frame))
		return NULL;
	if (frame.behind)
		view_add(&self->view, rect);
	*begins = frame.begins;
	return frame.job;
}

bool rfb_film_frame(struct rfb_client *self, const struct job *job,
		    const struct rect *rect, bool begins)
{
	const GByteArray *bytes = job_bytes(job);
	uint8_t head[8];
	if (job_outcome(job) == FILM_FAILED) {
		/* as if it knew no H.264: pictures from now on */
		self->can_h264 = false;
		self->view.film = (struct rect){0};
		return false;
	}
	rfb_put32(head, bytes->len);
	rfb_put32(head + 4, begins ? RESET_THIS | RESET_ALL : 0);
	rfb_frame(RFB_ENC_H264, rect->x, rect->y, rect->w, rect->h, head,
		  sizeof head, &self->streams, self->line.out);
	g_byte_array_append(self->line.out, bytes->data, bytes->len);
	return true;
}
