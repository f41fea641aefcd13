#include "server/host/space.h"

#include <sys/statvfs.h>

#include "common/fault.h"

guint64 space_free_mib(const char *folder)
{
	struct statvfs fs;
	if (statvfs(folder, &fs) < 0)
		return G_MAXUINT64;
	return (guint64)fs.f_bavail * fs.f_frsize >> 20;
}

gboolean space_check(const char *folder, guint64 need_mib, const char *what,
		     GError **error)
{
	guint64 is_free = space_free_mib(folder);
	if (is_free >= need_mib)
		return TRUE;
	fault_set(error, FAULT_STORAGE,
		  "Make room there, or remove desktops and images that are not "
		  "needed.",
		  "Not enough room to %s: '%s' has %" G_GUINT64_FORMAT
		  " MiB free, %" G_GUINT64_FORMAT " MiB are needed.",
		  what, folder, is_free, need_mib);
	return FALSE;
}
