#include "vmm/kvm/net-backend.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "vmm/kvm/ioloop.h"

/* of a stream, each way; holds at least one frame */
#define BUFFER (128u << 10)

struct net_backend {
	int fd;
	bool stream; /* each frame behind its length, 4 bytes big-endian */
	bool dead, want_read, want_write;
	struct iosource source;
	struct ioloop *loop;
	int listener; /* of listen:PATH, else -1 */
	char *path;
	struct iosource knock;
	const struct net_handlers *handlers;
	void *data;
	/* stream only */
	uint8_t *in;
	size_t in_start, in_end;
	uint8_t *out;
	size_t out_start, out_end;
};

static void rewatch(struct net_backend *n)
{
	ioloop_change(&n->source, (n->want_read ? EPOLLIN : 0u) |
				      (n->want_write ? EPOLLOUT : 0u));
}

static void die(struct net_backend *n)
{
	if (n->dead)
		return;
	n->dead = true;
	ioloop_remove(&n->source);
	if (n->listener < 0) {
		n->handlers->lost(n->data);
		return;
	}
	/* the card goes on; what it sends vanishes until one connects */
	close(n->fd);
	n->fd = -1;
}

static void ready(void *data, uint32_t events);

static void knocked(void *data, uint32_t events)
{
	struct net_backend *n = data;
	int peer =
	    accept4(n->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (peer < 0)
		return;
	if (n->fd >= 0) {
		ioloop_remove(&n->source);
		close(n->fd);
	}
	n->fd = peer;
	n->in_start = n->in_end = 0;
	n->out_start = n->out_end = 0;
	n->want_write = false;
	n->source = (struct iosource){.fd = peer, .ready = ready, .data = n};
	n->dead = !ioloop_add(n->loop, &n->source, n->want_read ? EPOLLIN : 0);
	n->handlers->writable(n->data); /* nothing waits for the one before */
}

static void later(struct net_backend *n)
{
	if (n->want_write)
		return;
	n->want_write = true;
	rewatch(n);
}

/* A frame taken in part must be followed by its rest, or the stream is out of
 * step; the socket says when there is room. */
void net_flush(struct net_backend *n)
{
	while (!n->dead && n->out_start < n->out_end) {
		ssize_t sent = send(n->fd, n->out + n->out_start,
				    n->out_end - n->out_start,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			later(n);
			return;
		}
		if (sent <= 0)
			die(n);
		else
			n->out_start += (size_t)sent;
	}
	n->out_start = n->out_end = 0;
}

static void ready(void *data, uint32_t events)
{
	struct net_backend *n = data;

	if (events & EPOLLOUT) {
		n->want_write = false;
		rewatch(n);
		net_flush(n);
		if (!n->dead && !n->want_write)
			n->handlers->writable(n->data);
	}
	if (!n->dead && events & EPOLLIN)
		n->handlers->readable(n->data);
	else if (!n->dead && events & (EPOLLHUP | EPOLLERR))
		die(n);
	/* frames that waited for room vanish too, and the driver hears of it */
	if (n->dead)
		n->handlers->writable(n->data);
}

static int open_tap(const char *name, GError **error)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	g_strlcpy(request.ifr_name, name, sizeof request.ifr_name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	fault_set(error, FAULT_UNAVAILABLE,
		  "Create it for this user with ip tuntap add, or use passt.",
		  "Network interface '%s' cannot be used: %s", name,
		  g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

struct net_backend *net_open(const char *spec, struct ioloop *loop,
			     const struct net_handlers *handlers, void *data,
			     GError **error)
{
	struct net_backend *n = g_new0(struct net_backend, 1);

	n->fd = n->listener = -1;
	n->loop = loop;
	n->handlers = handlers;
	n->data = data;
	n->want_read = true;
	if (g_str_equal(spec, "none")) {
		n->dead = true;
		return n;
	}
	if (g_str_has_prefix(spec, "listen:")) {
		n->stream = n->dead = true;
		n->in = g_malloc(BUFFER);
		n->out = g_malloc(BUFFER);
		n->listener = paths_unix_listen(spec + 7, 0600, error);
		n->knock = (struct iosource){
		    .fd = n->listener, .ready = knocked, .data = n};
		if (n->listener < 0 || !ioloop_add(loop, &n->knock, EPOLLIN))
			goto failed;
		n->path = g_strdup(spec + 7);
		return n;
	}
	if (g_str_has_prefix(spec, "tap:")) {
		n->fd = open_tap(spec + 4, error);
	} else if (g_str_has_prefix(spec, "passt:")) {
		n->stream = true;
		n->fd = paths_unix_connect(spec + 6, error);
	} else if (g_str_has_prefix(spec, "fd:")) {
		n->stream = true;
		n->fd = atoi(spec + 3);
		if (n->fd < 3 || fcntl(n->fd, F_SETFD, FD_CLOEXEC) < 0 ||
		    fcntl(n->fd, F_SETFL, O_NONBLOCK) < 0) {
			fault_set(error, FAULT_INVALID, NULL,
				  "'%s' is no open descriptor", spec);
			n->fd = -1;
		}
	} else {
		fault_set(error, FAULT_INVALID,
			  "Write tap:NAME, passt:PATH, listen:PATH, fd:N or "
			  "none.",
			  "'%s' names no network", spec);
	}
	if (n->fd < 0)
		goto failed;
	if (n->stream) {
		n->in = g_malloc(BUFFER);
		n->out = g_malloc(BUFFER);
	}
	n->source = (struct iosource){.fd = n->fd, .ready = ready, .data = n};
	if (!ioloop_add(loop, &n->source, EPOLLIN)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "'%s' cannot be watched: %s", spec,
			  g_strerror(errno));
		goto failed;
	}
	return n;
failed:
	net_free(n);
	return NULL;
}

void net_free(struct net_backend *n)
{
	if (!n)
		return;
	ioloop_remove(&n->knock);
	ioloop_remove(&n->source);
	if (n->fd >= 0)
		close(n->fd);
	if (n->listener >= 0)
		close(n->listener);
	if (n->path)
		unlink(n->path);
	g_free(n->path);
	g_free(n->in);
	g_free(n->out);
	g_free(n);
}

/* Next whole frame of the stream, 0 when it has not arrived yet. */
static size_t next_frame(struct net_backend *n, void *frame)
{
	uint32_t length;

	if (n->in_end - n->in_start < 4)
		return 0;
	memcpy(&length, n->in + n->in_start, 4);
	length = be32toh(length);
	if (length == 0 || length > NET_FRAME_MAX) {
		die(n); /* not passt's protocol, or out of step with it */
		return 0;
	}
	if (n->in_end - n->in_start - 4 < length)
		return 0;
	memcpy(frame, n->in + n->in_start + 4, length);
	n->in_start += 4 + length;
	return length;
}

size_t net_receive(struct net_backend *n, void *frame)
{
	ssize_t got;

	if (n->dead)
		return 0;
	if (!n->stream) {
		got = read(n->fd, frame, NET_FRAME_MAX);
		return got < 0 ? 0 : (size_t)got;
	}
	for (;;) {
		size_t length = next_frame(n, frame);

		if (length || n->dead)
			return length;
		memmove(n->in, n->in + n->in_start, n->in_end - n->in_start);
		n->in_end -= n->in_start;
		n->in_start = 0;
		got = recv(n->fd, n->in + n->in_end, BUFFER - n->in_end,
			   MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got <= 0) {
			die(n);
			return 0;
		}
		n->in_end += (size_t)got;
	}
}

bool net_send(struct net_backend *n, const struct iovec *parts, unsigned count,
	      size_t bytes)
{
	uint32_t length = htobe32((uint32_t)bytes);

	if (n->dead || bytes == 0 || bytes > NET_FRAME_MAX)
		return true;
	if (!n->stream) {
		if (writev(n->fd, parts, (int)count) >= 0 || errno != EAGAIN)
			return true;
		later(n);
		return false;
	}
	/* a system call for each frame would cost more than this copy */
	if (BUFFER - n->out_end < bytes + sizeof length)
		net_flush(n);
	if (n->dead)
		return true;
	if (BUFFER - n->out_end < bytes + sizeof length)
		return false;
	memcpy(n->out + n->out_end, &length, sizeof length);
	n->out_end += sizeof length;
	for (unsigned i = 0; i < count; i++) {
		memcpy(n->out + n->out_end, parts[i].iov_base,
		       parts[i].iov_len);
		n->out_end += parts[i].iov_len;
	}
	return true;
}

void net_want_read(struct net_backend *n, bool want)
{
	if (n->dead || n->want_read == want)
		return;
	n->want_read = want;
	rewatch(n);
}
