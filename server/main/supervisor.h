/* supervisor.h - starts the roles and keeps them running.
 *
 * One per root: RUN/orield.lock is locked by the supervisor and, through an
 * inherited descriptor, by its roles, so that a new supervisor waits for the
 * roles of a killed one to be gone. Desktops are nobody's children here: they
 * live on when a role or all of orield ends.
 *
 * Threads: runs the default main context until SIGTERM or SIGINT. */
#pragma once

#include "server/main/role.h"

/* A role's exit status that asks not to be started again. */
#define ROLE_HOPELESS 2

/* Returns the program's exit status. root_option is --root as given. */
int supervisor_main(const struct paths_root *root, const char *root_option,
		    const struct role_options *options);
