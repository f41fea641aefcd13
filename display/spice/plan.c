/* What was chosen, in the order it goes out. */
#include "display/spice/picture.h"

/* Messages handed to the socket: enough to keep it busy. */
#define AHEAD_MAX (128u << 10)
/* On a line whose rate is known what it takes in so long, but never less: what
 * lies in a queue cannot be overtaken by the answer to a key. */
#define AHEAD_US    10000
#define AHEAD_LEAST 4096u
/* Pixels over which it is learned what more of their sort cost; more is
 * believed sooner than less: too little waits nowhere. */
#define COST_MORE_PIXELS 8192u
#define COST_LESS_PIXELS 65536u

static void item_free(void *data)
{
	struct item *item = data;
	job_unref(item->job);
	g_free(item);
}

void spice_plan_clear(struct picture *picture)
{
	g_queue_clear_full(&picture->items, item_free);
	picture->begun = 0;
	picture->open = false;
}

struct item *spice_plan_push(struct picture *picture, enum item_type type)
{
	struct item *item = g_new0(struct item, 1);
	item->type = type;
	g_queue_push_tail(&picture->items, item);
	return item;
}

/* Whether two items may change places. */
static bool apart(const struct item *item, const struct rect *rect)
{
	struct rect common;
	if (item->type == ITEM_PART)
		return !rect_intersect(&item->part.rect, rect, &common);
	return item->type == ITEM_MARK;
}

void spice_plan_overtake(struct picture *picture)
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

bool spice_plan_has_film(const struct picture *picture)
{
	for (const GList *at = picture->items.head; at; at = at->next) {
		const struct item *item = at->data;
		if (item->type == ITEM_PART && item->part.what == VIEW_FILM)
			return true;
	}
	return false;
}

/* ---- sending ---- */

static void learn_cost(struct picture *picture, const struct item *item)
{
	guint64 pixels = (guint64)item->part.rect.w * item->part.rect.h;
	guint64 cost = (guint64)job_bytes(item->job)->len * 1024 / pixels;
	guint64 known = picture->cost[item->part.what];
	guint64 over = cost > known ? COST_MORE_PIXELS : COST_LESS_PIXELS;
	cost = (known * over + cost * pixels) / (over + pixels);
	picture->cost[item->part.what] = (unsigned)MIN(cost, 8192u);
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

static size_t ahead(const struct picture *picture)
{
	guint64 rate = pacer_rate(&picture->pacer);
	if (!rate)
		return AHEAD_MAX;
	return CLAMP(rate * AHEAD_US / G_USEC_PER_SEC, AHEAD_LEAST, AHEAD_MAX);
}

bool spice_plan_send(struct spice_channel *self)
{
	struct picture *picture = self->state;
	struct item *item;
	size_t most = ahead(picture);
	line_keep_short(&self->line, most);
	line_pace(&self->line, pacer_pace(&picture->pacer));
	while (!self->line.dead) {
		if (line_queued(&self->line) >= most)
			line_flush(&self->line);
		if (self->line.dead || line_queued(&self->line) >= most)
			return false;
		item = g_queue_peek_head(&picture->items);
		if (!item || (item->type == ITEM_PART &&
			      !(item->job && job_done(item->job))))
			return true;
		gint64 now = g_get_monotonic_time();
		size_t before = line_queued(&self->line);
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
	return false;
}
