/* apps-install.h - a desktop's applications among the user's own.
 *
 * Desktop entries with icons and MIME types below $XDG_DATA_HOME; each starts
 * `oriel-client run SERVER/POOL APP FILES`. What a machine says of itself is
 * text for people and never a command: every field is escaped, and names of
 * files come from checked characters only. Threads: main.
 * Fails: with a fault where a file cannot be written. */
#pragma once

#include "client/seamless.h"
#include "client/url.h"

/* WM_CLASS of an application's windows, and the stem of its file's name:
 * "oriel-POOL-APP"; new. */
char *apps_class(const char *pool, const char *app);

struct apps_place {
	const struct server_url *server; /* with its pool */
	const char *user;                /* or NULL */
	const char *fingerprint;         /* or NULL */
};
/* Writes one's entries and removes those of applications that are no more;
 * *count tells how many there are now. */
gboolean apps_install(const struct apps_place *place, const GPtrArray *apps,
		      unsigned *count, GError **error);
/* Removes what apps_install() wrote for this pool. */
gboolean apps_uninstall(const struct apps_place *place, unsigned *count,
			GError **error);
/* A desktop entry's text; for tests. */
char *apps_entry(const struct apps_place *place, const char *program,
		 const struct seamless_app *app);
