/* signin.h - the page where a person says who they are.
 *
 * Threads: main. Ownership: the widget owns the page. The password lives in
 * the entry alone, which is emptied as soon as it has been used. */
#pragma once

#include <gtk/gtk.h>

#include "client/servers.h"
#include "client/url.h"

struct signin;

struct signin_handlers {
	/* Sign in, please; the page is busy until told otherwise. */
	void (*submit)(const char *server, const char *user,
		       const char *password, void *data);
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
void signin_set_busy(struct signin *signin, gboolean busy);
/* error NULL takes the words away; retry_after_s > 0 holds the button. */
void signin_show_error(struct signin *signin, const GError *error,
		       unsigned retry_after_s);
/* As if the button had been pressed. */
void signin_resubmit(struct signin *signin);
/* Puts the cursor where something is missing. */
void signin_focus(struct signin *signin);
void signin_reload_servers(struct signin *signin);
void signin_clear_password(struct signin *signin);
