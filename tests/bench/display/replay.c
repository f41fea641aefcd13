/* replay.c - a recording played: unpacked on a thread, shown by the loop. */
#include "tests/bench/display/replay.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define AHEAD 4u /* frames unpacked before they are due */

/* A frame unpacked, and the tiles in which it truly differs: X tells damage
 * for pixels that stay as they were. */
struct ready {
	uint64_t tiles[TRUTH_TILES / 64];
	uint32_t pixels[];
};

struct replay {
	const struct recording *recording;
	const struct recording_header *header;
	struct truth *truth;
	uint32_t *pixels;
	int fd;
	replay_show show;
	void *data;
	void (*ended)(void *data);
	GMutex lock; /* the framebuffer and the truth */
	bool whole;
	double fps;
	unsigned next, keys;
	uint64_t begun_ns;
	guint timer;
	GThread *thread;
	GAsyncQueue *ready, *spare;
	atomic_bool stop;
};

/* ---- on the thread ---- */

static void compare(const struct replay *self, struct ready *ready,
		    const struct recording_rect *r, const uint32_t *from,
		    uint32_t *shadow)
{
	unsigned columns = truth_columns(self->truth);
	for (unsigned y = r->y; y < r->y + r->h; y++) {
		uint32_t *row = shadow + (size_t)y * self->header->width;
		for (unsigned x = r->x, stop; x < r->x + r->w; x = stop) {
			stop = MIN(r->x + r->w, (x | (TRUTH_TILE - 1)) + 1);
			size_t bytes = (stop - x) * 4u;
			if (memcmp(row + x, from, bytes) != 0) {
				unsigned tile =
				    y / TRUTH_TILE * columns + x / TRUTH_TILE;
				ready->tiles[tile / 64] |= 1ull << tile % 64;
				memcpy(row + x, from, bytes);
			}
			from += stop - x;
		}
	}
}

static void *unpack(void *data)
{
	struct replay *self = data;
	size_t size = (size_t)self->header->width * self->header->height * 4;
	g_autofree uint32_t *shadow = g_malloc(size);
	memcpy(shadow, self->pixels, size);
	for (unsigned i = 1; i < self->header->frames; i++) {
		struct ready *ready = g_async_queue_pop(self->spare);
		if (atomic_load(&self->stop)) {
			g_free(ready);
			break;
		}
		if (!recording_pixels(self->recording, i, ready->pixels))
			g_error("frame %u of the recording is damaged", i);
		memset(ready->tiles, 0, sizeof ready->tiles);
		const struct recording_rect *rects =
		    recording_rects(self->recording, i);
		const uint32_t *from = ready->pixels;
		for (unsigned r = 0;
		     r < recording_frame(self->recording, i)->rects; r++) {
			compare(self, ready, &rects[r], from, shadow);
			from += rects[r].w * rects[r].h;
		}
		g_async_queue_push(self->ready, ready);
	}
	/* stays, so that its CPU time can be told from the others' */
	while (!atomic_load(&self->stop))
		g_free(g_async_queue_pop(self->spare));
	return NULL;
}

/* ---- on the main loop ---- */

static void date(struct replay *self, unsigned tile, uint64_t now)
{
	atomic_store(&self->truth->tile_ns[tile], now);
	atomic_store(&self->truth->changed_ns, now);
}

static uint64_t date_tiles(struct replay *self, const struct ready *ready)
{
	uint64_t now = now_ns();
	for (unsigned tile = 0; tile < TRUTH_TILES; tile++)
		if (ready->tiles[tile / 64] >> tile % 64 & 1)
			date(self, tile, now);
	return now;
}

static void show(struct replay *self, const struct recording_rect *rects,
		 unsigned count)
{
	struct recording_rect all = {0, 0, (uint16_t)self->header->width,
				     (uint16_t)self->header->height};
	self->show(self->data, self->whole ? &all : rects,
		   self->whole ? 1 : count);
}

static void date_row(struct replay *self, const struct recording_rect *rect)
{
	uint64_t now = now_ns();
	unsigned row = rect->y / TRUTH_TILE * truth_columns(self->truth);
	for (unsigned x = rect->x / TRUTH_TILE;
	     x <= (rect->x + rect->w - 1u) / TRUTH_TILE; x++)
		date(self, row + x, now);
}

void replay_key(struct replay *self)
{
	const struct mark *mark = &self->header->key;
	struct recording_rect rect = {
	    mark->x, mark->y, (uint16_t)(mark->block * MARK_BITS), mark->block};
	g_mutex_lock(&self->lock);
	date_row(self, &rect);
	mark_paint(self->pixels, self->header->width, mark, ++self->keys);
	date_row(self, &rect);
	atomic_store(&self->truth->keys, self->keys);
	show(self, &rect, 1);
	g_mutex_unlock(&self->lock);
}

static uint64_t due_ns(struct replay *self, unsigned number)
{
	double ms = self->fps > 0
			? number * 1000.0 / self->fps
			: recording_frame(self->recording, number)->time_ms;
	return self->begun_ns + (uint64_t)(ms * 1e6);
}

static void end(struct replay *self)
{
	atomic_store(&self->truth->finished, 1);
	if (self->ended)
		self->ended(self->data);
}

static gboolean on_rest(gpointer data)
{
	struct replay *self = data;
	self->timer = 0;
	end(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_time(gpointer data);

static void plan(struct replay *self)
{
	uint64_t now = now_ns(), due = due_ns(self, self->next);
	guint wait = due > now ? (guint)((due - now + 999999) / 1000000) : 0;
	self->timer = g_timeout_add(wait, on_time, self);
}

static gboolean on_time(gpointer data)
{
	struct replay *self = data;
	unsigned number = self->next;
	struct ready *ready = g_async_queue_pop(self->ready);
	g_mutex_lock(&self->lock);
	/* before and after: who compares meanwhile must not take the pixels
	 * for older than they are */
	date_tiles(self, ready);
	recording_apply(self->recording, number, ready->pixels, self->pixels,
			self->header->width);
	if (self->keys) /* what is under the key mark stays covered */
		mark_paint(self->pixels, self->header->width,
			   &self->header->key, self->keys);
	uint64_t now = date_tiles(self, ready);
	atomic_store(&self->truth->shown_ns[number], now);
	atomic_store(&self->truth->frame, number);
	show(self, recording_rects(self->recording, number),
	     recording_frame(self->recording, number)->rects);
	g_mutex_unlock(&self->lock);
	g_async_queue_push(self->spare, ready);
	self->timer = 0;
	if (++self->next < self->header->frames)
		plan(self);
	else
		end(self);
	return G_SOURCE_REMOVE;
}

/* ---- life ---- */

static size_t largest(const struct replay *self)
{
	size_t size = 0;
	for (unsigned i = 0; i < self->header->frames; i++)
		size =
		    MAX(size, recording_frame(self->recording, i)->raw_bytes);
	return size + sizeof(struct ready);
}

struct replay *replay_new(const struct recording *recording, const char *truth,
			  int segment, replay_show show_, void *data)
{
	struct replay *self = g_new0(struct replay, 1);
	self->recording = recording;
	self->header = recording_header(recording);
	self->show = show_;
	self->data = data;
	self->truth =
	    truth_create(truth, self->header->width, self->header->height,
			 segment, &self->pixels, &self->fd);
	g_mutex_init(&self->lock);
	self->ready = g_async_queue_new_full(g_free);
	self->spare = g_async_queue_new_full(g_free);
	size_t size = largest(self);
	for (unsigned i = 0; i < AHEAD; i++)
		g_async_queue_push(self->spare, g_malloc(size));
	struct ready *first = g_malloc(size);
	if (!recording_pixels(recording, 0, first->pixels))
		g_error("the recording's first frame is damaged");
	recording_apply(recording, 0, first->pixels, self->pixels,
			self->header->width);
	g_free(first);
	atomic_store(&self->truth->shown_ns[0], now_ns());
	return self;
}

uint32_t *replay_pixels(const struct replay *self)
{
	return self->pixels;
}

int replay_fd(const struct replay *self, size_t *offset)
{
	*offset = TRUTH_PIXELS_AT;
	return self->fd;
}

void replay_start(struct replay *self, double fps, bool whole,
		  void (*ended)(void *data))
{
	if (self->thread)
		return;
	self->fps = fps;
	self->whole = whole;
	self->ended = ended;
	self->next = 1;
	self->thread = g_thread_new("unpack", unpack, self);
	self->begun_ns = now_ns();
	if (self->header->frames > 1)
		plan(self);
	else /* rests as long as it was recorded */
		self->timer =
		    g_timeout_add(self->header->end_ms, on_rest, self);
}

void replay_free(struct replay *self)
{
	if (!self)
		return;
	if (self->timer)
		g_source_remove(self->timer);
	atomic_store(&self->stop, true);
	g_async_queue_push(self->spare, g_malloc(largest(self)));
	if (self->thread)
		g_thread_join(self->thread);
	g_async_queue_unref(self->ready);
	g_async_queue_unref(self->spare);
	munmap(self->truth, TRUTH_PIXELS_AT + (size_t)self->header->width *
						  self->header->height * 4);
	close(self->fd);
	g_mutex_clear(&self->lock);
	g_free(self);
}
