/* Calls are GTasks in a table by id. A task leaves the table exactly when it
 * is answered; the table's emptiness at the end is what guarantees that each
 * callback runs once. */
#include "common/qmp.h"

#include <string.h>

#include "common/fault.h"
#include "common/linewire.h"
#include "common/log.h"
#include "common/paths.h"

/* Between negotiation and the owner's callback few events can come. */
#define EARLY_EVENTS 64u

struct qmp {
	int refs;
	struct linewire *wire; /* NULL once closed */
	const struct qmp_handlers *handlers;
	void *user;
	GHashTable *calls; /* id -> struct call */
	gint64 next_id;
	GTask *connecting; /* until negotiated; holds the first reference */
	GSource *timer, *cancelled; /* of `connecting` */
	gboolean greeted, delivered;
	GPtrArray *early; /* events before the owner could set handlers */
	GSource *late;
};

struct call {
	struct qmp *qmp;
	gint64 id;
	char *command;
	GTask *task;
	GSource *timer, *cancelled;
};

static void source_drop(GSource **source)
{
	if (!*source)
		return;
	g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static GSource *source_attach(GSource *source, GSourceFunc function, void *data)
{
	g_source_set_callback(source, function, data, NULL);
	g_source_attach(source, g_main_context_get_thread_default());
	return source;
}

static void call_free(void *data)
{
	struct call *call = data;
	source_drop(&call->timer);
	source_drop(&call->cancelled);
	g_clear_object(&call->task);
	g_free(call->command);
	g_free(call);
}

/* Takes the call out of the table and gives its task to the caller. */
static GTask *call_take(struct call *call)
{
	GTask *task = g_steal_pointer(&call->task);
	g_hash_table_remove(call->qmp->calls, &call->id);
	return task;
}

struct qmp *qmp_ref(struct qmp *self)
{
	self->refs++;
	return self;
}

void qmp_unref(struct qmp *self)
{
	if (!self || --self->refs > 0)
		return;
	self->refs = 1; /* callbacks below may take and drop references */
	qmp_close(self);
	g_hash_table_unref(self->calls);
	g_ptr_array_unref(self->early);
	source_drop(&self->late);
	g_free(self);
}

/* ---- the end of a connection ---- */

/* Must be called with a reference held. */
static void connecting_end(struct qmp *self, GError *error)
{
	if (!self->connecting) {
		g_clear_error(&error);
		return;
	}
	g_autoptr(GTask) task = g_steal_pointer(&self->connecting);
	source_drop(&self->timer);
	source_drop(&self->cancelled);
	if (!error) {
		g_task_return_pointer(task, self, (GDestroyNotify)qmp_unref);
		return;
	}
	g_task_return_error(task, error);
	qmp_unref(self);
}

static void end(struct qmp *self, const GError *why)
{
	g_autoptr(GError) gone =
	    why ? g_error_copy(why)
		: fault_new(FAULT_UNAVAILABLE,
			    "See the machine's log for its last words.",
			    "The machine closed its control connection.");
	g_clear_pointer(&self->wire, linewire_free);
	GHashTableIter iter;
	void *value;
	for (;;) {
		g_hash_table_iter_init(&iter, self->calls);
		if (!g_hash_table_iter_next(&iter, NULL, &value))
			break;
		g_autoptr(GTask) task = call_take(value);
		g_task_return_error(task, g_error_copy(gone));
	}
	connecting_end(self, g_error_copy(gone));
}

static void on_closed(struct linewire *wire, const GError *why, void *data)
{
	struct qmp *self = qmp_ref(data);
	end(self, why);
	if (self->handlers && self->handlers->closed)
		self->handlers->closed(self, why, self->user);
	qmp_unref(self);
}

void qmp_close(struct qmp *self)
{
	self->handlers = NULL;
	if (!self->wire)
		return;
	self->refs++;
	end(self, NULL);
	self->refs--;
}

void qmp_set_handlers(struct qmp *self, const struct qmp_handlers *handlers,
		      void *user)
{
	self->handlers = handlers;
	self->user = user;
}

gboolean qmp_is_open(const struct qmp *self)
{
	return self->wire && !self->connecting;
}

/* ---- what comes in ---- */

static void broken(struct qmp *self, const char *what, const char *bytes,
		   gsize length)
{
	g_autofree char *quoted = log_quote(bytes, length);
	g_autoptr(GError) why = fault_new(
	    FAULT_INVALID, NULL, "The machine's control socket sent %s: %s.",
	    what, quoted);
	on_closed(self->wire, why, self);
}

static GError *error_of(json_t *error, const char *command)
{
	const char *class = json_string_value(json_object_get(error, "class"));
	const char *desc = json_string_value(json_object_get(error, "desc"));
	enum fault_code code = FAULT_CONFLICT;
	if (g_strcmp0(class, "CommandNotFound") == 0)
		code = FAULT_UNAVAILABLE;
	else if (g_strcmp0(class, "DeviceNotFound") == 0)
		code = FAULT_NOT_FOUND;
	g_autofree char *quoted =
	    desc ? log_quote(desc, strlen(desc)) : g_strdup("no reason");
	return fault_new(code, NULL, "The machine refused '%s': %s.", command,
			 quoted);
}

static void on_reply(struct qmp *self, json_t *message)
{
	gint64 id = json_integer_value(json_object_get(message, "id"));
	struct call *call = g_hash_table_lookup(self->calls, &id);
	if (!call)
		return; /* timed out or cancelled meanwhile */
	json_t *error = json_object_get(message, "error");
	if (error) {
		GError *fault = error_of(error, call->command);
		g_autoptr(GTask) task = call_take(call);
		g_task_return_error(task, fault);
		return;
	}
	g_autoptr(GTask) task = call_take(call);
	g_task_return_pointer(task,
			      json_incref(json_object_get(message, "return")),
			      (GDestroyNotify)json_decref);
}

static void give_event(struct qmp *self, json_t *message)
{
	if (self->handlers && self->handlers->event)
		self->handlers->event(
		    self, json_string_value(json_object_get(message, "event")),
		    json_object_get(message, "data"), self->user);
}

static gboolean on_late(void *data)
{
	struct qmp *self = qmp_ref(data);
	g_clear_pointer(&self->late, g_source_unref);
	self->delivered = TRUE;
	while (self->early->len) {
		json_t *message = g_ptr_array_steal_index(self->early, 0);
		give_event(self, message);
		json_decref(message);
	}
	qmp_unref(self);
	return G_SOURCE_REMOVE;
}

static void on_event(struct qmp *self, json_t *message)
{
	if (!json_is_string(json_object_get(message, "event")))
		return;
	if (self->delivered)
		give_event(self, message);
	else if (self->early->len < EARLY_EVENTS)
		g_ptr_array_add(self->early, json_incref(message));
}

static void on_negotiated(GObject *source, GAsyncResult *result, void *data)
{
	struct qmp *self = data;
	GError *error = NULL;
	json_t *reply = qmp_call_finish(self, result, &error);
	if (reply)
		json_decref(reply);
	if (error) {
		connecting_end(self, error);
	} else if (self->connecting) {
		self->late = source_attach(g_idle_source_new(), on_late, self);
		connecting_end(self, NULL);
	}
	qmp_unref(self);
}

static void on_line(struct linewire *wire, const char *bytes, gsize length,
		    void *data)
{
	struct qmp *self = qmp_ref(data);
	json_error_t where;
	json_t *message = json_loadb(bytes, length, 0, &where);
	if (!json_is_object(message)) {
		broken(self, "something that is no JSON object", bytes, length);
	} else if (!self->greeted) {
		if (json_is_object(json_object_get(message, "QMP"))) {
			self->greeted = TRUE;
			qmp_call_async(self, "qmp_capabilities", NULL, -1, 0,
				       NULL, on_negotiated, qmp_ref(self));
		} else {
			broken(self, "no greeting", bytes, length);
		}
	} else if (json_object_get(message, "event")) {
		on_event(self, message);
	} else if (json_object_get(message, "return") ||
		   json_object_get(message, "error")) {
		on_reply(self, message);
	} else {
		broken(self, "neither a reply nor an event", bytes, length);
	}
	json_decref(message);
	qmp_unref(self);
}

/* ---- calls ---- */

static gboolean on_timeout(void *data)
{
	struct call *call = data;
	struct qmp *self = qmp_ref(call->qmp);
	GError *error = fault_new(
	    FAULT_TIMEOUT,
	    "It may be overloaded or hang; see its log, or switch it off.",
	    "The machine did not answer '%s' in time.", call->command);
	g_autoptr(GTask) task = call_take(call);
	g_task_return_error(task, error);
	qmp_unref(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_cancelled(GCancellable *cancellable, void *data)
{
	struct call *call = data;
	struct qmp *self = qmp_ref(call->qmp);
	g_autoptr(GTask) task = call_take(call);
	g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_CANCELLED,
				"The call was cancelled.");
	qmp_unref(self);
	return G_SOURCE_REMOVE;
}

void qmp_call_async(struct qmp *self, const char *command, json_t *arguments,
		    int fd, unsigned timeout_ms, GCancellable *cancellable,
		    GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	/* cancellation has an error of its own, returned by on_cancelled() */
	g_task_set_check_cancellable(task, FALSE);
	json_t *message = json_pack("{s:s,s:I}", "execute", command, "id",
				    (json_int_t)++self->next_id);
	if (arguments)
		json_object_set_new(message, "arguments", arguments);
	g_autofree char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	if (!self->wire) {
		g_task_return_error(task, fault_new(FAULT_UNAVAILABLE, NULL,
						    "The machine's control "
						    "connection is closed."));
		return;
	}
	if (!text || g_hash_table_size(self->calls) >= QMP_CALLS_MAX) {
		g_task_return_error(task,
				    fault_new(FAULT_BUSY, NULL,
					      "Too many commands wait for the "
					      "machine's answer."));
		return;
	}
	struct call *call = g_new0(struct call, 1);
	call->qmp = self;
	call->id = self->next_id;
	call->command = g_strdup(command);
	call->task = g_object_ref(task);
	g_hash_table_insert(self->calls, &call->id, call);
	if (timeout_ms)
		call->timer = source_attach(g_timeout_source_new(timeout_ms),
					    on_timeout, call);
	if (cancellable)
		call->cancelled =
		    source_attach(g_cancellable_source_new(cancellable),
				  G_SOURCE_FUNC(on_cancelled), call);
	g_autofree char *line = g_strconcat(text, "\n", NULL);
	/* a full queue closes the wire, which fails the call */
	linewire_send(self->wire, line, strlen(line), fd);
}

json_t *qmp_call_finish(struct qmp *self, GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

/* ---- connecting ---- */

static gboolean on_connect_timeout(void *data)
{
	struct qmp *self = qmp_ref(data);
	g_autoptr(GError) why = fault_new(
	    FAULT_TIMEOUT,
	    "Another program may hold its monitor socket, or it hangs.",
	    "The machine's control socket gave no greeting in time.");
	end(self, why);
	qmp_unref(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_connect_cancelled(GCancellable *cancellable, void *data)
{
	struct qmp *self = qmp_ref(data);
	g_autoptr(GError) why = g_error_new(G_IO_ERROR, G_IO_ERROR_CANCELLED,
					    "The connection was given up.");
	end(self, why);
	qmp_unref(self);
	return G_SOURCE_REMOVE;
}

static const struct linewire_handlers wire_handlers = {
    .line = on_line,
    .closed = on_closed,
};

void qmp_attach_async(int fd, unsigned timeout_ms, GCancellable *cancellable,
		      GAsyncReadyCallback callback, void *data)
{
	struct qmp *self = g_new0(struct qmp, 1);
	self->refs = 1;
	self->calls =
	    g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
	self->early =
	    g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
	self->connecting = g_task_new(NULL, NULL, callback, data);
	g_task_set_check_cancellable(self->connecting, FALSE);
	if (timeout_ms)
		self->timer = source_attach(g_timeout_source_new(timeout_ms),
					    on_connect_timeout, self);
	self->wire = linewire_new(fd, QMP_LINE_MAX, &wire_handlers, self);
	if (cancellable)
		self->cancelled =
		    source_attach(g_cancellable_source_new(cancellable),
				  G_SOURCE_FUNC(on_connect_cancelled), self);
}

void qmp_connect_async(const char *path, unsigned timeout_ms,
		       GCancellable *cancellable, GAsyncReadyCallback callback,
		       void *data)
{
	GError *error = NULL;
	int fd = paths_unix_connect(path, &error);
	if (fd >= 0) {
		qmp_attach_async(fd, timeout_ms, cancellable, callback, data);
		return;
	}
	g_task_report_error(NULL, callback, data, NULL, error);
}

struct qmp *qmp_connect_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}
