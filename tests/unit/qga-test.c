/* common/qga.h against an agent that this test plays: it understands just
 * what each case needs, and misbehaves where the case says so. */
#include "common/qga.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"

struct agent {
	char *folder, *path;
	int server, client; /* -1: none */
	GString *in;
	/* behaviour */
	gboolean asleep;        /* does not even read */
	gboolean mute;          /* reads, never answers */
	gboolean stale;         /* an earlier owner's answer comes first */
	gboolean nonsense;      /* to anything but sync */
	gboolean clock_refused; /* as without hwclock */
	gint64 clock_off_ns;
	unsigned polls; /* how often "not yet" is said */
	/* what it saw */
	GString *seen; /* "command;" */
	GByteArray *file;
	unsigned open_files;
	gsize read_at;
};

static void answer(struct agent *self, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
static void answer(struct agent *self, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	gsize length = strlen(text), done = 0;
	while (done < length) {
		ssize_t sent = send(self->client, text + done, length - done,
				    MSG_NOSIGNAL);
		if (sent > 0)
			done += (gsize)sent;
		else
			g_main_context_iteration(NULL, FALSE);
	}
}

static void serve_file(struct agent *self, const char *command, json_t *args)
{
	if (strcmp(command, "guest-file-open") == 0) {
		self->open_files++;
		self->read_at = 0;
		if (!strcmp(json_string_value(json_object_get(args, "mode")),
			    "w"))
			g_byte_array_set_size(self->file, 0);
		answer(self, "{\"return\": 1000}\n");
	} else if (strcmp(command, "guest-file-close") == 0) {
		self->open_files--;
		answer(self, "{\"return\": {}}\n");
	} else if (strcmp(command, "guest-file-read") == 0) {
		gsize want =
		    (gsize)json_integer_value(json_object_get(args, "count"));
		gsize size = MIN(self->file->len - self->read_at, want);
		g_autofree char *text =
		    g_base64_encode(self->file->data + self->read_at, size);
		self->read_at += size;
		answer(self,
		       "{\"return\": {\"count\": %" G_GSIZE_FORMAT
		       ", \"buf-b64\": \"%s\", \"eof\": %s}}\n",
		       size, text,
		       self->read_at == self->file->len ? "true" : "false");
	} else {
		gsize size;
		g_autofree guchar *bytes = g_base64_decode(
		    json_string_value(json_object_get(args, "buf-b64")), &size);
		g_byte_array_append(self->file, bytes, (guint)size);
		answer(self, "{\"return\": {\"count\": %" G_GSIZE_FORMAT "}}\n",
		       size);
	}
}

static void serve(struct agent *self, const char *line)
{
	json_t *message = json_loads(line, 0, NULL);
	json_t *args = json_object_get(message, "arguments");
	const char *command =
	    json_string_value(json_object_get(message, "execute"));
	g_assert_nonnull(command);
	g_string_append_printf(self->seen, "%s;", command);
	if (self->mute) {
	} else if (strcmp(command, "guest-sync-delimited") == 0) {
		if (self->stale)
			answer(self, "{\"return\": \"for another\"}\ntail");
		answer(
		    self, "\xff{\"return\": %lld}\n",
		    (long long)json_integer_value(json_object_get(args, "id")));
	} else if (self->nonsense) {
		answer(self, "{\"result\": 1}\n");
	} else if (strcmp(command, "guest-ping") == 0) {
		answer(self, "{\"return\": {}}\n");
	} else if (strcmp(command, "guest-exec") == 0) {
		json_t *path = json_object_get(args, "path");
		if (strcmp(json_string_value(path), "missing") == 0)
			answer(self, "{\"error\": {\"class\": \"GenericError\","
				     " \"desc\": \"No such file\"}}\n");
		else
			answer(self, "{\"return\": {\"pid\": 42}}\n");
	} else if (strcmp(command, "guest-exec-status") == 0) {
		if (self->polls && self->polls--)
			answer(self, "{\"return\": {\"exited\": false}}\n");
		else
			answer(self,
			       "{\"return\": {\"exited\": true, \"exitcode\": "
			       "3, \"out-data\": \"aGVsbG8A\"}}\n");
	} else if (strcmp(command, "guest-set-time") == 0) {
		if (self->clock_refused)
			answer(self,
			       "{\"error\": {\"class\": \"GenericError\", "
			       "\"desc\": \"hwclock failed\"}}\n");
		else
			answer(self, "{\"return\": {}}\n");
	} else if (strcmp(command, "guest-get-time") == 0) {
		answer(self, "{\"return\": %" G_GINT64_FORMAT "}\n",
		       g_get_real_time() * 1000 + self->clock_off_ns);
	} else if (strcmp(command, "guest-shutdown") == 0) {
		/* success has no answer */
	} else {
		serve_file(self, command, args);
	}
	json_decref(message);
}

static void step(struct agent *self)
{
	if (self->asleep)
		return;
	if (self->client < 0) {
		self->client = accept4(self->server, NULL, NULL,
				       SOCK_NONBLOCK | SOCK_CLOEXEC);
		return;
	}
	char bytes[65536];
	ssize_t got = read(self->client, bytes, sizeof bytes);
	if (got == 0) {
		close(self->client);
		self->client = -1;
		return;
	}
	for (ssize_t i = 0; i < got; i++) {
		if ((guchar)bytes[i] == 0xff) {
			g_string_truncate(self->in, 0);
			/* the real one complains before it goes on */
			if (!self->mute)
				answer(self, "{\"error\": {\"class\": "
					     "\"GenericError\", \"desc\": "
					     "\"stray\"}}\n");
		} else if (bytes[i] == '\n') {
			serve(self, self->in->str);
			g_string_truncate(self->in, 0);
		} else {
			g_string_append_c(self->in, bytes[i]);
		}
	}
}

static GAsyncResult *outcome;

static void on_done(GObject *source, GAsyncResult *result, void *data)
{
	outcome = g_object_ref(result);
}

/* Plays the agent until the call has ended. */
static GAsyncResult *play(struct agent *self)
{
	gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
	while (!outcome && g_get_monotonic_time() < end) {
		step(self);
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(200);
	}
	g_assert_nonnull(outcome);
	return g_steal_pointer(&outcome);
}

static void begin(struct agent *self)
{
	*self = (struct agent){.client = -1};
	self->folder = g_dir_make_tmp("oriel-qga-XXXXXX", NULL);
	self->path = g_build_filename(self->folder, "qga.sock", NULL);
	self->server = paths_unix_listen(self->path, 0600, NULL);
	g_assert_cmpint(self->server, >=, 0);
	self->in = g_string_new(NULL);
	self->seen = g_string_new(NULL);
	self->file = g_byte_array_new();
}

static void finish(struct agent *self)
{
	close(self->server);
	if (self->client >= 0)
		close(self->client);
	g_unlink(self->path);
	g_rmdir(self->folder);
	g_free(self->folder);
	g_free(self->path);
	g_string_free(self->in, TRUE);
	g_string_free(self->seen, TRUE);
	g_byte_array_unref(self->file);
}

#define CALL(agent, result, call)                                              \
	(call);                                                                \
	g_autoptr(GAsyncResult) result = play(agent)

static const char *const command[] = {"sh", "-c", "hello", NULL};

static void test_exec(void)
{
	struct agent agent;
	begin(&agent);
	agent.polls = 3;
	agent.stale = TRUE;
	struct qga *qga = qga_new(agent.path);
	g_autoptr(GBytes) input = g_bytes_new_static("in\0put", 6);
	CALL(&agent, result,
	     qga_exec_async(qga, command, input, 5000, NULL, on_done, NULL));
	int status = 0;
	g_autoptr(GBytes) out = NULL, err = NULL;
	g_autoptr(GError) error = NULL;
	g_assert_true(
	    qga_exec_finish(qga, result, &status, &out, &err, &error));
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 3);
	g_assert_cmpmem(g_bytes_get_data(out, NULL), g_bytes_get_size(out),
			"hello", 6);
	g_assert_cmpuint(g_bytes_get_size(err), ==, 0);
	g_assert_cmpstr(agent.seen->str, ==,
			"guest-sync-delimited;guest-exec;guest-exec-status;"
			"guest-exec-status;guest-exec-status;"
			"guest-exec-status;");
	const char *const missing[] = {"missing", NULL};
	CALL(&agent, second,
	     qga_exec_async(qga, missing, NULL, 5000, NULL, on_done, NULL));
	g_assert_false(qga_exec_finish(qga, second, NULL, NULL, NULL, &error));
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	g_assert_nonnull(strstr(error->message, "No such file"));
	qga_unref(qga);
	finish(&agent);
}

static void test_exec_never_ends(void)
{
	struct agent agent;
	begin(&agent);
	agent.polls = 100000;
	struct qga *qga = qga_new(agent.path);
	CALL(&agent, result,
	     qga_exec_async(qga, command, NULL, 100, NULL, on_done, NULL));
	g_autoptr(GError) error = NULL;
	g_assert_false(qga_exec_finish(qga, result, NULL, NULL, NULL, &error));
	g_assert_error(error, FAULT, FAULT_TIMEOUT);
	g_assert_nonnull(strstr(error->message, "runs on in the guest"));
	qga_unref(qga);
	finish(&agent);
}

/* After an answer that was given up, the next call begins with a sync, and a
 * late answer is not taken for its own. */
static void test_lost_answer(void)
{
	struct agent agent;
	begin(&agent);
	struct qga *qga = qga_new(agent.path);
	CALL(&agent, first, qga_ping_async(qga, 1000, NULL, on_done, NULL));
	g_assert_true(qga_finish(qga, first, NULL));
	agent.mute = TRUE;
	CALL(&agent, second,
	     qga_call_async(qga, "guest-ping", NULL, 50, NULL, on_done, NULL));
	g_autoptr(GError) error = NULL;
	g_assert_null(qga_call_finish(qga, second, &error));
	g_assert_error(error, FAULT, FAULT_TIMEOUT);
	agent.mute = FALSE;
	answer(&agent, "{\"return\": {}}\n"); /* the late one */
	g_string_truncate(agent.seen, 0);
	CALL(&agent, third,
	     qga_exec_async(qga, command, NULL, 5000, NULL, on_done, NULL));
	int status = 0;
	g_assert_true(qga_exec_finish(qga, third, &status, NULL, NULL, NULL));
	g_assert_cmpint(status, ==, 3);
	g_assert_true(
	    g_str_has_prefix(agent.seen->str, "guest-sync-delimited;"));
	qga_unref(qga);
	finish(&agent);
}

static gboolean wake(void *data)
{
	((struct agent *)data)->asleep = FALSE;
	return G_SOURCE_REMOVE;
}

/* While a guest boots, syncs pile up; its agent then answers all of them. */
static void test_late_agent(void)
{
	struct agent agent;
	begin(&agent);
	agent.asleep = TRUE;
	struct qga *qga = qga_new(agent.path);
	g_timeout_add(1800, wake, &agent);
	CALL(&agent, result, qga_ping_async(qga, 8000, NULL, on_done, NULL));
	g_autoptr(GError) error = NULL;
	g_assert_true(qga_finish(qga, result, &error));
	g_assert_no_error(error);
	g_assert_true(g_str_has_prefix(agent.seen->str,
				       "guest-sync-delimited;"
				       "guest-sync-delimited;"));
	qga_unref(qga);
	finish(&agent);
}

static gboolean unmute(void *data)
{
	((struct agent *)data)->mute = FALSE;
	return G_SOURCE_REMOVE;
}

static void test_patience(void)
{
	struct agent agent;
	begin(&agent);
	struct qga *qga = qga_new(agent.path);
	/* an agent that comes up late gets a second sync */
	agent.mute = TRUE;
	g_timeout_add(300, unmute, &agent);
	CALL(&agent, result, qga_ping_async(qga, 8000, NULL, on_done, NULL));
	g_autoptr(GError) error = NULL;
	g_assert_true(qga_finish(qga, result, &error));
	g_assert_no_error(error);
	/* one that never does */
	agent.mute = TRUE;
	CALL(&agent, second, qga_ping_async(qga, 100, NULL, on_done, NULL));
	g_assert_false(qga_finish(qga, second, &error));
	g_assert_error(error, FAULT, FAULT_TIMEOUT);
	g_clear_error(&error);
	/* and no socket at all */
	struct qga *nowhere = qga_new("/nonexistent/qga.sock");
	CALL(&agent, third, qga_ping_async(nowhere, 150, NULL, on_done, NULL));
	g_assert_false(qga_finish(nowhere, third, &error));
	g_assert_error(error, FAULT, FAULT_UNAVAILABLE);
	qga_unref(nowhere);
	qga_unref(qga);
	finish(&agent);
}

static void test_nonsense(void)
{
	struct agent agent;
	begin(&agent);
	agent.nonsense = TRUE;
	struct qga *qga = qga_new(agent.path);
	CALL(
	    &agent, result,
	    qga_call_async(qga, "guest-ping", NULL, 5000, NULL, on_done, NULL));
	g_autoptr(GError) error = NULL;
	g_assert_null(qga_call_finish(qga, result, &error));
	g_assert_error(error, FAULT, FAULT_INVALID);
	agent.nonsense = FALSE;
	CALL(&agent, second, qga_ping_async(qga, 5000, NULL, on_done, NULL));
	g_assert_true(qga_finish(qga, second, NULL));
	qga_unref(qga);
	finish(&agent);
}

static void test_files(void)
{
	struct agent agent;
	begin(&agent);
	struct qga *qga = qga_new(agent.path);
	gsize size = (2 << 20) + 77;
	guchar *bytes = g_malloc(size);
	for (gsize i = 0; i < size; i++)
		bytes[i] = (guchar)(i * 7 + (i >> 11));
	g_autoptr(GBytes) contents = g_bytes_new_take(bytes, size);
	CALL(&agent, written,
	     qga_write_file_async(qga, "/a", contents, 8000, NULL, on_done,
				  NULL));
	g_autoptr(GError) error = NULL;
	g_assert_true(qga_finish(qga, written, &error));
	g_assert_no_error(error);
	g_assert_cmpmem(agent.file->data, agent.file->len, bytes, size);
	CALL(&agent, read,
	     qga_read_file_async(qga, "/a", size, 8000, NULL, on_done, NULL));
	g_autoptr(GBytes) back = qga_read_file_finish(qga, read, &error);
	g_assert_no_error(error);
	g_assert_true(g_bytes_equal(back, contents));
	CALL(&agent, large,
	     qga_read_file_async(qga, "/a", size - 1, 8000, NULL, on_done,
				 NULL));
	g_assert_null(qga_read_file_finish(qga, large, &error));
	g_assert_error(error, FAULT, FAULT_STORAGE);
	g_assert_cmpuint(agent.open_files, ==, 0);
	qga_unref(qga);
	finish(&agent);
}

static void test_clock(void)
{
	struct agent agent;
	begin(&agent);
	struct qga *qga = qga_new(agent.path);
	g_autoptr(GError) error = NULL;
	agent.clock_refused = TRUE;
	CALL(&agent, first, qga_set_time_async(qga, 5000, NULL, on_done, NULL));
	g_assert_true(qga_finish(qga, first, &error));
	g_assert_no_error(error);
	agent.clock_off_ns = -G_GINT64_CONSTANT(3600000000000);
	CALL(&agent, second,
	     qga_set_time_async(qga, 5000, NULL, on_done, NULL));
	g_assert_false(qga_finish(qga, second, &error));
	g_assert_error(error, FAULT, FAULT_CONFLICT);
	g_assert_nonnull(strstr(error->message, "hwclock failed"));
	qga_unref(qga);
	finish(&agent);
}

static void test_shutdown(void)
{
	struct agent agent;
	begin(&agent);
	struct qga *qga = qga_new(agent.path);
	g_autoptr(GError) error = NULL;
	CALL(&agent, first,
	     qga_shutdown_async(qga, "powerdown", NULL, on_done, NULL));
	g_assert_true(qga_finish(qga, first, &error));
	g_assert_no_error(error);
	g_assert_true(g_str_has_suffix(agent.seen->str, "guest-shutdown;"));
	qga_unref(qga);
	finish(&agent);
}

static void test_cancel(void)
{
	struct agent agent;
	begin(&agent);
	agent.mute = TRUE;
	struct qga *qga = qga_new(agent.path);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_cancellable_cancel(cancellable);
	CALL(&agent, result,
	     qga_exec_async(qga, command, NULL, 5000, cancellable, on_done,
			    NULL));
	g_autoptr(GError) error = NULL;
	g_assert_false(qga_exec_finish(qga, result, NULL, NULL, NULL, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
	g_clear_error(&error);
	qga_ping_async(qga, 5000, NULL, on_done, NULL);
	qga_close(qga);
	g_autoptr(GAsyncResult) second = play(&agent);
	g_assert_false(qga_finish(qga, second, &error));
	g_assert_error(error, FAULT, FAULT_CANCELLED);
	qga_unref(qga);
	finish(&agent);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/qga/exec", test_exec);
	g_test_add_func("/qga/exec-never-ends", test_exec_never_ends);
	g_test_add_func("/qga/lost-answer", test_lost_answer);
	g_test_add_func("/qga/late-agent", test_late_agent);
	g_test_add_func("/qga/patience", test_patience);
	g_test_add_func("/qga/nonsense", test_nonsense);
	g_test_add_func("/qga/files", test_files);
	g_test_add_func("/qga/clock", test_clock);
	g_test_add_func("/qga/shutdown", test_shutdown);
	g_test_add_func("/qga/cancel", test_cancel);
	return g_test_run();
}
