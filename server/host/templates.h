/* templates.h - frozen desktops that clones are made of.
 *
 * One is made for each (image, engine fingerprint) when it is first wanted:
 * a machine with no network boots from an overlay on the image, its session
 * comes up and settles, and it is frozen. However many want it meanwhile,
 * it is made once; when nobody wants it any more, its making is cancelled.
 * Threads: main context. */
#pragma once

#include "server/host/conf.h"
#include "server/host/image.h"
#include "vmm/engine.h"

struct templates;

struct templates *templates_new(const struct paths_root *root);
/* Makings under way are cancelled; run the loop until templates_idle(). */
void templates_shutdown(struct templates *templates);
gboolean templates_idle(const struct templates *templates);
void templates_free(struct templates *templates);

/* Told while a template is made; at once with where it stands, if it is. */
typedef void (*templates_progress)(const char *stage, double fraction,
				   void *data);

/* The template for a machine; made first where it is absent. */
void templates_want_async(struct templates *templates,
			  const struct engine *engine, const struct conf *conf,
			  const struct image *image,
			  templates_progress progress, void *progress_data,
			  GCancellable *cancellable,
			  GAsyncReadyCallback callback, void *data);
/* Its key, a new string. */
char *templates_want_finish(GAsyncResult *result, GError **error);

/* LIB/templates/KEY; new string. */
char *templates_folder(const struct templates *templates, const char *key);
/* A template that proved to be unusable: nobody clones it again. Its disk
 * stays while used. */
void templates_discard(struct templates *templates, const char *key);
/* Removes what nobody can want any more. used: a set of keys that disks of
 * machines stand on; NULL: unknown, any may be. */
void templates_collect(struct templates *templates, GHashTable *used);
/* Whether one is being made on this image right now. */
gboolean templates_making(const struct templates *templates, const char *image,
			  const char *version);
/* Removes those of an image that goes; none of their disks may be used. */
void templates_forget_image(struct templates *templates, const char *image,
			    const char *version);
