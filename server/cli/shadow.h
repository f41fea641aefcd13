/* shadow.h - `oriel session shadow`: asks a desktop's user to be let in, waits
 * for the answer, and opens a viewer. Threads: one. */
#pragma once

#include "server/cli/cli.h"

extern const GOptionEntry shadow_options[];
gboolean shadow_run(struct cli *cli, GError **error);
