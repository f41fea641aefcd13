#include "vmm/kvm/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/paths.h"
#include "vmm/kvm/inherit.h"
#include "vmm/kvm/ioloop.h"
#include "vmm/kvm/vm.h"

struct chardev {
	char *dbus_name;
	char *path; /* of a socket we serve */
	int listener;
	guint listen_watch;
	int in, out; /* the peer, -1 without; the same for sockets */
	bool is_socket;
	pthread_mutex_t lock; /* in, out, want_*, source */
	bool want_read, want_write, watched;
	struct vm *vm;
	atomic_bool front_open;
	struct iosource source;
	struct ioloop *loop;
	const struct chardev_handlers *handlers;
	void *data;
	struct chardev *next;
};

static struct chardev *all; /* main loop only */

static uint32_t events_of(const struct chardev *c)
{
	return (c->want_read ? EPOLLIN | EPOLLRDHUP : 0) |
	       (c->want_write ? EPOLLOUT : 0);
}

static void rewatch(struct chardev *c)
{
	if (c->watched)
		ioloop_change(&c->source, events_of(c));
}

static void lost(struct chardev *c)
{
	if (c->watched)
		ioloop_remove(&c->source);
	pthread_mutex_lock(&c->lock);
	c->watched = false;
	if (c->in >= 0 && c->is_socket)
		close(c->in);
	c->in = -1;
	if (c->is_socket)
		c->out = -1;
	pthread_mutex_unlock(&c->lock);
	if (c->handlers && c->handlers->changed)
		c->handlers->changed(c->data, false);
}

static void ready(void *data, uint32_t events)
{
	struct chardev *c = data;

	if (events & EPOLLIN && c->want_read) {
		c->handlers->readable(c->data);
	} else if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
		lost(c);
		return;
	}
	if (events & EPOLLOUT && c->want_write && c->handlers->writable)
		c->handlers->writable(c->data);
}

/* on any thread that may touch the peer: the loop's lock orders callbacks */
static void watch(struct chardev *c)
{
	if (!c->loop || c->in < 0)
		return;
	c->source.fd = c->in;
	c->source.ready = ready;
	c->source.data = c;
	/* regular files cannot be watched and never block */
	c->watched = ioloop_add(c->loop, &c->source, events_of(c));
}

void chardev_connect(struct chardev *c, int fd)
{
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	if (c->in >= 0)
		lost(c);
	pthread_mutex_lock(&c->lock);
	c->in = c->out = fd;
	c->is_socket = true;
	pthread_mutex_unlock(&c->lock);
	if (c->handlers && c->handlers->changed)
		c->handlers->changed(c->data, true);
	watch(c);
}

static gboolean accept_peer(gint fd, GIOCondition condition, gpointer data)
{
	struct chardev *c = data;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (peer < 0)
		return G_SOURCE_CONTINUE;
	if (c->in >= 0) /* one at a time; a second one is told by the close */
		close(peer);
	else
		chardev_connect(c, peer);
	return G_SOURCE_CONTINUE;
}

struct chardev *chardev_new(struct vm *vm, const char *spec, GError **error)
{
	struct chardev *c = g_new0(struct chardev, 1);

	c->in = c->out = c->listener = -1;
	c->vm = vm;
	c->want_read = true;
	pthread_mutex_init(&c->lock, NULL);
	if (g_str_equal(spec, "null")) {
	} else if (g_str_equal(spec, "stdio")) {
		c->in = STDIN_FILENO;
		c->out = STDOUT_FILENO;
	} else if (g_str_has_prefix(spec, "file:")) {
		c->out = open(spec + 5,
			      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (c->out < 0) {
			fault_set(error, FAULT_STORAGE, NULL,
				  "Cannot write '%s': %s", spec + 5,
				  g_strerror(errno));
			goto failed;
		}
	} else if (g_str_has_prefix(spec, "unix:") ||
		   g_str_has_prefix(spec, "fd:")) {
		c->listener = inherited_listener(spec, error);
		if (c->listener == -1) {
			c->listener = paths_unix_listen(spec + 5, 0600, error);
			c->path = c->listener < 0 ? NULL : g_strdup(spec + 5);
		}
		if (c->listener < 0)
			goto failed;
		c->listen_watch =
		    g_unix_fd_add(c->listener, G_IO_IN, accept_peer, c);
	} else if (g_str_has_prefix(spec, "dbus:") && spec[5]) {
		c->dbus_name = g_strdup(spec + 5);
	} else {
		fault_set(error, FAULT_INVALID,
			  "Write null, stdio, file:PATH, unix:PATH, fd:N "
			  "or dbus:NAME.",
			  "'%s' names no character device", spec);
		goto failed;
	}
	c->next = all;
	all = c;
	return c;
failed:
	chardev_free(c);
	return NULL;
}

void chardev_free(struct chardev *c)
{
	if (!c)
		return;
	for (struct chardev **at = &all; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	if (c->watched)
		ioloop_remove(&c->source);
	if (c->listen_watch)
		g_source_remove(c->listen_watch);
	if (c->listener >= 0)
		close(c->listener);
	if (c->path)
		unlink(c->path);
	if (c->in > STDERR_FILENO)
		close(c->in);
	if (c->out > STDERR_FILENO && c->out != c->in)
		close(c->out);
	pthread_mutex_destroy(&c->lock);
	g_free(c->path);
	g_free(c->dbus_name);
	g_free(c);
}

void chardev_attach(struct chardev *c, struct ioloop *loop,
		    const struct chardev_handlers *handlers, void *data)
{
	c->loop = loop;
	c->handlers = handlers;
	c->data = data;
	if (c->out >= 0 && handlers->changed)
		handlers->changed(data, true);
	watch(c);
}

size_t chardev_put(struct chardev *c, const void *bytes, size_t count)
{
	ssize_t put = -1;

	pthread_mutex_lock(&c->lock);
	if (c->out >= 0 && c->is_socket)
		put = send(c->out, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (c->out >= 0)
		put = write(c->out, bytes, count);
	pthread_mutex_unlock(&c->lock);
	return put < 0 ? 0 : (size_t)put;
}

size_t chardev_get(struct chardev *c, void *bytes, size_t count)
{
	ssize_t got = -1;

	if (c->in < 0)
		return 0;
	got = read(c->in, bytes, count);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		lost(c);
	return got < 0 ? 0 : (size_t)got;
}

void chardev_want_read(struct chardev *c, bool want)
{
	if (c->want_read != want) {
		c->want_read = want;
		rewatch(c);
	}
}

void chardev_want_write(struct chardev *c, bool want)
{
	if (c->want_write != want) {
		c->want_write = want;
		rewatch(c);
	}
}

bool chardev_is_open(struct chardev *c)
{
	return c->out >= 0;
}

void chardev_set_front_open(struct chardev *c, bool open)
{
	if (atomic_exchange(&c->front_open, open) != open && c->dbus_name)
		vm_ask(c->vm, VM_WISH_DISPLAY);
}

bool chardev_front_open(const struct chardev *c)
{
	return atomic_load(&c->front_open);
}

const char *chardev_dbus_name(const struct chardev *c)
{
	return c->dbus_name;
}

void chardev_each_dbus(void (*call)(struct chardev *, void *), void *data)
{
	for (struct chardev *c = all; c; c = c->next)
		if (c->dbus_name)
			call(c, data);
}
