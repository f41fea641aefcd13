/* template-key.h - which template a machine needs, and what one is for.
 *
 * A template is good for one image and one engine fingerprint; its key is a
 * hash of both, so there is nothing to compare but names. Pure but for
 * reading and writing LIB/templates/KEY/template.json. Threads: any. */
#pragma once

#include <jansson.h>

#include "server/host/conf.h"
#include "server/host/image.h"
#include "vmm/engine.h"

#define TEMPLATE_ABOUT "template.json"

/* What template.json holds: enough to compute the key again. */
struct template_about {
	char *image, *version, *engine; /* engine: as engine_name() */
	unsigned cpus, memory_mib, heads;
	gint64 made_ms; /* how long making it took */
};
void template_about_clear(struct template_about *about);
gboolean template_about_load(struct template_about *about, const char *folder,
			     GError **error);
gboolean template_about_save(const struct template_about *about,
			     const char *folder, GError **error);
/* Made for the same machines: one can take the other's place. */
gboolean template_about_same(const struct template_about *about,
			     const struct template_about *other);

/* IMAGE-VERSION-HASH; new string. */
char *template_key(const char *image, const char *version, const char *digest,
		   const char *fingerprint);
/* All parts are there and fits.json is this fingerprint. */
gboolean template_complete(const char *folder, const char *fingerprint);
