/* Commands in the guest: guest-exec starts one, guest-exec-status is asked
 * until it has ended. Asking is cheap for the agent, so it begins often, for
 * commands that take no time, and grows rarer. */
#include "common/qga.h"

#include <string.h>

#include "common/fault.h"

#define POLL_FIRST_MS 5u
#define POLL_LAST_MS  250u
/* for one request; the command's own time is the caller's */
#define REQUEST_MS 30000u

struct exec {
	struct qga *qga;
	GCancellable *cancellable;
	char *name;
	gint64 deadline_us;
	json_int_t pid;
	unsigned pause_ms;
	int exit;
	GBytes *out, *err;
};

static void exec_free(void *data)
{
	struct exec *self = data;
	qga_unref(self->qga);
	g_clear_object(&self->cancellable);
	g_clear_pointer(&self->out, g_bytes_unref);
	g_clear_pointer(&self->err, g_bytes_unref);
	g_free(self->name);
	g_free(self);
}

static unsigned left_ms(const struct exec *self)
{
	gint64 left = (self->deadline_us - g_get_monotonic_time()) / 1000;
	return (unsigned)CLAMP(left, 1, REQUEST_MS);
}

/* NULL for what is no base64 text or too large. */
static GBytes *decode(json_t *text)
{
	if (!text)
		return g_bytes_new_static("", 0);
	const char *string = json_string_value(text);
	if (!string || json_string_length(text) > QGA_OUTPUT_MAX / 3 * 4 + 4)
		return NULL;
	gsize length;
	guchar *bytes = g_base64_decode(string, &length);
	return bytes ? g_bytes_new_take(bytes, length) : NULL;
}

static gboolean ask(void *data);

static gboolean take_end(struct exec *self, json_t *reply)
{
	json_t *signal = json_object_get(reply, "signal");
	json_t *code = json_object_get(reply, "exitcode");
	self->exit = signal ? 128 + (int)json_integer_value(signal)
			    : (int)json_integer_value(code);
	self->out = decode(json_object_get(reply, "out-data"));
	self->err = decode(json_object_get(reply, "err-data"));
	return self->out && self->err &&
	       !json_is_true(json_object_get(reply, "out-truncated")) &&
	       !json_is_true(json_object_get(reply, "err-truncated"));
}

static void on_status(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct exec *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_t *reply = qga_call_finish(self->qga, result, &error);
	if (error) {
		g_task_return_error(task, error);
	} else if (json_is_true(json_object_get(reply, "exited"))) {
		if (take_end(self, reply))
			g_task_return_boolean(task, TRUE);
		else
			g_task_return_error(
			    task, fault_new(FAULT_STORAGE,
					    "Write the output to a file "
					    "in the guest instead.",
					    "The output of '%s' in the "
					    "guest is too large or "
					    "damaged.",
					    self->name));
	} else if (g_get_monotonic_time() >= self->deadline_us) {
		g_task_return_error(
		    task, fault_new(FAULT_TIMEOUT, "It runs on in the guest.",
				    "The command '%s' in the guest did not "
				    "end in time.",
				    self->name));
	} else {
		GSource *timer = g_timeout_source_new(self->pause_ms);
		self->pause_ms = MIN(self->pause_ms * 3 / 2 + 1, POLL_LAST_MS);
		g_source_set_callback(timer, ask, g_steal_pointer(&task), NULL);
		g_source_attach(timer, g_main_context_get_thread_default());
		g_source_unref(timer);
	}
	json_decref(reply);
}

static gboolean ask(void *data)
{
	GTask *task = data;
	struct exec *self = g_task_get_task_data(task);
	/* its output may be large and the guest slow: the last answer may
	 * come a little after the deadline */
	qga_call_async(self->qga, "guest-exec-status",
		       json_pack("{s:I}", "pid", self->pid),
		       left_ms(self) + 1000, self->cancellable, on_status,
		       task);
	return G_SOURCE_REMOVE;
}

static void on_started(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct exec *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_t *reply = qga_call_finish(self->qga, result, &error);
	if (error) {
		g_task_return_error(task, error);
		return;
	}
	self->pid = json_integer_value(json_object_get(reply, "pid"));
	json_decref(reply);
	ask(g_steal_pointer(&task));
}

void qga_exec_async(struct qga *qga, const char *const *argv, GBytes *input,
		    unsigned timeout_ms, GCancellable *cancellable,
		    GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	struct exec *self = g_new0(struct exec, 1);
	self->qga = qga_ref(qga);
	self->cancellable = cancellable ? g_object_ref(cancellable) : NULL;
	self->name = g_strdup(argv[0]);
	self->deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	self->pause_ms = POLL_FIRST_MS;
	g_task_set_task_data(task, self, exec_free);
	if (!argv[0] || (input && g_bytes_get_size(input) > QGA_INPUT_MAX)) {
		g_task_return_error(task,
				    fault_new(FAULT_INVALID, NULL,
					      "A command for the guest needs a "
					      "name and at most %u bytes of "
					      "input.",
					      QGA_INPUT_MAX));
		return;
	}
	json_t *arg = json_array();
	gboolean text = g_utf8_validate(argv[0], -1, NULL);
	for (gsize i = 1; argv[i]; i++)
		text &= json_array_append_new(arg, json_string(argv[i])) == 0;
	json_t *arguments =
	    json_pack("{s:s*,s:o,s:b}", "path", text ? argv[0] : NULL, "arg",
		      arg, "capture-output", 1);
	if (!text) {
		json_decref(arguments);
		g_task_return_error(task,
				    fault_new(FAULT_INVALID, NULL,
					      "A command for the guest must be "
					      "UTF-8 text."));
		return;
	}
	if (input) {
		gsize size;
		const void *bytes = g_bytes_get_data(input, &size);
		g_autofree char *encoded = g_base64_encode(bytes, size);
		json_object_set_new(arguments, "input-data",
				    json_string(encoded));
	}
	qga_call_async(qga, "guest-exec", arguments, left_ms(self), cancellable,
		       on_started, g_steal_pointer(&task));
}

gboolean qga_exec_finish(struct qga *qga, GAsyncResult *result, int *exit,
			 GBytes **out, GBytes **err, GError **error)
{
	struct exec *self = g_task_get_task_data(G_TASK(result));
	if (!g_task_propagate_boolean(G_TASK(result), error))
		return FALSE;
	if (exit)
		*exit = self->exit;
	if (out)
		*out = g_steal_pointer(&self->out);
	if (err)
		*err = g_steal_pointer(&self->err);
	return TRUE;
}
