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

/* Field 22 of a /proc/PID/stat, in clock ticks since boot; NULL: damaged. */
static const char *start_field(const char *stat)
{
	/* the name before it is in parentheses and may hold anything */
	const char *at = strrchr(stat, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : NULL;
}

/* 0: no such process. */
static guint64 start_time(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	const char *field = start_field(text);
	return field ? g_ascii_strtoull(field, NULL, 10) : 0;
}

static char *boot_id(void)
{
	char *id = NULL;
	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &id, NULL,
				 NULL))
		return g_strdup("unknown");
	return g_strstrip(id);
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

struct birth {
	int pid_file;
	const char *boot;
};

/* Between fork and exec: only async-signal-safe calls. The child writes the
 * pid file itself, so that no moment is left in which it runs and nobody who
 * comes later could find it. */
static void in_child(void *data)
{
	const struct birth *birth = data;
	char stat[1024], text[128];
	setsid();
	umask(077);
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, stat, sizeof stat - 1);
	stat[MAX(got, 0)] = 0;
	const char *field = start_field(stat), *pid_end = strchr(stat, ' ');
	const char *end = field ? strchr(field, ' ') : NULL;
	if (end && pid_end) {
		/* "PID START BOOT\n" */
		const struct {
			const char *from;
			gsize length;
		} parts[] = {{stat, (gsize)(pid_end + 1 - stat)},
			     {field, (gsize)(end + 1 - field)},
			     {birth->boot, strlen(birth->boot)},
			     {"\n", 1}};
		gsize length = 0;
		for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
			for (gsize c = 0;
			     c < parts[i].length && length < sizeof text; c++)
				text[length++] = parts[i].from[c];
		if (write(birth->pid_file, text, length) == (ssize_t)length)
			return;
	}
	static const char complaint[] =
	    "The pid file cannot be written: No space left on device\n";
	got = write(STDERR_FILENO, complaint, sizeof complaint - 1);
	_exit(126);
}

static int open_file(const char *path, int flags, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		fault_set(error, errno == ENOSPC ? FAULT_STORAGE : FAULT_DENIED,
			  "Check free space and permissions of its folder.",
			  "File '%s' cannot be written: %s.", path,
			  g_strerror(errno));
	return fd;
}

struct process *process_start(const struct process_spec *spec, GError **error)
{
	int log = open_file(spec->log, O_APPEND, error);
	int pid_file = log < 0 ? -1 : open_file(spec->pid_file, O_TRUNC, error);
	if (pid_file < 0) {
		if (log >= 0)
			close(log);
		return NULL;
	}
	g_autofree int *targets = g_new(int, spec->fd_count + 1);
	for (unsigned i = 0; i < spec->fd_count; i++)
		targets[i] = 3 + (int)i;
	g_autofree char *boot = boot_id();
	/* out of the way of the numbers above */
	struct birth birth = {.pid_file = fcntl(pid_file, F_DUPFD_CLOEXEC, 64),
			      .boot = boot};
	close(pid_file);
	GPid pid;
	g_autoptr(GError) cause = NULL;
	gboolean started = g_spawn_async_with_pipes_and_fds(
	    spec->folder, spec->argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, in_child,
	    &birth, -1, log, log, spec->fds, targets, spec->fd_count, &pid,
	    NULL, NULL, NULL, &cause);
	close(log);
	close(birth.pid_file);
	if (!started) {
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "Program '%s' cannot be started: %s.", spec->argv[0],
			  cause->message);
		return NULL;
	}
	int pidfd = pidfd_open(pid, 0);
	if (pidfd >= 0)
		return watch(pid, pidfd);
	int err = errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fault_set(error, FAULT_BUSY, NULL,
		  "Program '%s' cannot be watched: %s.", spec->argv[0],
		  g_strerror(err));
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
