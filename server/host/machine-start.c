/* From off to running.
 *
 *   disk of its own   -> boot ------------------------------.
 *   no disk, template -> clone ------------------------------+-> picture --.
 *                 (none can be made -> overlay on the image  |             +->
 * ready and boot, with a warning) ---------------'-> identity --'
 *
 * Several steps are under way at once, and all of them may end late, after a
 * cancellation: `inflight` counts them, and a start that fails or is aborted
 * concludes when the last has come back and the virtual machine is gone.
 * Until then machine->start stays set and nothing else begins. */
#include "server/host/machine-private.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/host/agent.h"
#include "server/host/files.h"
#include "server/host/image.h"
#include "server/host/space.h"

/* what an overlay and its first hours need */
#define ROOM_MIB 256
/* a boot takes 30 s under emulation, several times that on a busy host */
#define SESSION_MS (6 * 60 * 1000)
#define SLOW_S     90
/* an engine that has answered neither yes nor no by then hangs */
#define ENGINE_MS (90 * 1000)
/* after that a desktop without a picture is told of as such */
#define PICTURE_MS   (30 * 1000)
#define ATTEMPTS_MAX 3

struct start {
	struct machine *machine;
	GCancellable *cancel;
	struct image *image;
	GError *failure; /* ends the start as failed; NULL: as off */
	unsigned inflight;
	guint deadline, tick;
	gboolean clone;        /* the disk stands on a template */
	gboolean cloned_twice; /* the same template was tried again */
	gboolean retried;      /* a bad template was made anew once */
	gboolean picture, settled;
	gboolean killing;
	gint64 begun_us, cloned_us, picture_us;
};

static void check(struct start *start);
static void begin(struct machine *machine, int attempts);

static void start_free(struct start *start)
{
	if (start->deadline)
		g_source_remove(start->deadline);
	if (start->tick)
		g_source_remove(start->tick);
	image_free(start->image);
	g_object_unref(start->cancel);
	g_clear_error(&start->failure);
	machine_unref(start->machine);
	g_free(start);
}

/* The first failure is the cause, what follows from it is not told. */
static void fail(struct start *start, GError *error)
{
	if (error && !start->failure &&
	    !g_cancellable_is_cancelled(start->cancel))
		start->failure = error;
	else
		g_clear_error(&error);
	g_cancellable_cancel(start->cancel);
}

/* Every callback of a step begins with this one; TRUE: go on. */
static gboolean step_over(struct start *start)
{
	start->inflight--;
	return !g_cancellable_is_cancelled(start->cancel);
}

static gboolean on_deadline(void *data)
{
	struct start *start = data;
	start->deadline = 0;
	fail(start, fault_new(FAULT_TIMEOUT,
			      "Try again; 'orield doctor' tells more if it "
			      "stays so.",
			      "The virtual machine did not start within %d s.",
			      ENGINE_MS / 1000));
	check(start);
	return G_SOURCE_REMOVE;
}

static void deadline_set(struct start *start, unsigned after_ms,
			 GSourceFunc expired)
{
	if (start->deadline)
		g_source_remove(start->deadline);
	start->deadline =
	    after_ms ? g_timeout_add(after_ms, expired, start) : 0;
}

/* ---- ends ---- */

static void drop_unowned_disk(struct machine *machine)
{
	if (!machine->conf || machine->conf->owned)
		return;
	g_autofree char *disk = machine_disk_path(machine);
	unlink(disk);
}

static void conclude(struct start *start)
{
	struct machine *machine = start->machine;
	machine->start = NULL;
	machine_detach(machine);
	drop_unowned_disk(machine);
	machine->engine = NULL;
	GError *failure = g_steal_pointer(&start->failure);
	if (machine->life == LIFE_STOPPING) /* as it was asked for meanwhile */
		g_clear_error(&failure);
	if (failure && fault_code(failure) == FAULT_UNAVAILABLE &&
	    start->clone && start->cloned_us && !machine->died_once) {
		/* it ran and went away, agent and all: a crash of the emulator
		 * is most often an accident, and nobody has worked on this
		 * disk yet */
		machine->died_once = TRUE;
		log_fault(&machine->about, failure);
		g_error_free(failure);
		begin(machine, 0);
	} else if (failure) {
		machine_fail(machine, failure);
	} else {
		machine_step(machine, LIFE_STEP_ENDED);
	}
	start_free(start);
}

static void on_killed(GObject *source, GAsyncResult *result, void *data)
{
	struct start *start = data;
	g_autoptr(GError) error = NULL;
	if (!engine_machine_act_finish(start->machine->vm, result, &error))
		log_fault(&start->machine->about, error);
	conclude(start);
}

static void ready(struct start *start)
{
	struct machine *machine = start->machine;
	g_autoptr(GError) error = NULL;
	if (!machine->conf->owned) {
		g_autofree char *path = machine_conf_path(machine);
		machine->conf->owned = TRUE;
		if (!conf_save(machine->conf, path, &error)) {
			machine->conf->owned = FALSE;
			fail(start, g_steal_pointer(&error));
			check(start);
			return;
		}
	}
	machine->start = NULL;
	gint64 now = g_get_monotonic_time();
	log_info(&machine->about,
		 "Started in %.2f s: engine %.2f s, picture after %.2f s.",
		 (double)(now - start->begun_us) / 1e6,
		 (double)(start->cloned_us - start->begun_us) / 1e6,
		 (double)(start->picture_us - start->begun_us) / 1e6);
	machine_step(machine, LIFE_STEP_READY);
	if (!machine_note_save(machine, TRUE, 0, &error))
		log_fault(&machine->about, error);
	start_free(start);
}

static void check(struct start *start)
{
	struct machine *machine = start->machine;
	if (!g_cancellable_is_cancelled(start->cancel)) {
		if (start->picture && start->settled)
			ready(start);
		return;
	}
	if (start->inflight || start->killing)
		return;
	deadline_set(start, 0, NULL);
	if (machine->vm && engine_machine_state(machine->vm) != ENGINE_GONE) {
		start->killing = TRUE;
		engine_machine_kill_async(machine->vm, on_killed, start);
	} else {
		conclude(start);
	}
}

void machine_start_abort(struct machine *machine, GError *error)
{
	fail(machine->start, error);
	check(machine->start);
}

/* ---- picture and identity ---- */

void machine_start_picture(struct machine *machine)
{
	struct start *start = machine->start;
	if (start->picture)
		return;
	start->picture = TRUE;
	start->picture_us = g_get_monotonic_time();
	check(start);
}

static gboolean on_no_picture(void *data)
{
	struct start *start = data;
	start->deadline = 0;
	if (!start->picture) {
		machine_warn(start->machine,
			     fault_new(FAULT_TIMEOUT, "Reset the desktop.",
				       "The desktop runs, but shows no "
				       "picture."));
		machine_start_picture(start->machine);
	}
	return G_SOURCE_REMOVE;
}

static void settled(struct start *start)
{
	start->settled = TRUE;
	if (!start->picture)
		deadline_set(start, PICTURE_MS, on_no_picture);
	check(start);
}

static void on_identity(GObject *source, GAsyncResult *result, void *data)
{
	struct start *start = data;
	g_autoptr(GError) error = NULL;
	gboolean done = agent_finish(start->machine->qga, result, &error);
	if (!step_over(start)) {
		check(start);
		return;
	}
	/* two clones with one identity must not both be somebody */
	if (!done && start->clone)
		fail(start, g_steal_pointer(&error));
	else if (!done)
		machine_warn(start->machine, g_steal_pointer(&error));
	settled(start);
}

static void identify(struct start *start)
{
	machine_stage(start->machine, "Giving it its identity", 0.95);
	start->inflight++;
	agent_identity_async(start->machine->qga, start->machine->conf,
			     start->cancel, on_identity, start);
}

/* Nobody knows how long a boot takes: towards 0.9, ever slower. One that takes
 * long says so, for it may stand still, and who waits can look at its screen.
 */
static gboolean on_tick(void *data)
{
	struct start *start = data;
	double seconds =
	    (double)(g_get_monotonic_time() - start->cloned_us) / 1e6;
	g_autofree char *stage =
	    seconds < SLOW_S
		? g_strdup("Booting")
		: g_strdup_printf("Booting for more than %d s, and its agent "
				  "has not answered; %s",
				  (int)seconds / 30 * 30,
				  start->picture ? "its screen may tell why"
						 : "it shows no picture yet");
	machine_stage(start->machine, stage,
		      0.3 + 0.6 * (1 - exp(-seconds / 30)));
	return G_SOURCE_CONTINUE;
}

static void on_session(GObject *source, GAsyncResult *result, void *data)
{
	struct start *start = data;
	g_autoptr(GError) error = NULL;
	gboolean up = agent_finish(start->machine->qga, result, &error);
	g_source_remove(start->tick);
	start->tick = 0;
	if (!step_over(start)) {
		check(start);
	} else if (up) {
		identify(start);
	} else {
		/* an image of one's own need have no agent: it runs all the
		 * same, and says what it lacks */
		machine_warn(start->machine, g_steal_pointer(&error));
		settled(start);
	}
}

/* ---- the virtual machine ---- */

static void want_template(struct start *start);

/* A clone that did not come up: a template that the engine calls unfit or
 * damaged is made anew at once; anything else may be an accident, so it is
 * tried once more before the template is blamed. */
static gboolean try_again(struct start *start, const GError *error)
{
	struct machine *machine = start->machine;
	gboolean damaged = fault_code(error) == FAULT_CONFLICT ||
			   fault_code(error) == FAULT_STORAGE;
	if (start->retried)
		return FALSE;
	log_fault(&machine->about, error);
	if (damaged || start->cloned_twice) {
		start->retried = TRUE;
		templates_discard(machine->world->templates,
				  machine->conf->disk_template);
	}
	start->cloned_twice = TRUE;
	drop_unowned_disk(machine);
	want_template(start);
	return TRUE;
}

static void on_vm(GObject *source, GAsyncResult *result, void *data)
{
	struct start *start = data;
	struct machine *machine = start->machine;
	GError *error = NULL;
	struct engine_machine *vm = engine_start_finish(result, &error);
	if (vm)
		machine_attach(machine, vm);
	if (!step_over(start)) {
		g_clear_error(&error);
		check(start);
		return;
	}
	deadline_set(start, 0, NULL);
	if (!vm && start->clone && try_again(start, error)) {
		g_clear_error(&error);
		return;
	}
	if (!vm) {
		fail(start, error);
		check(start);
		return;
	}
	start->cloned_us = g_get_monotonic_time();
	machine_screen_begin(machine);
	if (start->clone) {
		identify(start);
		return;
	}
	machine_stage(machine, "Booting", 0.3);
	if (machine->conf->iso && !machine->conf->owned)
		machine_press_boot_key(machine);
	if (!start->image->kernel) {
		settled(start); /* its picture is all that we wait for */
		return;
	}
	start->inflight++;
	start->tick = g_timeout_add_seconds(1, on_tick, start);
	agent_session_async(machine->qga, SESSION_MS, start->cancel, on_session,
			    start);
}

static void run(struct start *start)
{
	struct machine *machine = start->machine;
	const struct conf *conf = machine->conf;
	g_autofree char *disk = machine_disk_path(machine);
	struct engine_spec spec = {
	    .id = conf->id,
	    .name = conf->name,
	    .folder = machine->folder,
	    .run_dir = machine->run_dir,
	    .cpus = conf->cpus,
	    .memory_mib = conf->memory_mib,
	    .heads = conf->heads,
	    .disk = disk,
	    .kernel = start->image->kernel,
	    .initrd = start->image->initrd,
	    .cmdline = start->image->cmdline,
	    .mac = conf->mac,
	    .network = TRUE,
	    .uefi = start->image->uefi,
	    .plain = start->image->plain,
	    .profile = start->image->profile,
	};
	g_auto(GStrv) media = machine_media(machine);
	for (gsize i = 0; media && media[i] && i < ENGINE_MEDIA_MAX; i++)
		spec.media[i] = media[i];
	start->inflight++;
	deadline_set(start, ENGINE_MS, on_deadline);
	if (start->clone) {
		machine_stage(machine, "Cloning the template", 0.9);
		g_autofree char *folder = templates_folder(
		    machine->world->templates, conf->disk_template);
		engine_clone_async(machine->engine, &spec, folder,
				   start->cancel, on_vm, start);
	} else {
		machine_stage(machine, "Starting the virtual machine", 0.2);
		engine_start_async(machine->engine, &spec, start->cancel, on_vm,
				   start);
	}
}

/* A new disk on base, as machine.conf then says. */
static gboolean make_disk(struct start *start, const char *base,
			  const char *template, GError **error)
{
	struct machine *machine = start->machine;
	g_autofree char *disk = machine_disk_path(machine);
	g_autofree char *path = machine_conf_path(machine);
	g_free(machine->conf->disk_template);
	machine->conf->disk_template = g_strdup(template);
	/* named before it is made: what an overlay stands on is never
	 * collected, whenever we are killed */
	return conf_save(machine->conf, path, error) &&
	       engine_overlay_create(base, disk, error);
}

static void boot_image(struct start *start)
{
	GError *error = NULL;
	start->clone = FALSE;
	if (make_disk(start, start->image->disk, NULL, &error))
		run(start);
	else
		fail(start, error), check(start);
}

/* An empty disk: what is in the drive boots. */
static void boot_medium(struct start *start)
{
	struct machine *machine = start->machine;
	g_autofree char *disk = machine_disk_path(machine);
	GError *error = NULL;
	if (engine_disk_create(disk, machine->conf->disk_gib, &error))
		run(start);
	else
		fail(start, error), check(start);
}

static void on_template_progress(const char *stage, double fraction, void *data)
{
	struct start *start = data;
	if (!g_cancellable_is_cancelled(start->cancel))
		machine_stage(start->machine, stage, fraction * 0.85);
}

static void on_template(GObject *source, GAsyncResult *result, void *data)
{
	struct start *start = data;
	struct machine *machine = start->machine;
	GError *error = NULL;
	g_autofree char *key = templates_want_finish(result, &error);
	if (!step_over(start)) {
		g_clear_error(&error);
		check(start);
		return;
	}
	if (!key) {
		machine_warn(machine, error);
		boot_image(start);
		return;
	}
	g_autofree char *folder =
	    templates_folder(machine->world->templates, key);
	g_autofree char *base = g_build_filename(folder, TEMPLATE_DISK, NULL);
	start->clone = TRUE;
	if (make_disk(start, base, key, &error))
		run(start);
	else
		fail(start, error), check(start);
}

static void want_template(struct start *start)
{
	struct machine *machine = start->machine;
	machine_stage(machine, "Looking for the template", 0.01);
	start->inflight++;
	templates_want_async(machine->world->templates, machine->engine,
			     machine->conf, start->image, on_template_progress,
			     start, start->cancel, on_template, start);
}

/* ---- the beginning ---- */

/* oriel-vmm boots kernels alone. */
static const struct engine *choose_for_own_disk(const char *wanted,
						GError **error)
{
	gboolean any = strcmp(wanted, "auto") == 0;
	return engine_choose(any ? "qemu" : wanted, error);
}

static gboolean prepare(struct start *start, int attempts, GError **error)
{
	struct machine *machine = start->machine;
	const struct conf *conf = machine->conf;
	if (conf->iso && !machine_check_media(machine, error))
		return FALSE;
	start->image = conf->iso ? machine_install_image(machine)
				 : image_open(machine->world->root, conf->image,
					      conf->version, error);
	if (!start->image)
		return FALSE;
	/* a machine with a disk of its own boots, all others are cloned */
	machine->engine =
	    !start->image->kernel ? choose_for_own_disk(conf->engine, error)
	    : conf->owned         ? engine_choose(conf->engine, error)
				  : engine_choose_cloning(conf->engine, error);
	return machine->engine &&
	       space_check(machine->folder, ROOM_MIB, "start a desktop",
			   error) &&
	       files_make_folder(machine->run_dir, error) &&
	       machine_note_save(machine, FALSE, attempts + 1, error);
}

static gboolean has_disk(struct machine *machine, GError **error)
{
	if (files_exist(machine->folder, "disk.qcow2"))
		return TRUE;
	fault_set(error, FAULT_STORAGE,
		  "Restore it from a backup, or remove the desktop.",
		  "The disk of desktop '%s' is missing: %s/disk.qcow2.",
		  machine->conf->name, machine->folder);
	return FALSE;
}

static void begin(struct machine *machine, int attempts)
{
	struct start *start = g_new0(struct start, 1);
	start->machine = machine_ref(machine);
	start->cancel = g_cancellable_new();
	start->begun_us = g_get_monotonic_time();
	machine->start = start;
	machine->screen_deaths = 0;
	GError *error = NULL;
	if (attempts >= ATTEMPTS_MAX)
		error =
		    fault_new(FAULT_CONFLICT,
			      "Look at the host's log, then start it again.",
			      "The host service ended %d times while it "
			      "started this desktop.",
			      attempts);
	if (error || !prepare(start, attempts, &error)) {
		fail(start, error);
		check(start);
	} else if (machine->conf->owned) {
		if (has_disk(machine, &error))
			run(start);
		else
			fail(start, error), check(start);
	} else {
		drop_unowned_disk(machine);
		/* a system that we do not know says nowhere when it is up, and
		 * takes no identity: it boots, each time */
		if (machine->conf->iso)
			boot_medium(start);
		else if (start->image->kernel)
			want_template(start);
		else
			boot_image(start);
	}
}

void machine_start_begin(struct machine *machine, int attempts)
{
	machine->died_once = FALSE;
	machine_step(machine, LIFE_STEP_START);
	begin(machine, attempts);
}
