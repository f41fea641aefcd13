/* filetypes.h - which MIME types a program opens, by Windows' registry.
 *
 * Windows knows extensions; their MIME types come from the registry where it
 * has them, else from a list of the usual ones. Threads: one. */
#pragma once

#include "seamless/win32/win.h"

/* Once before any number of questions. */
void filetypes_read(void);
/* "text/plain;application/rtf;" or nothing. */
void filetypes_of_program(const WCHAR *path, char *types, size_t room);
