#include "server/host/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"

/* ---- starting ---- */

/* Between fork and exec: async-signal-safe calls only. */
static void child_setup(void *data)
{
	enum proc_life life = (enum proc_life)GPOINTER_TO_INT(data);
	setsid();
	if (life == PROC_WITH_US)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
}

pid_t proc_spawn(const char *const *argv, int fd, const char *log,
		 enum proc_life life, GError **error)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int err = log ? open(log,
			     O_WRONLY | O_CREAT | O_TRUNC | O_APPEND |
				 O_CLOEXEC | O_NOFOLLOW,
			     0600)
		      : -1;
	const int target = 3;
	GPid pid = -1;
	g_autoptr(GError) why = NULL;
	if (!g_spawn_async_with_pipes_and_fds(
		NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, child_setup,
		GINT_TO_POINTER(life), null, null, err >= 0 ? err : null, &fd,
		&target, fd >= 0 ? 1 : 0, &pid, NULL, NULL, NULL, &why)) {
		gboolean absent =
		    g_error_matches(why, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
		fault_set(error, FAULT_UNAVAILABLE,
			  absent ? "Install it, or run make." : NULL,
			  "Program '%s' cannot be started: %s.", argv[0],
			  why->message);
		pid = -1;
	}
	if (null >= 0)
		close(null);
	if (err >= 0)
		close(err);
	return pid;
}

/* ---- recognising ---- */

/* Field 22 of /proc/PID/stat; 0 when there is no such live process. */
static guint64 start_time(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	char *after = strrchr(text, ')'); /* the name may hold anything */
	char state;
	unsigned long long start;
	if (!after ||
	    sscanf(after + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
		   "%*d %*d %*d %*d %*d %llu",
		   &state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

gboolean proc_record(const char *path, pid_t pid, GError **error)
{
	g_autofree char *text = g_strdup_printf("%d %" G_GUINT64_FORMAT "\n",
						(int)pid, start_time(pid));
	g_autoptr(GError) why = NULL;
	if (g_file_set_contents_full(
		path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &why))
		return TRUE;
	fault_set(error, FAULT_STORAGE, "Make room on that disk.", "%s",
		  why->message);
	return FALSE;
}

pid_t proc_recall(const char *path)
{
	g_autofree char *text = NULL;
	int pid;
	unsigned long long start;
	if (!g_file_get_contents(path, &text, NULL, NULL) ||
	    sscanf(text, "%d %llu", &pid, &start) != 2 || pid <= 1 || !start)
		return 0;
	return start_time(pid) == start ? pid : 0;
}

/* ---- watching ---- */

struct proc_watch {
	pid_t pid;
	int fd;
	guint source;
	proc_ended ended;
	void *data;
};

static gboolean on_end(int fd, GIOCondition condition, void *data)
{
	struct proc_watch *self = data;
	int status = -1;
	/* not our child: ECHILD, and its parent reaps it */
	if (waitpid(self->pid, &status, WNOHANG) != self->pid)
		status = -1;
	self->source = 0;
	self->ended(self->pid, status, self->data); /* may free self */
	return G_SOURCE_REMOVE;
}

struct proc_watch *proc_watch_new(pid_t pid, proc_ended ended, void *data)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return NULL;
	struct proc_watch *self = g_new0(struct proc_watch, 1);
	self->pid = pid;
	self->fd = fd;
	self->ended = ended;
	self->data = data;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	self->source = g_unix_fd_add(fd, G_IO_IN, on_end, self);
	return self;
}

void proc_watch_signal(struct proc_watch *self, int number)
{
	if (self && syscall(SYS_pidfd_send_signal, self->fd, number, NULL, 0) &&
	    errno != ESRCH)
		log_warn(NULL, "Process %d cannot be signalled: %s.",
			 (int)self->pid, g_strerror(errno));
}

void proc_watch_free(struct proc_watch *self)
{
	if (!self)
		return;
	if (self->source)
		g_source_remove(self->source);
	close(self->fd);
	g_free(self);
}

/* ---- for people ---- */

char *proc_status_text(int status)
{
	if (status == -1)
		return g_strdup("ended");
	if (WIFSIGNALED(status))
		return g_strdup_printf("was ended by signal %d (%s)",
				       WTERMSIG(status),
				       g_strsignal(WTERMSIG(status)));
	return g_strdup_printf("ended with status %d", WEXITSTATUS(status));
}

char *proc_log_tail(const char *path, unsigned lines)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	char buffer[2048];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from =
	    size > (off_t)sizeof buffer ? size - (off_t)sizeof buffer : 0;
	ssize_t got = pread(fd, buffer, sizeof buffer, from);
	close(fd);
	while (got > 0 && buffer[got - 1] == '\n')
		got--;
	if (got <= 0)
		return NULL;
	gsize start = (gsize)got;
	while (start > 0 && (buffer[start - 1] != '\n' || --lines > 0))
		start--;
	return log_quote(buffer + start, (gsize)got - start);
}
