/* spice-key.h - the RSA key of SPICE tickets.
 *
 * SPICE encrypts a password with a key of 1024 bits (OAEP, SHA-1) that the
 * server has just sent, since it was made for lines in the clear. Ours are
 * inside TLS or unix sockets, so the key protects next to nothing: one for
 * each start is enough.
 *
 * Threads: any; a key is not changed once made. Fails: faults. */
#pragma once

#include <glib.h>
#include <spice/protocol.h>

struct spice_key;

struct spice_key *spice_key_new(GError **error);
void spice_key_free(struct spice_key *key);
/* SubjectPublicKeyInfo in DER, SPICE_TICKET_PUBKEY_BYTES. */
const guint8 *spice_key_public(const struct spice_key *key);

/* The password in a ticket; FALSE for what is none. */
gboolean spice_key_open(const struct spice_key *key,
			const guint8 ticket[SPICE_TICKET_KEY_PAIR_LENGTH / 8],
			char password[SPICE_MAX_PASSWORD_LENGTH + 1]);

/* An empty password for a server whose public key is given. */
gboolean spice_key_seal_empty(const guint8 public[SPICE_TICKET_PUBKEY_BYTES],
			      guint8 ticket[SPICE_TICKET_KEY_PAIR_LENGTH / 8],
			      GError **error);
