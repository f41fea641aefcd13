/* pki.h - the gateway's certificate and the TLS settings built on it.
 *
 * LIB/pki/gateway.crt and gateway.key are made when neither is there: EC
 * P-256, self-signed, for ten years, since clients remember its fingerprint
 * and a change of it alarms people. Files put there by an administrator (a
 * chain is welcome) are used as they are; broken ones are a fault and are
 * never overwritten.
 *
 * The key is loaded by the accepting process and every forked worker has it
 * in memory. A worker that is taken over could leak it; keeping it in a
 * signing process of its own would cost a round trip per handshake and is not
 * done, workers being short on rights instead (jail.h) and never dumped.
 *
 * Threads: main. Fails: NULL and a fault that names the file. */
#pragma once

#include <openssl/ssl.h>

#include "common/paths.h"

struct pki {
	SSL_CTX *https; /* with ALPN http/1.1 */
	SSL_CTX *rfb;
	char *fingerprint; /* "SHA256:AA:BB:..." of the certificate (DER) */
	char *certificate; /* PEM, where no authority has signed it; NULL */
	char *remark;      /* for the log, e.g. expired; NULL */
};

/* The files' settings, after making them where absent. */
struct pki *pki_open(const struct paths_root *root, GError **error);
void pki_close(struct pki *pki);
