/* Freezing: stop, write the device state to a descriptor (memory stays where
 * it is, in its shared file), end the process, make it all durable. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/machine.h"
#include "vmm/template.h"

#define SAVE_MS 60000u
/* Device state is some MiB: no limit that would spread it over seconds. */
#define SAVE_BYTES_PER_S (G_GINT64_CONSTANT(4) << 30)

struct freeze {
	struct engine_machine *machine;
	GError *error;
	char *fits;
};

static void freeze_free(void *data)
{
	struct freeze *self = data;
	engine_machine_unref(self->machine);
	g_clear_error(&self->error);
	g_free(self->fits);
	g_free(self);
}

static void seal(GTask *task, void *source, void *data,
		 GCancellable *cancellable)
{
	struct freeze *self = data;
	GError *error = NULL;
	if (template_seal(self->machine->template_dir, self->fits, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

static void on_gone(GObject *source, GAsyncResult *result, void *data)
{
	g_autoptr(GTask) task = data;
	struct freeze *self = g_task_get_task_data(task);
	engine_machine_act_finish(self->machine, result, NULL);
	if (self->error)
		g_task_return_error(task, g_steal_pointer(&self->error));
	else
		g_task_run_in_thread(task, seal);
}

/* Takes error, or NULL when the state is written. */
static void end(GTask *task, GError *error)
{
	struct freeze *self = g_task_get_task_data(task);
	self->error = error;
	engine_machine_kill_async(self->machine, on_gone, task);
}

static void on_failed_step(GTask *task)
{
	GError *error = g_object_steal_data(G_OBJECT(task), "error");
	end(task, error);
}

static void on_saved(struct engine_machine *machine, const GError *error,
		     void *data)
{
	end(data, error ? g_error_copy(error) : NULL);
}

static void nothing_more(GTask *task)
{
	g_object_unref(task); /* MIGRATION goes on */
}

static void on_no_save(GTask *task)
{
	struct freeze *self = g_task_get_task_data(task);
	g_autoptr(GError) error = g_object_steal_data(G_OBJECT(task), "error");
	machine_end_migration(self->machine, error);
	g_object_unref(task);
}

static void save(GTask *task)
{
	struct freeze *self = g_task_get_task_data(task);
	machine_expect_migration(self->machine, SAVE_MS,
				 g_task_get_cancellable(task), on_saved, task);
	/* reply and event each have a reference, as in machine-start.c */
	machine_do(self->machine, g_object_ref(task), "migrate",
		   json_pack("{s:s}", "uri", "fd:state"), -1, SAVE_MS,
		   nothing_more, on_no_save);
}

static void give_file(GTask *task)
{
	struct freeze *self = g_task_get_task_data(task);
	g_autofree char *path =
	    g_build_filename(self->machine->template_dir, TEMPLATE_STATE, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		end(task, fault_new(FAULT_STORAGE, NULL,
				    "The template's state '%s' cannot be "
				    "written: %s.",
				    path, g_strerror(errno)));
		return;
	}
	machine_do(self->machine, task, "getfd",
		   json_pack("{s:s}", "fdname", "state"), fd, MACHINE_CALL_MS,
		   save, on_failed_step);
	close(fd);
}

static void set_speed(GTask *task)
{
	struct freeze *self = g_task_get_task_data(task);
	machine_do(
	    self->machine, task, "migrate-set-parameters",
	    json_pack("{s:I}", "max-bandwidth", (json_int_t)SAVE_BYTES_PER_S),
	    -1, MACHINE_CALL_MS, give_file, on_failed_step);
}

static void set_capabilities(GTask *task)
{
	struct freeze *self = g_task_get_task_data(task);
	machine_do(self->machine, task, "migrate-set-capabilities",
		   template_capabilities(), -1, MACHINE_CALL_MS, set_speed,
		   on_failed_step);
}

void engine_machine_freeze_async(struct engine_machine *machine,
				 GCancellable *cancellable,
				 GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, cancellable, callback, data);
	g_task_set_check_cancellable(task, FALSE);
	if (machine->mode != ENGINE_TEMPLATE || machine->migrated ||
	    machine->asked || machine->state == ENGINE_GONE) {
		g_task_return_error(
		    task, fault_new(FAULT_CONFLICT, NULL,
				    "Machine '%s' cannot be frozen: it was "
				    "not started as a template, or ends.",
				    machine->spec.id));
		g_object_unref(task);
		return;
	}
	struct freeze *self = g_new0(struct freeze, 1);
	self->machine = engine_machine_ref(machine);
	self->fits = engine_fingerprint(machine->engine, &machine->spec);
	g_task_set_task_data(task, self, freeze_free);
	machine_do(machine, task, "stop", NULL, -1, MACHINE_CALL_MS,
		   set_capabilities, on_failed_step);
}
