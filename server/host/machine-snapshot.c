/* Snapshots inside disk.qcow2. Of a machine that is off qemu-img makes them;
 * of one that runs its engine does, with the guest's file systems frozen by
 * its agent for that moment, so that what is kept is a disk at rest.
 *
 * Each wish may come twice, from a broker that did not hear the first answer,
 * and is then done already. */
#include "server/host/machine-private.h"

#include <string.h>

#include "common/fault.h"
#include "common/log.h"

#define FREEZE_MS  15000
#define THAW_MS    15000
#define OUTPUT_MAX 4000

struct work {
	struct machine *machine;
	struct engine_machine *vm; /* of one that runs */
	struct qga *qga;
	enum machine_snapshot wish;
	char *id;
	gboolean frozen;
	GError *failure;
	machine_answered answered;
	void *data;
};

static void end(struct work *work)
{
	struct machine *machine = work->machine;
	machine->busy = FALSE;
	work->answered(work->failure ? NULL : json_object(), work->failure,
		       work->data);
	g_clear_error(&work->failure);
	g_free(work->id);
	engine_machine_unref(work->vm);
	qga_unref(work->qga);
	machine_unref(machine);
	g_free(work);
}

/* ---- off ---- */

static void on_image_tool(GObject *source, GAsyncResult *result, void *data)
{
	struct work *work = data;
	g_autoptr(GError) why = NULL;
	g_autofree char *err = NULL;
	GSubprocess *process = G_SUBPROCESS(source);
	if (!g_subprocess_communicate_utf8_finish(process, result, NULL, &err,
						  &why)) {
		fault_set(&work->failure, FAULT_UNAVAILABLE, NULL,
			  "qemu-img cannot be waited for: %s.", why->message);
	} else if (!g_subprocess_get_successful(process)) {
		gboolean full = strstr(err, "No space left") != NULL;
		gboolean absent = strstr(err, "not found") ||
				  strstr(err, "find") ||
				  strstr(err, "No such file or directory");
		g_strstrip(err);
		g_autofree char *quoted =
		    log_quote(err, MIN(strlen(err), OUTPUT_MAX));
		fault_set(&work->failure,
			  absent ? FAULT_NOT_FOUND : FAULT_STORAGE,
			  full ? "Make room on the host's disk." : NULL,
			  "The snapshot cannot be %s: %s.",
			  work->wish == MACHINE_SNAPSHOT_TAKE     ? "taken"
			  : work->wish == MACHINE_SNAPSHOT_REVERT ? "gone "
								    "back to"
								  : "removed",
			  quoted);
	}
	end(work);
}

static void run_image_tool(struct work *work)
{
	static const char *const flags[] = {
	    [MACHINE_SNAPSHOT_TAKE] = "-c",
	    [MACHINE_SNAPSHOT_REVERT] = "-a",
	    [MACHINE_SNAPSHOT_REMOVE] = "-d",
	};
	g_autofree char *disk = machine_disk_path(work->machine);
	g_autoptr(GError) why = NULL;
	g_autoptr(GSubprocess) process = g_subprocess_new(
	    G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE,
	    &why, "qemu-img", "snapshot", flags[work->wish], work->id, disk,
	    NULL);
	if (process) {
		g_subprocess_communicate_utf8_async(process, NULL, NULL,
						    on_image_tool, work);
		return;
	}
	fault_set(&work->failure, FAULT_UNAVAILABLE,
		  "Install it: apt-get install qemu-utils.",
		  "qemu-img cannot be started: %s.", why->message);
	end(work);
}

/* What is there already. */
static void on_listed(GObject *source, GAsyncResult *result, void *data)
{
	struct work *work = data;
	g_autofree char *out = NULL;
	g_subprocess_communicate_utf8_finish(G_SUBPROCESS(source), result, &out,
					     NULL, NULL);
	json_t *info = out ? json_loads(out, 0, NULL) : NULL;
	gboolean there = FALSE;
	gsize i;
	json_t *each;
	json_array_foreach(json_object_get(info, "snapshots"), i, each)
	{
		const char *name =
		    json_string_value(json_object_get(each, "name"));
		there = there || g_strcmp0(name, work->id) == 0;
	}
	gboolean known = json_is_object(info);
	json_decref(info);
	if (known && work->wish != MACHINE_SNAPSHOT_TAKE && !there) {
		fault_set(&work->failure, FAULT_NOT_FOUND, NULL,
			  "The desktop's disk has no such snapshot.");
		end(work);
	} else if (known && work->wish == MACHINE_SNAPSHOT_TAKE && there) {
		end(work);
	} else {
		run_image_tool(work);
	}
}

static void begin_off(struct work *work)
{
	g_autofree char *disk = machine_disk_path(work->machine);
	g_autoptr(GSubprocess) process = g_subprocess_new(
	    G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
	    NULL, "qemu-img", "info", "--output=json", disk, NULL);
	if (process)
		g_subprocess_communicate_utf8_async(process, NULL, NULL,
						    on_listed, work);
	else
		run_image_tool(work); /* which says why */
}

/* ---- running ---- */

static void on_thawed(GObject *source, GAsyncResult *result, void *data)
{
	struct work *work = data;
	g_autoptr(GError) error = NULL;
	json_decref(qga_call_finish(work->qga, result, &error));
	if (error)
		machine_warn(work->machine,
			     fault_new(FAULT_UNAVAILABLE,
				       "Reset it if it hangs.",
				       "The guest's file systems were brought "
				       "to rest for a snapshot, and it does "
				       "not say that they go on."));
	end(work);
}

static void on_kept(GObject *source, GAsyncResult *result, void *data)
{
	struct work *work = data;
	g_autoptr(GError) error = NULL;
	if (!engine_machine_act_finish(work->vm, result, &error) &&
	    !strstr(error->message, "already exists"))
		fault_set(&work->failure, FAULT_CONFLICT,
			  "Shut it down first, or look at the log of its "
			  "host.",
			  "The desktop's engine cannot do that while it runs: "
			  "%s",
			  error->message);
	if (work->frozen)
		qga_call_async(work->qga, "guest-fsfreeze-thaw", NULL, THAW_MS,
			       NULL, on_thawed, work);
	else
		end(work);
}

static void on_frozen(GObject *source, GAsyncResult *result, void *data)
{
	struct work *work = data;
	g_autoptr(GError) error = NULL;
	json_decref(qga_call_finish(work->qga, result, &error));
	/* without an agent it is what a power cut would leave; one that does
	 * not answer in time may have frozen all the same */
	work->frozen = !error || fault_code(error) == FAULT_TIMEOUT;
	engine_machine_snapshot_async(work->vm, work->id, FALSE, on_kept, work);
}

static void begin_running(struct work *work)
{
	if (work->wish == MACHINE_SNAPSHOT_TAKE)
		qga_call_async(work->qga, "guest-fsfreeze-freeze", NULL,
			       FREEZE_MS, NULL, on_frozen, work);
	else
		engine_machine_snapshot_async(work->vm, work->id, TRUE, on_kept,
					      work);
}

void machine_snapshot(struct machine *self, enum machine_snapshot wish,
		      const char *id, machine_answered answered, void *data)
{
	g_autoptr(GError) error = NULL;
	gboolean off = self->life == LIFE_OFF;
	gboolean running = self->life == LIFE_RUNNING;
	if (self->busy)
		error = fault_new(FAULT_BUSY, "Try again in a moment.",
				  "A snapshot of this desktop is under way.");
	else if (!off && (!running || wish == MACHINE_SNAPSHOT_REVERT))
		error = fault_new(FAULT_CONFLICT, "Shut it down first.",
				  "Desktop '%s' is %s.",
				  self->conf ? self->conf->name : self->id,
				  life_name(self->life));
	if (error) {
		answered(NULL, error, data);
		return;
	}
	struct work *work = g_new0(struct work, 1);
	work->machine = machine_ref(self);
	work->wish = wish;
	work->id = g_strdup(id);
	work->answered = answered;
	work->data = data;
	self->busy = TRUE;
	if (off) {
		begin_off(work);
		return;
	}
	work->vm = engine_machine_ref(self->vm);
	work->qga = qga_ref(self->qga);
	begin_running(work);
}
