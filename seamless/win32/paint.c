/* From windows to the atlas.
 *
 * The atlas is a picture in memory and a window of ours that shows it. A
 * window's contents are taken into a scratch picture, compared with what the
 * atlas has of them, and what differs is copied into it and onto the screen;
 * then the stamp; then the COMMIT. So damage is exact whatever the source, and
 * the atlas is the only copy that is kept.
 *
 * Nothing tells when a window has drawn. It is looked at often while it
 * changes or is being used, and ever more rarely while it rests. */
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/agent.h"
#include "seamless/win32/damage.h"
#include "seamless/win32/log.h"

#define FRAME_US       16000
#define UNRELEASED_MAX 2u
#define UNRELEASED_US  100000
#define BUSY_US        300000 /* after a change: every frame */
#define ANSWER_US      3000   /* to a key or click: no hint tells of it */
#define USED_US        100000
#define CALM_US        2000000
#define CALM_WAIT_US   60000
#define REST_WAIT_US   400000
#define BLIND_US       1000000 /* no source can read it: shown grey */
#define STAMP_MAGIC    0x4f5249u
#define STAMP_PIXELS   4

/* ---- pictures ---- */

static bool want_scratch(struct agent *agent, int width, int height)
{
	struct canvas *s = &agent->scratch;
	if (s->pixels && s->width >= width && s->height >= height)
		return true;
	width = most(width, s->width);
	height = most(height, s->height);
	canvas_destroy(s);
	return canvas_create(s, width, height);
}

static uint32_t *atlas_row(struct window *self, int row)
{
	struct canvas *c = &self->agent->atlas_canvas;
	return c->pixels + ((int)self->slot.y + 1 + row) * c->stride +
	       (int)self->slot.x;
}

/* What has changed since it was last shown. */
static void compare(struct window *self, int width, int height)
{
	const struct canvas *s = &self->agent->scratch;
	struct damage damage = {.rects = self->rects, .room = DAMAGE_RECTS};
	struct picture_view now = {s->pixels, s->stride};
	struct picture_view before =
	    self->by_port
		? (struct picture_view){self->own.pixels, self->own.stride}
		: (struct picture_view){atlas_row(self, 0),
					self->agent->atlas_canvas.stride};
	damage_compare(&damage, &now, &before, width, height);
	self->n_rects = damage.count;
}

static void copy(struct window *self)
{
	struct agent *agent = self->agent;
	const struct canvas *s = &agent->scratch;
	for (unsigned i = 0; i < self->n_rects; i++) {
		const struct seam_rect *r = &self->rects[i];
		for (int y = r->y; y < r->y + (int)r->height; y++)
			memcpy(atlas_row(self, y) + r->x,
			       s->pixels + y * s->stride + r->x, r->width * 4);
		paint_show(agent, (int)self->slot.x + r->x,
			   (int)self->slot.y + 1 + r->y, (int)r->width,
			   (int)r->height);
	}
}

static void stamp(struct window *self)
{
	struct agent *agent = self->agent;
	const uint32_t pixel[STAMP_PIXELS] = {
	    STAMP_MAGIC, self->peer.id, self->generation, self->peer.frame};
	uint32_t *to = atlas_row(self, -1);
	for (int i = 0; i < STAMP_PIXELS; i++)
		to[i] = pixel[i] & 0xffffff;
	paint_show(agent, (int)self->slot.x, (int)self->slot.y, STAMP_PIXELS,
		   1);
}

void paint_whole(struct window *self)
{
	if (!self->drawn_width)
		return; /* its first frame is whole anyway */
	self->whole = true;
	self->dirty |= DIRTY_COMMIT;
	self->look_us = 0;
}

/* ---- when ---- */

void paint_used(struct window *self)
{
	self->used_us = time_now();
	if (self->look_us > self->used_us + ANSWER_US)
		self->look_us = self->used_us + ANSWER_US;
}

static int64_t pace(const struct window *self, int64_t now)
{
	int64_t quiet =
	    now - (self->stir_us > self->changed_us ? self->stir_us
						    : self->changed_us);
	if (self->used_us > self->changed_us && now < self->used_us + USED_US)
		return ANSWER_US;
	if (quiet < BUSY_US)
		return FRAME_US;
	if (quiet < CALM_US || self == self->agent->focus)
		return CALM_WAIT_US;
	return REST_WAIT_US;
}

/* Whether a picture is to be taken now; *again: when, if not. */
static bool ready(struct window *self, int64_t now, int64_t *again)
{
	*again = TIME_NEVER;
	/* hidden windows still answer */
	if (!self->announced ||
	    (self->starved && !self->by_port && !self->peer.turn.waiting) ||
	    (!self->shown && !self->peer.turn.waiting))
		return false;
	if (self->peer.turn.waiting && place_settled(self, now) == 0) {
		*again = now + FRAME_US / 2;
		return false;
	}
	int64_t due = self->look_us;
	if (!self->peer.turn.waiting && self->committed &&
	    self->peer.frame - self->peer.released >= UNRELEASED_MAX &&
	    due < self->painted_us + UNRELEASED_US)
		due = self->painted_us + UNRELEASED_US;
	/* a hint since the last look is reason enough after one frame */
	int64_t hinted = self->stir_us + FRAME_US;
	if (self->stir_us > self->look_us - REST_WAIT_US && hinted < due &&
	    self->committed &&
	    self->peer.frame - self->peer.released < UNRELEASED_MAX)
		due = hinted;
	if (now >= due)
		return true;
	*again = due;
	return false;
}

static void commit(struct window *self, int refused)
{
	uint8_t wire[DAMAGE_RECTS * SEAM_RECT_SIZE];
	size_t used = 0;
	struct agent *agent = self->agent;
	struct seam_message message = {.type = SEAM_COMMIT,
				       .window = self->peer.id};
	struct seam_commit *c = &message.commit;
	for (unsigned i = 0; i < self->n_rects; i++)
		used += seam_rect_put(wire + used, self->rects[i]);
	bool refuses = false;
	if (refused >= 0) {
		c->configure = turn_commit(&self->peer.turn, self->drawn_width,
					   self->drawn_height, true, &refuses);
		c->refused = refuses;
		place_answered(self);
	}
	c->generation = self->generation;
	c->frame = self->peer.frame;
	c->width = self->drawn_width;
	c->height = self->drawn_height;
	c->scale = SEAM_SCALE_ONE;
	c->head = (uint8_t)agent->head;
	if (!self->by_port) { /* else 0, 0, where no contents can be */
		c->atlas_x =
		    (uint32_t)(agent->atlas_place.left - agent->atlas_told.x) +
		    self->slot.x;
		c->atlas_y =
		    (uint32_t)(agent->atlas_place.top - agent->atlas_told.y) +
		    self->slot.y + 1;
	}
	c->damage = (struct seam_array){wire, self->n_rects};
	agent_send(agent, &message);
	self->n_rects = 0;
	self->committed = true;
	self->dirty &= ~(unsigned)DIRTY_COMMIT;
	struct turn_ask ask;
	if (turn_next(&self->peer.turn, &ask))
		place_configure(self, &ask);
}

/* A minimized window shows what it had; one that never showed anything gets a
 * plain picture. */
static bool take_picture(struct window *self, int width, int height,
			 int64_t now)
{
	struct agent *agent = self->agent;
	if (!want_scratch(agent, width, height))
		return false;
	struct canvas view = agent->scratch;
	view.width = width;
	view.height = height;
	if (pixels_read(self, &view) == PIXELS_TAKEN) {
		GdiFlush();
		/* the size may have changed under our hands */
		RECT place;
		int margin[4];
		return props_bounds(self->hwnd, &place, margin) &&
		       place.right - place.left == width &&
		       place.bottom - place.top == height;
	}
	if (self->committed || now < self->changed_us + BLIND_US)
		return false;
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			view.pixels[y * view.stride + x] = 0xc0c0c0;
	return true;
}

/* A place for contents of this size: in the atlas, or, where that has none
 * and the client takes it, on the way through the port. False: it waits. */
static bool find_place(struct window *self, int width, int height, bool resized)
{
	bool tried = self->by_port && self->starved && !resized;
	if (tried)
		return true; /* until there is room in the atlas */
	if (slots_take(self)) {
		byport_end(self);
		self->starved = false;
	} else {
		self->starved = true;
		if (!(self->agent->peer_capabilities & SEAM_CAP_PIXELS) ||
		    !slots_leave(self) || !byport_begin(self, width, height))
			return false;
	}
	self->drawn_width = (uint32_t)width;
	self->drawn_height = (uint32_t)height;
	self->generation++;
	self->whole = true;
	return true;
}

/* One window: a picture, and a COMMIT if there is something to say. */
static void paint(struct window *self, int64_t now)
{
	int width = self->place.right - self->place.left;
	int height = self->place.bottom - self->place.top;
	int settled = self->peer.turn.waiting ? place_settled(self, now) : -1;
	bool keep = self->iconic && self->drawn_width;
	if (keep) {
		width = (int)self->drawn_width;
		height = (int)self->drawn_height;
	}
	bool resized = self->drawn_width != (uint32_t)width ||
		       self->drawn_height != (uint32_t)height;
	self->look_us = now + pace(self, now);
	if (settled == 3 && !resized)
		settled = 1; /* a move has nothing to draw */
	/* one that DWM draws in the atlas itself must have its place first */
	if (!keep && pixels_in_place(&self->pixels) &&
	    (resized || !self->slot.width)) {
		if (!find_place(self, width, height, resized))
			return;
		resized = false;
	}
	if (!keep) {
		bool taken = take_picture(self, width, height, now);
		/* an answer is owed even where there is no picture to be had */
		keep = !taken && settled == 2 && self->committed;
		if (!taken && !keep) {
			self->look_us = now + FRAME_US;
			return;
		}
	}
	if (!keep) {
		/* A new size is shown when it has been drawn: when two
		 * pictures in a row are alike, or after a while. */
		if (resized || settled == 3) {
			const struct canvas *s = &self->agent->scratch;
			uint64_t now_sum = damage_sum(
			    &(struct picture_view){s->pixels, s->stride}, width,
			    height);
			bool rests = now_sum == self->last_sum;
			self->last_sum = now_sum;
			if (!rests && (settled == 3 ||
				       (settled < 0 &&
					now < self->changed_us + 120000))) {
				self->look_us = now + FRAME_US;
				return;
			}
		}
		bool placed = (!resized && self->slot.width) ||
			      find_place(self, width, height, resized);
		/* what refuses a size answers with what it had */
		if (!placed && (settled != 2 || !self->slot.width))
			return;
		if (!placed) {
			self->n_rects = 0;
		} else if (self->by_port) {
			if (self->whole)
				byport_forget(self, width, height);
			self->whole = false;
			compare(self, width, height);
		} else if (self->whole) {
			self->n_rects = 1;
			self->rects[0] = (struct seam_rect){
			    0, 0, (uint32_t)width, (uint32_t)height};
			self->whole = false;
		} else {
			compare(self, width, height);
		}
		if (self->n_rects) {
			self->changed_us = now;
			self->look_us = now + FRAME_US;
		}
	}
	if (!self->n_rects && !(self->dirty & DIRTY_COMMIT) && settled < 0)
		return;
	if (self->by_port && !byport_send(self)) {
		self->look_us = now + FRAME_US; /* the rest, then */
		return;
	}
	if (!self->by_port)
		copy(self);
	self->peer.frame++;
	if (!self->by_port)
		stamp(self);
	self->painted_us = now;
	commit(self, settled);
}

int64_t paint_all(struct agent *agent, int64_t now)
{
	int64_t due = TIME_NEVER, again;
	if (agent->secure)
		return due;
	/* the one with focus first */
	for (int i = -1; i < (int)agent->n_windows; i++) {
		struct window *w = i < 0 ? agent->focus : agent->windows[i];
		if (!w || (i >= 0 && w == agent->focus))
			continue;
		if (!link_has_room(agent->link))
			break;
		if (ready(w, now, &again)) {
			paint(w, now);
			again = w->look_us;
		}
		due = sooner(due, again);
	}
	return due;
}
