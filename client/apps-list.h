/* apps-list.h - a machine's applications as text, and as the user's own.
 *
 * Threads: main. */
#pragma once

#include "client/apps-run.h"

/* "ID NAME" a line on standard output, by name. apps: struct seamless_app. */
void apps_list_print(const GPtrArray *apps);
/* Puts them among the user's own; what to tell the user then, new, or NULL
 * and an error. */
char *apps_list_install(const struct apps_options *options,
			const GPtrArray *apps, GError **error);
