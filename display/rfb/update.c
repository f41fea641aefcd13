/* Framebuffer updates.
 *
 * An update is a list of rectangles whose number is told at its beginning;
 * they are read from the desktop and encoded one by one, only as fast as the
 * client takes the bytes. What changes meanwhile is stale again and comes with
 * the next update. So a slow client costs a bitmap and one rectangle, sees the
 * newest state of each part, and holds nobody.
 *
 * What JPEG made inexact is noted, and sent again exactly once it has rested
 * and nothing newer waits. */
#include <string.h>

#include "display/rfb/client.h"

/* Encoded ahead of the socket: enough to keep it busy, little enough that
 * what is encoded is still true when it arrives. */
#define AHEAD_MAX (128u << 10)
/* Of the main loop at a stretch, before others get their turn. */
#define SLICE_US 4000
/* A part is at rest when it was not touched between two looks. */
#define REST_MS 60
/* Updates on their way to a client with continuous updates: one that it
 * shows, one that travels. More would only grow old in buffers. */
#define IN_FLIGHT_MAX 2
/* The count of rectangles is 16 bits; what is beyond waits its turn. */
#define RECTS_MAX 32768u

void rfb_update_init(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	unsigned width = desktop_width(desktop),
		 height = desktop_height(desktop);
	rfb_coder_init(&self->coder);
	self->encoding = self->cursor_encoding = RFB_ENC_RAW;
	damage_init(&self->stale, width, height);
	damage_init(&self->lossy, width, height);
	damage_init(&self->touched, width, height);
	damage_init(&self->refine, width, height);
	damage_all(&self->stale);
	self->rects = g_array_new(FALSE, FALSE, sizeof(struct rfb_rect16));
	self->pixels = g_new(uint32_t, RFB_RECT_SIDE * RFB_RECT_SIDE);
}

void rfb_update_finish(struct rfb_client *self)
{
	if (!self->rects)
		return;
	if (self->step_idle)
		g_source_remove(self->step_idle);
	if (self->rest_timer)
		g_source_remove(self->rest_timer);
	self->step_idle = self->rest_timer = 0;
	rfb_coder_finish(&self->coder);
	damage_finish(&self->stale);
	damage_finish(&self->lossy);
	damage_finish(&self->touched);
	damage_finish(&self->refine);
	g_clear_pointer(&self->rects, g_array_unref);
	g_clear_pointer(&self->pixels, g_free);
}

bool rfb_update_in_progress(const struct rfb_client *self)
{
	return self->rects && self->next_rect < self->rects->len;
}

void rfb_update_laid_out(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	unsigned width = desktop_width(desktop),
		 height = desktop_height(desktop);
	damage_init(&self->stale, width, height);
	damage_init(&self->lossy, width, height);
	damage_init(&self->touched, width, height);
	damage_init(&self->refine, width, height);
	damage_all(&self->stale);
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

void rfb_update_request(struct rfb_client *self, bool incremental,
			const struct rect *area)
{
	if (!incremental) {
		damage_add(&self->stale, area);
		/* rfbproto, ExtendedDesktopSize: so a client learns of it */
		self->size_due |= self->can_resize_extended;
	}
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

/* ---- exactness of what rests ---- */

static gboolean on_rest(gpointer data)
{
	struct rfb_client *self = data;
	size_t count = (size_t)self->lossy.words * self->lossy.rows;
	for (size_t i = 0; i < count; i++) {
		uint64_t rested = self->lossy.bits[i] & ~self->touched.bits[i];
		self->refine.bits[i] |= rested;
		self->lossy.bits[i] &= ~rested;
	}
	damage_clear(&self->touched);
	bool more = damage_any(&self->lossy);
	if (!more)
		self->rest_timer = 0;
	rfb_update_pump(self);
	return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void note_inexact(struct rfb_client *self, const struct rect *rect)
{
	damage_add(&self->lossy, rect);
	damage_add(&self->touched, rect);
	if (!self->rest_timer)
		self->rest_timer = g_timeout_add(REST_MS, on_rest, self);
}

/* ---- writing ---- */

static void apply_format(struct rfb_client *self)
{
	if (!self->format_due)
		return;
	self->format_due = false;
	rfb_format_init(&self->coder.format, &self->next_format);
	if (self->coder.format.colour_map)
		rfb_format_write_map(self->out);
	/* a cursor is made of pixels, too */
	self->cursor_due |= self->cursor_encoding == RFB_ENC_CURSOR &&
			    display_cursor(rfb_server_display(self->server));
}

static void begin_message(struct rfb_client *self, unsigned count)
{
	uint8_t header[4] = {0};
	rfb_put16(header + 2, count);
	g_byte_array_append(self->out, header, 4);
}

/* Rectangles of `from` that the client may have now. */
static void collect(struct rfb_client *self, struct damage *from,
		    const struct rect *within)
{
	struct rect rect;
	while (self->rects->len < RECTS_MAX &&
	       damage_take(from, within, RFB_RECT_SIDE, &rect)) {
		if (!rect_clip(&rect, self->width, self->height))
			continue;
		struct rfb_rect16 item = {rect.x, rect.y, rect.w, rect.h};
		g_array_append_val(self->rects, item);
	}
}

/* A client that cannot follow a change of size gets all of its own size. */
static void collect_all(struct rfb_client *self)
{
	self->blank_due = false;
	damage_clear(&self->stale);
	for (unsigned y = 0; y < self->height; y += RFB_RECT_SIDE)
		for (unsigned x = 0; x < self->width; x += RFB_RECT_SIDE) {
			struct rfb_rect16 item = {
			    x, y, MIN(RFB_RECT_SIDE, self->width - x),
			    MIN(RFB_RECT_SIDE, self->height - y)};
			g_array_append_val(self->rects, item);
		}
}

/* Begins an update if one may begin and there is something to tell. */
static bool begin_update(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	bool resized =
	    self->can_resize && (self->width != desktop_width(desktop) ||
				 self->height != desktop_height(desktop));
	bool unasked = !self->requested && self->continuous;
	if (!self->requested && !unasked)
		return false;
	if (unasked && self->can_fence && self->in_flight >= IN_FLIGHT_MAX)
		return false;
	g_array_set_size(self->rects, 0);
	self->next_rect = 0;
	if (resized) {
		/* alone: the client lays itself out anew before it asks on */
		self->size_due = true;
		apply_format(self);
		unsigned pseudo = rfb_pseudo_count(self);
		begin_message(self, pseudo);
		rfb_pseudo_write(self);
		self->requested = false;
		return true;
	}
	self->refining = false;
	const struct rect *within =
	    self->requested ? &self->wanted : &self->continuous_area;
	if (self->blank_due)
		collect_all(self);
	else
		collect(self, &self->stale, within);
	bool pseudo_due = rfb_pseudo_count(self) > 0;
	if (!self->rects->len && !pseudo_due) {
		collect(self, &self->refine, within);
		self->refining = true;
	}
	if (!self->rects->len && !pseudo_due)
		return false;
	apply_format(self);
	begin_message(self, self->rects->len + rfb_pseudo_count(self));
	rfb_pseudo_write(self);
	self->requested = false;
	if (unasked && self->can_fence) {
		/* goes out behind the update's last rectangle */
		static const uint8_t fence[10] = {
		    248, 0, 0, 0, 0x80, 0, 0, 0, 1, RFB_UPDATE_FENCE};
		self->in_flight++;
		rfb_client_send(self, fence, sizeof fence);
	}
	return true;
}

void rfb_update_arrived(struct rfb_client *self)
{
	if (self->in_flight)
		self->in_flight--;
}

static void write_rect(struct rfb_client *self)
{
	const struct desktop *desktop =
	    display_desktop(rfb_server_display(self->server));
	const struct rfb_rect16 *item =
	    &g_array_index(self->rects, struct rfb_rect16, self->next_rect++);
	struct rect rect = {item->x, item->y, item->w, item->h};
	desktop_read(desktop, &rect, self->pixels);
	if (!rfb_encode(&self->coder, self->encoding, rect.x, rect.y, rect.w,
			rect.h, self->pixels, self->refining, self->out))
		note_inexact(self, &rect);
	if (!rfb_update_in_progress(self) && self->later->len) {
		g_byte_array_append(self->out, self->later->data,
				    self->later->len);
		g_byte_array_set_size(self->later, 0);
	}
}

static gboolean on_step(gpointer data)
{
	struct rfb_client *self = data;
	self->step_idle = 0;
	rfb_update_pump(self);
	return G_SOURCE_REMOVE;
}

void rfb_update_pump(struct rfb_client *self)
{
	gint64 until = g_get_monotonic_time() + SLICE_US;
	if (self->dead || self->state != RFB_STATE_UP || self->step_idle)
		return;
	while (!self->dead) {
		if (rfb_client_queued(self) >= AHEAD_MAX)
			rfb_client_flush(self);
		if (self->dead || rfb_client_queued(self) >= AHEAD_MAX)
			return; /* goes on when the socket takes more */
		if (!rfb_update_in_progress(self) && !begin_update(self))
			break;
		if (rfb_update_in_progress(self))
			write_rect(self);
		if (!rfb_update_in_progress(self))
			rfb_client_flush(self);
		if (g_get_monotonic_time() >= until) {
			rfb_client_flush(self);
			if (!self->dead)
				self->step_idle = g_idle_add_full(
				    G_PRIORITY_DEFAULT, on_step, self, NULL);
			return;
		}
	}
	rfb_client_flush(self);
}
