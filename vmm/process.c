#include "vmm/process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"

struct process {
	int refs; /* the watch holds one */
	pid_t pid;
	int pidfd;
	gboolean alive;
	process_ended ended;
	void *data;
};

struct process *process_ref(struct process *self)
{
	self->refs++;
	return self;
}

void process_unref(struct process *self)
{
	if (!self || --self->refs > 0)
		return;
	close(self->pidfd);
	g_free(self);
}

static gboolean on_end(int fd, GIOCondition condition, void *data)
{
	struct process *self = data;
	siginfo_t info = {0};
	int status = -1;
	/* fails for a process that is not our child: nothing to reap */
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid)
		status = info.si_code == CLD_EXITED
			     ? W_EXITCODE(info.si_status, 0)
			     : info.si_status;
	self->alive = FALSE;
	if (self->ended)
		self->ended(self, status, self->data);
	process_unref(self);
	return G_SOURCE_REMOVE;
}

static struct process *watch(pid_t pid, int pidfd)
{
	struct process *self = g_new0(struct process, 1);
	self->refs = 2;
	self->pid = pid;
	self->pidfd = pidfd;
	self->alive = TRUE;
	GSource *source = g_unix_fd_source_new(pidfd, G_IO_IN);
	g_source_set_priority(source, G_PRIORITY_DEFAULT + 50);
	g_source_set_callback(source, G_SOURCE_FUNC(on_end), self, NULL);
	g_source_attach(source, g_main_context_get_thread_default());
	g_source_unref(source);
	return self;
}

/* ---- who a pid is ---- */

/* Field 22 of /proc/PID/stat, in clock ticks since boot; 0: no process. */
static guint64 start_time(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	/* the name before it is in parentheses and may hold anything */
	char *at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? g_ascii_strtoull(at + 1, NULL, 10) : 0;
}

static char *boot_id(void)
{
	char *id = NULL;
	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &id, NULL,
				 NULL))
		return g_strdup("unknown");
	return g_strstrip(id);
}

static gboolean write_pid(const char *path, pid_t pid, GError **error)
{
	g_autofree char *boot = boot_id();
	g_autofree char *text = g_strdup_printf(
	    "%d %" G_GUINT64_FORMAT " %s\n", (int)pid, start_time(pid), boot);
	return g_file_set_contents_full(
	    path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

struct process *process_adopt(const char *pid_file, GError **error)
{
	g_autofree char *text = NULL, *boot = boot_id();
	int pid;
	unsigned long long started;
	char id[64];
	if (g_file_get_contents(pid_file, &text, NULL, NULL) &&
	    sscanf(text, "%d %llu %63s", &pid, &started, id) == 3 && pid > 1 &&
	    strcmp(id, boot) == 0) {
		/* the descriptor first: from then on the pid cannot pass to
		 * another process unnoticed */
		int fd = pidfd_open(pid, 0);
		if (fd >= 0) {
			if (start_time(pid) == started)
				return watch(pid, fd);
			close(fd);
		}
	}
	fault_set(error, FAULT_NOT_FOUND, NULL,
		  "No process runs that '%s' could mean.", pid_file);
	return NULL;
}

/* ---- starting ---- */

static void in_child(void *data)
{
	/* between fork and exec: only async-signal-safe calls */
	setsid();
	umask(077);
}

static int open_log(const char *path, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		fault_set(error, errno == ENOSPC ? FAULT_STORAGE : FAULT_DENIED,
			  NULL, "Log '%s' cannot be opened: %s.", path,
			  g_strerror(errno));
	return fd;
}

struct process *process_start(const struct process_spec *spec, GError **error)
{
	int log = open_log(spec->log, error);
	if (log < 0)
		return NULL;
	g_autofree int *targets = g_new(int, spec->fd_count + 1);
	for (unsigned i = 0; i < spec->fd_count; i++)
		targets[i] = 3 + (int)i;
	GPid pid;
	g_autoptr(GError) cause = NULL;
	gboolean started = g_spawn_async_with_pipes_and_fds(
	    spec->folder, spec->argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, in_child,
	    NULL, -1, log, log, spec->fds, targets, spec->fd_count, &pid, NULL,
	    NULL, NULL, &cause);
	close(log);
	if (!started) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "Program '%s' cannot be started: %s.", spec->argv[0],
			  cause->message);
		return NULL;
	}
	int pidfd = pidfd_open(pid, 0);
	g_autoptr(GError) unwritten = NULL;
	if (pidfd >= 0 && write_pid(spec->pid_file, pid, &unwritten))
		return watch(pid, pidfd);
	/* nobody could find it again: it must not live */
	int err = errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (pidfd >= 0)
		close(pidfd);
	fault_set(error, FAULT_STORAGE,
		  "Check free space and permissions of that folder.",
		  "Pid file '%s' cannot be written: %s.", spec->pid_file,
		  unwritten ? unwritten->message : g_strerror(err));
	return NULL;
}

void process_watch(struct process *self, process_ended ended, void *data)
{
	self->ended = ended;
	self->data = data;
}

gboolean process_is_alive(const struct process *self)
{
	return self->alive;
}

pid_t process_pid(const struct process *self)
{
	return self->pid;
}

void process_signal(struct process *self, int signal)
{
	pidfd_send_signal(self->pidfd, signal, NULL, 0);
}

/* ---- what is told about an end ---- */

char *process_describe_end(int status)
{
	if (status >= 0 && WIFSIGNALED(status))
		return g_strdup_printf("was killed by signal %d (%s)",
				       WTERMSIG(status),
				       g_strsignal(WTERMSIG(status)));
	if (status >= 0)
		return g_strdup_printf("ended with status %d",
				       WEXITSTATUS(status));
	return g_strdup("ended");
}

char *process_log_tail(const char *log, goffset after, unsigned lines)
{
	char bytes[4096];
	int fd = open(log, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return g_strdup("");
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = MAX((off_t)after, size - (off_t)sizeof bytes);
	ssize_t got = pread(fd, bytes, sizeof bytes, from);
	close(fd);
	gsize end = got > 0 ? (gsize)got : 0;
	while (end && g_ascii_isspace(bytes[end - 1]))
		end--;
	gsize begin = end;
	while (begin > 0 && (bytes[begin - 1] != '\n' || --lines > 0))
		begin--;
	g_autofree char *text =
	    g_utf8_make_valid(bytes + begin, (gssize)(end - begin));
	for (char *at = text; *at; at++)
		if ((guchar)*at < ' ' && *at != '\n')
			*at = ' ';
	return g_steal_pointer(&text);
}

char *process_output(const char *const *argv, unsigned timeout_ms)
{
	GPid pid;
	int out;
	if (!g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
				      G_SPAWN_DO_NOT_REAP_CHILD |
					  G_SPAWN_STDERR_TO_DEV_NULL,
				      NULL, NULL, &pid, NULL, &out, NULL, NULL))
		return NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	gboolean ended = FALSE;
	while (!ended) {
		gint64 left = (end - g_get_monotonic_time()) / 1000;
		struct pollfd wait = {.fd = out, .events = POLLIN};
		char bytes[4096];
		if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
			break;
		ssize_t got = read(out, bytes, sizeof bytes);
		ended = got <= 0;
		if (got > 0 && text->len < 1 << 20)
			g_string_append_len(text, bytes, got);
	}
	close(out);
	if (!ended)
		kill(pid, SIGKILL);
	int status = 0;
	waitpid(pid, &status, 0);
	return ended && status == 0 ? g_strdup(text->str) : NULL;
}
