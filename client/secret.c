#include "client/secret.h"

#include <glib.h>
#include <string.h>

void secret_clear(char **secret)
{
	char *text = g_steal_pointer(secret);
	if (text)
		explicit_bzero(text, strlen(text));
	g_free(text);
}

void secret_set(char **secret, const char *value)
{
	char *copy = g_strdup(value);
	secret_clear(secret);
	*secret = copy;
}
