/* aio.c - one disk request, done the plain way. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "vmm/kvm/disk.h"

/* Drops what was moved from the front of the list. */
static void advance(struct disk_request *r, size_t moved)
{
	r->offset += moved;
	r->bytes -= MIN(r->bytes, moved);
	while (moved && r->iov_count) {
		size_t step = MIN(moved, r->iov->iov_len);

		r->iov->iov_base = (char *)r->iov->iov_base + step;
		r->iov->iov_len -= step;
		moved -= step;
		if (r->iov->iov_len)
			break;
		r->iov++;
		r->iov_count--;
	}
}

static int move(struct disk_request *r)
{
	while (r->iov_count) {
		int count = (int)MIN(r->iov_count, 1024u);
		ssize_t moved =
		    r->op == DISK_READ
			? preadv(r->fd, r->iov, count, (off_t)r->offset)
			: pwritev(r->fd, r->iov, count, (off_t)r->offset);

		if (moved < 0 && errno == EINTR)
			continue;
		if (moved < 0)
			return errno;
		if (moved == 0 && r->op == DISK_WRITE)
			return ENOSPC;
		if (moved == 0) { /* behind the end of a file: zeroes */
			for (unsigned i = 0; i < r->iov_count; i++)
				memset(r->iov[i].iov_base, 0,
				       r->iov[i].iov_len);
			return 0;
		}
		advance(r, (size_t)moved);
	}
	return 0;
}

static int write_zeroes(const struct disk_request *r)
{
	static const char zeroes[65536];
	uint64_t at = r->offset, left = r->bytes;

	while (left) {
		ssize_t put =
		    pwrite(r->fd, zeroes, MIN(left, sizeof zeroes), (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? errno : ENOSPC;
		at += (uint64_t)put;
		left -= (uint64_t)put;
	}
	return 0;
}

static int punch(const struct disk_request *r)
{
	return fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)r->offset, (off_t)r->bytes) == 0
		   ? 0
		   : errno;
}

int aio_perform(struct disk_request *r)
{
	int error;

	switch (r->op) {
	case DISK_READ:
	case DISK_WRITE:
		return move(r);
	case DISK_FLUSH:
		return fdatasync(r->fd) == 0 ? 0 : errno;
	case DISK_DISCARD:
		error = punch(r);
		/* a discard is a hint: a file system without holes is fine */
		return error == EOPNOTSUPP || error == ENODEV ? 0 : error;
	case DISK_ZERO:
		if (r->unmap && punch(r) == 0)
			return 0;
		if (fallocate(r->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			      (off_t)r->offset, (off_t)r->bytes) == 0)
			return 0;
		if (errno == ENOSPC)
			return ENOSPC;
		return write_zeroes(r);
	}
	return EINVAL;
}
