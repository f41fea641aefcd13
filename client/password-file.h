/* password-file.h - a password from a file's first line. Threads: any. */
#pragma once

#include <glib.h>

/* "-" is standard input. New; the caller wipes it. NULL and a fault where
 * there is none of at most 1024 bytes of UTF-8. */
char *password_file_read(const char *path, GError **error);
