/* film.h - the film on a display channel: a stream of H.264 or VP8.
 *
 * Only for clients that decode one of them. Streams of MJPEG would be
 * pictures that a client holds back or drops by its clock; JPEGs drawn at once
 * are the same bytes, so the others get those.
 *
 * A client decodes on a thread of its own, and a frame may be shown after what
 * was drawn later. So before anything else is drawn where the film was, the
 * stream is ended, which drops what the client has not shown.
 *
 * Threads: the main loop's. Units: pixels; ms of multi-media time. */
#pragma once

#include "display/film-stream.h"
#include "display/spice/channel.h"

struct spice_film {
	uint8_t codecs[2]; /* SPICE's, best first; 0: no more */
	struct film_seat *seat;
	bool open;        /* the client has a stream ... */
	uint8_t codec;    /* of this codec ... */
	struct rect rect; /* there */
	bool lost;        /* only a key frame can go on */
	uint32_t streams; /* begun so far */
};

void spice_film_init(struct spice_film *self, struct spice_channel *channel);
void spice_film_finish(struct spice_film *self);
/* PREFERRED_VIDEO_CODEC_TYPE: those of them that are known, in that order. */
void spice_film_prefer(struct spice_film *self, struct reader *body);
/* STREAM_REPORT: a client may find that it cannot decode after all. */
void spice_film_report(struct spice_film *self, struct reader *body);

bool spice_film_can(const struct spice_film *self);
/* The next frame, or NULL: not yet. *behind: it is not the newest. */
struct job *spice_film_begin(struct spice_film *self,
			     struct spice_channel *channel,
			     const struct rect *rect, unsigned quality,
			     unsigned rate_kbps, bool *behind, bool *begins);
/* Sends it. False: the client is not given it, and lacks what is there. */
bool spice_film_send(struct spice_film *self, struct spice_channel *channel,
		     const struct rect *rect, const struct job *job,
		     bool begins);
/* Something else is drawn there next. */
void spice_film_make_way(struct spice_film *self, struct spice_channel *channel,
			 const struct rect *rect);
void spice_film_end(struct spice_film *self, struct spice_channel *channel);
