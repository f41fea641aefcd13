/* space.h - room on a disk, looked at before it is needed. Threads: any. */
#pragma once

#include <glib.h>

/* MiB free to us on the file system of folder; G_MAXUINT64 if unknown. */
guint64 space_free_mib(const char *folder);
/* FALSE and FAULT_STORAGE when less than need_mib is free there; `what`
 * completes "Not enough room to ...". */
gboolean space_check(const char *folder, guint64 need_mib, const char *what,
		     GError **error);
