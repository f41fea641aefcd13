/* host.h - the host role: all knowledge about processes.
 *
 * It starts, watches, clones and stops machines and their display processes,
 * builds images, and tells its broker (docs/host-link.md). Machines outlive
 * it: a host role that was killed finds them again. Below LIB it owns
 * images/, templates/ and desktops/, below RUN templates/ and desktops/.
 * Threads: one, the main loop. */
#pragma once

#include "server/main/role.h"

/* `orield --role host`. Status 2 when another host role has the root. */
int host_main(const struct paths_root *root,
	      const struct role_options *options);

/* `orield doctor [--json] [--root DIR]`: what was found, what was chosen and
 * why, what would make it better; on standard output. root may be NULL.
 * 0: good; 1: only warnings; 2: desktops cannot run. Changes nothing. */
int host_doctor(const char *root, gboolean json);
