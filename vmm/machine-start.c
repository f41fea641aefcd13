/* Starting: boot, template, clone and adoption are one path with steps left
 * out. Until it is done the machine is nobody's: whatever fails, its process
 * is killed, its end awaited and its run folder cleaned before the caller is
 * told, with what its log says when that explains it. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "vmm/machine.h"
#include "vmm/profile.h"
#include "vmm/template.h"
#include "vmm/tpm.h"

unsigned engine_start_ms = 20000;

#define LOAD_MS 60000u /* of a clone's state, from a slow disk */

struct start {
	struct engine_machine *machine;
	gboolean adopting;
	GError *error; /* set: being taken down */
};

static void start_free(void *data)
{
	struct start *self = data;
	engine_machine_unref(self->machine);
	g_clear_error(&self->error);
	g_free(self);
}

static void finish(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	struct engine_machine *machine = self->machine;
	machine->announced = TRUE;
	g_task_return_pointer(task, engine_machine_ref(machine),
			      (GDestroyNotify)engine_machine_unref);
	g_object_unref(task);
}

/* ---- failure ---- */

/* The fault to tell, from what we saw and what the program left behind. */
static GError *explain(struct start *self, int status)
{
	struct engine_machine *machine = self->machine;
	/* unavailable: its end was seen, not the reason */
	if (!g_error_matches(self->error, FAULT, FAULT_UNAVAILABLE))
		return g_steal_pointer(&self->error);
	g_autofree char *words = machine_last_words(machine);
	const struct engine_ops *ops = machine->engine->ops;
	GError *known =
	    ops->explain ? ops->explain(&machine->spec, words) : NULL;
	if (known)
		return known;
	g_autofree char *how = process_describe_end(status);
	return fault_new(FAULT_UNAVAILABLE,
			 "The whole log is in the machine's folder.",
			 "The process of machine '%s' %s at its start. %s.",
			 machine->spec.id, how, words);
}

static void on_taken_down(struct process *process, int status, void *data)
{
	GTask *task = data;
	struct start *self = g_task_get_task_data(task);
	machine_clean(self->machine);
	g_task_return_error(task, explain(self, status));
	g_object_unref(task);
}

/* Takes error. */
static void fail(GTask *task, GError *error)
{
	struct start *self = g_task_get_task_data(task);
	struct engine_machine *machine = self->machine;
	self->error = error;
	if (self->adopting) { /* not ours to end */
		g_task_return_error(task, g_steal_pointer(&self->error));
		g_object_unref(task);
		return;
	}
	if (machine->qmp)
		qmp_close(machine->qmp);
	g_clear_pointer(&machine->qmp, qmp_unref);
	if (!machine->process || !process_is_alive(machine->process)) {
		machine_clean(machine);
		g_task_return_error(task, machine->process
					      ? explain(self, -1)
					      : g_steal_pointer(&self->error));
		g_object_unref(task);
		return;
	}
	process_watch(machine->process, on_taken_down, task);
	process_signal(machine->process, SIGKILL);
}

static void on_failed_step(GTask *task)
{
	GError *error = g_object_steal_data(G_OBJECT(task), "error");
	fail(task, error);
}

/* ---- boot ---- */

static void on_status(GObject *source, GAsyncResult *result, void *data)
{
	GTask *task = data;
	struct start *self = g_task_get_task_data(task);
	struct engine_machine *machine = self->machine;
	GError *error = NULL;
	json_t *reply = qmp_call_finish(machine->qmp, result, &error);
	if (error) {
		fail(task, error);
		return;
	}
	machine_take_status(machine, reply);
	json_decref(reply);
	/* a template has no card; an adopted machine's helper is found */
	if (machine->mode == ENGINE_BOOT &&
	    !machine_start_net(machine, &error) && !self->adopting) {
		fail(task, error);
		return;
	}
	g_clear_error(&error);
	finish(task);
}

static void ask_status(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	qmp_call_async(self->machine->qmp, "query-status", NULL, -1,
		       engine_start_ms, g_task_get_cancellable(task), on_status,
		       task);
}

/* ---- clone ---- */

static void go(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	machine_do(self->machine, task, "cont", NULL, -1, MACHINE_CALL_MS,
		   ask_status, on_failed_step);
}

static void on_card(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	GError *error = NULL;
	if (machine_start_net(self->machine, &error))
		go(task);
	else
		fail(task, error);
}

static void plug_card(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	json_t *device = g_object_get_data(G_OBJECT(task), "device");
	machine_do(self->machine, task, "device_add", json_incref(device), -1,
		   MACHINE_CALL_MS, on_card, on_failed_step);
}

static void on_loaded(struct engine_machine *machine, const GError *error,
		      void *data)
{
	GTask *task = data;
	if (g_error_matches(error, FAULT, FAULT_CONFLICT)) {
		g_autofree char *words = machine_last_words(machine);
		fail(task, fault_new(FAULT_CONFLICT, "Make the template anew.",
				     "The template in '%s' cannot be loaded. "
				     "%s.",
				     machine->template_dir, words));
		return;
	}
	if (error) {
		fail(task, g_error_copy(error));
		return;
	}
	if (!machine->spec.network) {
		go(task);
		return;
	}
	json_t *netdev, *device;
	machine->engine->ops->plug(&machine->spec, net_kind(), &netdev,
				   &device);
	g_object_set_data_full(G_OBJECT(task), "device", device,
			       (GDestroyNotify)json_decref);
	machine_do(machine, task, "netdev_add", netdev, -1, MACHINE_CALL_MS,
		   plug_card, on_failed_step);
}

static void nothing_more(GTask *task)
{
	g_object_unref(task); /* MIGRATION goes on */
}

static void on_no_load(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	g_autoptr(GError) error = g_object_steal_data(G_OBJECT(task), "error");
	machine_end_migration(self->machine, error);
	g_object_unref(task);
}

static void load(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	machine_expect_migration(self->machine, LOAD_MS,
				 g_task_get_cancellable(task), on_loaded, task);
	/* two ways lead on from here, reply and event: each has a reference,
	 * and on_loaded() runs once */
	machine_do(self->machine, g_object_ref(task), "migrate-incoming",
		   json_pack("{s:s}", "uri", "fd:state"), -1, LOAD_MS,
		   nothing_more, on_no_load);
}

static void give_state(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	g_autofree char *path =
	    g_build_filename(self->machine->template_dir, TEMPLATE_STATE, NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fail(task, fault_new(FAULT_STORAGE, "Make the template anew.",
				     "The template's state '%s' cannot be "
				     "read: %s.",
				     path, g_strerror(errno)));
		return;
	}
	machine_do(self->machine, task, "getfd",
		   json_pack("{s:s}", "fdname", "state"), fd, MACHINE_CALL_MS,
		   load, on_failed_step);
	close(fd);
}

/* After a migration QEMU announces every card to the network by a timer. A
 * clone has moved nowhere, and QEMU 7.2 crashes when the announcement meets a
 * stream that nobody has connected to yet. */
static void keep_quiet(GTask *task)
{
	struct start *self = g_task_get_task_data(task);
	machine_do(self->machine, task, "migrate-set-parameters",
		   json_pack("{s:i}", "announce-rounds", 0), -1,
		   MACHINE_CALL_MS, give_state, on_failed_step);
}

/* ---- connection ---- */

static void on_connected(GObject *source, GAsyncResult *result, void *data)
{
	GTask *task = data;
	struct start *self = g_task_get_task_data(task);
	struct engine_machine *machine = self->machine;
	GError *error = NULL;
	struct qmp *qmp = qmp_connect_finish(result, &error);
	if (g_error_matches(error, FAULT, FAULT_TIMEOUT)) {
		g_autofree char *words = machine_last_words(machine);
		g_clear_error(&error);
		error =
		    fault_new(FAULT_TIMEOUT,
			      "See whether the host is overloaded; the "
			      "whole log is in the machine's folder.",
			      "Machine '%s' did not answer within %u s. "
			      "%s.",
			      machine->spec.id, engine_start_ms / 1000, words);
	}
	if (error) {
		fail(task, error);
		return;
	}
	machine_set_qmp(machine, qmp);
	if (machine->mode == ENGINE_CLONE && !self->adopting)
		machine_do(machine, task, "migrate-set-capabilities",
			   template_capabilities(), -1, MACHINE_CALL_MS,
			   keep_quiet, on_failed_step);
	else
		ask_status(task);
}

static gboolean listen_both(struct engine_machine *machine, int *fds,
			    GError **error)
{
	fds[0] = paths_unix_listen(machine->qmp_path, 0600, error);
	fds[1] =
	    fds[0] < 0 ? -1 : paths_unix_listen(machine->qga_path, 0600, error);
	return fds[1] >= 0;
}

static gboolean launch(struct engine_machine *machine, GError **error)
{
	const struct engine_ops *ops = machine->engine->ops;
	struct launch launch = {
	    .spec = &machine->spec,
	    .mode = machine->mode,
	    .template_dir = machine->template_dir,
	    .net = machine->mode == ENGINE_BOOT && machine->spec.network
		       ? net_kind()
		       : ENGINE_NET_NONE,
	};
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	int fds[3] = {-1, -1, -1};
	struct process *process = NULL;
	gboolean tpm = engine_profile_find(machine->spec.profile)->tpm;
	if (ops->command(&launch, argv, error) &&
	    listen_both(machine, fds, error) &&
	    (!tpm || tpm_start(machine->spec.folder, machine->spec.run_dir,
			       machine->log, &fds[2], error))) {
		g_ptr_array_add(argv, NULL);
		process = process_start(
		    &(struct process_spec){
			.argv = (const char *const *)argv->pdata,
			.folder = machine->spec.run_dir,
			.log = machine->log,
			.pid_file = machine->pid_path,
			.fds = fds,
			.fd_count = tpm ? 3 : 2,
		    },
		    error);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (process)
		machine_set_process(machine, process);
	return process != NULL;
}

static gboolean prepare(struct engine_machine *machine, GError **error)
{
	struct process *other = process_adopt(machine->pid_path, NULL);
	if (other) {
		fault_set(error, FAULT_CONFLICT, "Switch it off first.",
			  "Machine '%s' is running already, as process %d.",
			  machine->spec.id, (int)process_pid(other));
		process_unref(other);
		return FALSE;
	}
	if (machine->mode == ENGINE_TEMPLATE)
		return template_prepare(machine->template_dir,
					machine->spec.memory_mib, error);
	if (machine->mode == ENGINE_CLONE)
		return template_check(machine->template_dir, machine->engine,
				      &machine->spec, error);
	return TRUE;
}

/* ---- what may be asked for ---- */

static gboolean check_spec(const struct engine_spec *spec, gboolean adopting,
			   GError **error)
{
	const char *wrong = NULL;
	gsize length = spec->id ? strlen(spec->id) : 0;
	if (length < 1 || length > 32 ||
	    strspn(spec->id, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		wrong = "its id must be 1 to 32 of a-z, 0-9 and -";
	else if (spec->cpus < 1 || spec->cpus > 16)
		wrong = "it must have 1 to 16 processors";
	else if (spec->memory_mib < 128 || spec->memory_mib > 65536)
		wrong = "it must have 128 to 65536 MiB of memory";
	else if (spec->heads < 1 || spec->heads > ENGINE_HEADS_MAX)
		wrong = "it must have 1 to 4 screens";
	else if (!spec->folder || !spec->run_dir || !spec->disk)
		wrong = "it must have a folder, a run folder and a disk";
	else if (spec->network && !spec->mac)
		wrong = "its network card must have an address";
	else if (!engine_profile_find(spec->profile))
		wrong = "there is no such profile of a machine";
	if (wrong) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Machine '%s' cannot be: %s.",
			  spec->id ? spec->id : "", wrong);
		return FALSE;
	}
	const char *const files[] = {
	    spec->run_dir,  spec->disk,     spec->kernel,   spec->initrd,
	    spec->media[0], spec->media[1], spec->media[2], spec->media[3]};
	G_STATIC_ASSERT(ENGINE_MEDIA_MAX == 4);
	for (gsize i = 0; !adopting && i < G_N_ELEMENTS(files); i++)
		if (files[i] && g_access(files[i], R_OK) != 0) {
			int err = errno;
			fault_set(error,
				  err == ENOENT ? FAULT_NOT_FOUND
						: FAULT_DENIED,
				  NULL,
				  "Machine '%s' needs '%s', which cannot be "
				  "read: %s.",
				  spec->id, files[i], g_strerror(err));
			return FALSE;
		}
	return TRUE;
}

static GTask *start_new(const struct engine *engine,
			const struct engine_spec *spec, enum engine_mode mode,
			const char *template_dir, gboolean adopting,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data)
{
	GTask *task = g_task_new(NULL, cancellable, callback, data);
	GError *error = NULL;
	/* fail() has the last word, after it has cleaned up */
	g_task_set_check_cancellable(task, FALSE);
	if (!check_spec(spec, adopting, &error)) {
		g_task_return_error(task, error);
		g_object_unref(task);
		return NULL;
	}
	struct start *self = g_new0(struct start, 1);
	self->machine = machine_new(engine, spec, mode, template_dir);
	self->adopting = adopting;
	g_task_set_task_data(task, self, start_free);
	return task;
}

static void start(const struct engine *engine, const struct engine_spec *spec,
		  enum engine_mode mode, const char *template_dir,
		  GCancellable *cancellable, GAsyncReadyCallback callback,
		  void *data)
{
	GTask *task = start_new(engine, spec, mode, template_dir, FALSE,
				cancellable, callback, data);
	if (!task)
		return;
	struct start *self = g_task_get_task_data(task);
	GError *error = NULL;
	if (g_cancellable_set_error_if_cancelled(cancellable, &error) ||
	    !prepare(self->machine, &error)) {
		g_task_return_error(task, error);
		g_object_unref(task);
		return;
	}
	if (!launch(self->machine, &error)) {
		fail(task, error);
		return;
	}
	/* the socket listens already: the greeting comes when it is ready */
	qmp_connect_async(self->machine->qmp_path, engine_start_ms, cancellable,
			  on_connected, task);
}

void engine_start_async(const struct engine *engine,
			const struct engine_spec *spec,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data)
{
	start(engine, spec, ENGINE_BOOT, NULL, cancellable, callback, data);
}

void engine_start_template_async(const struct engine *engine,
				 const struct engine_spec *spec,
				 const char *template_dir,
				 GCancellable *cancellable,
				 GAsyncReadyCallback callback, void *data)
{
	start(engine, spec, ENGINE_TEMPLATE, template_dir, cancellable,
	      callback, data);
}

void engine_clone_async(const struct engine *engine,
			const struct engine_spec *spec,
			const char *template_dir, GCancellable *cancellable,
			GAsyncReadyCallback callback, void *data)
{
	start(engine, spec, ENGINE_CLONE, template_dir, cancellable, callback,
	      data);
}

void engine_adopt_async(const struct engine *engine,
			const struct engine_spec *spec,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data)
{
	GTask *task = start_new(engine, spec, ENGINE_BOOT, NULL, TRUE,
				cancellable, callback, data);
	if (!task)
		return;
	struct start *self = g_task_get_task_data(task);
	struct engine_machine *machine = self->machine;
	GError *error = NULL;
	struct process *process = process_adopt(machine->pid_path, &error);
	if (!process) {
		machine_clean(machine);
		g_task_return_error(task, error);
		g_object_unref(task);
		return;
	}
	machine->log_from = 0; /* of which run the end is, nobody knows */
	machine_set_process(machine, process);
	qmp_connect_async(machine->qmp_path, engine_start_ms, cancellable,
			  on_connected, task);
}

struct engine_machine *engine_start_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}
