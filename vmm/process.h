/* process.h - a program that outlives the one that started it.
 *
 * It gets a session of its own, its output appended to a log, and a pid file
 * that names process, start time and boot, so that a pid used again by
 * another program is never taken for it. Its end is watched by a pidfd, which
 * works for children and for processes adopted from an earlier run alike; a
 * child is reaped whether or not anyone still holds the object.
 * Threads: the thread-default main context of the caller. */
#pragma once

#include <gio/gio.h>

struct process;

struct process_spec {
	const char *const *argv; /* [0] is an absolute path */
	const char *folder;      /* its working folder */
	const char *log;         /* appended to, made 0600 */
	const char *pid_file;
	const int *fds; /* become 3, 4, ...; stay the caller's */
	unsigned fd_count;
};

/* status: as waitpid() tells, or -1 where it cannot be known (adopted). */
typedef void (*process_ended)(struct process *process, int status, void *data);

struct process *process_start(const struct process_spec *spec, GError **error);
/* FAULT_NOT_FOUND when the file is absent or its process is gone. */
struct process *process_adopt(const char *pid_file, GError **error);
struct process *process_ref(struct process *process);
void process_unref(struct process *process);

/* One watcher; ended may be NULL. Called from the loop, once, with lower
 * priority than sockets, so that last words are read first. */
void process_watch(struct process *process, process_ended ended, void *data);
gboolean process_is_alive(const struct process *process);
pid_t process_pid(const struct process *process);
void process_signal(struct process *process, int signal);

/* "was killed by signal 9", "ended with status 1", "ended". New string. */
char *process_describe_end(int status);
/* The last `lines` lines of a file after offset `from`, at most 4 KiB, made
 * printable. */
char *process_log_tail(const char *log, goffset from, unsigned lines);
/* Runs a program to its end, at most timeout_ms; its standard output, or
 * NULL when it did not start, end in time, or succeed. Blocks. */
char *process_output(const char *const *argv, unsigned timeout_ms);
