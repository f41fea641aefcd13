/* browser-signin.h - signing in with a provider, in the user's own browser.
 *
 * Asks the server where the provider is, opens the browser there, waits on
 * this computer for what it comes back with, and hands that to the server
 * (docs/api.md, "A sign-in provider"). The provider's page never sees this
 * program, nor this program a password.
 *
 * Threads: main. Ownership: done ends it; browser_signin_cancel() does so
 * without a further call. Fails: by done, as api_sign_in() does. Bounds:
 * BROWSER_SIGNIN_S for all of it, as long as the server honours it. */
#pragma once

#include "client/api.h"

#define BROWSER_SIGNIN_S 600

struct browser_signin;

struct browser_signin_handlers {
	/* The browser has been opened: now it is the person's turn. */
	void (*waiting)(void *data);
	/* As of api_sign_in(). */
	api_done done;
};

struct browser_signin *browser_signin_start(
    struct api *api, const struct browser_signin_handlers *handlers,
    void *data);
void browser_signin_cancel(struct browser_signin *self);
