/* Any bytes as a token, with keys to check it against. */
#include "server/broker/oidc/id-token.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct id_token_wanted wanted = {"https://id.example", "oriel",
					       "n", 1700000000};
	g_autofree char *text = g_strndup((const char *)data, size);
	char *end = strchr(text, '\n');
	if (end)
		*end++ = 0;
	json_t *keys =
	    end ? json_loads(end, JSON_REJECT_DUPLICATES, NULL) : json_object();
	json_decref(id_token_check(text, keys, &wanted, NULL));
	json_decref(keys);
	return 0;
}
