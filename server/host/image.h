/* image.h - one built image on disk: LIB/images/NAME/VERSION/.
 * Threads: any. Read-only once it is there. */
#pragma once

#include <jansson.h>

#include "common/paths.h"

struct image {
	char *name, *version;
	char *folder;
	char *disk;            /* path */
	char *kernel, *initrd; /* paths; NULL: it boots from its own disk */
	char *cmdline;         /* NULL likewise */
	gboolean uefi;         /* of one that does */
	gboolean plain;        /* it knows no virtio */
	char *profile;         /* what machine it wants; NULL: Linux's */
	char *digest;          /* SHA-256 of manifest.json, hex */
};

/* FAULT_NOT_FOUND when absent, FAULT_STORAGE when a part of it is missing. */
struct image *image_open(const struct paths_root *root, const char *name,
			 const char *version, GError **error);
void image_free(struct image *image);
typedef struct image image_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(image_auto, image_free)

char *image_folder(const struct paths_root *root, const char *name,
		   const char *version);
/* manifest.json; NULL and a fault when it cannot be read. */
json_t *image_manifest(const struct image *image, GError **error);
