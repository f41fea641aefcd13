/* The role's main: lock, machines, link, and an orderly end. */
#include "server/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/host/files.h"
#include "server/host/hub.h"
#include "server/host/link.h"

#define STATUS_HOPELESS 2

struct host {
	const struct paths_root *root;
	const struct role_options *options;
	struct hub *hub;
	struct broker_link *link;
	GMainLoop *loop;
	gboolean ending;
};

static void tell(json_t *message, void *data)
{
	struct host *host = data;
	broker_link_send(host->link, message);
}

static json_t *hello(void *data)
{
	return hub_hello(((struct host *)data)->hub);
}

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, void *data)
{
	hub_request(((struct host *)data)->hub, channel, id, op, message);
}

static const struct broker_link_handlers link_handlers = {hello, on_request};

static void on_ready(void *data)
{
	struct host *host = data;
	if (host->ending)
		return;
	g_autofree char *path =
	    g_build_filename(host->root->run, "hosts.sock", NULL);
	host->link = broker_link_new(path, &link_handlers, host);
	role_ready(host->options);
}

static void on_done(void *data)
{
	g_main_loop_quit(((struct host *)data)->loop);
}

static gboolean on_signal(void *data)
{
	struct host *host = data;
	if (host->ending)
		return G_SOURCE_CONTINUE;
	host->ending = TRUE;
	g_clear_pointer(&host->link, broker_link_free);
	hub_shutdown(host->hub, on_done, host);
	return G_SOURCE_CONTINUE;
}

/* Two host roles would start every machine twice. The lock goes with the
 * process, however it ends. */
static int lock(const struct paths_root *root, GError **error)
{
	g_autofree char *path = g_build_filename(root->run, "host.lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (err == EWOULDBLOCK)
		fault_set(error, FAULT_CONFLICT,
			  "Stop it first, or use another --root.",
			  "Another host role runs on '%s'.", root->lib);
	else
		fault_set(error, FAULT_STORAGE,
			  "Make the folder writable for the service's user.",
			  "'%s' cannot be locked: %s.", path, g_strerror(err));
	return -1;
}

int host_main(const struct paths_root *root, const struct role_options *options)
{
	g_autoptr(GError) error = NULL;
	int held = lock(root, &error);
	if (held < 0) {
		log_fault(NULL, error);
		return STATUS_HOPELESS;
	}
	signal(SIGPIPE, SIG_IGN);
	struct host host = {.root = root, .options = options};
	host.loop = g_main_loop_new(NULL, FALSE);
	guint term = g_unix_signal_add(SIGTERM, on_signal, &host);
	guint interrupt = g_unix_signal_add(SIGINT, on_signal, &host);
	host.hub = hub_new(root, tell, &host);
	hub_load(host.hub, on_ready, &host);
	g_main_loop_run(host.loop);
	g_source_remove(term);
	g_source_remove(interrupt);
	hub_free(host.hub);
	g_main_loop_unref(host.loop);
	close(held);
	log_info(NULL, "The host role has ended; desktops run on.");
	return 0;
}
