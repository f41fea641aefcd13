/* tpm.h - a machine's TPM 2.0: swtpm, one process beside the machine's.
 *
 * What it keeps is in FOLDER/tpm, 0700: a guest's keys are sealed with it, so
 * it stays with the machine's disk. It ends when the machine does.
 * Threads: the main context. Private to vmm/. */
#pragma once

#include <glib.h>

#define TPM_PID_FILE "tpm.pid" /* in the run folder */

/* *fd: the machine's end of it, the caller's to close. FAULT_UNAVAILABLE
 * when swtpm is not installed. */
gboolean tpm_start(const char *folder, const char *run_dir, const char *log,
		   int *fd, GError **error);
/* swtpm ends by itself once it has been spoken to; one whose machine died
 * before that is ended here. Also forgets its pid file. */
void tpm_end(const char *run_dir);
