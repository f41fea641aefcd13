/* What Windows programs put on the clipboard, and its way over the protocol. */
#include <glib.h>
#include <string.h>

#include "seamless/clipcopy.h"
#include "seamless/win32/clip-formats.h"

static void test_html_is_found(void)
{
	const char usual[] =
	    "Version:0.9\r\nStartHTML:0000000097\r\n"
	    "EndHTML:0000000170\r\nStartFragment:0000000133\r\n"
	    "EndFragment:0000000134\r\n<html><body>\r\n"
	    "<!--StartFragment-->x<!--EndFragment-->\r\n"
	    "</body>\r\n</html>";
	size_t start, length;
	const char *x = strstr(usual, ">x<") + 1;
	g_autofree char *right = g_strdup(usual);
	char number[11];
	g_snprintf(number, sizeof number, "%010d", (int)(x - usual));
	memcpy(strstr(right, "StartFragment:") + 14, number, 10);
	g_snprintf(number, sizeof number, "%010d", (int)(x - usual) + 1);
	memcpy(strstr(right, "EndFragment:") + 12, number, 10);
	g_assert_true(cfhtml_find(right, strlen(right), &start, &length));
	g_assert_cmpuint(length, ==, 1);
	g_assert_cmpint(right[start], ==, 'x');
}

static void test_html_there_and_back(void)
{
	static const char *const texts[] = {"<b>bold</b>", "Grüße, 世界",
					    "<!DOCTYPE html><p>a</p>",
					    "\xef\xbb\xbf<p>b</p>"};
	static const char *const fragments[] = {"<b>bold</b>", "Grüße, 世界",
						"<p>a</p>", "<p>b</p>"};
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		size_t whole, start, length;
		char *made = cfhtml_make(texts[i], strlen(texts[i]), &whole);
		g_assert_cmpuint(made[whole - 1], ==, 0);
		g_assert_true(cfhtml_find(made, whole - 1, &start, &length));
		g_autofree char *found = g_strndup(made + start, length);
		g_assert_cmpstr(found, ==, fragments[i]);
		free(made);
	}
}

static void test_html_is_bounded(void)
{
	static const char *const bad[] = {
	    "",
	    "Version:0.9",
	    "StartFragment:0\r\nEndFragment:5\r\nabcde",
	    "Version:0.9\r\nStartFragment:5\r\nEndFragment:4\r\n",
	    "Version:0.9\r\nStartFragment:5\r\nEndFragment:999999\r\n",
	    "Version:0.9\r\nStartFragment:-1\r\nEndFragment:10\r\n",
	    "Version:0.9\r\nStartFragment:99999999999999999999\r\n"
	    "EndFragment:99999999999999999999\r\n",
	    "Version:0.9\r\n<p>\r\nStartFragment:2\r\nEndFragment:5\r\n"};
	size_t start, length;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(
		    cfhtml_find(bad[i], strlen(bad[i]), &start, &length));
}

static void test_dib_there_and_back(void)
{
	uint8_t bgra[3 * 2 * 4], back[sizeof bgra];
	size_t size;
	struct dib dib;
	for (size_t i = 0; i < sizeof bgra; i++)
		bgra[i] = (uint8_t)(i * 7 + 3);
	uint8_t *made = dib_make(bgra, 3, 2, &size);
	g_assert_true(dib_parse(made, size, &dib));
	g_assert_cmpint(dib.width, ==, 3);
	g_assert_cmpint(dib.height, ==, 2);
	g_assert_true(dib.plain && dib.alpha && !dib.top_down);
	dib_to_bgra(&dib, made, back);
	g_assert_cmpmem(bgra, sizeof bgra, back, sizeof back);
	for (size_t cut = 0; cut < size; cut++)
		g_assert_false(dib_parse(made, cut, &dib));
	free(made);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void test_dib_of_old_kinds(void)
{
	/* BITMAPINFOHEADER, 2x2, 24 bits: rows padded to 4 bytes, from below */
	uint8_t old[40 + 16] = {0}, bgra[16];
	struct dib dib;
	put32(old, 40);
	put32(old + 4, 2);
	put32(old + 8, 2);
	old[12] = 1;
	old[14] = 24;
	memcpy(old + 40, "\1\2\3\4\5\6\0\0\7\10\11\12\13\14\0\0", 16);
	g_assert_true(dib_parse(old, sizeof old, &dib) && dib.plain);
	dib_to_bgra(&dib, old, bgra);
	g_assert_cmpmem(bgra, 16,
			"\7\10\11\377\12\13\14\377\1\2\3\377\4\5\6\377", 16);
	put32(old + 8, (uint32_t)-2); /* the same from above */
	g_assert_true(dib_parse(old, sizeof old, &dib) && dib.top_down);
	dib_to_bgra(&dib, old, bgra);
	g_assert_cmpmem(bgra, 4, "\1\2\3\377", 4);
	/* 32 bits whose alpha is nothing but zeros: opaque */
	uint8_t thin[40 + 4] = {0};
	memcpy(thin, old, 40);
	put32(thin + 4, 1);
	put32(thin + 8, 1);
	thin[14] = 32;
	thin[40] = 9;
	g_assert_true(dib_parse(thin, sizeof thin, &dib) && dib.plain);
	dib_to_bgra(&dib, thin, bgra);
	g_assert_cmpmem(bgra, 4, "\11\0\0\377", 4);
	/* a palette of 256 needs 1024 bytes */
	uint8_t palette[40 + 1024 + 4] = {0};
	memcpy(palette, thin, 40);
	palette[14] = 8;
	g_assert_true(dib_parse(palette, sizeof palette, &dib) && !dib.plain);
	g_assert_cmpuint(dib.header, ==, 40 + 1024);
	g_assert_false(dib_parse(palette, 40 + 1000, &dib));
}

static void test_dib_is_bounded(void)
{
	uint8_t bytes[64] = {0};
	struct dib dib;
	static const struct {
		uint32_t header;
		int32_t width, height;
		uint8_t planes, bits, compression;
	} bad[] = {{39, 1, 1, 1, 32, 0},     {40, 0, 1, 1, 32, 0},
		   {40, -1, 1, 1, 32, 0},    {40, 1, INT32_MIN, 1, 32, 0},
		   {40, 20000, 1, 1, 32, 0}, {40, 1, 1, 2, 32, 0},
		   {40, 1, 1, 1, 31, 0},     {40, 1, 1, 1, 32, 4},
		   {40, 100, 100, 1, 32, 0}, {124, 1, 1, 1, 32, 0},
		   {40, 1, 1, 1, 8, 1}};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		put32(bytes, bad[i].header);
		put32(bytes + 4, (uint32_t)bad[i].width);
		put32(bytes + 8, (uint32_t)bad[i].height);
		bytes[12] = bad[i].planes;
		bytes[14] = bad[i].bits;
		bytes[16] = bad[i].compression;
		g_assert_false(dib_parse(bytes, sizeof bytes, &dib));
	}
}

static void test_drop_there_and_back(void)
{
	static const uint16_t a[] = {'C', ':', '\\', 'a', 0};
	static const uint16_t b[] = {'C', ':', '\\', 0x4e16, 0};
	const uint16_t *const paths[] = {a, b};
	struct dropfiles list;
	const void *path;
	size_t size, units;
	uint8_t *made = dropfiles_make(paths, 2, &size);
	g_assert_true(dropfiles_begin(&list, made, size) && list.wide);
	for (int i = 0; i < 2; i++) {
		g_assert_true(dropfiles_next(&list, &path, &units));
		g_assert_cmpmem(path, units * 2, paths[i], 8);
	}
	g_assert_false(dropfiles_next(&list, &path, &units));
	/* the last path without its end is not taken */
	g_assert_true(dropfiles_begin(&list, made, size - 4));
	g_assert_true(dropfiles_next(&list, &path, &units));
	g_assert_false(dropfiles_next(&list, &path, &units));
	put32(made, (uint32_t)size);
	g_assert_false(dropfiles_begin(&list, made, size));
	free(made);
	g_assert_false(dropfiles_begin(&list, (const uint8_t *)"abc", 3));
}

static void test_names(void)
{
	static const char *const names[][2] = {{"a.txt", "a.txt"},
					       {"a:b", "a_b"},
					       {"..\\a", ".._a"},
					       {"nul", "_nul"},
					       {"NUL.txt", "_NUL.txt"},
					       {"com1", "_com1"},
					       {"com", "com"},
					       {"console.txt", "console.txt"},
					       {"ends. .", "ends"},
					       {"...", "_"},
					       {"what?*<>|", "what_____"},
					       {"Größe.odt", "Größe.odt"}};
	char to[64];
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		windows_name(names[i][0], to, sizeof to);
		g_assert_cmpstr(to, ==, names[i][1]);
	}
}

static void test_bundle(void)
{
	uint8_t bundle[200], head[BUNDLE_HEAD_MAX];
	struct bundle_file file;
	uint32_t size = 0, at = 0;
	for (int i = 0; i < 2; i++) {
		uint32_t n = bundle_head(i ? "zwei" : "eins", 3, head);
		memcpy(bundle + size, head, n);
		memcpy(bundle + size + n, i ? "bbb" : "aaa", 3);
		size += n + 3;
	}
	g_assert_true(bundle_valid(bundle, size));
	g_assert_true(bundle_next(bundle, size, &at, &file));
	g_assert_cmpstr(file.name, ==, "eins");
	g_assert_cmpmem(file.bytes, file.size, "aaa", 3);
	g_assert_true(bundle_next(bundle, size, &at, &file));
	g_assert_cmpstr(file.name, ==, "zwei");
	g_assert_false(bundle_next(bundle, size, &at, &file));
	for (uint32_t cut = 0; cut < size; cut++)
		g_assert_true(cut == size / 2 || !bundle_valid(bundle, cut));
	static const char *const bad[] = {"", ".", "..", "a/b", "a\\b", "a\nb"};
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_cmpuint(bundle_head(bad[i], 3, head), ==, 0);
	memcpy(bundle + 8, "a/bs", 4);
	g_assert_false(bundle_valid(bundle, size));
}

/* One end asks, the other answers, piece by piece. */
static void test_pieces(void)
{
	enum { SIZE = 1000 * 1000 };
	g_autofree uint8_t *whole = g_malloc(SIZE);
	struct clip_in in = {0};
	struct seam_message ask, message;
	enum clip_got got = CLIP_MORE;
	for (size_t i = 0; i < SIZE; i++)
		whole[i] = (uint8_t)(i * 31 >> 3);
	clip_in_begin(&in, SEAM_CLIP_PNG);
	while (got == CLIP_MORE) {
		g_assert_true(clip_in_ask(&in, &ask));
		g_assert_cmpuint(in.asked - in.have, <=, SEAM_CLIP_AHEAD);
		uint32_t at = 0;
		while (
		    clip_answer(&ask.clip_request, whole, SIZE, &at, &message))
			got = clip_in_take(&in, &message.clip_data);
	}
	g_assert_cmpint(got, ==, CLIP_WHOLE);
	g_assert_cmpmem(in.bytes, in.size, whole, SIZE);
	/* nothing to be had */
	uint32_t at = 0;
	clip_in_begin(&in, SEAM_CLIP_TEXT);
	g_assert_true(clip_in_ask(&in, &ask));
	g_assert_false(clip_in_ask(&in, &message));
	g_assert_true(clip_answer(&ask.clip_request, NULL, 0, &at, &message));
	g_assert_cmpint(clip_in_take(&in, &message.clip_data), ==, CLIP_FAILED);
	g_assert_false(clip_answer(&ask.clip_request, NULL, 0, &at, &message));
	/* pieces nobody has asked for, out of order, of another token */
	clip_in_begin(&in, SEAM_CLIP_TEXT);
	g_assert_true(clip_in_ask(&in, &ask));
	struct seam_clip_data data = {in.token + 1, 5, 0, {whole, 5}};
	g_assert_cmpint(clip_in_take(&in, &data), ==, CLIP_FOREIGN);
	data.token = in.token;
	data.offset = 1;
	g_assert_cmpint(clip_in_take(&in, &data), ==, CLIP_FAILED);
	g_assert_false(in.open);
	clip_in_drop(&in);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/html/found", test_html_is_found);
	g_test_add_func("/html/there-and-back", test_html_there_and_back);
	g_test_add_func("/html/bounded", test_html_is_bounded);
	g_test_add_func("/dib/there-and-back", test_dib_there_and_back);
	g_test_add_func("/dib/old-kinds", test_dib_of_old_kinds);
	g_test_add_func("/dib/bounded", test_dib_is_bounded);
	g_test_add_func("/drop/there-and-back", test_drop_there_and_back);
	g_test_add_func("/names", test_names);
	g_test_add_func("/bundle", test_bundle);
	g_test_add_func("/pieces", test_pieces);
	return g_test_run();
}
