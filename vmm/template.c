/* A template is complete exactly when it holds TEMPLATE_FITS, which is
 * written last, when everything else is on the disk: a power cut leaves
 * either a whole template or none. */
#include "vmm/template.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"

json_t *template_capabilities(void)
{
	return json_pack("{s:[{s:s,s:b},{s:s,s:b}]}", "capabilities",
			 "capability", "x-ignore-shared", "state", 1,
			 "capability", "events", "state", 1);
}

static void storage_fault(GError **error, const char *path, int err)
{
	fault_set(error, FAULT_STORAGE,
		  err == ENOSPC ? "Free some space on that disk, or give the "
				  "machine less memory."
				: NULL,
		  "The template's file '%s' cannot be written: %s.", path,
		  g_strerror(err));
}

gboolean template_prepare(const char *folder, unsigned memory_mib,
			  GError **error)
{
	g_autofree char *fits = g_build_filename(folder, TEMPLATE_FITS, NULL);
	g_autofree char *state = g_build_filename(folder, TEMPLATE_STATE, NULL);
	g_autofree char *memory =
	    g_build_filename(folder, TEMPLATE_MEMORY, NULL);
	g_unlink(fits);
	g_unlink(state);
	/* clones of an older template keep their mapping of the old file */
	g_unlink(memory);
	int fd = open(memory, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t size = (off_t)memory_mib << 20;
	if (fd < 0 || ftruncate(fd, size) < 0 ||
	    (fallocate(fd, 0, 0, size) < 0 && errno != EOPNOTSUPP)) {
		storage_fault(error, memory, errno);
		if (fd >= 0)
			close(fd);
		g_unlink(memory);
		return FALSE;
	}
	close(fd);
	return TRUE;
}

gboolean template_check(const char *folder, const struct engine *engine,
			const struct engine_spec *spec, GError **error)
{
	g_autofree char *fits = g_build_filename(folder, TEMPLATE_FITS, NULL);
	g_autofree char *text = NULL;
	g_autofree char *now = engine_fingerprint(engine, spec);
	if (g_file_get_contents(fits, &text, NULL, NULL) &&
	    strcmp(text, now) == 0)
		return TRUE;
	fault_set(error, FAULT_CONFLICT, "Make the template anew.",
		  text ? "The template in '%s' does not fit: the engine or the "
			 "machine has changed since it was made."
		       : "There is no complete template in '%s'.",
		  folder);
	return FALSE;
}

/* Space that was reserved and never written reads as a hole. */
static void give_back(int fd)
{
	off_t at = 0, end = lseek(fd, 0, SEEK_END);
	while (at < end) {
		off_t hole = lseek(fd, at, SEEK_HOLE);
		off_t data = hole < 0 ? -1 : lseek(fd, hole, SEEK_DATA);
		if (hole < 0 || hole >= end)
			return;
		if (data < 0)
			data = end;
		/* failing only costs space */
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      hole, data - hole) < 0)
			return;
		at = data;
	}
}

static gboolean make_durable(const char *folder, const char *name,
			     GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	gboolean good = fd >= 0 && fsync(fd) == 0;
	int err = errno;
	if (good && strcmp(name, TEMPLATE_MEMORY) == 0)
		give_back(fd);
	if (fd >= 0)
		close(fd);
	if (!good)
		storage_fault(error, path, err);
	return good;
}

gboolean template_seal(const char *folder, const char *fits, GError **error)
{
	const char *const parts[] = {TEMPLATE_MEMORY, TEMPLATE_STATE,
				     TEMPLATE_DISK};
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
		if (!make_durable(folder, parts[i], error))
			return FALSE;
	g_autofree char *path = g_build_filename(folder, TEMPLATE_FITS, NULL);
	g_autoptr(GError) cause = NULL;
	if (g_file_set_contents_full(path, fits, -1,
				     G_FILE_SET_CONTENTS_CONSISTENT |
					 G_FILE_SET_CONTENTS_DURABLE,
				     0600, &cause))
		return TRUE;
	fault_set(error, FAULT_STORAGE, NULL,
		  "The template in '%s' cannot be completed: %s.", folder,
		  cause->message);
	return FALSE;
}
