/* follow.h - a task or a desktop on its way, as seen by who waits for it.
 *
 * On a terminal a bar with stage and remaining time; otherwise a line for
 * each stage; with --json nothing until the end. Ctrl-C on a task asks the
 * server to cancel it and waits for that; a second one leaves. */
#pragma once

#include "server/cli/cli.h"

/* The task as it ended, when done; a fault when it failed or was cancelled. */
json_t *follow_task(struct cli *cli, const char *id, GError **error);
/* The desktop once it is in that state ("running", "off"); a fault when it
 * failed instead. Ctrl-C leaves; the desktop goes on. */
json_t *follow_desktop(struct cli *cli, const char *id, const char *state,
		       GError **error);
