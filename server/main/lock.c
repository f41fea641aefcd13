#include "server/main/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"

/* a role stops within this or is broken */
#define WAIT_MS 10000
#define STEP_MS 50

static pid_t holder(int fd)
{
	char text[32] = "";
	ssize_t got = pread(fd, text, sizeof text - 1, 0);
	return got > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static gboolean lives(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

static gboolean write_pid(int fd)
{
	char text[32];
	int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
	return ftruncate(fd, 0) == 0 &&
	       pwrite(fd, text, (size_t)length, 0) == length;
}

static void set_held(GError **error, const struct paths_root *root, pid_t pid)
{
	g_autofree char *remedy = NULL;
	if (lives(pid)) {
		remedy = g_strdup_printf(
		    "Stop it with 'kill %d' first, or choose another folder "
		    "with --root DIR.",
		    (int)pid);
		fault_set(error, FAULT_CONFLICT, remedy,
			  "Another orield (process %d) already serves '%s'.",
			  (int)pid, root->run);
		return;
	}
	remedy = g_strdup("See which with: pgrep -af 'orield.*--role'. Stop "
			  "them, then start again.");
	fault_set(error, FAULT_CONFLICT, remedy,
		  "Roles of an orield that was killed (process %d) still serve "
		  "'%s' and do not end.",
		  (int)pid, root->run);
}

int lock_take(const struct paths_root *root, GError **error)
{
	g_autofree char *path =
	    g_build_filename(root->run, "orield.lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		int err = errno;
		fault_set(error, FAULT_DENIED,
			  "Choose a folder you may write with --root DIR, or "
			  "run as the service's user.",
			  "Lock file '%s' cannot be opened: %s.", path,
			  g_strerror(err));
		return -1;
	}
	for (unsigned waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0;
	     waited += STEP_MS) {
		pid_t pid = holder(fd);
		if (lives(pid) || waited >= WAIT_MS) {
			set_held(error, root, pid);
			close(fd);
			return -1;
		}
		if (waited == 0)
			log_info(NULL,
				 "Waiting for the roles of orield %d, which "
				 "was killed, to end.",
				 (int)pid);
		g_usleep(STEP_MS * 1000);
	}
	if (!write_pid(fd)) {
		int err = errno;
		fault_set(error, FAULT_STORAGE, "Free some space there.",
			  "Lock file '%s' cannot be written: %s.", path,
			  g_strerror(err));
		close(fd);
		return -1;
	}
	return fd;
}
