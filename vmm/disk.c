/* Disks are made by qemu-img in a process of its own, so that a damaged or
 * hostile image is read by nothing of ours. Formats are never guessed from
 * contents: a guest that owns a raw disk could write a qcow2 header into it
 * whose backing file is one of the host's. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "vmm/disk.h"

const char *disk_format(const char *path)
{
	return g_str_has_suffix(path, ".qcow2") ? "qcow2" : "raw";
}

static gboolean run_qemu_img(const char *const *argv, const char *path,
			     GError **error)
{
	g_autofree char *err = NULL;
	int status = 0;
	g_autoptr(GError) cause = NULL;
	if (!g_spawn_sync(NULL, (char **)argv, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
			  NULL, NULL, NULL, &err, &status, &cause)) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Install it: apt-get install qemu-utils.",
			  "qemu-img cannot be started: %s.", cause->message);
		return FALSE;
	}
	if (status == 0)
		return TRUE;
	g_strstrip(err);
	g_autofree char *quoted = log_quote(err, strlen(err));
	gboolean full = strstr(err, "No space left") != NULL;
	gboolean absent = strstr(err, "No such file") != NULL;
	fault_set(error, absent ? FAULT_NOT_FOUND : FAULT_STORAGE,
		  full ? "Free some space on that disk." : NULL,
		  "Disk '%s' cannot be made: %s.", path, quoted);
	return FALSE;
}

/* argv makes the file `part`, which then takes its place. */
static gboolean make(const char *const *argv, const char *part,
		     const char *target, GError **error)
{
	if (run_qemu_img(argv, target, error)) {
		if (g_rename(part, target) == 0)
			return TRUE;
		fault_set(error, FAULT_STORAGE, NULL,
			  "Disk '%s' cannot be made: %s.", target,
			  g_strerror(errno));
	}
	g_unlink(part);
	return FALSE;
}

gboolean engine_disk_create(const char *path, unsigned gib, GError **error)
{
	g_autofree char *target = g_canonicalize_filename(path, NULL);
	g_autofree char *part = g_strconcat(target, ".part", NULL);
	g_autofree char *size = g_strdup_printf("%uG", gib);
	const char *const argv[] = {"qemu-img", "create", "-q", "-f",
				    "qcow2",    part,     size, NULL};
	return make(argv, part, target, error);
}

gboolean engine_overlay_create(const char *base, const char *path,
			       GError **error)
{
	g_autofree char *whole = g_canonicalize_filename(base, NULL);
	if (!g_file_test(whole, G_FILE_TEST_IS_REGULAR)) {
		fault_set(error, FAULT_NOT_FOUND,
			  "Build or restore the image first.",
			  "Disk '%s' is not there.", base);
		return FALSE;
	}
	g_autofree char *target = g_canonicalize_filename(path, NULL);
	g_autofree char *part = g_strconcat(target, ".part", NULL);
	const char *const argv[] = {
	    "qemu-img", "create",           "-q", "-f", "qcow2", "-b", whole,
	    "-F",       disk_format(whole), part, NULL};
	return make(argv, part, target, error);
}
