/* id-token.h - is this ID token the provider's, for us, of now, of this
 * sign-in? (OpenID Connect Core 3.1.3.7)
 *
 * Signatures: RS256 with at least 2048 bits, and ES256; never `none`, never
 * one with a shared secret. Threads: any. */
#pragma once

#include <glib.h>
#include <jansson.h>

#define ID_TOKEN_MAX 65536u
/* Clocks that differ by less are taken to be right. */
#define ID_TOKEN_SKEW_S 60

struct id_token_wanted {
	const char *issuer, *client, *nonce;
	gint64 now; /* Unix seconds */
};

/* keys: the provider's JWK set. The token's claims, a new reference; or NULL
 * and FAULT_DENIED. */
json_t *id_token_check(const char *token, json_t *keys,
		       const struct id_token_wanted *wanted, GError **error);
