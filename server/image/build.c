#include "server/image/build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "server/image/cache.h"
#include "server/image/child.h"
#include "server/image/inputs.h"
#include "server/image/kernel.h"
#include "server/image/manifest.h"
#include "server/image/needs.h"
#include "server/image/recipe.h"
#include "server/image/sources.h"
#include "server/image/tree.h"

struct build {
	const struct build_request *request;
	struct progress *progress;
	struct recipe *recipe;
	struct inputs inputs;
	struct sources sources;
	char *uuid;
	char *temp;   /* package tree and other things that go again */
	char *work;   /* below it, for us alone */
	char *making; /* becomes the output */
	int log_fd;
	struct progress_reader reader;
	GString *output; /* end of what the last child said */
};

static char *in_making(const struct build *self, const char *name)
{
	return g_build_filename(self->making, name, NULL);
}

static gboolean storage(GError **error, const char *path)
{
	int err = errno;
	fault_set(error, FAULT_STORAGE,
		  err == ENOSPC ? "Free some room and build again."
				: "Choose a folder you may write.",
		  "'%s' cannot be written: %s.", path, g_strerror(err));
	return FALSE;
}

/* A version 4 UUID out of the key: clones of one image share it, images
 * differ, and the same inputs give the same file system. */
static char *uuid_from(const char *key)
{
	return g_strdup_printf("%.8s-%.4s-4%.3s-8%.3s-%.12s", key, key + 8,
			       key + 12, key + 15, key + 18);
}

static gboolean put_file(const char *folder, const char *name, const char *text,
			 int mode, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE,
				     mode, NULL))
		return TRUE;
	return storage(error, path);
}

static void on_line(const char *line, void *data)
{
	struct build *self = data;
	progress_read(&self->reader, line);
}

static gboolean make_tree(struct build *self, GError **error)
{
	g_autofree char *tree = g_build_filename(self->temp, "tree", NULL);
	const struct tree_job job = {
	    .recipe = self->recipe,
	    .sources = &self->sources,
	    .uuid = self->uuid,
	    .folder = self->work,
	    .tree = tree,
	    .log_fd = self->log_fd,
	    .line = on_line,
	    .data = self,
	    .output = self->output,
	};
	return tree_make(&job, error);
}

/* ---- the folder ---- */

static void on_convert(const char *line, void *data)
{
	struct build *self = data;
	const char *at = strchr(line, '('); /* "    (42.01/100%)" */
	if (at)
		progress_set(self->progress, STAGE_CONVERT,
			     g_ascii_strtod(at + 1, NULL) / 100, NULL);
}

static gboolean convert_disk(struct build *self, GError **error)
{
	progress_set(self->progress, STAGE_CONVERT, 0, "Writing the disk");
	g_autofree char *raw = g_build_filename(self->work, "disk.raw", NULL);
	g_autofree char *disk = in_making(self, "disk.qcow2");
	/* not compressed: a guest reads it all the time, under emulation with
	 * the very CPU that would unpack it */
	const char *argv[] = {
	    "qemu-img", "convert",           "-p", "-f", "raw", "-O", "qcow2",
	    "-o",       "lazy_refcounts=on", "-W", raw,  disk,  NULL};
	struct child_spec spec = {.argv = argv,
				  .log_fd = self->log_fd,
				  .line = on_convert,
				  .data = self,
				  .output = self->output};
	if (!child_run(&spec, error))
		return needs_explain(self->output->str, self->recipe->suite,
				     error);
	unlink(raw);
	return TRUE;
}

/* Kernel and initrd, from where the hooks put them. */
static gboolean take_boot_file(struct build *self, const char *name,
			       const char *remedy, GError **error)
{
	g_autofree char *from = g_build_filename(self->work, name, NULL);
	g_autofree char *to = in_making(self, name);
	g_autofree char *image = NULL;
	gsize length;
	if (!g_file_get_contents(from, &image, &length, NULL))
		return storage(error, from);
	if (length == 0) {
		fault_set(error, FAULT_INVALID, remedy,
			  "The recipe makes no %s.", name);
		return FALSE;
	}
	/* what is no bzImage we know stays as it is, and boots too */
	g_autoptr(GBytes) kernel = kernel_unpack((const guint8 *)image, length);
	gsize size = length;
	const char *data = kernel ? g_bytes_get_data(kernel, &size) : image;
	if (!g_file_set_contents_full(to, data, (gssize)size,
				      G_FILE_SET_CONTENTS_NONE, 0644, NULL))
		return storage(error, to);
	return TRUE;
}

static gboolean seal(struct build *self)
{
	for (gsize i = 0; IMAGE_FILES[i]; i++) {
		g_autofree char *path = in_making(self, IMAGE_FILES[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		gboolean good =
		    fd >= 0 && fchmod(fd, 0444) == 0 && fsync(fd) == 0;
		if (fd >= 0)
			close(fd);
		if (!good)
			return FALSE;
	}
	return chmod(self->making, 0755) == 0;
}

static json_t *finish(struct build *self, gint64 begun, GError **error)
{
	if (!convert_disk(self, error) ||
	    !take_boot_file(self, "vmlinuz",
			    "Add linux-image-amd64 to its packages.", error) ||
	    !take_boot_file(self, "initrd.img",
			    "Add tiny-initramfs to its packages.", error))
		return NULL;
	progress_set(self->progress, STAGE_FINISH, 0, "Summing up");
	g_autofree char *cmdline =
	    g_strdup_printf("root=UUID=%s rootfstype=ext4%s%s\n", self->uuid,
			    self->recipe->cmdline ? " " : "",
			    self->recipe->cmdline ? self->recipe->cmdline : "");
	g_autofree char *facts_path =
	    g_build_filename(self->work, "facts", NULL);
	g_autofree char *facts = NULL;
	if (!put_file(self->making, "cmdline", cmdline, 0644, error))
		return NULL;
	if (!g_file_get_contents(facts_path, &facts, NULL, NULL)) {
		storage(error, facts_path);
		return NULL;
	}
	double seconds =
	    (double)((g_get_monotonic_time() - begun) / 10000) / 100;
	json_t *manifest = manifest_make(self->recipe, self->inputs.key, facts,
					 self->making, seconds, error);
	if (!manifest)
		return NULL;
	if (manifest_write(manifest, self->making, error) &&
	    (seal(self) || storage(error, self->making)))
		return manifest;
	json_decref(manifest);
	return NULL;
}

static json_t *build_fresh(struct build *self, GError **error)
{
	gint64 begun = g_get_monotonic_time();
	progress_set(self->progress, STAGE_CHECK, 0.5, "Checking the tools");
	self->temp = needs_temp_folder(error);
	if (!self->temp || !needs_tools(error) ||
	    !needs_room(self->temp, self->making, error) ||
	    !sources_find(&self->sources, self->recipe->suite, error))
		return NULL;
	self->work = g_build_filename(self->temp, "work", NULL);
	if (mkdir(self->work, 0700) < 0) {
		storage(error, self->work);
		return NULL;
	}
	g_autofree char *log = in_making(self, "build.log");
	self->log_fd =
	    open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (self->log_fd < 0) {
		storage(error, log);
		return NULL;
	}
	self->reader.progress = self->progress;
	if (!make_tree(self, error))
		return NULL;
	return finish(self, begun, error);
}

/* ---- the whole ---- */

static void on_waiting(void *data)
{
	struct build *self = data;
	progress_set(self->progress, STAGE_CHECK, 0.2,
		     "Waiting for another build of the same image");
}

static gboolean open_output(struct build *self, GError **error)
{
	g_autofree char *output =
	    g_canonicalize_filename(self->request->output, NULL);
	g_autofree char *parent = g_path_get_dirname(output);
	g_autofree char *name = g_path_get_basename(output);
	if (g_file_test(output, G_FILE_TEST_EXISTS) && rmdir(output) < 0) {
		fault_set(error, FAULT_CONFLICT,
			  "Remove it first, or choose another --output.",
			  "'%s' is there already.", output);
		return FALSE;
	}
	g_autofree char *prefix = g_strdup_printf(".%s.making-", name);
	self->making = g_strdup_printf("%s/%sXXXXXX", parent, prefix);
	if (g_mkdir_with_parents(parent, 0755) == 0 &&
	    g_mkdtemp_full(self->making, 0700)) {
		needs_hold(self->making);
		needs_sweep(parent, prefix);
		return TRUE;
	}
	storage(error, parent);
	g_clear_pointer(&self->making, g_free);
	return FALSE;
}

static json_t *run(struct build *self, struct cache *cache, GError **error)
{
	json_t *manifest = cache_take(cache, self->making, error);
	if (!manifest && !*error) {
		if (!cache_lock(cache, on_waiting, self, error))
			return NULL;
		/* whoever held the lock may have made it meanwhile */
		manifest = cache_take(cache, self->making, error);
	}
	if (manifest || *error) {
		chmod(self->making, 0755);
		return manifest;
	}
	manifest = build_fresh(self, error);
	if (manifest)
		cache_put(cache, self->making);
	return manifest;
}

/* What is half-made goes, but the reason in full is kept: one file, replaced
 * by the next failure. Only faults that say no remedy of their own need it. */
static void keep_log(const struct build *self, GError **fault)
{
	if (!self->request->cache || self->log_fd < 0 ||
	    fault_code(*fault) == FAULT_CANCELLED)
		return;
	g_autofree char *from = in_making(self, "build.log");
	g_autofree char *to = g_build_filename(self->request->cache, "images",
					       "last-failure.log", NULL);
	g_autofree char *remedy = fault_remedy(*fault);
	if (rename(from, to) < 0 || remedy)
		return;
	g_autofree char *cause = fault_cause(*fault);
	g_autofree char *look =
	    g_strdup_printf("The whole story is in %s.", to);
	enum fault_code code = fault_code(*fault);
	g_clear_error(fault);
	fault_set(fault, code, look, "%s", cause);
}

static void build_clear(struct build *self)
{
	if (self->making)
		remove_tree(self->making);
	if (self->temp)
		needs_remove_temp(self->temp);
	if (self->log_fd >= 0)
		close(self->log_fd);
	g_free(self->making);
	g_free(self->work);
	g_free(self->temp);
	g_free(self->uuid);
	recipe_free(self->recipe);
	inputs_clear(&self->inputs);
	sources_clear(&self->sources);
	g_string_free(self->output, TRUE);
}

json_t *build_image(const struct build_request *request,
		    struct progress *progress, void (*warn)(const char *text),
		    GError **error)
{
	g_autoptr(GError) fault = NULL;
	json_t *manifest = NULL;
	struct cache *cache = NULL;
	struct build self = {.request = request,
			     .progress = progress,
			     .log_fd = -1,
			     .output = g_string_new(NULL)};
	progress_set(progress, STAGE_CHECK, 0, "Reading the recipe");
	self.recipe = recipe_load(request->recipe, &fault);
	if (self.recipe && self.recipe->abstract)
		fault_set(&fault, FAULT_INVALID,
			  "Build one of the recipes that include it.",
			  "Recipe '%s' is only a part of others.",
			  self.recipe->name);
	if (!fault && inputs_collect(&self.inputs, self.recipe, &fault) &&
	    open_output(&self, &fault)) {
		self.uuid = uuid_from(self.inputs.key);
		cache = cache_open(request->cache, self.inputs.key);
		manifest = run(&self, cache, &fault);
	}
	if (manifest && rename(self.making, request->output) < 0) {
		json_decref(manifest);
		manifest = NULL;
		storage(&fault, request->output);
	}
	if (fault && self.making)
		keep_log(&self, &fault);
	if (cache && cache_problem(cache) && warn)
		warn(cache_problem(cache));
	cache_close(cache);
	build_clear(&self);
	if (fault)
		g_propagate_error(error, g_steal_pointer(&fault));
	return manifest;
}
