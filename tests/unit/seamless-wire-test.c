/* The seamless protocol's wire: every message goes there and back, every
 * broken one is refused for the right reason. */
#include <glib.h>
#include <string.h>

#include "seamless/wire.h"

static uint8_t wire[SEAM_MESSAGE_MAX];

/* One valid example of every type; text and arrays live in statics. */
static struct seam_message example(unsigned type)
{
	static uint8_t rects[2 * SEAM_RECT_SIZE], outputs[SEAM_OUTPUT_SIZE],
	    windows[3 * SEAM_WINDOW_SIZE];
	seam_rect_put(rects, (struct seam_rect){-5, 7, 10, 20});
	seam_rect_put(rects + SEAM_RECT_SIZE,
		      (struct seam_rect){1, 2, SEAM_SIDE_MAX, 1});
	struct seam_output output = {
	    {0, 0, 1920, 1080}, {0, 24, 1920, 1056}, SEAM_SCALE_ONE};
	seam_output_put(outputs, &output);
	for (uint32_t i = 0; i < 3; i++)
		seam_window_put(windows + i * SEAM_WINDOW_SIZE, i + 7);
	static const uint8_t blob[] = {1, 2, 3};
	struct seam_text text = seam_text_of("Brief – \xe2\x82\xac", 100);
	struct seam_rect area = {-10, 20, 300, 200};
	struct seam_message m = {
	    .type = (uint16_t)type, .window = 9, .serial = 0xfffffff0u};
	switch (type) {
	case SEAM_HELLO:
		m.hello = (struct seam_hello){SEAM_VERSION, SEAM_CAP_APPS, 512,
					      SEAM_PIXELS_MAX, text};
		break;
	case SEAM_ERROR:
		m.error = (struct seam_error){SEAM_FAULT_LIMIT, text};
		break;
	case SEAM_WIN_CREATE:
		m.win_create = (struct seam_win_create){SEAM_POPUP, 3, area};
		break;
	case SEAM_WIN_PROPS:
		m.win_props.title = m.win_props.app_id = text;
		m.win_props.shape = (struct seam_array){rects, 2};
		break;
	case SEAM_WIN_ICON:
	case SEAM_CURSOR:
	case SEAM_APP_ICON:
		m.picture.width = m.picture.height = 32;
		m.picture.hot_x = -1;
		m.picture.piece = (struct seam_blob){blob, sizeof blob};
		break;
	case SEAM_COMMIT:
		m.commit.width = m.commit.height = 100;
		m.commit.scale = SEAM_SCALE_ONE;
		m.commit.damage = (struct seam_array){rects, 2};
		break;
	case SEAM_PIXELS:
		m.pixels.width = m.pixels.height = 400;
		m.pixels.area = area;
		m.pixels.data = (struct seam_blob){blob, sizeof blob};
		break;
	case SEAM_FILE_BEGIN:
		m.file_begin = (struct seam_file_begin){7, 5, 1, text};
		break;
	case SEAM_FILE_DATA:
		m.file_data = (struct seam_file_data){7, 0, {windows, 5}};
		break;
	case SEAM_FILE_END:
		m.file_end = (struct seam_file_end){7, 0};
		break;
	case SEAM_FILE_STATE:
		m.file_state = (struct seam_file_state){7, 1, 5, text};
		break;
	case SEAM_CLIP_REQUEST:
		m.clip_request =
		    (struct seam_clip_request){7, SEAM_CLIP_PNG, 5, 32768};
		break;
	case SEAM_CLIP_DATA:
		m.clip_data = (struct seam_clip_data){7, 5, 0, {windows, 5}};
		break;
	case SEAM_GEOM_REQ:
		m.geom_req.area = area;
		break;
	case SEAM_NOTIFY:
		m.notify.summary = m.notify.body = text;
		break;
	case SEAM_APP:
		m.app.id = m.app.name = text;
		break;
	case SEAM_APP_GONE:
		m.app_gone.id = text;
		break;
	case SEAM_OUTPUTS:
		m.outputs.outputs = (struct seam_array){outputs, 1};
		break;
	case SEAM_CONFIGURE:
		m.configure = (struct seam_configure){area, SEAM_MAXIMIZED};
		break;
	case SEAM_STACK:
		m.stack.windows = (struct seam_array){windows, 3};
		break;
	case SEAM_POINTER:
		m.pointer = (struct seam_pointer){-256, 512};
		break;
	case SEAM_BUTTON:
		m.button = (struct seam_button){1, 1};
		break;
	case SEAM_AXIS:
		m.axis = (struct seam_axis){0, -120};
		break;
	case SEAM_KEY:
		m.key = (struct seam_key){30, 1, 4};
		break;
	case SEAM_LAUNCH:
		m.launch.app = text;
		break;
	default:
		break;
	}
	return m;
}

static gboolean exists(unsigned type)
{
	return strcmp(seam_type_name(type), "?") != 0;
}

static void test_there_and_back(void)
{
	static uint8_t again[SEAM_MESSAGE_MAX];
	unsigned types = 0;
	for (unsigned type = 0; type < SEAM_TYPES; type++) {
		if (!exists(type))
			continue;
		types++;
		struct seam_message m = example(type), back;
		size_t size, used, more;
		g_assert_cmpint(seam_write(&m, wire, sizeof wire, &size), ==,
				SEAM_OK);
		g_assert_cmpint(seam_parse(wire, size, &back, &used), ==,
				SEAM_OK);
		g_assert_cmpuint(used, ==, size);
		g_assert_cmpuint(back.type, ==, type);
		g_assert_cmpuint(back.window, ==, 9);
		g_assert_cmpuint(back.serial, ==, 0xfffffff0u);
		g_assert_cmpint(seam_write(&back, again, sizeof again, &more),
				==, SEAM_OK);
		g_assert_cmpmem(wire, size, again, more);
	}
	g_assert_cmpuint(types, ==, 51);
}

/* Cut anywhere, a message is incomplete; with its length cut to match, it is
 * refused unless it ends just at a field. Never is a byte past it read: the
 * copy is on the heap for the sanitizers. */
static void test_cut_short(void)
{
	for (unsigned type = 0; type < SEAM_TYPES; type++) {
		if (!exists(type))
			continue;
		struct seam_message m = example(type), back;
		size_t size, used;
		g_assert_cmpint(seam_write(&m, wire, sizeof wire, &size), ==,
				SEAM_OK);
		for (size_t cut = 0; cut < size; cut++) {
			g_autofree uint8_t *part = g_memdup2(wire, MAX(cut, 1));
			g_assert_cmpint(seam_parse(part, cut, &back, &used), ==,
					SEAM_MORE);
			if (cut < SEAM_HEADER_SIZE)
				continue;
			uint32_t length = (uint32_t)(cut - SEAM_HEADER_SIZE);
			memcpy(part + 4, &length, 4);
			g_assert_cmpint(seam_parse(part, cut, &back, &used), ==,
					SEAM_BAD_LENGTH);
		}
	}
}

static enum seam_status written(struct seam_message m)
{
	size_t size;
	return seam_write(&m, wire, sizeof wire, &size);
}

static void test_refused_values(void)
{
	struct seam_message m = example(SEAM_WIN_CREATE);
	m.window = 0;
	g_assert_cmpint(written(m), ==, SEAM_BAD_VALUE);
	m = example(SEAM_WIN_CREATE);
	m.win_create.area.width = SEAM_SIDE_MAX + 1;
	g_assert_cmpint(written(m), ==, SEAM_BAD_VALUE);
	m.win_create.area.width = 0;
	g_assert_cmpint(written(m), ==, SEAM_BAD_VALUE);
	m = example(SEAM_WIN_CREATE);
	m.win_create.area.x = G_MAXINT32;
	g_assert_cmpint(written(m), ==, SEAM_BAD_VALUE);
	m = example(SEAM_KEY);
	m.key.evdev = 768;
	g_assert_cmpint(written(m), ==, SEAM_BAD_VALUE);
	m = example(SEAM_COMMIT);
	m.commit.scale = 0;
	g_assert_cmpint(written(m), ==, SEAM_BAD_VALUE);
	m = example(SEAM_HELLO);
	m.hello.windows_max = SEAM_WINDOWS_MAX + 1;
	g_assert_cmpint(written(m), ==, SEAM_BAD_VALUE);
	m = example(SEAM_APP);
	m.app.id = (struct seam_text){"", 0};
	g_assert_cmpint(written(m), ==, SEAM_BAD_LENGTH);
	g_autofree char *longer = g_strnfill(SEAM_TITLE_MAX + 1, 'a');
	m = example(SEAM_WIN_PROPS);
	m.win_props.title = (struct seam_text){longer, SEAM_TITLE_MAX + 1};
	g_assert_cmpint(written(m), ==, SEAM_BAD_LENGTH);
	m = (struct seam_message){.type = 20};
	g_assert_cmpint(written(m), ==, SEAM_UNKNOWN);
}

static void test_refused_texts(void)
{
	static const char *const bad[] = {
	    "\xff",
	    "\xc0\x80",
	    "\xe0\x80\xaf",
	    "\xed\xa0\x80",
	    "\xf4\x90\x80\x80",
	    "\xe2\x82",
	    "\x80",
	    "\xf8\x88\x80\x80\x80",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct seam_message m = example(SEAM_WIN_PROPS);
		m.win_props.title =
		    (struct seam_text){bad[i], (uint32_t)strlen(bad[i])};
		g_assert_cmpint(written(m), ==, SEAM_BAD_TEXT);
	}
	struct seam_message m = example(SEAM_WIN_PROPS);
	m.win_props.title = (struct seam_text){"a\0b", 3};
	g_assert_cmpint(written(m), ==, SEAM_BAD_TEXT);
}

static void test_unknown_and_newer(void)
{
	struct seam_message m = example(SEAM_BELL), back;
	size_t size, used;
	g_assert_cmpint(seam_write(&m, wire, sizeof wire, &size), ==, SEAM_OK);
	/* a field appended by a later version is passed over */
	wire[size] = 77;
	wire[4]++;
	g_assert_cmpint(seam_parse(wire, size + 1, &back, &used), ==, SEAM_OK);
	g_assert_cmpuint(used, ==, size + 1);
	wire[0] = 200;
	g_assert_cmpint(seam_parse(wire, size + 1, &back, &used), ==,
			SEAM_UNKNOWN);
	g_assert_cmpuint(used, ==, size + 1);
	wire[6] = 1; /* a length of over 64 KiB */
	g_assert_cmpint(seam_parse(wire, sizeof wire, &back, &used), ==,
			SEAM_BAD_LENGTH);
}

static void test_too_small_a_buffer(void)
{
	struct seam_message m = example(SEAM_WIN_PROPS);
	size_t size;
	for (size_t room = 0; room < 60; room++) {
		g_autofree uint8_t *small = g_malloc(MAX(room, 1));
		g_assert_cmpint(seam_write(&m, small, room, &size), ==,
				SEAM_TOO_LARGE);
	}
}

static void test_text_cut(void)
{
	g_assert_cmpuint(seam_text_of("a\xe2\x82\xac", 3).size, ==, 1);
	g_assert_cmpuint(seam_text_of("a\xe2\x82\xac", 4).size, ==, 4);
	g_assert_cmpuint(seam_text_of(NULL, 4).size, ==, 0);
}

/* What a dead agent left half written is dropped, byte by byte. */
static void test_seek_hello(void)
{
	uint8_t bytes[256] = {0};
	struct seam_message m = example(SEAM_HELLO);
	m.window = 0;
	size_t size;
	bool found;
	/* junk that begins like one, then one */
	memcpy(bytes, "\x01\0\0\0\xff\xff\0\0 \x01\0\0", 12);
	g_assert_cmpint(seam_write(&m, bytes + 12, sizeof bytes - 12, &size),
			==, SEAM_OK);
	g_assert_cmpuint(seam_seek_hello(bytes, 12 + size, &found), ==, 12);
	g_assert_true(found);
	/* cut anywhere: nothing of it is lost */
	for (size_t have = 0; have < 12 + SEAM_HEADER_SIZE; have++) {
		size_t skip = seam_seek_hello(bytes, have, &found);
		g_assert_false(found);
		g_assert_cmpuint(skip, <=, MIN(have, 12));
	}
	memset(bytes, 1, sizeof bytes);
	g_assert_cmpuint(seam_seek_hello(bytes, sizeof bytes, &found), ==,
			 sizeof bytes - 1);
	g_assert_false(found);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seamless/wire/there-and-back", test_there_and_back);
	g_test_add_func("/seamless/wire/cut-short", test_cut_short);
	g_test_add_func("/seamless/wire/refused-values", test_refused_values);
	g_test_add_func("/seamless/wire/refused-texts", test_refused_texts);
	g_test_add_func("/seamless/wire/unknown-and-newer",
			test_unknown_and_newer);
	g_test_add_func("/seamless/wire/small-buffer", test_too_small_a_buffer);
	g_test_add_func("/seamless/wire/text-cut", test_text_cut);
	g_test_add_func("/seamless/wire/seek-hello", test_seek_hello);
	return g_test_run();
}
