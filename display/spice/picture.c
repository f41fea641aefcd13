/* The display channel: what is sent, and when.
 *
 * As in rfb/update.c the view says what the client lacks, in the order of its
 * worth, and the pacer how much may be on its way; pings among the messages
 * measure. Every message stands for itself, so a part's pixels are read when
 * it is chosen, and nothing that was chosen can grow old before it is encoded:
 * at most BEGUN_MAX parts are. They go out in the order they were chosen, but
 * for the answer to a key, which overtakes what it does not touch.
 *
 * A new size is painted on a hidden surface with the same means, and shown
 * when it is complete: clients see one whole picture, then the next. Where
 * that takes long it is shown as far as it has come. */
#include "display/pacer.h"
#include "display/spice/draw.h"
#include "display/spice/film.h"
#include "display/view.h"

/* Messages encoded ahead of the socket. */
#define AHEAD_MAX (128u << 10)
/* Parts of one client that are being encoded. */
#define BEGUN_MAX 6u
/* Of the main loop at a stretch, before others get their turn. */
#define SLICE_US 4000
/* Between two marks: so much work on a near line, and what the line takes in
 * so long on a slow one. */
#define BATCH_PIXELS (8u * SPICE_PART_SIDE * SPICE_PART_SIDE)
#define BATCH_SPEED  100 /* pixels per microsecond of a long round trip */
#define BATCH_MAX    (64u << 20)
#define BATCH_US     10000
#define BATCH_LEAST  4096u
/* A client so near that its decoder is what anything waits behind: smaller
 * ones, two at a time. */
#define NEAR_US      2000
#define NEAR_PIXELS  (2u * SPICE_PART_SIDE * SPICE_PART_SIDE)
#define NEAR_BATCHES 2u
/* Pictures that move without end only grow old in a queue. */
#define MOVING_QUEUE_US 5000
#define MOVING_FIRST    2u
/* Between two looks at what may have come to rest. */
#define REST_MS 25
/* JPEG's quality follows the line, in steps. */
#define QUALITY_MOST     90u
#define QUALITY_LEAST    30u
#define QUALITY_US       250000
#define FULL_COLOUR_FROM 75u
/* A first picture that is not complete by then is shown as far as it is. */
#define HIDDEN_US 700000

enum item_type { ITEM_PART, ITEM_MOVE, ITEM_MARK };

struct item {
	enum item_type type;
	struct view_part part;
	struct job *job; /* part: NULL for a frame of a film not begun yet */
	bool begins;     /* ... a stream begins with it */
	struct move move;
	bool full; /* mark: there was more to send than room for it */
};

struct picture {
	bool asked; /* DISPLAY_INIT has come */
	struct view view;
	struct pacer pacer;
	GQueue items; /* in the order they go out */
	unsigned begun;
	bool layout_due, shown;
	uint32_t surface; /* that is drawn to */
	gint64 hidden_us; /* since when it is the hidden one */
	unsigned width, height;
	/* the batch that is open */
	bool open, open_full;
	size_t room, pixels;
	unsigned parts;
	unsigned cost[VIEW_EXACT + 1]; /* bytes for 1024 pixels, of lately */
	unsigned quality;
	unsigned full, easy; /* batches, since quality_us */
	gint64 quality_us;
	struct spice_film film;
	guint step_idle, rest_timer;
};

static void item_free(void *data)
{
	struct item *item = data;
	job_unref(item->job);
	g_free(item);
}

static void clear_items(struct picture *picture)
{
	g_queue_clear_full(&picture->items, item_free);
	picture->begun = 0;
	picture->open = false;
}

static struct item *push(struct picture *picture, enum item_type type)
{
	struct item *item = g_new0(struct item, 1);
	item->type = type;
	g_queue_push_tail(&picture->items, item);
	return item;
}

/* ---- sizes ---- */

/* A new surface, out of sight as long as there is nothing on it. */
static void lay_out(struct spice_channel *self)
{
	struct picture *picture = self->state;
	clear_items(picture);
	spice_film_end(&picture->film, self);
	if (picture->surface == SPICE_SURFACE_HIDDEN)
		spice_draw_destroy(self, SPICE_SURFACE_HIDDEN);
	picture->layout_due = false;
	picture->surface = SPICE_SURFACE_HIDDEN;
	picture->hidden_us = g_get_monotonic_time();
	picture->width = picture->view.stale.width;
	picture->height = picture->view.stale.height;
	spice_draw_create(self, SPICE_SURFACE_HIDDEN, picture->width,
			  picture->height);
}

static void show(struct spice_channel *self)
{
	struct picture *picture = self->state;
	if (picture->shown)
		spice_draw_destroy(self, SPICE_SURFACE_SHOWN);
	spice_draw_create(self, SPICE_SURFACE_SHOWN, picture->width,
			  picture->height);
	spice_draw_monitors(self);
	spice_draw_show(self, picture->width, picture->height);
	spice_draw_mark(self);
	spice_draw_destroy(self, SPICE_SURFACE_HIDDEN);
	picture->surface = SPICE_SURFACE_SHOWN;
	picture->shown = true;
}

void spice_picture_changed(struct spice_channel *self,
			   const struct desktop_change *change)
{
	struct picture *picture = self->state;
	struct display *display = spice_server_display(self->server);
	const struct desktop *desktop = display_desktop(display);
	if (!change->laid_out) {
		view_changed(&picture->view, change, display_activity(display));
		return;
	}
	view_init(&picture->view, desktop_width(desktop),
		  desktop_height(desktop));
	picture->layout_due = true;
}

/* ---- sending ---- */

static void learn_cost(struct picture *picture, const struct item *item)
{
	const struct rect *rect = &item->part.rect;
	guint64 cost = (guint64)job_bytes(item->job)->len * 1024 /
		       ((guint64)rect->w * rect->h);
	unsigned *known = &picture->cost[item->part.what];
	unsigned now = (unsigned)MIN(cost, 8192u);
	/* more is believed faster than less: too little waits nowhere */
	*known = MAX((*known * 7 + now) / 8, now / 2);
}

static void send_part(struct spice_channel *self, const struct item *item)
{
	struct picture *picture = self->state;
	const struct rect *rect = &item->part.rect;
	const struct desktop *desktop =
	    display_desktop(spice_server_display(self->server));
	uint32_t outcome = job_outcome(item->job);
	if (item->part.what == VIEW_FILM) {
		if (spice_film_send(&picture->film, self, rect, item->job,
				    item->begins))
			learn_cost(picture, item);
		else
			view_add(&picture->view, rect);
		return;
	}
	spice_film_make_way(&picture->film, self, rect);
	spice_draw_image(self, picture->surface, rect, outcome,
			 job_bytes(item->job));
	if (!item->part.exact && !(outcome & SPICE_IMAGE_LOSSY) &&
	    desktop_serial(desktop, rect) == job_frame(item->job))
		view_was_exact(&picture->view, rect);
	learn_cost(picture, item);
}

static void send_mark(struct spice_channel *self, const struct item *item,
		      gint64 now)
{
	struct picture *picture = self->state;
	uint32_t number = pacer_mark(&picture->pacer, now);
	if (item->full)
		pacer_filled(&picture->pacer);
	GByteArray *out = spice_channel_begin(self, SPICE_MSG_PING);
	put32(out, number);
	put64(out, (uint64_t)now);
	spice_channel_end(self);
}

/* What is ready at the front. */
static void send_ready(struct spice_channel *self)
{
	struct picture *picture = self->state;
	struct item *item;
	while (!self->line.dead &&
	       (item = g_queue_peek_head(&picture->items))) {
		gint64 now = g_get_monotonic_time();
		size_t before = line_queued(&self->line);
		if (item->type == ITEM_PART &&
		    !(item->job && job_done(item->job)))
			return;
		g_queue_pop_head(&picture->items);
		if (item->type == ITEM_PART) {
			picture->begun--;
			send_part(self, item);
		} else if (item->type == ITEM_MOVE) {
			spice_film_make_way(&picture->film, self,
					    &item->move.to);
			spice_draw_move(self, picture->surface, &item->move);
		} else {
			send_mark(self, item, now);
		}
		if (!self->line.dead && item->type != ITEM_MARK)
			pacer_sent(&picture->pacer,
				   line_queued(&self->line) - before, now);
		item_free(item);
	}
}

/* ---- choosing ---- */

/* While the line is full most of the time pictures become coarser. */
static void follow_line(struct picture *picture, bool full, gint64 now)
{
	full ? picture->full++ : picture->easy++;
	if (now - picture->quality_us < QUALITY_US)
		return;
	if (picture->full > picture->easy)
		picture->quality = MAX(picture->quality - 8, QUALITY_LEAST);
	else if (!picture->full)
		picture->quality = MIN(picture->quality + 6, QUALITY_MOST);
	picture->full = picture->easy = 0;
	picture->quality_us = now;
}

static bool is_near(const struct picture *picture)
{
	int64_t rtt = pacer_rtt_us(&picture->pacer);
	return rtt && rtt < NEAR_US;
}

static bool open_batch(struct picture *picture, gint64 now)
{
	size_t window = pacer_room(&picture->pacer, now), room = window;
	guint64 rate = pacer_rate(&picture->pacer);
	if (!window || !pacer_may_mark(&picture->pacer)) {
		if (damage_any(&picture->view.stale))
			pacer_filled(&picture->pacer);
		return false;
	}
	if (rate)
		room = MIN(room, MAX(rate * BATCH_US / 1000000, BATCH_LEAST));
	picture->open = true;
	picture->open_full = room == window;
	picture->room = room;
	picture->pixels =
	    is_near(picture)
		? NEAR_PIXELS
		: CLAMP((guint64)pacer_rtt_us(&picture->pacer) * BATCH_SPEED,
			BATCH_PIXELS, BATCH_MAX);
	picture->parts = 0;
	return true;
}

/* A mark behind it. */
static void close_batch(struct picture *picture, gint64 now)
{
	bool full = !picture->room && picture->open_full;
	picture->open = false;
	if (!picture->parts)
		return;
	push(picture, ITEM_MARK)->full = full;
	follow_line(picture, full, now);
}

/* What the line leaves for a film, where it is full: reckoned as in rfb. */
static bool begin_film(struct spice_channel *self, struct item *item)
{
	struct picture *picture = self->state;
	const struct rect *rect = &item->part.rect;
	unsigned quality = QUALITY_MOST, rate = 0;
	guint64 carries = pacer_rate(&picture->pacer) * 7 / 10;
	guint64 takes = (guint64)rect->w * rect->h / 1024 *
			picture->cost[VIEW_FILM] * FILM_FPS;
	bool behind = false;
	if (picture->quality < QUALITY_MOST && carries < takes * 2) {
		quality = picture->quality;
		rate = (unsigned)CLAMP(carries / 125, 1, 1000000);
	}
	item->job = spice_film_begin(&picture->film, self, rect, quality, rate,
				     &behind, &item->begins);
	if (behind)
		view_add(&picture->view, rect);
	return item->job;
}

/* A frame that could not be begun when it was chosen. */
static void begin_waiting(struct spice_channel *self)
{
	struct picture *picture = self->state;
	for (GList *at = picture->items.head; at; at = at->next) {
		struct item *item = at->data;
		if (item->type == ITEM_PART && !item->job)
			begin_film(self, item);
	}
}

static bool film_waits(const struct picture *picture)
{
	for (const GList *at = picture->items.head; at; at = at->next) {
		const struct item *item = at->data;
		if (item->type == ITEM_PART && item->part.what == VIEW_FILM)
			return true;
	}
	return false;
}

/* Where the film plays that this client can have as a stream. */
static void follow_film(struct spice_channel *self)
{
	struct picture *picture = self->state;
	const struct rect *at =
	    display_film(spice_server_display(self->server));
	picture->view.film = (struct rect){0};
	if (at && spice_film_can(&picture->film) &&
	    picture->surface == SPICE_SURFACE_SHOWN &&
	    at->x + at->w <= picture->width && at->y + at->h <= picture->height)
		picture->view.film = *at;
}

static void begin_part(struct spice_channel *self, struct item *item)
{
	struct picture *picture = self->state;
	struct display *display = spice_server_display(self->server);
	struct spice_style style = {0};
	picture->begun++;
	if (item->part.what == VIEW_FILM) {
		begin_film(self, item);
		return;
	}
	style.lz4 = spice_channel_can(self, SPICE_DISPLAY_CAP_LZ4_COMPRESSION);
	if (!item->part.exact) {
		style.quality = (uint8_t)picture->quality;
		style.full_colour = picture->quality >= FULL_COLOUR_FROM;
	}
	item->job = jobs_begin(display_jobs(display), &spice_job_kind, &style,
			       display_desktop(display), &item->part.rect,
			       display_viewers(display)->len > 1);
}

/* Whether two items may change places. */
static bool apart(const struct item *item, const struct rect *rect)
{
	struct rect common;
	if (item->type == ITEM_PART)
		return !rect_intersect(&item->part.rect, rect, &common);
	return item->type == ITEM_MARK;
}

/* To the front, as far as nothing it touches is in the way. */
static void overtake(struct picture *picture)
{
	struct item *item = g_queue_peek_tail(&picture->items);
	GList *last = picture->items.tail, *before = last;
	while (before->prev && apart(before->prev->data, &item->part.rect))
		before = before->prev;
	if (before == last)
		return;
	g_queue_pop_tail(&picture->items);
	g_queue_insert_before(&picture->items, before, item);
}

/* Takes what is best sent next; false: nothing, or no room. */
static bool take_part(struct spice_channel *self, gint64 now)
{
	struct picture *picture = self->state;
	struct display *display = spice_server_display(self->server);
	struct view_part part;
	if (!picture->open && !open_batch(picture, now))
		return false;
	if (!picture->room || !picture->pixels) {
		close_batch(picture, now);
		return true;
	}
	struct pacer *pacer = &picture->pacer;
	struct view_wish wish = {
	    .side = SPICE_PART_SIDE,
	    .only_echo = picture->begun >= BEGUN_MAX ||
			 (is_near(picture) && !picture->parts &&
			  pacer->count >= NEAR_BATCHES),
	    .lossy = true,
	    /* each frame of a film refers to the last one */
	    .calm =
		film_waits(picture) ||
		(pacer_rate(pacer) ? pacer_queue_us(pacer) >= MOVING_QUEUE_US
				   : pacer->count >= MOVING_FIRST),
	};
	activity_cool(display_activity(display), now);
	follow_film(self);
	for (int i = 0; i <= VIEW_EXACT; i++)
		wish.pixels[i] = (unsigned)MIN(
		    MIN(picture->room * 1024 / MAX(picture->cost[i], 8),
			picture->pixels),
		    SPICE_PART_SIDE * SPICE_PART_SIDE);
	if (!view_next(&picture->view, display_desktop(display),
		       display_activity(display), &wish, now, &part)) {
		if (wish.only_echo)
			return false;
		bool any = picture->parts;
		close_batch(picture, now);
		return any;
	}
	struct item *item = push(picture, ITEM_PART);
	item->part = part;
	begin_part(self, item);
	if (part.what == VIEW_ECHO)
		overtake(picture);
	guint64 pixels = (guint64)part.rect.w * part.rect.h;
	guint64 cost = pixels * picture->cost[part.what] / 1024 + 60;
	picture->room -= MIN(picture->room, cost);
	picture->pixels -= MIN(picture->pixels, pixels);
	picture->parts++;
	return true;
}

static bool take_next(struct spice_channel *self, gint64 now)
{
	struct picture *picture = self->state;
	struct view *view = &picture->view;
	if (!picture->asked)
		return false;
	if (picture->layout_due)
		lay_out(self);
	if (view->moves_count) {
		if (!picture->open && !open_batch(picture, now))
			return false;
		for (unsigned i = 0; i < view->moves_count; i++)
			push(picture, ITEM_MOVE)->move = view->moves[i];
		view->moves_count = 0;
		picture->parts++;
	}
	if (take_part(self, now))
		return true;
	/* all of it is painted, or it has taken long */
	if (picture->surface == SPICE_SURFACE_HIDDEN &&
	    g_queue_is_empty(&picture->items) &&
	    (!damage_any(&view->stale) ||
	     now - picture->hidden_us > HIDDEN_US)) {
		show(self);
		return true;
	}
	return false;
}

/* ---- going on ---- */

static gboolean on_step(gpointer data)
{
	struct spice_channel *self = data;
	struct picture *picture = self->state;
	picture->step_idle = 0;
	spice_picture_pump(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_rest(gpointer data)
{
	struct spice_channel *self = data;
	struct picture *picture = self->state;
	picture->rest_timer = 0;
	spice_picture_pump(self);
	return G_SOURCE_REMOVE;
}

static bool go(struct spice_channel *self)
{
	gint64 until = g_get_monotonic_time() + SLICE_US, now;
	do {
		begin_waiting(self);
		send_ready(self);
		if (!self->line.dead && line_queued(&self->line) >= AHEAD_MAX)
			line_flush(&self->line);
		if (self->line.dead || line_queued(&self->line) >= AHEAD_MAX)
			return true; /* goes on when the socket takes more */
		now = g_get_monotonic_time();
		if (!take_next(self, now))
			break;
	} while (now < until);
	send_ready(self);
	return now < until;
}

void spice_picture_pump(struct spice_channel *self)
{
	struct picture *picture = self->state;
	if (self->line.dead || picture->step_idle)
		return;
	bool in_time = go(self);
	if (!self->line.dead)
		line_flush(&self->line);
	if (self->line.dead)
		return;
	if (!in_time)
		picture->step_idle =
		    g_idle_add_full(G_PRIORITY_DEFAULT, on_step, self, NULL);
	/* what is not exact is looked at again when it may have come to rest;
	 * what is hidden, when it has taken long */
	if (!picture->rest_timer && picture->asked &&
	    (view_waits(&picture->view) ||
	     picture->surface == SPICE_SURFACE_HIDDEN))
		picture->rest_timer = g_timeout_add(REST_MS, on_rest, self);
}

/* ---- the channel ---- */

static void up(struct spice_channel *self)
{
	struct picture *picture = g_new0(struct picture, 1);
	const struct desktop *desktop =
	    display_desktop(spice_server_display(self->server));
	self->state = picture;
	g_queue_init(&picture->items);
	view_init(&picture->view, desktop_width(desktop),
		  desktop_height(desktop));
	pacer_init(&picture->pacer);
	spice_film_init(&picture->film, self);
	picture->layout_due = true;
	picture->quality = QUALITY_MOST;
	for (int i = 0; i <= VIEW_EXACT; i++)
		picture->cost[i] = i == VIEW_EXACT ? 2048 : 128;
}

static void down(struct spice_channel *self)
{
	struct picture *picture = self->state;
	if (!picture)
		return;
	if (picture->step_idle)
		g_source_remove(picture->step_idle);
	if (picture->rest_timer)
		g_source_remove(picture->rest_timer);
	picture->step_idle = picture->rest_timer = 0;
	clear_items(picture);
	spice_film_finish(&picture->film);
}

static void release(void *state)
{
	struct picture *picture = state;
	clear_items(picture);
	spice_film_finish(&picture->film);
	view_finish(&picture->view);
	g_free(picture);
}

static void message(struct spice_channel *self, unsigned type,
		    struct reader *body)
{
	struct picture *picture = self->state;
	switch (type) {
	case SPICE_MSGC_DISPLAY_INIT:
		take8(body); /* its caches: none is used */
		take64(body);
		take8(body);
		take32(body);
		picture->asked = picture->asked || !body->bad;
		break;
	case SPICE_MSGC_DISPLAY_STREAM_REPORT:
		spice_film_report(&picture->film, body);
		break;
	case SPICE_MSGC_DISPLAY_PREFERRED_VIDEO_CODEC_TYPE:
		spice_film_prefer(&picture->film, body);
		break;
	case SPICE_MSGC_DISPLAY_PREFERRED_COMPRESSION:
	case SPICE_MSGC_DISPLAY_GL_DRAW_DONE:
		break;
	default:
		spice_channel_fail(self, "an unknown message");
		break;
	}
}

static void pong(struct spice_channel *self, uint32_t id)
{
	struct picture *picture = self->state;
	pacer_arrived(&picture->pacer, id, g_get_monotonic_time());
}

const struct spice_channel_ops spice_display_ops = {
    .type = SPICE_CHANNEL_DISPLAY,
    .up = up,
    .message = message,
    .pong = pong,
    .drained = spice_picture_pump,
    .down = down,
    .release = release,
};
