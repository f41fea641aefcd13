/* viewer.h - starts a stock viewer on a desktop.
 *
 * The ticket that lets it in goes by the viewer's environment or a file that
 * only its user can read, never by its arguments. Threads: one. */
#pragma once

#include "server/cli/cli.h"

/* answer: POST /desktops/ID/viewer's, borrowed. using: a viewer's name, NULL
 * for the first that is installed. Returns only with a fault, or after having
 * printed what a person can type where nothing can be shown. */
gboolean viewer_start(struct cli *cli, json_t *answer, const char *using,
		      GError **error);
/* The .vv file alone; path "-" is stdout. */
gboolean viewer_save(struct cli *cli, json_t *answer, const char *path,
		     GError **error);
