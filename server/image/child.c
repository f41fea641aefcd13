#include "server/image/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fault.h"

/* mmdebstrap unmounts and removes what it made before it ends */
#define GRACE_US       (10 * G_USEC_PER_SEC)
#define TAIL_MAX       (16u << 10)
#define LINE_MAX_BYTES 4096u

static volatile sig_atomic_t cancelled;
static int wake_pipe[2] = {-1, -1};
static int watched_fd = -1;

static void on_signal(int number)
{
	int saved = errno;
	cancelled = 1;
	/* full is as good: the reader wakes anyway */
	ssize_t written G_GNUC_UNUSED = write(wake_pipe[1], "x", 1);
	errno = saved;
}

void child_setup(int watch_fd)
{
	watched_fd = watch_fd;
	if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		wake_pipe[0] = wake_pipe[1] = -1;
	struct sigaction action = {.sa_handler = on_signal,
				   .sa_flags = SA_RESTART};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void check_reader(void)
{
	struct pollfd reader = {.fd = watched_fd};
	if (watched_fd >= 0 && poll(&reader, 1, 0) > 0 &&
	    (reader.revents & (POLLERR | POLLNVAL | POLLHUP)))
		cancelled = 1;
}

gboolean child_cancelled(GError **error)
{
	check_reader();
	if (!cancelled)
		return FALSE;
	fault_set(error, FAULT_CANCELLED, NULL, "The build was cancelled.");
	return TRUE;
}

/* ---- descendants ---- */

static pid_t parent_of(const char *pid)
{
	g_autofree char *path = g_build_filename("/proc", pid, "stat", NULL);
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return -1;
	/* the name may hold blanks and brackets: count from its end */
	const char *after = strrchr(text, ')');
	int parent;
	if (!after || sscanf(after + 1, " %*c %d", &parent) != 1)
		return -1;
	return parent;
}

/* Kills every direct child; theirs become ours and follow. */
static unsigned kill_children(int number)
{
	unsigned killed = 0;
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *name;
	while (proc && (name = g_dir_read_name(proc)))
		if (g_ascii_isdigit(*name) && parent_of(name) == getpid()) {
			kill((pid_t)atoi(name), number);
			killed++;
		}
	return killed;
}

static void reap_descendants(void)
{
	/* bounded: a process that cannot be killed must not hold us */
	for (unsigned turn = 0; turn < 500; turn++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (!kill_children(SIGKILL))
			return;
		g_usleep(10000);
	}
}

/* ---- the child's side ---- */

static G_NORETURN void exec_child(const struct child_spec *spec, int out,
				  char *const *envp)
{
	signal(SIGPIPE, SIG_DFL);
	int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(out, 2) < 0)
		_exit(126);
	/* the numbers wanted may be in use by another of them: out of the way
	 * first, into place then */
	int high[16];
	for (gsize i = 0; i < spec->n_fds; i++)
		high[i] = fcntl(spec->fds[i].fd, F_DUPFD_CLOEXEC, 100);
	for (gsize i = 0; i < spec->n_fds; i++)
		if (high[i] < 0 || dup2(high[i], spec->fds[i].as) < 0)
			_exit(126);
	if (spec->folder && chdir(spec->folder) < 0)
		_exit(126);
	execvpe(spec->argv[0], (char *const *)spec->argv, envp);
	_exit(errno == ENOENT ? 127 : 126);
}

/* ---- the guardian ---- */

/* Between us and the program stands a process that outlives our being killed
 * and then ends whatever the program started, being the reaper of all of it.
 * Its exit status is the program's, or 128 + N for signal N. */
static G_NORETURN void guard(const struct child_spec *spec, int out,
			     char *const *envp, pid_t builder)
{
	/* on_signal() now tells this process; cancelled is a copy of ours */
	cancelled = 0;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (getppid() != builder)
		_exit(126);
	pid_t pid = fork();
	if (pid == 0)
		exec_child(spec, out, envp);
	close(out);
	int status = 126 << 8, some;
	gboolean ended = pid < 0;
	gint64 deadline = 0;
	while (!ended && (!deadline || g_get_monotonic_time() < deadline)) {
		pid_t gone = waitpid(-1, &some, WNOHANG);
		if (gone == pid) {
			status = some;
			ended = TRUE;
		} else if (gone <= 0) {
			g_usleep(10000);
		}
		if (cancelled && !deadline) {
			deadline = g_get_monotonic_time() + GRACE_US;
			kill(0, SIGTERM); /* us too: nothing new by then */
		}
	}
	reap_descendants();
	_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				  : WEXITSTATUS(status));
}

/* ---- pumping ---- */

struct pump {
	const struct child_spec *spec;
	GString *line;
	char *last; /* last line that is not empty */
};

static void pump_line(struct pump *self)
{
	g_autofree char *text =
	    g_utf8_make_valid(self->line->str, (gssize)self->line->len);
	g_string_truncate(self->line, 0);
	if (!*g_strstrip(text))
		return;
	if (self->spec->line)
		self->spec->line(text, self->spec->data);
	g_free(self->last);
	self->last = g_steal_pointer(&text);
}

static void pump_bytes(struct pump *self, const char *bytes, gsize length)
{
	if (self->spec->log_fd >= 0) {
		/* a full disk shows in the build itself */
		ssize_t written G_GNUC_UNUSED =
		    write(self->spec->log_fd, bytes, length);
	}
	GString *out = self->spec->output;
	if (out) {
		g_string_append_len(out, bytes, (gssize)length);
		if (out->len > TAIL_MAX)
			g_string_erase(out, 0, (gssize)(out->len - TAIL_MAX));
	}
	for (gsize i = 0; i < length; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r')
			pump_line(self);
		else if (self->line->len < LINE_MAX_BYTES)
			g_string_append_c(self->line, bytes[i]);
	}
}

/* Reads until the guardian has ended and the pipe has run dry. Returns the
 * wait status. */
static int pump_all(struct pump *self, pid_t guardian, int out)
{
	int status = 0;
	gboolean ended = FALSE, told = FALSE;
	while (TRUE) {
		struct pollfd fds[] = {
		    {.fd = out, .events = POLLIN},
		    {.fd = wake_pipe[0], .events = POLLIN},
		    {.fd = told ? -1 : watched_fd},
		};
		poll(fds, 3, ended ? 0 : 100);
		char buffer[16384];
		if (fds[1].revents)
			while (read(wake_pipe[0], buffer, sizeof buffer) > 0)
				;
		ssize_t got = 0;
		if (fds[0].revents &&
		    (got = read(out, buffer, sizeof buffer)) > 0)
			pump_bytes(self, buffer, (gsize)got);
		if (ended && got <= 0)
			break;
		if (!ended && waitpid(guardian, &status, WNOHANG) == guardian) {
			ended = TRUE;
			continue;
		}
		if (fds[0].revents && got == 0 && !ended)
			g_usleep(20000); /* closed its output, still runs */
		check_reader();
		if (cancelled && !told) {
			kill(guardian, SIGTERM);
			told = TRUE;
		}
	}
	if (self->line->len)
		pump_line(self);
	return status;
}

gboolean child_run(const struct child_spec *spec, GError **error)
{
	g_return_val_if_fail(spec->n_fds <= 16, FALSE);
	if (child_cancelled(error))
		return FALSE;
	int out[2];
	if (pipe2(out, O_CLOEXEC) < 0) {
		fault_set(error, FAULT_BUSY, "Close other programs.",
			  "No pipe can be made: %s.", g_strerror(errno));
		return FALSE;
	}
	g_auto(GStrv) env = g_get_environ();
	for (gsize i = 0; spec->env && spec->env[i]; i++) {
		g_auto(GStrv) pair = g_strsplit(spec->env[i], "=", 2);
		env = g_environ_setenv(env, pair[0], pair[1], TRUE);
	}
	pid_t builder = getpid();
	pid_t pid = fork();
	if (pid == 0)
		guard(spec, out[1], env, builder);
	close(out[1]);
	if (pid < 0) {
		int err = errno;
		close(out[0]);
		fault_set(error, FAULT_BUSY, "Close other programs.",
			  "No process can be started: %s.", g_strerror(err));
		return FALSE;
	}
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	struct pump pump = {.spec = spec, .line = g_string_new(NULL)};
	int status = pump_all(&pump, pid, out[0]);
	close(out[0]);
	g_string_free(pump.line, TRUE);
	g_autofree char *last = pump.last;
	if (child_cancelled(error))
		return FALSE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return TRUE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install it: `make deps` does, or apt-get install.",
			  "Program '%s' is not installed.", spec->argv[0]);
	else if (WIFSIGNALED(status) || WEXITSTATUS(status) > 128)
		fault_set(error, FAULT_INTERNAL, NULL,
			  "'%s' was killed by signal %d.", spec->argv[0],
			  WIFSIGNALED(status) ? WTERMSIG(status)
					      : WEXITSTATUS(status) - 128);
	else
		fault_set(error, FAULT_INTERNAL, NULL, "'%s' failed: %s",
			  spec->argv[0], last ? last : "it did not say why");
	return FALSE;
}
