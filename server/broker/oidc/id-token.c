#include "server/broker/oidc/id-token.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "common/fault.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define P256_BYTES   32
#define KEYS_MAX     64

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ECDSA_SIG, ECDSA_SIG_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_PARAM, OSSL_PARAM_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)

enum algorithm { RS256, ES256 };

static GError *no(const char *cause)
{
	return fault_new(FAULT_DENIED,
			 "Sign in again; if it stays so, an administrator "
			 "compares [oidc] in oriel.conf with the provider's "
			 "settings.",
			 "The provider's answer is not accepted: %s.", cause);
}

/* base64url without padding; NULL where it is none. */
static GBytes *decode(const char *text, gsize size)
{
	if (!size || size > ID_TOKEN_MAX || size % 4 == 1)
		return NULL;
	g_autofree char *plain = g_malloc(size + 4);
	gsize filled = 0, length;
	for (; filled < size; filled++) {
		char c = text[filled];
		if (!g_ascii_isalnum(c) && c != '-' && c != '_')
			return NULL;
		plain[filled] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	while (filled % 4)
		plain[filled++] = '=';
	plain[filled] = 0;
	guchar *bytes = g_base64_decode(plain, &length);
	return g_bytes_new_take(bytes, length);
}

static GBytes *decode_member(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);
	return json_is_string(value)
		   ? decode(json_string_value(value), json_string_length(value))
		   : NULL;
}

static json_t *decode_json(const char *text, gsize size)
{
	g_autoptr(GBytes) bytes = decode(text, size);
	gsize length;
	const char *data = bytes ? g_bytes_get_data(bytes, &length) : NULL;
	json_t *object =
	    data ? json_loadb(data, length, JSON_REJECT_DUPLICATES, NULL)
		 : NULL;
	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

/* ---- keys ---- */

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build)
{
	EVP_PKEY *key = NULL;
	g_autoptr(OSSL_PARAM) params = OSSL_PARAM_BLD_to_param(build);
	g_autoptr(EVP_PKEY_CTX) context =
	    EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!params || !context || EVP_PKEY_fromdata_init(context) <= 0 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		return NULL;
	return key;
}

static EVP_PKEY *rsa_key(json_t *jwk)
{
	g_autoptr(GBytes) n = decode_member(jwk, "n");
	g_autoptr(GBytes) e = decode_member(jwk, "e");
	if (!n || !e || g_bytes_get_size(n) > RSA_BITS_MAX / 8 + 1 ||
	    g_bytes_get_size(e) > 8)
		return NULL;
	g_autoptr(BIGNUM) modulus = BN_bin2bn(g_bytes_get_data(n, NULL),
					      (int)g_bytes_get_size(n), NULL);
	g_autoptr(BIGNUM) exponent = BN_bin2bn(g_bytes_get_data(e, NULL),
					       (int)g_bytes_get_size(e), NULL);
	g_autoptr(OSSL_PARAM_BLD) build = OSSL_PARAM_BLD_new();
	if (!modulus || !exponent || BN_num_bits(modulus) < RSA_BITS_MIN ||
	    !BN_is_odd(modulus) || !BN_is_odd(exponent) ||
	    BN_is_one(exponent) || !build ||
	    !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) ||
	    !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
		return NULL;
	return make_key("RSA", build);
}

static EVP_PKEY *ec_key(json_t *jwk)
{
	guint8 point[1 + 2 * P256_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
	g_autoptr(GBytes) x = decode_member(jwk, "x");
	g_autoptr(GBytes) y = decode_member(jwk, "y");
	if (!x || !y || g_bytes_get_size(x) != P256_BYTES ||
	    g_bytes_get_size(y) != P256_BYTES ||
	    g_strcmp0(json_string_value(json_object_get(jwk, "crv")),
		      "P-256") != 0)
		return NULL;
	memcpy(point + 1, g_bytes_get_data(x, NULL), P256_BYTES);
	memcpy(point + 1 + P256_BYTES, g_bytes_get_data(y, NULL), P256_BYTES);
	g_autoptr(OSSL_PARAM_BLD) build = OSSL_PARAM_BLD_new();
	if (!build ||
	    !OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
					     "P-256", 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
					      point, sizeof point))
		return NULL;
	return make_key("EC", build); /* which refuses a point off the curve */
}

static gboolean agrees(json_t *jwk, const char *member, const char *value)
{
	json_t *said = json_object_get(jwk, member);
	return !said || g_strcmp0(json_string_value(said), value) == 0;
}

/* ---- the signature ---- */

/* r and s side by side, as OpenSSL wants them: DER. */
static GBytes *der_of(GBytes *raw)
{
	if (g_bytes_get_size(raw) != 2 * P256_BYTES)
		return NULL;
	const guint8 *data = g_bytes_get_data(raw, NULL);
	g_autoptr(ECDSA_SIG) pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(data, P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(data + P256_BYTES, P256_BYTES, NULL);
	if (!pair || !r || !s || !ECDSA_SIG_set0(pair, r, s)) {
		BN_free(r);
		BN_free(s);
		return NULL;
	}
	unsigned char *der = NULL;
	int size = i2d_ECDSA_SIG(pair, &der);
	GBytes *bytes = size > 0 ? g_bytes_new(der, (gsize)size) : NULL;
	OPENSSL_free(der);
	return bytes;
}

static gboolean verify(EVP_PKEY *key, const char *text, gsize size,
		       GBytes *signature)
{
	g_autoptr(EVP_MD_CTX) context = EVP_MD_CTX_new();
	return context &&
	       EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) ==
		   1 &&
	       EVP_DigestVerify(context, g_bytes_get_data(signature, NULL),
				g_bytes_get_size(signature),
				(const guint8 *)text, size) == 1;
}

/* Any key of the provider's that may have made it: with the token's key id,
 * if it names one. What the header says about keys beside that is no matter.
 */
static gboolean is_signed(const char *text, gsize size, GBytes *signature,
			  enum algorithm algorithm, const char *kid,
			  json_t *keys)
{
	gsize i;
	json_t *jwk;
	g_autoptr(GBytes) der =
	    algorithm == ES256 ? der_of(signature) : g_bytes_ref(signature);
	json_array_foreach(json_object_get(keys, "keys"), i, jwk)
	{
		if (!der || i >= KEYS_MAX)
			return FALSE;
		if ((kid && !agrees(jwk, "kid", kid)) ||
		    !agrees(jwk, "use", "sig") ||
		    !agrees(jwk, "alg", algorithm == RS256 ? "RS256" : "ES256"))
			continue;
		const char *type =
		    json_string_value(json_object_get(jwk, "kty"));
		g_autoptr(EVP_PKEY) key = NULL;
		if (algorithm == RS256 && g_strcmp0(type, "RSA") == 0)
			key = rsa_key(jwk);
		else if (algorithm == ES256 && g_strcmp0(type, "EC") == 0)
			key = ec_key(jwk);
		if (key && verify(key, text, size, der))
			return TRUE;
	}
	return FALSE;
}

/* ---- the claims ---- */

static gboolean is_text(json_t *claims, const char *key, const char *wanted)
{
	return g_strcmp0(json_string_value(json_object_get(claims, key)),
			 wanted) == 0;
}

static gboolean is_for(json_t *claims, const char *client)
{
	json_t *aud = json_object_get(claims, "aud");
	json_t *azp = json_object_get(claims, "azp");
	gboolean named = g_strcmp0(json_string_value(aud), client) == 0;
	gsize i;
	json_t *one;
	json_array_foreach(aud, i, one) named =
	    named || g_strcmp0(json_string_value(one), client) == 0;
	/* of several, somebody else may have had it made */
	return named && (azp ? is_text(claims, "azp", client)
			     : json_array_size(aud) < 2);
}

static const char *wrong_claim(json_t *claims,
			       const struct id_token_wanted *wanted)
{
	json_t *exp = json_object_get(claims, "exp");
	json_t *iat = json_object_get(claims, "iat");
	json_t *nbf = json_object_get(claims, "nbf");
	double now = (double)wanted->now;
	if (!is_text(claims, "iss", wanted->issuer))
		return "it is another issuer's";
	if (!is_for(claims, wanted->client))
		return "it was made for another client";
	if (!is_text(claims, "nonce", wanted->nonce))
		return "it belongs to another sign-in";
	if (!json_is_number(exp) || !json_is_number(iat) ||
	    (nbf && !json_is_number(nbf)))
		return "it does not say when it holds";
	if (json_number_value(exp) + ID_TOKEN_SKEW_S <= now)
		return "it has expired (are the clocks of both right?)";
	if (json_number_value(iat) - ID_TOKEN_SKEW_S > now ||
	    (nbf && json_number_value(nbf) - ID_TOKEN_SKEW_S > now))
		return "it is of the future (are the clocks of both right?)";
	if (!json_string_length(json_object_get(claims, "sub")))
		return "it does not say of whom it is";
	return NULL;
}

json_t *id_token_check(const char *token, json_t *keys,
		       const struct id_token_wanted *wanted, GError **error)
{
	const char *body = strchr(token, '.');
	const char *tail = body ? strchr(body + 1, '.') : NULL;
	if (!tail || strlen(token) > ID_TOKEN_MAX) {
		g_propagate_error(error, no("it is no ID token"));
		return NULL;
	}
	json_t *header = decode_json(token, (gsize)(body - token));
	json_t *claims = decode_json(body + 1, (gsize)(tail - body - 1));
	g_autoptr(GBytes) signature = decode(tail + 1, strlen(tail + 1));
	const char *name = json_string_value(json_object_get(header, "alg"));
	gboolean rsa = g_strcmp0(name, "RS256") == 0;
	const char *why = NULL;
	if (!header || !claims || json_object_get(header, "crit"))
		why = "it is no ID token";
	else if (!rsa && g_strcmp0(name, "ES256") != 0)
		why = "it is signed neither with RS256 nor with ES256";
	else if (!signature ||
		 !is_signed(token, (gsize)(tail - token), signature,
			    rsa ? RS256 : ES256,
			    json_string_value(json_object_get(header, "kid")),
			    keys))
		why = "none of the provider's keys has signed it";
	else
		why = wrong_claim(claims, wanted);
	json_decref(header);
	if (!why)
		return claims;
	json_decref(claims);
	g_propagate_error(error, no(why));
	return NULL;
}
