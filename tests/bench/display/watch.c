/* display-watch - measures what a viewer sees while a recording is played.
 *
 *   display-watch ADDRESS PROFILE RECORDING TRUTH [KEYS_SEED [TICKET_FILE]]
 *
 * Takes the first picture, says "ready", watches until the source has shown
 * all frames and the picture is exact (or 1.5 s have passed), and prints one
 * line of JSON. Keys are pressed all along, each 60 to 140 ms after the last
 * was answered; seed 0 presses none. PROFILE: see session.h. With a file in
 * $DISPLAY_WATCH_KEYS each key's ns of CLOCK_MONOTONIC go there: when it was
 * pressed, and when its answer was shown.
 *
 * A frame is shown when, at the end of an update, all its marks are: its age
 * is the time since the source had it. "oldest" is how long the picture was
 * behind at worst: the time since the first frame that was not shown yet. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/display/figures.h"
#include "tests/bench/display/quality.h"
#include "tests/bench/display/session.h"
#include "tests/bench/display/truth.h"

#define SNAPSHOTS   5u
#define RESTED_NS   150000000ull /* the promise: exact by then */
#define LOOK_NS     50000000ull
#define SHOWN_NS    10000000000ull
#define EXACT_NS    1500000000ull /* ten times the promise: never */
#define KEY_LOST_NS 3000000000ull

static struct {
	struct session *session;
	struct recording *recording;
	const struct recording_header *header;
	const struct truth *truth;
	const uint32_t *want; /* the source's picture */
	unsigned tiles, columns;
	int shown;       /* frame */
	uint64_t unread; /* updates without legible marks */
	struct figures age, oldest, keys;
	unsigned lost_keys;
	/* what rests must be exact: by tile */
	uint64_t known_exact[TRUTH_TILES]; /* as of its tile_ns */
	double inexact_ms;
	uint64_t next_look;
	struct quality *quality;
} self;

/* Keys are pressed by a thread of their own: a viewer that waits for a long
 * update still types. */
static struct {
	GMutex lock;
	GCond answered;
	GThread *thread;
	GRand *chance;
	unsigned pressed, seen; /* seen: pressed, once that is answered */
	int mark;               /* shown now, and */
	int before;             /* when the key was pressed */
	uint64_t pressed_ns;
	FILE *trace;
	bool stop;
} keys;

static void *press_keys(void *data)
{
	g_mutex_lock(&keys.lock);
	while (!keys.stop) {
		gint64 pause = 60000 + g_rand_int_range(keys.chance, 0, 80000);
		gint64 until = g_get_monotonic_time() + pause;
		while (!keys.stop &&
		       g_cond_wait_until(&keys.answered, &keys.lock, until))
			;
		if (keys.stop)
			break;
		keys.pressed++;
		keys.pressed_ns = now_ns();
		keys.before = keys.mark;
		session_key(self.session, 'a', true);
		session_key(self.session, 'a', false);
		until = g_get_monotonic_time() + KEY_LOST_NS / 1000;
		while (!keys.stop && keys.seen < keys.pressed)
			if (!g_cond_wait_until(&keys.answered, &keys.lock,
					       until)) {
				self.lost_keys++;
				figures_add(&self.keys, KEY_LOST_NS / 1e6);
				break;
			}
	}
	g_mutex_unlock(&keys.lock);
	return NULL;
}

static void look_for_key(uint64_t now)
{
	int got = mark_read(session_pixels(self.session),
			    session_width(self.session), &self.header->key);
	g_mutex_lock(&keys.lock);
	if (got >= 0 && atomic_load(&self.truth->keys))
		keys.mark = got;
	if (keys.mark != keys.before && keys.seen < keys.pressed) {
		if (now - keys.pressed_ns < KEY_LOST_NS)
			figures_add(&self.keys,
				    (double)(now - keys.pressed_ns) / 1e6);
		if (keys.trace)
			fprintf(keys.trace,
				"%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
				keys.pressed_ns, now);
		keys.seen = keys.pressed;
		g_cond_signal(&keys.answered);
	}
	g_mutex_unlock(&keys.lock);
}

/* ---- frames ---- */

static void look_for_frame(uint64_t now)
{
	int frame = MARK_MAX;
	for (unsigned i = 0; i < RECORDING_MARKS; i++) {
		const struct mark *mark = &self.header->marks[i];
		if (!mark->block)
			continue;
		int got = mark_read(session_pixels(self.session),
				    session_width(self.session), mark);
		frame = MIN(frame, got);
	}
	if (frame < 0) {
		self.unread++;
		return;
	}
	if (frame <= self.shown || frame >= (int)self.header->frames)
		return;
	uint64_t came = atomic_load(&self.truth->shown_ns[frame]);
	uint64_t missed = atomic_load(&self.truth->shown_ns[self.shown + 1]);
	if (came)
		figures_add(&self.age, (double)(now - came) / 1e6);
	if (missed)
		figures_add(&self.oldest, (double)(now - missed) / 1e6);
	self.shown = frame;
	quality_look(self.quality, (unsigned)frame,
		     (unsigned)atomic_load(&self.truth->frame),
		     session_pixels(self.session));
}

/* ---- exactness ---- */

static bool tile_exact(unsigned tile)
{
	unsigned x = tile % self.columns * TRUTH_TILE;
	unsigned top = tile / self.columns * TRUTH_TILE;
	unsigned w = MIN(TRUTH_TILE, self.header->width - x);
	unsigned bottom = MIN(top + TRUTH_TILE, self.header->height);
	for (unsigned y = top; y < bottom; y++) {
		size_t at = (size_t)y * self.header->width + x;
		if (memcmp(session_pixels(self.session) + at, self.want + at,
			   w * 4) != 0)
			return false;
	}
	return true;
}

static void on_rect(void *data, unsigned x, unsigned y, unsigned w, unsigned h,
		    int32_t encoding)
{
	if (!w || !h || x + w > self.header->width ||
	    y + h > self.header->height)
		return;
	for (unsigned row = y / TRUTH_TILE; row <= (y + h - 1) / TRUTH_TILE;
	     row++)
		for (unsigned column = x / TRUTH_TILE;
		     column <= (x + w - 1) / TRUTH_TILE; column++)
			self.known_exact[row * self.columns + column] = 0;
}

/* Tiles whose source has rested for RESTED_NS and that still differ: how long
 * has the longest of them waited? */
static void look_at_rested(uint64_t now)
{
	if (now < self.next_look)
		return;
	self.next_look = now + LOOK_NS;
	for (unsigned tile = 0; tile < self.tiles; tile++) {
		uint64_t since = atomic_load(&self.truth->tile_ns[tile]);
		if (!since || now < since + RESTED_NS ||
		    self.known_exact[tile] == since)
			continue;
		if (tile_exact(tile)) {
			self.known_exact[tile] = since;
		} else if (atomic_load(&self.truth->tile_ns[tile]) == since) {
			double ms = (double)(now - since) / 1e6;
			self.inexact_ms = MAX(self.inexact_ms, ms);
		}
	}
}

static bool all_exact(void)
{
	for (unsigned tile = 0; tile < self.tiles; tile++)
		if (!tile_exact(tile))
			return false;
	return true;
}

/* ---- the run ---- */

static void take_message(void)
{
	if (session_message(self.session, on_rect, NULL)) {
		uint64_t now = now_ns();
		look_for_key(now);
		look_for_frame(now);
	}
}

/* Until the whole first picture is there; the time it took, in ms. */
static double first_picture(double *exact_ms)
{
	uint64_t begun = now_ns();
	uint64_t until = begun + SHOWN_NS;
	double shown_ms = -1;
	*exact_ms = -1;
	session_ask_all(self.session);
	while (*exact_ms < 0 && now_ns() < until) {
		if (!session_ready(self.session, 100))
			continue;
		if (!session_message(self.session, on_rect, NULL) ||
		    session_width(self.session) != self.header->width)
			continue;
		uint64_t now = now_ns();
		bool whole = true;
		for (unsigned i = 0; i < RECORDING_MARKS; i++)
			whole &= !self.header->marks[i].block ||
				 mark_read(session_pixels(self.session),
					   self.header->width,
					   &self.header->marks[i]) == 0;
		if (whole && shown_ms < 0) {
			shown_ms = (double)(now - begun) / 1e6;
			until = now + EXACT_NS;
		}
		if (whole && all_exact())
			*exact_ms = (double)(now - begun) / 1e6;
	}
	if (shown_ms < 0)
		die("the first picture did not come");
	return shown_ms;
}

static void run(uint64_t *rest_bytes, double *exact_ms)
{
	uint64_t finished = 0, before = 0;
	*exact_ms = -1;
	while (!finished || now_ns() - finished < EXACT_NS) {
		if (session_ready(self.session, 10))
			take_message();
		uint64_t now = now_ns();
		if (!atomic_load(&self.truth->finished)) {
			look_at_rested(now);
			continue;
		}
		if (!finished) {
			finished = now;
			before = session_received(self.session);
			g_mutex_lock(&keys.lock);
			keys.stop = true;
			g_cond_signal(&keys.answered);
			g_mutex_unlock(&keys.lock);
		}
		if (self.shown == (int)self.header->frames - 1 &&
		    atomic_load(&self.truth->keys) >= keys.seen &&
		    all_exact()) {
			uint64_t last = atomic_load(&self.truth->changed_ns);
			*exact_ms = last ? (double)(now_ns() - last) / 1e6 : 0;
			break;
		}
	}
	*rest_bytes = session_received(self.session) - before;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	if (argc < 5) {
		fprintf(stderr, "usage: display-watch ADDRESS PROFILE "
				"RECORDING TRUTH [KEYS_SEED [TICKET_FILE]]\n");
		return 2;
	}
	self.recording = recording_open(argv[3], &error);
	if (self.recording)
		self.truth = truth_open(argv[4], &self.want, &error);
	if (error)
		die("%s", error->message);
	self.header = recording_header(self.recording);
	self.quality = quality_create(self.recording);
	self.columns = truth_columns(self.truth);
	self.tiles = self.columns *
		     ((self.header->height + TRUTH_TILE - 1) / TRUTH_TILE);
	self.session =
	    session_open(argv[1], argv[2], argc > 6 ? argv[6] : NULL);
	double first_exact, first = first_picture(&first_exact);
	uint64_t first_bytes = session_received(self.session);
	unsigned seed = argc > 5 ? (unsigned)atoi(argv[5]) : 1;
	puts("ready");
	fflush(stdout);
	const char *trace = g_getenv("DISPLAY_WATCH_KEYS");
	if (trace && !(keys.trace = fopen(trace, "w")))
		die("%s cannot be written", trace);
	if (seed) {
		keys.chance = g_rand_new_with_seed(seed);
		keys.thread = g_thread_new("keys", press_keys, NULL);
	}
	uint64_t rest_bytes;
	double exact;
	run(&rest_bytes, &exact);
	if (keys.thread)
		g_thread_join(keys.thread);
	const unsigned *counts = session_counts(self.session);
	uint64_t bytes = session_received(self.session) - first_bytes;
	printf(
	    "{\"seconds\": %.2f, \"first_ms\": %.1f, \"first_exact_ms\": %.1f, "
	    "\"first_bytes\": %" G_GUINT64_FORMAT ", "
	    "\"frames\": %u, \"frames_shown\": %u, "
	    "\"age_p50\": %.2f, \"age_p99\": %.2f, \"oldest_ms\": %.1f, "
	    "\"keys\": %u, \"keys_lost\": %u, "
	    "\"key_p50\": %.2f, \"key_p95\": %.2f, "
	    "\"bytes\": %" G_GUINT64_FORMAT
	    ", \"rest_bytes\": %" G_GUINT64_FORMAT
	    ", \"psnr\": %.1f, \"exact_ms\": %.1f, \"inexact_ms\": %.0f, "
	    "\"illegible\": %" G_GUINT64_FORMAT
	    ", \"refused\": %u, \"rects\": [%u, %u, %u, %u, %u]}\n",
	    self.header->end_ms / 1000.0, first, first_exact, first_bytes,
	    self.header->frames - 1, self.age.count, figures_at(&self.age, 0.5),
	    figures_at(&self.age, 0.99), figures_at(&self.oldest, 1),
	    self.keys.count, self.lost_keys, figures_at(&self.keys, 0.5),
	    figures_at(&self.keys, 0.95), bytes, rest_bytes,
	    quality_judge(self.quality), exact, self.inexact_ms, self.unread,
	    session_refused(self.session), counts[0], counts[1], counts[2],
	    counts[3], counts[4]);
	if (keys.trace && fclose(keys.trace))
		die("%s was not written", trace);
	quality_destroy(self.quality);
	session_close(self.session);
	return 0;
}
