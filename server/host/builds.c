#include "server/host/builds.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/host/conf.h"
#include "server/host/files.h"
#include "server/host/image.h"
#include "server/host/proc.h"
#include "server/host/space.h"

/* a small desktop needs 3 GB while it is put together */
#define ROOM_MIB 3072
/* a line of progress; a manifest names every package of a full desktop */
#define LINE_MAX_BYTES (4u << 20)
/* cancelling unmounts and removes a file tree */
#define CANCEL_MS 20000
/* progress reaches the broker at most this often */
#define TELL_US    100000
#define BUILDS_MAX 4

struct builds {
	const struct paths_root *root;
	void (*tell)(json_t *message, void *data);
	void *data;
	GHashTable *tasks; /* id -> struct build */
};

struct build {
	struct builds *builds;
	char *task, *image, *version;
	char *making, *folder, *log;
	char *import;  /* a disk's path; NULL: built from a recipe */
	char *profile; /* of the machine that disk was installed on */
	const char *firmware;
	gboolean plain;
	char *machine; /* its folder */
	struct proc_watch *watch;
	int fd; /* progress; -1 at its end */
	guint source, kill_timer;
	GString *line;
	gboolean more; /* the last read brought something */
	char *stage, *message;
	json_int_t done, total;
	json_t *manifest;
	GError *error;
	gboolean cancelled;
	gint64 told_us;
};

struct builds *builds_new(const struct paths_root *root,
			  void (*tell)(json_t *message, void *data), void *data)
{
	struct builds *self = g_new0(struct builds, 1);
	self->root = root;
	self->tell = tell;
	self->data = data;
	self->tasks = g_hash_table_new(g_str_hash, g_str_equal);
	return self;
}

static void build_free(struct build *build)
{
	if (build->source)
		g_source_remove(build->source);
	if (build->kill_timer)
		g_source_remove(build->kill_timer);
	if (build->fd >= 0)
		close(build->fd);
	proc_watch_free(build->watch);
	g_string_free(build->line, TRUE);
	json_decref(build->manifest);
	g_clear_error(&build->error);
	g_free(build->task);
	g_free(build->image);
	g_free(build->version);
	g_free(build->making);
	g_free(build->folder);
	g_free(build->log);
	g_free(build->import);
	g_free(build->profile);
	g_free(build->machine);
	g_free(build->stage);
	g_free(build->message);
	g_free(build);
}

void builds_free(struct builds *self)
{
	if (!self)
		return;
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->tasks);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct build *build = value;
		proc_watch_signal(build->watch, SIGTERM);
		build_free(build);
	}
	g_hash_table_unref(self->tasks);
	g_free(self);
}

/* ---- what the broker sees ---- */

static json_t *describe(const struct build *build, const char *state)
{
	json_t *out = json_pack("{s:s, s:s, s:s, s:I, s:I}", "event", "task",
				"task", build->task, "state", state, "done",
				build->done, "total", build->total);
	if (build->stage)
		json_object_set_new(out, "stage", json_string(build->stage));
	if (build->message)
		json_object_set_new(out, "message",
				    json_string(build->message));
	return out;
}

json_t *builds_describe(struct builds *self)
{
	json_t *out = json_array();
	GHashTableIter iter;
	void *build;
	g_hash_table_iter_init(&iter, self->tasks);
	while (g_hash_table_iter_next(&iter, NULL, &build))
		json_array_append_new(out, describe(build, "running"));
	return out;
}

/* ---- the end ---- */

/* All that a machine will need must be there before the version is. */
static gboolean put_in_place(struct build *build, GError **error)
{
	static const char *const parts[] = {
	    "disk.qcow2", "vmlinuz", "initrd.img", "cmdline", "manifest.json"};
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		g_autofree char *path =
		    g_build_filename(build->making, parts[i], NULL);
		if (chmod(path, 0444) == 0)
			continue;
		/* of a disk from elsewhere nothing is known but itself */
		if (build->import && i > 0 && i < G_N_ELEMENTS(parts) - 1)
			continue;
		int err = errno;
		fault_set(error, FAULT_INTERNAL, NULL,
			  "The image builder made no usable %s: %s.", parts[i],
			  g_strerror(err));
		return FALSE;
	}
	if (rename(build->making, build->folder) == 0)
		return TRUE;
	int err = errno;
	fault_set(error, FAULT_STORAGE, NULL,
		  "The image cannot be put in place at '%s': %s.",
		  build->folder, g_strerror(err));
	return FALSE;
}

static void finish(struct build *build, int status)
{
	struct builds *self = build->builds;
	g_autoptr(GError) error = g_steal_pointer(&build->error);
	const char *state = "failed";
	if (!error && build->manifest && status == 0 &&
	    put_in_place(build, &error)) {
		state = "done";
	} else if (build->cancelled) {
		state = "cancelled";
		g_clear_error(&error);
		error = fault_new(FAULT_CANCELLED, NULL,
				  "The image build was cancelled.");
	} else if (!error) {
		g_autofree char *how = proc_status_text(status);
		g_autofree char *tail = proc_log_tail(build->log, 4);
		error = fault_new(
		    FAULT_INTERNAL, "Try again; its log tells more.",
		    "The image builder %s without a result.%s%s", how,
		    tail ? " Its log ends with " : "", tail ? tail : "");
	}
	if (error && !build->cancelled)
		log_fault(NULL, error);
	g_autofree char *kept =
	    error && !build->cancelled && build->machine
		? builds_keep(self, build->image, build->version,
			      build->machine)
		: NULL;
	if (kept) {
		GError *told = builds_tell_kept(error, kept);
		g_error_free(error);
		error = told;
	}
	g_autoptr(GError) leftover = NULL;
	if (strcmp(state, "done") != 0 &&
	    !files_remove_tree(build->making, &leftover))
		log_fault(NULL, leftover);
	json_t *message = describe(build, state);
	if (strcmp(state, "done") == 0)
		json_object_set(message, "manifest", build->manifest);
	else
		json_object_set_new(message, "error",
				    jsonline_from_error(error));
	g_hash_table_remove(self->tasks, build->task);
	g_autofree char *base =
	    build->import ? g_path_get_basename(build->import) : NULL;
	if (base && g_str_has_prefix(base, BUILDS_COPY))
		unlink(build->import);
	if (strcmp(state, "done") == 0)
		unlink(build->log);
	build_free(build);
	self->tell(message, self->data);
}

/* ---- progress ---- */

static char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? g_strndup(text, 500) : NULL;
}

static void take_line(struct build *build, const char *line)
{
	json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	json_t *failure = json_object_get(root, "error");
	json_t *manifest = json_object_get(root, "manifest");
	if (json_is_object(failure)) {
		g_clear_error(&build->error);
		build->error = jsonline_to_error(failure);
	} else if (json_is_object(manifest)) {
		json_decref(build->manifest);
		build->manifest = json_incref(manifest);
	} else if (json_is_object(root)) {
		g_free(build->stage);
		g_free(build->message);
		build->stage = text_of(root, "stage");
		build->message = text_of(root, "message");
		json_int_t done =
		    json_integer_value(json_object_get(root, "done"));
		json_int_t total =
		    json_integer_value(json_object_get(root, "total"));
		build->done = MAX(build->done, done);
		build->total = MAX(total, 0);
		gint64 now = g_get_monotonic_time();
		if (now - build->told_us >= TELL_US ||
		    (build->total && build->done >= build->total)) {
			build->told_us = now;
			build->builds->tell(describe(build, "running"),
					    build->builds->data);
		}
	} else {
		g_autofree char *said = log_quote(line, strlen(line));
		log_warn(NULL, "The image builder said %s.", said);
	}
	json_decref(root);
}

/* FALSE at the end of the stream. */
static gboolean read_progress(struct build *build)
{
	char buffer[8192];
	ssize_t got = read(build->fd, buffer, sizeof buffer);
	build->more = got > 0;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return TRUE;
	if (got <= 0)
		return FALSE;
	g_string_append_len(build->line, buffer, got);
	char *end;
	while ((end = memchr(build->line->str, '\n', build->line->len))) {
		*end = '\0';
		take_line(build, build->line->str);
		g_string_erase(build->line, 0, end - build->line->str + 1);
	}
	return build->line->len <= LINE_MAX_BYTES;
}

static gboolean on_progress(int fd, GIOCondition condition, void *data)
{
	struct build *build = data;
	if (read_progress(build))
		return G_SOURCE_CONTINUE;
	build->source = 0;
	return G_SOURCE_REMOVE;
}

static void on_builder_end(pid_t pid, int status, void *data)
{
	struct build *build = data;
	/* its last words may still be in the pipe; helpers it left behind may
	 * hold the other end, so only what is there is read */
	if (build->source)
		g_source_remove(build->source);
	build->source = 0;
	while (read_progress(build) && build->more)
		continue;
	finish(build, status);
}

/* ---- starting and cancelling ---- */

static gboolean on_kill(void *data)
{
	struct build *build = data;
	build->kill_timer = 0;
	proc_watch_signal(build->watch, SIGKILL);
	return G_SOURCE_REMOVE;
}

gboolean builds_cancel(struct builds *self, const char *task, GError **error)
{
	struct build *build = g_hash_table_lookup(self->tasks, task);
	if (!build) {
		fault_set(error, FAULT_NOT_FOUND, NULL,
			  "No task '%s' is under way on this host.", task);
		return FALSE;
	}
	if (!build->cancelled) {
		build->cancelled = TRUE;
		proc_watch_signal(build->watch, SIGTERM);
		build->kill_timer = g_timeout_add(CANCEL_MS, on_kill, build);
	}
	return TRUE;
}

static gboolean spawn(struct build *build, const char *recipe, GError **error)
{
	int ends[2];
	if (!g_unix_open_pipe(ends, FD_CLOEXEC, error))
		return FALSE;
	build->fd = ends[0];
	g_unix_set_fd_nonblocking(build->fd, TRUE, NULL);
	g_autofree char *program = paths_program(
	    build->import ? "oriel-image-import" : "oriel-image-build");
	g_autofree char *cache = paths_cache();
	const char *const building[] = {
	    program,   "--recipe", recipe,          "--output", build->making,
	    "--cache", cache,      "--progress-fd", "3",        NULL};
	const char *importing[16] = {program,    "--file",      build->import,
				     "--output", build->making, "--progress-fd",
				     "3"};
	gsize at = 7;
	if (build->profile) {
		importing[at++] = "--profile";
		importing[at++] = build->profile;
		importing[at++] = "--firmware";
		importing[at++] = build->firmware;
		importing[at++] = "--title";
		importing[at++] = build->image;
	}
	if (build->profile && build->plain)
		importing[at++] = "--plain";
	pid_t pid = proc_spawn(build->import ? importing : building, ends[1],
			       build->log, PROC_WITH_US, error);
	close(ends[1]);
	if (pid < 0)
		return FALSE;
	build->watch = proc_watch_new(pid, on_builder_end, build);
	if (!build->watch) {
		kill(pid, SIGKILL);
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "The image builder cannot be watched.");
		return FALSE;
	}
	build->source =
	    g_unix_fd_add(build->fd, G_IO_IN | G_IO_HUP, on_progress, build);
	return TRUE;
}

/* A task that runs needs no second start, and with a version that is there it
 * is done as it begins. */
static gboolean done_already(struct builds *self, const char *task,
			     const char *name, const char *version,
			     gboolean *done, GError **error)
{
	g_autofree char *folder = image_folder(self->root, name, version);
	*done = g_hash_table_contains(self->tasks, task);
	if (*done || !g_file_test(folder, G_FILE_TEST_EXISTS))
		return TRUE;
	g_autoptr(image_auto) image =
	    image_open(self->root, name, version, error);
	json_t *manifest = image ? image_manifest(image, error) : NULL;
	if (!manifest)
		return FALSE;
	*done = TRUE;
	self->tell(json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:o}", "event",
			     "task", "task", task, "state", "done", "stage",
			     "Already built", "done", 1, "total", 1, "manifest",
			     manifest),
		   self->data);
	return TRUE;
}

static gboolean refuse_twice(struct builds *self, const char *task,
			     const char *image, const char *version,
			     GError **error)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->tasks);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct build *other = value;
		if (strcmp(other->image, image) == 0 &&
		    strcmp(other->version, version) == 0) {
			fault_set(error, FAULT_CONFLICT,
				  "Wait for it, or cancel it.",
				  "Image '%s' version '%s' is being built as "
				  "task '%s'.",
				  image, version, other->task);
			return FALSE;
		}
	}
	if (g_hash_table_size(self->tasks) < BUILDS_MAX)
		return TRUE;
	fault_set(error, FAULT_BUSY, "Wait until one is done.",
		  "%d images are being built on this host already.",
		  BUILDS_MAX);
	return FALSE;
}

/* What all have in common. recipe or import, a path, is NULL; installed: what
 * the disk was installed on, or NULL. */
static gboolean start(struct builds *self, const char *task, const char *image,
		      const char *version, const char *recipe,
		      const char *import,
		      const struct builds_installed *installed, GError **error)
{
	g_autofree char *images =
	    g_build_filename(self->root->lib, "images", image, NULL);
	g_autofree char *building = g_strdup_printf(".%s.building", version);
	g_autofree char *log = g_strdup_printf(".%s.log", version);
	if (!refuse_twice(self, task, image, version, error) ||
	    !files_make_folder(images, error) ||
	    !space_check(images, ROOM_MIB, "build an image", error))
		return FALSE;
	struct build *build = g_new0(struct build, 1);
	build->builds = self;
	build->fd = -1;
	build->line = g_string_new(NULL);
	build->task = g_strdup(task);
	build->image = g_strdup(image);
	build->version = g_strdup(version);
	build->making = g_build_filename(images, building, NULL);
	build->folder = g_build_filename(images, version, NULL);
	build->log = g_build_filename(images, log, NULL);
	build->import = g_strdup(import);
	if (installed) {
		build->profile = g_strdup(installed->profile);
		build->firmware = installed->uefi ? "uefi" : "bios";
		build->plain = installed->plain;
		build->machine = g_strdup(installed->machine);
	}
	if (!files_remove_tree(build->making, error) ||
	    !spawn(build, recipe, error)) {
		build_free(build);
		return FALSE;
	}
	g_hash_table_insert(self->tasks, build->task, build);
	self->tell(describe(build, "running"), self->data);
	return TRUE;
}

gboolean builds_start(struct builds *self, const char *task, const char *image,
		      const char *version, const char *recipe, GError **error)
{
	gboolean done;
	if (!done_already(self, task, image, version, &done, error))
		return FALSE;
	if (done)
		return TRUE;
	g_autofree char *name = g_strdup_printf("images/%s.recipe", recipe);
	g_autofree char *path = paths_data(name);
	if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return start(self, task, image, version, path, NULL, NULL,
			     error);
	fault_set(error, FAULT_NOT_FOUND,
		  "The recipes are the files NAME.recipe in data/images.",
		  "There is no recipe '%s' on this host.", recipe);
	return FALSE;
}

gboolean builds_import(struct builds *self, const char *task, const char *image,
		       const char *version, const char *file, GError **error)
{
	gboolean done;
	if (!done_already(self, task, image, version, &done, error))
		return FALSE;
	if (done)
		return TRUE;
	g_autofree char *path =
	    g_build_filename(self->root->lib, "import", file, NULL);
	/* never through a link: the folder is for disks, not for ways out */
	struct stat st;
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		return start(self, task, image, version, NULL, path, NULL,
			     error);
	fault_set(error, FAULT_NOT_FOUND,
		  "Put it there, or use 'oriel image import' on that machine.",
		  "There is no file '%s' on this host.", path);
	return FALSE;
}

gboolean builds_take(struct builds *self, const char *task, const char *image,
		     const char *version, const char *disk,
		     const struct builds_installed *installed, GError **error)
{
	gboolean done;
	if (!done_already(self, task, image, version, &done, error))
		return FALSE;
	return done ||
	       start(self, task, image, version, NULL, disk, installed, error);
}

/* Copied, since the desktop is removed; a file that is not there is none. */
char *builds_keep(struct builds *self, const char *image, const char *version,
		  const char *machine)
{
	static const char *const kept[] = {"log", "display.log", "screen.png"};
	g_autofree char *name = g_strdup_printf("%s.failed", version);
	char *folder =
	    g_build_filename(self->root->lib, "images", image, name, NULL);
	g_autoptr(GError) error = NULL;
	if (!files_make_folder(folder, &error)) {
		log_fault(NULL, error);
		g_clear_pointer(&folder, g_free);
		return NULL;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(kept); i++) {
		g_autofree char *from =
		    g_build_filename(machine, kept[i], NULL);
		g_autofree char *to = g_build_filename(folder, kept[i], NULL);
		g_autoptr(GFile) source = g_file_new_for_path(from);
		g_autoptr(GFile) target = g_file_new_for_path(to);
		g_autoptr(GError) why = NULL;
		if (!g_file_copy(source, target,
				 G_FILE_COPY_OVERWRITE |
				     G_FILE_COPY_NOFOLLOW_SYMLINKS,
				 NULL, NULL, NULL, &why) &&
		    !g_error_matches(why, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
			log_fault(NULL, why);
	}
	return folder;
}

GError *builds_tell_kept(const GError *error, const char *folder)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	g_autofree char *more =
	    g_strdup_printf("%s%sIts log and its last picture are in '%s'.",
			    remedy ? remedy : "", remedy ? " " : "", folder);
	return fault_new(fault_code(error), more, "%s", cause);
}

gboolean builds_has(struct builds *self, const char *task)
{
	return g_hash_table_contains(self->tasks, task);
}

void builds_tidy(struct builds *self)
{
	g_autofree char *images =
	    g_build_filename(self->root->lib, "images", NULL);
	g_autoptr(GPtrArray) names = files_list(images);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *image =
		    g_build_filename(images, names->pdata[i], NULL);
		g_autoptr(GPtrArray) versions = files_list(image);
		for (guint j = 0; j < versions->len; j++) {
			const char *version = versions->pdata[j];
			g_autofree char *path =
			    g_build_filename(image, version, NULL);
			g_autoptr(GError) error = NULL;
			if (version[0] == '.' &&
			    !files_remove_tree(path, &error))
				log_fault(NULL, error);
		}
	}
}
