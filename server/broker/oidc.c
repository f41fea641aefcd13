#include "server/broker/oidc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/weburl.h"
#include "server/broker/people.h"
#include "server/broker/secrets.h"
#include "server/broker/shape.h"

#define AWAY_S       600
#define KNOWN_FOR_US (300 * G_USEC_PER_SEC)
#define SECRET_BYTES 1024
#define SECRET_BITS  256

struct oidc {
	const struct oidc_settings *settings;
	struct helper *helper;
	char *secret;          /* of this process, for derive() */
	char *authorization;   /* where people are sent, as last heard */
	gint64 known_until_us; /* ... and until when that holds */
	GHashTable *used;      /* state -> gint64 *until_us */
};

static gboolean settle(const struct oidc_settings *settings, GError **error)
{
	const char *missing = !settings->client_id ? "client_id"
			      : !settings->url     ? "url"
						   : NULL;
	if (!missing)
		return TRUE;
	fault_set(error, FAULT_INVALID,
		  "See oriel.conf(5): issuer, client_id and url are needed.",
		  "Section [oidc] of oriel.conf has no %s.", missing);
	return FALSE;
}

struct oidc *oidc_create(const struct paths_root *root,
			 const struct oidc_settings *settings, GError **error)
{
	static const char *const none[] = {NULL};
	if (!settle(settings, error))
		return NULL;
	struct oidc *self = g_new0(struct oidc, 1);
	self->settings = settings;
	self->secret = secret_new(SECRET_BITS);
	self->used =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->helper = helper_create(root, "oidc.sock", "oriel-oidc", none,
				     "The sign-in provider does not answer.");
	return self;
}

void oidc_destroy(struct oidc *self)
{
	if (!self)
		return;
	helper_destroy(self->helper);
	g_hash_table_unref(self->used);
	g_free(self->secret);
	g_free(self->authorization);
	g_free(self);
}

const char *oidc_label(const struct oidc *self)
{
	return self->settings->label ? self->settings->label : "single sign-on";
}

/* ---- what a key makes ---- */

static char *derive(struct oidc *self, const char *what, const char *key)
{
	g_autofree char *text = g_strconcat(what, ":", key, NULL);
	return g_compute_hmac_for_string(G_CHECKSUM_SHA256,
					 (const guchar *)self->secret,
					 strlen(self->secret), text, -1);
}

/* BASE64URL(SHA256(verifier)), RFC 7636. */
static char *challenge_of(const char *verifier)
{
	guint8 digest[32];
	gsize size = sizeof digest;
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_checksum_update(sum, (const guchar *)verifier, -1);
	g_checksum_get_digest(sum, digest, &size);
	char *text = g_base64_encode(digest, size);
	g_strdelimit(text, "+", '-');
	g_strdelimit(text, "/", '_');
	text[strcspn(text, "=")] = 0;
	return text;
}

/* What somebody comes back with: bound to where they were sent from, so that a
 * code meant for a program is of no use to a page, and the other way round. */
static char *state_of(struct oidc *self, const char *key, const char *redirect)
{
	if (!redirect)
		return derive(self, "state", key);
	g_autofree char *both = g_strconcat(key, " ", redirect, NULL);
	return derive(self, "state", both);
}

/* A program listens on this very computer; where else a code may go is the
 * administrator's to say. */
static gboolean is_loopback(const char *redirect)
{
	static const char start[] = "http://127.0.0.1:";
	char *end = NULL;
	if (!g_str_has_prefix(redirect, start) ||
	    !g_ascii_isdigit(redirect[strlen(start)]))
		return FALSE;
	guint64 port = g_ascii_strtoull(redirect + strlen(start), &end, 10);
	return port > 0 && port <= 65535 && strcmp(end, "/") == 0;
}

static GError *no_loopback(void)
{
	return fault_new(FAULT_INVALID,
			 "Leave 'redirect' away, or listen on the computer "
			 "where the browser is and give "
			 "http://127.0.0.1:PORT/.",
			 "'redirect' is no address of a program that signs in "
			 "somebody who sits in front of it.");
}

/* "SECONDS.SECRET", seconds of the monotonic clock: it goes no further than
 * this process. */
static char *new_key(void)
{
	g_autofree char *secret = secret_new(SECRET_BITS);
	return g_strdup_printf("%" G_GINT64_FORMAT ".%s",
			       g_get_monotonic_time() / G_USEC_PER_SEC, secret);
}

/* Without telling by its time how much of it is right. */
static gboolean same_secret(const char *a, const char *b)
{
	g_autofree char *first = secret_hash(a), *second = secret_hash(b);
	return strcmp(first, second) == 0;
}

static gboolean forgotten(void *state, void *until_us, void *now_us)
{
	return *(gint64 *)until_us <= *(gint64 *)now_us;
}

static void mark_used(struct oidc *self, const char *state)
{
	gint64 now = g_get_monotonic_time();
	gint64 *until = g_new(gint64, 1);
	*until = now + AWAY_S * G_USEC_PER_SEC;
	g_hash_table_foreach_remove(self->used, forgotten, &now);
	g_hash_table_replace(self->used, g_strdup(state), until);
}

static GError *unknown_sign_in(void)
{
	return fault_new(FAULT_DENIED,
			 "Sign in again, in one window from begin to end.",
			 "This sign-in was not begun in this window, took "
			 "longer than ten minutes, or was used already.");
}

static gboolean is_ours(struct oidc *self, const char *redirect,
			const char *state, const char *key)
{
	g_autofree char *right = state_of(self, key, redirect);
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
	return same_secret(state, right) &&
	       g_ascii_strtoll(key, NULL, 10) + AWAY_S > now &&
	       !g_hash_table_contains(self->used, state);
}

/* ---- beginning ---- */

struct beginning {
	struct oidc *owner;
	char *redirect; /* NULL: the web page */
	oidc_begun begun;
	void *data;
};

static void add(GString *url, const char *name, const char *value)
{
	g_autofree char *text = g_uri_escape_string(value, NULL, FALSE);
	g_string_append_printf(url, "%s=%s", name, text);
}

static void send_away(struct oidc *self, const char *redirect, oidc_begun begun,
		      void *data)
{
	const struct oidc_settings *settings = self->settings;
	g_autofree char *key = new_key();
	g_autofree char *state = state_of(self, key, redirect);
	g_autofree char *nonce = derive(self, "nonce", key);
	g_autofree char *verifier = derive(self, "verifier", key);
	g_autofree char *challenge = challenge_of(verifier);
	g_autoptr(GString) url = g_string_new(self->authorization);
	add(url, strchr(url->str, '?') ? "&response_type" : "?response_type",
	    "code");
	add(url, "&client_id", settings->client_id);
	add(url, "&redirect_uri", redirect ? redirect : settings->url);
	add(url, "&scope",
	    settings->scopes ? settings->scopes : "openid profile");
	add(url, "&state", state);
	add(url, "&nonce", nonce);
	add(url, "&code_challenge", challenge);
	add(url, "&code_challenge_method", "S256");
	begun(url->str, state, key, NULL, data);
}

static void on_discovered(json_t *reply, const GError *error, void *data)
{
	g_autofree struct beginning *beginning = data;
	g_autofree char *redirect = beginning->redirect;
	struct oidc *self = beginning->owner;
	const char *url =
	    json_string_value(json_object_get(reply, "authorization_endpoint"));
	g_autoptr(GError) strange = NULL;
	if (!error && !weburl_is_safe(url))
		error = strange = fault_new(
		    FAULT_UNAVAILABLE, "Try again; look at the journal.",
		    "The sign-in provider's address makes no sense.");
	if (error) {
		beginning->begun(NULL, NULL, NULL, error, beginning->data);
		return;
	}
	g_free(self->authorization);
	self->authorization = g_strdup(url);
	self->known_until_us = g_get_monotonic_time() + KNOWN_FOR_US;
	send_away(self, redirect, beginning->begun, beginning->data);
}

void oidc_begin(struct oidc *self, const char *redirect, oidc_begun begun,
		void *data)
{
	if (redirect && !is_loopback(redirect)) {
		g_autoptr(GError) error = no_loopback();
		begun(NULL, NULL, NULL, error, data);
		return;
	}
	/* whoever may press the button must not make us ask each time */
	if (self->authorization &&
	    g_get_monotonic_time() < self->known_until_us) {
		send_away(self, redirect, begun, data);
		return;
	}
	struct beginning *beginning = g_new0(struct beginning, 1);
	beginning->owner = self;
	beginning->redirect = g_strdup(redirect);
	beginning->begun = begun;
	beginning->data = data;
	helper_ask(self->helper,
		   json_pack("{s:s, s:s, s:s*}", "op", "begin", "issuer",
			     self->settings->issuer, "ca",
			     self->settings->ca_file),
		   on_discovered, beginning);
}

/* ---- coming back ---- */

struct redeeming {
	struct oidc *owner;
	char *state;
	oidc_redeemed redeemed;
	void *data;
};

/* First line of a file that only its owner can read; "" where none is set. */
static gboolean read_secret(const char *path, char secret[SECRET_BYTES],
			    GError **error)
{
	struct stat status;
	secret[0] = 0;
	if (!path)
		return TRUE;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = -1;
	if (fd >= 0 && fstat(fd, &status) == 0)
		length = read(fd, secret, SECRET_BYTES - 1);
	int code = errno;
	if (fd >= 0)
		close(fd);
	const char *why = length < 0             ? g_strerror(code)
			  : status.st_mode & 077 ? "others can read it"
			  : length == 0          ? "it is empty"
						 : NULL;
	if (why) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "An administrator writes the provider's client "
			  "secret into it, mode 0600, owned by the broker's "
			  "user.",
			  "[oidc] secret_file in oriel.conf is of no use: %s.",
			  why);
		return FALSE;
	}
	secret[length] = 0;
	secret[strcspn(secret, "\r\n")] = 0;
	return TRUE;
}

static void redeeming_end(struct redeeming *redeeming,
			  const struct oidc_person *person, const GError *error)
{
	redeeming->redeemed(person, error, redeeming->data);
	g_free(redeeming->state);
	g_free(redeeming);
}

static const char *name_claim(const struct oidc *self)
{
	const char *set = self->settings->name_claim;
	return set ? set : "preferred_username";
}

static const char *groups_claim(const struct oidc *self)
{
	const char *set = self->settings->groups_claim;
	return set ? set : "groups";
}

static void on_claims(json_t *reply, const GError *error, void *data)
{
	struct redeeming *redeeming = data;
	struct oidc *self = redeeming->owner;
	const struct oidc_settings *settings = self->settings;
	json_t *claims = json_object_get(reply, "claims");
	if (error) {
		redeeming_end(redeeming, NULL, error);
		return;
	}
	/* two that came in at once: the provider has answered the first, and
	 * the second is refused whatever it said */
	if (g_hash_table_contains(self->used, redeeming->state)) {
		g_autoptr(GError) used = unknown_sign_in();
		redeeming_end(redeeming, NULL, used);
		return;
	}
	mark_used(self, redeeming->state);
	const char *claim = name_claim(self);
	json_t *groups = json_object_get(claims, groups_claim(self));
	const char *sub = json_string_value(json_object_get(claims, "sub"));
	g_autofree char *subject =
	    g_strconcat(settings->issuer, " ", sub ? sub : "", NULL);
	const struct oidc_person person = {
	    .name = json_string_value(json_object_get(claims, claim)),
	    .subject = subject,
	    .groups = json_is_array(groups) ? groups : NULL};
	if (sub && strlen(subject) <= OIDC_SUBJECT_MAX &&
	    shape_is_name(person.name, USER_NAME_MAX)) {
		redeeming_end(redeeming, &person, NULL);
		return;
	}
	g_autoptr(GError) unusable = fault_new(
	    FAULT_DENIED,
	    "User names are small letters, digits, '.', '_' and '-', at most "
	    "32; an administrator can choose another claim with [oidc] "
	    "name_claim in oriel.conf.",
	    "What the provider says in '%s' cannot be a user name.", claim);
	redeeming_end(redeeming, NULL, unusable);
}

void oidc_redeem(struct oidc *self, const char *redirect, const char *code,
		 const char *state, const char *key, oidc_redeemed redeemed,
		 void *data)
{
	const struct oidc_settings *settings = self->settings;
	char secret[SECRET_BYTES];
	g_autoptr(GError) error = NULL;
	if (redirect && !is_loopback(redirect))
		error = no_loopback();
	else if (!is_ours(self, redirect, state, key))
		error = unknown_sign_in();
	if (error || !read_secret(settings->secret_file, secret, &error)) {
		redeemed(NULL, error, data);
		return;
	}
	struct redeeming *redeeming = g_new0(struct redeeming, 1);
	redeeming->owner = self;
	redeeming->state = g_strdup(state);
	redeeming->redeemed = redeemed;
	redeeming->data = data;
	g_autofree char *nonce = derive(self, "nonce", key);
	g_autofree char *verifier = derive(self, "verifier", key);
	helper_ask(self->helper,
		   json_pack("{s:s, s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:s*,"
			     " s:[ss]}",
			     "op", "redeem", "issuer", settings->issuer,
			     "client", settings->client_id, "secret",
			     *secret ? secret : NULL, "code", code, "verifier",
			     verifier, "redirect",
			     redirect ? redirect : settings->url, "nonce",
			     nonce, "ca", settings->ca_file, "wanted",
			     name_claim(self), groups_claim(self)),
		   on_claims, redeeming);
	explicit_bzero(secret, sizeof secret);
}
