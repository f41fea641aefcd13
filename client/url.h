/* url.h - what a person types to name a server.
 *
 * "desk.example", "desk.example:9443", "https://desk.example/linux": the
 * scheme is always https, the port 8443 unless told, and the first path
 * segment names a pool. Anything that could hide where one really goes (user
 * names, queries, other schemes) is refused.
 *
 * Threads: any. Ownership: strings are new. Fails: FAULT_INVALID. */
#pragma once

#include <glib.h>

#define URL_DEFAULT_PORT 8443

struct server_url {
	char *host; /* lower case; IPv6 without brackets */
	guint16 port;
	char *pool; /* NULL: none named */
};

gboolean server_url_parse(const char *text, struct server_url *url,
			  GError **error);
void server_url_clear(struct server_url *url);

/* "host:port" with brackets where IPv6 needs them: what the files key by. */
char *server_url_key(const struct server_url *url);
/* "https://host:port", without the port where it is the usual one. */
char *server_url_text(const struct server_url *url);
/* A pool's name as the API takes it: 1-64 of letters, digits, "._-". */
gboolean server_pool_valid(const char *pool);
