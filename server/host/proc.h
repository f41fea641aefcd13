/* proc.h - processes that may outlive us, and recognising them again.
 *
 * A process is known by its pid and its start time: a pid alone may have been
 * given to another meanwhile. Its end is seen through a pidfd, whether it is
 * our child or one that an earlier host role left. Threads: main context. */
#pragma once

#include <glib.h>
#include <sys/types.h>

enum proc_life {
	PROC_STAYS,   /* a session of its own; lives on when we die */
	PROC_WITH_US, /* gets SIGTERM when we die */
};

/* stdin and stdout are /dev/null, stderr is appended to the file log (emptied
 * first; NULL: /dev/null). fd, if not -1, becomes descriptor 3. Returns the
 * pid or -1 with a fault. */
pid_t proc_spawn(const char *const *argv, int fd, const char *log,
		 enum proc_life life, GError **error);

/* "PID START\n", to find it again. */
gboolean proc_record(const char *path, pid_t pid, GError **error);
/* The recorded process if it still runs, else 0. */
pid_t proc_recall(const char *path);

/* Calls ended once from the main context; status is wait(2)'s, or -1 when it
 * was not our child. NULL when the process is gone already. */
typedef void (*proc_ended)(pid_t pid, int status, void *data);
struct proc_watch *proc_watch_new(pid_t pid, proc_ended ended, void *data);
/* Sends a signal through the pidfd: never to another process. */
void proc_watch_signal(struct proc_watch *watch, int number);
void proc_watch_free(struct proc_watch *watch);

/* "killed by signal 9 (Killed)", "ended with status 1", "ended"; new. */
char *proc_status_text(int status);
/* The last `lines` lines of a log, on one line, quoted; NULL when empty. */
char *proc_log_tail(const char *path, unsigned lines);
