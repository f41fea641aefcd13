/* images.h - images, their versions, and the recipes they are built from.
 *
 * Version numbers count up and are never used twice. Threads: one main
 * context. */
#pragma once

#include "server/broker/internal.h"

/* [{name, title, description}]; recipes that cannot be read are left out. */
json_t *recipes_list(void);
/* Of all that the recipe may depend on; new string. FAULT_NOT_FOUND. */
char *recipe_hash(const char *recipe, GError **error);

/* Image objects of the API. name NULL: {"images": [...]}. */
json_t *images_json(struct broker *broker, const char *name, GError **error);
/* The newest version that is ready; 0 and FAULT_CONFLICT where there is
 * none, FAULT_NOT_FOUND where there is no such image. */
gint64 images_current(struct broker *broker, const char *name, GError **error);

gboolean images_has(struct broker *broker, const char *name, gint64 version,
		    GError **error);

struct image_build {
	char *task; /* NULL: the image is current already */
	gint64 version;
};
/* again: also when the image is current. */
gboolean images_build(struct broker *broker, const char *name,
		      const char *recipe, gboolean again, const char *who,
		      struct image_build *build, GError **error);
/* A disk from LIB/import of its host, as a new version. */
gboolean images_import(struct broker *broker, const char *name,
		       const char *file, const char *who,
		       struct image_build *build, GError **error);
/* A row for one that is to be made: its number, or 0. Inside a transaction. */
gint64 images_new_version(struct broker *broker, const char *name,
			  const char *recipe, const char *hash,
			  const char *host, GError **error);
/* Of the task's end; inside its transaction. */
gboolean images_built(struct broker *broker, const char *name, gint64 version,
		      json_t *manifest, GError **error);
gboolean images_not_built(struct broker *broker, const char *name,
			  gint64 version, GError **error);

/* version 0: all of them. Answered later, exactly once. */
typedef void (*image_removed)(const GError *error, void *data);
void images_remove(struct broker *broker, const char *name, gint64 version,
		   const char *who, image_removed removed, void *data);

/* images-install.c: a new image, installed from a medium by hand. */
/* the pool that is made for it has a longer name */
#define INSTALL_NAME_MAX 24
struct image_install {
	const char *name, *user; /* who sits at its console */
	/* files in LIB/import of the host; the last two may be NULL */
	const char *iso, *answers, *drivers;
	const char *profile;               /* vmm/profile.h; NULL: linux */
	gint64 disk_gib, cpus, memory_mib; /* 0: as the profile has it */
};
/* Completes wish. *desktop: the id of that console, a new string. */
gboolean images_install(struct broker *broker, struct image_install *wish,
			const char *who, struct image_build *made,
			char **desktop, GError **error);
/* Its disk is good as it is. Answered later, exactly once. */
void images_finish_install(struct broker *broker, const char *name,
			   const char *who, image_removed done, void *data);
struct pool;
/* Of a pool that was made for an installation: it goes when that is over. */
void images_look_at_install(struct broker *broker, const struct pool *pool);
