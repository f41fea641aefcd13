/* disk-nbd.c - disks in formats that oriel-vmm does not read itself (qcow2):
 * a qemu-nbd of our own opens the file and serves it over a socket that only
 * we have. So a damaged image is parsed in another process, and overlays with
 * their backing files work unchanged.
 *
 * qemu-nbd ends with us (it loses its only client, and its parent). Should it
 * end first, another takes its place with the next request; but when something
 * was written since the last flush, part of that may be lost, as at a power
 * cut, and a guest must not go on as if nothing had happened: every request is
 * then given back as ENOTCONN, which stops the machine for good.
 *
 * Protocol: github.com/NetworkBlockDevice/nbd doc/proto.md, fixed newstyle,
 * NBD_OPT_GO, simple replies. All but open and close runs on the I/O loop. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/kvm/disk-nbd.h"
#include "vmm/kvm/disk.h"
#include "vmm/kvm/ioloop.h"

#define OPTION_MAGIC  0x49484156454f5054ull
#define REPLY_MAGIC   0x0003e889045565a9ull
#define REQUEST_MAGIC 0x25609513u
#define ANSWER_MAGIC  0x67446698u
#define MOVE_MAX      (32u << 20) /* what every server takes in one request */
#define START_S       20

enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_ZERO = 6 };
enum { OPT_GO = 7, REP_ACK = 1, REP_INFO = 3 };
enum { CAN_FLUSH = 1 << 2, CAN_TRIM = 1 << 5, CAN_ZERO = 1 << 6 };

struct wire_request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t handle, offset;
	uint32_t bytes;
} __attribute__((packed));
struct wire_answer {
	uint32_t magic, error;
	uint64_t handle;
} __attribute__((packed));

struct nbd {
	struct disk disk;
	char *path;
	const char *format;
	struct ioloop *loop;
	struct iosource source;
	int fd; /* -1: the server has ended */
	pid_t pid;
	gint64 again_us; /* not before this is another server started */
	uint32_t writes, flushed; /* sent; of these before the last flush */
	bool broken;
	uint16_t can;
	struct disk_request *first, **last; /* to be sent */
	struct disk_request *sent;          /* to be answered */
	struct wire_request out;
	size_t out_done; /* bytes of the first request that were sent */
	struct wire_answer in;
	size_t in_done;
	struct disk_request *filling; /* its data follow */
};

/* ---- the server ---- */

/* Between fork and exec: only what is safe there. */
static void become_server(int listener, pid_t parent, char *pid_text,
			  char *const *argv, char *const *envp)
{
	unsigned long pid = (unsigned long)getpid();
	sigset_t none;

	for (int i = 9; i >= 0; i--, pid /= 10)
		pid_text[i] = (char)('0' + pid % 10);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* dup2() leaves a descriptor as it is that has the number already */
	if (getppid() != parent || dup2(listener, 3) < 0 ||
	    fcntl(3, F_SETFD, 0) < 0)
		_exit(127);
	close_range(4, ~0u, 0);
	execve(argv[0], argv, envp);
	_exit(127);
}

static bool spawn(struct nbd *n, int listener, GError **error)
{
	g_autofree char *program = g_find_program_in_path("qemu-nbd");
	g_autofree char *format = g_strconcat("--format=", n->format, NULL);
	char pid_text[] = "LISTEN_PID=0000000000";
	char *argv[] = {program,
			format,
			(char *)"--cache=writeback",
			(char *)"--discard=unmap",
			n->disk.read_only ? (char *)"--read-only" : n->path,
			n->disk.read_only ? n->path : NULL,
			NULL};
	char *envp[] = {(char *)"LISTEN_FDS=1", pid_text, (char *)"LC_ALL=C",
			NULL};
	pid_t parent = getpid();

	if (!program) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install it: apt-get install qemu-utils.",
			  "Disk '%s' needs qemu-nbd, which is not in PATH",
			  n->path);
		return false;
	}
	n->pid = fork();
	if (n->pid == 0)
		become_server(listener, parent, pid_text + 11, argv, envp);
	if (n->pid > 0)
		return true;
	fault_set(error, FAULT_BUSY, NULL, "No process for disk '%s': %s",
		  n->path, g_strerror(errno));
	return false;
}

static void reap(struct nbd *n)
{
	if (n->pid > 0)
		while (waitpid(n->pid, NULL, 0) < 0 && errno == EINTR)
			;
	n->pid = 0;
}

/* A connected pair through a name that is gone before anybody could use it. */
static int socket_for(struct nbd *n, int *listener, GError **error)
{
	g_autofree char *folder =
	    g_build_filename(g_get_tmp_dir(), "oriel-nbd-XXXXXX", NULL);
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = START_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = false;

	*listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && *listener >= 0 && g_mkdtemp(folder)) {
		g_snprintf(name.sun_path, sizeof name.sun_path, "%s/s", folder);
		good = bind(*listener, (struct sockaddr *)&name, sizeof name) ==
			   0 &&
		       listen(*listener, 1) == 0 &&
		       connect(fd, (struct sockaddr *)&name, sizeof name) == 0;
		if (!good)
			fault_set(error, FAULT_STORAGE, NULL,
				  "No socket for disk '%s': %s", n->path,
				  g_strerror(errno));
		unlink(name.sun_path);
		rmdir(folder);
	} else {
		fault_set(error, FAULT_STORAGE, NULL,
			  "No socket for disk '%s': %s", n->path,
			  g_strerror(errno));
	}
	if (good) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	if (*listener >= 0)
		close(*listener);
	return -1;
}

/* ---- handshake ---- */

static bool take(int fd, void *to, size_t bytes)
{
	char *at = to;

	while (bytes) {
		ssize_t got = recv(fd, at, bytes, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		bytes -= (size_t)got;
	}
	return true;
}

static bool negotiate(struct nbd *n, int fd)
{
	struct {
		uint64_t magic, option;
		uint16_t flags;
	} __attribute__((packed)) hello;
	struct {
		uint32_t flags;
		uint64_t magic;
		uint32_t option, bytes, name_bytes;
		uint16_t infos;
	} __attribute__((packed)) go = {
	    .flags = htobe32(3), /* fixed newstyle, no zeroes */
	    .magic = htobe64(OPTION_MAGIC),
	    .option = htobe32(OPT_GO),
	    .bytes = htobe32(6),
	};
	struct {
		uint64_t magic;
		uint32_t option, type, bytes;
	} __attribute__((packed)) reply;
	uint8_t data[512];
	bool told = false;

	if (!take(fd, &hello, sizeof hello) ||
	    be64toh(hello.option) != OPTION_MAGIC ||
	    send(fd, &go, sizeof go, MSG_NOSIGNAL) != sizeof go)
		return false;
	while (take(fd, &reply, sizeof reply)) {
		uint32_t type = be32toh(reply.type);
		uint32_t bytes = be32toh(reply.bytes);

		if (be64toh(reply.magic) != REPLY_MAGIC ||
		    bytes > sizeof data || !take(fd, data, bytes))
			return false;
		if (type == REP_ACK)
			return told;
		if (type != REP_INFO)
			return false;
		if (bytes == 12 && data[0] == 0 && data[1] == 0) {
			uint64_t size;
			uint16_t flags;

			memcpy(&size, data + 2, 8);
			memcpy(&flags, data + 10, 2);
			size = be64toh(size) & ~511ull;
			/* a disk does not change its size under a guest */
			if (n->disk.bytes && n->disk.bytes != size)
				return false;
			n->disk.bytes = size;
			n->can = be16toh(flags);
			told = true;
		}
	}
	return false;
}

static void ready(void *data, uint32_t events);

static bool connect_server(struct nbd *n, GError **error)
{
	struct timeval forever = {0};
	int listener, fd = socket_for(n, &listener, error);
	bool good;

	if (fd < 0)
		return false;
	good = spawn(n, listener, error);
	close(listener);
	if (good && !negotiate(n, fd)) {
		kill(n->pid, SIGKILL);
		fault_set(error, FAULT_STORAGE,
			  "What qemu-nbd said about it stands in the log.",
			  "Disk '%s' cannot be opened as %s", n->path,
			  n->format);
		good = false;
	}
	if (good) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever,
			   sizeof forever);
		n->fd = fd;
		n->out_done = n->in_done = 0;
		n->filling = NULL;
		n->source =
		    (struct iosource){.fd = fd, .ready = ready, .data = n};
		good = ioloop_add(n->loop, &n->source, EPOLLIN);
		if (!good)
			fault_set(error, FAULT_BUSY, NULL,
				  "Disk '%s' cannot be watched: %s", n->path,
				  g_strerror(errno));
	}
	if (good)
		return true;
	n->fd = -1;
	close(fd);
	reap(n);
	return false;
}

/* ---- requests ---- */

static void lose(struct nbd *n)
{
	struct disk_request *lists[] = {n->sent, n->first};
	const struct log_about about = {.device = n->path};

	n->broken = n->writes != n->flushed;
	if (n->broken)
		log_error(&about, "the disk's server (qemu-nbd) has ended with "
				  "unwritten data; switch the machine off "
				  "and start it again");
	else
		log_warn(&about, "the disk's server (qemu-nbd) has ended; "
				 "another takes its place");
	ioloop_remove(&n->source);
	close(n->fd);
	n->fd = -1;
	if (n->pid > 0)
		kill(n->pid, SIGTERM);
	reap(n);
	n->sent = n->first = NULL;
	n->last = &n->first;
	for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++)
		for (struct disk_request *r = lists[i], *next; r; r = next) {
			next = r->next;
			r->done(r, ENOTCONN);
		}
}

static void describe(struct nbd *n, const struct disk_request *r)
{
	static const uint16_t types[] = {
	    [DISK_READ] = CMD_READ,   [DISK_WRITE] = CMD_WRITE,
	    [DISK_FLUSH] = CMD_FLUSH, [DISK_DISCARD] = CMD_TRIM,
	    [DISK_ZERO] = CMD_ZERO,
	};

	n->out = (struct wire_request){
	    .magic = htobe32(REQUEST_MAGIC),
	    /* without a hole, unless the guest allows one */
	    .flags = htobe16(r->op == DISK_ZERO && !r->unmap ? 2 : 0),
	    .type = htobe16(types[r->op]),
	    .handle = (uintptr_t)r,
	    .offset = htobe64(r->offset),
	    .bytes = htobe32((uint32_t)r->bytes),
	};
}

/* iov of the parts of `count` buffers from byte `skip` on */
static unsigned rest_of(const struct iovec *parts, unsigned count, size_t skip,
			struct iovec *to, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count && n < max; i++) {
		if (skip >= parts[i].iov_len) {
			skip -= parts[i].iov_len;
			continue;
		}
		to[n++] = (struct iovec){(char *)parts[i].iov_base + skip,
					 parts[i].iov_len - skip};
		skip = 0;
	}
	return n;
}

/* false when the server is gone */
static bool send_waiting(struct nbd *n)
{
	while (n->first) {
		struct disk_request *r = n->first;
		size_t head = sizeof n->out, total = head;
		struct iovec parts[64];
		struct msghdr message = {.msg_iov = parts};
		ssize_t put;

		if (n->out_done == 0)
			describe(n, r);
		if (n->out_done == 0 && r->op != DISK_READ)
			r->fd = (int)(r->op == DISK_FLUSH ? n->writes
							  : ++n->writes);
		if (r->op == DISK_WRITE)
			total += r->bytes;
		if (n->out_done < head)
			parts[message.msg_iovlen++] = (struct iovec){
			    (char *)&n->out + n->out_done, head - n->out_done};
		if (r->op == DISK_WRITE)
			message.msg_iovlen +=
			    rest_of(r->iov, r->iov_count,
				    n->out_done > head ? n->out_done - head : 0,
				    parts + message.msg_iovlen, 63);
		put = sendmsg(n->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			break;
		if (put <= 0)
			return false;
		n->out_done += (size_t)put;
		if (n->out_done < total)
			continue;
		n->out_done = 0;
		n->first = r->next;
		if (!n->first)
			n->last = &n->first;
		r->next = n->sent;
		n->sent = r;
	}
	ioloop_change(&n->source, EPOLLIN | (n->first ? EPOLLOUT : 0u));
	return true;
}

static struct disk_request **find_sent(struct nbd *n, uint64_t handle)
{
	for (struct disk_request **at = &n->sent; *at; at = &(*at)->next)
		if ((uintptr_t)*at == handle)
			return at;
	return NULL;
}

static void answered(struct nbd *n, struct disk_request **at)
{
	struct disk_request *r = *at;

	*at = r->next;
	n->in_done = 0;
	n->filling = NULL;
	if (r->op == DISK_FLUSH && !n->in.error)
		n->flushed = (uint32_t)r->fd;
	/* the protocol's numbers are Linux's */
	r->done(r, (int)be32toh(n->in.error));
}

/* Bytes taken, 0 when there are none yet, -1 when the server is gone. */
static ssize_t receive(struct nbd *n)
{
	struct iovec parts[64];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 1};
	ssize_t got;

	parts[0] = (struct iovec){(char *)&n->in + n->in_done,
				  sizeof n->in - n->in_done};
	if (n->filling)
		message.msg_iovlen = rest_of(
		    n->filling->iov, n->filling->iov_count,
		    n->in_done - sizeof n->in, parts, G_N_ELEMENTS(parts));
	do
		got = recvmsg(n->fd, &message, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	return got ? got : -1;
}

static bool take_answers(struct nbd *n)
{
	ssize_t got;

	while ((got = receive(n)) > 0) {
		struct disk_request **at;

		n->in_done += (size_t)got;
		if (n->in_done < sizeof n->in)
			continue;
		at = find_sent(n, n->in.handle);
		if (!at || be32toh(n->in.magic) != ANSWER_MAGIC)
			return false;
		if ((*at)->op == DISK_READ && !n->in.error) {
			n->filling = *at;
			if (n->in_done < sizeof n->in + (*at)->bytes)
				continue;
		}
		answered(n, at);
	}
	return got == 0;
}

static void ready(void *data, uint32_t events)
{
	struct nbd *n = data;

	if (n->fd >= 0 && events & EPOLLOUT && !send_waiting(n))
		lose(n);
	if (n->fd >= 0 && events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    !take_answers(n))
		lose(n);
}

static bool again(struct nbd *n)
{
	const struct log_about about = {.device = n->path};
	g_autoptr(GError) error = NULL;

	if (n->broken || g_get_monotonic_time() < n->again_us)
		return false;
	n->again_us = g_get_monotonic_time() + G_USEC_PER_SEC;
	if (connect_server(n, &error))
		return true;
	log_fault(&about, error);
	return false;
}

static void nbd_submit(struct disk *disk, struct disk_request *r)
{
	struct nbd *n = (struct nbd *)disk;

	if ((r->op == DISK_FLUSH && !(n->can & CAN_FLUSH)) ||
	    (r->op == DISK_DISCARD && !(n->can & CAN_TRIM)))
		r->done(r, 0);
	else if ((r->op == DISK_ZERO && !(n->can & CAN_ZERO)))
		r->done(r, EOPNOTSUPP);
	else if (r->op <= DISK_WRITE && r->bytes > MOVE_MAX)
		r->done(r, EINVAL);
	else if (n->fd < 0 && !again(n))
		r->done(r, ENOTCONN);
	else {
		r->next = NULL;
		*n->last = r;
		n->last = &r->next;
	}
}

static void nbd_kick(struct disk *disk)
{
	struct nbd *n = (struct nbd *)disk;

	if (n->fd >= 0 && !send_waiting(n))
		lose(n);
}

static void nbd_close(struct disk *disk)
{
	struct nbd *n = (struct nbd *)disk;
	struct wire_request end = {.magic = htobe32(REQUEST_MAGIC),
				   .type = htobe16(CMD_DISC)};

	if (n->fd >= 0) {
		ioloop_remove(&n->source);
		send(n->fd, &end, sizeof end, MSG_NOSIGNAL);
		close(n->fd);
		reap(n); /* it writes its caches back first */
	}
	g_free(n->path);
	g_free(n);
}

static const struct disk_ops nbd_ops = {
    .format = "qcow2",
    .submit = nbd_submit,
    .kick = nbd_kick,
    .close = nbd_close,
};

struct disk *disk_nbd_open(const char *path, const char *format, bool read_only,
			   struct ioloop *loop, GError **error)
{
	struct nbd *n = g_new0(struct nbd, 1);

	n->disk = (struct disk){
	    .ops = &nbd_ops, .read_only = read_only, .discard_align = 65536};
	n->path = g_canonicalize_filename(path, NULL);
	n->format = format;
	n->loop = loop;
	n->fd = -1;
	n->last = &n->first;
	if (connect_server(n, error))
		return &n->disk;
	g_free(n->path);
	g_free(n);
	return NULL;
}
