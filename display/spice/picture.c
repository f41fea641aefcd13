/* The display channel: its sizes and its turns.
 *
 * A new size is painted on a hidden surface with the same means, and shown
 * when it is complete: clients see one whole picture, then the next. Where
 * that takes long it is shown as far as it has come. */
#include "display/spice/picture.h"

/* Of the main loop at a stretch, before others get their turn. */
#define SLICE_US 4000
/* Between two looks at what may have come to rest. */
#define REST_MS 25
/* A first picture that is not complete by then is shown as far as it is. */
#define HIDDEN_US 700000

/* ---- sizes ---- */

/* A new surface, out of sight as long as there is nothing on it. */
static void lay_out(struct spice_channel *self)
{
	struct picture *picture = self->state;
	spice_plan_clear(picture);
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

static bool take_next(struct spice_channel *self, gint64 now)
{
	struct picture *picture = self->state;
	struct view *view = &picture->view;
	if (!picture->asked)
		return false;
	if (picture->layout_due)
		lay_out(self);
	if (!spice_choose_moves(self, now))
		return false;
	if (spice_choose_part(self, now))
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
		spice_choose_begin_waiting(self);
		if (!spice_plan_send(self))
			return true;
		now = g_get_monotonic_time();
		if (!take_next(self, now))
			break;
	} while (now < until);
	spice_plan_send(self);
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
	picture->quality = SPICE_QUALITY_MOST;
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
	spice_plan_clear(picture);
	spice_film_finish(&picture->film);
}

static void release(void *state)
{
	struct picture *picture = state;
	spice_plan_clear(picture);
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

guint64 spice_picture_rate(const struct spice_channel *self)
{
	const struct picture *picture = self ? self->state : NULL;
	return picture ? pacer_rate(&picture->pacer) : 0;
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
