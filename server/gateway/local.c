#include "server/gateway/local.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/fault.h"
#include "server/gateway/keeper.h"

gboolean local_read(int fd, void *bytes, gsize size, gint64 deadline_us)
{
	char *at = bytes;
	while (size) {
		ssize_t got = recv(fd, at, size, 0);
		if (got > 0) {
			at += got;
			size -= (gsize)got;
		} else if (got == 0 || (errno != EAGAIN && errno != EINTR) ||
			   !conn_wait(fd, POLLIN, deadline_us)) {
			return FALSE;
		}
	}
	return TRUE;
}

gboolean local_write(int fd, const void *bytes, gsize size)
{
	return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

void local_relay(const struct worker_world *world, struct attach *attach,
		 const char *protocol, const struct local_words *words,
		 struct relay_job job)
{
	g_autofree char *path =
	    g_build_filename(world->run_path, "gateway.sock", NULL);
	struct keeper *keeper =
	    keeper_new(g_steal_pointer(&attach->link), path, attach->session,
		       protocol, job.conn->address);
	const struct log_about about = {.vm = attach->desktop,
					.client = job.conn->who};
	log_info(&about, "%s of user %s %s.", words->what, attach->user,
		 words->opened);
	job.local = attach->display;
	job.aside = keeper_aside(keeper);
	g_autoptr(GError) error = NULL;
	gboolean fine = relay_run(&job, &error);
	g_autofree char *cause =
	    fine ? g_strdup("it ended in order.") : fault_cause(error);
	log_info(&about, "%s %s: %s", words->what, words->closed, cause);
	keeper_free(keeper);
	conn_farewell(job.conn);
}
