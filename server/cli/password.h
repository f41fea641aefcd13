/* password.h - a new password, from wherever it comes but the command line. */
#pragma once

#include <glib.h>

/* generate: a new one. file: its first line ("-" standard input). Otherwise
 * asked for twice on the terminal, or the first line of standard input.
 * New string, to be freed with password_free(). */
char *password_obtain(const char *user, gboolean generate, const char *file,
		      GError **error);
void password_free(char *password);
