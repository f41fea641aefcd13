/* seamless/win32/damage.h: what differs lies in a rectangle, and little else.
 */
#include <glib.h>
#include <string.h>

#include "seamless/win32/damage.h"

#define W      97
#define H      83
#define STRIDE 101
#define ROOM   8

struct pair {
	uint32_t now[H * STRIDE], before[H * STRIDE];
	struct seam_rect rects[ROOM];
	struct damage damage;
};

static void compare(struct pair *pair, unsigned room)
{
	pair->damage = (struct damage){.rects = pair->rects, .room = room};
	damage_compare(&pair->damage, &(struct picture_view){pair->now, STRIDE},
		       &(struct picture_view){pair->before, STRIDE}, W, H);
	g_assert_cmpuint(pair->damage.count, <=, room);
}

static gboolean covered(const struct pair *pair, int x, int y)
{
	for (unsigned i = 0; i < pair->damage.count; i++) {
		const struct seam_rect *r = &pair->rects[i];
		if (x >= r->x && x < r->x + (int)r->width && y >= r->y &&
		    y < r->y + (int)r->height)
			return TRUE;
	}
	return FALSE;
}

static void test_random(void)
{
	struct pair *pair = g_new0(struct pair, 1);
	for (int round = 0; round < 2000; round++) {
		unsigned room = (unsigned)g_test_rand_int_range(1, ROOM + 1);
		memcpy(pair->before, pair->now, sizeof pair->now);
		int changes = g_test_rand_int_range(0, 12);
		for (int i = 0; i < changes; i++) {
			int x = g_test_rand_int_range(0, STRIDE);
			int y = g_test_rand_int_range(0, H);
			/* half of them in the byte that means nothing */
			pair->now[y * STRIDE + x] ^=
			    1u << g_test_rand_int_range(0, 32);
		}
		compare(pair, room);
		gboolean any = FALSE;
		for (int y = 0; y < H; y++)
			for (int x = 0; x < W; x++) {
				guint32 differs =
				    (pair->now[y * STRIDE + x] ^
				     pair->before[y * STRIDE + x]) &
				    0xffffff;
				any = any || differs;
				g_assert_true(!differs || covered(pair, x, y));
			}
		g_assert_true(any == (pair->damage.count > 0));
		for (unsigned i = 0; i < pair->damage.count; i++) {
			const struct seam_rect *r = &pair->rects[i];
			g_assert_true(r->x >= 0 && r->y >= 0 && r->width > 0 &&
				      r->height > 0);
			g_assert_cmpint(r->x + (int)r->width, <=, W);
			g_assert_cmpint(r->y + (int)r->height, <=, H);
		}
	}
	g_free(pair);
}

static void test_far_apart(void)
{
	struct pair *pair = g_new0(struct pair, 1);
	pair->now[2 * STRIDE + 1] = 1;
	pair->now[80 * STRIDE + 90] = 1;
	compare(pair, ROOM);
	g_assert_cmpuint(pair->damage.count, ==, 2);
	g_assert_cmpuint(pair->rects[0].width, ==, 1);
	g_assert_cmpint(pair->rects[1].x, ==, 90);
	/* where there is room for one alone it covers both */
	compare(pair, 1);
	g_assert_true(covered(pair, 1, 2) && covered(pair, 90, 80));
	g_free(pair);
}

static void test_sum(void)
{
	struct pair *pair = g_new0(struct pair, 1);
	const struct picture_view now = {pair->now, STRIDE};
	uint64_t first = damage_sum(&now, W, H);
	pair->now[5] = 0xff000000; /* no colour */
	pair->now[W] = 5;          /* beyond the picture */
	g_assert_true(damage_sum(&now, W, H) == first);
	pair->now[5] = 1;
	g_assert_true(damage_sum(&now, W, H) != first);
	g_free(pair);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/win32-damage/random", test_random);
	g_test_add_func("/win32-damage/far-apart", test_far_apart);
	g_test_add_func("/win32-damage/sum", test_sum);
	return g_test_run();
}
