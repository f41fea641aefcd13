/* oidc.h - people whom an OpenID provider knows (authorization code, PKCE).
 *
 * Nothing is kept while somebody is away at the provider: the key that their
 * browser holds meanwhile, and a secret of this process, make state, nonce
 * and verifier again when they come back. A sign-in is good once and for ten
 * minutes; a broker that was started anew asks people to begin again.
 * The provider is asked through oriel-oidc (question.h).
 * Threads: one main context. Callbacks come exactly once, perhaps at once. */
#pragma once

#include <jansson.h>

#include "server/broker/question.h"
#include "server/main/role.h"

#define OIDC_CODE_MAX    4096
#define OIDC_SUBJECT_MAX 1024

struct oidc;

/* NULL and a fault that names the setting. settings must stay. */
struct oidc *oidc_create(const struct paths_root *root,
			 const struct oidc_settings *settings, GError **error);
void oidc_destroy(struct oidc *oidc);
const char *oidc_label(const struct oidc *oidc);

/* url: where the browser is to go; with state it comes back; key is what it
 * has to show then, and nobody else may know. Borrowed. */
/* redirect: where the browser comes back to; NULL for the web page, else a
 * program's own "http://127.0.0.1:PORT/" (RFC 8252, 7.3), which has to be
 * said again on coming back. */
typedef void (*oidc_begun)(const char *url, const char *state, const char *key,
			   const GError *error, void *data);
void oidc_begin(struct oidc *oidc, const char *redirect, oidc_begun begun,
		void *data);

struct oidc_person {
	const char *name;    /* may be a user's; see shape.h */
	const char *subject; /* theirs for ever, at whichever issuer */
	json_t *groups;      /* array of names, or NULL */
};
/* person: borrowed; NULL with an error. */
typedef void (*oidc_redeemed)(const struct oidc_person *person,
			      const GError *error, void *data);
void oidc_redeem(struct oidc *oidc, const char *redirect, const char *code,
		 const char *state, const char *key, oidc_redeemed redeemed,
		 void *data);
