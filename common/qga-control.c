/* Small requests to the agent with a twist of their own. */
#include "common/qga.h"

#include "common/fault.h"

#define RETRY_MS 100u

/* ---- ping with patience ---- */

struct ping {
	struct qga *qga;
	GCancellable *cancellable;
	gint64 deadline_us;
};

static void ping_free(void *data)
{
	struct ping *self = data;
	qga_unref(self->qga);
	g_clear_object(&self->cancellable);
	g_free(self);
}

static gboolean ping(void *data);

static void on_ping(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct ping *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_t *reply = qga_call_finish(self->qga, result, &error);
	json_decref(reply);
	if (!error) {
		g_task_return_boolean(task, TRUE);
		return;
	}
	gboolean absent = g_error_matches(error, FAULT, FAULT_UNAVAILABLE);
	if (!absent || g_get_monotonic_time() >= self->deadline_us) {
		g_task_return_error(task, error);
		return;
	}
	/* the socket is not there yet, or the machine is being restarted */
	g_error_free(error);
	GSource *timer = g_timeout_source_new(RETRY_MS);
	g_source_set_callback(timer, ping, g_steal_pointer(&task), NULL);
	g_source_attach(timer, g_main_context_get_thread_default());
	g_source_unref(timer);
}

static gboolean ping(void *data)
{
	GTask *task = data;
	struct ping *self = g_task_get_task_data(task);
	gint64 left = (self->deadline_us - g_get_monotonic_time()) / 1000;
	qga_call_async(self->qga, "guest-ping", NULL,
		       (unsigned)CLAMP(left, 1, G_MAXINT), self->cancellable,
		       on_ping, task);
	return G_SOURCE_REMOVE;
}

void qga_ping_async(struct qga *qga, unsigned patience_ms,
		    GCancellable *cancellable, GAsyncReadyCallback callback,
		    void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	struct ping *self = g_new0(struct ping, 1);
	self->qga = qga_ref(qga);
	self->cancellable = cancellable ? g_object_ref(cancellable) : NULL;
	self->deadline_us = g_get_monotonic_time() + (gint64)patience_ms * 1000;
	g_task_set_task_data(task, self, ping_free);
	ping(task);
}

/* ---- clock ---- */

/* "Near" for a clock that was set a slow answer ago. */
#define CLOCK_SLACK_US (5 * G_USEC_PER_SEC)

struct clock {
	struct qga *qga;
	GCancellable *cancellable;
	unsigned timeout_ms;
	GError *refusal;
};

static void clock_free(void *data)
{
	struct clock *self = data;
	qga_unref(self->qga);
	g_clear_object(&self->cancellable);
	g_clear_error(&self->refusal);
	g_free(self);
}

static void on_get_time(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct clock *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_t *reply = qga_call_finish(self->qga, result, &error);
	gint64 off_us = json_integer_value(reply) / 1000 - g_get_real_time();
	json_decref(reply);
	if (error)
		g_task_return_error(task, error);
	else if (ABS(off_us) > CLOCK_SLACK_US)
		g_task_return_error(task, g_steal_pointer(&self->refusal));
	else
		g_task_return_boolean(task, TRUE);
}

static void on_set_time(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct clock *self = g_task_get_task_data(task);
	json_t *reply = qga_call_finish(self->qga, result, &self->refusal);
	json_decref(reply);
	if (!self->refusal) {
		g_task_return_boolean(task, TRUE);
	} else if (!g_error_matches(self->refusal, FAULT, FAULT_CONFLICT)) {
		g_task_return_error(task, g_steal_pointer(&self->refusal));
	} else {
		/* The agent sets the system's clock first and then fails if
		 * there is no hwclock to write it to the hardware. */
		qga_call_async(self->qga, "guest-get-time", NULL,
			       self->timeout_ms, self->cancellable, on_get_time,
			       g_steal_pointer(&task));
	}
}

void qga_set_time_async(struct qga *qga, unsigned timeout_ms,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	struct clock *self = g_new0(struct clock, 1);
	self->qga = qga_ref(qga);
	self->cancellable = cancellable ? g_object_ref(cancellable) : NULL;
	self->timeout_ms = timeout_ms;
	g_task_set_task_data(task, self, clock_free);
	qga_call_async(
	    qga, "guest-set-time",
	    json_pack("{s:I}", "time", (json_int_t)g_get_real_time() * 1000),
	    timeout_ms, cancellable, on_set_time, task);
}

/* ---- shutdown ---- */

/* guest-shutdown answers only when it fails, and then soon; a ping before it
 * tells silence from an agent that is not there. */
#define AWAKE_MS   5000u
#define REFUSAL_MS 1500u

struct shutdown {
	struct qga *qga;
	GCancellable *cancellable;
	char *mode;
};

static void shutdown_free(void *data)
{
	struct shutdown *self = data;
	qga_unref(self->qga);
	g_clear_object(&self->cancellable);
	g_free(self->mode);
	g_free(self);
}

static void on_shutdown(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct shutdown *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_decref(qga_call_finish(self->qga, result, &error));
	/* a machine that is gone already is what was asked for, too */
	if (g_error_matches(error, FAULT, FAULT_TIMEOUT) ||
	    g_error_matches(error, FAULT, FAULT_UNAVAILABLE))
		g_clear_error(&error);
	if (error)
		g_task_return_error(task, error);
	else
		g_task_return_boolean(task, TRUE);
}

static void on_awake(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct shutdown *self = g_task_get_task_data(task);
	GError *error = NULL;
	json_decref(qga_call_finish(self->qga, result, &error));
	if (error) {
		g_task_return_error(task, error);
		return;
	}
	qga_call_async(self->qga, "guest-shutdown",
		       json_pack("{s:s}", "mode", self->mode), REFUSAL_MS,
		       self->cancellable, on_shutdown, g_steal_pointer(&task));
}

void qga_shutdown_async(struct qga *qga, const char *mode,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	struct shutdown *self = g_new0(struct shutdown, 1);
	self->qga = qga_ref(qga);
	self->cancellable = cancellable ? g_object_ref(cancellable) : NULL;
	self->mode = g_strdup(mode);
	g_task_set_task_data(task, self, shutdown_free);
	qga_call_async(qga, "guest-ping", NULL, AWAKE_MS, cancellable, on_awake,
		       task);
}
