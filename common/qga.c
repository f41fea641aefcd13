/* One call is in flight at a time; the others wait in order. Before the first
 * call of a connection, and after any call whose answer was given up, a sync
 * round runs: an 0xFF byte empties the agent's parser, guest-sync-delimited
 * makes it answer with 0xFF and our number, and whatever came before that
 * belongs to somebody else. JSON text never holds 0xFF, so a line with it is
 * always an answer to a sync. The agent also complains of the byte itself, in
 * a plain error line before its answer: so of several syncs only the last
 * one's answer counts, since no complaint can follow it. */
#include "common/qga.h"

#include <string.h>

#include "common/fault.h"
#include "common/linewire.h"
#include "common/log.h"
#include "common/paths.h"

#define DELIMITER 0xff
/* A sync may vanish in an agent that restarts; it is sent again. While the
 * guest boots, nobody reads, so the repeats grow rarer. */
#define SYNC_FIRST_MS 500u
#define SYNC_LAST_MS  4000u

struct call {
	struct qga *qga; /* a reference */
	char *command, *line;
	GTask *task;
	GSource *timer, *cancelled;
};

struct qga {
	int refs;
	char *path;
	GMainContext *context;
	struct linewire *wire;
	GQueue waiting;       /* struct call, in order */
	struct call *current; /* sent */
	gboolean synced;
	gboolean asked; /* a sync is under way */
	gint64 number;  /* of the last sync sent */
	unsigned pause_ms;
	GSource *again;
};

static void pump(struct qga *self);

static void source_drop(GSource **source)
{
	if (!*source)
		return;
	g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static GSource *attach(struct qga *self, GSource *source, GSourceFunc function,
		       void *data)
{
	g_source_set_callback(source, function, data, NULL);
	g_source_attach(source, self->context);
	return source;
}

struct qga *qga_new(const char *path)
{
	struct qga *self = g_new0(struct qga, 1);
	self->refs = 1;
	self->path = g_strdup(path);
	self->context = g_main_context_ref_thread_default();
	/* numbers of an earlier owner of the channel must not match ours */
	self->number = (gint64)g_random_int() << 16;
	g_queue_init(&self->waiting);
	return self;
}

struct qga *qga_ref(struct qga *self)
{
	self->refs++;
	return self;
}

void qga_unref(struct qga *self)
{
	if (!self || --self->refs > 0)
		return;
	/* no call is left: each holds a reference */
	source_drop(&self->again);
	linewire_free(self->wire);
	g_main_context_unref(self->context);
	g_free(self->path);
	g_free(self);
}

/* Answers the call; takes reply or error. The call is gone afterwards. */
static void call_end(struct call *call, json_t *reply, GError *error)
{
	struct qga *self = call->qga;
	if (self->current == call)
		self->current = NULL;
	else
		g_queue_remove(&self->waiting, call);
	source_drop(&call->timer);
	source_drop(&call->cancelled);
	if (error)
		g_task_return_error(call->task, error);
	else
		g_task_return_pointer(call->task, reply,
				      (GDestroyNotify)json_decref);
	g_object_unref(call->task);
	g_free(call->command);
	g_free(call->line);
	g_free(call);
	qga_unref(self);
}

static void unsync(struct qga *self)
{
	self->synced = FALSE;
	self->asked = FALSE;
	source_drop(&self->again);
}

static void fail_all(struct qga *self, const GError *why)
{
	/* what a callback adds belongs to the next connection */
	unsigned count = self->waiting.length;
	qga_ref(self);
	if (self->current)
		call_end(self->current, NULL, g_error_copy(why));
	while (count-- && self->waiting.length)
		call_end(g_queue_peek_head(&self->waiting), NULL,
			 g_error_copy(why));
	qga_unref(self);
}

static void drop(struct qga *self)
{
	unsync(self);
	g_clear_pointer(&self->wire, linewire_free);
}

void qga_close(struct qga *self)
{
	g_autoptr(GError) why =
	    fault_new(FAULT_CANCELLED, NULL,
		      "The connection to the guest agent was closed.");
	qga_ref(self);
	drop(self);
	fail_all(self, why);
	qga_unref(self);
}

/* ---- what comes in ---- */

static void on_sync_line(struct qga *self, const char *bytes, gsize length)
{
	if (self->synced || !self->asked)
		return; /* the answer to a repeat */
	json_t *message = json_loadb(bytes, length, 0, NULL);
	json_int_t number =
	    json_integer_value(json_object_get(message, "return"));
	json_decref(message);
	if (number != self->number)
		return;
	self->synced = TRUE;
	self->asked = FALSE;
	source_drop(&self->again);
	pump(self);
}

static GError *error_of(json_t *error, const char *command)
{
	const char *desc = json_string_value(json_object_get(error, "desc"));
	const char *class = json_string_value(json_object_get(error, "class"));
	g_autofree char *quoted =
	    desc ? log_quote(desc, strlen(desc)) : g_strdup("no reason");
	return fault_new(
	    g_strcmp0(class, "CommandNotFound") ? FAULT_CONFLICT
						: FAULT_UNAVAILABLE,
	    NULL, "The guest agent refused '%s': %s.", command, quoted);
}

static void on_reply(struct qga *self, const char *bytes, gsize length)
{
	struct call *call = self->current;
	if (!self->synced || !call)
		return; /* for somebody who no longer waits */
	json_t *message = json_loadb(bytes, length, 0, NULL);
	json_t *reply = json_object_get(message, "return");
	json_t *error = json_object_get(message, "error");
	if (error) {
		call_end(call, NULL, error_of(error, call->command));
	} else if (reply) {
		call_end(call, json_incref(reply), NULL);
	} else {
		g_autofree char *quoted = log_quote(bytes, length);
		unsync(self);
		call_end(call, NULL,
			 fault_new(FAULT_INVALID, NULL,
				   "The guest agent answered '%s' with "
				   "nonsense: %s.",
				   call->command, quoted));
	}
	json_decref(message);
	pump(self);
}

static void on_line(struct linewire *wire, const char *bytes, gsize length,
		    void *data)
{
	struct qga *self = qga_ref(data);
	const char *mark = memrchr(bytes, DELIMITER, length);
	if (mark)
		on_sync_line(self, mark + 1,
			     length - (gsize)(mark + 1 - bytes));
	else
		on_reply(self, bytes, length);
	qga_unref(self);
}

static void on_closed(struct linewire *wire, const GError *why, void *data)
{
	struct qga *self = qga_ref(data);
	g_autoptr(GError) gone =
	    why ? g_error_copy(why)
		: fault_new(FAULT_UNAVAILABLE,
			    "The machine has ended or was restarted.",
			    "The guest agent's channel was closed.");
	drop(self);
	fail_all(self, gone);
	pump(self);
	qga_unref(self);
}

static const struct linewire_handlers wire_handlers = {
    .line = on_line,
    .closed = on_closed,
};

/* ---- what goes out ---- */

static gboolean on_again(void *data);

static void send_sync(struct qga *self)
{
	self->number++;
	if (!self->asked)
		self->pause_ms = SYNC_FIRST_MS;
	self->asked = TRUE;
	g_autofree char *line =
	    g_strdup_printf("%c{\"execute\":\"guest-sync-delimited\","
			    "\"arguments\":{\"id\":%" G_GINT64_FORMAT "}}\n",
			    DELIMITER, self->number);
	linewire_send(self->wire, line, strlen(line), -1);
	source_drop(&self->again);
	self->again =
	    attach(self, g_timeout_source_new(self->pause_ms), on_again, self);
	self->pause_ms = MIN(self->pause_ms * 2, SYNC_LAST_MS);
}

static gboolean on_again(void *data)
{
	struct qga *self = data;
	g_clear_pointer(&self->again, g_source_unref);
	/* with nobody waiting the next call goes on from here */
	if (self->waiting.length && self->wire)
		send_sync(self);
	return G_SOURCE_REMOVE;
}

static void pump(struct qga *self)
{
	if (self->current || !self->waiting.length)
		return;
	if (!self->wire) {
		g_autoptr(GError) error = NULL;
		int fd = paths_unix_connect(self->path, &error);
		if (fd < 0) {
			fail_all(self, error);
			return;
		}
		self->wire =
		    linewire_new(fd, QGA_LINE_MAX, &wire_handlers, self);
	}
	if (!self->synced) {
		if (!self->again)
			send_sync(self);
		return;
	}
	self->current = g_queue_pop_head(&self->waiting);
	linewire_send(self->wire, self->current->line,
		      strlen(self->current->line), -1);
}

static void give_up(struct call *call, GError *error)
{
	struct qga *self = qga_ref(call->qga);
	if (self->current == call)
		unsync(self); /* its answer may still come */
	call_end(call, NULL, error);
	pump(self);
	qga_unref(self);
}

static gboolean on_timeout(void *data)
{
	struct call *call = data;
	give_up(call, fault_new(FAULT_TIMEOUT,
				"It may still be starting, be overloaded, or "
				"not be installed in the guest.",
				"The guest agent did not answer '%s' in time.",
				call->command));
	return G_SOURCE_REMOVE;
}

static gboolean on_cancelled(GCancellable *cancellable, void *data)
{
	give_up(data, g_error_new(G_IO_ERROR, G_IO_ERROR_CANCELLED,
				  "The call was cancelled."));
	return G_SOURCE_REMOVE;
}

void qga_call_async(struct qga *self, const char *command, json_t *arguments,
		    unsigned timeout_ms, GCancellable *cancellable,
		    GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	g_task_set_check_cancellable(task, FALSE);
	json_t *message = json_pack("{s:s}", "execute", command);
	if (arguments)
		json_object_set_new(message, "arguments", arguments);
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	if (!text || self->waiting.length >= QGA_CALLS_MAX) {
		free(text);
		g_task_return_error(
		    task, fault_new(FAULT_BUSY, NULL,
				    "Too many calls wait for the guest "
				    "agent."));
		return;
	}
	struct call *call = g_new0(struct call, 1);
	call->qga = qga_ref(self);
	call->command = g_strdup(command);
	call->line = g_strconcat(text, "\n", NULL);
	free(text);
	call->task = g_steal_pointer(&task);
	call->timer =
	    attach(self, g_timeout_source_new(timeout_ms), on_timeout, call);
	if (cancellable)
		call->cancelled =
		    attach(self, g_cancellable_source_new(cancellable),
			   G_SOURCE_FUNC(on_cancelled), call);
	g_queue_push_tail(&self->waiting, call);
	pump(self);
}

json_t *qga_call_finish(struct qga *self, GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

gboolean qga_finish(struct qga *self, GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}
