/* child.h - runs one program, hands out its output line by line, and leaves
 * none of its descendants behind.
 *
 * The programs run here (mmdebstrap, apt, dpkg) start sessions and namespaces
 * of their own, so ending a process group would not reach everything. A
 * guardian process stands in between, as the reaper of all of them: once the
 * program has ended, by itself, because of a cancellation or because we were
 * killed, whatever it left is killed.
 *
 * Threads: one; child_setup() first. */
#pragma once

#include <glib.h>

/* Takes SIGTERM, SIGINT and SIGHUP as cancellation. watch_fd (or -1) is a pipe
 * or socket whose reader going away cancels too. */
void child_setup(int watch_fd);

/* TRUE and a fault FAULT_CANCELLED once a signal has come. */
gboolean child_cancelled(GError **error);

struct child_fd {
	int fd; /* ours */
	int as; /* the child's number for it */
};

struct child_spec {
	const char *const *argv; /* argv[0] is looked up in PATH */
	const char *const *env;  /* NAME=VALUE to add, or NULL */
	const char *folder;      /* working folder, or NULL */
	const struct child_fd *fds;
	gsize n_fds;
	int log_fd; /* all output is copied there; -1: nowhere */
	/* every line of stdout and stderr, without its end; optional */
	void (*line)(const char *line, void *data);
	void *data;
	GString *output; /* the last 16 KiB of output, or NULL */
};

/* TRUE when it ended with status 0. FAULT_UNAVAILABLE when it cannot be
 * started, FAULT_CANCELLED, else FAULT_INTERNAL with its last line. */
gboolean child_run(const struct child_spec *spec, GError **error);
