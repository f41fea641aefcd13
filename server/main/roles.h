/* roles.h - the roles this binary holds. Threads: any; static data. */
#pragma once

#include "server/main/role.h"

struct role {
	const char *name;
	role_main run;
};

extern const struct role roles[];
extern const unsigned roles_count;

/* NULL when there is none of that name. */
const struct role *roles_find(const char *name);

/* `orield doctor`: prints what this machine can do; an exit status. root is
 * the option as given, or NULL. */
int roles_doctor(const char *root, gboolean json);
