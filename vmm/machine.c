/* The life of a machine after its start: what QMP and the process tell become
 * states and ends. The process's end is looked at after the last line of QMP
 * (process.h gives it the lower priority), so the reason that SHUTDOWN told
 * is known by then. */
#include "vmm/machine.h"
#include "vmm/tpm.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "common/fault.h"

#define RETRY_MS 2000u
/* A machine that was stopped by a full disk goes on when there is room for
 * more than its next few writes. */
#define ROOM_BYTES         (64ull << 20)
#define RECONNECT_FIRST_MS 500u
#define RECONNECT_LAST_MS  10000u

static void source_drop(GSource **source)
{
	if (!*source)
		return;
	g_source_destroy(*source);
	g_clear_pointer(source, g_source_unref);
}

static GSource *timer_start(unsigned ms, GSourceFunc function, void *data)
{
	GSource *source = g_timeout_source_new(ms);
	g_source_set_callback(source, function, data, NULL);
	g_source_attach(source, g_main_context_get_thread_default());
	return source;
}

struct engine_machine *machine_new(const struct engine *engine,
				   const struct engine_spec *spec,
				   enum engine_mode mode,
				   const char *template_dir)
{
	struct engine_machine *self = g_new0(struct engine_machine, 1);
	self->refs = 1;
	self->engine = engine;
	self->spec = *spec;
	self->spec.id = g_strdup(spec->id);
	self->spec.name = g_strdup(spec->name);
	self->spec.folder = g_strdup(spec->folder);
	self->spec.run_dir = g_canonicalize_filename(spec->run_dir, NULL);
	/* the program has a working folder of its own */
	self->spec.disk = g_canonicalize_filename(spec->disk, NULL);
	if (spec->kernel)
		self->spec.kernel = g_canonicalize_filename(spec->kernel, NULL);
	if (spec->initrd)
		self->spec.initrd = g_canonicalize_filename(spec->initrd, NULL);
	self->spec.cmdline = g_strdup(spec->cmdline);
	self->spec.mac = g_strdup(spec->mac);
	self->spec.profile = g_strdup(spec->profile);
	for (gsize i = 0; i < ENGINE_MEDIA_MAX; i++)
		if (spec->media[i])
			self->spec.media[i] =
			    g_canonicalize_filename(spec->media[i], NULL);
	self->mode = mode;
	if (template_dir)
		self->template_dir =
		    g_canonicalize_filename(template_dir, NULL);
	const char *run = self->spec.run_dir;
	self->qmp_path = g_build_filename(run, MACHINE_QMP_SOCKET, NULL);
	self->qga_path = g_build_filename(run, MACHINE_QGA_SOCKET, NULL);
	self->pid_path = g_build_filename(run, MACHINE_PID_FILE, NULL);
	self->log = g_build_filename(spec->folder, "log", NULL);
	GStatBuf st;
	self->log_from = g_stat(self->log, &st) == 0 ? st.st_size : 0;
	self->state = ENGINE_STARTING;
	g_queue_init(&self->killers);
	return self;
}

struct engine_machine *engine_machine_ref(struct engine_machine *self)
{
	self->refs++;
	return self;
}

void engine_machine_unref(struct engine_machine *self)
{
	if (!self || --self->refs > 0)
		return;
	source_drop(&self->retry);
	source_drop(&self->reconnect);
	source_drop(&self->escalate);
	source_drop(&self->migration_late);
	source_drop(&self->migration_cancelled);
	net_free(self->net);
	if (self->process)
		process_watch(self->process, NULL, NULL);
	process_unref(self->process);
	if (self->qmp)
		qmp_close(self->qmp);
	qmp_unref(self->qmp);
	g_clear_error(&self->io_error);
	g_free((char *)self->spec.id);
	g_free((char *)self->spec.name);
	g_free((char *)self->spec.folder);
	g_free((char *)self->spec.run_dir);
	g_free((char *)self->spec.disk);
	g_free((char *)self->spec.kernel);
	g_free((char *)self->spec.initrd);
	g_free((char *)self->spec.cmdline);
	g_free((char *)self->spec.mac);
	g_free((char *)self->spec.profile);
	for (gsize i = 0; i < ENGINE_MEDIA_MAX; i++)
		g_free((char *)self->spec.media[i]);
	g_free(self->template_dir);
	g_free(self->qmp_path);
	g_free(self->qga_path);
	g_free(self->pid_path);
	g_free(self->log);
	g_free(self);
}

void engine_machine_watch(struct engine_machine *self, engine_changed changed,
			  void *data)
{
	self->changed = changed;
	self->changed_data = data;
}

enum engine_state engine_machine_state(const struct engine_machine *self)
{
	return self->state;
}

enum engine_end engine_machine_end(const struct engine_machine *self)
{
	return self->end;
}

pid_t engine_machine_pid(const struct engine_machine *self)
{
	return process_pid(self->process);
}

const char *engine_machine_agent_path(const struct engine_machine *self)
{
	return self->qga_path;
}

char *machine_last_words(const struct engine_machine *self)
{
	GStatBuf st;
	/* a log of earlier runs has nothing to say about this one */
	if (g_stat(self->log, &st) != 0 || st.st_size <= self->log_from)
		return g_strdup("Its log says nothing");
	g_autofree char *tail = process_log_tail(self->log, self->log_from, 4);
	g_strdelimit(tail, "\n", ' ');
	return g_strdup_printf("Its last words: %s", tail);
}

void machine_clean(struct engine_machine *self)
{
	g_autofree char *net =
	    g_build_filename(self->spec.run_dir, NET_SOCKET, NULL);
	g_autofree char *net_pid =
	    g_build_filename(self->spec.run_dir, NET_PID_FILE, NULL);
	g_unlink(self->qmp_path);
	g_unlink(self->qga_path);
	g_unlink(net);
	g_unlink(net_pid);
	tpm_end(self->spec.run_dir);
	g_unlink(self->pid_path);
}

static void tell(struct engine_machine *self, const GError *why)
{
	if (self->changed && self->announced)
		self->changed(self, self->state, self->end, why,
			      self->changed_data);
}

void machine_set_state(struct engine_machine *self, enum engine_state state,
		       const GError *why)
{
	if (self->state == ENGINE_GONE)
		return;
	self->state = state;
	if (state != ENGINE_STUCK) {
		source_drop(&self->retry);
		g_clear_error(&self->io_error);
	}
	tell(self, why);
}

/* ---- stuck ---- */

static void on_retried(GObject *source, GAsyncResult *result, void *data)
{
	struct engine_machine *self = data;
	/* a refusal leaves it stuck; RESUME tells the rest */
	json_decref(qmp_call_finish(self->qmp, result, NULL));
	engine_machine_unref(self);
}

static gboolean on_retry(void *data)
{
	struct engine_machine *self = data;
	struct statvfs fs;
	if (self->qmp && statvfs(self->spec.disk, &fs) == 0 &&
	    (guint64)fs.f_bavail * fs.f_frsize >= ROOM_BYTES)
		qmp_call_async(self->qmp, "cont", NULL, -1, MACHINE_CALL_MS,
			       NULL, on_retried, engine_machine_ref(self));
	return G_SOURCE_CONTINUE;
}

static void stuck(struct engine_machine *self)
{
	gboolean full = g_error_matches(self->io_error, FAULT, FAULT_BUSY);
	g_autoptr(GError) why =
	    full ? fault_new(FAULT_STORAGE,
			     "Free some space on that disk: the machine "
			     "then goes on by itself and has lost nothing.",
			     "Machine '%s' waits: the disk that holds '%s' "
			     "is full.",
			     self->spec.id, self->spec.disk)
		 : fault_new(FAULT_STORAGE,
			     "Check that disk; resume the machine when it "
			     "works again, or switch it off.",
			     "Machine '%s' waits: its disk '%s' cannot be "
			     "read or written.",
			     self->spec.id, self->spec.disk);
	if (full && !self->retry)
		self->retry = timer_start(RETRY_MS, on_retry, self);
	machine_set_state(self, ENGINE_STUCK, why);
}

/* ---- events ---- */

static void on_shutdown(struct engine_machine *self, json_t *data)
{
	const char *reason = json_string_value(json_object_get(data, "reason"));
	if (g_strcmp0(reason, "guest-panic") == 0)
		self->end = ENGINE_END_PANIC;
	else if (self->end == ENGINE_END_PANIC)
		return;
	else if (json_is_true(json_object_get(data, "guest")))
		self->end = ENGINE_END_GUEST;
	else
		self->end = ENGINE_END_HOST;
}

static void on_migration(struct engine_machine *self, json_t *data)
{
	const char *status = json_string_value(json_object_get(data, "status"));
	gboolean failed = g_strcmp0(status, "failed") == 0 ||
			  g_strcmp0(status, "cancelled") == 0;
	if (!failed && g_strcmp0(status, "completed") != 0)
		return;
	g_autoptr(GError) error = NULL;
	if (failed)
		error = fault_new(FAULT_CONFLICT, NULL,
				  "The state of machine '%s' could not be "
				  "carried over.",
				  self->spec.id);
	machine_end_migration(self, error);
}

gboolean machine_end_migration(struct engine_machine *self, const GError *error)
{
	machine_migrated migrated = self->migrated;
	if (!migrated)
		return FALSE;
	self->migrated = NULL;
	source_drop(&self->migration_late);
	source_drop(&self->migration_cancelled);
	migrated(self, error, self->migrated_data);
	return TRUE;
}

static gboolean on_migration_late(void *data)
{
	struct engine_machine *self = engine_machine_ref(data);
	g_autoptr(GError) error =
	    fault_new(FAULT_TIMEOUT, "The host or its disk may be overloaded.",
		      "The state of machine '%s' was not carried over in time.",
		      self->spec.id);
	machine_end_migration(self, error);
	engine_machine_unref(self);
	return G_SOURCE_REMOVE;
}

static gboolean on_migration_cancelled(GCancellable *cancellable, void *data)
{
	struct engine_machine *self = engine_machine_ref(data);
	g_autoptr(GError) error =
	    g_error_new(G_IO_ERROR, G_IO_ERROR_CANCELLED, "It was given up.");
	machine_end_migration(self, error);
	engine_machine_unref(self);
	return G_SOURCE_REMOVE;
}

void machine_expect_migration(struct engine_machine *self, unsigned timeout_ms,
			      GCancellable *cancellable,
			      machine_migrated migrated, void *data)
{
	self->migrated = migrated;
	self->migrated_data = data;
	self->migration_late = timer_start(timeout_ms, on_migration_late, self);
	if (!cancellable)
		return;
	self->migration_cancelled = g_cancellable_source_new(cancellable);
	g_source_set_callback(self->migration_cancelled,
			      G_SOURCE_FUNC(on_migration_cancelled), self,
			      NULL);
	g_source_attach(self->migration_cancelled,
			g_main_context_get_thread_default());
}

static void on_event(struct qmp *qmp, const char *name, json_t *data,
		     void *user)
{
	struct engine_machine *self = engine_machine_ref(user);
	if (strcmp(name, "STOP") == 0) {
		if (self->io_error)
			stuck(self);
		else
			machine_set_state(self, ENGINE_PAUSED, NULL);
	} else if (strcmp(name, "RESUME") == 0) {
		machine_set_state(self, ENGINE_RUNNING, NULL);
	} else if (strcmp(name, "RESET") == 0) {
		if (self->state == ENGINE_RUNNING)
			machine_set_state(self, ENGINE_RUNNING, NULL);
	} else if (strcmp(name, "BLOCK_IO_ERROR") == 0) {
		const char *action =
		    json_string_value(json_object_get(data, "action"));
		g_clear_error(&self->io_error);
		/* BUSY stands for a full disk until stuck() tells it */
		if (g_strcmp0(action, "stop") == 0)
			self->io_error = fault_new(
			    json_is_true(json_object_get(data, "nospace"))
				? FAULT_BUSY
				: FAULT_STORAGE,
			    NULL, "I/O error");
		/* STOP may come before or after */
		if (self->io_error && self->state == ENGINE_PAUSED)
			stuck(self);
	} else if (strcmp(name, "GUEST_PANICKED") == 0) {
		self->end = ENGINE_END_PANIC;
	} else if (strcmp(name, "SHUTDOWN") == 0) {
		on_shutdown(self, data);
	} else if (strcmp(name, "MIGRATION") == 0) {
		on_migration(self, data);
	}
	engine_machine_unref(self);
}

/* ---- the connection ---- */

static gboolean on_reconnect(void *data);

static void on_qmp_closed(struct qmp *qmp, const GError *why, void *user)
{
	struct engine_machine *self = user;
	g_clear_pointer(&self->qmp, qmp_unref);
	/* most often it is about to be gone; if not, it is looked for again */
	if (self->announced && process_is_alive(self->process) &&
	    !self->reconnect) {
		self->reconnect_ms = RECONNECT_FIRST_MS;
		self->reconnect =
		    timer_start(self->reconnect_ms, on_reconnect, self);
	}
}

static const struct qmp_handlers qmp_handlers = {
    .event = on_event,
    .closed = on_qmp_closed,
};

void machine_set_qmp(struct engine_machine *self, struct qmp *qmp)
{
	self->qmp = qmp;
	qmp_set_handlers(qmp, &qmp_handlers, self);
}

static void on_status_again(GObject *source, GAsyncResult *result, void *data)
{
	struct engine_machine *self = data;
	json_t *reply = qmp_call_finish(self->qmp, result, NULL);
	if (reply)
		machine_take_status(self, reply);
	json_decref(reply);
	engine_machine_unref(self);
}

static void on_reconnected(GObject *source, GAsyncResult *result, void *data)
{
	struct engine_machine *self = data;
	struct qmp *qmp = qmp_connect_finish(result, NULL);
	if (self->state == ENGINE_GONE || self->qmp) {
		qmp_unref(qmp);
	} else if (qmp) {
		machine_set_qmp(self, qmp);
		qmp_call_async(qmp, "query-status", NULL, -1, MACHINE_CALL_MS,
			       NULL, on_status_again, engine_machine_ref(self));
	} else if (!self->reconnect) {
		self->reconnect_ms =
		    MIN(self->reconnect_ms * 2, RECONNECT_LAST_MS);
		self->reconnect =
		    timer_start(self->reconnect_ms, on_reconnect, self);
	}
	engine_machine_unref(self);
}

static gboolean on_reconnect(void *data)
{
	struct engine_machine *self = data;
	g_clear_pointer(&self->reconnect, g_source_unref);
	qmp_connect_async(self->qmp_path, MACHINE_CALL_MS, NULL, on_reconnected,
			  engine_machine_ref(self));
	return G_SOURCE_REMOVE;
}

void machine_take_status(struct engine_machine *self, json_t *reply)
{
	const char *status =
	    json_string_value(json_object_get(reply, "status"));
	if (g_strcmp0(status, "io-error") == 0) {
		/* whether it is full is not told: looking is harmless */
		g_clear_error(&self->io_error);
		self->io_error = fault_new(FAULT_BUSY, NULL, "I/O error");
		stuck(self);
	} else if (g_strcmp0(status, "running") == 0) {
		machine_set_state(self, ENGINE_RUNNING, NULL);
	} else {
		machine_set_state(self, ENGINE_PAUSED, NULL);
	}
}

/* ---- the end ---- */

static void on_gone(struct process *process, int status, void *data)
{
	struct engine_machine *self = engine_machine_ref(data);
	g_autoptr(GError) why = NULL;
	source_drop(&self->escalate);
	source_drop(&self->reconnect);
	if (self->qmp) {
		qmp_close(self->qmp);
		g_clear_pointer(&self->qmp, qmp_unref);
	}
	g_clear_pointer(&self->net, net_free);
	machine_clean(self);
	if (self->end == ENGINE_END_NONE && self->asked)
		self->end = ENGINE_END_HOST;
	if (self->end == ENGINE_END_NONE) {
		g_autofree char *how = process_describe_end(status);
		g_autofree char *words = machine_last_words(self);
		self->end = ENGINE_END_DIED;
		why = fault_new(FAULT_UNAVAILABLE,
				"Start it again; the whole log is in its "
				"folder.",
				"The process of machine '%s' %s. %s.",
				self->spec.id, how, words);
	}
	if (self->migrated) {
		g_autoptr(GError) cause =
		    why ? g_error_copy(why)
			: fault_new(FAULT_UNAVAILABLE, NULL,
				    "Machine '%s' has ended.", self->spec.id);
		machine_end_migration(self, cause);
	}
	machine_set_state(self, ENGINE_GONE, why);
	GTask *task;
	while ((task = g_queue_pop_head(&self->killers))) {
		g_task_return_boolean(task, TRUE);
		g_object_unref(task);
		engine_machine_unref(self);
	}
	engine_machine_unref(self);
}

void machine_set_process(struct engine_machine *self, struct process *process)
{
	self->process = process;
	process_watch(process, on_gone, self);
}

/* ---- network ---- */

static void on_net_changed(const GError *why, void *data)
{
	tell(data, why);
}

gboolean machine_start_net(struct engine_machine *self, GError **error)
{
	if (!self->spec.network || net_kind() != ENGINE_NET_STREAM)
		return TRUE;
	/* without it the machine was started with a restricted card */
	g_autofree char *socket =
	    g_build_filename(self->spec.run_dir, NET_SOCKET, NULL);
	if (!g_file_test(socket, G_FILE_TEST_EXISTS))
		return TRUE;
	self->net = net_open(self->spec.run_dir, self->log, on_net_changed,
			     self, error);
	return self->net != NULL;
}
