#include "server/host/agent.h"

#include <string.h>
#include <sys/random.h>

#include "common/fault.h"
#include "common/log.h"

#define SESSION_READY "/run/oriel/session-ready"
#define IDENTITY      "/usr/lib/oriel/identity"
/* how often the guest is asked while it boots; a boot takes tens of seconds
 * and each question costs the guest under a millisecond */
#define ASK_MS 400
/* under emulation on a busy host a guest process takes seconds */
#define IDENTITY_MS 60000

/* ---- waiting for the session ---- */

struct waiting {
	gint64 deadline_us;
	guint timer;
};

static void waiting_free(void *data)
{
	struct waiting *waiting = data;
	if (waiting->timer)
		g_source_remove(waiting->timer);
	g_free(waiting);
}

static void on_flag(GObject *source, GAsyncResult *result, void *data);

static void ask(GTask *task)
{
	qga_read_file_async(g_task_get_source_tag(task), SESSION_READY, 4096,
			    10000, g_task_get_cancellable(task), on_flag, task);
}

static gboolean ask_again(void *data)
{
	GTask *task = data;
	struct waiting *waiting = g_task_get_task_data(task);
	waiting->timer = 0;
	ask(task);
	return G_SOURCE_REMOVE;
}

static void on_flag(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct waiting *waiting = g_task_get_task_data(task);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) flag =
	    qga_read_file_finish(g_task_get_source_tag(task), result, &error);
	if (flag) {
		g_task_return_boolean(task, TRUE);
		return;
	}
	if (g_task_return_error_if_cancelled(task))
		return;
	if (g_get_monotonic_time() > waiting->deadline_us) {
		g_task_return_error(
		    task,
		    fault_new(FAULT_TIMEOUT,
			      "Look at the desktop's screen and its "
			      "journal.",
			      "The guest runs, but its desktop did not come "
			      "up in time."));
		return;
	}
	waiting->timer =
	    g_timeout_add(ASK_MS, ask_again, g_steal_pointer(&task));
}

static void on_ping(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	g_autoptr(GError) error = NULL;
	if (qga_finish(g_task_get_source_tag(task), result, &error))
		ask(g_steal_pointer(&task));
	else if (fault_code(error) == FAULT_TIMEOUT)
		g_task_return_error(
		    task, fault_new(FAULT_TIMEOUT,
				    "Look at the desktop's screen; its "
				    "image needs the QEMU guest agent.",
				    "The guest's agent did not answer in "
				    "time."));
	else
		g_task_return_error(task, g_steal_pointer(&error));
}

/* The qga outlives the task: pending calls hold a reference to it, and the
 * task's destroy notify drops ours. */
static GTask *begin(struct qga *qga, GCancellable *cancellable,
		    GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, cancellable, callback, data);
	g_task_set_source_tag(task, qga);
	g_object_set_data_full(G_OBJECT(task), "qga", qga_ref(qga),
			       (GDestroyNotify)qga_unref);
	return task;
}

void agent_session_async(struct qga *qga, unsigned patience_ms,
			 GCancellable *cancellable,
			 GAsyncReadyCallback callback, void *data)
{
	GTask *task = begin(qga, cancellable, callback, data);
	struct waiting *waiting = g_new0(struct waiting, 1);
	waiting->deadline_us =
	    g_get_monotonic_time() + (gint64)patience_ms * 1000;
	g_task_set_task_data(task, waiting, waiting_free);
	qga_ping_async(qga, patience_ms, cancellable, on_ping, task);
}

/* ---- identity ---- */

GBytes *agent_identity_text(const struct conf *conf, gint64 now_us,
			    const guint8 *seed, gsize size)
{
	g_autofree char *base64 = g_base64_encode(seed, size);
	g_autofree char *hostname = conf_hostname(conf);
	char *text = g_strdup_printf(
	    "time=%" G_GINT64_FORMAT ".%06d\nseed=%s\nhostname=%s\n"
	    "machine_id=%s\n",
	    now_us / G_USEC_PER_SEC, (int)(now_us % G_USEC_PER_SEC), base64,
	    hostname, conf->machine_id);
	return g_bytes_new_take(text, strlen(text));
}

static void on_identity(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) err = NULL;
	int status;
	if (!qga_exec_finish(g_task_get_source_tag(task), result, &status, NULL,
			     &err, &error)) {
		g_task_return_error(task, g_steal_pointer(&error));
	} else if (status != 0) {
		gsize size;
		const char *text = g_bytes_get_data(err, &size);
		g_autofree char *said = log_quote(text, MIN(size, 500));
		g_task_return_error(
		    task, fault_new(FAULT_UNAVAILABLE,
				    "Build the image again with a current "
				    "recipe.",
				    "The guest could not be given its "
				    "identity: %s ended with status %d and "
				    "said %s.",
				    IDENTITY, status, said));
	} else {
		g_task_return_boolean(task, TRUE);
	}
}

void agent_identity_async(struct qga *qga, const struct conf *conf,
			  GCancellable *cancellable,
			  GAsyncReadyCallback callback, void *data)
{
	static const char *const argv[] = {IDENTITY, NULL};
	GTask *task = begin(qga, cancellable, callback, data);
	guint8 seed[64];
	while (getrandom(seed, sizeof seed, 0) != sizeof seed)
		continue;
	g_autoptr(GBytes) text =
	    agent_identity_text(conf, g_get_real_time(), seed, sizeof seed);
	explicit_bzero(seed, sizeof seed);
	qga_exec_async(qga, argv, text, IDENTITY_MS, cancellable, on_identity,
		       task);
}

gboolean agent_finish(struct qga *qga, GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}
