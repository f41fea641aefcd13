/* signin.h - the page where a person says who they are.
 *
 * Two steps: server, user and password; then, for who has one, the code of an
 * authenticator. Threads: main. Ownership: the widget owns the page. Password
 * and code live in their entries alone, which are emptied as soon as they have
 * been used. */
#pragma once

#include <gtk/gtk.h>

#include "client/api.h"
#include "client/servers.h"
#include "client/url.h"

struct signin;

struct signin_handlers {
	/* Sign in, please. code: NULL in the first step. */
	void (*submit)(const char *server, const char *user,
		       const char *password, const char *code, void *data);
	/* Sign in in the browser, please. NULL where that is not offered;
	 * then server is not called. */
	void (*browse)(const char *server, void *data);
	/* Another server stands in the entry, and has for a moment. */
	void (*server)(const char *server, void *data);
	void (*cancel)(void *data);
};

struct signin *signin_new(struct servers *servers,
			  const struct signin_handlers *handlers, void *data);
GtkWidget *signin_widget(struct signin *signin);

/* NULL leaves a field as it is. */
void signin_fill(struct signin *signin, const char *server, const char *user,
		 const char *password);
/* As it stands in the entry. */
const char *signin_server(struct signin *signin);
/* The server in its entry is the only one; it is shown, not asked for. */
void signin_fix_server(struct signin *signin);
/* Who was here is forgotten. */
void signin_clear_user(struct signin *signin);
void signin_set_busy(struct signin *signin, gboolean busy);
/* Busy, but it is somebody's turn in the browser. */
void signin_set_waiting(struct signin *signin);
/* Of the server in its entry: what its sign-in provider is called, "" where it
 * is not known whether there is one, NULL where there is none. */
void signin_set_provider(struct signin *signin, const char *label);
/* error NULL takes the words away; retry_after_s > 0 holds the button. */
void signin_show_error(struct signin *signin, const GError *error,
		       unsigned retry_after_s);
/* The server said no: asks for a code, or tells why and what may be mended,
 * and puts the cursor there. The page is no longer busy. */
void signin_refused(struct signin *signin, const struct api_answer *answer,
		    const GError *error);
/* As if the button had been pressed. */
void signin_resubmit(struct signin *signin);
/* Puts the cursor where something is missing. */
void signin_focus(struct signin *signin);
void signin_reload_servers(struct signin *signin);
/* Password and code are forgotten; back to the first step. */
void signin_clear_password(struct signin *signin);
