#include "display/recorder.h"

#include <opus.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/fault.h"
#include "display/codec/video-encoder.h"
#include "display/picture.h"
#include "display/webm.h"

/* A still picture is written again after so long, so that nothing is lost to
 * a process that is killed and players need not go far back. */
#define STILL_MS 5000
/* Between pictures that need no other, for jumping. */
#define KEY_MS 10000
/* Rests this often as long as it works. */
#define REST_TIMES 2
/* The longest side that the encoder takes. */
#define SIDE_MAX 4096u
#define SIDE_MIN 16u
/* Room that the index needs at the end. */
#define END_BYTES (256u << 10)
/* Sound: 20 ms a packet; what waits longer than 2 s is left out. */
#define PIECE       (AUDIO_RATE / 50)
#define OPUS_BYTES  1500
#define OPUS_RATE   96000
#define SOUND_QUEUE 200
/* So far a machine's sound may be from the clock before it is set anew. */
#define DRIFT_US 200000
#define NICE     10

enum message_kind { FRAME, SOUND, STOP };

struct message {
	enum message_kind kind;
	gint64 at_us;
	/* FRAME: the pointer's picture, or NULL */
	struct cursor *cursor;
	unsigned x, y;
	/* SOUND */
	int16_t *frames;
	unsigned count;
};

struct recorder {
	struct audio_party party; /* first: ops get a pointer to it */
	struct display *display;
	struct recorder_settings settings;
	char *title;
	recorder_ended ended;
	void *data;
	gint64 began_us, began_unix_us;
	GThread *thread;
	GAsyncQueue *queue;

	/* the main loop's */
	struct damage stale;
	bool dirty, stopping, told;
	gint64 next_us; /* no picture before */
	guint timer, still_timer;

	/* the thread's while `busy`, else the main loop's */
	bool busy;
	uint32_t *pixels;
	unsigned width, height;

	/* the thread's */
	int fd;
	struct webm *file;
	struct video_encoder *encoder;
	unsigned encoder_width, encoder_height;
	OpusEncoder *opus;
	int16_t piece[PIECE * AUDIO_CHANNELS];
	unsigned have;
	gint64 sound_us; /* of the piece's beginning */
	gint64 last_ms, key_ms;
	const char *why; /* NULL: it goes on */
	GError *error;

	GMutex lock; /* of what follows: the thread's news */
	bool frame_done, all_done;
	gint64 took_us;
	gint queued_sound; /* atomic */
};

static void message_free(void *data)
{
	struct message *message = data;
	cursor_free(message->cursor);
	g_free(message->frames);
	g_free(message);
}

/* ---- the thread: pictures ---- */

static void finish(struct recorder *self, const char *why, GError *error)
{
	if (self->why) {
		g_clear_error(&error);
		return;
	}
	self->why = why;
	self->error = error;
}

/* One pixel of a pointer, premultiplied as machines give it. */
static uint32_t over(uint32_t top, uint32_t below)
{
	uint32_t out = 0, rest = 255 - (top >> 24);
	for (unsigned shift = 0; shift < 24; shift += 8) {
		uint32_t sum = (top >> shift & 0xff) +
			       (below >> shift & 0xff) * rest / 255;
		out |= MIN(sum, 255u) << shift;
	}
	return out;
}

/* Draws the pointer, and keeps in *under what was there; or nothing, where it
 * is outside. */
static uint32_t *draw_cursor(struct recorder *self,
			     const struct message *message, struct rect *at)
{
	const struct cursor *cursor = message->cursor;
	gint64 left = (gint64)message->x - cursor->hot_x;
	gint64 top = (gint64)message->y - cursor->hot_y;
	gint64 x0 = MAX(left, 0), y0 = MAX(top, 0);
	gint64 x1 = MIN(left + cursor->width, self->width);
	gint64 y1 = MIN(top + cursor->height, self->height);
	if (x0 >= x1 || y0 >= y1)
		return NULL;
	*at = (struct rect){x0, y0, x1 - x0, y1 - y0};
	uint32_t *under = g_new(uint32_t, (gsize)at->w * at->h);
	for (unsigned y = 0; y < at->h; y++) {
		uint32_t *line =
		    self->pixels + (gsize)(at->y + y) * self->width + at->x;
		const uint32_t *from = cursor->pixels +
				       (y0 - top + y) * cursor->width +
				       (x0 - left);
		memcpy(under + (gsize)y * at->w, line, at->w * 4);
		for (unsigned x = 0; x < at->w; x++) {
			line[x] = over(from[x], line[x]);
		}
	}
	return under;
}

static void undraw_cursor(struct recorder *self, const struct rect *at,
			  const uint32_t *under)
{
	for (unsigned y = 0; y < at->h; y++)
		memcpy(self->pixels + (gsize)(at->y + y) * self->width + at->x,
		       under + (gsize)y * at->w, at->w * 4);
}

/* Larger desktops are recorded smaller. */
static void fit(unsigned *width, unsigned *height)
{
	unsigned side = MAX(*width, *height);
	if (side <= SIDE_MAX)
		return;
	*width = MAX((guint64)*width * SIDE_MAX / side, SIDE_MIN);
	*height = MAX((guint64)*height * SIDE_MAX / side, SIDE_MIN);
}

static bool ready_encoder(struct recorder *self, unsigned width,
			  unsigned height, bool *anew, GError **error)
{
	*anew = !self->encoder || width != self->encoder_width ||
		height != self->encoder_height;
	if (!*anew)
		return true;
	struct video_settings settings = {
	    .codec = VIDEO_VP8,
	    .width = width,
	    .height = height,
	    .rate_kbps = self->settings.rate_kbps,
	    .quality = self->settings.quality,
	    .fps = self->settings.fps,
	};
	video_encoder_destroy(self->encoder);
	self->encoder = video_encoder_create(&settings, error);
	self->encoder_width = width;
	self->encoder_height = height;
	return self->encoder != NULL;
}

static bool ready_file(struct recorder *self, unsigned width, unsigned height,
		       GError **error)
{
	if (self->file)
		return true;
	opus_int32 skip = 0;
	if (self->opus)
		opus_encoder_ctl(self->opus, OPUS_GET_LOOKAHEAD(&skip));
	struct webm_settings settings = {
	    .width = (width + 1) & ~1u,
	    .height = (height + 1) & ~1u,
	    .title = self->title,
	    .began_unix_us = self->began_unix_us,
	    .sound = self->opus != NULL,
	    .skip_frames = skip,
	};
	int fd = self->fd;
	self->fd = -1;
	self->file = webm_new(fd, &settings, error);
	return self->file != NULL;
}

static bool write_picture(struct recorder *self, const struct codec_view *view,
			  gint64 at_ms, GError **error)
{
	bool anew, key;
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	if (!ready_encoder(self, view->width, view->height, &anew, error) ||
	    !ready_file(self, view->width, view->height, error) ||
	    !video_encode(self->encoder, view,
			  anew || at_ms - self->key_ms >= KEY_MS, &key, bytes,
			  error))
		return false;
	if (key)
		self->key_ms = at_ms;
	/* an encoder may leave a picture out: the one before stays */
	return !bytes->len || webm_video(self->file, at_ms, key, bytes->data,
					 bytes->len, error);
}

static void take_frame(struct recorder *self, const struct message *message)
{
	struct rect at;
	GError *error = NULL;
	unsigned width = self->width, height = self->height;
	gint64 at_ms = (message->at_us - self->began_us) / 1000;
	if (width < SIDE_MIN || height < SIDE_MIN)
		return;
	fit(&width, &height);
	g_autofree uint32_t *under =
	    message->cursor ? draw_cursor(self, message, &at) : NULL;
	g_autofree uint32_t *small =
	    width == self->width && height == self->height
		? NULL
		: picture_shrink(self->pixels, self->width, self->height, width,
				 height);
	struct codec_view view = {small ? small : self->pixels, width, width,
				  height};
	/* the clock has microseconds, the file milliseconds */
	self->last_ms = MAX(at_ms, self->last_ms + 1);
	if (!write_picture(self, &view, self->last_ms, &error))
		finish(self, "error", error);
	if (under)
		undraw_cursor(self, &at, under);
}

/* ---- the thread: sound ---- */

static void write_piece(struct recorder *self)
{
	uint8_t packet[OPUS_BYTES];
	GError *error = NULL;
	int size =
	    opus_encode(self->opus, self->piece, PIECE, packet, sizeof packet);
	gint64 at_ms = MAX((self->sound_us - self->began_us) / 1000, 0);
	if (size > 0 && !webm_sound(self->file, at_ms, packet, size, &error))
		finish(self, "error", error);
	self->sound_us += PIECE * G_GINT64_CONSTANT(1000000) / AUDIO_RATE;
	self->have = 0;
}

static void take_sound(struct recorder *self, const struct message *message)
{
	const int16_t *frames = message->frames;
	unsigned count = message->count;
	gint64 here = self->sound_us +
		      self->have * G_GINT64_CONSTANT(1000000) / AUDIO_RATE;
	g_atomic_int_add(&self->queued_sound, -1);
	if (!self->file || !self->opus)
		return;
	if (ABS(message->at_us - here) > DRIFT_US) {
		/* never back into what is written */
		self->sound_us = MAX(message->at_us, self->sound_us);
		self->have = 0;
	}
	while (count && !self->why) {
		unsigned n = MIN(count, PIECE - self->have);
		memcpy(self->piece + self->have * AUDIO_CHANNELS, frames,
		       n * AUDIO_CHANNELS * sizeof *frames);
		self->have += n;
		frames += n * AUDIO_CHANNELS;
		count -= n;
		if (self->have == PIECE)
			write_piece(self);
	}
}

/* ---- the thread ---- */

static void look_at_limits(struct recorder *self, gint64 now_us)
{
	struct statvfs disk;
	if (now_us - self->began_us >=
	    (gint64)self->settings.max_s * G_USEC_PER_SEC)
		finish(self, "time", NULL);
	if (!self->file)
		return;
	if (webm_size(self->file) + END_BYTES > self->settings.max_bytes)
		finish(self, "size", NULL);
	if (fstatvfs(webm_fd(self->file), &disk) == 0 &&
	    (guint64)disk.f_bavail * disk.f_frsize <
		self->settings.min_free_bytes)
		finish(self, "disk", NULL);
}

static gboolean on_news(gpointer data);

static void tell(struct recorder *self, bool frame, gint64 took_us, bool all)
{
	g_mutex_lock(&self->lock);
	self->frame_done = self->frame_done || frame;
	self->took_us = took_us;
	self->all_done = all;
	g_mutex_unlock(&self->lock);
	g_idle_add_full(G_PRIORITY_DEFAULT, on_news, self, NULL);
}

static void end_file(struct recorder *self)
{
	GError *error = NULL;
	gint64 length = MAX((g_get_monotonic_time() - self->began_us) / 1000,
			    self->last_ms);
	if (self->file && !webm_end(self->file, length, &error)) {
		if (self->error)
			g_clear_error(&error);
		else
			self->error = error;
		self->why = "error";
	}
	self->last_ms = length;
}

static gpointer run(gpointer data)
{
	struct recorder *self = data;
	/* of this thread alone: Linux counts each for itself */
	setpriority(PRIO_PROCESS, 0, NICE);
	while (!self->why) {
		struct message *message = g_async_queue_pop(self->queue);
		gint64 begun = g_get_monotonic_time();
		bool frame = message->kind == FRAME;
		if (frame)
			take_frame(self, message);
		else if (message->kind == SOUND)
			take_sound(self, message);
		else
			finish(self, "asked", NULL);
		message_free(message);
		look_at_limits(self, begun);
		if (frame)
			tell(self, true, g_get_monotonic_time() - begun, false);
	}
	end_file(self);
	tell(self, true, 0, true);
	return NULL;
}

/* ---- the main loop ---- */

static void copy_stale(struct recorder *self)
{
	const struct desktop *desktop = display_desktop(self->display);
	unsigned width = desktop_width(desktop);
	unsigned height = desktop_height(desktop);
	const uint32_t *from = desktop_pixels(desktop);
	struct rect rect;
	if (width != self->width || height != self->height) {
		g_free(self->pixels);
		self->pixels = g_new(uint32_t, (gsize)width * height);
		self->width = width;
		self->height = height;
		memcpy(self->pixels, from, (gsize)width * height * 4);
		damage_init(&self->stale, width, height);
		return;
	}
	while (damage_take(&self->stale, NULL, 1024, &rect))
		for (unsigned y = rect.y; y < rect.y + rect.h; y++)
			memcpy(self->pixels + (gsize)y * width + rect.x,
			       from + (gsize)y * width + rect.x, rect.w * 4);
}

static struct cursor *copy_cursor(const struct cursor *cursor)
{
	if (!cursor || !cursor->width)
		return NULL;
	struct cursor *copy = cursor_new(cursor->width, cursor->height);
	copy->hot_x = cursor->hot_x;
	copy->hot_y = cursor->hot_y;
	memcpy(copy->pixels, cursor->pixels,
	       (gsize)cursor->width * cursor->height * 4);
	return copy;
}

static void take_picture(struct recorder *self)
{
	struct message *message = g_new0(struct message, 1);
	copy_stale(self);
	message->kind = FRAME;
	message->at_us = g_get_monotonic_time();
	message->cursor = copy_cursor(display_cursor(self->display));
	display_pointer_place(self->display, &message->x, &message->y);
	self->busy = true;
	self->dirty = false;
	self->next_us = message->at_us + G_USEC_PER_SEC / self->settings.fps;
	g_async_queue_push(self->queue, message);
}

static gboolean on_timer(gpointer data);

static void look(struct recorder *self)
{
	if (!self->dirty || self->busy || self->timer || self->stopping)
		return;
	gint64 wait = self->next_us - g_get_monotonic_time();
	if (wait > 0)
		self->timer = g_timeout_add(wait / 1000 + 1, on_timer, self);
	else
		take_picture(self);
}

static gboolean on_timer(gpointer data)
{
	struct recorder *self = data;
	self->timer = 0;
	look(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_still(gpointer data)
{
	struct recorder *self = data;
	self->dirty = true;
	look(self);
	return G_SOURCE_CONTINUE;
}

static void on_changed(void *data, const struct desktop_change *change)
{
	struct recorder *self = data;
	const struct desktop *desktop = display_desktop(self->display);
	if (desktop_width(desktop) == self->stale.width &&
	    desktop_height(desktop) == self->stale.height)
		damage_join(&self->stale, change->all);
	else
		damage_init(&self->stale, desktop_width(desktop),
			    desktop_height(desktop));
	if (change->laid_out)
		damage_all(&self->stale);
	self->dirty = true;
	look(self);
}

static void on_moved(void *data)
{
	struct recorder *self = data;
	self->dirty = true;
	look(self);
}

static const struct display_watch watch = {.changed = on_changed,
					   .moved = on_moved};

static void on_heard(struct audio_party *party, const int16_t *frames,
		     unsigned count)
{
	struct recorder *self = (struct recorder *)party;
	if (self->stopping ||
	    g_atomic_int_get(&self->queued_sound) >= SOUND_QUEUE)
		return;
	struct message *message = g_new0(struct message, 1);
	message->kind = SOUND;
	message->at_us = g_get_monotonic_time();
	message->frames =
	    g_memdup2(frames, (gsize)count * AUDIO_CHANNELS * sizeof *frames);
	message->count = count;
	g_atomic_int_inc(&self->queued_sound);
	g_async_queue_push(self->queue, message);
}

static const struct audio_ops audio_ops = {.heard = on_heard};

/* No more of the display's news. */
static void let_go(struct recorder *self)
{
	if (self->timer)
		g_source_remove(self->timer);
	if (self->still_timer)
		g_source_remove(self->still_timer);
	self->timer = self->still_timer = 0;
	if (self->stopping)
		return;
	self->stopping = true;
	display_set_watch(self->display, NULL, NULL);
	if (self->party.audio)
		audio_leave(&self->party);
}

static gboolean on_news(gpointer data)
{
	struct recorder *self = data;
	g_mutex_lock(&self->lock);
	bool frame = self->frame_done, all = self->all_done;
	gint64 took = self->took_us;
	self->frame_done = false;
	g_mutex_unlock(&self->lock);
	if (frame && self->busy) {
		self->busy = false;
		self->next_us = MAX(self->next_us,
				    g_get_monotonic_time() + took * REST_TIMES);
	}
	if (!all) {
		look(self);
		return G_SOURCE_REMOVE;
	}
	if (self->told)
		return G_SOURCE_REMOVE;
	self->told = true;
	let_go(self);
	g_thread_join(g_steal_pointer(&self->thread));
	struct recorder_end end = {
	    .why = self->why,
	    .error = self->error,
	    .bytes = self->file ? webm_size(self->file) : 0,
	    .length_ms = self->last_ms,
	};
	self->ended(&end, self->data);
	return G_SOURCE_REMOVE;
}

struct recorder *recorder_new(struct display *display, int fd,
			      const struct recorder_settings *settings,
			      recorder_ended ended, void *data)
{
	struct recorder *self = g_new0(struct recorder, 1);
	self->party.ops = &audio_ops;
	self->display = display;
	self->settings = *settings;
	self->settings.fps = CLAMP(settings->fps, 1, 30);
	self->title = g_strdup(settings->title);
	self->fd = fd;
	self->ended = ended;
	self->data = data;
	self->last_ms = -1;
	self->began_us = g_get_monotonic_time();
	self->began_unix_us = g_get_real_time();
	g_mutex_init(&self->lock);
	self->queue = g_async_queue_new_full(message_free);
	if (settings->sound)
		self->opus = opus_encoder_create(AUDIO_RATE, AUDIO_CHANNELS,
						 OPUS_APPLICATION_AUDIO, NULL);
	if (self->opus) {
		opus_encoder_ctl(self->opus, OPUS_SET_BITRATE(OPUS_RATE));
		audio_join(display_audio(display), &self->party);
	}
	display_set_watch(display, &watch, self);
	self->still_timer = g_timeout_add(STILL_MS, on_still, self);
	self->thread = g_thread_new("recorder", run, self);
	take_picture(self);
	return self;
}

void recorder_stop(struct recorder *self)
{
	if (self->stopping)
		return;
	/* a last picture, so that it ends with what there was */
	if (self->dirty && !self->busy)
		take_picture(self);
	let_go(self);
	struct message *message = g_new0(struct message, 1);
	message->kind = STOP;
	g_async_queue_push(self->queue, message);
}

void recorder_free(struct recorder *self)
{
	if (!self)
		return;
	recorder_stop(self);
	if (self->thread)
		g_thread_join(self->thread);
	while (g_idle_remove_by_data(self))
		;
	webm_free(self->file);
	if (self->fd >= 0)
		close(self->fd);
	video_encoder_destroy(self->encoder);
	if (self->opus)
		opus_encoder_destroy(self->opus);
	g_async_queue_unref(self->queue);
	damage_finish(&self->stale);
	g_mutex_clear(&self->lock);
	g_clear_error(&self->error);
	g_free(self->pixels);
	g_free(self->title);
	g_free(self);
}
