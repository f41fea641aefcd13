/* truth.c - maps a truth's file. */
#include "tests/bench/display/truth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

static void *map(int fd, size_t size, int rights)
{
	void *at = mmap(NULL, size, rights, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

struct truth *truth_create(const char *path, unsigned width, unsigned height,
			   int segment, uint32_t **pixels, int *fd)
{
	size_t size = TRUTH_PIXELS_AT + (size_t)width * height * 4;
	/* sealed, as a machine's memory is; the path leads to it while this
	 * process lives */
	int file = memfd_create("truth", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char at[64];
	snprintf(at, sizeof at, "/proc/%d/fd/%d", getpid(), file);
	struct truth *self = NULL;
	if (file >= 0 && ftruncate(file, (off_t)size) == 0 &&
	    fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0 &&
	    (unlink(path) == 0 || errno == ENOENT) && symlink(at, path) == 0)
		self = map(file, size, PROT_READ | PROT_WRITE);
	if (!self)
		g_error("cannot share the truth in %s", path);
	self->width = width;
	self->height = height;
	self->segment = segment;
	*pixels = segment < 0 ? (void *)((char *)self + TRUTH_PIXELS_AT)
			      : shmat(segment, NULL, 0);
	if (*pixels == (void *)-1)
		g_error("cannot attach segment %d", segment);
	if (fd)
		*fd = file;
	return self;
}

const struct truth *truth_open(const char *path, const uint32_t **pixels,
			       GError **error)
{
	struct stat st = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct truth *self = NULL;
	if (fd >= 0 && fstat(fd, &st) == 0 &&
	    (size_t)st.st_size > TRUTH_PIXELS_AT)
		self = map(fd, (size_t)st.st_size, PROT_READ);
	if (fd >= 0)
		close(fd);
	if (self && TRUTH_PIXELS_AT + (size_t)self->width * self->height * 4 <=
			(size_t)st.st_size) {
		*pixels =
		    self->segment < 0
			? (const void *)((const char *)self + TRUTH_PIXELS_AT)
			: shmat(self->segment, NULL, SHM_RDONLY);
		if (*pixels != (void *)-1)
			return self;
	}
	g_set_error(error, g_quark_from_static_string("truth"), 0,
		    "%s is not what a source shares", path);
	return NULL;
}
