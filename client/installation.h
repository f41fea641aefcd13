/* installation.h - what becomes of a system that was being installed.
 *
 * A desktop at whose console an image is installed (docs/api.md, "Images from
 * a medium") switches itself off at the end; the server looks at its disk,
 * makes an image of it, and takes the desktop away. This follows that by
 * asking once a second.
 *
 * Threads: main. Ownership: installation_free() stops it; each outcome is the
 * last that is told. */
#pragma once

#include "client/api.h"

struct installation;

struct installation_handlers {
	/* fraction < 0: unknown */
	void (*progress)(const char *text, double fraction, void *data);
	/* Its machine is off before setup's end: somebody has to decide. */
	void (*interrupted)(void *data);
	/* Its desktop is used again. */
	void (*resumed)(void *data);
	/* Well, or not; words for people. */
	void (*over)(gboolean well, const char *title, const char *text,
		     void *data);
	void (*failed)(const GError *error, unsigned status, void *data);
};

struct installation *installation_follow(
    struct api *api, const char *desktop, const char *image,
    const struct installation_handlers *handlers, void *data);
void installation_free(struct installation *installation);
