/* Enlarging: against the mean of what each pixel of the screen covers. */
#include <glib.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "client/crisp.h"

#define WIDTH  37
#define HEIGHT 23

static cairo_surface_t *picture_of(GRand *rand)
{
	cairo_surface_t *picture =
	    cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
	unsigned char *data = cairo_image_surface_get_data(picture);
	int stride = cairo_image_surface_get_stride(picture);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH * 4; x++)
			data[y * stride + x] =
			    (unsigned char)g_rand_int_range(rand, 0, 256);
	cairo_surface_mark_dirty(picture);
	return picture;
}

static int channel(cairo_surface_t *surface, int x, int y, int which)
{
	return cairo_image_surface_get_data(
	    surface)[y * cairo_image_surface_get_stride(surface) + x * 4 +
		     which];
}

/* The part of pixel i that [begin, end) covers. */
static double covered(int i, double begin, double end)
{
	return MAX(0, MIN(end, i + 1) - MAX(begin, i));
}

static double mean(cairo_surface_t *picture, int x, int y, double scale,
		   int which)
{
	double sum = 0, area = 0;
	for (int j = (int)floor(y / scale); j < (y + 1) / scale; j++)
		for (int i = (int)floor(x / scale); i < (x + 1) / scale; i++) {
			double part = covered(i, x / scale, (x + 1) / scale) *
				      covered(j, y / scale, (y + 1) / scale);
			if (i >= WIDTH || j >= HEIGHT)
				continue;
			sum += part * channel(picture, i, j, which);
			area += part;
		}
	return sum / area;
}

static void test_mean(void)
{
	static const double scales[] = {1, 1.25, 1.5, 1.75, 2, 1.337, 3, 5.1};
	g_autoptr(GRand) rand = g_rand_new_with_seed(4);
	cairo_surface_t *picture = picture_of(rand);
	for (gsize s = 0; s < G_N_ELEMENTS(scales); s++) {
		double scale = scales[s];
		int whole_w = (int)floor(WIDTH * scale);
		int whole_h = (int)floor(HEIGHT * scale);
		for (int try = 0; try < 4; try++) {
			int left =
			    try ? g_rand_int_range(rand, 0, whole_w - 1) : 0;
			int top =
			    try ? g_rand_int_range(rand, 0, whole_h - 1) : 0;
			int w = whole_w - left, h = whole_h - top;
			cairo_surface_t *out = cairo_image_surface_create(
			    CAIRO_FORMAT_RGB24, w, h);
			g_assert_true(
			    crisp_enlarge(picture, out, left, top, scale));
			for (int y = 0; y < h; y++)
				for (int x = 0; x < w; x++)
					for (int c = 0; c < 3; c++)
						g_assert_cmpfloat_with_epsilon(
						    channel(out, x, y, c),
						    mean(picture, left + x,
							 top + y, scale, c),
						    2.5);
			cairo_surface_destroy(out);
		}
	}
	cairo_surface_destroy(picture);
}

/* At a whole factor nothing is mixed at all. */
static void test_whole(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);
	cairo_surface_t *picture = picture_of(rand);
	cairo_surface_t *out = cairo_image_surface_create(
	    CAIRO_FORMAT_RGB24, WIDTH * 3, HEIGHT * 3);
	g_assert_true(crisp_enlarge(picture, out, 0, 0, 3));
	for (int y = 0; y < HEIGHT * 3; y++)
		for (int x = 0; x < WIDTH * 3; x++)
			for (int c = 0; c < 3; c++)
				g_assert_cmpint(
				    channel(out, x, y, c), ==,
				    channel(picture, x / 3, y / 3, c));
	cairo_surface_destroy(out);
	cairo_surface_destroy(picture);
}

static void test_refused(void)
{
	cairo_surface_t *good =
	    cairo_image_surface_create(CAIRO_FORMAT_RGB24, 4, 4);
	cairo_surface_t *grey =
	    cairo_image_surface_create(CAIRO_FORMAT_A8, 4, 4);
	cairo_surface_t *none =
	    cairo_image_surface_create(CAIRO_FORMAT_RGB24, 0, 4);
	cairo_surface_t *huge =
	    cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1 << 20, 1 << 20);
	g_assert_false(crisp_enlarge(grey, good, 0, 0, 2));
	g_assert_false(crisp_enlarge(good, grey, 0, 0, 2));
	g_assert_false(crisp_enlarge(good, none, 0, 0, 2));
	g_assert_false(crisp_enlarge(none, good, 0, 0, 2));
	g_assert_false(crisp_enlarge(good, huge, 0, 0, 2));
	g_assert_false(crisp_enlarge(good, good, -1, 0, 2));
	g_assert_false(crisp_enlarge(good, good, 0, 0, 0.5));
	g_assert_false(crisp_enlarge(good, good, 0, 0, NAN));
	/* beyond the edge stands the last pixel */
	g_assert_true(crisp_enlarge(good, good, 100, 100, 1.5));
	cairo_surface_destroy(good);
	cairo_surface_destroy(grey);
	cairo_surface_destroy(none);
	cairo_surface_destroy(huge);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/crisp/mean", test_mean);
	g_test_add_func("/crisp/whole", test_whole);
	g_test_add_func("/crisp/refused", test_refused);
	return g_test_run();
}
