#include "vmm/kvm/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/kvm/disk-nbd.h"

/* QEMU's byte locks: 100 + p says "I use permission p", 200 + p "nobody else
 * may". p is 1 for writing. A writer holds both; a reader that shares with
 * readers only holds the second. */
#define LOCK_USES    101
#define LOCK_FORBIDS 201

static bool lock_byte(int fd, off_t at)
{
	struct flock lock = {
	    .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0 || errno == EOPNOTSUPP ||
	       errno == ENOLCK || errno == EINVAL;
}

static bool taken_elsewhere(int fd, off_t at)
{
	struct flock lock = {
	    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool lock_image(int fd, bool read_only)
{
	if (!lock_byte(fd, LOCK_FORBIDS) ||
	    (!read_only && !lock_byte(fd, LOCK_USES)))
		return false;
	return !taken_elsewhere(fd, LOCK_USES) &&
	       (read_only || !taken_elsewhere(fd, LOCK_FORBIDS));
}

/* ---- raw ---- */

struct raw {
	struct disk disk;
	int fd;
	struct aio *aio;
};

static void raw_submit(struct disk *disk, struct disk_request *request)
{
	struct raw *raw = (struct raw *)disk;

	request->fd = raw->fd;
	raw->aio->ops->submit(raw->aio, request);
}

static void raw_kick(struct disk *disk)
{
	struct raw *raw = (struct raw *)disk;

	if (raw->aio->ops->kick)
		raw->aio->ops->kick(raw->aio);
}

static void raw_close(struct disk *disk)
{
	struct raw *raw = (struct raw *)disk;

	if (raw->aio)
		raw->aio->ops->close(raw->aio);
	close(raw->fd);
	g_free(raw);
}

static const struct disk_ops raw_ops = {
    .format = "raw",
    .submit = raw_submit,
    .kick = raw_kick,
    .close = raw_close,
};

static struct aio *open_aio(const char *wanted, struct ioloop *loop)
{
	struct aio *aio = NULL;

	if (!wanted || !*wanted || g_str_equal(wanted, "io_uring"))
		aio = aio_uring.open(loop);
	if (!aio && (!wanted || !g_str_equal(wanted, "io_uring")))
		aio = aio_threads.open(loop);
	return aio;
}

struct disk *disk_open(const char *path, bool read_only, const char *aio,
		       struct ioloop *loop, GError **error)
{
	struct raw *raw;
	struct stat st;
	uint64_t bytes = 0;
	char magic[4] = "";
	int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		fault_set(error, FAULT_STORAGE, NULL,
			  "Disk '%s' cannot be opened: %s", path,
			  g_strerror(errno));
		goto failed;
	}
	if (S_ISREG(st.st_mode)) {
		bytes = (uint64_t)st.st_size;
	} else if (!S_ISBLK(st.st_mode) || ioctl(fd, BLKGETSIZE64, &bytes)) {
		fault_set(error, FAULT_INVALID,
			  "Give a file or a block device.", "'%s' is no disk",
			  path);
		goto failed;
	}
	if (!lock_image(fd, read_only)) {
		fault_set(error, FAULT_CONFLICT,
			  "Stop the machine that uses it.",
			  "Disk '%s' is in use by another process", path);
		goto failed;
	}
	if (g_str_has_suffix(path, ".qcow2")) {
		/* whoever serves it takes the lock anew */
		close(fd);
		return disk_nbd_open(path, "qcow2", read_only, loop, error);
	}
	/* a qcow2 file taken for raw would be destroyed by its guest */
	if (pread(fd, magic, 4, 0) == 4 && !memcmp(magic, "QFI\xfb", 4)) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Give it a name that ends in .qcow2.",
			  "Disk '%s' is qcow2 inside, and raw by its name",
			  path);
		goto failed;
	}
	raw = g_new0(struct raw, 1);
	raw->disk = (struct disk){
	    .ops = &raw_ops,
	    .bytes = bytes & ~511ull,
	    .read_only = read_only,
	    .discard_align = 4096,
	};
	raw->fd = fd;
	raw->aio = open_aio(aio, loop);
	if (!raw->aio) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Leave aio out, or write aio=threads.",
			  "Asynchronous I/O '%s' is not to be had: %s",
			  aio ? aio : "", g_strerror(errno));
		disk_close(&raw->disk);
		return NULL;
	}
	return &raw->disk;
failed:
	if (fd >= 0)
		close(fd);
	return NULL;
}

void disk_close(struct disk *disk)
{
	if (disk)
		disk->ops->close(disk);
}
