/* disk.h - a guest's disk, whatever holds it.
 *
 * Formats are disk_ops tables: raw in this process, qcow2 (by the file's name,
 * never by contents that a guest may have written) through disk-nbd.c. Requests
 * are asynchronous: submitted on the I/O loop's thread, completed there too or
 * before submit returns. ENOSPC and EDQUOT mean: try
 * again when there is room; ENOTCONN: the disk is gone as by a power cut.
 * Opening locks the image with the same byte locks QEMU uses, so neither
 * opens what the other writes.
 *
 * Threads: open and close on the main loop (no request in flight at close);
 * submit and completion on the loop. Units: bytes; errors positive errno. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct disk;
struct ioloop;
struct aio;

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_ZERO };

struct disk_request {
	enum disk_op op;
	bool unmap; /* DISK_ZERO: may free the space */
	uint64_t offset, bytes;
	struct iovec *iov; /* the engine may shorten it while it works */
	unsigned iov_count;
	void (*done)(struct disk_request *request, int error);
	void *data;
	/* the engine's own */
	int fd;
	struct disk_request *next;
};

struct disk_ops {
	const char *format;
	void (*submit)(struct disk *disk, struct disk_request *request);
	/* several submits were made: hand them to the kernel */
	void (*kick)(struct disk *disk);
	void (*close)(struct disk *disk);
};

struct disk {
	const struct disk_ops *ops;
	uint64_t bytes;
	bool read_only;
	unsigned discard_align;
};

/* aio: "" picks io_uring or else threads; "threads", "io_uring" force one. */
struct disk *disk_open(const char *path, bool read_only, const char *aio,
		       struct ioloop *loop, GError **error);
void disk_close(struct disk *disk);

/* ---- engines under the formats ---- */
struct aio_ops {
	const char *name;
	struct aio *(*open)(struct ioloop *loop);
	void (*submit)(struct aio *aio, struct disk_request *request);
	void (*kick)(struct aio *aio);
	void (*close)(struct aio *aio);
};
struct aio {
	const struct aio_ops *ops;
};
extern const struct aio_ops aio_uring, aio_threads;
/* Does the request on the calling thread; errno or 0. Both engines use it:
 * the threads always, io_uring for what it did only in part. */
int aio_perform(struct disk_request *request);
