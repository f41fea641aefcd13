#include "common/spice-key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/fault.h"

#define TICKET_BYTES (SPICE_TICKET_KEY_PAIR_LENGTH / 8)

struct spice_key {
	EVP_PKEY *pair;
	guint8 public[SPICE_TICKET_PUBKEY_BYTES];
};

static EVP_PKEY_CTX *context(EVP_PKEY *pair, gboolean sealing)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair, NULL);
	if (ctx &&
	    (sealing ? EVP_PKEY_encrypt_init(ctx)
		     : EVP_PKEY_decrypt_init(ctx)) > 0 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

gboolean spice_key_open(const struct spice_key *key,
			const guint8 ticket[TICKET_BYTES],
			char password[SPICE_MAX_PASSWORD_LENGTH + 1])
{
	guint8 plain[TICKET_BYTES];
	gsize size = sizeof plain;
	EVP_PKEY_CTX *ctx = context(key->pair, FALSE);
	gboolean fine =
	    ctx &&
	    EVP_PKEY_decrypt(ctx, plain, &size, ticket, TICKET_BYTES) > 0 &&
	    size > 0 && size <= SPICE_MAX_PASSWORD_LENGTH + 1;
	/* a string with its zero byte, which some leave out */
	if (fine) {
		gsize length = strnlen((char *)plain, size);
		fine = length <= SPICE_MAX_PASSWORD_LENGTH;
		if (fine) {
			memcpy(password, plain, length);
			password[length] = 0;
		}
	}
	explicit_bzero(plain, sizeof plain);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return fine;
}

gboolean spice_key_seal_empty(const guint8 public[SPICE_TICKET_PUBKEY_BYTES],
			      guint8 ticket[TICKET_BYTES], GError **error)
{
	const guint8 *at = public;
	gsize size = TICKET_BYTES;
	EVP_PKEY *theirs = d2i_PUBKEY(NULL, &at, SPICE_TICKET_PUBKEY_BYTES);
	EVP_PKEY_CTX *ctx = theirs && EVP_PKEY_get_size(theirs) == TICKET_BYTES
				? context(theirs, TRUE)
				: NULL;
	gboolean fine = ctx && EVP_PKEY_encrypt(ctx, ticket, &size,
						(const guint8 *)"", 1) > 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	ERR_clear_error();
	if (!fine)
		fault_set(error, FAULT_UNAVAILABLE, NULL,
			  "The display's key cannot be used.");
	return fine;
}

struct spice_key *spice_key_new(GError **error)
{
	struct spice_key *key = g_new0(struct spice_key, 1);
	guint8 *at = key->public;
	guint8 ticket[TICKET_BYTES];
	char password[SPICE_MAX_PASSWORD_LENGTH + 1];
	key->pair = EVP_RSA_gen(SPICE_TICKET_KEY_PAIR_LENGTH);
	/* the trial loads what libcrypto loads late, before there is a jail */
	if (key->pair &&
	    i2d_PUBKEY(key->pair, NULL) == SPICE_TICKET_PUBKEY_BYTES &&
	    i2d_PUBKEY(key->pair, &at) == SPICE_TICKET_PUBKEY_BYTES &&
	    spice_key_seal_empty(key->public, ticket, NULL) &&
	    spice_key_open(key, ticket, password) && !*password)
		return key;
	spice_key_free(key);
	ERR_clear_error();
	fault_set(error, FAULT_INTERNAL, NULL,
		  "No key for SPICE tickets can be made.");
	return NULL;
}

void spice_key_free(struct spice_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pair);
	g_free(key);
}

const guint8 *spice_key_public(const struct spice_key *key)
{
	return key->public;
}
