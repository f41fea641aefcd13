/* Where screens go, and whose tablet is whose. */
#include <glib.h>

#include "seamless/layout.h"

static struct layout two(int w1, int h1, int w2, int h2)
{
	struct layout layout = {.n_heads = 2};
	layout.head[0] = (struct layout_head){
	    .connected = true, .width_px = w1, .height_px = h1};
	layout.head[1] = (struct layout_head){
	    .connected = true, .width_px = w2, .height_px = h2};
	return layout;
}

static void test_side_by_side(void)
{
	struct layout layout = two(1280, 800, 1024, 1200);
	layout_place(&layout, 8192, 8192);
	g_assert_cmpint(layout.width_px, ==, 2304);
	/* a spare row, see layout.c */
	g_assert_cmpint(layout.height_px, ==, 1201);
	g_assert_cmpint(layout.head[1].x_px, ==, 1280);
	g_assert_cmpint(layout.head[1].y_px, ==, 0);
	layout_place(&layout, 8192, 1200);
	g_assert_true(layout.head[1].on);
	g_assert_cmpint(layout.height_px, ==, 1200);
}

static void test_gone(void)
{
	struct layout layout = two(1280, 800, 1024, 768);
	layout.head[0].connected = false;
	layout_place(&layout, 8192, 8192);
	g_assert_false(layout.head[0].on);
	g_assert_cmpint(layout.head[1].x_px, ==, 0);
	g_assert_cmpint(layout.width_px, ==, 1024);
	layout.head[1].connected = false;
	layout_place(&layout, 8192, 8192);
	g_assert_cmpint(layout.width_px, ==, 0);
}

static void test_too_large(void)
{
	struct layout layout = two(5120, 2160, 5120, 2160);
	layout_place(&layout, 8192, 8192);
	g_assert_true(layout.head[0].on);
	g_assert_false(layout.head[1].on);
	g_assert_cmpint(layout.width_px, ==, 5120);
	layout = two(0, 0, 1 << 30, 1 << 30);
	layout_place(&layout, 8192, 8192);
	g_assert_cmpint(layout.width_px, ==, 0);
}

/* A pixel on a tablet's axis, as QEMU 7.2 tells it (a pixel's left edge, in
 * whole steps) and as oriel-vmm does (its middle); then as 0..1, as X has it.
 */
static double from_qemu(int px, int size)
{
	return (double)((gint64)px * 32767 / size) / 32768;
}

static double from_vmm(int px, int size)
{
	return (double)((2 * (gint64)px + 1) * 32768 / (2 * size)) / 32768;
}

/* Where X puts the pointer: rounded down. */
static void check_axis(double (*from)(int, int), float scale, float offset,
		       int at, int size, int whole)
{
	for (int px = 0; px < size; px++)
		g_assert_cmpint(
		    (int)((scale * from(px, size) + offset) * whole), ==,
		    at + px);
}

static void test_matrix(void)
{
	static const int SIZES[][4] = {{1280, 800, 1024, 768},
				       {1366, 768, 801, 1200},
				       {640, 480, 3840, 2160}};
	for (gsize i = 0; i < G_N_ELEMENTS(SIZES); i++) {
		struct layout layout =
		    two(SIZES[i][0], SIZES[i][1], SIZES[i][2], SIZES[i][3]);
		layout_place(&layout, 8192, 8192);
		for (size_t head = 0; head < 2; head++) {
			const struct layout_head *own = &layout.head[head];
			float m[9];
			layout_matrix(&layout, head, m);
			check_axis(from_qemu, m[0], m[2], own->x_px,
				   own->width_px, layout.width_px);
			check_axis(from_vmm, m[0], m[2], own->x_px,
				   own->width_px, layout.width_px);
			check_axis(from_qemu, m[4], m[5], own->y_px,
				   own->height_px, layout.height_px);
			check_axis(from_vmm, m[4], m[5], own->y_px,
				   own->height_px, layout.height_px);
		}
	}
	struct layout layout = two(100, 100, 100, 100);
	layout.head[1].connected = false;
	layout_place(&layout, 8192, 8192);
	float m[9];
	layout_matrix(&layout, 1, m);
	g_assert_cmpfloat(m[0], ==, 1);
	layout_matrix(&layout, 99, m);
	g_assert_cmpfloat(m[2], ==, 0);
}

static void test_order(void)
{
	static const char *const PATHS[] = {
	    "/sys/devices/pci0000:00/0000:00:02.0/virtio9/input/input7",
	    "/sys/devices/pci0000:00/0000:00:0a.0/virtio10/input/input5",
	    "/sys/devices/pci0000:00/0000:00:0a.0/virtio10/input/input11",
	    "/sys/devices/pci0000:00/0000:00:1c.1/0000:02:00.0/virtio1/x",
	    "/sys/devices/pci0000:00/0000:00:1c.1/0000:10:00.0/virtio0/x",
	};
	for (gsize a = 0; a < G_N_ELEMENTS(PATHS); a++)
		for (gsize b = 0; b < G_N_ELEMENTS(PATHS); b++) {
			int order = layout_compare_paths(PATHS[a], PATHS[b]);
			g_assert_cmpint((order > 0) - (order < 0), ==,
					(a > b) - (a < b));
		}
}

static void test_serial(void)
{
	g_assert_cmpint(layout_head_of_serial("oriel-head-0"), ==, 0);
	g_assert_cmpint(layout_head_of_serial("oriel-head-3"), ==, 3);
	g_assert_cmpint(layout_head_of_serial("oriel-head-99"), ==, -1);
	g_assert_cmpint(layout_head_of_serial("oriel-head-"), ==, -1);
	g_assert_cmpint(layout_head_of_serial("oriel-head-1x"), ==, -1);
	g_assert_cmpint(layout_head_of_serial("oriel-head--1"), ==, -1);
	g_assert_cmpint(layout_head_of_serial(""), ==, -1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/layout/side-by-side", test_side_by_side);
	g_test_add_func("/layout/gone", test_gone);
	g_test_add_func("/layout/too-large", test_too_large);
	g_test_add_func("/layout/matrix", test_matrix);
	g_test_add_func("/layout/order", test_order);
	g_test_add_func("/layout/serial", test_serial);
	return g_test_run();
}
