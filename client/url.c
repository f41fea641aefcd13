#include "client/url.h"

#include <gio/gio.h>
#include <string.h>

#include "common/fault.h"

#define EXAMPLE "Write it like https://desk.example or desk.example:8443."

gboolean server_pool_valid(const char *pool)
{
	gsize length = pool ? strlen(pool) : 0;
	return length >= 1 && length <= 64 && pool[0] != '.' &&
	       strspn(pool,
		      "abcdefghijklmnopqrstuvwxyz"
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static gboolean host_valid(const char *host)
{
	gsize length = strlen(host);
	if (length == 0 || length > 253)
		return FALSE;
	for (const char *c = host; *c; c++)
		if ((guchar)*c <= ' ' || *c == 0x7f ||
		    strchr("/\\@?#[]%<>\"'`{}|^", *c))
			return FALSE;
	return host[0] != '.' && host[0] != '-';
}

/* Takes "host", "host:port", "[v6]:port" or a bare v6 address apart. */
static gboolean parse_authority(const char *text, struct server_url *url,
				GError **error)
{
	const char *port = NULL;
	g_autofree char *host = NULL;
	if (text[0] == '[') {
		const char *end = strchr(text, ']');
		if (end && (end[1] == '\0' || end[1] == ':')) {
			host = g_strndup(text + 1, end - text - 1);
			port = end[1] ? end + 2 : NULL;
		}
		if (!host || !g_hostname_is_ip_address(host)) {
			fault_set(error, FAULT_INVALID, EXAMPLE,
				  "'%s' is not an address", text);
			return FALSE;
		}
	} else if (g_hostname_is_ip_address(text)) {
		host = g_strdup(text);
	} else {
		const char *colon = strchr(text, ':');
		host = colon ? g_strndup(text, colon - text) : g_strdup(text);
		port = colon ? colon + 1 : NULL;
		if (!host_valid(host)) {
			fault_set(error, FAULT_INVALID, EXAMPLE,
				  "'%s' is not the name of a server", text);
			return FALSE;
		}
	}
	guint64 number = URL_DEFAULT_PORT;
	if (port &&
	    !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL)) {
		fault_set(error, FAULT_INVALID,
			  "A port is a number from 1 to 65535.",
			  "'%s' is not a port", port);
		return FALSE;
	}
	url->host = g_ascii_strdown(host, -1);
	url->port = (guint16)number;
	return TRUE;
}

gboolean server_url_parse(const char *text, struct server_url *url,
			  GError **error)
{
	*url = (struct server_url){0};
	if (!text || strlen(text) > 1024 || !g_utf8_validate(text, -1, NULL)) {
		fault_set(error, FAULT_INVALID, EXAMPLE,
			  "The server's name is too long or not text");
		return FALSE;
	}
	g_autofree char *whole = g_strstrip(g_strdup(text));
	if (whole[0] == '\0') {
		fault_set(error, FAULT_INVALID, EXAMPLE, "No server is named");
		return FALSE;
	}
	const char *rest = whole;
	if (g_ascii_strncasecmp(rest, "https://", 8) == 0) {
		rest += 8;
	} else if (strstr(rest, "://")) {
		fault_set(error, FAULT_INVALID, EXAMPLE,
			  "Only https:// leads to a server, not '%s'", whole);
		return FALSE;
	}
	if (strpbrk(rest, "?#@")) {
		fault_set(error, FAULT_INVALID, EXAMPLE,
			  "'%s' carries more than a server and a pool", whole);
		return FALSE;
	}
	g_autofree char *authority = g_strdup(rest);
	char *slash = strchr(authority, '/');
	g_autofree char *pool = NULL;
	if (slash) {
		*slash = '\0';
		pool = g_strdup(slash + 1);
		gsize length = strlen(pool);
		if (length > 0 && pool[length - 1] == '/')
			pool[length - 1] = '\0';
		if (pool[0] == '\0')
			g_clear_pointer(&pool, g_free);
	}
	if (pool && !server_pool_valid(pool)) {
		fault_set(error, FAULT_INVALID,
			  "A pool is one name after the server, "
			  "as in https://desk.example/linux.",
			  "'%s' is not the name of a pool", pool);
		return FALSE;
	}
	if (!parse_authority(authority, url, error))
		return FALSE;
	url->pool = g_steal_pointer(&pool);
	return TRUE;
}

void server_url_clear(struct server_url *url)
{
	g_clear_pointer(&url->host, g_free);
	g_clear_pointer(&url->pool, g_free);
}

char *server_url_key(const struct server_url *url)
{
	return g_strdup_printf(strchr(url->host, ':') ? "[%s]:%u" : "%s:%u",
			       url->host, url->port);
}

char *server_url_text(const struct server_url *url)
{
	const char *open = strchr(url->host, ':') ? "[" : "";
	const char *close = *open ? "]" : "";
	if (url->port == URL_DEFAULT_PORT)
		return g_strdup_printf("https://%s%s%s", open, url->host,
				       close);
	return g_strdup_printf("https://%s%s%s:%u", open, url->host, close,
			       url->port);
}
