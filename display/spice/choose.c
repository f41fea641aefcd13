/* What is sent next, and how much: a batch of parts as large as the line and
 * the client take, then a mark. */
#include "display/spice/picture.h"

/* Parts of one client that are being encoded. */
#define BEGUN_MAX 6u
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
/* JPEG's quality follows the line, in steps. */
#define QUALITY_LEAST    30u
#define QUALITY_US       250000
#define FULL_COLOUR_FROM 75u

/* While the line is full most of the time pictures become coarser. */
static void follow_line(struct picture *picture, bool full, gint64 now)
{
	full ? picture->full++ : picture->easy++;
	if (now - picture->quality_us < QUALITY_US)
		return;
	if (picture->full > picture->easy)
		picture->quality = MAX(picture->quality - 8, QUALITY_LEAST);
	else if (!picture->full)
		picture->quality =
		    MIN(picture->quality + 6, SPICE_QUALITY_MOST);
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
	spice_plan_push(picture, ITEM_MARK)->full = full;
	follow_line(picture, full, now);
}

/* What the line leaves for a film, where it is full: reckoned as in rfb. */
static bool begin_film(struct spice_channel *self, struct item *item)
{
	struct picture *picture = self->state;
	const struct rect *rect = &item->part.rect;
	unsigned quality = SPICE_QUALITY_MOST, rate = 0;
	guint64 carries = pacer_rate(&picture->pacer) * 7 / 10;
	guint64 takes = (guint64)rect->w * rect->h / 1024 *
			picture->cost[VIEW_FILM] * FILM_FPS;
	bool behind = false;
	if (picture->quality < SPICE_QUALITY_MOST && carries < takes * 2) {
		quality = picture->quality;
		rate = (unsigned)CLAMP(carries / 125, 1, 1000000);
	}
	item->job = spice_film_begin(&picture->film, self, rect, quality, rate,
				     &behind, &item->begins);
	if (behind)
		view_add(&picture->view, rect);
	return item->job;
}

void spice_choose_begin_waiting(struct spice_channel *self)
{
	struct picture *picture = self->state;
	for (GList *at = picture->items.head; at; at = at->next) {
		struct item *item = at->data;
		if (item->type == ITEM_PART && !item->job)
			begin_film(self, item);
	}
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
	/* LZ takes four fifths of the bytes, LZ4 is read faster */
	style.lz4 = is_near(picture) &&
		    spice_channel_can(self, SPICE_DISPLAY_CAP_LZ4_COMPRESSION);
	if (!item->part.exact) {
		style.quality = (uint8_t)picture->quality;
		style.full_colour = picture->quality >= FULL_COLOUR_FROM;
	}
	item->job = jobs_begin(display_jobs(display), &spice_job_kind, &style,
			       display_desktop(display), &item->part.rect,
			       display_viewers(display)->len > 1);
}

bool spice_choose_part(struct spice_channel *self, gint64 now)
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
		spice_plan_has_film(picture) ||
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
	struct item *item = spice_plan_push(picture, ITEM_PART);
	item->part = part;
	begin_part(self, item);
	if (part.what == VIEW_ECHO)
		spice_plan_overtake(picture);
	guint64 pixels = (guint64)part.rect.w * part.rect.h;
	guint64 cost = pixels * picture->cost[part.what] / 1024 + 60;
	picture->room -= MIN(picture->room, cost);
	picture->pixels -= MIN(picture->pixels, pixels);
	picture->parts++;
	return true;
}

bool spice_choose_moves(struct spice_channel *self, gint64 now)
{
	struct picture *picture = self->state;
	struct view *view = &picture->view;
	if (!view->moves_count)
		return true;
	if (!picture->open && !open_batch(picture, now))
		return false;
	for (unsigned i = 0; i < view->moves_count; i++)
		spice_plan_push(picture, ITEM_MOVE)->move = view->moves[i];
	view->moves_count = 0;
	picture->parts++;
	return true;
}
