/* The display's parts that need no process: damage, pixels, the shadow
 * picture, clipboard, agent's wire, stills. */
#include <string.h>

#include "common/fault.h"
#include "display/agent-wire.h"
#include "display/audio-format.h"
#include "display/clipboard.h"
#include "display/desktop.h"
#include "display/film.h"
#include "display/looks.h"
#include "display/picture.h"
#include "display/pixels.h"
#include "display/rfb/client.h"
#include "display/source-link.h"

/* ---- damage ---- */

static void test_damage_random(void)
{
	struct damage damage = {0};
	for (int round = 0; round < 300; round++) {
		unsigned width = g_test_rand_int_range(1, 1500);
		unsigned height = g_test_rand_int_range(1, 300);
		damage_init(&damage, width, height);
		g_autofree guint8 *want = g_new0(guint8, width * height);
		g_autofree guint8 *got = g_new0(guint8, width * height);
		for (int i = g_test_rand_int_range(0, 6); i > 0; i--) {
			struct rect r = {g_test_rand_int_range(0, 1600),
					 g_test_rand_int_range(0, 350),
					 g_test_rand_int_range(0, 400),
					 g_test_rand_int_range(0, 200)};
			damage_add(&damage, &r);
			for (unsigned y = r.y; y < r.y + r.h && y < height; y++)
				for (unsigned x = r.x;
				     x < r.x + r.w && x < width; x++)
					want[y * width + x] = 1;
		}
		unsigned side = 16 << g_test_rand_int_range(0, 5);
		struct rect r;
		while (damage_take(&damage, NULL, side, &r)) {
			g_assert_cmpuint(r.w, <=, side);
			g_assert_cmpuint(r.h, <=, side);
			g_assert_cmpuint(r.x + r.w, <=, width);
			g_assert_cmpuint(r.y + r.h, <=, height);
			for (unsigned y = r.y; y < r.y + r.h; y++)
				for (unsigned x = r.x; x < r.x + r.w; x++)
					g_assert_cmpuint(got[y * width + x]++,
							 ==, 0);
		}
		g_assert_false(damage_any(&damage));
		/* all that was added came; what came besides is its tile's */
		for (unsigned y = 0; y < height; y++)
			for (unsigned x = 0; x < width; x++)
				if (want[y * width + x])
					g_assert_true(got[y * width + x]);
	}
	damage_finish(&damage);
}

static void test_damage_edges(void)
{
	struct damage damage = {0}, other = {0};
	struct rect r = {0xfffffff0u, 0xfffffff0u, 0xffffffffu, 0xffffffffu};
	damage_init(&damage, 100, 50);
	damage_add(&damage, &r);
	g_assert_false(damage_any(&damage));
	r = (struct rect){99, 49, 0xffffffffu, 0xffffffffu};
	damage_add(&damage, &r);
	damage_init(&other, 100, 50);
	damage_join(&other, &damage);
	g_assert_true(damage_has_tile(&other, 6, 3));
	struct rect within = {0, 0, 96, 50};
	g_assert_false(damage_take(&other, &within, 64, &r));
	g_assert_true(damage_take(&other, NULL, 64, &r));
	g_assert_cmpuint(r.x, ==, 96);
	g_assert_cmpuint(r.w, ==, 4);
	g_assert_cmpuint(r.h, ==, 2);
	damage_init(&damage, 0, 0);
	damage_all(&damage);
	g_assert_false(damage_any(&damage));
	damage_finish(&damage);
	damage_finish(&other);
}

/* ---- pixels ---- */

static void test_pixels(void)
{
	static const struct {
		uint32_t format;
		uint8_t bytes[4];
		uint32_t want;
	} cases[] = {
	    {0x20020888, {0x33, 0x22, 0x11, 0xff}, 0x112233}, /* xrgb */
	    {0x20028888, {0x33, 0x22, 0x11, 0x80}, 0x112233}, /* argb */
	    {0x20030888, {0x11, 0x22, 0x33, 0xff}, 0x112233}, /* xbgr */
	    {0x20080888, {0xff, 0x11, 0x22, 0x33}, 0x112233}, /* bgrx */
	    {0x20090888, {0xff, 0x33, 0x22, 0x11}, 0x112233}, /* rgbx */
	    {0x18020888, {0x33, 0x22, 0x11}, 0x112233},       /* rgb */
	    {0x10020565, {0xff, 0xff}, 0xffffff},             /* r5g6b5 */
	    {0x10020565, {0x00, 0xf8}, 0xff0000},
	    {0x10020565, {0xe0, 0x07}, 0x00ff00},
	    {0x10020555, {0x1f, 0x00}, 0x0000ff}, /* x1r5g5b5 */
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint32_t got = 0xdeadbeef;
		g_assert_cmpuint(pixels_bytes(cases[i].format), ==,
				 cases[i].format >> 27);
		pixels_convert(cases[i].format, cases[i].bytes, &got, 1);
		g_assert_cmphex(got, ==, cases[i].want);
	}
	static const uint32_t unknown[] = {0,          0x08020332, 0x20000888,
					   0x20020889, 0x40020888, 0x20020088,
					   0xffffffff};
	for (gsize i = 0; i < G_N_ELEMENTS(unknown); i++)
		g_assert_cmpuint(pixels_bytes(unknown[i]), ==, 0);
}

/* ---- desktop ---- */

static void put(struct desktop *desktop, unsigned head, unsigned x, unsigned y,
		unsigned w, unsigned h, uint32_t colour)
{
	g_autofree uint32_t *pixels = g_new(uint32_t, w * h);
	for (unsigned i = 0; i < w * h; i++)
		pixels[i] = colour;
	struct rect part = {x, y, w, h};
	GError *error = NULL;
	desktop_write(desktop, head, &part, w * 4, PIXELS_X8R8G8B8,
		      (const uint8_t *)pixels, w * h * 4, &error);
	g_assert_no_error(error);
	struct desktop_change change;
	desktop_commit(desktop, NULL, &change);
}

static uint32_t at(struct desktop *desktop, unsigned x, unsigned y)
{
	return desktop_pixels(desktop)[y * desktop_width(desktop) + x];
}

static void test_desktop_layout(void)
{
	struct desktop *desktop = desktop_new();
	g_assert_cmpuint(desktop_width(desktop), ==, 640);
	/* a word on a ground, until there is a screen: that begins black */
	unsigned ink = 0;
	for (unsigned y = 0; y < 480; y++)
		for (unsigned x = 0; x < 640; x++)
			ink += at(desktop, x, y) != at(desktop, 0, 0);
	g_assert_cmpuint(ink, >, 500);
	g_assert_cmphex(at(desktop, 0, 0), !=, 0);
	g_assert_true(desktop_set_head(desktop, 0, 640, 480, NULL));
	for (unsigned y = 0; y < 480; y++)
		for (unsigned x = 0; x < 640; x++)
			g_assert_cmphex(at(desktop, x, y), ==, 0);
	g_assert_true(desktop_set_head(desktop, 0, 100, 80, NULL));
	g_assert_true(desktop_set_head(desktop, 2, 50, 90, NULL));
	put(desktop, 0, 99, 79, 1, 1, 0x111111);
	put(desktop, 2, 0, 0, 1, 1, 0x222222);
	g_assert_cmpuint(desktop_width(desktop), ==, 150);
	g_assert_cmpuint(desktop_height(desktop), ==, 90);
	/* one that comes between moves the other, with its picture */
	g_assert_true(desktop_set_head(desktop, 1, 10, 10, NULL));
	g_assert_cmphex(at(desktop, 99, 79), ==, 0x111111);
	g_assert_cmphex(at(desktop, 110, 0), ==, 0x222222);
	g_assert_true(desktop_set_head(desktop, 1, 0, 0, NULL));
	g_assert_cmphex(at(desktop, 100, 0), ==, 0x222222);
	/* wanted places count once sizes fit, and no longer than that */
	struct desktop_head wanted[] = {{0, {0, 90, 100, 80}},
					{2, {0, 0, 50, 90}}};
	desktop_arrange(desktop, wanted, 2);
	g_assert_cmphex(at(desktop, 0, 0), ==, 0x222222);
	g_assert_cmphex(at(desktop, 99, 169), ==, 0x111111);
	g_assert_true(desktop_set_head(desktop, 2, 60, 90, NULL));
	g_assert_cmphex(at(desktop, 100, 0), ==, 0x222222);
	unsigned serial = desktop_layout_serial(desktop);
	g_assert_true(desktop_set_head(desktop, 2, 60, 90, NULL));
	g_assert_cmpuint(desktop_layout_serial(desktop), ==, serial);
	desktop_free(desktop);
}

static void test_desktop_refusals(void)
{
	struct desktop *desktop = desktop_new();
	static const struct {
		unsigned head, w, h;
	} sizes[] = {{16, 10, 10},        {0, 10, 0},     {0, 0, 10},
		     {0, 16385, 10},      {0, 10, 16385}, {0, 16384, 16384},
		     {0xffffffff, 10, 10}};
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(desktop_set_head(
		    desktop, sizes[i].head, sizes[i].w, sizes[i].h, &error));
		g_assert_error(error, FAULT, FAULT_INVALID);
	}
	/* each fits alone, together they do not */
	for (unsigned i = 0; i < 3; i++)
		g_assert_true(desktop_set_head(desktop, i, 16384, 512, NULL));
	g_autoptr(GError) wide = NULL;
	g_assert_false(desktop_set_head(desktop, 3, 16384, 512, &wide));
	g_assert_error(wide, FAULT, FAULT_INVALID);
	g_assert_cmpuint(desktop_width(desktop), ==, 3 * 16384);
	for (unsigned i = 0; i < 3; i++)
		g_assert_true(desktop_set_head(desktop, i, 0, 0, NULL));
	g_assert_true(desktop_set_head(desktop, 0, 100, 100, NULL));
	static const struct {
		unsigned head;
		struct rect part;
		uint32_t stride, format;
		size_t length;
	} writes[] = {
	    {1, {0, 0, 1, 1}, 4, PIXELS_X8R8G8B8, 4},
	    {99, {0, 0, 1, 1}, 4, PIXELS_X8R8G8B8, 4},
	    {0, {0, 0, 101, 1}, 404, PIXELS_X8R8G8B8, 404},
	    {0, {0xffffffff, 0, 2, 1}, 8, PIXELS_X8R8G8B8, 8},
	    {0, {0, 99, 1, 2}, 4, PIXELS_X8R8G8B8, 8},
	    {0, {0, 0, 10, 2}, 39, PIXELS_X8R8G8B8, 80},
	    {0, {0, 0, 10, 2}, 40, PIXELS_X8R8G8B8, 79},
	    {0, {0, 0, 10, 2}, 0xffffffff, PIXELS_X8R8G8B8, 80},
	    {0, {0, 0, 1, 1}, 4, 0x12345678, 4},
	};
	static const uint8_t bytes[1024];
	for (gsize i = 0; i < G_N_ELEMENTS(writes); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(desktop_write(
		    desktop, writes[i].head, &writes[i].part, writes[i].stride,
		    writes[i].format, bytes, writes[i].length, &error));
		g_assert_error(error, FAULT, FAULT_INVALID);
	}
	desktop_free(desktop);
}

static void test_desktop_changes(void)
{
	struct desktop *desktop = desktop_new();
	struct rect r;
	desktop_set_head(desktop, 0, 200, 100, NULL);
	put(desktop, 0, 0, 0, 200, 100, 5);
	struct rect part = {0, 0, 200, 100};
	struct desktop_change change;
	static uint32_t fives[200 * 100], sixes[4] = {6, 6, 6, 6};
	for (unsigned i = 0; i < 200 * 100; i++)
		fives[i] = 0xff000005; /* the unused byte counts for nothing */
	g_assert_true(desktop_write(desktop, 0, &part, 800, PIXELS_X8R8G8B8,
				    (const uint8_t *)fives, sizeof fives,
				    NULL));
	g_assert_false(desktop_commit(desktop, NULL, &change));
	g_assert_false(damage_any(change.damage));
	uint32_t serial = desktop_serial(desktop, &part);
	part = (struct rect){31, 15, 2, 2};
	g_assert_true(desktop_write(desktop, 0, &part, 8, PIXELS_X8R8G8B8,
				    (const uint8_t *)sixes, sizeof sixes,
				    NULL));
	/* readers see whole frames */
	g_assert_cmphex(at(desktop, 31, 15), ==, 5);
	g_assert_true(desktop_commit(desktop, NULL, &change));
	g_assert_cmphex(at(desktop, 31, 15), ==, 6);
	g_assert_cmpuint(desktop_serial(desktop, &part), >, serial);
	part = (struct rect){48, 0, 16, 16};
	g_assert_cmpuint(desktop_serial(desktop, &part), ==, serial);
	struct damage copy = {0};
	damage_init(&copy, 200, 100);
	damage_join(&copy, change.damage);
	g_assert_true(damage_take(&copy, NULL, 64, &r));
	g_assert_cmpuint(r.x, ==, 16);
	g_assert_cmpuint(r.y, ==, 0);
	g_assert_cmpuint(r.w, ==, 32);
	g_assert_cmpuint(r.h, ==, 32);
	g_assert_false(damage_any(&copy));
	damage_finish(&copy);
	/* black outside */
	struct rect out = {190, 90, 20, 20};
	uint32_t pixels[400];
	desktop_read(desktop, &out, pixels);
	g_assert_cmphex(pixels[0], ==, 5);
	g_assert_cmphex(pixels[9 * 20 + 9], ==, 5);
	g_assert_cmphex(pixels[10], ==, 0);
	g_assert_cmphex(pixels[10 * 20], ==, 0);
	desktop_free(desktop);
}

/* ---- placeholder ---- */

/* ---- movement in large frames ---- */

#define LARGE_W 1024u
#define LARGE_H 768u

/* Lines of chance words, so many pixels apart. */
static void print_lines(uint32_t *pixels, unsigned height, unsigned pitch,
			GRand *chance)
{
	for (unsigned i = 0; i < LARGE_W * height; i++)
		pixels[i] = 0xffffff;
	for (unsigned top = 1; top + pitch <= height; top += pitch)
		for (unsigned x = 4; x + 8 < LARGE_W; x += 8) {
			uint32_t glyph = g_rand_int(chance);
			if (glyph % 6 == 0)
				continue;
			for (unsigned bit = 0; bit < 32; bit++)
				if (glyph >> bit & 1)
					pixels[(top + bit / 4) * LARGE_W + x +
					       bit % 4] = 0x203040;
		}
}

static void show_large(struct desktop *desktop, const uint32_t *pixels,
		       struct desktop_change *change)
{
	const struct rect all = {0, 0, LARGE_W, LARGE_H};
	g_assert_true(desktop_write(desktop, 0, &all, LARGE_W * 4,
				    PIXELS_X8R8G8B8, (const uint8_t *)pixels,
				    LARGE_W * LARGE_H * 4, NULL));
	desktop_commit(desktop, NULL, change);
}

/* Of a large change only some rows are looked at first: whatever the height of
 * a line, and however far it went, that has to be enough. */
static void test_lines_move(void)
{
	static const unsigned pitches[] = {9, 12, 13, 14, 16, 18, 20, 24, 32};
	g_autofree uint32_t *page = g_new(uint32_t, LARGE_W * LARGE_H * 2);
	g_autoptr(GRand) chance = g_rand_new_with_seed(7);
	for (unsigned i = 0; i < G_N_ELEMENTS(pitches); i++)
		for (unsigned lines = 1; lines < 6; lines += 2) {
			struct desktop *desktop = desktop_new();
			struct desktop_change change;
			unsigned covered = 0;
			desktop_set_head(desktop, 0, LARGE_W, LARGE_H, NULL);
			print_lines(page, LARGE_H * 2, pitches[i], chance);
			show_large(desktop, page, &change);
			show_large(desktop, page + LARGE_W * pitches[i] * lines,
				   &change);
			for (unsigned m = 0; m < change.moves_count; m++)
				covered +=
				    change.moves[m].to.w * change.moves[m].to.h;
			g_assert_cmpuint(covered, >, LARGE_W * LARGE_H / 2);
			desktop_free(desktop);
		}
}

/* ---- films ---- */

struct cinema {
	struct desktop *desktop;
	struct activity *activity;
	struct film *film;
	uint32_t pixels[LARGE_W * LARGE_H];
	unsigned frame;
};

/* A frame of a thirtieth of a second, all of it new. */
static void show_frame(struct cinema *self, unsigned x, unsigned y, unsigned w,
		       unsigned h)
{
	struct desktop_change change;
	for (unsigned row = y; row < y + h; row++)
		for (unsigned i = x; i < x + w; i++)
			self->pixels[row * LARGE_W + i] =
			    (uint32_t)g_test_rand_int() & 0x3f3f3f;
	show_large(self->desktop, self->pixels, &change);
	gint64 now = 1000000 + ++self->frame * 33333;
	activity_note(self->activity, self->desktop, &change, now);
	film_look(self->film, self->activity, self->desktop, now);
}

static void test_film_place(void)
{
	struct cinema *self = g_new0(struct cinema, 1);
	self->desktop = desktop_new();
	self->activity = activity_new();
	self->film = film_new();
	desktop_set_head(self->desktop, 0, LARGE_W, LARGE_H, NULL);
	while (!film_at(self->film)) {
		show_frame(self, 160, 80, 320, 240);
		g_assert_cmpuint(self->frame, <=, 6);
	}
	const struct rect *at = film_at(self->film);
	g_assert_cmpuint(at->x, ==, 160);
	g_assert_cmpuint(at->y, ==, 80);
	g_assert_cmpuint(at->w, ==, 320);
	g_assert_cmpuint(at->h, ==, 240);
	/* a slow scene: half of it stands still */
	for (int i = 0; i < 20; i++)
		show_frame(self, 160, 80, 320, 128);
	g_assert_nonnull(film_at(self->film));
	/* pulled away: what it has left is no film's */
	for (unsigned i = 1; i <= 12; i++)
		show_frame(self, 160 + i * 24, 80, 320, 240);
	at = film_at(self->film);
	g_assert_true(!at || at->x > 240);
	film_free(self->film);
	activity_free(self->activity);
	desktop_free(self->desktop);
	g_free(self);
}

/* ---- what tiles look like ---- */

static void test_looks(void)
{
	uint32_t pixels[40 * 16];
	for (int round = 0; round < 3000; round++) {
		unsigned width = g_test_rand_int_range(0, 3)
				     ? 16
				     : g_test_rand_int_range(1, 17);
		unsigned height = g_test_rand_int_range(1, 17);
		int most = g_test_rand_int_range(1, 30);
		for (unsigned i = 0; i < G_N_ELEMENTS(pixels); i++) {
			uint32_t d = g_test_rand_int_range(0, most) << 16 |
				     g_test_rand_int_range(0, most) << 8 |
				     g_test_rand_int_range(0, most);
			uint32_t base = i % 7 ? 0x406080 : 0xf0f0e0;
			pixels[i] = g_test_rand_bit() ? base + d : base;
		}
		struct looks fast = looks_count(pixels + 5, 40, width, height);
		struct looks plain =
		    looks_count_portable(pixels + 5, 40, width, height);
		g_assert_cmpmem(&fast, sizeof fast, &plain, sizeof plain);
	}
}

static void test_placeholder(void)
{
	static const char text[] = "Display output is not active.";
	unsigned width = 640, height = 480, left = (80 - 29) / 2 * 8;
	g_autofree uint32_t *pixels = g_new0(uint32_t, width * height);
	const uint8_t *bytes = (const uint8_t *)pixels;
	g_assert_false(console_is_placeholder(bytes, 2560, PIXELS_X8R8G8B8,
					      width, height));
	for (unsigned i = 0; text[i]; i++)
		if (text[i] != ' ')
			pixels[230 * width + left + i * 8 + 3] = 0xaaaaaa;
	g_assert_true(console_is_placeholder(bytes, 2560, PIXELS_X8R8G8B8,
					     width, height));
	g_assert_false(
	    console_is_placeholder(bytes, 2560, 0x10020565, width, height));
	pixels[0] = 0xaaaaaa;
	g_assert_false(console_is_placeholder(bytes, 2560, PIXELS_X8R8G8B8,
					      width, height));
	pixels[0] = 0;
	pixels[230 * width + left + 7 * 8] = 0xaaaaaa; /* between words */
	g_assert_false(console_is_placeholder(bytes, 2560, PIXELS_X8R8G8B8,
					      width, height));
	pixels[230 * width + left + 7 * 8] = 0;
	pixels[231 * width + left] = 0xaaaaab; /* a third colour */
	g_assert_false(console_is_placeholder(bytes, 2560, PIXELS_X8R8G8B8,
					      width, height));
	g_assert_false(
	    console_is_placeholder(bytes, 32, PIXELS_X8R8G8B8, 8, 8));
}

/* ---- sound ---- */

static void test_audio_format(void)
{
	static const uint8_t bytes[] = {0x80, 0xff, 0x00, 0x80};
	struct audio_format format = {.bits = 8, .rate = 48000, .channels = 2};
	struct audio_resampler resampler = {0};
	int16_t out[4], ramp[2 * 441];
	g_assert_true(audio_format_valid(&format));
	audio_decode(&format, bytes, 2, out); /* unsigned: 0x80 is silence */
	g_assert_cmpint(out[0], ==, 0);
	g_assert_cmpint(out[1], ==, 0x7f00);
	g_assert_cmpint(out[2], ==, -0x8000);
	g_assert_cmpint(out[3], ==, 0);
	format = (struct audio_format){.bits = 16,
				       .is_signed = true,
				       .big_endian = true,
				       .rate = 44100,
				       .channels = 1};
	audio_decode(&format, bytes, 2, out); /* one channel on both sides */
	g_assert_cmpint(out[0], ==, (int16_t)0x80ff);
	g_assert_cmpint(out[1], ==, (int16_t)0x80ff);
	g_assert_cmpint(out[2], ==, 0x0080);
	format.channels = 9;
	g_assert_false(audio_format_valid(&format));
	/* a second of a ramp, in pieces: as many frames as the rate says, and
	 * no jump where pieces meet */
	g_autoptr(GArray) heard = g_array_new(FALSE, FALSE, sizeof(int16_t));
	for (int piece = 0; piece < 100; piece++) {
		for (int i = 0; i < 441; i++)
			ramp[2 * i] = ramp[2 * i + 1] =
			    (int16_t)((piece * 441 + i) / 2);
		audio_resample(&resampler, 44100, 48000, ramp, 441, heard);
	}
	g_assert_cmpuint(heard->len / 2, >=, 47998);
	g_assert_cmpuint(heard->len / 2, <=, 48001);
	for (guint i = 4; i < heard->len; i += 2) {
		int step = g_array_index(heard, int16_t, i) -
			   g_array_index(heard, int16_t, i - 2);
		g_assert_cmpint(step, >=, 0);
		g_assert_cmpint(step, <=, 1);
	}
}

/* ---- clipboard ---- */

struct party {
	struct clipboard_party base;
	unsigned offers, withdrawals, wanted, given, none;
	char *text;
	bool ask_again;
};

static void on_offered(struct clipboard_party *base, unsigned forms)
{
	struct party *party = (struct party *)base;
	*(forms ? &party->offers : &party->withdrawals) += 1;
}

static void on_wanted(struct clipboard_party *base, enum clipboard_form form)
{
	((struct party *)base)->wanted++;
}

static void on_given(struct clipboard_party *base, enum clipboard_form form,
		     GBytes *text)
{
	struct party *party = (struct party *)base;
	if (!text) {
		party->none++;
		return;
	}
	party->given++;
	g_free(party->text);
	party->text =
	    g_strndup(g_bytes_get_data(text, NULL), g_bytes_get_size(text));
	if (party->ask_again) {
		party->ask_again = false;
		clipboard_ask(base, CLIPBOARD_TEXT);
	}
}

static const struct clipboard_ops party_ops = {on_offered, on_wanted, on_given};

static void test_clipboard(void)
{
	struct clipboard *clipboard = clipboard_new();
	struct party a = {.base.ops = &party_ops}, b = a, c = a;
	clipboard_join(clipboard, &a.base);
	clipboard_join(clipboard, &b.base);
	clipboard_join(clipboard, &c.base);
	clipboard_ask(&a.base, CLIPBOARD_TEXT);
	g_assert_cmpuint(a.none, ==, 1); /* nothing there */
	clipboard_offer(&a.base, 1u << CLIPBOARD_TEXT);
	g_assert_cmpuint(b.offers, ==, 1);
	g_assert_cmpuint(a.offers, ==, 0);
	clipboard_ask(&b.base, CLIPBOARD_TEXT);
	clipboard_ask(&c.base, CLIPBOARD_TEXT);
	g_assert_cmpuint(a.wanted, ==, 1); /* once for both */
	b.ask_again = true;
	g_autoptr(GBytes) text = g_bytes_new_static("text", 4);
	clipboard_give(&a.base, CLIPBOARD_TEXT, text);
	g_assert_cmpuint(b.given, ==, 2);
	g_assert_cmpuint(c.given, ==, 1);
	g_assert_cmpstr(c.text, ==, "text");
	clipboard_give(&b.base, CLIPBOARD_TEXT, text); /* not its turn */
	g_assert_cmpuint(c.given, ==, 1);
	clipboard_leave(&a.base); /* what it gave can still be pasted */
	g_assert_true(clipboard_has_text(&b.base));
	clipboard_ask(&c.base, CLIPBOARD_TEXT);
	g_assert_cmpuint(c.given, ==, 2);
	clipboard_offer(&b.base, 1u << CLIPBOARD_TEXT);
	clipboard_ask(&c.base, CLIPBOARD_TEXT);
	clipboard_leave(&b.base); /* nothing given: those who wait hear so */
	g_assert_cmpuint(c.none, ==, 1);
	g_assert_cmpuint(c.withdrawals, ==, 1);
	clipboard_leave(&c.base);
	g_autofree char *big = g_malloc0(CLIPBOARD_MAX + 1);
	g_autoptr(GBytes) much = g_bytes_new_static(big, CLIPBOARD_MAX + 1);
	clipboard_join(clipboard, &a.base);
	clipboard_join(clipboard, &b.base);
	clipboard_offer(&a.base, 1u << CLIPBOARD_TEXT);
	clipboard_ask(&b.base, CLIPBOARD_TEXT);
	clipboard_give(&a.base, CLIPBOARD_TEXT, much);
	g_assert_cmpuint(b.none, ==, 1);
	clipboard_free(clipboard);
	g_free(a.text);
	g_free(b.text);
	g_free(c.text);
}

static void test_clipboard_forms(void)
{
	struct clipboard *clipboard = clipboard_new();
	struct party a = {.base.ops = &party_ops}, b = a;
	g_autoptr(GBytes) text = g_bytes_new_static("text", 4);
	g_autoptr(GBytes) picture = g_bytes_new_static("\x89PNG", 4);
	clipboard_join(clipboard, &a.base);
	clipboard_join(clipboard, &b.base);
	clipboard_offer(&a.base, 1u << CLIPBOARD_TEXT | 1u << CLIPBOARD_PNG);
	g_assert_cmpuint(clipboard_forms(&b.base), ==,
			 1u << CLIPBOARD_TEXT | 1u << CLIPBOARD_PNG);
	clipboard_ask(&b.base, CLIPBOARD_PNG);
	clipboard_ask(&b.base, CLIPBOARD_TEXT);
	clipboard_ask(&b.base, CLIPBOARD_BMP); /* it has none */
	g_assert_cmpuint(b.none, ==, 1);
	g_assert_cmpuint(a.wanted, ==, 2);
	clipboard_give(&a.base, CLIPBOARD_PNG, picture); /* no UTF-8 */
	g_assert_cmpuint(b.given, ==, 1);
	g_assert_cmpstr(b.text, ==, "\x89PNG");
	clipboard_leave(&a.base); /* the form it gave is left */
	g_assert_cmpuint(b.none, ==, 2);
	g_assert_cmpuint(clipboard_forms(&b.base), ==, 1u << CLIPBOARD_PNG);
	clipboard_free(clipboard);
	g_free(b.text);
}

static void test_clipboard_ways(void)
{
	struct clipboard *clipboard = clipboard_new();
	struct party viewer = {.base.ops = &party_ops}, other = viewer;
	struct party guest = {.base = {.ops = &party_ops, .guest = true}};
	g_autoptr(GBytes) text = g_bytes_new_static("text", 4);
	clipboard_join(clipboard, &viewer.base);
	clipboard_join(clipboard, &other.base);
	clipboard_join(clipboard, &guest.base);
	clipboard_set_ways(clipboard, false, true);
	clipboard_provide(&viewer.base, text);
	g_assert_cmpuint(guest.offers, ==, 0);
	g_assert_cmpuint(other.offers, ==, 1); /* as it was */
	clipboard_ask(&guest.base, CLIPBOARD_TEXT);
	g_assert_cmpuint(guest.given, ==, 0);
	g_assert_cmpuint(guest.none, ==, 1);
	clipboard_offer(&guest.base, 1u << CLIPBOARD_TEXT);
	g_assert_cmpuint(viewer.offers, ==, 1);
	clipboard_ask(&viewer.base, CLIPBOARD_TEXT);
	g_assert_cmpuint(guest.wanted, ==, 1);
	/* closed while somebody waits: they get nothing, also not later */
	clipboard_set_ways(clipboard, false, false);
	g_assert_cmpuint(viewer.none, ==, 1);
	g_assert_cmpuint(viewer.withdrawals, >, 0);
	clipboard_give(&guest.base, CLIPBOARD_TEXT, text);
	g_assert_cmpuint(viewer.given, ==, 0);
	clipboard_ask(&viewer.base, CLIPBOARD_TEXT);
	g_assert_cmpuint(viewer.given, ==, 0);
	clipboard_leave(&guest.base); /* what it gave stays the guest's */
	g_assert_false(clipboard_has_text(&viewer.base));
	unsigned offers = viewer.offers;
	clipboard_set_ways(clipboard, true, true);
	g_assert_cmpuint(viewer.offers, ==, offers + 1);
	clipboard_ask(&viewer.base, CLIPBOARD_TEXT);
	g_assert_cmpstr(viewer.text, ==, "text");
	clipboard_leave(&viewer.base);
	clipboard_leave(&other.base);
	clipboard_free(clipboard);
	g_free(viewer.text);
	g_free(other.text);
	g_free(guest.text);
}

static void test_clip_packing(void)
{
	g_autoptr(GBytes) text = g_bytes_new_static("zwei\nZeilen ü\n", 15);
	g_autoptr(GByteArray) packed = rfb_clip_pack(text);
	g_autoptr(GBytes) back = rfb_clip_unpack(packed->data, packed->len);
	g_assert_true(g_bytes_equal(text, back));
	for (guint cut = 0; cut < packed->len - 5; cut++) {
		g_autoptr(GBytes) part = rfb_clip_unpack(packed->data, cut);
		g_assert_null(part);
	}
	g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
	g_autoptr(GByteArray) nothing = rfb_clip_pack(empty);
	g_autoptr(GBytes) none = rfb_clip_unpack(nothing->data, nothing->len);
	g_assert_cmpuint(g_bytes_get_size(none), ==, 0);
}

/* ---- agent ---- */

struct heard {
	GByteArray *bodies;
	unsigned count;
	uint32_t type;
};

static void on_message(void *data, uint32_t type, const uint8_t *body,
		       uint32_t length)
{
	struct heard *heard = data;
	heard->count++;
	heard->type = type;
	g_byte_array_append(heard->bodies, body, length);
}

static void test_agent_wire(void)
{
	g_autoptr(GByteArray) wire = g_byte_array_new();
	g_autofree uint8_t *body = g_malloc(10000);
	for (int i = 0; i < 10000; i++)
		body[i] = i * 7;
	agent_wire_write(wire, 4, body, 10000);
	agent_wire_write(wire, 9, NULL, 0);
	g_assert_cmpuint(wire->len, ==, 5 * 8 + 20 + 10000 + 8 + 20);
	for (unsigned step = 1; step < 5000; step = step * 3 + 1) {
		struct agent_wire parser;
		struct heard heard = {.bodies = g_byte_array_new()};
		agent_wire_init(&parser);
		for (guint at = 0; at < wire->len; at += step)
			g_assert_true(agent_wire_feed(&parser, wire->data + at,
						      MIN(step, wire->len - at),
						      on_message, &heard));
		g_assert_cmpuint(heard.count, ==, 2);
		g_assert_cmpuint(heard.type, ==, 9);
		g_assert_cmpmem(heard.bodies->data, heard.bodies->len, body,
				10000);
		g_byte_array_unref(heard.bodies);
		agent_wire_finish(&parser);
	}
	struct agent_wire parser;
	static const uint8_t wrong[8] = {3, 0, 0, 0, 1, 0, 0, 0};
	agent_wire_init(&parser);
	g_assert_false(agent_wire_feed(&parser, wrong, 8, on_message, NULL));
	g_assert_false(
	    agent_wire_feed(&parser, wire->data, wire->len, on_message, NULL));
	agent_wire_finish(&parser);
}

/* ---- stills ---- */

static void test_shrink(void)
{
	uint32_t pixels[6] = {0x000000, 0xffffff, 0x000000,
			      0xffffff, 0x000000, 0xffffff};
	g_autofree uint32_t *one = picture_shrink(pixels, 3, 2, 1, 1);
	g_assert_cmphex(one[0], ==, 0x808080);
	g_autofree uint32_t *same = picture_shrink(pixels, 3, 2, 3, 2);
	g_assert_cmpmem(same, sizeof pixels, pixels, sizeof pixels);
	uint32_t row[3] = {0xff0000, 0x00ff00, 0x0000ff};
	g_autofree uint32_t *two = picture_shrink(row, 3, 1, 2, 1);
	g_assert_cmphex(two[0], ==, 0xaa5500);
	g_assert_cmphex(two[1], ==, 0x0055aa);
}

/* ---- keys ---- */

static void test_keysyms(void)
{
	enum rfb_shift shift;
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	for (int i = 0; letters[i]; i++) {
		unsigned small = rfb_keysym_to_qnum(letters[i], &shift);
		g_assert_cmpint(shift, ==, RFB_SHIFT_ANY);
		unsigned large = rfb_keysym_to_qnum(letters[i] - 32, &shift);
		g_assert_cmpint(shift, ==, RFB_SHIFT_ON);
		g_assert_cmpuint(small, ==, large);
		g_assert_cmpuint(small, !=, 0);
	}
	for (int c = 33; c < 127; c++)
		g_assert_cmpuint(rfb_keysym_to_qnum(c, &shift), !=, 0);
	g_assert_cmpuint(rfb_keysym_to_qnum(0, &shift), ==, 0);
	g_assert_cmpuint(rfb_keysym_to_qnum(0x10000ff, &shift), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/display/damage/random", test_damage_random);
	g_test_add_func("/display/damage/edges", test_damage_edges);
	g_test_add_func("/display/pixels", test_pixels);
	g_test_add_func("/display/desktop/layout", test_desktop_layout);
	g_test_add_func("/display/desktop/refusals", test_desktop_refusals);
	g_test_add_func("/display/desktop/changes", test_desktop_changes);
	g_test_add_func("/display/lines-move", test_lines_move);
	g_test_add_func("/display/film-place", test_film_place);
	g_test_add_func("/display/looks", test_looks);
	g_test_add_func("/display/placeholder", test_placeholder);
	g_test_add_func("/display/audio-format", test_audio_format);
	g_test_add_func("/display/clipboard", test_clipboard);
	g_test_add_func("/display/clipboard/forms", test_clipboard_forms);
	g_test_add_func("/display/clipboard/ways", test_clipboard_ways);
	g_test_add_func("/display/clipboard/packing", test_clip_packing);
	g_test_add_func("/display/agent-wire", test_agent_wire);
	g_test_add_func("/display/picture/shrink", test_shrink);
	g_test_add_func("/display/keysyms", test_keysyms);
	return g_test_run();
}
