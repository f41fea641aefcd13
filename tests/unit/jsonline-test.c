/* The channel between our processes: what arrives, what is refused. */
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/paths.h"

struct side {
	struct jsonline *channel;
	GString *seen;
	int fd;
	gboolean closed;
	char *why;
};

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, int fd, void *data)
{
	struct side *side = data;
	g_string_append_printf(side->seen, "request %s;", op);
	if (side->fd >= 0)
		close(side->fd);
	side->fd = fd;
	if (strcmp(op, "refuse") == 0) {
		g_autoptr(GError) error =
		    fault_new(FAULT_BUSY, "Wait.", "Too many at once.");
		jsonline_reject(channel, id, error);
	} else if (strcmp(op, "silence") != 0) {
		jsonline_reply(channel, id, json_pack("{s:s}", "echo", op));
	}
}

static void on_event(struct jsonline *channel, const char *event,
		     json_t *message, int fd, void *data)
{
	struct side *side = data;
	g_string_append_printf(side->seen, "event %s;", event);
	if (fd >= 0)
		close(fd);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	struct side *side = data;
	side->closed = TRUE;
	side->why = why ? fault_cause(why) : NULL;
}

static const struct jsonline_handlers handlers = {on_request, on_event,
						  on_closed};

static void side_init(struct side *side, int fd)
{
	*side = (struct side){.seen = g_string_new(NULL), .fd = -1};
	side->channel = jsonline_new(fd, &handlers, side);
}

static void side_finish(struct side *side)
{
	jsonline_unref(side->channel);
	g_string_free(side->seen, TRUE);
	if (side->fd >= 0)
		close(side->fd);
	g_free(side->why);
}

static void on_answer(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	GString *out = data;
	if (error)
		g_string_append_printf(out, "%s/%s;",
				       fault_code_name(fault_code(error)),
				       error->message);
	else
		g_string_append_printf(
		    out, "%s;",
		    json_string_value(json_object_get(reply, "echo")));
}

static void spin_until(gboolean *flag, GString *text, gsize length)
{
	gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	while (!(flag && *flag) && !(text && text->len >= length) &&
	       g_get_monotonic_time() < end)
		g_main_context_iteration(NULL, FALSE);
}

static void test_calls(void)
{
	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	struct side a, b;
	side_init(&a, pair[0]);
	side_init(&b, pair[1]);
	g_autoptr(GString) answers = g_string_new(NULL);
	jsonline_call(a.channel, json_pack("{s:s}", "op", "one"), STDIN_FILENO,
		      0, on_answer, answers);
	jsonline_call(a.channel, json_pack("{s:s}", "op", "refuse"), -1, 0,
		      on_answer, answers);
	jsonline_send(a.channel, json_pack("{s:s}", "event", "news"));
	const char *want = "one;busy/Too many at once.\nWait.;";
	spin_until(NULL, answers, strlen(want));
	g_assert_cmpstr(answers->str, ==, want);
	spin_until(NULL, b.seen,
		   strlen("request one;request refuse;event news;"));
	g_assert_cmpstr(b.seen->str, ==,
			"request one;request refuse;event news;");
	side_finish(&a);
	spin_until(&b.closed, NULL, 0);
	g_assert_true(b.closed);
	g_assert_null(b.why);
	side_finish(&b);
}

static void test_descriptor(void)
{
	int pair[2], pipes[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	g_assert_true(g_unix_open_pipe(pipes, FD_CLOEXEC, NULL));
	struct side a, b;
	side_init(&a, pair[0]);
	side_init(&b, pair[1]);
	jsonline_call(a.channel, json_pack("{s:s}", "op", "take"), pipes[1], 0,
		      NULL, NULL);
	close(pipes[1]);
	spin_until(NULL, b.seen, strlen("request take;"));
	g_assert_cmpint(b.fd, >=, 0);
	g_assert_cmpint(write(b.fd, "x", 1), ==, 1);
	char byte;
	g_assert_cmpint(read(pipes[0], &byte, 1), ==, 1);
	close(pipes[0]);
	side_finish(&a);
	side_finish(&b);
}

static void test_timeout_and_loss(void)
{
	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	struct side a, b;
	side_init(&a, pair[0]);
	side_init(&b, pair[1]);
	g_autoptr(GString) answers = g_string_new(NULL);
	jsonline_call(a.channel, json_pack("{s:s}", "op", "silence"), -1, 20,
		      on_answer, answers);
	spin_until(NULL, answers, 5);
	g_assert_true(g_str_has_prefix(answers->str, "timeout/"));
	g_string_truncate(answers, 0);
	jsonline_call(a.channel, json_pack("{s:s}", "op", "silence"), -1, 0,
		      on_answer, answers);
	spin_until(NULL, b.seen, strlen("request silence;request silence;"));
	jsonline_close(b.channel);
	spin_until(&a.closed, NULL, 0);
	g_assert_true(g_str_has_prefix(answers->str, "unavailable/"));
	side_finish(&a);
	side_finish(&b);
}

/* Each of these ends the channel, with this reason. */
static const struct {
	const char *bytes, *why;
} hostile[] = {
    {"hello\n", "no JSON object"},
    {"[1]\n", "no JSON object"},
    {"{\"id\":\"x\"}\n", "neither request, reply nor event"},
    {"{}\n", "neither request, reply nor event"},
    {"{\"id\":1,\"id\":2,\"op\":\"a\"}\n", "no JSON object"},
    {"\n", "no JSON object"},
};

static void test_hostile(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
		int pair[2];
		g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==,
				0);
		struct side a;
		side_init(&a, pair[0]);
		gsize size = strlen(hostile[i].bytes);
		g_assert_cmpint(write(pair[1], hostile[i].bytes, size), ==,
				(gssize)size);
		spin_until(&a.closed, NULL, 0);
		g_assert_true(a.closed);
		g_assert_nonnull(a.why);
		g_assert_nonnull(strstr(a.why, hostile[i].why));
		side_finish(&a);
		close(pair[1]);
	}
}

/* A line without end is cut off at its limit, not collected for ever. */
static void test_endless_line(void)
{
	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	struct side a;
	side_init(&a, pair[0]);
	g_unix_set_fd_nonblocking(pair[1], TRUE, NULL);
	g_autofree char *junk = g_malloc(65536);
	memset(junk, 'a', 65536);
	gsize total = 0;
	while (!a.closed && total < 3 * (gsize)JSONLINE_MAX) {
		ssize_t sent = write(pair[1], junk, 65536);
		if (sent > 0)
			total += (gsize)sent;
		g_main_context_iteration(NULL, FALSE);
	}
	g_assert_true(a.closed);
	g_assert_nonnull(strstr(a.why, "a line of over"));
	side_finish(&a);
	close(pair[1]);
}

static void test_long_socket_path(void)
{
	g_autofree char *top = g_dir_make_tmp("oriel-XXXXXX", NULL);
	g_autofree char *deep =
	    g_build_filename(top, "0123456789012345678901234567890123456789",
			     "0123456789012345678901234567890123456789",
			     "0123456789012345678901234567890123456789", NULL);
	g_assert_cmpint(g_mkdir_with_parents(deep, 0700), ==, 0);
	g_autofree char *path = g_build_filename(deep, "s.sock", NULL);
	g_autoptr(GError) error = NULL;
	int server = paths_unix_listen(path, 0600, &error);
	g_assert_no_error(error);
	int client = paths_unix_connect(path, &error);
	g_assert_no_error(error);
	g_assert_cmpint(paths_unix_listen(path, 0600, &error), ==, -1);
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	close(client);
	close(server);
	g_clear_error(&error);
	/* stale now: taken over */
	server = paths_unix_listen(path, 0600, &error);
	g_assert_no_error(error);
	close(server);
	unlink(path);
	for (int i = 0; i < 4; i++) {
		g_assert_cmpint(rmdir(deep), ==, 0);
		g_autofree char *up = g_path_get_dirname(deep);
		g_free(g_steal_pointer(&deep));
		deep = g_steal_pointer(&up);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/jsonline/calls", test_calls);
	g_test_add_func("/jsonline/descriptor", test_descriptor);
	g_test_add_func("/jsonline/timeout-and-loss", test_timeout_and_loss);
	g_test_add_func("/jsonline/hostile", test_hostile);
	g_test_add_func("/jsonline/endless-line", test_endless_line);
	g_test_add_func("/paths/long-socket", test_long_socket_path);
	return g_test_run();
}
