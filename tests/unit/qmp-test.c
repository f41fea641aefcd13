/* common/qmp.h against a peer that this test plays itself, byte by byte. */
#include "common/qmp.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"

#define GREETING                                                               \
	"{\"QMP\":{\"version\":{\"qemu\":{\"major\":7}},\"capabilities\":[]}}" \
	"\r\n"

struct world {
	int peer;
	struct qmp *qmp;
	GError *error;
	gboolean done, closed;
	char *why;
	GString *events;  /* "NAME;" */
	GString *answers; /* "tag=text;" */
	GString *heard;   /* what the client sent */
	int fd;           /* last descriptor it sent */
};

static void spin(unsigned ms)
{
	gint64 end = g_get_monotonic_time() + ms * 1000;
	while (g_get_monotonic_time() < end)
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(500);
}

/* until `flag`, `text` holds `part`, or five seconds have gone */
static void spin_until(const gboolean *flag, const GString *text,
		       const char *part)
{
	gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	while (g_get_monotonic_time() < end) {
		if ((flag && *flag) || (text && strstr(text->str, part)))
			return;
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(500);
	}
}

static void say(struct world *self, const char *text)
{
	gsize length = strlen(text);
	g_assert_cmpint(write(self->peer, text, length), ==, (gssize)length);
}

/* Reads until what the client sent holds `part`. */
static void hear(struct world *self, const char *part)
{
	gint64 end = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	while (!strstr(self->heard->str, part) &&
	       g_get_monotonic_time() < end) {
		char bytes[4096];
		struct iovec io = {bytes, sizeof bytes};
		union {
			char space[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control;
		struct msghdr message = {.msg_iov = &io,
					 .msg_iovlen = 1,
					 .msg_control = control.space,
					 .msg_controllen = sizeof control};
		ssize_t got = recvmsg(self->peer, &message, MSG_DONTWAIT);
		if (got > 0) {
			g_string_append_len(self->heard, bytes, got);
			struct cmsghdr *head = CMSG_FIRSTHDR(&message);
			if (head && head->cmsg_type == SCM_RIGHTS)
				memcpy(&self->fd, CMSG_DATA(head), sizeof(int));
		}
		g_main_context_iteration(NULL, FALSE);
	}
	g_assert_nonnull(strstr(self->heard->str, part));
}

static void on_connected(GObject *source, GAsyncResult *result, void *data)
{
	struct world *self = data;
	self->qmp = qmp_connect_finish(result, &self->error);
	self->done = TRUE;
}

static void on_event(struct qmp *qmp, const char *name, json_t *data,
		     void *user)
{
	struct world *self = user;
	g_string_append_printf(self->events, "%s;", name);
}

static void on_closed(struct qmp *qmp, const GError *why, void *user)
{
	struct world *self = user;
	self->closed = TRUE;
	self->why = why ? g_strdup(why->message) : NULL;
}

static const struct qmp_handlers handlers = {
    .event = on_event,
    .closed = on_closed,
};

struct ask {
	struct world *world;
	const char *tag;
};

static void on_answer(GObject *source, GAsyncResult *result, void *data)
{
	struct ask *ask = data;
	struct world *self = ask->world;
	g_autoptr(GError) error = NULL;
	json_t *reply = qmp_call_finish(self->qmp, result, &error);
	if (error) {
		g_string_append_printf(self->answers, "%s=!%s;", ask->tag,
				       fault_code_name(fault_code(error)));
	} else {
		char *text = json_dumps(reply, JSON_COMPACT | JSON_ENCODE_ANY);
		g_string_append_printf(self->answers, "%s=%s;", ask->tag, text);
		free(text);
	}
	json_decref(reply);
	g_free(ask);
}

static void call(struct world *self, const char *tag, unsigned timeout_ms,
		 int fd, GCancellable *cancellable)
{
	struct ask *ask = g_new0(struct ask, 1);
	ask->world = self;
	ask->tag = tag;
	qmp_call_async(self->qmp, tag, NULL, fd, timeout_ms, cancellable,
		       on_answer, ask);
}

static void begin(struct world *self, unsigned timeout_ms)
{
	int pair[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	*self = (struct world){.peer = pair[1], .fd = -1};
	self->events = g_string_new(NULL);
	self->answers = g_string_new(NULL);
	self->heard = g_string_new(NULL);
	qmp_attach_async(pair[0], timeout_ms, NULL, on_connected, self);
}

static void negotiate(struct world *self)
{
	begin(self, 5000);
	say(self, GREETING);
	hear(self, "\"id\":1}");
	say(self, "{\"return\":{},\"id\":1}\r\n");
	spin_until(&self->done, NULL, NULL);
	g_assert_no_error(self->error);
	g_assert_true(qmp_is_open(self->qmp));
	qmp_set_handlers(self->qmp, &handlers, self);
	g_string_truncate(self->heard, 0);
}

static void finish(struct world *self)
{
	qmp_unref(self->qmp);
	spin(2); /* calls in flight are answered from the loop */
	g_clear_error(&self->error);
	g_free(self->why);
	if (self->peer >= 0)
		close(self->peer);
	g_string_free(self->events, TRUE);
	g_string_free(self->answers, TRUE);
	g_string_free(self->heard, TRUE);
}

static void test_replies_in_any_order(void)
{
	struct world w;
	negotiate(&w);
	call(&w, "first", 0, -1, NULL);
	call(&w, "second", 0, -1, NULL);
	call(&w, "third", 0, -1, NULL);
	hear(&w, "\"id\":4}");
	say(&w, "{\"id\":4,\"return\":3}\n{\"id\":99,\"return\":0}\n"
		"{\"event\":\"STOP\",\"timestamp\":{}}\n{\"id\":2,\"error\":"
		"{\"class\":\"DeviceNotFound\",\"desc\":\"no\\nsuch\"}}\n");
	say(&w, "{\"id\":3,\"return\":{\"a\":[]}}\n");
	spin_until(NULL, w.answers, "second");
	g_assert_cmpstr(w.answers->str, ==,
			"third=3;first=!not-found;second={\"a\":[]};");
	g_assert_cmpstr(w.events->str, ==, "STOP;");
	finish(&w);
}

static void test_a_byte_at_a_time(void)
{
	struct world w;
	begin(&w, 5000);
	for (const char *at = GREETING; *at; at++) {
		g_assert_cmpint(write(w.peer, at, 1), ==, 1);
		spin(1);
	}
	hear(&w, "\"id\":1}");
	/* an event before the owner can listen is not lost */
	say(&w, "{\"event\":\"EARLY\"}\n{\"ret");
	spin(2);
	say(&w, "urn\":{},\"id\":1}\n{\"event\":\"NEXT\"}\n");
	spin_until(&w.done, NULL, NULL);
	g_assert_no_error(w.error);
	qmp_set_handlers(w.qmp, &handlers, &w);
	spin_until(NULL, w.events, "NEXT");
	g_assert_cmpstr(w.events->str, ==, "EARLY;NEXT;");
	finish(&w);
}

static void test_descriptor(void)
{
	struct world w;
	negotiate(&w);
	int pipes[2];
	g_assert_true(g_unix_open_pipe(pipes, FD_CLOEXEC, NULL));
	call(&w, "getfd", 0, pipes[1], NULL);
	close(pipes[1]);
	hear(&w, "getfd");
	g_assert_cmpint(w.fd, >=, 0);
	g_assert_cmpint(write(w.fd, "x", 1), ==, 1);
	char byte = 0;
	g_assert_cmpint(read(pipes[0], &byte, 1), ==, 1);
	g_assert_cmpint(byte, ==, 'x');
	close(w.fd);
	close(pipes[0]);
	finish(&w);
}

static void test_timeout_and_cancel(void)
{
	struct world w;
	negotiate(&w);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	call(&w, "slow", 20, -1, NULL);
	call(&w, "dropped", 0, -1, cancellable);
	g_cancellable_cancel(cancellable);
	spin_until(NULL, w.answers, "slow");
	g_assert_cmpstr(w.answers->str, ==,
			"dropped=!cancelled;slow=!timeout;");
	/* late answers change nothing; the connection goes on */
	say(&w, "{\"id\":2,\"return\":{}}\n{\"id\":3,\"return\":{}}\n");
	call(&w, "next", 0, -1, NULL);
	say(&w, "{\"id\":4,\"return\":1}\n");
	spin_until(NULL, w.answers, "next");
	g_assert_nonnull(strstr(w.answers->str, "next=1;"));
	finish(&w);
}

static void test_peer_goes(void)
{
	struct world w;
	negotiate(&w);
	call(&w, "a", 0, -1, NULL);
	call(&w, "b", 0, -1, NULL);
	hear(&w, "\"id\":3}");
	close(w.peer);
	w.peer = -1;
	spin_until(&w.closed, NULL, NULL);
	g_assert_true(w.closed);
	g_assert_null(w.why);
	spin_until(NULL, w.answers, "b=");
	g_assert_nonnull(strstr(w.answers->str, "a=!unavailable;"));
	g_assert_nonnull(strstr(w.answers->str, "b=!unavailable;"));
	call(&w, "c", 0, -1, NULL);
	spin_until(NULL, w.answers, "c=");
	g_assert_nonnull(strstr(w.answers->str, "c=!unavailable;"));
	finish(&w);
}

static void test_no_greeting(void)
{
	struct world w;
	begin(&w, 30);
	spin_until(&w.done, NULL, NULL);
	g_assert_error(w.error, FAULT, FAULT_TIMEOUT);
	g_assert_null(w.qmp);
	finish(&w);
	begin(&w, 5000);
	close(w.peer);
	w.peer = -1;
	spin_until(&w.done, NULL, NULL);
	g_assert_error(w.error, FAULT, FAULT_UNAVAILABLE);
	finish(&w);
}

/* Each of these, after the handshake, ends the connection for this reason. */
static const struct {
	const char *bytes, *why;
} hostile[] = {
    {"hello\n", "no JSON object"},
    {"[]\n", "no JSON object"},
    {"\n", "no JSON object"},
    {"{}\n", "neither a reply nor an event"},
    {"{\"id\":2}\n", "neither a reply nor an event"},
    {"{\"QMP\":{}}\n", "neither a reply nor an event"},
    {"{\"return\":{},\n", "no JSON object"},
    {"\xff\xfe\n", "no JSON object"},
};

static void test_garbage(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
		struct world w;
		negotiate(&w);
		call(&w, "a", 0, -1, NULL);
		say(&w, hostile[i].bytes);
		spin_until(&w.closed, NULL, NULL);
		g_assert_true(w.closed);
		g_assert_nonnull(w.why);
		g_assert_nonnull(strstr(w.why, hostile[i].why));
		spin_until(NULL, w.answers, "a=");
		g_assert_cmpstr(w.answers->str, ==, "a=!invalid;");
		finish(&w);
	}
	/* odd but harmless: ids that are no numbers, events without names */
	struct world w;
	negotiate(&w);
	say(&w, "{\"id\":\"x\",\"return\":1}\n{\"event\":7}\n"
		"{\"error\":null}\n{\"event\":\"FINE\"}\n");
	spin_until(NULL, w.events, "FINE");
	g_assert_cmpstr(w.events->str, ==, "FINE;");
	g_assert_false(w.closed);
	finish(&w);
}

static void test_garbage_for_a_greeting(void)
{
	struct world w;
	begin(&w, 5000);
	say(&w, "{\"event\":\"STOP\"}\n");
	spin_until(&w.done, NULL, NULL);
	g_assert_error(w.error, FAULT, FAULT_INVALID);
	finish(&w);
	begin(&w, 5000);
	say(&w, GREETING);
	hear(&w, "qmp_capabilities");
	say(&w, "{\"id\":1,\"error\":{\"class\":\"GenericError\"}}\n");
	spin_until(&w.done, NULL, NULL);
	g_assert_error(w.error, FAULT, FAULT_CONFLICT);
	finish(&w);
}

static void test_endless_line(void)
{
	struct world w;
	negotiate(&w);
	g_unix_set_fd_nonblocking(w.peer, TRUE, NULL);
	static char junk[65536];
	memset(junk, ' ', sizeof junk);
	gsize total = 0;
	while (!w.closed && total < 3 * (gsize)QMP_LINE_MAX) {
		ssize_t sent = write(w.peer, junk, sizeof junk);
		if (sent > 0)
			total += (gsize)sent;
		g_main_context_iteration(NULL, FALSE);
	}
	g_assert_true(w.closed);
	g_assert_nonnull(strstr(w.why, "a line of over"));
	finish(&w);
}

/* A long but permitted line arrives whole. */
static void test_large_reply(void)
{
	struct world w;
	negotiate(&w);
	call(&w, "large", 0, -1, NULL);
	g_autofree char *text = g_strnfill(QMP_LINE_MAX - 64, 'x');
	g_autofree char *line =
	    g_strdup_printf("{\"id\":2,\"return\":\"%s\"}\n", text);
	g_unix_set_fd_nonblocking(w.peer, TRUE, NULL);
	gsize length = strlen(line), done = 0;
	while (done < length) {
		ssize_t sent = write(w.peer, line + done, length - done);
		if (sent > 0)
			done += (gsize)sent;
		g_main_context_iteration(NULL, FALSE);
	}
	spin_until(NULL, w.answers, "large=");
	g_assert_cmpuint(w.answers->len, ==,
			 strlen("large=\"\";") + QMP_LINE_MAX - 64);
	finish(&w);
}

static void test_too_many_calls(void)
{
	struct world w;
	negotiate(&w);
	for (unsigned i = 0; i < QMP_CALLS_MAX; i++)
		call(&w, "q", 0, -1, NULL);
	call(&w, "more", 0, -1, NULL);
	spin_until(NULL, w.answers, "more=");
	g_assert_cmpstr(w.answers->str, ==, "more=!busy;");
	close(w.peer);
	w.peer = -1;
	spin_until(&w.closed, NULL, NULL);
	finish(&w);
}

static void test_nobody_there(void)
{
	struct world w = {.peer = -1,
			  .events = g_string_new(NULL),
			  .answers = g_string_new(NULL),
			  .heard = g_string_new(NULL)};
	qmp_connect_async("/nonexistent/qmp.sock", 100, NULL, on_connected, &w);
	spin_until(&w.done, NULL, NULL);
	g_assert_error(w.error, FAULT, FAULT_UNAVAILABLE);
	finish(&w);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/qmp/replies-in-any-order", test_replies_in_any_order);
	g_test_add_func("/qmp/a-byte-at-a-time", test_a_byte_at_a_time);
	g_test_add_func("/qmp/descriptor", test_descriptor);
	g_test_add_func("/qmp/timeout-and-cancel", test_timeout_and_cancel);
	g_test_add_func("/qmp/peer-goes", test_peer_goes);
	g_test_add_func("/qmp/no-greeting", test_no_greeting);
	g_test_add_func("/qmp/garbage", test_garbage);
	g_test_add_func("/qmp/garbage-for-a-greeting",
			test_garbage_for_a_greeting);
	g_test_add_func("/qmp/endless-line", test_endless_line);
	g_test_add_func("/qmp/large-reply", test_large_reply);
	g_test_add_func("/qmp/too-many-calls", test_too_many_calls);
	g_test_add_func("/qmp/nobody-there", test_nobody_there);
	return g_test_run();
}
