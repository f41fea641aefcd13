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
#include "server/image/pack.h"
#include "server/image/recipe.h"
#include "server/image/sources.h"

/* mmdebstrap's own shell lines need the numbers below 10 for themselves. */
#define FIRST_FD 20

static const char SETUP_HOOK[] =
	"printf 'Package: usrmerge\\nPin: release *\\nPin-Priority: -1\\n' "
	">\"$1/etc/apt/preferences.d/oriel\"";

struct build {
	const struct build_request *request;
	struct progress *progress;
	struct recipe *recipe;
	struct inputs inputs;
	struct sources sources;
	char *uuid;
	char *temp;   /* package tree and other things that go again */
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

/* ---- the package tree and the file system: mmdebstrap ---- */

static void on_line(const char *line, void *data)
{
	struct build *self = data;
	progress_read(&self->reader, line);
}

static GPtrArray *mmdebstrap_args(struct build *self, const char *essential,
				  const char *customize)
{
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(args, g_strdup("mmdebstrap"));
	g_ptr_array_add(args, g_strdup("--verbose"));
	g_ptr_array_add(args, g_strdup_printf("--mode=%s", needs_mode()));
	g_ptr_array_add(args, g_strdup("--variant=minbase"));
	g_ptr_array_add(args, g_strdup("--format=null"));
	g_ptr_array_add(args, g_strdup("--aptopt=Apt::Install-Recommends "
				       "\"false\""));
	g_ptr_array_add(args, g_strdup("--aptopt=Acquire::Retries \"3\""));
	/* a file, since a proxy's password must not be in an argument */
	g_ptr_array_add(args,
			g_strdup_printf("--aptopt=%s/apt.conf", self->temp));
	g_ptr_array_add(args, g_strdup("--dpkgopt=force-unsafe-io"));
	g_ptr_array_add(args, g_strdup("--dpkgopt=force-confdef"));
	g_ptr_array_add(args, g_strdup("--dpkgopt=force-confold"));
	/* merged from the start, instead of by a package that brings all of
	 * Perl along to move files that are in place already */
	g_ptr_array_add(args, g_strdup("--hook-dir=/usr/share/mmdebstrap/"
				       "hooks/merged-usr"));
	g_ptr_array_add(args, g_strdup_printf("--setup-hook=%s", SETUP_HOOK));
	for (guint i = 0; i < self->recipe->excludes->len; i++)
		g_ptr_array_add(
		    args,
		    g_strdup_printf("--dpkgopt=path-exclude=%s",
				    (char *)self->recipe->excludes->pdata[i]));
	g_ptr_array_add(self->recipe->packages, NULL);
	g_autofree char *names =
	    g_strjoinv(",", (char **)self->recipe->packages->pdata);
	g_ptr_array_remove_index(self->recipe->packages,
				 self->recipe->packages->len - 1);
	g_ptr_array_add(args, g_strdup_printf("--include=%s", names));
	g_ptr_array_add(args,
			g_strdup_printf("--essential-hook=%s", essential));
	g_ptr_array_add(args,
			g_strdup_printf("--customize-hook=%s", customize));
	g_ptr_array_add(args, g_strdup(self->recipe->suite));
	g_ptr_array_add(args, g_strdup("-"));
	g_ptr_array_add(args, g_strdup_printf("%s/image.sources", self->temp));
	g_ptr_array_add(args, NULL);
	return args;
}

static char *hook(const char *name, GError **error)
{
	g_autofree char *path = paths_data(name);
	g_autofree char *text = NULL;
	g_autoptr(GError) io = NULL;
	if (g_file_get_contents(path, &text, NULL, &io))
		return g_steal_pointer(&text);
	fault_set(error, FAULT_NOT_FOUND, "Install Oriel again.",
		  "'%s' cannot be read: %s.", path, io->message);
	return NULL;
}

/* Files that both sides of a user namespace use are reached by descriptor:
 * inside, nobody may look into our folders. 0666 lets the other side open
 * /proc/self/fd/N anew; the folder around is 0700. */
static int shared_file(const char *folder, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && fchmod(fd, 0666) == 0)
		return fd;
	storage(error, path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static gboolean prepare(struct build *self, GError **error)
{
	if (!put_file(self->temp, "image.sources", self->sources.deb822, 0644,
		      error) ||
	    !put_file(self->temp, "apt.conf", self->sources.apt_conf, 0600,
		      error))
		return FALSE;
	g_ptr_array_add(self->recipe->commands, NULL);
	g_autofree char *lines =
	    g_strjoinv("\n", (char **)self->recipe->commands->pdata);
	g_ptr_array_remove_index(self->recipe->commands,
				 self->recipe->commands->len - 1);
	g_autofree char *script = g_strconcat(lines, "\n", NULL);
	return put_file(self->temp, "commands", script, 0644, error) &&
	       pack_overlay(self->recipe, self->temp, self->log_fd, error);
}

static gboolean install_packages(struct build *self, GError **error)
{
	g_autofree char *essential = hook("images/hooks/essential.sh", error);
	g_autofree char *customize =
	    essential ? hook("images/hooks/customize.sh", error) : NULL;
	if (!customize || !prepare(self, error))
		return FALSE;
	static const struct {
		const char *name;
		gboolean in_making, input;
	} FILES[] = {
	    {"overlay.tar", FALSE, TRUE}, {"commands", FALSE, TRUE},
	    {"disk.raw", FALSE, FALSE},   {"vmlinuz", TRUE, FALSE},
	    {"initrd.img", TRUE, FALSE},  {"facts", FALSE, FALSE},
	};
	struct child_fd fds[G_N_ELEMENTS(FILES)];
	gsize n = 0;
	for (; n < G_N_ELEMENTS(FILES); n++) {
		const char *folder =
		    FILES[n].in_making ? self->making : self->temp;
		g_autofree char *path =
		    g_build_filename(folder, FILES[n].name, NULL);
		fds[n].as = FIRST_FD + (int)n;
		fds[n].fd = FILES[n].input
				? open(path, O_RDONLY | O_CLOEXEC)
				: shared_file(folder, FILES[n].name, error);
		if (fds[n].fd < 0) {
			if (FILES[n].input)
				storage(error, path);
			break;
		}
	}
	gboolean good = n == G_N_ELEMENTS(FILES);
	if (good) {
		g_autoptr(GPtrArray) args =
		    mmdebstrap_args(self, essential, customize);
		g_autofree char *tmp =
		    g_strdup_printf("TMPDIR=%s/tree", self->temp);
		g_autofree char *uuid =
		    g_strdup_printf("ORIEL_UUID=%s", self->uuid);
		g_autofree char *kib =
		    g_strdup_printf("ORIEL_DISK_KIB=%" G_GUINT64_FORMAT,
				    (guint64)self->recipe->disk_gib << 20);
		const char *env[] = {tmp,
				     uuid,
				     kib,
				     "LC_ALL=C.UTF-8",
				     "DEBIAN_FRONTEND=noninteractive",
				     "PATH=/usr/local/sbin:/usr/local/bin:"
				     "/usr/sbin:/usr/bin:/sbin:/bin",
				     NULL};
		struct child_spec spec = {
		    .argv = (const char *const *)args->pdata,
		    .env = env,
		    .folder = "/",
		    .fds = fds,
		    .n_fds = n,
		    .log_fd = self->log_fd,
		    .line = on_line,
		    .data = self,
		    .output = self->output,
		};
		good = child_run(&spec, error) ||
		       needs_explain(self->output->str, self->recipe->suite,
				     error);
	}
	for (gsize i = 0; i < n; i++)
		close(fds[i].fd);
	return good;
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
	g_autofree char *raw = g_build_filename(self->temp, "disk.raw", NULL);
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

static gboolean unpack_kernel(struct build *self, GError **error)
{
	g_autofree char *path = in_making(self, "vmlinuz");
	g_autofree char *image = NULL;
	gsize length;
	if (!g_file_get_contents(path, &image, &length, NULL))
		return storage(error, path);
	if (length == 0) {
		fault_set(error, FAULT_INVALID,
			  "Add linux-image-amd64 to the recipe's packages.",
			  "The recipe installs no kernel.");
		return FALSE;
	}
	g_autoptr(GBytes) kernel = kernel_unpack((const guint8 *)image, length);
	if (!kernel)
		return TRUE; /* it boots as it is, only later */
	gsize size;
	const char *data = g_bytes_get_data(kernel, &size);
	if (!g_file_set_contents_full(path, data, (gssize)size,
				      G_FILE_SET_CONTENTS_NONE, 0644, NULL))
		return storage(error, path);
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
	if (!convert_disk(self, error) || !unpack_kernel(self, error))
		return NULL;
	progress_set(self->progress, STAGE_FINISH, 0, "Summing up");
	g_autofree char *cmdline =
	    g_strdup_printf("root=UUID=%s rootfstype=ext4%s%s\n", self->uuid,
			    self->recipe->cmdline ? " " : "",
			    self->recipe->cmdline ? self->recipe->cmdline : "");
	g_autofree char *facts_path =
	    g_build_filename(self->temp, "facts", NULL);
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
	g_autofree char *log = in_making(self, "build.log");
	self->log_fd =
	    open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (self->log_fd < 0) {
		storage(error, log);
		return NULL;
	}
	self->reader.progress = self->progress;
	if (!install_packages(self, error))
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
