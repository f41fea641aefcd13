/* Files in the guest, a piece at a time: open, read or write, close. The
 * handle is closed on every way out, or the agent would keep it for ever. */
#include "common/qga.h"

#include <string.h>

#include "common/fault.h"

#define PIECE (1u << 20)

struct transfer {
	struct qga *qga;
	GCancellable *cancellable;
	char *path;
	gint64 deadline_us;
	json_int_t handle;
	gboolean writing;
	GBytes *contents; /* writing */
	gsize done;
	GByteArray *in; /* reading */
	gsize limit;
	GError *error; /* why it is being closed early */
};

static void transfer_free(void *data)
{
	struct transfer *self = data;
	qga_unref(self->qga);
	g_clear_object(&self->cancellable);
	g_clear_pointer(&self->contents, g_bytes_unref);
	g_clear_pointer(&self->in, g_byte_array_unref);
	g_clear_error(&self->error);
	g_free(self->path);
	g_free(self);
}

static void step(GTask *task, const char *command, json_t *arguments,
		 GAsyncReadyCallback next)
{
	struct transfer *self = g_task_get_task_data(task);
	gint64 left = (self->deadline_us - g_get_monotonic_time()) / 1000;
	qga_call_async(self->qga, command, arguments,
		       (unsigned)CLAMP(left, 1, G_MAXINT), self->cancellable,
		       next, task);
}

static void on_close(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct transfer *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_decref(qga_call_finish(self->qga, result, &error));
	if (self->error) {
		g_clear_error(&error);
		error = g_steal_pointer(&self->error);
	}
	if (error)
		g_task_return_error(task, error);
	else if (self->writing)
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_pointer(
		    task,
		    g_byte_array_free_to_bytes(g_steal_pointer(&self->in)),
		    (GDestroyNotify)g_bytes_unref);
}

/* Takes task and error. */
static void finish(GTask *task, GError *error)
{
	struct transfer *self = g_task_get_task_data(task);
	self->error = error;
	if (error) /* even when the time is up or the caller has given up */
		qga_call_async(self->qga, "guest-file-close",
			       json_pack("{s:I}", "handle", self->handle), 5000,
			       NULL, on_close, task);
	else
		step(task, "guest-file-close",
		     json_pack("{s:I}", "handle", self->handle), on_close);
}

static void on_read(GObject *source, GAsyncResult *result, void *data)
{
	GTask *task = data;
	struct transfer *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_t *reply = qga_call_finish(self->qga, result, &error);
	if (error) {
		finish(task, error);
		return;
	}
	const char *text = json_string_value(json_object_get(reply, "buf-b64"));
	gsize length = 0;
	g_autofree guchar *bytes = text ? g_base64_decode(text, &length) : NULL;
	gboolean eof = json_is_true(json_object_get(reply, "eof"));
	json_decref(reply);
	if (length > self->limit - self->in->len) {
		finish(task, fault_new(FAULT_STORAGE, NULL,
				       "The guest's file '%s' is larger than "
				       "%" G_GSIZE_FORMAT " bytes.",
				       self->path, self->limit));
		return;
	}
	if (length)
		g_byte_array_append(self->in, bytes, (guint)length);
	if (eof || !length)
		finish(task, NULL);
	else
		step(task, "guest-file-read",
		     json_pack("{s:I,s:i}", "handle", self->handle, "count",
			       (int)PIECE),
		     on_read);
}

static void write_piece(GTask *task);

static void on_written(GObject *source, GAsyncResult *result, void *data)
{
	GTask *task = data;
	struct transfer *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_t *reply = qga_call_finish(self->qga, result, &error);
	if (error) {
		finish(task, error);
		return;
	}
	json_int_t count = json_integer_value(json_object_get(reply, "count"));
	json_decref(reply);
	gsize left = g_bytes_get_size(self->contents) - self->done;
	if (count < 1 || (gsize)count > MIN(left, PIECE)) {
		finish(task, fault_new(FAULT_INVALID, NULL,
				       "The guest agent wrote %lld bytes of "
				       "'%s' where at most %" G_GSIZE_FORMAT
				       " were asked for.",
				       (long long)count, self->path, left));
		return;
	}
	self->done += (gsize)count;
	write_piece(task);
}

static void write_piece(GTask *task)
{
	struct transfer *self = g_task_get_task_data(task);
	gsize size;
	const guchar *bytes = g_bytes_get_data(self->contents, &size);
	if (self->done == size) {
		finish(task, NULL);
		return;
	}
	g_autofree char *text =
	    g_base64_encode(bytes + self->done, MIN(size - self->done, PIECE));
	step(task, "guest-file-write",
	     json_pack("{s:I,s:s}", "handle", self->handle, "buf-b64", text),
	     on_written);
}

static void on_open(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct transfer *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_t *reply = qga_call_finish(self->qga, result, &error);
	if (error) {
		g_task_return_error(task, error);
		return;
	}
	self->handle = json_integer_value(reply);
	json_decref(reply);
	if (self->writing)
		write_piece(g_steal_pointer(&task));
	else
		step(g_steal_pointer(&task), "guest-file-read",
		     json_pack("{s:I,s:i}", "handle", self->handle, "count",
			       (int)PIECE),
		     on_read);
}

static void transfer(struct qga *qga, const char *path, GBytes *contents,
		     gsize limit, unsigned timeout_ms,
		     GCancellable *cancellable, GAsyncReadyCallback callback,
		     void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	struct transfer *self = g_new0(struct transfer, 1);
	self->qga = qga_ref(qga);
	self->cancellable = cancellable ? g_object_ref(cancellable) : NULL;
	self->path = g_strdup(path);
	self->deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	self->writing = contents != NULL;
	self->contents = contents ? g_bytes_ref(contents) : NULL;
	self->in = g_byte_array_new();
	self->limit = MIN(limit, G_MAXUINT / 2);
	g_task_set_task_data(task, self, transfer_free);
	json_t *arguments =
	    json_pack("{s:s,s:s}", "path", path, "mode", contents ? "w" : "r");
	if (!arguments) {
		g_task_return_error(task, fault_new(FAULT_INVALID, NULL,
						    "A path in the guest must "
						    "be UTF-8 text."));
		return;
	}
	step(g_steal_pointer(&task), "guest-file-open", arguments, on_open);
}

void qga_read_file_async(struct qga *qga, const char *path, gsize limit,
			 unsigned timeout_ms, GCancellable *cancellable,
			 GAsyncReadyCallback callback, void *data)
{
	transfer(qga, path, NULL, limit, timeout_ms, cancellable, callback,
		 data);
}

GBytes *qga_read_file_finish(struct qga *qga, GAsyncResult *result,
			     GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

void qga_write_file_async(struct qga *qga, const char *path, GBytes *contents,
			  unsigned timeout_ms, GCancellable *cancellable,
			  GAsyncReadyCallback callback, void *data)
{
	transfer(qga, path, contents, 0, timeout_ms, cancellable, callback,
		 data);
}
