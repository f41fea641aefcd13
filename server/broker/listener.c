#include "server/broker/listener.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "common/paths.h"

struct listener {
	char *path;
	int fd;
	guint source; /* the watch, or the timer that brings it back */
	listener_accepted accepted;
	void *data;
};

static gboolean on_connection(int fd, GIOCondition condition, void *data);

static gboolean on_rested(void *data)
{
	struct listener *self = data;
	self->source = g_unix_fd_add(self->fd, G_IO_IN, on_connection, self);
	return G_SOURCE_REMOVE;
}

static gboolean on_connection(int fd, GIOCondition condition, void *data)
{
	struct listener *self = data;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (peer >= 0) {
		self->accepted(peer, self->data);
		return G_SOURCE_CONTINUE;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		return G_SOURCE_CONTINUE;
	static struct log_limit limit = {.burst = 1};
	if (log_allow(&limit, NULL))
		log_warn(NULL, "%s: no connection can be taken now: %s",
			 self->path, g_strerror(errno));
	self->source = g_timeout_add_seconds(1, on_rested, self);
	return G_SOURCE_REMOVE;
}

struct listener *listener_create(const struct paths_root *root,
				 const char *name, const char *role,
				 listener_accepted accepted, void *data,
				 GError **error)
{
	g_autofree char *path = g_build_filename(root->run, name, NULL);
	int fd = paths_unix_listen(path, 0600, error);
	if (fd < 0)
		return NULL;
	if (role && !paths_share(root, path, role, error)) {
		close(fd);
		unlink(path);
		return NULL;
	}
	struct listener *self = g_new0(struct listener, 1);
	self->path = g_steal_pointer(&path);
	self->fd = fd;
	self->accepted = accepted;
	self->data = data;
	self->source = g_unix_fd_add(fd, G_IO_IN, on_connection, self);
	return self;
}

void listener_destroy(struct listener *self)
{
	if (!self)
		return;
	g_source_remove(self->source);
	close(self->fd);
	unlink(self->path);
	g_free(self->path);
	g_free(self);
}
