/* weburl.h - which addresses of the web may be trusted with a person's sign-in.
 *
 * https, or http on this machine itself. Threads: any. */
#pragma once

#include <glib.h>
#include <string.h>

#define WEBURL_MAX 1024u

/* uri is what g_uri_parse() made of text, or NULL. */
static inline gboolean weburl_is_private(GUri *uri, const char *text)
{
	const char *host = uri ? g_uri_get_host(uri) : NULL;
	if (!host || !*host)
		return FALSE;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			return FALSE;
	return strcmp(g_uri_get_scheme(uri), "https") == 0 ||
	       (strcmp(g_uri_get_scheme(uri), "http") == 0 &&
		(strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 ||
		 strcmp(host, "localhost") == 0));
}

/* One that secrets may be sent to. */
static inline gboolean weburl_is_safe(const char *text)
{
	g_autoptr(GUri) uri =
	    text && strlen(text) <= WEBURL_MAX
		? g_uri_parse(text, G_URI_FLAGS_HAS_PASSWORD, NULL)
		: NULL;
	return weburl_is_private(uri, text) && !g_uri_get_userinfo(uri) &&
	       !g_uri_get_fragment(uri);
}
