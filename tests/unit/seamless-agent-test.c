/* The parts of the agent that know no X: packing, whose turn it is, and what
 * the client's messages may do. */
#include <glib.h>
#include <string.h>

#include "seamless/agent/atlas.h"
#include "seamless/agent/receive.h"

/* ---- atlas ---- */

static bool apart(struct atlas_slot a, struct atlas_slot b)
{
	return a.x + a.width <= b.x || b.x + b.width <= a.x ||
	       a.y + a.height <= b.y || b.y + b.height <= a.y;
}

static void random_use_never_overlaps(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	struct atlas *atlas = atlas_create(2000, 1500);
	struct atlas_slot slots[200];
	size_t n = 0, refused = 0;
	uint64_t used = 0;
	for (int round = 0; round < 4000; round++) {
		if (n > 0 && (n == 200 || g_rand_int_range(rand, 0, 5) < 2)) {
			size_t i = (size_t)g_rand_int_range(rand, 0, (int)n);
			used -= (uint64_t)slots[i].width * slots[i].height;
			atlas_give(atlas, slots[i]);
			slots[i] = slots[--n];
			continue;
		}
		uint32_t w = (uint32_t)g_rand_int_range(rand, 1, 400);
		uint32_t h = (uint32_t)g_rand_int_range(rand, 1, 300);
		struct atlas_slot slot;
		if (!atlas_take(atlas, w, h, &slot)) {
			refused++;
			continue;
		}
		g_assert_cmpuint(slot.width, ==, w);
		g_assert_cmpuint(slot.height, ==, h);
		g_assert_cmpuint(slot.x + w, <=, 2000);
		g_assert_cmpuint(slot.y + h, <=, 1500);
		for (size_t i = 0; i < n; i++)
			g_assert_true(apart(slot, slots[i]));
		slots[n++] = slot;
		used += (uint64_t)w * h;
		g_assert_cmpuint(atlas_used(atlas), ==, used);
	}
	/* the atlas was full at times, and room came back */
	g_assert_cmpuint(refused, >, 0);
	while (n > 0)
		atlas_give(atlas, slots[--n]);
	g_assert_cmpuint(atlas_used(atlas), ==, 0);
	struct atlas_slot whole;
	g_assert_true(atlas_take(atlas, 2000, 1500, &whole));
	atlas_destroy(atlas);
}

static void equal_windows_fill_it_whole(void)
{
	struct atlas *atlas = atlas_create(1600, 1204);
	struct atlas_slot slot;
	for (int i = 0; i < 16; i++)
		g_assert_true(atlas_take(atlas, 400, 301, &slot));
	g_assert_false(atlas_take(atlas, 1, 1, &slot));
	atlas_grow(atlas, 1600, 1505);
	for (int i = 0; i < 4; i++)
		g_assert_true(atlas_take(atlas, 400, 301, &slot));
	g_assert_false(atlas_take(atlas, 400, 301, &slot));
	atlas_destroy(atlas);
}

static void what_cannot_fit_is_refused(void)
{
	struct atlas *atlas = atlas_create(100, 100);
	struct atlas_slot slot;
	g_assert_false(atlas_take(atlas, 101, 1, &slot));
	g_assert_false(atlas_take(atlas, 1, 101, &slot));
	g_assert_false(atlas_take(atlas, 0, 10, &slot));
	g_assert_false(atlas_take(atlas, UINT32_MAX, UINT32_MAX, &slot));
	/* giving what was never taken changes nothing */
	atlas_give(atlas, (struct atlas_slot){5, 5, 10, 10});
	g_assert_true(atlas_take(atlas, 100, 100, &slot));
	atlas_destroy(atlas);
}

static void a_move_only_goes_up_or_left(void)
{
	struct atlas *atlas = atlas_create(400, 100);
	struct atlas_slot a, b, moved;
	g_assert_true(atlas_take(atlas, 100, 100, &a));
	g_assert_true(atlas_take(atlas, 100, 100, &b));
	g_assert_false(atlas_take_before(atlas, &b, &moved));
	atlas_give(atlas, a);
	g_assert_true(atlas_take_before(atlas, &b, &moved));
	g_assert_cmpuint(moved.x, <, b.x);
	atlas_destroy(atlas);
}

/* ---- turns ---- */

static struct turn_ask ask_of(uint32_t serial, uint32_t width, uint32_t height)
{
	return (struct turn_ask){serial, {0, 0, width, height}, 0};
}

static void one_configure_at_a_time_the_newest_next(void)
{
	struct turn turn = {0};
	struct turn_ask a = ask_of(1, 10, 10), b = ask_of(2, 20, 20),
			c = ask_of(3, 30, 30), next;
	bool refused;
	g_assert_true(turn_ask(&turn, &a));
	g_assert_false(turn_ask(&turn, &b));
	g_assert_false(turn_ask(&turn, &c));
	g_assert_cmpuint(turn.last, ==, 3);
	g_assert_false(turn_next(&turn, &next));
	g_assert_cmpuint(turn_commit(&turn, 10, 10, true, &refused), ==, 1);
	g_assert_false(refused);
	/* b has been replaced and is never answered by itself */
	g_assert_true(turn_next(&turn, &next));
	g_assert_cmpuint(next.serial, ==, 3);
	g_assert_cmpuint(turn_commit(&turn, 30, 30, true, &refused), ==, 3);
	g_assert_cmpuint(turn_commit(&turn, 30, 30, true, &refused), ==, 0);
	/* the last of several need not wait for the others' pictures */
	g_assert_false(turn_skip(&turn, &next));
	g_assert_true(turn_ask(&turn, &a));
	g_assert_false(turn_ask(&turn, &b));
	g_assert_true(turn_skip(&turn, &next));
	g_assert_cmpuint(next.serial, ==, 2);
	g_assert_false(turn_skip(&turn, &next));
	g_assert_cmpuint(turn_commit(&turn, 10, 10, false, &refused), ==, 0);
	g_assert_cmpuint(turn_commit(&turn, 20, 20, true, &refused), ==, 2);
	g_assert_false(refused);
}

static void an_answer_has_its_size_or_refuses(void)
{
	struct turn turn = {0};
	struct turn_ask a = ask_of(5, 100, 100);
	bool refused;
	g_assert_true(turn_ask(&turn, &a));
	/* a frame of the old size, on its way when the CONFIGURE came */
	g_assert_cmpuint(turn_commit(&turn, 90, 90, false, &refused), ==, 0);
	g_assert_cmpuint(turn_commit(&turn, 96, 98, true, &refused), ==, 5);
	g_assert_true(refused);
}

/* ---- messages ---- */

struct world {
	struct receive receive;
	struct peer_window top, popup;
	GString *log;
};

static struct peer_window *find(uint32_t id, void *data)
{
	struct world *w = data;
	return id == w->top.id ? &w->top : id == w->popup.id ? &w->popup : NULL;
}
#define LOG(...)                                                               \
	g_string_append_printf(((struct world *)data)->log, __VA_ARGS__)
static void on_send(struct seam_message *m, void *data)
{
	LOG("send %s;", seam_type_name(m->type));
}
static void on_drop(enum seam_fault fault, const char *why, void *data)
{
	LOG("drop %d;", fault);
}
static void on_hello(const struct seam_hello *hello, void *data)
{
	LOG("hello;");
}
static void on_outputs(struct seam_array outputs, void *data)
{
	LOG("outputs %u;", outputs.count);
}
static void on_configure(struct peer_window *w, const struct turn_ask *ask,
			 void *data)
{
	LOG("configure %u %u;", w->id, ask->serial);
}
static void on_show(struct peer_window *w, bool shown, void *data)
{
	LOG("show %u %d;", w->id, shown);
}
static void on_stack(struct seam_array windows, void *data)
{
	LOG("stack;");
}
static void on_focus(struct peer_window *w, void *data)
{
	LOG("focus %u;", w ? w->id : 0);
}
static void on_close(struct peer_window *w, void *data)
{
	LOG("close %u;", w->id);
}
static void on_pointer(struct peer_window *w, int32_t x, int32_t y, void *data)
{
	LOG("pointer %u %d %d;", w->id, x, y);
}
static void on_button(struct peer_window *w, unsigned b, bool down, void *data)
{
	LOG("button %u %u %d;", w->id, b, down);
}
static void on_axis(struct peer_window *w, int32_t dx, int32_t dy, void *data)
{
	LOG("axis;");
}
static void on_key(const struct seam_key *key, void *data)
{
	LOG("key %u;", key->evdev);
}
static void on_keymap(const struct seam_keymap *keymap, void *data)
{
	LOG("keymap;");
}
static void on_released(struct peer_window *w, void *data)
{
	LOG("released %u %u;", w->id, w->released);
}
static void on_destroy_acked(uint32_t id, void *data)
{
	LOG("acked %u;", id);
}
static void on_launch(const struct seam_launch *launch, void *data)
{
	LOG("launch;");
}
static void on_file(const struct seam_message *message, void *data)
{
	LOG("file %u;", message->type);
}
static void on_launch_cancel(uint32_t token, void *data)
{
	LOG("no launch %u;", token);
}
static const struct receive_ops ops = {
    .find = find,
    .send = on_send,
    .drop = on_drop,
    .hello = on_hello,
    .outputs = on_outputs,
    .configure = on_configure,
    .show = on_show,
    .stack = on_stack,
    .focus = on_focus,
    .close = on_close,
    .pointer = on_pointer,
    .button = on_button,
    .axis = on_axis,
    .key = on_key,
    .keymap = on_keymap,
    .released = on_released,
    .destroy_acked = on_destroy_acked,
    .launch = on_launch,
    .launch_cancel = on_launch_cancel,
    .file = on_file,
};

static void world_init(struct world *w, bool greeted)
{
	memset(w, 0, sizeof *w);
	w->log = g_string_new("");
	w->receive.ops = &ops;
	w->receive.data = w;
	w->top = (struct peer_window){.id = 3, .kind = SEAM_TOPLEVEL};
	w->popup = (struct peer_window){.id = 4, .kind = SEAM_POPUP};
	receive_begin(&w->receive);
	w->receive.greeted = greeted;
}

static void give(struct world *w, unsigned type, uint32_t window,
		 uint32_t serial)
{
	struct seam_message m = {
	    .type = (uint16_t)type, .window = window, .serial = serial};
	receive_message(&w->receive, &m);
}

static void said(struct world *w, const char *expected)
{
	g_assert_cmpstr(w->log->str, ==, expected);
	g_string_truncate(w->log, 0);
}

static void nothing_before_hello(void)
{
	struct world w;
	world_init(&w, false);
	give(&w, SEAM_FOCUS, 3, 1);
	said(&w, "drop 2;");
	struct seam_message hello = {.type = SEAM_HELLO};
	receive_message(&w.receive, &hello);
	said(&w, "drop 1;"); /* version 0 */
	hello.hello.version = SEAM_VERSION + 7;
	receive_message(&w.receive, &hello);
	said(&w, "hello;");
	give(&w, SEAM_FOCUS, 3, 2);
	said(&w, "focus 3;");
	g_string_free(w.log, TRUE);
}

static void unknown_windows_are_counted_not_served(void)
{
	struct world w;
	world_init(&w, true);
	for (unsigned type = 0; type < 200; type++)
		if (type != SEAM_HELLO && type != SEAM_DESTROY_ACK)
			give(&w, type, 77, 1);
	said(&w, "send PONG;file 6;file 7;file 8;file 9;outputs 0;stack;key "
		 "0;keymap;launch;no launch 0;");
	g_assert_cmpuint(w.receive.unknown, >, 100);
	g_string_free(w.log, TRUE);
}

static void guest_messages_mean_nothing_here(void)
{
	struct world w;
	world_init(&w, true);
	for (unsigned type = SEAM_SYNC_BEGIN; type <= SEAM_PIXELS; type++)
		give(&w, type, 3, 1);
	said(&w, "");
	g_string_free(w.log, TRUE);
}

static void popups_are_not_configured(void)
{
	struct world w;
	world_init(&w, true);
	give(&w, SEAM_CONFIGURE, 4, 1);
	give(&w, SEAM_MAP, 4, 2);
	said(&w, "");
	give(&w, SEAM_CONFIGURE, 3, 3);
	give(&w, SEAM_CONFIGURE, 3, 4);
	said(&w, "configure 3 3;");
	g_string_free(w.log, TRUE);
}

static void only_committed_frames_are_released_once(void)
{
	struct world w;
	world_init(&w, true);
	struct seam_message m = {.type = SEAM_RELEASE, .window = 3};
	w.top.frame = 5;
	w.top.released = 2;
	static const uint32_t frames[] = {6, 2, 0, 0xfffffff0u, 4, 4, 3, 5};
	for (size_t i = 0; i < G_N_ELEMENTS(frames); i++) {
		m.release.frame = frames[i];
		receive_message(&w.receive, &m);
	}
	said(&w, "released 3 4;released 3 5;");
	g_string_free(w.log, TRUE);
}

static void one_finger_is_the_pointer(void)
{
	struct world w;
	world_init(&w, true);
	static const struct seam_touch touches[] = {
	    {1, 1, 0, 0},   {1, 0, 10, 20}, {2, 0, 50, 50},
	    {2, 2, 50, 50}, {1, 1, 11, 21}, {1, 2, 12, 22},
	    {1, 2, 12, 22}, {5, 0, 1, 1},   {5, 3, 9, 9}};
	for (size_t i = 0; i < G_N_ELEMENTS(touches); i++) {
		struct seam_message m = {
		    .type = SEAM_TOUCH, .window = 3, .touch = touches[i]};
		receive_message(&w.receive, &m);
	}
	said(&w, "pointer 3 10 20;button 3 1 1;pointer 3 11 21;"
		 "pointer 3 12 22;button 3 1 0;pointer 3 1 1;button 3 1 1;"
		 "button 3 1 0;");
	g_string_free(w.log, TRUE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/atlas/random-use-never-overlaps",
			random_use_never_overlaps);
	g_test_add_func("/atlas/equal-windows-fill-it-whole",
			equal_windows_fill_it_whole);
	g_test_add_func("/atlas/what-cannot-fit-is-refused",
			what_cannot_fit_is_refused);
	g_test_add_func("/atlas/a-move-only-goes-up-or-left",
			a_move_only_goes_up_or_left);
	g_test_add_func("/turn/one-configure-at-a-time-the-newest-next",
			one_configure_at_a_time_the_newest_next);
	g_test_add_func("/turn/an-answer-has-its-size-or-refuses",
			an_answer_has_its_size_or_refuses);
	g_test_add_func("/receive/nothing-before-hello", nothing_before_hello);
	g_test_add_func("/receive/unknown-windows-are-counted-not-served",
			unknown_windows_are_counted_not_served);
	g_test_add_func("/receive/guest-messages-mean-nothing-here",
			guest_messages_mean_nothing_here);
	g_test_add_func("/receive/popups-are-not-configured",
			popups_are_not_configured);
	g_test_add_func("/receive/only-committed-frames-are-released-once",
			only_committed_frames_are_released_once);
	g_test_add_func("/receive/one-finger-is-the-pointer",
			one_finger_is_the_pointer);
	return g_test_run();
}
