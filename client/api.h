/* api.h - the server's JSON API (docs/api.md), as the client uses it.
 *
 * One object per server. Every call answers once, later, on the main thread,
 * unless its cancellable was cancelled: then it stays silent. Certificates
 * are checked as trust.h says, before a single byte of a request is sent.
 *
 * Threads: main only. Ownership: ref-counted; calls in flight keep it.
 * Bounds: API_JSON_MAX bytes of JSON, API_PICTURE_MAX of a picture.
 * Fails: FAULT with the server's cause and remedy, or the network's. */
#pragma once

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <gio/gio.h>
#include <jansson.h>

#include "client/trust.h"
#include "client/url.h"

#define API_JSON_MAX    (4u << 20)
#define API_PICTURE_MAX (8u << 20)

struct api;

struct api *api_new(const struct server_url *server, struct trust *trust);
struct api *api_ref(struct api *api);
void api_unref(struct api *api);

const char *api_host(const struct api *api);
guint16 api_port(const struct api *api);
const char *api_server_key(const struct api *api);
/* Who is signed in; NULL before. */
const char *api_user(const struct api *api);
/* The certificate's fingerprint where it was accepted by trust, else NULL. */
const char *api_fingerprint(const struct api *api);
/* Trusts this one for the life of the object, without a file. */
void api_trust(struct api *api, const char *fingerprint);

/* Why the last connection was refused over its certificate. */
struct api_certificate {
	enum trust_verdict verdict;
	char *offered, *known; /* fingerprints; known NULL unless changed */
	GTlsCertificateFlags flags;
	char *subject, *issuer; /* as the certificate says; may be NULL */
	char *expires;          /* for people; may be NULL */
};
/* NULL unless the error of the last call was about the certificate. */
const struct api_certificate *api_refused_certificate(const struct api *api);

struct api_answer {
	unsigned status;
	json_t *json;           /* NULL where the answer has none */
	GBytes *bytes;          /* of a picture */
	unsigned retry_after_s; /* of a busy server; 0: not told */
	gboolean needs_code;    /* of a sign-in: right so far, code wanted */
};
/* error is NULL exactly when the status was 2xx. */
typedef void (*api_done)(const struct api_answer *answer, const GError *error,
			 void *data);

/* path: below /api/v1, encoded. body (may be NULL) is taken. */
void api_call(struct api *api, const char *method, const char *path,
	      json_t *body, GCancellable *cancellable, api_done done,
	      void *data);
/* Keeps the token on success. Password and code (NULL: none was asked for) are
 * copied only into the request, which is wiped. */
void api_sign_in(struct api *api, const char *user, const char *password,
		 const char *code, GCancellable *cancellable, api_done done,
		 void *data);
/* The same with what a browser brought back from the provider. */
void api_sign_in_elsewhere(struct api *api, const char *code, const char *state,
			   const char *key, const char *redirect,
			   GCancellable *cancellable, api_done done,
			   void *data);
/* Tells the server and forgets the token at once; no answer is waited for. */
void api_sign_out(struct api *api);
/* Signed in by a session of another process': what its api_session() said,
 * which is a secret; NULL where there is none. Nothing is asked: one that no
 * longer is valid ends as any does, with 401. FALSE: it makes no sense. */
const char *api_session(const struct api *api);
gboolean api_resume(struct api *api, const char *user, const char *session);
gboolean api_signed_in(const struct api *api);

/* "/desktops/ID/verb" for an id of the server's; NULL if it is not one. */
char *api_desktop_path(const char *id, const char *verb);
