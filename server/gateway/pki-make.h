/* pki-make.h - makes the certificate of a first start. Internal to pki.
 *
 * Names: this machine's host name, localhost, and the addresses it has now.
 * An existing key is kept: a start that was cut between the two files goes
 * on with it. Both files appear complete or not at all. */
#pragma once

#include <openssl/evp.h>

#include "common/paths.h"

/* key may be NULL: one is made and written to key_path (0600). */
gboolean pki_make(EVP_PKEY *key, const char *key_path, const char *crt_path,
		  GError **error);
