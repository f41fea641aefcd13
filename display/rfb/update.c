/* Framebuffer updates: when one begins and what it consists of.
 *
 * The view says what the client lacks and in which order it is best sent; the
 * pacer how many bytes its line takes; the plan carries it out. An update is
 * small: what the line takes in about its round trip, or a few milliseconds
 * of encoding on a fast one. So what is typed never waits behind a whole
 * frame, and a slow client is always sent the newest state. */
#include <string.h>

#include "display/rfb/client.h"

/* Pixels of an update: 4 ms of one worker, */
#define BATCH_PIXELS (8u * RFB_RECT_PIXELS)
/* and for a client so near that not its line but its decoder is what anything
 * waits behind: half a millisecond of that. Three of them are planned, on
 * their way or being decoded; where answers take longer than these can, its
 * computer is busy, and more are needed to keep it supplied. So they are while
 * a new picture comes, which is decoded quickly and waited for. */
#define NEAR_US      2000
#define NEAR_PIXELS  RFB_RECT_PIXELS
#define NEAR_UPDATES 3u
#define NEAR_COARSE  6u
#define NEAR_MORE    5u
#define NEAR_BUSY_US 3000
/* Of these so many are with it: one is decoded, the next one waits for that.
 * More would only be what the answer to a key waits behind, but where turns of
 * its computer's scheduler are longer than an update takes it runs dry, and is
 * given one more; it is taken back when that has not been needed for so many
 * answers. */
#define NEAR_SENT 2u
#define NEAR_MOST 8u
#define NEAR_IDLE 32u
/* One that is far away and asks for each update is given more at once: what
 * can be encoded in its round trip, in pixels per microsecond. */
#define BATCH_SPEED 100
#define BATCH_MAX   (64u << 20)
/* The count of rectangles is 16 bits; far fewer make an update. */
#define RECTS_MAX 4096u
/* The next update is planned while so many rectangles of the last one are
 * still being encoded: workers do not run dry. */
#define PARTS_LEFT 2u
/* Between two looks at what may have come to rest. */
#define REST_MS 25
/* Quality follows the line in steps, so often. */
#define QUALITY_US    250000
#define QUALITY_LEAST 30
/* A picture that comes all at once is shown as a whole first, then well: tiles
 * that make it so, and the quality meanwhile, in half the colours, for a line
 * that carries anything and for others. */
#define COARSE_TILES   1024u
#define COARSE_QUALITY 80
#define COARSE_AFAR    50
/* Over a line that is that long and not known to carry more, text, too, is
 * shown in fewer shades first: a screen of it is 200 KB, and a connection that
 * has just begun carries 100 in three round trips. */
#define FAR_US       5000
#define WIDE_BYTES_S 5000000u
/* JPEG below this quality gains nothing from full colour. */
#define FULL_COLOUR_FROM 75
/* An update takes so long on the line, and has so many bytes at least. */
#define UPDATE_US    10000
#define UPDATE_LEAST 4096
/* Pictures that move without end only grow old in a queue: they make none of
 * more than so long. Until the line's rate is known, two updates. */
#define MOVING_QUEUE_US 5000
#define MOVING_FIRST    2u
/* Of its line's round trip, an update that does not fill the line is answered
 * so often: an answer is a packet that may be lost, and a key behind it waits
 * until it is repaired. */
#define MARKS_A_TRIP 8
/* The answer to a key does not wait for marks: so much more may be sent. */
#define ECHO_ROOM 2048u
/* Without marks (a client that is sent updates unasked but knows no fences)
 * only its socket holds us back. */
#define ROOM_UNPACED (128u << 10)

void rfb_update_init(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	self->wire = rfb_native_format;
	rfb_format_init(&self->format, &self->wire);
	self->encoding = self->cursor_encoding = RFB_ENC_RAW;
	self->quality_level = -1;
	self->compress = 2;
	self->near_most = NEAR_SENT;
	view_init(&self->view, desktop_width(desktop), desktop_height(desktop));
	pacer_init(&self->pacer);
	/* until they are known: an eighth of a byte a pixel, 3 bytes if exact
	 */
	for (int i = 0; i <= VIEW_EXACT; i++)
		self->cost[i] = i == VIEW_EXACT ? 2048 : 128;
}

void rfb_update_finish(struct rfb_client *self)
{
	if (self->step_idle)
		g_source_remove(self->step_idle);
	if (self->rest_timer)
		g_source_remove(self->rest_timer);
	self->step_idle = self->rest_timer = 0;
	rfb_plan_clear(self);
	rfb_film_drop(self);
	view_finish(&self->view);
}

static void laid_out(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	view_init(&self->view, desktop_width(desktop), desktop_height(desktop));
	if (self->can_resize) {
		if (!self->size_due) {
			self->size_reason = 0;
			self->size_status = 0;
		}
		self->size_due = true;
	} else {
		self->blank_due = true;
	}
}

void rfb_update_changed(struct rfb_client *self,
			const struct desktop_change *change)
{
	if (change->laid_out) {
		laid_out(self);
		return;
	}
	if (change->moves_count)
		rfb_plan_give_back(self);
	view_changed(&self->view, change,
		     display_activity(rfb_server_display(self->server)));
	if (!self->can_copy)
		view_drop_moves(&self->view);
}

void rfb_update_request(struct rfb_client *self, bool incremental,
			const struct rect *area)
{
	if (!incremental) {
		view_add(&self->view, area);
		self->whole = true;
		rfb_film_renew(self);
		/* rfbproto, ExtendedDesktopSize: so a client learns of it */
		self->size_due |= self->can_resize_extended;
	}
	/* who asks has taken in what it asked for before, or, asking as an
	 * update begins, all but that one */
	if (!self->continuous)
		pacer_arrived_all(&self->pacer, self->can_fence,
				  g_get_monotonic_time());
	if (!self->requested) {
		self->wanted = *area;
	} else {
		struct rect *wanted = &self->wanted;
		unsigned right = MAX(wanted->x + wanted->w, area->x + area->w);
		unsigned bottom = MAX(wanted->y + wanted->h, area->y + area->h);
		wanted->x = MIN(wanted->x, area->x);
		wanted->y = MIN(wanted->y, area->y);
		wanted->w = right - wanted->x;
		wanted->h = bottom - wanted->y;
	}
	self->requested = true;
}

/* An answer came while encoded updates were held back: were they too long? */
static void follow_near(struct rfb_client *self)
{
	if (!self->pacer.count) {
		self->near_most = MIN(self->near_most + 1, NEAR_MOST);
		self->near_spare = 0;
	} else if (++self->near_spare >= NEAR_IDLE) {
		self->near_most = MAX(self->near_most - 1, NEAR_SENT);
		self->near_spare = 0;
	}
}

void rfb_update_arrived(struct rfb_client *self, uint32_t number)
{
	pacer_arrived(&self->pacer, number, g_get_monotonic_time());
	if (self->near_held)
		follow_near(self);
}

/* ---- style ---- */

/* Sent what changes unasked, over no distance to speak of. */
static bool is_near(const struct rfb_client *self)
{
	int64_t rtt = pacer_rtt_us(&self->pacer);
	return self->continuous && self->can_fence && rtt && rtt < NEAR_US;
}

bool rfb_update_is_supplied(struct rfb_client *self)
{
	self->near_held = is_near(self) && self->pacer.count >= self->near_most;
	return self->near_held;
}

static void apply_format(struct rfb_client *self)
{
	if (!self->format_due)
		return;
	self->format_due = false;
	self->wire = self->next_format;
	rfb_format_init(&self->format, &self->wire);
	if (self->format.colour_map)
		rfb_format_write_map(self->message);
	/* a cursor is made of pixels, too */
	self->cursor_due |= self->cursor_encoding == RFB_ENC_CURSOR &&
			    display_cursor(rfb_server_display(self->server));
}

static bool may_lose(const struct rfb_client *self)
{
	return self->quality_level >= 0 && self->encoding == RFB_ENC_TIGHT &&
	       self->format.bytes > 1;
}

/* Whether so much is lacking that all of it matters more than how it looks. */
static bool is_coarse(const struct rfb_client *self)
{
	return damage_count(&self->view.stale) >= COARSE_TILES;
}

static bool is_far(const struct rfb_client *self)
{
	int64_t rtt = pacer_rtt_us(&self->pacer);
	return (rtt ? rtt : self->greeting_us) >= FAR_US &&
	       pacer_rate(&self->pacer) < WIDE_BYTES_S;
}

static void style_of(const struct rfb_client *self,
		     const struct view_part *part, bool coarse,
		     struct rfb_style *out)
{
	const struct rfb_wire_format *wire = &self->wire;
	memset(out, 0, sizeof *out); /* padding counts */
	out->encoding = (int8_t)self->encoding;
	out->compress = (int8_t)self->compress;
	out->gradient = self->can_gradient;
	if (part->rough) {
		out->rough = 1;
	} else if (!part->exact && may_lose(self)) {
		coarse = coarse && part->what == VIEW_FRESH;
		int most = !coarse         ? 100
			   : is_near(self) ? COARSE_QUALITY
					   : COARSE_AFAR;
		out->quality = (int8_t)MIN(self->quality, most);
		out->full_colour = !coarse && self->quality_level >= 6 &&
				   self->quality >= FULL_COLOUR_FROM;
	}
	out->format.bpp = wire->bpp;
	out->format.depth = wire->depth;
	out->format.big_endian = wire->big_endian;
	out->format.true_colour = wire->true_colour;
	for (int c = 0; c < 3; c++) {
		out->format.max[c] = wire->max[c];
		out->format.shift[c] = wire->shift[c];
	}
}

/* While the line is full most of the time, pictures become coarser, so that
 * more of them arrive; it costs nothing later: what rests is sent exactly. */
static void follow_line(struct rfb_client *self, bool full, gint64 now)
{
	int most = rfb_jpeg_quality(self->quality_level);
	full ? self->updates_full++ : self->updates_easy++;
	if (now - self->quality_us < QUALITY_US)
		return;
	if (self->updates_full > self->updates_easy)
		self->quality =
		    MAX(self->quality - 8, MIN(QUALITY_LEAST, most));
	else if (!self->updates_full)
		self->quality = MIN(self->quality + 6, most);
	self->updates_full = self->updates_easy = 0;
	self->quality_us = now;
}

/* ---- composing ---- */

static void put_header(GByteArray *out, unsigned x, unsigned y, unsigned w,
		       unsigned h, enum rfb_encoding encoding)
{
	uint8_t *p = rfb_grow(out, 12);
	rfb_put16(p, x);
	rfb_put16(p + 2, y);
	rfb_put16(p + 4, w);
	rfb_put16(p + 6, h);
	rfb_put32(p + 8, encoding);
}

/* An update of `count` rectangles begins with what is in self->message from
 * `at` on behind its header. */
static void set_count(struct rfb_client *self, guint at, unsigned count)
{
	memset(self->message->data + at, 0, 2);
	rfb_put16(self->message->data + at + 2, count);
}

/* The moves, or none when the client shows something else than the whole. */
static unsigned put_moves(struct rfb_client *self, const struct rect *within)
{
	struct view *view = &self->view;
	bool whole = !within->x && !within->y && within->w >= self->width &&
		     within->h >= self->height &&
		     self->width == view->stale.width &&
		     self->height == view->stale.height;
	if (!whole)
		view_drop_moves(view);
	unsigned count = view->moves_count;
	for (unsigned i = 0; i < count; i++) {
		struct rect from = move_from(&view->moves[i]);
		const struct rect *to = &view->moves[i].to;
		put_header(self->message, to->x, to->y, to->w, to->h,
			   RFB_ENC_COPYRECT);
		uint8_t *p = rfb_grow(self->message, 4);
		rfb_put16(p, from.x);
		rfb_put16(p + 2, from.y);
	}
	view->moves_count = 0;
	return count;
}

/* A client that cannot follow a change of size gets all of its own size. */
static unsigned plan_all(struct rfb_client *self, GArray *parts)
{
	self->blank_due = false;
	view_clear(&self->view);
	for (unsigned y = 0; y < self->height; y += RFB_RECT_SIDE)
		for (unsigned x = 0; x < self->width; x += RFB_RECT_SIDE) {
			struct view_part part = {
			    VIEW_FRESH,
			    {x, y, MIN(RFB_RECT_SIDE, self->width - x),
			     MIN(RFB_RECT_SIDE, self->height - y)},
			    true,
			    false};
			g_array_append_val(parts, part);
		}
	return parts->len;
}

static bool has_enough(const struct rfb_client *self)
{
	if (!is_near(self))
		return false;
	unsigned most =
	    (is_coarse(self) ? NEAR_COARSE : NEAR_UPDATES) +
	    (unsigned)MIN(self->pacer.rtt_us / NEAR_BUSY_US, NEAR_MORE);
	return self->pacer.count + self->marks >= most;
}

/* The parts that the client is best sent, as many as there is room for.
 * Returns whether room was what ended it. */
static bool plan_parts(struct rfb_client *self, GArray *parts,
		       const struct rect *within, size_t room, gint64 now)
{
	struct display *display = rfb_server_display(self->server);
	struct activity *activity = display_activity(display);
	guint64 batch = BATCH_PIXELS;
	if (self->whole && !self->can_continuous)
		batch = BATCH_MAX;
	else if (!self->continuous)
		batch = CLAMP((guint64)pacer_rtt_us(&self->pacer) * BATCH_SPEED,
			      BATCH_PIXELS, BATCH_MAX);
	/* what costs more than it did last time must not become a flood */
	if (is_near(self))
		batch = MIN(batch, NEAR_PIXELS);
	if (room < ROOM_UNPACED)
		batch = MIN(batch, (guint64)room * 4 + RFB_RECT_SIDE);
	struct view_wish wish = {
	    .only_echo = self->plan_in_front || has_enough(self),
	    .within = within,
	    .rough = may_lose(self) && is_coarse(self) && is_far(self),
	    .film_waits = rfb_plan_has_film(self),
	    .side = RFB_RECT_WIDTH,
	    .lossy = may_lose(self)};
	wish.calm = self->can_fence &&
		    (pacer_rate(&self->pacer)
			 ? pacer_queue_us(&self->pacer) >= MOVING_QUEUE_US
			 : self->pacer.count >= MOVING_FIRST);
	activity_cool(activity, now);
	rfb_film_follow(self, within);
	while (parts->len < RECTS_MAX && batch > 0) {
		struct view_part part;
		if (!room)
			return true;
		for (int i = 0; i <= VIEW_EXACT; i++)
			wish.pixels[i] = (unsigned)MIN(
			    MIN(room * 1024 / MAX(self->cost[i], 8), batch),
			    RFB_RECT_PIXELS);
		if (!view_next(&self->view, display_desktop(display), activity,
			       &wish, now, &part))
			return false;
		if (!rect_clip(&part.rect, self->width, self->height))
			continue;
		g_array_append_val(parts, part);
		guint64 pixels = (guint64)part.rect.w * part.rect.h;
		guint64 cost = pixels * self->cost[part.what] / 1024 + 20;
		room -= MIN(room, cost);
		batch -= MIN(batch, pixels);
	}
	return false;
}

static void plan_message(struct rfb_client *self, bool plain)
{
	rfb_plan_add_update(self, self->message->data, self->message->len,
			    plain);
	g_byte_array_set_size(self->message, 0);
}

static void plan_mark(struct rfb_client *self, bool full, gint64 now)
{
	rfb_plan_add_mark(self, self->can_fence, full);
	self->marked_us = now;
}

static bool mark_due(const struct rfb_client *self, gint64 now)
{
	return is_near(self) ||
	       now - self->marked_us >=
		   (gint64)pacer_rtt_us(&self->pacer) / MARKS_A_TRIP;
}

/* What was sent since the last mark has to be known to have arrived, too. */
static void mark_last(struct rfb_client *self)
{
	if (!self->can_fence || !self->continuous || self->pacer.count ||
	    !g_queue_is_empty(&self->plan) ||
	    self->pacer.sent == self->pacer.acked)
		return;
	plan_mark(self, false, g_get_monotonic_time());
	rfb_plan_carry_out(self);
}

/* The end of the parts from `from` on that make an update together. A frame of
 * a film is one of its own: the rest need not wait until it is encoded, nor, if
 * it was overtaken by that, keep the answer to a key from overtaking it. */
static guint part_group(const GArray *parts, guint from, unsigned lead)
{
	guint end = from;
	for (; end < parts->len; end++)
		if (g_array_index(parts, struct view_part, end).what ==
		    VIEW_FILM)
			break;
	return end == from && end < parts->len && !lead ? end + 1 : end;
}

static void add_parts(struct rfb_client *self, const GArray *parts, guint from,
		      guint end, bool coarse)
{
	for (guint i = from; i < end; i++) {
		const struct view_part *part =
		    &g_array_index(parts, struct view_part, i);
		struct rfb_style style;
		style_of(self, part, coarse, &style);
		rfb_plan_add_part(self, &style, part);
	}
}

/* Plans an update if one may begin and there is something to tell. */
static bool begin_update(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	gint64 now = g_get_monotonic_time();
	bool resized =
	    self->can_resize && (self->width != desktop_width(desktop) ||
				 self->height != desktop_height(desktop));
	bool unasked = !self->requested && self->continuous;
	bool fenced = unasked && self->can_fence;
	bool paced = self->can_fence || !self->continuous;
	if (!self->requested && !unasked)
		return false;
	if (self->parts > PARTS_LEFT)
		return false;
	size_t room = paced ? pacer_room(&self->pacer, now) : ROOM_UNPACED;
	/* short updates: the line is measured often, and what is typed gets
	 * in between */
	if (self->plan_in_front)
		room = MAX(room, ECHO_ROOM);
	size_t window = room;
	if (fenced && pacer_rate(&self->pacer))
		room = MIN(room,
			   MAX(pacer_rate(&self->pacer) * UPDATE_US / 1000000,
			       UPDATE_LEAST));
	/* some simple clients take the first update for the whole picture */
	if (self->whole && !self->can_continuous)
		room = BATCH_MAX;
	if (fenced && (!room || !pacer_may_mark(&self->pacer))) {
		if (damage_any(&self->view.stale))
			pacer_filled(&self->pacer);
		return false;
	}
	g_byte_array_set_size(self->message, 0);
	apply_format(self);
	guint at = self->message->len;
	rfb_grow(self->message, 4);
	if (resized) {
		/* alone: the client lays itself out anew before it asks on */
		const struct rect whole = {0, 0, desktop_width(desktop),
					   desktop_height(desktop)};
		self->size_due = true;
		self->blank_due = false;
		view_add(&self->view, &whole);
		set_count(self, at, rfb_pseudo_count(self));
		rfb_pseudo_write(self);
		plan_message(self, false);
		self->requested = false;
		return true;
	}
	const struct rect *within =
	    self->requested ? &self->wanted : &self->continuous_area;
	struct rect area = *within;
	g_autoptr(GArray) parts =
	    g_array_new(FALSE, FALSE, sizeof(struct view_part));
	unsigned count = rfb_pseudo_count(self);
	bool full = false, coarse = is_coarse(self);
	rfb_pseudo_write(self);
	if (self->blank_due) {
		plan_all(self, parts);
	} else {
		count += put_moves(self, &area);
		full = plan_parts(self, parts, &area, MAX(room, 1), now) &&
		       room == window;
	}
	count += parts->len;
	if (!count) {
		/* a new format's colour map alone goes out with the next */
		self->format_due |= at > 0;
		g_byte_array_set_size(self->message, 0);
		return false;
	}
	/* what is not parts leads the first update */
	unsigned lead = count - parts->len;
	guint end = fenced ? part_group(parts, 0, lead) : parts->len;
	set_count(self, at, lead + end);
	plan_message(self, !lead && !at);
	add_parts(self, parts, 0, end, coarse);
	for (guint from = end; from < parts->len; from = end) {
		end = part_group(parts, from, 0);
		rfb_grow(self->message, 4);
		set_count(self, 0, end - from);
		plan_message(self, true);
		add_parts(self, parts, from, end, coarse);
	}
	if (paced) {
		if (!fenced || full || mark_due(self, now))
			plan_mark(self, full, now);
		follow_line(self, full, now);
	}
	self->requested = self->whole = false;
	return true;
}

/* The answer to a key does not wait until a frame of a film is encoded. */
static bool overtake(struct rfb_client *self)
{
	const struct damage *stale = &self->view.stale;
	const struct damage *echo = &self->view.echo;
	if (self->requested || !self->continuous || self->blank_due ||
	    rfb_pseudo_count(self) || self->format_due ||
	    !rfb_plan_may_overtake(self))
		return false;
	/* else it begins as any */
	if (!self->parts && pacer_room(&self->pacer, g_get_monotonic_time()))
		return false;
	bool any = false;
	for (size_t i = 0; i < (size_t)stale->words * stale->rows; i++)
		any = any || (stale->bits[i] & echo->bits[i]);
	if (!any)
		return false;
	unsigned parts = self->parts;
	self->parts = 0;
	self->plan_in_front = true;
	rfb_plan_begin_front(self);
	bool begun = begin_update(self);
	rfb_plan_end_front(self);
	self->plan_in_front = false;
	self->parts += parts;
	return begun;
}

/* ---- going on ---- */

static gboolean on_step(gpointer data)
{
	struct rfb_client *self = data;
	self->step_idle = 0;
	rfb_update_pump(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_rest(gpointer data)
{
	struct rfb_client *self = data;
	self->rest_timer = 0;
	rfb_update_pump(self);
	return G_SOURCE_REMOVE;
}

/* What is not exact has to be looked at again when it may have come to rest;
 * not while the client does not want anything. */
static void look_later(struct rfb_client *self)
{
	if (self->rest_timer || self->line.dead || !view_waits(&self->view) ||
	    (!self->requested && !self->continuous))
		return;
	self->rest_timer = g_timeout_add(REST_MS, on_rest, self);
}

void rfb_update_pump(struct rfb_client *self)
{
	if (self->line.dead || self->state != RFB_STATE_UP || self->step_idle)
		return;
	for (;;) {
		bool in_time = rfb_plan_carry_out(self);
		if (self->line.dead)
			return;
		if (!in_time) {
			self->step_idle = g_idle_add_full(G_PRIORITY_DEFAULT,
							  on_step, self, NULL);
			break;
		}
		if (!overtake(self) && !begin_update(self))
			break;
	}
	mark_last(self);
	line_flush(&self->line);
	look_later(self);
}
