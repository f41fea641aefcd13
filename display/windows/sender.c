/* Whose turn it is: the window with the focus, then what pops up over others,
 * then the one that has waited longest. A frame's tiles go out without other
 * windows' in between only as far as the queue allows; the client shows a
 * frame whole, at its COMMIT. */
#include "display/windows/private.h"

static uint32_t flying(const struct window *window)
{
	return window->frame - window->released;
}

static bool has_work(const struct window *window)
{
	return window->valid && window->at.w && !window->unmapped &&
	       (window->told_due || damage_any(&window->due.tiles)) &&
	       flying(window) < FRAMES_FLYING;
}

static unsigned rank(const struct windows *self, const struct window *window)
{
	if (window->id == self->focus)
		return 0;
	return window->kind != SEAM_TOPLEVEL ? 1 : 2;
}

static struct window *whose_turn(struct windows *self)
{
	struct window *best = NULL, *window;
	for (unsigned i = 0; (window = table_at(self->table, i)); i++) {
		if (!has_work(window))
			continue;
		if (!best || rank(self, window) < rank(self, best) ||
		    (rank(self, window) == rank(self, best) &&
		     window->served < best->served))
			best = window;
	}
	return best;
}

static void send_tile(struct windows *self, struct window *window,
		      const struct rect *part)
{
	const struct desktop *desktop =
	    windows_picture(self, window->shown.place.head);
	size_t stride = desktop_width(desktop);
	struct seam_message message = {.type = SEAM_PIXELS,
				       .window = window->id};
	message.pixels = (struct seam_pixels){
	    .generation = window->shown.generation,
	    .frame = window->frame + 1,
	    .width = window->at.w,
	    .height = window->at.h,
	    .area = {(int32_t)part->x, (int32_t)part->y, part->w, part->h},
	};
	encoder_run(self->encoder,
		    desktop_pixels(desktop) +
			(window->at.y + part->y) * stride + window->at.x +
			part->x,
		    stride, &message.pixels);
	pipe_send(self->client, &message);
}

static void release(struct windows *self, struct window *window, uint32_t frame)
{
	struct seam_message message = {.type = SEAM_RELEASE,
				       .window = window->id};
	message.release.frame = frame;
	if (self->port)
		pipe_send(self->port, &message);
}

/* The frame is whole on its way: show it, and give the atlas back. */
void windows_send_commit(struct windows *self, struct window *window)
{
	const struct frame *shown = &window->shown;
	struct seam_message message = {.type = SEAM_COMMIT,
				       .window = window->id};
	window->frame++;
	message.commit = (struct seam_commit){
	    .generation = shown->generation,
	    .configure = shown->configure,
	    .refused = shown->refused,
	    .frame = window->frame,
	    .width = shown->place.width,
	    .height = shown->place.height,
	    .scale = shown->scale,
	    .frame_left = shown->left,
	    .frame_top = shown->top,
	    .frame_right = shown->right,
	    .frame_bottom = shown->bottom,
	};
	/* a new client hears that the window has its place already */
	if (window->frame == 1 && !shown->configure)
		message.commit.configure = GPOINTER_TO_UINT(g_hash_table_lookup(
		    self->placed, GUINT_TO_POINTER(window->id)));
	pipe_send(self->client, &message);
	window->told_due = false;
	if (window->by_port) /* the client's is passed on */
		window->shown.configure = 0;
	else
		release(self, window, shown->number);
}

void windows_release_by_port(struct windows *self, struct window *window)
{
	/* one of the agent's frames is one of ours there */
	if (window->by_port)
		release(self, window, window->shown.number - flying(window));
}

void windows_send(struct windows *self)
{
	if (!self->client || !self->greeted)
		return;
	struct window *window;
	while (pipe_queued(self->client) < CLIENT_QUEUE &&
	       (window = whose_turn(self))) {
		struct rect part;
		window->served = ++self->turn;
		if (atlas_damage_take(&window->due, ENCODE_SIDE, &part))
			send_tile(self, window, &part);
		if (!damage_any(&window->due.tiles))
			windows_send_commit(self, window);
	}
}

/* ---- what has come ---- */

static gboolean on_patience(void *data)
{
	struct windows *self = data;
	self->patience = 0;
	windows_look(self);
	windows_send(self);
	return G_SOURCE_REMOVE;
}

/* Whether the commit can be taken now: its stamp is there, or late. */
static bool ready(struct windows *self, struct window *window, struct rect *at,
		  gint64 now_us)
{
	const struct frame *waits = &window->waits;
	const struct desktop *desktop =
	    windows_picture(self, waits->place.head);
	if (!atlas_find(desktop, &waits->place, at))
		return false; /* the head may be about to grow */
	return atlas_has_frame(desktop, at, window->id, waits->generation,
			       waits->number) ||
	       now_us - window->waits_since_us >= STAMP_PATIENCE_US;
}

void windows_look(struct windows *self)
{
	gint64 now = g_get_monotonic_time();
	bool waiting = false;
	struct window *window;
	for (unsigned i = 0; (window = table_at(self->table, i)); i++) {
		struct rect at;
		if (!window->waiting)
			continue;
		if (ready(self, window, &at, now))
			window_accept(window, &at);
		else
			waiting = true;
	}
	if (waiting && !self->patience)
		self->patience = g_timeout_add(STAMP_PATIENCE_US / 1000 / 4,
					       on_patience, self);
}

void windows_all_stale(struct windows *self, const struct desktop *desktop)
{
	struct window *window;
	for (unsigned i = 0; (window = table_at(self->table, i)); i++) {
		struct rect at;
		if (!window->valid ||
		    windows_picture(self, window->shown.place.head) != desktop)
			continue;
		if (!atlas_find(desktop, &window->shown.place, &at)) {
			window->at.w = 0; /* until the head is back */
			continue;
		}
		window->at = at;
		atlas_damage_init(&window->changed, &at);
		atlas_damage_init(&window->due, &at);
		atlas_damage_all(&window->due);
		window->told_due = true;
	}
}
