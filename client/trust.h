/* trust.h - certificates that a person chose to trust, server by server.
 *
 * A certificate that an authority vouches for needs no entry here. Any other
 * is shown to the person once, by its SHA-256 fingerprint, and remembered for
 * host:port. A different one later is refused; the way out is to forget the
 * server on purpose, never a click on "continue".
 *
 * File: one server a line, "host:port SHA256:AA:BB:.. unixtime", mode 0600,
 * replaced as a whole under a lock, so that two clients lose nothing; lines
 * that are not understood are kept. It is read anew for each question.
 * Threads: any; every call stands alone. Fails: a file that cannot be read or
 * written is an error, never an empty store. */
#pragma once

#include <gio/gio.h>

enum trust_verdict {
	TRUST_UNKNOWN, /* never seen */
	TRUST_KNOWN,   /* the remembered one */
	TRUST_CHANGED, /* another one is remembered */
	TRUST_ERROR,   /* the store cannot be read: refuse */
};

/* "SHA256:" and 32 hex pairs with colons, of the certificate's DER form. */
char *trust_fingerprint(GTlsCertificate *certificate);
/* That form from hex with or without colons, or from base64, with or without
 * "SHA256:"; NULL for anything else. */
char *trust_normalize(const char *fingerprint);

struct trust;

/* path NULL: $XDG_DATA_HOME/oriel/known-servers. */
struct trust *trust_new(const char *path);
void trust_free(struct trust *trust);
const char *trust_path(const struct trust *trust);

/* known, where not NULL, receives the remembered fingerprint (new). */
enum trust_verdict trust_check(struct trust *trust, const char *server,
			       const char *fingerprint, char **known,
			       GError **error);
/* Replaces what was remembered for the server. */
gboolean trust_remember(struct trust *trust, const char *server,
			const char *fingerprint, GError **error);
/* TRUE also where nothing was remembered. */
gboolean trust_forget(struct trust *trust, const char *server, GError **error);
