/* Files over the seamless protocol, both ends against each other. */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "seamless/filecopy.h"

struct line { /* from a sender to a receiver */
	struct copy_in in;
	int folder;
	char *path;
	uint32_t most; /* ever on the way */
	unsigned messages;
	bool finished, cancelled, full;
	GError *error;
	struct copy_out *out;
};

static void line_open(struct line *line)
{
	*line = (struct line){0};
	line->path = g_dir_make_tmp("filecopy-XXXXXX", NULL);
	line->folder = open(line->path, O_DIRECTORY);
}

static unsigned files_in(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	unsigned count = 0;
	while (g_dir_read_name(dir))
		count++;
	g_dir_close(dir);
	return count;
}

static void line_close(struct line *line)
{
	copy_in_drop(&line->in);
	g_clear_error(&line->error);
	close(line->folder);
	g_assert_cmpint(g_rmdir(line->path), ==, 0);
	g_free(line->path);
}

static bool carry(struct seam_message *message, void *data)
{
	static uint8_t wire[SEAM_MESSAGE_MAX];
	struct line *line = data;
	struct seam_message got;
	size_t size, used;
	if (line->full)
		return false;
	g_assert_cmpint(seam_write(message, wire, sizeof wire, &size), ==,
			SEAM_OK);
	g_assert_cmpint(seam_parse(wire, size, &got, &used), ==, SEAM_OK);
	line->messages++;
	if (got.type == SEAM_FILE_BEGIN)
		copy_in_begin(&line->in, line->folder, &got.file_begin,
			      &line->error);
	else if (got.type == SEAM_FILE_DATA && line->in.open)
		copy_in_data(&line->in, &got.file_data, &line->error);
	else if (got.type == SEAM_FILE_END && got.file_end.cancelled)
		line->cancelled = true;
	else if (got.type == SEAM_FILE_END)
		line->finished = copy_in_finish(&line->in, &line->error);
	return true;
}

static void whole_files_arrive(void)
{
	static const gsize sizes[] = {0, 1, SEAM_FILE_PIECE,
				      5 * SEAM_FILE_AHEAD + 77};
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct line line;
		struct copy_out out = {0};
		line_open(&line);
		g_autofree char *bytes = g_malloc(sizes[i] + 1);
		for (gsize k = 0; k < sizes[i]; k++)
			bytes[k] = (char)(k * 2654435761u >> 13);
		g_autofree char *from =
		    g_build_filename(line.path, "a b.txt", NULL);
		g_file_set_contents(from, bytes, (gssize)sizes[i], NULL);
		g_assert_true(copy_out_open(&out, from, 9, true, NULL));
		while (!line.finished) {
			/* a line that is full now and then loses nothing */
			line.full = line.messages % 3 == 1 && !line.full;
			g_assert_true(copy_out_pump(&out, carry, &line, NULL));
			g_assert_cmpuint(out.sent - out.taken, <=,
					 SEAM_FILE_AHEAD);
			if (!line.full)
				copy_out_taken(&out, line.in.have);
			line.messages += line.full;
		}
		g_assert_no_error(line.error);
		g_assert_cmpstr(line.in.name, ==, "a b.txt");
		g_autofree char *to =
		    g_build_filename(line.path, line.in.temporary, NULL);
		g_autofree char *got = NULL;
		gsize size;
		g_assert_true(g_file_get_contents(to, &got, &size, NULL));
		g_assert_cmpmem(got, size, bytes, sizes[i]);
		g_unlink(to);
		g_unlink(from);
		copy_out_drop(&out);
		line_close(&line);
	}
}

static struct seam_file_begin announce(const char *name, uint32_t size)
{
	return (struct seam_file_begin){9, size, 1, seam_text_of(name, 255)};
}

static void bad_senders_are_refused(void)
{
	static const char *const names[] = {"..",          ".",    "a/b",
					    "/etc/passwd", "a\nb", "\177"};
	uint8_t bytes[8] = "1234567";
	struct line line;
	line_open(&line);
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		struct seam_file_begin begin = announce(names[i], 3);
		g_assert_false(
		    copy_in_begin(&line.in, line.folder, &begin, NULL));
	}
	struct seam_file_data bad[] = {
	    {9, 0, {bytes, 4}}, /* more than announced */
	    {9, 1, {bytes, 1}}, /* a hole */
	    {8, 0, {bytes, 1}}, /* another file's */
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct seam_file_begin begin = announce("x", 3);
		g_assert_true(
		    copy_in_begin(&line.in, line.folder, &begin, NULL));
		g_assert_false(copy_in_data(&line.in, &bad[i], NULL));
		g_assert_cmpuint(files_in(line.path), ==, 0);
	}
	struct seam_file_begin begin = announce("x", 3);
	g_assert_true(copy_in_begin(&line.in, line.folder, &begin, NULL));
	g_assert_false(copy_in_finish(&line.in, NULL)); /* too soon */
	g_assert_cmpuint(files_in(line.path), ==, 0);
	line_close(&line);
}

/* What a disk without room answers, too. */
static void no_room_is_told_at_once(void)
{
	struct rlimit old, small;
	struct line line;
	line_open(&line);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &small);
	struct seam_file_begin begin = announce("x", 8192);
	bool good = copy_in_begin(&line.in, line.folder, &begin, &line.error);
	setrlimit(RLIMIT_FSIZE, &old);
	g_assert_false(good);
	g_assert_nonnull(strstr(line.error->message, "no room left"));
	g_assert_cmpuint(files_in(line.path), ==, 0);
	line_close(&line);
}

static void what_cannot_be_sent_is_said(void)
{
	struct copy_out out = {0};
	struct line line;
	line_open(&line);
	g_assert_false(copy_out_open(&out, "/nonexistent/x", 9, true, NULL));
	g_assert_false(copy_out_open(&out, "/dev/null", 9, true, NULL));
	g_assert_false(copy_out_open(&out, line.path, 9, true, NULL));
	/* one that shrinks on its way is taken back */
	g_autofree char *from = g_build_filename(line.path, "s", NULL);
	g_autofree char *bytes = g_malloc0(SEAM_FILE_AHEAD * 2);
	g_file_set_contents(from, bytes, SEAM_FILE_AHEAD * 2, NULL);
	g_assert_true(copy_out_open(&out, from, 9, true, NULL));
	g_assert_true(copy_out_pump(&out, carry, &line, NULL));
	g_assert_cmpint(truncate(from, 10), ==, 0);
	copy_out_taken(&out, UINT32_MAX); /* not believed */
	g_assert_cmpuint(out.taken, ==, 0);
	copy_out_taken(&out, out.sent);
	g_assert_false(copy_out_pump(&out, carry, &line, NULL));
	g_assert_true(line.cancelled);
	g_clear_error(&line.error);
	g_assert_cmpint(truncate(from, (off_t)SEAM_FILE_MAX + 1), ==, 0);
	g_assert_false(copy_out_open(&out, from, 9, true, &line.error));
	g_assert_nonnull(strstr(line.error->message, "1 GiB"));
	g_unlink(from);
	line_close(&line);
}

static void numbers_go_before_the_ending(void)
{
	static const char *const cases[][2] = {{"a.odt", "a (2).odt"},
					       {"a", "a (2)"},
					       {".profile", ".profile (2)"},
					       {"a.tar.gz", "a.tar (2).gz"}};
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *one = copy_numbered(cases[i][0], 1);
		g_autofree char *two = copy_numbered(cases[i][0], 2);
		g_assert_cmpstr(one, ==, cases[i][0]);
		g_assert_cmpstr(two, ==, cases[i][1]);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/filecopy/whole", whole_files_arrive);
	g_test_add_func("/filecopy/bad-senders", bad_senders_are_refused);
	g_test_add_func("/filecopy/no-room", no_room_is_told_at_once);
	g_test_add_func("/filecopy/unsendable", what_cannot_be_sent_is_said);
	g_test_add_func("/filecopy/numbers", numbers_go_before_the_ending);
	return g_test_run();
}
