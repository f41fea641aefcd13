/* What belongs to a run and what can happen to it: the virtual machine's
 * own changes, the display process, shutting down, and finding both again
 * after the role was restarted. */
#include "server/host/machine-private.h"

#include <signal.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/host/files.h"
#include "server/host/homes.h"
#include "server/host/proc.h"

/* a guest that ignores the power button for so long is asked by its agent */
#define NUDGE_MS 10000
#define GRACE_S  60 /* where machine.conf cannot be read any more */
/* the display process is started again after 0.2 s, doubling to 5 s */
#define SCREEN_AGAIN_MS     200
#define SCREEN_AGAIN_MAX_MS 5000

static void timer_clear(guint *timer)
{
	if (*timer)
		g_source_remove(*timer);
	*timer = 0;
}

static char *machine_pid_path(const struct machine *self)
{
	return g_build_filename(self->run_dir, "machine.pid", NULL);
}

void machine_detach(struct machine *self)
{
	timer_clear(&self->grace_timer);
	timer_clear(&self->nudge_timer);
	timer_clear(&self->screen_timer);
	timer_clear(&self->key_timer);
	self->stuck = FALSE;
	/* with the virtual machine gone its display has nothing to show; one
	 * that runs on keeps its display, for the next role to find */
	gboolean gone =
	    !self->vm || engine_machine_state(self->vm) == ENGINE_GONE;
	if (gone)
		screen_stop(g_steal_pointer(&self->screen));
	else
		screen_free(g_steal_pointer(&self->screen));
	if (self->vm) {
		engine_machine_watch(self->vm, NULL, NULL);
		engine_machine_unref(g_steal_pointer(&self->vm));
	}
	if (self->qga) {
		qga_close(self->qga);
		qga_unref(g_steal_pointer(&self->qga));
	}
	if (gone) {
		g_autofree char *note =
		    g_build_filename(self->run_dir, "run.json", NULL);
		g_autofree char *pid = machine_pid_path(self);
		unlink(note);
		unlink(pid);
		home_lease_release(self->world->root, self->id);
	}
}

void machine_end_lost(struct machine *self)
{
	g_autofree char *path = machine_pid_path(self);
	pid_t pid = proc_recall(path);
	if (pid > 0) {
		log_info(&self->about, "Ending its lost process %d.", (int)pid);
		kill(pid, SIGKILL);
	}
	unlink(path);
}

/* ---- the virtual machine ---- */

static GError *end_cause(enum engine_end end, const GError *why)
{
	if (why)
		return g_error_copy(why);
	if (end == ENGINE_END_PANIC)
		return fault_new(FAULT_UNAVAILABLE,
				 "Start it again; its disk is kept.",
				 "The guest's system crashed (kernel panic).");
	return fault_new(FAULT_UNAVAILABLE, "Start it again; its disk is kept.",
			 "The virtual machine's process ended unexpectedly.");
}

static void on_gone(struct machine *self, enum engine_end end,
		    const GError *why)
{
	gboolean orderly = end == ENGINE_END_GUEST || end == ENGINE_END_HOST;
	/* by its own will: a power button that somebody pressed is no end */
	gboolean installed = end == ENGINE_END_GUEST && self->conf &&
			     self->conf->iso && self->life != LIFE_STOPPING;
	if (installed)
		machine_set_installed(self);
	if (self->start && installed) {
		/* a short one: over before its first picture */
		machine_step(self, LIFE_STEP_STOP);
		machine_start_abort(self, NULL);
		return;
	}
	if (self->start) {
		machine_start_abort(
		    self, orderly
			      ? fault_new(FAULT_UNAVAILABLE, "Start it again.",
					  "The guest switched itself "
					  "off while it started.")
			      : end_cause(end, why));
		return;
	}
	machine_ref(self);
	machine_detach(self);
	self->engine = NULL;
	/* what is being switched off may end as it likes */
	if (orderly || self->life == LIFE_STOPPING)
		machine_step(self, LIFE_STEP_ENDED);
	else
		machine_fail(self, end_cause(end, why));
	machine_unref(self);
}

static void on_resumed(GObject *source, GAsyncResult *result, void *data)
{
	struct engine_machine *vm = data;
	g_autoptr(GError) error = NULL;
	if (!engine_machine_act_finish(vm, result, &error))
		log_fault(NULL, error);
	engine_machine_unref(vm);
}

static void on_vm(struct engine_machine *vm, enum engine_state state,
		  enum engine_end end, const GError *why, void *data)
{
	struct machine *self = data;
	switch (state) {
	case ENGINE_STUCK:
		machine_warn(self,
			     why ? g_error_copy(why)
				 : fault_new(FAULT_STORAGE,
					     "Make room; it goes on by itself.",
					     "The desktop is paused: its disk "
					     "cannot be written."));
		self->stuck = TRUE;
		break;
	case ENGINE_RUNNING:
		if (self->stuck)
			machine_warn(self, NULL);
		self->stuck = FALSE;
		break;
	case ENGINE_GONE:
		on_gone(self, end, why);
		break;
	case ENGINE_STARTING:
	case ENGINE_PAUSED:
		break;
	}
}

void machine_attach(struct machine *self, struct engine_machine *vm)
{
	g_autofree char *path = machine_pid_path(self);
	g_autoptr(GError) error = NULL;
	if (!proc_record(path, engine_machine_pid(vm), &error))
		log_fault(&self->about, error);
	self->vm = vm;
	self->qga = qga_new(engine_machine_agent_path(vm));
	engine_machine_watch(vm, on_vm, self);
}

/* ---- the display ---- */

static void screen_again(struct machine *self, const GError *why);

/* As services the gateway is another user, who has to reach the display. */
static void admit_gateway(struct machine *self)
{
	const struct paths_root *root = self->world->root;
	g_autofree char *folder = g_path_get_dirname(self->run_dir);
	g_autoptr(GError) error = NULL;
	const char *rfb = screen_address(self->screen) + strlen("unix:");
	const char *view = screen_view(self->screen) + strlen("unix:");
	const char *spice = screen_spice(self->screen) + strlen("unix:");
	const char *windows = screen_windows(self->screen) + strlen("unix:");
	if (!paths_share(root, folder, "gateway", &error) ||
	    !paths_share(root, self->run_dir, "gateway", &error) ||
	    !paths_share(root, rfb, "gateway", &error) ||
	    !paths_share(root, view, "gateway", &error) ||
	    !paths_share(root, spice, "gateway", &error) ||
	    !paths_share(root, windows, "gateway", &error))
		log_fault(&self->about, error);
}

static void on_first_frame(void *data)
{
	struct machine *self = data;
	self->screen_deaths = 0;
	/* another process than the one that was told; it began closed */
	if (self->policy)
		screen_policy(self->screen, self->policy, NULL, NULL);
	machine_record_look(self);
	admit_gateway(self);
	if (self->start)
		machine_start_picture(self);
}

static void on_viewers(unsigned count, void *data)
{
	struct machine *self = data;
	if (self->viewers == count)
		return;
	self->viewers = count;
	machine_record_look(self);
	machine_report_soon(self);
}

static void on_input(gint64 ago_ms, void *data)
{
	struct machine *self = data;
	self->input_us = g_get_monotonic_time() - ago_ms * 1000;
	machine_report_soon(self);
}

static void on_newer_picture(void *data)
{
	struct machine *self = data;
	if (self->conf && self->conf->iso)
		machine_keep_picture(self);
	if (self->life == LIFE_RUNNING)
		self->world->tell(json_pack("{s:s, s:s}", "event", "picture",
					    "machine", self->id),
				  self->world->data);
}

static void on_screen_ended(const GError *why, void *data)
{
	struct machine *self = data;
	machine_record_gone(self);
	on_viewers(0, self);
	screen_again(self, why);
}

static void on_source_lost(void *data)
{
	screen_again(data, NULL);
}

static void on_recording(json_t *event, void *data)
{
	machine_record_ended(data, event);
}

static void on_recording_found(const char *id, void *data)
{
	machine_record_found(data, id);
}

static const struct screen_handlers screen_handlers = {
    .recording = on_recording,
    .recording_found = on_recording_found,
    .first_frame = on_first_frame,
    .viewers = on_viewers,
    .picture = on_newer_picture,
    .input = on_input,
    .source_lost = on_source_lost,
    .ended = on_screen_ended,
};

static void screen_make(struct machine *self)
{
	g_autofree char *log =
	    g_build_filename(self->folder, "display.log", NULL);
	if (!self->screen)
		self->screen = screen_new(
		    self->id, self->conf ? self->conf->name : self->id,
		    self->run_dir, log, &screen_handlers, self);
}

struct connecting {
	struct machine *machine;
	struct engine_machine *vm;
};

static void on_display(GObject *source, GAsyncResult *result, void *data)
{
	g_autofree struct connecting *connecting = data;
	struct machine *self = connecting->machine;
	struct engine_machine *vm = connecting->vm;
	g_autoptr(GError) error = NULL;
	int fd = engine_machine_display_finish(vm, result, &error);
	if (self->vm != vm) { /* it went away meanwhile */
		if (fd >= 0)
			close(fd);
	} else if (fd < 0) {
		screen_again(self, error);
	} else if (self->screen && screen_alive(self->screen)) {
		screen_source(self->screen, fd);
	} else {
		screen_make(self);
		if (!screen_start(self->screen, fd, &error))
			screen_again(self, error);
	}
	engine_machine_unref(vm);
	machine_unref(self);
}

void machine_screen_begin(struct machine *self)
{
	struct connecting *connecting = g_new0(struct connecting, 1);
	connecting->machine = machine_ref(self);
	connecting->vm = engine_machine_ref(self->vm);
	screen_make(self);
	engine_machine_display_async(self->vm, on_display, connecting);
}

static gboolean on_screen_timer(void *data)
{
	struct machine *self = data;
	self->screen_timer = 0;
	machine_screen_begin(self);
	return G_SOURCE_REMOVE;
}

/* The display is gone or has lost its source. A desktop runs on without one,
 * so it is tried for as long as the machine lives; a start that cannot get
 * one fails. */
static void screen_again(struct machine *self, const GError *why)
{
	if (why)
		log_fault(&self->about, why);
	if (!self->vm || self->screen_timer ||
	    engine_machine_state(self->vm) == ENGINE_GONE)
		return;
	unsigned deaths = self->screen_deaths++;
	if (deaths >= 3 && self->start) {
		machine_start_abort(
		    self, why ? g_error_copy(why)
			      : fault_new(FAULT_UNAVAILABLE, NULL,
					  "The display process loses its "
					  "connection to the machine."));
		return;
	}
	unsigned wait = SCREEN_AGAIN_MS << MIN(deaths, 5u);
	self->screen_timer = g_timeout_add(MIN(wait, SCREEN_AGAIN_MAX_MS),
					   on_screen_timer, self);
}

gboolean machine_screen_adopt(struct machine *self)
{
	screen_make(self);
	return screen_adopt(self->screen);
}

/* ---- shutting down ---- */

static void on_kill(GObject *source, GAsyncResult *result, void *data)
{
	struct connecting *connecting = data;
	struct machine *self = connecting->machine;
	g_autoptr(GError) error = NULL;
	if (!engine_machine_act_finish(connecting->vm, result, &error))
		log_fault(&self->about, error);
	/* its end was told to on_vm(); if not, it cannot be waited for */
	if (self->vm == connecting->vm &&
	    engine_machine_state(self->vm) == ENGINE_GONE)
		on_gone(self, ENGINE_END_HOST, NULL);
	engine_machine_unref(connecting->vm);
	machine_unref(self);
	g_free(connecting);
}

static void switch_off(struct machine *self)
{
	struct connecting *connecting = g_new0(struct connecting, 1);
	timer_clear(&self->grace_timer);
	timer_clear(&self->nudge_timer);
	connecting->machine = machine_ref(self);
	connecting->vm = engine_machine_ref(self->vm);
	machine_stage(self, "Switching off", 0.9);
	engine_machine_kill_async(self->vm, on_kill, connecting);
}

static gboolean on_grace_over(void *data)
{
	struct machine *self = data;
	self->grace_timer = 0;
	log_info(&self->about,
		 "The guest did not shut down in time and is switched off.");
	switch_off(self);
	return G_SOURCE_REMOVE;
}

static void on_nudged(GObject *source, GAsyncResult *result, void *data)
{
	struct qga *qga = data;
	g_autoptr(GError) error = NULL;
	if (!qga_finish(qga, result, &error))
		log_fault(NULL, error);
	qga_unref(qga);
}

static gboolean on_nudge(void *data)
{
	struct machine *self = data;
	self->nudge_timer = 0;
	qga_shutdown_async(self->qga, "powerdown", NULL, on_nudged,
			   qga_ref(self->qga));
	return G_SOURCE_REMOVE;
}

void machine_stop_begin(struct machine *self, gboolean shutdown)
{
	timer_clear(&self->screen_timer);
	if (!self->vm) { /* nothing runs any more */
		machine_step(self, LIFE_STEP_ENDED);
		return;
	}
	if (!shutdown || engine_machine_state(self->vm) != ENGINE_RUNNING) {
		if (!machine_home_leave(self, switch_off))
			switch_off(self);
		return;
	}
	machine_stage(self, "Shutting down", 0.1);
	engine_machine_powerdown_async(self->vm, on_resumed,
				       engine_machine_ref(self->vm));
	self->nudge_timer = g_timeout_add(NUDGE_MS, on_nudge, self);
	self->grace_timer = g_timeout_add_seconds(
	    self->conf ? self->conf->shutdown_grace_s : GRACE_S, on_grace_over,
	    self);
}

/* ---- after a restart of the role ---- */

struct adopting {
	struct machine *machine;
	void (*done)(void *data);
	void *data;
	struct run_note note;
};

static void adopted(struct adopting *adopting)
{
	adopting->done(adopting->data);
	run_note_clear(&adopting->note);
	machine_unref(adopting->machine);
	g_free(adopting);
}

static void on_leftover_killed(GObject *source, GAsyncResult *result,
			       void *data)
{
	struct adopting *adopting = data;
	struct machine *self = adopting->machine;
	engine_machine_act_finish(self->vm, result, NULL);
	machine_detach(self);
	self->engine = NULL;
	if (self->conf)
		machine_start_begin(self, adopting->note.attempts);
	adopted(adopting);
}

static void on_adopted(GObject *source, GAsyncResult *result, void *data)
{
	struct adopting *adopting = data;
	struct machine *self = adopting->machine;
	g_autoptr(GError) error = NULL;
	struct engine_machine *vm = engine_start_finish(result, &error);
	if (vm)
		machine_attach(self, vm);
	/* a display that outlived its machine is ended with the rest */
	gboolean screen = machine_screen_adopt(self);
	gboolean lost = !vm && fault_code(error) != FAULT_NOT_FOUND;
	if (!vm) {
		if (!lost)
			machine_detach(self);
		self->engine = NULL;
		if (lost)
			/* it hangs, perhaps with somebody's work in it: only a
			 * person ends it, by switching off */
			machine_fail(self, g_steal_pointer(&error));
		else if (!adopting->note.ready && self->conf)
			/* nobody but us knows that it was wanted */
			machine_start_begin(self, adopting->note.attempts);
		else
			log_info(&self->about, "The desktop ended while the "
					       "host service was away.");
		adopted(adopting);
		return;
	}
	if (!adopting->note.ready) {
		/* nobody can tell how far it came: it begins anew */
		engine_machine_watch(vm, NULL, NULL);
		engine_machine_kill_async(vm, on_leftover_killed, adopting);
		return;
	}
	log_info(&self->about, "Found running again.");
	self->life = LIFE_RUNNING;
	self->since = adopting->note.since;
	/* it ran before its machine.conf was spoilt, and may run on */
	machine_warn(self, g_steal_pointer(&self->error));
	if (!screen)
		machine_screen_begin(self);
	adopted(adopting);
}

void machine_adopt(struct machine *self, void (*done)(void *data), void *data)
{
	struct adopting *adopting = g_new0(struct adopting, 1);
	adopting->machine = machine_ref(self);
	adopting->done = done;
	adopting->data = data;
	GError *error = NULL;
	if (!machine_note_load(self, &adopting->note)) {
		adopted(adopting);
		return;
	}
	self->engine = engine_choose(adopting->note.engine, &error);
	if (!self->engine) {
		machine_fail(self, error);
		adopted(adopting);
		return;
	}
	const struct conf *conf = self->conf;
	g_autofree char *disk = machine_disk_path(self);
	struct engine_spec spec = {
	    .id = self->id,
	    .name = conf ? conf->name : self->id,
	    .folder = self->folder,
	    .run_dir = self->run_dir,
	    .cpus = conf ? conf->cpus : 1,
	    .memory_mib = conf ? conf->memory_mib : 512,
	    .heads = conf ? conf->heads : 1,
	    .disk = disk,
	    .mac = conf ? conf->mac : NULL,
	    .network = conf != NULL,
	};
	engine_adopt_async(self->engine, &spec, NULL, on_adopted, adopting);
}
