/* log.h - what the Windows agent says about itself.
 *
 * To standard error where there is one, and to a file where a service has
 * named one (cut at 1 MiB, one old file kept). Foreign text passes through
 * text_to_utf8() first. A line that repeats is counted, not written.
 * Threads: any. */
#pragma once

#include "seamless/win32/win.h"

void log_open(const WCHAR *path);
void log_line(const char *format, ...)
    __attribute__((format(gnu_printf, 1, 2)));
/* The words of Windows for an error, in a static buffer of the thread. */
const char *log_error(DWORD code);
