/* From windows to the atlas.
 *
 * Each window's pixmap is copied where damage says so, then the stamp is
 * drawn, then - after one round trip for all windows together, so that the
 * pixels are there before the message - the COMMITs leave.
 *
 * A new size waits until the application has drawn: until its sync counter
 * says so, or, where it has none, until its drawing has paused. A deadline
 * ends the wait: an application that hangs keeps its window. */
#include "seamless/agent/agent.h"

#include <X11/Xutil.h>
#include <X11/extensions/Xcomposite.h>
#include <X11/extensions/Xrender.h>
#include <string.h>

#define FRAME_US       (8 * 1000) /* two paints of a window at the least */
#define UNRELEASED_MAX 2u         /* frames; docs/seamless.md */
#define UNRELEASED_US  (100 * 1000)
#define PAUSE_US       (15 * 1000)   /* a toolkit without counters has drawn */
#define SETTLE_US      (60 * 1000)   /* or has drawn for that long */
#define DRAW_US        (250 * 1000)  /* such a one at the latest */
#define COUNT_US       (1000 * 1000) /* one with a counter at the latest */
#define STAMP_MAGIC    0x4f5249u
#define STAMP_PIXELS   4

bool paint_open(struct agent *agent)
{
	XGCValues values = {.subwindow_mode = IncludeInferiors,
			    .graphics_exposures = False};
	agent->copy_gc =
	    XCreateGC(agent->display, agent->root,
		      GCSubwindowMode | GCGraphicsExposures, &values);
	XRenderPictFormat *format = XRenderFindVisualFormat(
	    agent->display, DefaultVisual(agent->display, agent->screen));
	if (!format)
		return false;
	XRenderPictureAttributes attributes = {.subwindow_mode =
						   IncludeInferiors};
	agent->root_picture = XRenderCreatePicture(
	    agent->display, agent->root, format, CPSubwindowMode, &attributes);
	return true;
}

void paint_begin(struct window *self)
{
	self->damage = XDamageCreate(self->agent->display, self->frame,
				     XDamageReportDeltaRectangles);
	paint_resized(self);
}

static void forget_pixmap(struct window *self)
{
	if (self->picture)
		XRenderFreePicture(self->agent->display, self->picture);
	if (self->pixmap)
		XFreePixmap(self->agent->display, self->pixmap);
	self->picture = None;
	self->pixmap = None;
}

void paint_resized(struct window *self)
{
	forget_pixmap(self);
	self->changed_us = self->first_us = 0;
	self->deadline_us =
	    g_get_monotonic_time() + (self->counting ? COUNT_US : DRAW_US);
	agent_step_at(self->agent, self->deadline_us);
}

static void damage_whole(struct window *self)
{
	self->n_rects = 1;
	self->rects[0] = (XRectangle){0, 0, (unsigned short)self->width,
				      (unsigned short)self->height};
}

void paint_damage(struct window *self, const XRectangle *rect)
{
	struct agent *agent = self->agent;
	self->changed_us = g_get_monotonic_time();
	if (!self->first_us)
		self->first_us = self->changed_us;
	int x0 = MAX(rect->x + self->border, 0);
	int y0 = MAX(rect->y + self->border, 0);
	int x1 = MIN(rect->x + self->border + rect->width, self->width);
	int y1 = MIN(rect->y + self->border + rect->height, self->height);
	if (x0 < x1 && y0 < y1) {
		if (self->n_rects == DAMAGE_RECTS) {
			for (unsigned i = 0; i < self->n_rects; i++) {
				XRectangle *r = &self->rects[i];
				x0 = MIN(x0, r->x);
				y0 = MIN(y0, r->y);
				x1 = MAX(x1, r->x + r->width);
				y1 = MAX(y1, r->y + r->height);
			}
			self->n_rects = 0;
		}
		self->rects[self->n_rects++] = (XRectangle){
		    (short)x0, (short)y0, (unsigned short)(x1 - x0),
		    (unsigned short)(y1 - y0)};
	}
	agent_step_soon(agent);
}

void paint_end(struct window *self)
{
	forget_pixmap(self);
	if (self->damage)
		XDamageDestroy(self->agent->display, self->damage);
	self->damage = None;
}

void paint_whole(struct window *self)
{
	if (!self->drawn_width)
		return; /* its first frame is whole anyway */
	damage_whole(self);
	window_mark(self, DIRTY_COMMIT);
}

/* ---- drawing ---- */

static void name_pixmap(struct window *self)
{
	Display *display = self->agent->display;
	self->pixmap = XCompositeNameWindowPixmap(display, self->frame);
	if (self->depth != DefaultDepth(display, self->agent->screen)) {
		XRenderPictFormat *format =
		    XRenderFindVisualFormat(display, self->visual);
		if (format)
			self->picture = XRenderCreatePicture(
			    display, self->pixmap, format, 0, NULL);
	}
}

static void copy(struct window *self, const XRectangle *r)
{
	struct agent *agent = self->agent;
	int x = agent->atlas_x + (int)self->slot.x + r->x;
	int y = agent->atlas_y + (int)self->slot.y + 1 + r->y;
	if (self->picture)
		XRenderComposite(agent->display, PictOpSrc, self->picture, None,
				 agent->root_picture, r->x, r->y, 0, 0, x, y,
				 r->width, r->height);
	else
		XCopyArea(agent->display, self->pixmap, agent->root,
			  agent->copy_gc, r->x, r->y, r->width, r->height, x,
			  y);
}

static void stamp(struct window *self)
{
	struct agent *agent = self->agent;
	uint32_t pixel[STAMP_PIXELS] = {STAMP_MAGIC, self->peer.id,
					self->generation, self->peer.frame};
	for (int i = 0; i < STAMP_PIXELS; i++)
		pixel[i] &= 0xffffff;
	XImage image = {.width = STAMP_PIXELS,
			.height = 1,
			.format = ZPixmap,
			.data = (char *)pixel,
			.byte_order = LSBFirst,
			.bitmap_unit = 32,
			.bitmap_bit_order = LSBFirst,
			.bitmap_pad = 32,
			.depth = 24,
			.bytes_per_line = sizeof pixel,
			.bits_per_pixel = 32,
			.red_mask = 0xff0000,
			.green_mask = 0xff00,
			.blue_mask = 0xff};
	if (XInitImage(&image))
		XPutImage(agent->display, agent->root, agent->copy_gc, &image,
			  0, 0, agent->atlas_x + (int)self->slot.x,
			  agent->atlas_y + (int)self->slot.y, STAMP_PIXELS, 1);
}

/* Whether it is time; if not, when to look again (0: an event will tell). */
static bool ready(struct window *self, gint64 now, gint64 *again)
{
	bool resized = self->drawn_width != (uint32_t)self->width ||
		       self->drawn_height != (uint32_t)self->height;
	*again = 0;
	/* hidden windows still answer */
	if (!self->announced || (self->starved && !self->by_port) ||
	    (!self->shown && !self->peer.turn.waiting))
		return false;
	if (!self->n_rects && !(self->dirty & DIRTY_COMMIT) && !resized)
		return false;
	if (resized && now < self->deadline_us) {
		*again = self->deadline_us;
		if (self->counting)
			return false;
		if (!self->counted) {
			if (!self->changed_us)
				return false;
			gint64 drawn = MIN(self->changed_us + PAUSE_US,
					   self->first_us + SETTLE_US);
			if (now < drawn) {
				*again = MIN(*again, drawn);
				return false;
			}
		}
	}
	/* an answer, a new size or the rest of a frame is not held back by
	 * pacing */
	if (resized || self->half_sent || (self->dirty & DIRTY_COMMIT))
		return true;
	if (self->peer.frame - self->peer.released >= UNRELEASED_MAX &&
	    now < self->painted_us + UNRELEASED_US) {
		*again = self->painted_us + UNRELEASED_US;
		return false;
	}
	if (now < self->painted_us + FRAME_US) {
		*again = self->painted_us + FRAME_US;
		return false;
	}
	return true;
}

/* Room for a new size, in the atlas or by the port; false: it has to wait. */
static bool settle(struct window *self)
{
	/* by the port already, and nothing has become free since */
	enum slots_found found =
	    self->starved && self->by_port ? SLOTS_NONE : slots_take(self);
	bool can = self->agent->peer_capabilities & SEAM_CAP_PIXELS;
	self->starved = found != SLOTS_TAKEN;
	self->by_port =
	    can && (found == SLOTS_NONE || (self->starved && self->by_port));
	if (self->starved && !self->by_port)
		return false;
	if (self->by_port && self->slot.width)
		slots_leave(self);
	self->drawn_width = (uint32_t)self->width;
	self->drawn_height = (uint32_t)self->height;
	self->generation++;
	self->half_sent = false;
	damage_whole(self);
	return true;
}

/* Draws what has changed; false where the COMMIT is not due yet. */
static bool paint(struct window *self, gint64 now)
{
	struct agent *agent = self->agent;
	bool resized = self->drawn_width != (uint32_t)self->width ||
		       self->drawn_height != (uint32_t)self->height;
	/* The damage list is in the size of now: a whole window needs no
	 * other. */
	if ((resized || (!self->slot.width && !self->starved)) && !settle(self))
		return false;
	if (!self->pixmap)
		name_pixmap(self);
	/* first take note, then copy: what comes between is drawn twice, not
	 * never */
	XDamageSubtract(agent->display, self->damage, None, None);
	if (self->by_port) {
		self->half_sent = !pixels_send(self);
		if (self->half_sent)
			return false;
		self->peer.frame++;
	} else {
		for (unsigned i = 0; i < self->n_rects; i++)
			copy(self, &self->rects[i]);
		self->peer.frame++;
		stamp(self);
	}
	self->painted_us = now;
	return true;
}

static void commit(struct window *self)
{
	uint8_t wire[DAMAGE_RECTS * SEAM_RECT_SIZE];
	size_t used = 0;
	struct agent *agent = self->agent;
	struct seam_message message = {.type = SEAM_COMMIT,
				       .window = self->peer.id};
	struct seam_commit *c = &message.commit;
	for (unsigned i = 0; i < self->n_rects; i++) {
		const XRectangle *r = &self->rects[i];
		used += seam_rect_put(
		    wire + used,
		    (struct seam_rect){r->x, r->y, r->width, r->height});
	}
	bool refused = false;
	c->configure = turn_commit(&self->peer.turn, self->drawn_width,
				   self->drawn_height, true, &refused);
	c->refused = refused;
	c->generation = self->generation;
	c->frame = self->peer.frame;
	c->width = self->drawn_width;
	c->height = self->drawn_height;
	c->scale = SEAM_SCALE_ONE;
	c->frame_left = (uint32_t)self->shadow[0];
	c->frame_right = (uint32_t)self->shadow[1];
	c->frame_top = (uint32_t)self->shadow[2];
	c->frame_bottom = (uint32_t)self->shadow[3];
	if (!self->by_port) { /* else 0, 0, where no contents can be */
		c->head = (uint8_t)agent->head;
		c->atlas_x =
		    (uint32_t)(agent->atlas_x - agent->head_x) + self->slot.x;
		c->atlas_y = (uint32_t)(agent->atlas_y - agent->head_y) +
			     self->slot.y + 1;
	}
	c->damage = (struct seam_array){wire, self->n_rects};
	agent_send(agent, &message);
	self->n_rects = 0;
	self->committed = true;
	self->counted = false;
	self->dirty &= ~(unsigned)DIRTY_COMMIT;
	struct turn_ask ask;
	if (turn_next(&self->peer.turn, &ask))
		manage_place(self, &ask);
}

void paint_all(struct agent *agent)
{
	gint64 now = g_get_monotonic_time(), again;
	g_autoptr(GPtrArray) painted = g_ptr_array_new();
	if (!agent->peer_ready)
		return;
	/* the one with focus first */
	for (gint i = -1; i < (gint)agent->windows->len; i++) {
		struct window *w =
		    i < 0 ? agent->focus : agent->windows->pdata[i];
		if (!w || (i >= 0 && w == agent->focus))
			continue;
		if (!link_has_room(agent->link))
			break;
		if (ready(w, now, &again) && paint(w, now))
			g_ptr_array_add(painted, w);
		else if (again)
			agent_step_at(agent, again);
	}
	if (!painted->len)
		return;
	XSync(agent->display, False);
	for (guint i = 0; i < painted->len; i++)
		commit(painted->pdata[i]);
}
