/* apps-signin.h - signing in where there is no main window yet.
 *
 * With a password at hand nothing is shown; else, and when it is refused, a
 * small window asks. Threads: main. Ownership: gives the API object once. */
#pragma once

#include "client/api.h"
#include "client/apps-run.h"

struct apps_signin;

struct apps_signin_handlers {
	void (*signed_in)(struct api *api, void *data); /* takes it */
	void (*cancelled)(void *data);
};

struct apps_signin *apps_signin_new(struct apps_options *options,
				    const struct apps_signin_handlers *handlers,
				    void *data);
void apps_signin_free(struct apps_signin *signin);
/* Its window is there. */
gboolean apps_signin_asks(const struct apps_signin *signin);
/* Asks (again); error may say why. */
void apps_signin_begin(struct apps_signin *signin, const GError *error);
