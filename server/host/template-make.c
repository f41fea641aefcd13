/* Everything happens in LIB/templates/.making-KEY and RUN/templates/KEY; the
 * first is renamed when the template is complete, so a KEY folder is always
 * whole, and whatever ends early leaves only what templates_collect() and
 * the next start of the role remove.
 *
 * Settled means: the emulator's own use of the processor has been low for a
 * while. That needs nothing of the guest, sees disk and kernel work as well
 * as drawing, and errs only towards waiting, which SETTLE_LIMIT_US ends. */
#include "server/host/template-make.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/host/agent.h"
#include "server/host/files.h"
#include "server/host/space.h"
#include "server/host/template-key.h"

/* a boot takes 30 s under emulation, several times that on a busy host */
#define SESSION_MS      (6 * 60 * 1000)
#define SAMPLE_MS       500
#define CALM_PERCENT    20 /* of one processor; timers and a blinking cursor */
#define CALM_SAMPLES    3
#define SETTLE_LIMIT_US (30 * G_USEC_PER_SEC)
#define TICK_MS         1000

struct make {
	char *key;
	char *making, *folder, *run_dir;
	struct template_about about;
	templates_progress progress;
	void *progress_data;
	struct engine_machine *vm;
	struct qga *qga;
	guint tick, sampler;
	gint64 begun_us, settle_us;
	guint64 ticks;     /* processor time used at the last sample */
	unsigned calm;     /* samples in a row */
	GError *death;     /* the machine went away under us */
	GCancellable *own; /* what every step runs under */
	gulong link;       /* from the caller's cancellable */
};

static void make_free(void *data)
{
	struct make *make = data;
	if (make->tick)
		g_source_remove(make->tick);
	if (make->sampler)
		g_source_remove(make->sampler);
	if (make->vm) {
		engine_machine_watch(make->vm, NULL, NULL);
		engine_machine_unref(make->vm);
	}
	qga_unref(make->qga);
	template_about_clear(&make->about);
	g_clear_error(&make->death);
	g_object_unref(make->own);
	g_free(make->key);
	g_free(make->making);
	g_free(make->folder);
	g_free(make->run_dir);
	g_free(make);
}

static void tell(struct make *make, const char *stage, double fraction)
{
	make->progress(stage, fraction, make->progress_data);
}

/* ---- ends ---- */

static void conclude(GTask *task, GError *error)
{
	struct make *make = g_task_get_task_data(task);
	GCancellable *given = g_task_get_cancellable(task);
	if (make->link)
		/* not g_cancellable_disconnect(): it waits for a cancellation
		 * that may be the very one we are called from */
		g_signal_handler_disconnect(given, make->link);
	make->link = 0;
	g_autoptr(GError) leftover = NULL;
	if (!files_remove_tree(make->run_dir, &leftover) ||
	    (error && !files_remove_tree(make->making, &leftover)))
		log_fault(NULL, leftover);
	if (error)
		g_task_return_error(task, error);
	else
		g_task_return_boolean(task, TRUE);
	g_object_unref(task);
}

struct failing {
	GTask *task;
	GError *error;
};

static void on_killed(GObject *source, GAsyncResult *result, void *data)
{
	g_autofree struct failing *failing = data;
	struct make *make = g_task_get_task_data(failing->task);
	engine_machine_act_finish(make->vm, result, NULL);
	conclude(failing->task, failing->error);
}

/* Takes error; whatever runs is ended first. */
static void fail(GTask *task, GError *error)
{
	struct make *make = g_task_get_task_data(task);
	if (make->death) { /* the cause behind whatever failed because of it */
		g_clear_error(&error);
		error = g_steal_pointer(&make->death);
	}
	if (make->tick)
		g_source_remove(make->tick);
	make->tick = 0;
	if (!make->vm || engine_machine_state(make->vm) == ENGINE_GONE) {
		conclude(task, error);
		return;
	}
	engine_machine_watch(make->vm, NULL, NULL);
	struct failing *failing = g_new0(struct failing, 1);
	failing->task = task;
	failing->error = error;
	engine_machine_kill_async(make->vm, on_killed, failing);
}

static void on_frozen(GObject *source, GAsyncResult *result, void *data)
{
	GTask *task = data;
	struct make *make = g_task_get_task_data(task);
	GError *error = NULL;
	if (!engine_machine_act_finish(make->vm, result, &error)) {
		fail(task, error);
		return;
	}
	make->about.made_ms = (g_get_monotonic_time() - make->begun_us) / 1000;
	if (!template_about_save(&make->about, make->making, &error)) {
		fail(task, error);
		return;
	}
	if (rename(make->making, make->folder) < 0) {
		fail(task, fault_new(FAULT_STORAGE, NULL,
				     "Template '%s' cannot be put in place: "
				     "%s.",
				     make->folder, g_strerror(errno)));
		return;
	}
	log_info(NULL, "Template '%s' was made in %.1f s.", make->key,
		 (double)make->about.made_ms / 1000);
	conclude(task, NULL);
}

/* ---- settling ---- */

/* Clock ticks of processor time used by the machine's process. */
static guint64 ticks_used(struct make *make)
{
	g_autofree char *path =
	    g_strdup_printf("/proc/%d/stat", (int)engine_machine_pid(make->vm));
	g_autofree char *text = NULL;
	unsigned long long user = 0, system = 0;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	const char *after = strrchr(text, ')');
	if (!after || sscanf(after + 1,
			     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			     "%llu %llu",
			     &user, &system) != 2)
		return 0;
	return user + system;
}

static void freeze(GTask *task)
{
	struct make *make = g_task_get_task_data(task);
	tell(make, "Freezing the template", 0.95);
	engine_machine_watch(make->vm, NULL, NULL);
	/* the agent's channel must be quiet in the frozen state */
	qga_close(make->qga);
	engine_machine_freeze_async(make->vm, make->own, on_frozen, task);
}

static gboolean sample(void *data)
{
	GTask *task = data;
	struct make *make = g_task_get_task_data(task);
	GError *error = NULL;
	if (make->death ||
	    g_cancellable_set_error_if_cancelled(make->own, &error)) {
		make->sampler = 0;
		fail(task, error);
		return G_SOURCE_REMOVE;
	}
	guint64 now = ticks_used(make);
	double percent = (double)(now - make->ticks) * 100 /
			 ((double)sysconf(_SC_CLK_TCK) * SAMPLE_MS / 1000);
	make->ticks = now;
	make->calm = percent < CALM_PERCENT ? make->calm + 1 : 0;
	if (make->calm < CALM_SAMPLES &&
	    g_get_monotonic_time() - make->settle_us < SETTLE_LIMIT_US)
		return G_SOURCE_CONTINUE;
	make->sampler = 0;
	freeze(task);
	return G_SOURCE_REMOVE;
}

static void on_session(GObject *source, GAsyncResult *result, void *data)
{
	GTask *task = data;
	struct make *make = g_task_get_task_data(task);
	GError *error = NULL;
	if (make->tick)
		g_source_remove(make->tick);
	make->tick = 0;
	if (!agent_finish(make->qga, result, &error)) {
		fail(task, error);
		return;
	}
	tell(make, "Letting the template's desktop settle", 0.85);
	make->settle_us = g_get_monotonic_time();
	make->ticks = ticks_used(make);
	make->sampler = g_timeout_add(SAMPLE_MS, sample, task);
}

/* ---- booting ---- */

/* Nobody knows how long a boot takes: towards 0.8, ever slower. */
static gboolean tick(void *data)
{
	struct make *make = data;
	double seconds =
	    (double)(g_get_monotonic_time() - make->begun_us) / 1e6;
	tell(make, "Booting the template, once for this image",
	     0.05 + 0.75 * (1 - exp(-seconds / 30)));
	return G_SOURCE_CONTINUE;
}

static void on_vm(struct engine_machine *vm, enum engine_state state,
		  enum engine_end end, const GError *why, void *data)
{
	struct make *make = data;
	if (state != ENGINE_GONE && state != ENGINE_STUCK)
		return;
	if (!make->death)
		make->death = why ? g_error_copy(why)
				  : fault_new(FAULT_UNAVAILABLE, NULL,
					      "The template's machine switched "
					      "itself off while it was made.");
	g_cancellable_cancel(make->own);
}

static void on_started(GObject *source, GAsyncResult *result, void *data)
{
	GTask *task = data;
	struct make *make = g_task_get_task_data(task);
	GError *error = NULL;
	make->vm = engine_start_finish(result, &error);
	if (!make->vm) {
		fail(task, error);
		return;
	}
	engine_machine_watch(make->vm, on_vm, make);
	make->qga = qga_new(engine_machine_agent_path(make->vm));
	make->tick = g_timeout_add(TICK_MS, tick, make);
	agent_session_async(make->qga, SESSION_MS, make->own, on_session, task);
}

static gboolean prepare(struct make *make, const struct image *image,
			const struct conf *conf, GError **error)
{
	g_autofree char *above = g_path_get_dirname(make->making);
	g_autofree char *disk =
	    g_build_filename(make->making, TEMPLATE_DISK, NULL);
	/* its memory, its disk, and something left for others */
	return files_make_folder(above, error) &&
	       space_check(above, conf->memory_mib + 512, "make a template",
			   error) &&
	       files_remove_tree(make->making, error) &&
	       files_remove_tree(make->run_dir, error) &&
	       files_make_folder(make->making, error) &&
	       files_make_folder(make->run_dir, error) &&
	       engine_overlay_create(image->disk, disk, error);
}

static void on_cancelled(GCancellable *cancellable, void *data)
{
	g_cancellable_cancel(data);
}

void template_make_async(const struct paths_root *root, const char *key,
			 const struct engine *engine, const struct conf *conf,
			 const struct image *image, const char *fingerprint,
			 templates_progress progress, void *progress_data,
			 GCancellable *cancellable,
			 GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, cancellable, callback, data);
	/* what happened decides, not when the caller lost interest */
	g_task_set_check_cancellable(task, FALSE);
	struct make *make = g_new0(struct make, 1);
	g_task_set_task_data(task, make, make_free);
	g_autofree char *making = g_strconcat(TEMPLATE_MAKING, key, NULL);
	make->key = g_strdup(key);
	make->making = g_build_filename(root->lib, "templates", making, NULL);
	make->folder = g_build_filename(root->lib, "templates", key, NULL);
	make->run_dir = g_build_filename(root->run, "templates", key, NULL);
	make->about = (struct template_about){
	    .image = g_strdup(image->name),
	    .version = g_strdup(image->version),
	    .engine = g_strdup(engine_name(engine)),
	    .cpus = conf->cpus,
	    .memory_mib = conf->memory_mib,
	    .heads = conf->heads,
	};
	make->progress = progress;
	make->progress_data = progress_data;
	make->begun_us = g_get_monotonic_time();
	make->own = g_cancellable_new();
	make->link = g_cancellable_connect(
	    cancellable, G_CALLBACK(on_cancelled), make->own, NULL);
	GError *error = NULL;
	tell(make, "Starting the template's machine", 0.02);
	if (!prepare(make, image, conf, &error)) {
		fail(task, error);
		return;
	}
	g_autofree char *disk =
	    g_build_filename(make->making, TEMPLATE_DISK, NULL);
	g_autofree char *hash =
	    g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
	g_autofree char *id = g_strdup_printf("template-%.12s", hash);
	struct engine_spec spec = {
	    .id = id,
	    .name = "Template",
	    .folder = make->making,
	    .run_dir = make->run_dir,
	    .cpus = conf->cpus,
	    .memory_mib = conf->memory_mib,
	    .heads = conf->heads,
	    .disk = disk,
	    .kernel = image->kernel,
	    .initrd = image->initrd,
	    .cmdline = image->cmdline,
	};
	engine_start_template_async(engine, &spec, make->making, make->own,
				    on_started, task);
}

gboolean template_make_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}
