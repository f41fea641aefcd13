/* What needs no X server: who decides about sizes, pictures from pieces,
 * applications as desktop entries. */
#include <glib.h>
#include <string.h>

#include "client/apps-install.h"
#include "client/seamless-geometry.h"
#include "client/seamless-picture.h"

static const struct seam_rect small = {10, 20, 300, 200},
			      large = {10, 20, 600, 400};

static void test_one_configure_at_a_time(void)
{
	struct geometry g = {0};
	g_assert_false(geometry_due(&g, 0));
	geometry_local(&g, small, 0);
	g_assert_true(geometry_due(&g, 0));
	geometry_sent(&g, 7, 0);
	g_assert_false(geometry_due(&g, 0));
	geometry_local(&g, large, 0);
	g_assert_false(geometry_due(&g, 10));
	geometry_local(&g, small, SEAM_MAXIMIZED);
	geometry_answered(&g, 6); /* somebody else's */
	g_assert_false(geometry_due(&g, 10));
	geometry_answered(&g, 7);
	g_assert_true(geometry_due(&g, 10));
	geometry_sent(&g, 9, 10);
	g_assert_cmpint(g.said_states, ==, SEAM_MAXIMIZED);
	geometry_answered(&g, 9);
	g_assert_false(geometry_due(&g, 20));
}

static void test_an_answer_may_never_come(void)
{
	struct geometry g = {0};
	geometry_local(&g, small, 0);
	geometry_sent(&g, 1, 0);
	geometry_local(&g, large, 0);
	g_assert_false(geometry_due(&g, GEOMETRY_PACE_US - 1));
	g_assert_true(geometry_due(&g, GEOMETRY_PACE_US));
}

static void test_old_wishes_are_dropped(void)
{
	struct geometry g = {0};
	g_assert_true(geometry_may_ask(&g, 0)); /* nobody has decided yet */
	geometry_local(&g, small, 0);
	geometry_sent(&g, 5, 0);
	g_assert_true(geometry_may_ask(&g, 5));
	g_assert_false(geometry_may_ask(&g, 4));
	geometry_local(&g, large, 0); /* the user is resizing */
	g_assert_false(geometry_may_ask(&g, 5));
	geometry_answered(&g, 5);
	geometry_sent(&g, 6, 0);
	g_assert_true(geometry_may_ask(&g, 6));
	geometry_answered(&g, 6);
	g_assert_false(geometry_due(&g, 0));
	geometry_repeat(&g);
	g_assert_true(geometry_due(&g, 0));
	geometry_sent(&g, 8, 0);
	geometry_forget(&g);
	g_assert_true(geometry_due(&g, 0));
}

/* Both sides change at random over a line with delay; in the end both agree. */
static void test_both_sides_agree(void)
{
	for (int round = 0; round < 200; round++) {
		struct geometry g = {0};
		struct seam_rect guest = small;
		struct {
			uint32_t serial;
			struct seam_rect area;
			int at;
		} way[4096], back[4096];
		int sent = 0, came = 0, answered = 0, heard = 0;
		uint32_t serial = 0;
		int delay = g_test_rand_int_range(0, 30);
		for (int t = 0; t < 1000; t++) {
			gboolean busy = t < 600;
			if (busy && g_test_rand_int_range(0, 4) == 0)
				geometry_local(
				    &g,
				    (struct seam_rect){
					1, 2,
					(uint32_t)g_test_rand_int_range(1, 900),
					77},
				    0);
			if (geometry_due(&g, 0)) {
				geometry_sent(&g, ++serial, 0);
				way[sent].serial = serial;
				way[sent].area = g.area;
				way[sent++].at = t + delay;
			}
			while (came < sent && way[came].at <= t) {
				guest = way[came].area;
				back[answered].serial = way[came].serial;
				back[answered++].at = t + delay;
				came++;
			}
			while (heard < answered && back[heard].at <= t)
				geometry_answered(&g, back[heard++].serial);
			g_assert_cmpint(sent - heard, <=, 1);
		}
		if (g.known)
			g_assert_true(memcmp(&guest, &g.area, sizeof guest) ==
				      0);
	}
}

static void test_pictures_in_pieces(void)
{
	struct picture p = {0};
	uint8_t bytes[4 * 4 * 4];
	memset(bytes, 0xff, sizeof bytes);
	bytes[3] = 0x10; /* colours above their alpha */
	struct seam_picture piece = {
	    .width = 4, .height = 4, .piece = {bytes, 32}};
	g_assert_false(picture_take(&p, &piece));
	piece.offset = 48; /* out of turn */
	piece.piece = (struct seam_blob){bytes + 48, 16};
	g_assert_false(picture_take(&p, &piece));
	piece.offset = 32;
	piece.piece = (struct seam_blob){bytes + 32, 33}; /* too much */
	g_assert_false(picture_take(&p, &piece));
	piece.piece.size = 32;
	g_assert_true(picture_take(&p, &piece));
	g_assert_cmphex(p.pixels[0], ==, 0x10101010);
	g_assert_cmphex(p.pixels[1], ==, 0xffffffff);
	struct seam_picture none = {0};
	g_assert_true(picture_take(&p, &none));
	g_assert_cmpuint(p.width, ==, 0);
	none.offset = 8;
	g_assert_false(picture_take(&p, &none));
	picture_clear(&p);
}

static char *entry_of(const char *id, const char *name, GKeyFile **file)
{
	static struct server_url server = {
	    .host = "desk.example", .port = 8443, .pool = "linux"};
	const struct apps_place place = {&server, "ada \"x\" $HOME", NULL};
	struct seamless_app app = {.id = (char *)id,
				   .name = (char *)name,
				   .comment = "",
				   .categories = "",
				   .mime_types = ""};
	char *text = apps_entry(&place, "/usr/bin/oriel client", &app);
	*file = g_key_file_new();
	g_assert_true(
	    g_key_file_load_from_data(*file, text, strlen(text), 0, NULL));
	return text;
}

/* What a machine says is text and never a command. */
static void test_entries_are_escaped(void)
{
	static const char *const nasty[] = {
	    "plain", "a b",  "a\"b",    "a\\b",   "$(reboot)",
	    "`id`",  "%u%f", "a;b|c&d", "--user", "\xe2\x82\xac"};
	for (gsize i = 0; i < G_N_ELEMENTS(nasty); i++) {
		g_autoptr(GKeyFile) file = NULL;
		g_autofree char *text = entry_of(nasty[i], nasty[i], &file);
		g_autofree char *name =
		    g_key_file_get_string(file, "Desktop Entry", "Name", NULL);
		g_assert_cmpstr(name, ==, nasty[i]);
		g_autofree char *exec =
		    g_key_file_get_string(file, "Desktop Entry", "Exec", NULL);
		int count;
		g_auto(GStrv) words = NULL;
		g_assert_true(g_shell_parse_argv(exec, &count, &words, NULL));
		g_assert_cmpint(count, ==, 8);
		g_assert_cmpstr(words[0], ==, "/usr/bin/oriel client");
		g_assert_cmpstr(words[3], ==, "ada \"x\" $HOME");
		g_assert_cmpstr(words[4], ==, "--");
		g_autoptr(GString) app = g_string_new(words[6]);
		g_string_replace(app, "%%", "%", 0);
		g_assert_cmpstr(app->str, ==, nasty[i]);
		g_assert_cmpstr(words[7], ==, "%F");
	}
	g_autoptr(GKeyFile) file = NULL;
	g_autofree char *text = entry_of("x", "A\nExec=evil\n[Other]", &file);
	g_autofree char *name =
	    g_key_file_get_string(file, "Desktop Entry", "Name", NULL);
	g_assert_cmpstr(name, ==, "A Exec=evil [Other]");
	g_autofree char *class = apps_class("linux", "../../a b/\xe2\x82\xac");
	g_assert_cmpstr(class, ==, "oriel-linux-.._.._a_b____");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/seamless/geometry/one-at-a-time",
			test_one_configure_at_a_time);
	g_test_add_func("/seamless/geometry/no-answer",
			test_an_answer_may_never_come);
	g_test_add_func("/seamless/geometry/old-wishes",
			test_old_wishes_are_dropped);
	g_test_add_func("/seamless/geometry/agree", test_both_sides_agree);
	g_test_add_func("/seamless/picture", test_pictures_in_pieces);
	g_test_add_func("/seamless/entries", test_entries_are_escaped);
	return g_test_run();
}
