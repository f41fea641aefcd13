#include "server/image/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/image/child.h"
#include "server/image/manifest.h"

const char *const IMAGE_FILES[] = {"disk.qcow2", "vmlinuz",   "initrd.img",
				   "cmdline",    "build.log", "manifest.json",
				   NULL};

struct cache {
	char *folder; /* CACHE/images, or NULL */
	char *entry;  /* CACHE/images/KEY */
	char *key;
	int lock_fd;
	char *problem;
};

static void set_problem(struct cache *self, const char *what, int err)
{
	if (!self->problem)
		self->problem = g_strdup_printf(
		    "The image cache '%s' cannot be used (%s: %s); images "
		    "are built anew each time.",
		    self->folder, what, g_strerror(err));
	g_clear_pointer(&self->entry, g_free);
}

struct cache *cache_open(const char *folder, const char *key)
{
	struct cache *self = g_new0(struct cache, 1);
	self->lock_fd = -1;
	self->key = g_strdup(key);
	if (!folder)
		return self;
	self->folder = g_build_filename(folder, "images", NULL);
	self->entry = g_build_filename(self->folder, key, NULL);
	if (g_mkdir_with_parents(self->folder, 0755) < 0)
		set_problem(self, "making it", errno);
	return self;
}

void cache_close(struct cache *self)
{
	if (!self)
		return;
	if (self->lock_fd >= 0)
		close(self->lock_fd);
	g_free(self->folder);
	g_free(self->entry);
	g_free(self->key);
	g_free(self->problem);
	g_free(self);
}

const char *cache_problem(const struct cache *self)
{
	return self->problem;
}

gboolean cache_lock(struct cache *self, void (*waiting)(void *data), void *data,
		    GError **error)
{
	if (!self->entry)
		return TRUE;
	g_autofree char *path = g_strconcat(self->entry, ".lock", NULL);
	self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (self->lock_fd < 0) {
		set_problem(self, "locking it", errno);
		return TRUE;
	}
	gboolean told = FALSE;
	while (flock(self->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			set_problem(self, "locking it", errno);
			return TRUE;
		}
		if (child_cancelled(error))
			return FALSE;
		if (!told && waiting)
			waiting(data);
		told = TRUE;
		g_usleep(200000);
	}
	return TRUE;
}

/* ---- files ---- */

void remove_tree(const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode)) {
		g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
		const char *name;
		while (dir && (name = g_dir_read_name(dir))) {
			g_autofree char *below =
			    g_build_filename(path, name, NULL);
			remove_tree(below);
		}
	}
	remove(path);
}

/* One step: in the kernel where it can, between file systems by hand. */
static gboolean copy_some(int in, loff_t *from, int out, loff_t *to, size_t max)
{
	ssize_t moved = copy_file_range(in, from, out, to, max, 0);
	if (moved > 0)
		return TRUE;
	if (moved < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS &&
	    errno != EOPNOTSUPP)
		return errno == EINTR;
	static char buffer[1u << 20];
	ssize_t got = pread(in, buffer, MIN(max, sizeof buffer), *from);
	if (got <= 0)
		return got < 0 && errno == EINTR;
	ssize_t put = pwrite(out, buffer, (size_t)got, *to);
	if (put < 0)
		return errno == EINTR;
	*from += put;
	*to += put;
	return TRUE;
}

/* Copies with holes: an image is mostly emptiness. */
static gboolean copy_data(int in, int out)
{
	struct stat st;
	if (ioctl(out, FICLONE, in) == 0)
		return TRUE;
	if (fstat(in, &st) < 0 || ftruncate(out, st.st_size) < 0)
		return FALSE;
	off_t at = 0;
	while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(in, at, SEEK_HOLE);
		loff_t from = at, to = at;
		while (from < end) {
			if (!copy_some(in, &from, out, &to,
				       (size_t)(end - from)))
				return FALSE;
			if (child_cancelled(NULL)) {
				errno = ECANCELED;
				return FALSE;
			}
		}
		at = end;
	}
	return errno == ENXIO; /* no data behind: done */
}

static gboolean give(const char *from, const char *to)
{
	if (link(from, to) == 0)
		return TRUE;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return FALSE;
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	gboolean good = out >= 0 && copy_data(in, out);
	int err = errno;
	close(in);
	if (out >= 0 && close(out) < 0 && good) {
		good = FALSE;
		err = errno;
	}
	errno = err;
	return good;
}

static gboolean give_all(const char *from, const char *to)
{
	for (gsize i = 0; IMAGE_FILES[i]; i++) {
		g_autofree char *source =
		    g_build_filename(from, IMAGE_FILES[i], NULL);
		g_autofree char *target =
		    g_build_filename(to, IMAGE_FILES[i], NULL);
		if (!give(source, target))
			return FALSE;
	}
	return TRUE;
}

json_t *cache_take(struct cache *self, const char *folder, GError **error)
{
	if (!self->entry || !g_file_test(self->entry, G_FILE_TEST_IS_DIR))
		return NULL;
	json_t *manifest = manifest_check(self->entry, self->key, NULL);
	if (!manifest) { /* damaged, or made by something else */
		remove_tree(self->entry);
		return NULL;
	}
	if (give_all(self->entry, folder))
		return manifest;
	int err = errno;
	json_decref(manifest);
	if (child_cancelled(error))
		return NULL;
	fault_set(error, FAULT_STORAGE,
		  err == ENOSPC ? "Free some room and build again."
				: "Choose another --output or --cache folder.",
		  "The image cannot be copied from the cache to '%s': %s.",
		  folder, g_strerror(err));
	return NULL;
}

void cache_put(struct cache *self, const char *folder)
{
	if (!self->entry)
		return;
	g_autofree char *making = g_strconcat(self->entry, ".making", NULL);
	/* only a builder that died left it: the lock is ours */
	remove_tree(making);
	if (mkdir(making, 0755) < 0 || !give_all(folder, making) ||
	    rename(making, self->entry) < 0) {
		int err = errno;
		remove_tree(making);
		if (err != EEXIST && err != ENOTEMPTY)
			set_problem(self, "writing to it", err);
	}
}
