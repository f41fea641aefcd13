/* import.h - a disk made elsewhere, as an image.
 *
 * qemu-img reads the foreign format, in a process of its own; the format is
 * that of the file's name and never guessed from its contents, and one that
 * refers to other files is refused. The result is a folder like a built
 * image's, without kernel and initrd: such an image boots from its own disk.
 * Threads: one, which runs children (child_setup() first). */
#pragma once

#include <glib.h>
#include <jansson.h>

struct import_request {
	const char *file;   /* qcow2 raw img vmdk vhd vhdx vdi ova */
	const char *output; /* folder, absent */
	/* Of a disk that a system was installed on by us: it was made on this
	 * machine, and has to boot. NULL: looked at, and guessed. */
	const char *profile;  /* vmm/profile.h */
	const char *firmware; /* bios or uefi */
	gboolean plain;       /* it knows no virtio */
	const char *title;    /* NULL: the file's name */
};
/* stage, and how far of 1000 it is, never falling. */
typedef void (*import_told)(const char *stage, unsigned done, void *data);

/* The manifest, or NULL and a fault; nothing is left then. A disk with a
 * profile on which nothing boots is FAULT_INVALID. */
json_t *import_image(const struct import_request *request, import_told told,
		     void *data, GError **error);
