/* oriel-oidc - asks an OpenID provider, for the broker.
 *
 * Reads one request of common/jsonline.h from the socket that is its standard
 * input, and ends with its answer:
 *	begin {issuer, ca (or null)} -> authorization_endpoint
 *	redeem {issuer, client, secret (or null), code, verifier, redirect,
 *		nonce, ca (or null), wanted} -> claims (of the ID token,
 *		checked; those of `wanted` that it lacks of userinfo)
 * A process for each, since the broker has no network and waits for nobody.
 * Nothing is followed elsewhere, nothing longer than ANSWER_MAX is read, and
 * after LIFE_S the process ends whatever the provider does. */
#include <libsoup/soup.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/weburl.h"
#include "server/broker/helper/answers.h"
#include "server/broker/oidc/id-token.h"

#define ANSWER_MAX (256u << 10)
#define PIECE_S    10
#define LIFE_S     25

struct helper {
	SoupSession *session;
	gboolean asked;
};

/* ---- the web ---- */

static void unreachable(GError **error, const char *what, const char *why)
{
	fault_set(error, FAULT_UNAVAILABLE,
		  "Try again; an administrator compares [oidc] issuer in "
		  "oriel.conf with the provider's, and looks whether this "
		  "server reaches it.",
		  "The sign-in provider's %s cannot be had: %s.", what, why);
}

/* An object of JSON; status is the answer's. */
static json_t *fetch(struct helper *self, SoupMessage *message,
		     const char *what, guint *status, GError **error)
{
	g_autoptr(GError) why = NULL;
	gsize size = 0;
	g_autofree char *text = g_malloc(ANSWER_MAX + 1);
	soup_message_add_flags(message, SOUP_MESSAGE_NO_REDIRECT);
	soup_message_headers_replace(soup_message_get_request_headers(message),
				     "Accept", "application/json");
	g_autoptr(GInputStream) stream =
	    soup_session_send(self->session, message, NULL, &why);
	if (!stream || !g_input_stream_read_all(stream, text, ANSWER_MAX + 1,
						&size, NULL, &why)) {
		unreachable(error, what, why->message);
		return NULL;
	}
	if (size > ANSWER_MAX) {
		unreachable(error, what, "it is too long");
		return NULL;
	}
	*status = soup_message_get_status(message);
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(object))
		return object;
	json_decref(object);
	g_autofree char *said =
	    g_strdup_printf("the answer has status %u and is no JSON", *status);
	unreachable(error, what, said);
	return NULL;
}

static json_t *get(struct helper *self, const char *url, const char *what,
		   GError **error)
{
	guint status = 0;
	g_autoptr(SoupMessage) message = soup_message_new("GET", url);
	if (!message) {
		unreachable(error, what, "its address is none");
		return NULL;
	}
	json_t *object = fetch(self, message, what, &status, error);
	if (!object || status == 200)
		return object;
	json_decref(object);
	g_autofree char *said =
	    g_strdup_printf("the answer has status %u", status);
	unreachable(error, what, said);
	return NULL;
}

static json_t *discover(struct helper *self, const char *issuer, GError **error)
{
	static const char *const needed[] = {"authorization_endpoint",
					     "token_endpoint", "jwks_uri"};
	static const char what[] = "description";
	gsize length = strlen(issuer);
	g_autofree char *url =
	    g_strconcat(issuer, length && issuer[length - 1] == '/' ? "" : "/",
			".well-known/openid-configuration", NULL);
	if (!weburl_is_safe(issuer)) {
		unreachable(error, what, "its address is not https");
		return NULL;
	}
	json_t *about = get(self, url, what, error);
	if (!about)
		return NULL;
	const char *why = NULL;
	if (g_strcmp0(json_string_value(json_object_get(about, "issuer")),
		      issuer) != 0)
		why = "it is of another issuer";
	for (gsize i = 0; i < G_N_ELEMENTS(needed) && !why; i++)
		if (!weburl_is_safe(
			json_string_value(json_object_get(about, needed[i]))))
			why = "an address in it is absent or not https";
	if (!why)
		return about;
	json_decref(about);
	unreachable(error, what, why);
	return NULL;
}

/* ---- redeeming a code ---- */

static gboolean takes(json_t *about, const char *method)
{
	gsize i;
	json_t *one;
	json_array_foreach(
	    json_object_get(about, "token_endpoint_auth_methods_supported"), i,
	    one) if (g_strcmp0(json_string_value(one), method) ==
		     0) return TRUE;
	return FALSE;
}

static void add_basic(SoupMessage *message, const char *client,
		      const char *secret)
{
	g_autofree char *user = g_uri_escape_string(client, NULL, FALSE);
	g_autofree char *password = g_uri_escape_string(secret, NULL, FALSE);
	g_autofree char *pair = g_strconcat(user, ":", password, NULL);
	g_autofree char *coded =
	    g_base64_encode((const guchar *)pair, strlen(pair));
	g_autofree char *value = g_strconcat("Basic ", coded, NULL);
	soup_message_headers_replace(soup_message_get_request_headers(message),
				     "Authorization", value);
}

/* The ID token; *access is for userinfo, new, or NULL. */
static char *exchange(struct helper *self, json_t *about, json_t *asked,
		      char **access, GError **error)
{
	const char *client =
	    json_string_value(json_object_get(asked, "client"));
	const char *secret =
	    json_string_value(json_object_get(asked, "secret"));
	gboolean post = secret && takes(about, "client_secret_post") &&
			!takes(about, "client_secret_basic");
	g_autofree char *form = soup_form_encode(
	    "grant_type", "authorization_code", "code",
	    json_string_value(json_object_get(asked, "code")), "redirect_uri",
	    json_string_value(json_object_get(asked, "redirect")),
	    "code_verifier",
	    json_string_value(json_object_get(asked, "verifier")), "client_id",
	    client, post ? "client_secret" : NULL, secret, NULL);
	g_autoptr(SoupMessage) message = soup_message_new(
	    "POST",
	    json_string_value(json_object_get(about, "token_endpoint")));
	if (!message) {
		unreachable(error, "token", "its address is none");
		return NULL;
	}
	g_autoptr(GBytes) body = g_bytes_new(form, strlen(form));
	soup_message_set_request_body_from_bytes(
	    message, "application/x-www-form-urlencoded", body);
	if (secret && !post)
		add_basic(message, client, secret);
	guint status = 0;
	json_t *answer = fetch(self, message, "token", &status, error);
	if (!answer)
		return NULL;
	const char *said = json_string_value(json_object_get(answer, "error"));
	char *token =
	    g_strdup(json_string_value(json_object_get(answer, "id_token")));
	if (status == 200 && token && !said) {
		*access = g_strdup(
		    json_string_value(json_object_get(answer, "access_token")));
		json_decref(answer);
		return token;
	}
	if (g_strcmp0(said, "invalid_grant") == 0)
		fault_set(error, FAULT_DENIED, "Sign in again.",
			  "The provider does not take this sign-in: it was "
			  "used already, or took too long.");
	else if (g_strcmp0(said, "invalid_client") == 0 ||
		 g_strcmp0(said, "unauthorized_client") == 0)
		fault_set(error, FAULT_UNAVAILABLE,
			  "An administrator compares client_id and secret_file "
			  "under [oidc] in oriel.conf with the provider's.",
			  "The provider does not know this server.");
	else
		unreachable(error, "token",
			    status == 200 ? "the answer has no ID token"
					  : "it refuses the request");
	g_free(token);
	json_decref(answer);
	return NULL;
}

static gboolean lacks(json_t *claims, json_t *wanted)
{
	gsize i;
	json_t *one;
	json_array_foreach(wanted, i, one)
	{
		const char *name = json_string_value(one);
		if (name && !json_object_get(claims, name))
			return TRUE;
	}
	return FALSE;
}

/* Some providers keep the token short and tell the rest here (OpenID Connect
 * Core, 5.3); what the token says itself stays. */
static gboolean complete(struct helper *self, json_t *about, json_t *claims,
			 const char *access, GError **error)
{
	static const char what[] = "answer about the user";
	const char *url =
	    json_string_value(json_object_get(about, "userinfo_endpoint"));
	if (!access || !url)
		return TRUE;
	guint status = 0;
	g_autoptr(SoupMessage) message =
	    weburl_is_safe(url) ? soup_message_new("GET", url) : NULL;
	if (!message) {
		unreachable(error, what, "its address is not https");
		return FALSE;
	}
	g_autofree char *bearer = g_strconcat("Bearer ", access, NULL);
	soup_message_headers_replace(soup_message_get_request_headers(message),
				     "Authorization", bearer);
	json_t *info = fetch(self, message, what, &status, error);
	if (!info)
		return FALSE;
	const char *ours = json_string_value(json_object_get(claims, "sub"));
	const char *theirs = json_string_value(json_object_get(info, "sub"));
	gboolean good = status == 200 && ours && g_strcmp0(ours, theirs) == 0;
	if (good)
		json_object_update_missing(claims, info);
	else
		unreachable(error, what,
			    status == 200 ? "it is about somebody else"
					  : "it refuses the request");
	json_decref(info);
	return good;
}

static json_t *redeem(struct helper *self, json_t *about, json_t *asked,
		      GError **error)
{
	g_autofree char *access = NULL;
	g_autofree char *token = exchange(self, about, asked, &access, error);
	json_t *keys =
	    token ? get(self,
			json_string_value(json_object_get(about, "jwks_uri")),
			"keys", error)
		  : NULL;
	if (!keys)
		return NULL;
	const struct id_token_wanted wanted = {
	    .issuer = json_string_value(json_object_get(asked, "issuer")),
	    .client = json_string_value(json_object_get(asked, "client")),
	    .nonce = json_string_value(json_object_get(asked, "nonce")),
	    .now = g_get_real_time() / G_USEC_PER_SEC};
	json_t *claims = id_token_check(token, keys, &wanted, error);
	json_decref(keys);
	if (claims && lacks(claims, json_object_get(asked, "wanted")) &&
	    !complete(self, about, claims, access, error))
		g_clear_pointer(&claims, json_decref);
	return claims ? json_pack("{s:o}", "claims", claims) : NULL;
}

/* ---- the question ---- */

/* In the place of the system's authorities. */
static gboolean trust(struct helper *self, const char *file, GError **error)
{
	g_autoptr(GError) why = NULL;
	g_autoptr(GTlsDatabase) authorities =
	    file ? g_tls_file_database_new(file, &why) : NULL;
	if (authorities)
		soup_session_set_tls_database(self->session, authorities);
	else if (file)
		fault_set(error, FAULT_UNAVAILABLE,
			  "An administrator puts the certificates of the "
			  "provider's authority (PEM) there, for all to read.",
			  "[oidc] ca_file in oriel.conf is of no use: %s.",
			  why->message);
	return !file || authorities;
}

static json_t *answer_to(const char *op, json_t *message, void *data,
			 GError **error)
{
	struct helper *self = data;
	static const char *const needed[] = {"client", "code", "verifier",
					     "redirect", "nonce"};
	const char *issuer = jsonline_string(message, "issuer", error);
	gboolean begin = strcmp(op, "begin") == 0;
	if (!issuer)
		return NULL;
	if (self->asked || (!begin && strcmp(op, "redeem") != 0)) {
		fault_set(error, FAULT_INVALID, NULL,
			  "The helper answers one question.");
		return NULL;
	}
	self->asked = TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(needed) && !begin; i++)
		if (!jsonline_string(message, needed[i], error))
			return NULL;
	const char *ca = json_string_value(json_object_get(message, "ca"));
	json_t *about =
	    trust(self, ca, error) ? discover(self, issuer, error) : NULL;
	if (!about)
		return NULL;
	json_t *answer =
	    begin ? json_pack("{s:O}", "authorization_endpoint",
			      json_object_get(about, "authorization_endpoint"))
		  : redeem(self, about, message, error);
	json_decref(about);
	return answer;
}

int main(int argc, char **argv)
{
	struct helper self = {0};
	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 2;
	}
	alarm(LIFE_S);
	self.session = soup_session_new_with_options(
	    "timeout", PIECE_S, "user-agent", "Oriel", NULL);
	soup_session_set_proxy_resolver(self.session, NULL);
	answers_give(answer_to, &self);
	g_object_unref(self.session);
	return 0;
}
