#include "display/film-stream.h"

#include "common/log.h"

/* Frames kept for viewers that are a little late: a tenth of a second. */
#define KEPT 4u
/* Key frames that others ask for cost everyone; more often than this they are
 * made for who asks alone. */
#define KEY_PAUSE_US G_USEC_PER_SEC
/* So long a viewer that could not keep up stays alone. */
#define ALONE_US (3 * G_USEC_PER_SEC)

/* What a worker needs; outlives the stream while a frame is being encoded. */
struct coder {
	enum video_codec codec;
	struct video_encoder *encoder;
};

/* One frame to be encoded. */
struct work {
	struct coder *coder;
	unsigned quality, rate_kbps;
	bool key;
};

struct stream {
	enum video_codec codec;
	struct rect rect;
	unsigned quality;
	bool alone; /* of one viewer */
	unsigned seats;
	struct coder *coder;
	struct job *kept[KEPT]; /* by number */
	bool keys[KEPT];
	guint64 newest; /* number of the last frame begun, from 1 */
	int64_t key_us; /* when the last key frame was asked for */
};

struct film_streams {
	struct jobs *jobs;
	GPtrArray *streams;
};

struct film_seat {
	struct film_streams *streams;
	struct stream *stream;
	guint64 next; /* frame that the viewer needs; 0: a key frame */
	bool begins;  /* with a decoder of its own from there */
	int64_t alone_until_us;
};

/* ---- encoding ---- */

static void coder_clear(void *data)
{
	video_encoder_destroy(((struct coder *)data)->encoder);
}

static void coder_unref(struct coder *coder)
{
	g_atomic_rc_box_release_full(coder, coder_clear);
}

static void work_free(void *data)
{
	struct work *work = data;
	coder_unref(work->coder);
	g_free(work);
}

/* On a worker; one frame of a coder at a time. */
static uint32_t on_frame(void *data, const uint32_t *pixels, unsigned stride_px,
			 unsigned width, unsigned height, GByteArray *out)
{
	const struct work *work = data;
	struct coder *coder = work->coder;
	const struct codec_view view = {pixels, stride_px, width, height};
	g_autoptr(GError) error = NULL;
	bool was_key;
	if (!coder->encoder) {
		const struct video_settings settings = {
		    .codec = coder->codec,
		    .width = width,
		    .height = height,
		    .rate_kbps = work->rate_kbps,
		    .quality = work->quality,
		    .fps = FILM_FPS,
		};
		coder->encoder = video_encoder_create(&settings, &error);
	} else {
		video_encoder_set_rate(coder->encoder, work->rate_kbps,
				       work->quality, FILM_FPS);
	}
	if (coder->encoder && video_encode(coder->encoder, &view, work->key,
					   &was_key, out, &error))
		return was_key ? FILM_KEY : FILM_DELTA;
	struct log_about about = {0};
	log_fault(&about, error);
	g_byte_array_set_size(out, 0);
	return FILM_FAILED;
}

/* ---- streams ---- */

struct film_streams *film_streams_new(struct jobs *jobs)
{
	struct film_streams *self = g_new0(struct film_streams, 1);
	self->jobs = jobs;
	self->streams = g_ptr_array_new();
	return self;
}

void film_streams_free(struct film_streams *self)
{
	if (!self)
		return;
	g_ptr_array_unref(self->streams);
	g_free(self);
}

static struct stream *stream_new(struct film_streams *self,
				 const struct film_wish *wish,
				 const struct rect *rect, bool alone)
{
	struct stream *stream = g_new0(struct stream, 1);
	stream->codec = wish->codec;
	stream->rect = *rect;
	stream->quality = wish->quality;
	stream->alone = alone;
	stream->coder = g_atomic_rc_box_new0(struct coder);
	stream->coder->codec = wish->codec;
	g_ptr_array_add(self->streams, stream);
	return stream;
}

static bool same_rect(const struct rect *a, const struct rect *b)
{
	return a->x == b->x && a->y == b->y && a->w == b->w && a->h == b->h;
}

static bool suits(const struct stream *stream, const struct film_wish *wish,
		  const struct rect *rect, bool alone)
{
	return stream->alone == alone && stream->codec == wish->codec &&
	       same_rect(&stream->rect, rect) &&
	       (alone || stream->quality == wish->quality);
}

static struct job *newest(const struct stream *stream)
{
	return stream->newest ? stream->kept[stream->newest % KEPT] : NULL;
}

static bool busy(const struct stream *stream)
{
	const struct job *job = newest(stream);
	return job && !job_done(job);
}

static bool failed(const struct stream *stream)
{
	const struct job *job = newest(stream);
	return job && job_done(job) && job_outcome(job) == FILM_FAILED;
}

static void begin(struct film_streams *self, struct stream *stream,
		  const struct film_wish *wish, const struct desktop *desktop,
		  bool key, int64_t now_us)
{
	struct work *work = g_new0(struct work, 1);
	work->coder = g_atomic_rc_box_acquire(stream->coder);
	work->quality = wish->quality;
	work->rate_kbps = wish->rate_kbps;
	work->key = key;
	unsigned place = ++stream->newest % KEPT;
	job_unref(stream->kept[place]);
	stream->kept[place] = jobs_begin_own(self->jobs, on_frame, work,
					     work_free, desktop, &stream->rect);
	stream->keys[place] = key;
	if (key)
		stream->key_us = now_us;
}

/* ---- seats ---- */

struct film_seat *film_seat_new(struct film_streams *streams)
{
	struct film_seat *self = g_new0(struct film_seat, 1);
	self->streams = streams;
	return self;
}

static void leave(struct film_seat *self)
{
	struct stream *stream = self->stream;
	self->stream = NULL;
	if (!stream || --stream->seats)
		return;
	g_ptr_array_remove_fast(self->streams->streams, stream);
	for (unsigned i = 0; i < KEPT; i++)
		job_unref(stream->kept[i]);
	coder_unref(stream->coder);
	g_free(stream);
}

void film_seat_free(struct film_seat *self)
{
	if (!self)
		return;
	leave(self);
	g_free(self);
}

void film_seat_renew(struct film_seat *self)
{
	self->next = 0;
	self->begins = true;
}

static void sit(struct film_seat *self, const struct film_wish *wish,
		const struct rect *rect, bool alone)
{
	struct film_streams *streams = self->streams;
	leave(self);
	for (guint i = 0; i < streams->streams->len && !alone; i++) {
		struct stream *stream = streams->streams->pdata[i];
		/* after a failure everyone begins anew */
		if (suits(stream, wish, rect, false) && !failed(stream))
			self->stream = stream;
	}
	if (!self->stream)
		self->stream = stream_new(streams, wish, rect, alone);
	self->stream->seats++;
	film_seat_renew(self);
}

/* Whether the viewer can still be given what it needs. */
static bool can_follow(const struct film_seat *self, int64_t now_us)
{
	const struct stream *stream = self->stream;
	if (stream->alone || !stream->newest)
		return true;
	if (self->next)
		return self->next + KEPT > stream->newest;
	return stream->keys[stream->newest % KEPT] ||
	       now_us - stream->key_us >= KEY_PAUSE_US;
}

bool film_seat_next(struct film_seat *self, const struct film_wish *wish,
		    const struct desktop *desktop, const struct rect *rect,
		    int64_t now_us, struct film_frame *out)
{
	if (wish->rate_kbps)
		self->alone_until_us = now_us + ALONE_US;
	bool alone = now_us < self->alone_until_us;
	if (!self->stream || !suits(self->stream, wish, rect, alone) ||
	    failed(self->stream))
		sit(self, wish, rect, alone);
	if (!can_follow(self, now_us)) {
		self->alone_until_us = now_us + ALONE_US;
		sit(self, wish, rect, true);
	}
	struct stream *stream = self->stream;
	if (!self->next && !stream->alone && stream->newest &&
	    stream->keys[stream->newest % KEPT])
		self->next = stream->newest; /* as good a beginning as any */
	if (!self->next || self->next > stream->newest) {
		if (busy(stream))
			return false;
		begin(self->streams, stream, wish, desktop, !self->next,
		      now_us);
		self->next = stream->newest;
	}
	struct job *job = stream->kept[self->next % KEPT];
	*out = (struct film_frame){
	    .job = job_ref(job),
	    .begins = self->begins,
	    .behind = self->next < stream->newest ||
		      desktop_serial(desktop, rect) != job_frame(job),
	};
	self->begins = false;
	self->next++;
	return true;
}
