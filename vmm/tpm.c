#include "vmm/tpm.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "vmm/process.h"

gboolean tpm_start(const char *folder, const char *run_dir, const char *log,
		   int *fd, GError **error)
{
	g_autofree char *program = g_find_program_in_path("swtpm");
	if (!program) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install it: apt-get install swtpm.",
			  "This machine has a TPM, and the program that plays "
			  "one is not installed.");
		return FALSE;
	}
	g_autofree char *kept = g_build_filename(folder, "tpm", NULL);
	int pair[2];
	if (g_mkdir_with_parents(kept, 0700) < 0) {
		fault_set(error, FAULT_STORAGE, "Make room on that disk.",
			  "The TPM's folder '%s' cannot be made: %s.", kept,
			  g_strerror(errno));
		return FALSE;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		fault_set(error, FAULT_BUSY, "Close other programs.",
			  "The TPM cannot be connected: %s.",
			  g_strerror(errno));
		return FALSE;
	}
	g_autofree char *state = g_strconcat("dir=", kept, ",mode=0600", NULL);
	g_autofree char *pid = g_build_filename(run_dir, TPM_PID_FILE, NULL);
	const char *const argv[] = {program,           "socket",
				    "--tpm2",          "--tpmstate",
				    "dir=.,mode=0600", /* its working folder */
				    "--ctrl",          "type=unixio,clientfd=3",
				    "--terminate",     NULL};
	struct process *process =
	    process_start(&(struct process_spec){.argv = argv,
						 .folder = kept,
						 .log = log,
						 .pid_file = pid,
						 .fds = &pair[1],
						 .fd_count = 1},
			  error);
	close(pair[1]);
	if (!process) {
		close(pair[0]);
		return FALSE;
	}
	process_unref(process); /* its end follows the machine's */
	*fd = pair[0];
	return TRUE;
}

void tpm_end(const char *run_dir)
{
	g_autofree char *pid = g_build_filename(run_dir, TPM_PID_FILE, NULL);
	struct process *process = process_adopt(pid, NULL);
	if (process) {
		process_signal(process, SIGTERM);
		process_unref(process);
	}
	g_unlink(pid);
}
