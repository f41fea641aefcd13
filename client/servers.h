/* servers.h - servers a person used, last used first, with their user names.
 *
 * File: $XDG_CONFIG_HOME/oriel/client.ini, also for small preferences; never
 * a password. A damaged file is put aside as client.ini.damaged and begun
 * anew. Threads: main. Bounds: SERVERS_MAX entries. */
#pragma once

#include <glib.h>

#define SERVERS_MAX 20

struct servers;

/* path NULL: the usual file. */
struct servers *servers_new(const char *path);
void servers_free(struct servers *servers);

guint servers_count(const struct servers *servers);
/* As server_url_text(); the user name may be "". */
const char *servers_url(const struct servers *servers, guint index);
const char *servers_user(const struct servers *servers, guint index);
/* User last signed in there, or NULL. */
const char *servers_user_of(const struct servers *servers, const char *url);

/* Both write the file; what cannot be written is only forgotten earlier. */
void servers_used(struct servers *servers, const char *url, const char *user);
void servers_forget(struct servers *servers, const char *url);

/* Preferences of desktop windows, e.g. "mode". */
char *servers_preference(struct servers *servers, const char *key);
void servers_set_preference(struct servers *servers, const char *key,
			    const char *value);
