/* What can be done to a running machine: each act is one QMP command, but for
 * the end, which is asked for three times with growing force. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/machine.h"

/* quit flushes disks, which takes its time on a slow one. */
#define QUIT_MS 4000u
#define TERM_MS 2000u
/* Flushes the guest's disk first. */
#define SNAPSHOT_MS 120000u

struct step {
	struct engine_machine *machine;
	GTask *task;
	machine_step next, failed;
};

static void on_step(GObject *source, GAsyncResult *result, void *data)
{
	struct step *step = data;
	g_autoptr(GTask) task = step->task;
	g_autoptr(GError) error = NULL;
	json_decref(qmp_call_finish(step->machine->qmp, result, &error));
	if (!error) {
		step->next(g_steal_pointer(&task));
	} else if (step->failed) {
		g_object_set_data_full(G_OBJECT(task), "error",
				       g_steal_pointer(&error),
				       (GDestroyNotify)g_error_free);
		step->failed(g_steal_pointer(&task));
	} else {
		g_task_return_error(task, g_steal_pointer(&error));
	}
	engine_machine_unref(step->machine);
	g_free(step);
}

static GError *no_connection(const struct engine_machine *self)
{
	if (self->state == ENGINE_GONE)
		return fault_new(FAULT_CONFLICT, "Start it first.",
				 "Machine '%s' is not running.", self->spec.id);
	return fault_new(FAULT_UNAVAILABLE,
			 "It may be overloaded or hang: wait, or switch it "
			 "off.",
			 "The control connection to machine '%s' is lost.",
			 self->spec.id);
}

void machine_do(struct engine_machine *self, GTask *task, const char *command,
		json_t *arguments, int fd, unsigned timeout_ms,
		machine_step next, machine_step failed)
{
	if (!self->qmp) {
		if (arguments)
			json_decref(arguments);
		GError *error = no_connection(self);
		if (failed) {
			g_object_set_data_full(G_OBJECT(task), "error", error,
					       (GDestroyNotify)g_error_free);
			failed(task);
		} else {
			g_task_return_error(task, error);
			g_object_unref(task);
		}
		return;
	}
	struct step *step = g_new0(struct step, 1);
	step->machine = engine_machine_ref(self);
	step->task = task;
	step->next = next;
	step->failed = failed;
	qmp_call_async(self->qmp, command, arguments, fd, timeout_ms,
		       g_task_get_cancellable(task), on_step, step);
}

static void done(GTask *task)
{
	g_task_return_boolean(task, TRUE);
	g_object_unref(task);
}

static void act(struct engine_machine *self, const char *command,
		GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	machine_do(self, task, command, NULL, -1, MACHINE_CALL_MS, done, NULL);
}

void engine_machine_pause_async(struct engine_machine *self,
				GAsyncReadyCallback callback, void *data)
{
	act(self, "stop", callback, data);
}

void engine_machine_resume_async(struct engine_machine *self,
				 GAsyncReadyCallback callback, void *data)
{
	act(self, "cont", callback, data);
}

void engine_machine_reset_async(struct engine_machine *self,
				GAsyncReadyCallback callback, void *data)
{
	act(self, "system_reset", callback, data);
}

void engine_machine_key_async(struct engine_machine *self, const char *key,
			      GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	machine_do(
	    self, task, "send-key",
	    json_pack("{s:[{s:s, s:s}]}", "keys", "type", "qcode", "data", key),
	    -1, MACHINE_CALL_MS, done, NULL);
}

void engine_machine_snapshot_async(struct engine_machine *self,
				   const char *name, gboolean forget,
				   GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	machine_do(self, task,
		   forget ? "blockdev-snapshot-delete-internal-sync"
			  : "blockdev-snapshot-internal-sync",
		   json_pack("{s:s,s:s}", "device", "disk", "name", name), -1,
		   SNAPSHOT_MS, done, NULL);
}

void engine_machine_powerdown_async(struct engine_machine *self,
				    GAsyncReadyCallback callback, void *data)
{
	act(self, "system_powerdown", callback, data);
}

gboolean engine_machine_act_finish(struct engine_machine *self,
				   GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}

/* ---- the end ---- */

static gboolean on_escalate(void *data);

static void escalate_in(struct engine_machine *self, unsigned ms)
{
	if (self->escalate) {
		g_source_destroy(self->escalate);
		g_source_unref(self->escalate);
	}
	self->escalate = g_timeout_source_new(ms);
	g_source_set_callback(self->escalate, on_escalate, self, NULL);
	g_source_attach(self->escalate, g_main_context_get_thread_default());
}

static gboolean on_escalate(void *data)
{
	struct engine_machine *self = data;
	g_clear_pointer(&self->escalate, g_source_unref);
	if (self->escalation++ == 0) {
		process_signal(self->process, SIGTERM);
		escalate_in(self, TERM_MS);
	} else {
		process_signal(self->process, SIGKILL);
	}
	return G_SOURCE_REMOVE;
}

static void on_quit(GObject *source, GAsyncResult *result, void *data)
{
	struct engine_machine *self = data;
	/* an error is no news: the process's end is what counts */
	json_decref(qmp_call_finish(self->qmp, result, NULL));
	engine_machine_unref(self);
}

void engine_machine_kill_async(struct engine_machine *self,
			       GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	if (self->state == ENGINE_GONE) {
		done(task);
		return;
	}
	engine_machine_ref(self); /* until the task is answered */
	g_queue_push_tail(&self->killers, task);
	if (self->asked)
		return;
	self->asked = TRUE;
	if (self->qmp) {
		qmp_call_async(self->qmp, "quit", NULL, -1, 0, NULL, on_quit,
			       engine_machine_ref(self));
		escalate_in(self, QUIT_MS);
	} else {
		on_escalate(self);
	}
}

/* ---- display ---- */

struct handover {
	struct engine_machine *machine;
	char name[32]; /* of the descriptor, until add_client takes it */
	int ours;      /* -1 once given away */
};

static void handover_free(void *data)
{
	struct handover *self = data;
	if (self->ours >= 0)
		close(self->ours);
	engine_machine_unref(self->machine);
	g_free(self);
}

static void on_added(GTask *task)
{
	struct handover *self = g_task_get_task_data(task);
	g_task_return_int(task, self->ours);
	self->ours = -1;
	g_object_unref(task);
}

static void on_fd(GTask *task)
{
	struct handover *self = g_task_get_task_data(task);
	machine_do(self->machine, task, "add_client",
		   json_pack("{s:s,s:s}", "protocol", "@dbus-display", "fdname",
			     self->name),
		   -1, MACHINE_CALL_MS, on_added, NULL);
}

void engine_machine_display_async(struct engine_machine *self,
				  GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		g_task_return_error(task,
				    fault_new(FAULT_BUSY, NULL,
					      "No socket for the display: %s.",
					      g_strerror(errno)));
		g_object_unref(task);
		return;
	}
	struct handover *handover = g_new0(struct handover, 1);
	handover->machine = engine_machine_ref(self);
	handover->ours = pair[0];
	static unsigned number; /* two handovers may overlap */
	g_snprintf(handover->name, sizeof handover->name, "display-%u",
		   number++);
	g_task_set_task_data(task, handover, handover_free);
	machine_do(self, task, "getfd",
		   json_pack("{s:s}", "fdname", handover->name), pair[1],
		   MACHINE_CALL_MS, on_fd, NULL);
	close(pair[1]);
}

int engine_machine_display_finish(struct engine_machine *self,
				  GAsyncResult *result, GError **error)
{
	return (int)g_task_propagate_int(G_TASK(result), error);
}
