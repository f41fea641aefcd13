/* apps-command.h - `oriel-client run` and `oriel-client apps`: what was typed.
 * Threads: main. The exit status is main()'s. */
#pragma once

#include <glib.h>

gboolean apps_command_is(const char *word);
/* argv[0] is the command's word. */
int apps_command(int argc, char **argv);
