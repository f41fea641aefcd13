/* What goes out, in order: messages, rectangles still to be encoded, marks.
 *
 * Rectangles are read from the desktop as late as possible, when a worker is
 * free and the socket takes bytes, so that they show the newest frame. They
 * are framed in their order whenever they come back. Until it is read, a
 * rectangle is a promise only: moves that come meanwhile refer to what the
 * client holds without it (rfb_plan_give_back()). */
#include <string.h>

#include "display/rfb/client.h"

/* Encoded ahead of the socket: enough to keep it busy, little enough that
 * what is encoded is still true when it arrives. */
#define AHEAD_MAX (128u << 10)
/* On a line whose rate is known: what it takes in so long, but never less. */
#define AHEAD_US    10000
#define AHEAD_LEAST 4096u
/* Rectangles of one client that are being encoded: its share of the workers,
 * and of memory (256 KB each). */
#define BEGUN_MAX 6u
/* Of the main loop at a stretch, before others get their turn. */
#define SLICE_US 1500

enum item_type { ITEM_MESSAGE, ITEM_PART, ITEM_MARK };

struct item {
	enum item_type type;
	GByteArray *bytes; /* message */
	bool update;       /* message: it begins an update */
	bool plain;        /* ... that has nothing but parts */
	bool urgent;       /* ... that answers a key */
	struct view_part part;
	struct rfb_style style;
	struct job *job;  /* part: NULL until begun */
	bool begins;      /* part of a film: a stream begins with it */
	bool fence, full; /* mark: see rfb_plan_add_mark() */
};

static void item_free(void *data)
{
	struct item *item = data;
	if (item->bytes)
		g_byte_array_unref(item->bytes);
	job_unref(item->job);
	g_free(item);
}

void rfb_plan_clear(struct rfb_client *self)
{
	g_queue_clear_full(&self->plan, item_free);
	self->planned = 0;
	self->parts = self->marks = 0;
}

bool rfb_plan_add_message(struct rfb_client *self, const void *bytes,
			  size_t length)
{
	if (g_queue_is_empty(&self->plan))
		return false;
	struct item *item = g_queue_peek_tail(&self->plan);
	if (item->type != ITEM_MESSAGE || item->update) {
		item = g_new0(struct item, 1);
		item->type = ITEM_MESSAGE;
		item->bytes = g_byte_array_new();
		g_queue_push_tail(&self->plan, item);
	}
	g_byte_array_append(item->bytes, bytes, length);
	self->planned += length;
	return true;
}

void rfb_plan_add_update(struct rfb_client *self, const void *bytes,
			 size_t length, bool plain)
{
	struct item *item = g_new0(struct item, 1);
	item->type = ITEM_MESSAGE;
	item->update = true;
	item->plain = plain;
	item->urgent = self->plan_in_front;
	item->bytes = g_byte_array_new();
	g_byte_array_append(item->bytes, bytes, length);
	g_queue_push_tail(&self->plan, item);
	self->planned += length;
}

bool rfb_plan_may_overtake(const struct rfb_client *self)
{
	const struct item *head = g_queue_peek_head((GQueue *)&self->plan);
	const struct view *view = &self->view;
	if (view->moves_count)
		return false;
	if (!head)
		return true;
	if (head->type != ITEM_MESSAGE || !head->update)
		return false;
	for (const GList *at = self->plan.head; at; at = at->next) {
		const struct item *item = at->data;
		if (item->type == ITEM_MESSAGE &&
		    !(item->update && item->plain))
			return false;
		if (item->type != ITEM_PART)
			continue;
		const struct rect *rect = &item->part.rect;
		for (unsigned row = rect->y / DAMAGE_TILE;
		     row <= (rect->y + rect->h - 1) / DAMAGE_TILE; row++)
			for (unsigned column = rect->x / DAMAGE_TILE;
			     column <= (rect->x + rect->w - 1) / DAMAGE_TILE;
			     column++)
				if (damage_has_tile(&view->echo, column, row))
					return false;
	}
	return true;
}

void rfb_plan_begin_front(struct rfb_client *self)
{
	self->overtaken = self->plan;
	g_queue_init(&self->plan);
}

void rfb_plan_end_front(struct rfb_client *self)
{
	while (!g_queue_is_empty(&self->overtaken))
		g_queue_push_tail(&self->plan,
				  g_queue_pop_head(&self->overtaken));
}

void rfb_plan_add_part(struct rfb_client *self, const struct rfb_style *style,
		       const struct view_part *part)
{
	struct item *item = g_new0(struct item, 1);
	item->type = ITEM_PART;
	item->part = *part;
	item->style = *style;
	g_queue_push_tail(&self->plan, item);
	self->parts++;
}

void rfb_plan_add_mark(struct rfb_client *self, bool fence, bool full)
{
	struct item *item = g_new0(struct item, 1);
	item->type = ITEM_MARK;
	item->fence = fence;
	item->full = full;
	g_queue_push_tail(&self->plan, item);
	self->marks++;
}

bool rfb_plan_has_film(const struct rfb_client *self)
{
	for (const GList *at = self->plan.head; at; at = at->next) {
		const struct item *item = at->data;
		if (item->type == ITEM_PART && item->part.what == VIEW_FILM)
			return true;
	}
	return false;
}

void rfb_plan_give_back(struct rfb_client *self)
{
	for (GList *at = self->plan.head; at; at = at->next) {
		struct item *item = at->data;
		if (item->type == ITEM_PART && !item->job)
			view_give_back(&self->view, &item->part.rect);
	}
}

/* Hands the first rectangles to the workers. */
static void begin_parts(struct rfb_client *self, gint64 until)
{
	struct display *display = rfb_server_display(self->server);
	bool shared = display_viewers(display)->len > 1;
	unsigned begun = 0;
	for (GList *at = self->plan.head; at && begun < BEGUN_MAX;
	     at = at->next) {
		struct item *item = at->data;
		if (item->type != ITEM_PART)
			continue;
		if (!item->job && item->part.what == VIEW_FILM) {
			/* each frame refers to the last one */
			item->job = rfb_film_begin(self, &item->part.rect,
						   &item->begins);
			if (!item->job)
				break;
		}
		if (!item->job)
			item->job = jobs_begin(
			    display_jobs(display), &rfb_job_kind, &item->style,
			    display_desktop(display), &item->part.rect, shared);
		if (!job_done(item->job))
			begun++;
		else if (g_get_monotonic_time() >= until)
			break;
	}
}

/* Pixels over which it is learned what more of their sort cost; more is
 * believed sooner than less: too little waits nowhere. */
#define COST_MORE_PIXELS 8192u
#define COST_LESS_PIXELS 65536u

static void learn_cost(struct rfb_client *self, const struct item *item)
{
	guint64 pixels = (guint64)item->part.rect.w * item->part.rect.h;
	guint64 cost = (guint64)job_bytes(item->job)->len * 1024 / pixels;
	guint64 known = self->cost[item->part.what];
	guint64 over = cost > known ? COST_MORE_PIXELS : COST_LESS_PIXELS;
	cost = (known * over + cost * pixels) / (over + pixels);
	self->cost[item->part.what] = (unsigned)MIN(cost, 8192u);
}

static void append_part(struct rfb_client *self, const struct item *item)
{
	const struct rect *rect = &item->part.rect;
	const GByteArray *body = job_bytes(item->job);
	uint32_t outcome = job_outcome(item->job);
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	if (item->part.what == VIEW_FILM) {
		if (rfb_film_frame(self, item->job, rect, item->begins)) {
			learn_cost(self, item);
		} else {
			/* the update has promised a rectangle: an empty one,
			 * and what should have been there is still to come */
			rfb_frame(RFB_ENC_RAW, 0, 0, 0, 0, NULL, 0,
				  &self->streams, self->line.out);
			view_add(&self->view, rect);
		}
		self->parts--;
		return;
	}
	rfb_frame((enum rfb_encoding)(outcome & 0xffff), rect->x, rect->y,
		  rect->w, rect->h, body->data, body->len, &self->streams,
		  self->line.out);
	if (!item->part.exact && !(outcome & RFB_OUTCOME_LOSSY) &&
	    desktop_serial(desktop, rect) == job_frame(item->job))
		view_was_exact(&self->view, rect);
	learn_cost(self, item);
	self->parts--;
}

static void append_mark(struct rfb_client *self, const struct item *item,
			gint64 now)
{
	uint32_t number = pacer_mark(&self->pacer, now);
	self->marks--;
	if (item->full)
		pacer_filled(&self->pacer);
	if (!item->fence)
		return;
	uint8_t fence[9 + RFB_UPDATE_FENCE_SIZE] = {248,
						    0,
						    0,
						    0,
						    0x80,
						    0,
						    0,
						    0,
						    RFB_UPDATE_FENCE_SIZE,
						    RFB_UPDATE_FENCE};
	rfb_put32(fence + 10, number);
	g_byte_array_append(self->line.out, fence, sizeof fence);
}

/* What lies in a queue cannot be overtaken by the answer to a key. */
static size_t ahead(const struct rfb_client *self)
{
	guint64 rate = pacer_rate(&self->pacer);
	if (!rate || !self->can_fence || !self->continuous)
		return AHEAD_MAX;
	return CLAMP(rate * AHEAD_US / G_USEC_PER_SEC, AHEAD_LEAST, AHEAD_MAX);
}

bool rfb_plan_carry_out(struct rfb_client *self)
{
	gint64 until = g_get_monotonic_time() + SLICE_US, now;
	size_t most = ahead(self);
	self->near_held = false;
	line_keep_short(&self->line, most);
	line_pace(&self->line, pacer_pace(&self->pacer));
	while (!self->line.dead && !g_queue_is_empty(&self->plan)) {
		if (line_queued(&self->line) >= most)
			line_flush(&self->line);
		if (self->line.dead || line_queued(&self->line) >= most)
			return true; /* goes on when the socket takes more */
		now = g_get_monotonic_time();
		begin_parts(self, until);
		GList *first = self->plan.head;
		struct item *item = first->data;
		/* an update begins when its first part is there: until then
		 * something more urgent may overtake it */
		const struct item *part =
		    item->type == ITEM_MESSAGE && item->update && first->next
			? first->next->data
			: item;
		if (part->type == ITEM_PART &&
		    !(part->job && job_done(part->job)))
			return true; /* goes on when it is encoded */
		if (item->type == ITEM_MESSAGE && item->update &&
		    !item->urgent && rfb_update_is_supplied(self))
			return true; /* goes on when the client answers */
		guint before = self->line.out->len;
		if (item->type == ITEM_PART)
			append_part(self, item);
		else if (item->type == ITEM_MESSAGE)
			g_byte_array_append(self->line.out, item->bytes->data,
					    item->bytes->len);
		else
			append_mark(self, item, now);
		if (item->type == ITEM_MESSAGE)
			self->planned -= item->bytes->len;
		if (item->type != ITEM_MARK)
			pacer_sent(&self->pacer, self->line.out->len - before,
				   now);
		item_free(g_queue_pop_head(&self->plan));
		if (now >= until)
			return false;
	}
	return true;
}
