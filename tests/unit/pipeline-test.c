/* The display's pipeline without a protocol: moves, what a viewer holds,
 * pacing, shared jobs. */
#include <string.h>

#include "display/jobs.h"
#include "display/pacer.h"
#include "display/pixels.h"
#include "display/view.h"

/* ---- a guest that paints ---- */

#define WIDTH  500u
#define HEIGHT 300u

struct guest {
	struct desktop *desktop;
	uint32_t pixels[WIDTH * HEIGHT];
};

static uint32_t mix(uint32_t a, uint32_t b)
{
	a ^= b * 0x9e3779b9u;
	a = (a ^ a >> 16) * 0x85ebca6bu;
	a = (a ^ a >> 13) * 0xc2b2ae35u;
	return a ^ a >> 16;
}

/* Something like lines of words. */
static void paint_text(struct guest *guest, struct rect at, uint32_t seed)
{
	for (unsigned y = at.y; y < at.y + at.h; y++)
		for (unsigned x = at.x; x < at.x + at.w; x++) {
			uint32_t glyph = mix(mix(seed, x / 7), y / 13);
			bool ink = glyph % 6 &&
				   mix(glyph % 40, x % 7 * 16 + y % 13) & 1 &&
				   y % 13 > 3;
			guest->pixels[y * WIDTH + x] =
			    ink ? 0x202020 : 0xffffff;
		}
}

static void paint_noise(struct guest *guest, struct rect at, uint32_t seed)
{
	for (unsigned y = at.y; y < at.y + at.h; y++)
		for (unsigned x = at.x; x < at.x + at.w; x++)
			guest->pixels[y * WIDTH + x] =
			    mix(mix(seed, x), y) & 0xffffff;
}

static void send(struct guest *guest, struct rect at)
{
	g_assert_true(desktop_write(
	    guest->desktop, 0, &at, WIDTH * 4, PIXELS_X8R8G8B8,
	    (const uint8_t *)(guest->pixels + at.y * WIDTH + at.x),
	    sizeof guest->pixels - (at.y * WIDTH + at.x) * 4, NULL));
}

static struct guest *guest_new(void)
{
	struct guest *guest = g_new0(struct guest, 1);
	struct desktop_change change;
	guest->desktop = desktop_new();
	desktop_set_head(guest->desktop, 0, WIDTH, HEIGHT, NULL);
	paint_text(guest, (struct rect){0, 0, WIDTH, HEIGHT}, 1);
	send(guest, (struct rect){0, 0, WIDTH, HEIGHT});
	desktop_commit(guest->desktop, NULL, &change);
	return guest;
}

static void guest_free(struct guest *guest)
{
	desktop_free(guest->desktop);
	g_free(guest);
}

/* Moves what is in `at`, as a guest's blit does. */
static void shift(struct guest *guest, struct rect at, int dx, int dy)
{
	struct rect to = {at.x + (unsigned)dx, at.y + (unsigned)dy, at.w, at.h};
	struct move move = {to, dx, dy};
	moves_apply(guest->pixels, WIDTH, &move);
}

static struct rect random_rect(unsigned least)
{
	unsigned w = (unsigned)g_test_rand_int_range((int)least, WIDTH);
	unsigned h = (unsigned)g_test_rand_int_range((int)least, HEIGHT);
	return (struct rect){
	    (unsigned)g_test_rand_int_range(0, (int)(WIDTH - w) + 1),
	    (unsigned)g_test_rand_int_range(0, (int)(HEIGHT - h) + 1), w, h};
}

static uint64_t area(const struct damage *damage)
{
	return (uint64_t)damage_count(damage) * DAMAGE_TILE * DAMAGE_TILE;
}

/* ---- moves ---- */

/* Scrolls a pane by any distance: the copy is found and hardly anything but
 * what is new is left. */
static void test_scroll(void)
{
	struct guest *guest = guest_new();
	uint64_t left = 0, moved = 0;
	for (int round = 0; round < 40; round++) {
		int dy =
		    g_test_rand_int_range(1, 40) * (g_test_rand_bit() ? 1 : -1);
		struct rect pane = {37, 21, 410, 250}, kept = pane, fresh;
		unsigned far = (unsigned)ABS(dy);
		kept.h -= far;
		fresh = (struct rect){pane.x, dy > 0 ? pane.y : pane.y + kept.h,
				      pane.w, far};
		if (dy < 0)
			kept.y += far;
		shift(guest, kept, 0, dy);
		paint_text(guest, fresh, (uint32_t)round + 100);
		send(guest, pane);
		struct desktop_change change;
		g_assert_true(desktop_commit(guest->desktop, NULL, &change));
		g_assert_cmpuint(change.moves_count, >, 0);
		g_assert_cmpint(change.moves[0].dx, ==, 0);
		g_assert_cmpint(change.moves[0].dy, ==, dy);
		left += area(change.damage);
		moved += (uint64_t)pane.w * (pane.h - far);
	}
	/* what is new, in whole tiles, is a fifth of the pane on average */
	g_assert_cmpuint(left * 2, <, moved);
	guest_free(guest);
}

/* A window dragged in any direction before a ground with a pattern. */
static void test_drag(void)
{
	struct guest *guest = guest_new();
	g_autofree uint32_t *ground =
	    g_memdup2(guest->pixels, sizeof guest->pixels);
	struct guest *window = g_new0(struct guest, 1);
	paint_noise(window, (struct rect){0, 0, WIDTH, HEIGHT}, 5);
	unsigned x = 150, y = 80, found = 0;
	for (int round = 0; round < 40; round++) {
		int dx = g_test_rand_int_range(-12, 13);
		int dy = g_test_rand_int_range(-12, 13);
		if (!dx && !dy)
			continue;
		x = (unsigned)CLAMP((int)x + dx, 0, 330);
		y = (unsigned)CLAMP((int)y + dy, 0, 170);
		memcpy(guest->pixels, ground, sizeof guest->pixels);
		for (unsigned row = 0; row < 120; row++)
			memcpy(guest->pixels + (y + row) * WIDTH + x,
			       window->pixels + row * WIDTH, 160 * 4);
		send(guest, (struct rect){0, 0, WIDTH, HEIGHT});
		struct desktop_change change;
		if (!desktop_commit(guest->desktop, NULL, &change) || !round)
			continue;
		found += change.moves_count > 0;
		if (change.moves_count)
			g_assert_cmpuint(area(change.damage), <, 160 * 120 * 2);
	}
	g_assert_cmpuint(found, >, 25);
	g_free(window);
	guest_free(guest);
}

/* ---- a viewer that gets parts late, out of step and in order ---- */

struct model {
	struct view view;
	uint32_t pixels[WIDTH * HEIGHT];
	GQueue planned; /* struct view_part: not read yet */
};

static void model_send_moves(struct model *model)
{
	for (unsigned i = 0; i < model->view.moves_count; i++)
		moves_apply(model->pixels, WIDTH, &model->view.moves[i]);
	model->view.moves_count = 0;
}

static void model_read(struct model *model, const struct desktop *desktop,
		       const struct rect *rect)
{
	for (unsigned y = rect->y; y < rect->y + rect->h; y++)
		memcpy(model->pixels + y * WIDTH + rect->x,
		       desktop_pixels(desktop) + y * WIDTH + rect->x,
		       rect->w * 4);
}

static void model_finish_plan(struct model *model,
			      const struct desktop *desktop, unsigned count)
{
	while (count-- && !g_queue_is_empty(&model->planned)) {
		g_autofree struct view_part *part =
		    g_queue_pop_head(&model->planned);
		model_read(model, desktop, &part->rect);
	}
}

static const struct view_wish whole_wish = {
    .side = 256,
    .pixels = {65536, 65536, 65536, 65536, 65536},
};

static void model_plan(struct model *model, struct guest *guest,
		       struct activity *activity, unsigned count)
{
	struct view_part part;
	/* an update begins with all moves, behind the last one's parts */
	model_finish_plan(model, guest->desktop, G_MAXUINT);
	model_send_moves(model);
	while (count-- && view_next(&model->view, guest->desktop, activity,
				    &whole_wish, 1000000, &part))
		g_queue_push_tail(&model->planned,
				  g_memdup2(&part, sizeof part));
}

static void paint_at_random(struct guest *guest, uint32_t seed)
{
	struct rect at = random_rect(40);
	int dx = 0, dy = 0;
	switch (g_test_rand_int_range(0, 5)) {
	case 0:
		paint_text(guest, at, seed);
		break;
	case 1:
		at.w = MIN(at.w, 60);
		at.h = MIN(at.h, 30);
		paint_noise(guest, at, seed);
		break;
	case 2:
		dx = g_test_rand_int_range(-(int)at.x,
					   (int)(WIDTH - at.w - at.x) + 1);
		G_GNUC_FALLTHROUGH;
	default:
		dy = g_test_rand_int_range(-(int)MIN(at.y, 40u),
					   (int)MIN(HEIGHT - at.h - at.y, 40u) +
					       1);
		shift(guest, at, dx, dy);
	}
	send(guest, (struct rect){0, 0, WIDTH, HEIGHT});
}

/* A frame of which the upper half is there, and a small change after it that
 * is shown at once. */
static bool commit_half(struct guest *guest, uint32_t seed,
			struct desktop_change *change)
{
	struct rect small = random_rect(20);
	small.w = MIN(small.w, 40);
	small.h = MIN(small.h, 20);
	shift(guest, (struct rect){0, 40, WIDTH, HEIGHT - 40}, 0, -13);
	send(guest, (struct rect){0, 0, WIDTH, HEIGHT / 2});
	paint_text(guest, small, seed);
	send(guest, small);
	desktop_prompt(guest->desktop, 0, &small);
	bool shown = desktop_commit_prompt(guest->desktop, change);
	g_assert_cmpuint(change->moves_count, ==, 0);
	for (unsigned y = small.y; y < small.y + small.h; y++)
		g_assert_true(
		    memcmp(desktop_pixels(guest->desktop) + y * WIDTH + small.x,
			   guest->pixels + y * WIDTH + small.x,
			   small.w * 4) == 0);
	send(guest, (struct rect){0, 0, WIDTH, HEIGHT});
	return shown;
}

static void tell_models(struct model **models, struct guest *guest,
			const struct desktop_change *change,
			struct activity *activity)
{
	for (int i = 0; i < 3; i++) {
		struct model *model = models[i];
		if (change->moves_count)
			for (GList *at = model->planned.head; at; at = at->next)
				view_give_back(
				    &model->view,
				    &((struct view_part *)at->data)->rect);
		view_changed(&model->view, change, activity);
		/* one that keeps up, one that is slow, one that hardly reads
		 */
		if (g_test_rand_int_range(0, 1 + i * i * 5) == 0)
			model_plan(
			    model, guest, activity,
			    (unsigned)g_test_rand_int_range(1, i ? 4 : 100));
		model_finish_plan(
		    model, guest->desktop,
		    (unsigned)g_test_rand_int_range(0, i ? 3 : 100));
	}
}

static void test_views(void)
{
	struct guest *guest = guest_new();
	struct activity *activity = activity_new();
	struct model *models[3];
	unsigned moves = 0;
	for (int i = 0; i < 3; i++) {
		models[i] = g_new0(struct model, 1);
		view_init(&models[i]->view, WIDTH, HEIGHT);
	}
	for (uint32_t round = 0; round < 600; round++) {
		struct desktop_change change;
		if (g_test_rand_int_range(0, 4) == 0 &&
		    commit_half(guest, round, &change))
			tell_models(models, guest, &change, activity);
		paint_at_random(guest, round);
		if (g_test_rand_int_range(0, 4) == 0)
			paint_at_random(guest, round + 7777);
		if (!desktop_commit(guest->desktop, NULL, &change))
			continue;
		moves += change.moves_count;
		g_assert_true(memcmp(desktop_pixels(guest->desktop),
				     guest->pixels, sizeof guest->pixels) == 0);
		activity_note(activity, guest->desktop, &change,
			      round * 30000ll);
		tell_models(models, guest, &change, activity);
		if (round % 100 != 99)
			continue;
		for (int i = 0; i < 3; i++) {
			while (damage_any(&models[i]->view.stale) ||
			       models[i]->view.moves_count)
				model_plan(models[i], guest, activity, 1000);
			model_finish_plan(models[i], guest->desktop, G_MAXUINT);
			g_assert_true(memcmp(models[i]->pixels, guest->pixels,
					     sizeof guest->pixels) == 0);
		}
	}
	g_assert_cmpuint(moves, >, 200);
	for (int i = 0; i < 3; i++) {
		view_finish(&models[i]->view);
		g_queue_clear_full(&models[i]->planned, g_free);
		g_free(models[i]);
	}
	activity_free(activity);
	guest_free(guest);
}

/* ---- order and exactness ---- */

static void commit_for(struct guest *guest, struct activity *activity,
		       struct view *view, int64_t now_us, bool awaited)
{
	struct desktop_change change;
	if (!desktop_commit(guest->desktop, NULL, &change))
		return;
	change.awaited = awaited;
	activity_note(activity, guest->desktop, &change, now_us);
	view_changed(view, &change, activity);
}

static void commit(struct guest *guest, struct activity *activity,
		   struct view *view, int64_t now_us)
{
	commit_for(guest, activity, view, now_us, false);
}

/* A counter that runs is no echo, but where somebody has pressed a key it is:
 * unless so much else came with it that it is a frame of something. */
static void test_typing_on(void)
{
	struct guest *guest = guest_new();
	struct activity *activity = activity_new();
	struct view *view = g_new0(struct view, 1);
	struct view_wish wish = whole_wish;
	struct view_part part;
	struct rect counter = {400, 200, 8, 13}, film = {0, 0, 160, 160};
	int64_t now = 1000000;
	view_init(view, WIDTH, HEIGHT);
	while (view_next(view, guest->desktop, activity, &wish, now, &part))
		;
	for (uint32_t press = 0; press < 20; press++, now += 90000) {
		bool awaited = press >= 10;
		paint_text(guest, counter, press);
		send(guest, counter);
		if (press == 19) {
			paint_noise(guest, film, press);
			send(guest, film);
		}
		commit_for(guest, activity, view, now, awaited);
		enum view_what what = view_next(view, guest->desktop, activity,
						&wish, now, &part);
		if (press == 19)
			g_assert_cmpint(what, ==, VIEW_FRESH);
		else if (awaited || press < 3)
			g_assert_cmpint(what, ==, VIEW_ECHO);
		else if (press > 6)
			g_assert_cmpint(what, ==, VIEW_HOT);
	}
	view_finish(view);
	g_free(view);
	activity_free(activity);
	guest_free(guest);
}

/* A picture that moves without end, a glyph beside it, a photograph that
 * rests: the glyph is first, and the rest becomes exact. */
static void test_priorities(void)
{
	struct guest *guest = guest_new();
	struct activity *activity = activity_new();
	struct view *view = g_new0(struct view, 1);
	struct view_wish wish = whole_wish;
	struct view_part part;
	struct rect film = {0, 0, 160, 160}, photo = {200, 0, 160, 160};
	struct rect glyph = {400, 200, 8, 13};
	int64_t now = 1000000;
	wish.lossy = true;
	view_init(view, WIDTH, HEIGHT);
	for (unsigned y = 0; y < 160; y++)
		for (unsigned x = 200; x < 360; x++)
			guest->pixels[y * WIDTH + x] =
			    (x + y % 3) % 256 << 8 | (y + x % 5) % 256;
	send(guest, photo);
	for (uint32_t frame = 0; frame < 10; frame++, now += 40000) {
		paint_noise(guest, film, frame);
		send(guest, film);
		commit(guest, activity, view, now);
	}
	while (view_next(view, guest->desktop, activity, &wish, 1010000, &part))
		if (part.rect.x >= 200 && part.rect.y < 144 &&
		    part.rect.x < 352) {
			g_assert_cmpint(part.what, ==, VIEW_FRESH);
			g_assert_false(part.exact);
		}
	g_assert_true(view_waits(view));
	paint_noise(guest, film, 99);
	paint_text(guest, glyph, 7);
	send(guest, film);
	send(guest, glyph);
	commit(guest, activity, view, now);
	g_assert_cmpint(
	    view_next(view, guest->desktop, activity, &wish, now, &part), ==,
	    VIEW_ECHO);
	g_assert_true(part.exact);
	g_assert_cmpuint(part.rect.x, >=, 384);
	wish.only_echo = true;
	g_assert_cmpint(
	    view_next(view, guest->desktop, activity, &wish, now, &part), ==,
	    VIEW_NOTHING);
	wish.only_echo = false;
	bool film_came = false, photo_came = false;
	enum view_what what;
	while ((what = view_next(view, guest->desktop, activity, &wish, now,
				 &part))) {
		if (what == VIEW_HOT) {
			g_assert_false(part.exact);
			g_assert_cmpuint(part.rect.x, <, 160);
			film_came = true;
		} else {
			g_assert_cmpint(what, ==, VIEW_EXACT);
			g_assert_true(part.exact);
			g_assert_cmpuint(part.rect.x, >=, 192);
			photo_came = true;
		}
	}
	g_assert_true(film_came && photo_came);
	/* and the film, too, once it stands still */
	now += 150000;
	activity_cool(activity, now);
	while ((what = view_next(view, guest->desktop, activity, &wish, now,
				 &part)))
		g_assert_cmpint(what, ==, VIEW_EXACT);
	g_assert_false(view_waits(view));
	view_finish(view);
	g_free(view);
	activity_free(activity);
	guest_free(guest);
}

/* ---- pacing ---- */

struct line {
	double bytes_per_us;
	int64_t delay_us; /* there and back */
	int64_t left_us;  /* when the sender's socket has, at its pace */
	int64_t free_us;  /* when the line has sent what it was given */
	struct {
		int64_t at_us;
		uint32_t number;
	} marks[PACER_MARKS];
	unsigned first, count;
	int64_t longest_queue_us;
	uint64_t carried;
};

/* Sends as much as the pacer lets, in pieces, for a while. */
static void drive(struct pacer *pacer, struct line *line, int64_t *now,
		  int64_t until, bool greedy)
{
	for (; *now < until; *now += 100) {
		while (line->count && line->marks[line->first].at_us <= *now) {
			pacer_arrived(pacer, line->marks[line->first].number,
				      *now);
			line->first = (line->first + 1) % PACER_MARKS;
			line->count--;
		}
		size_t room = pacer_room(pacer, *now);
		if (!greedy && *now % 30000)
			continue;
		while (room && pacer_may_mark(pacer)) {
			size_t piece =
			    MAX(1500, (size_t)(line->bytes_per_us * 10000));
			size_t bytes = greedy ? MIN(room, piece) : 500;
			pacer_sent(pacer, bytes, *now);
			if (greedy)
				pacer_filled(pacer);
			uint32_t number = pacer_mark(pacer, *now);
			uint64_t pace = pacer_pace(pacer);
			int64_t begins = MAX(line->left_us, *now);
			line->left_us =
			    begins +
			    (pace ? (int64_t)(bytes * 1000000 / pace) : 0);
			line->free_us =
			    MAX(line->free_us, begins) +
			    (int64_t)((double)bytes / line->bytes_per_us);
			line->carried += bytes;
			line->longest_queue_us =
			    MAX(line->longest_queue_us,
				line->free_us - line->left_us);
			unsigned at =
			    (line->first + line->count++) % PACER_MARKS;
			line->marks[at].at_us = line->free_us + line->delay_us;
			line->marks[at].number = number;
			if (!greedy)
				break;
			room = pacer_room(pacer, *now);
		}
	}
}

static void test_pacer_line(gconstpointer data)
{
	const double *mbit_ms = data;
	struct line line = {.bytes_per_us = mbit_ms[0] / 8,
			    .delay_us = (int64_t)(mbit_ms[1] * 1000)};
	struct pacer pacer;
	int64_t now = 1000000, begun = now;
	pacer_init(&pacer);
	drive(&pacer, &line, &now, begun + 3000000, true);
	/* all of the line is used, and little waits in it */
	line.longest_queue_us = 0;
	line.carried = 0;
	drive(&pacer, &line, &now, now + 5000000, true);
	double used = (double)line.carried / (line.bytes_per_us * 5e6);
	g_test_message("%g Mb/s %g ms: used %.2f, longest queue %.1f ms",
		       mbit_ms[0], mbit_ms[1], used,
		       (double)line.longest_queue_us / 1000);
	g_assert_cmpfloat(used, >, 0.85);
	g_assert_cmpint(line.longest_queue_us, <, 100000);
	/* calm for long, it does not forget how fast the line is */
	drive(&pacer, &line, &now, now + 30000000, false);
	g_assert_cmpuint(pacer_room(&pacer, now) * 2, >,
			 (guint64)(line.bytes_per_us * (double)line.delay_us));
	/* nor does a router have to hold all that is to go out at once */
	line.longest_queue_us = 0;
	drive(&pacer, &line, &now, now + line.delay_us, true);
	g_test_message("after a pause: longest queue %.1f ms",
		       (double)line.longest_queue_us / 1000);
	if (line.delay_us > 5000)
		g_assert_cmpint(line.longest_queue_us, <,
				line.delay_us / 2 + 15000);
	/* the line loses half of its rate: so does what is on its way */
	line.bytes_per_us /= 2;
	drive(&pacer, &line, &now, now + 4000000, true);
	line.longest_queue_us = 0;
	drive(&pacer, &line, &now, now + 4000000, true);
	g_test_message("halved: longest queue %.1f ms",
		       (double)line.longest_queue_us / 1000);
	g_assert_cmpint(line.longest_queue_us, <, 250000);
	/* and comes back */
	line.bytes_per_us *= 4;
	drive(&pacer, &line, &now, now + 4000000, true);
	line.carried = 0;
	drive(&pacer, &line, &now, now + 4000000, true);
	g_assert_cmpfloat((double)line.carried, >,
			  line.bytes_per_us * 4e6 * 0.8);
}

/* A viewer on a short line that answers late because it is busy: it must not
 * be given less and less. */
static void test_pacer_busy(void)
{
	struct line line = {.bytes_per_us = 50, .delay_us = 8000};
	struct pacer pacer;
	int64_t now = 1000000;
	pacer_init(&pacer);
	drive(&pacer, &line, &now, now + 2000000, false);
	line.delay_us = 60000;
	drive(&pacer, &line, &now, now + 12000000, true);
	line.carried = 0;
	drive(&pacer, &line, &now, now + 2000000, true);
	g_test_message("%.1f MB/s", (double)line.carried / 2e6);
	g_assert_cmpuint(line.carried, >, 16000000);
}

static void test_pacer_edges(void)
{
	struct pacer pacer;
	pacer_init(&pacer);
	pacer_arrived(&pacer, 1, 1); /* a mark that never was */
	pacer_arrived_all(&pacer, 0, 1);
	g_assert_cmpuint(pacer_room(&pacer, 1), >, 0);
	uint32_t first = pacer_mark(&pacer, 1);
	for (unsigned i = 1; i < PACER_MARKS; i++)
		pacer_mark(&pacer, 1);
	g_assert_false(pacer_may_mark(&pacer));
	pacer_sent(&pacer, 1u << 30, 1);
	g_assert_cmpuint(pacer_room(&pacer, 1), ==, 0);
	pacer_arrived(&pacer, first + PACER_MARKS - 2, 2);
	pacer_arrived(&pacer, first, 2); /* known already */
	pacer_arrived(&pacer, first + 7777, 2);
	g_assert_cmpuint(pacer.count, ==, 1);
	pacer_arrived_all(&pacer, 1, 2);
	g_assert_cmpuint(pacer.count, ==, 1);
	uint32_t number = pacer_mark(&pacer, 2);
	pacer_arrived(&pacer, number, 2); /* at once, time stands still */
	g_assert_cmpuint(pacer.count, ==, 0);
	g_assert_cmpuint(pacer_room(&pacer, 2), >, 0);
}

/* ---- jobs ---- */

static gint encoded;

static uint32_t count_encode(const void *style, const uint32_t *pixels,
			     unsigned stride_px, unsigned width,
			     unsigned height, GByteArray *out)
{
	g_atomic_int_inc(&encoded);
	for (unsigned y = 0; y < height; y++)
		g_byte_array_append(
		    out, (const guint8 *)(pixels + (size_t)y * stride_px),
		    width * 4);
	return *(const uint8_t *)style;
}

static const struct job_kind count_kind = {count_encode, 1};

static void wait_done(struct job *job)
{
	while (!job_done(job))
		g_main_context_iteration(NULL, TRUE);
}

static void test_jobs(void)
{
	struct guest *guest = guest_new();
	struct jobs *jobs = jobs_new(2, NULL, NULL);
	struct rect large = {0, 0, 256, 256}, small = {16, 16, 32, 32};
	const uint8_t a = 1, b = 2;
	encoded = 0;
	struct job *first =
	    jobs_begin(jobs, &count_kind, &a, guest->desktop, &large, true);
	struct job *second =
	    jobs_begin(jobs, &count_kind, &a, guest->desktop, &large, true);
	g_assert_true(first == second);
	struct job *other =
	    jobs_begin(jobs, &count_kind, &b, guest->desktop, &large, true);
	g_assert_true(first != other);
	struct job *at_once =
	    jobs_begin(jobs, &count_kind, &a, guest->desktop, &small, true);
	g_assert_true(job_done(at_once));
	g_assert_cmpmem(job_bytes(at_once)->data, 32 * 4,
			guest->pixels + 16 * WIDTH + 16, 32 * 4);
	/* begun pixels are a copy: the frame may go on */
	uint32_t before = guest->pixels[0];
	guest->pixels[0] = 0x123456;
	send(guest, (struct rect){0, 0, 1, 1});
	struct desktop_change change;
	desktop_commit(guest->desktop, NULL, &change);
	struct job *newer =
	    jobs_begin(jobs, &count_kind, &a, guest->desktop, &large, true);
	g_assert_true(newer != first);
	wait_done(first);
	wait_done(other);
	wait_done(newer);
	g_assert_cmphex(((const uint32_t *)job_bytes(first)->data)[0], ==,
			before);
	g_assert_cmphex(((const uint32_t *)job_bytes(newer)->data)[0], ==,
			0x123456);
	g_assert_cmpuint(job_outcome(other), ==, 2);
	g_assert_cmpint(g_atomic_int_get(&encoded), ==, 4);
	job_unref(first);
	job_unref(second);
	job_unref(other);
	job_unref(at_once);
	job_unref(newer);
	/* bounded, whatever is asked for */
	struct jobs_count count;
	for (uint32_t round = 0; round < 200; round++) {
		paint_noise(guest, large, round);
		send(guest, large);
		desktop_commit(guest->desktop, NULL, &change);
		struct job *job = jobs_begin(jobs, &count_kind, &a,
					     guest->desktop, &large, true);
		wait_done(job);
		job_unref(job);
		jobs_count(jobs, &count);
		g_assert_cmpuint(count.kept_bytes, <=, JOBS_KEPT_BYTES);
	}
	g_assert_cmpuint(count.kept, >, 10);
	/* not waited for at the end */
	for (unsigned i = 0; i < 20; i++) {
		struct rect part = {i * 8, 0, 200, 200};
		job_unref(jobs_begin(jobs, &count_kind, &a, guest->desktop,
				     &part, i & 1));
	}
	jobs_free(jobs);
	guest_free(guest);
}

int main(int argc, char **argv)
{
	static const double lines[][2] = {
	    {20, 40}, {5, 120}, {100, 5}, {1, 60}, {1000, 1}};
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/moves/scroll", test_scroll);
	g_test_add_func("/moves/drag", test_drag);
	g_test_add_func("/view/random", test_views);
	g_test_add_func("/view/priorities", test_priorities);
	g_test_add_func("/view/typing-on", test_typing_on);
	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *name = g_strdup_printf(
		    "/pacer/%gMbit-%gms", lines[i][0], lines[i][1]);
		g_test_add_data_func(name, lines[i], test_pacer_line);
	}
	g_test_add_func("/pacer/busy", test_pacer_busy);
	g_test_add_func("/pacer/edges", test_pacer_edges);
	g_test_add_func("/jobs/sharing", test_jobs);
	return g_test_run();
}
