#include "server/broker/totp.h"

#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

char *totp_new_secret(void)
{
	guint8 bytes[20];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		g_error("The kernel gives no random bytes");
	char *text = g_malloc(sizeof bytes * 8 / 5 + 1);
	gsize at = 0;
	guint32 bits = 0;
	unsigned have = 0;
	for (gsize i = 0; i < sizeof bytes; i++) {
		bits = bits << 8 | bytes[i];
		for (have += 8; have >= 5; have -= 5)
			text[at++] = alphabet[bits >> (have - 5) & 31];
	}
	text[at] = 0;
	explicit_bzero(bytes, sizeof bytes);
	return text;
}

char *totp_uri(const char *secret, const char *user)
{
	g_autofree char *name = g_uri_escape_string(user, NULL, FALSE);
	return g_strdup_printf("otpauth://totp/Oriel:%s?secret=%s&issuer=Oriel",
			       name, secret);
}

/* Bytes, or 0 for what is none. */
static gsize decode(const char *text, guint8 *out, gsize size)
{
	gsize length = 0;
	guint32 bits = 0;
	unsigned have = 0;
	for (; *text && *text != '='; text++) {
		const char *at = strchr(alphabet, g_ascii_toupper(*text));
		if (!at || length == size)
			return 0;
		bits = bits << 5 | (guint32)(at - alphabet);
		have += 5;
		if (have < 8)
			continue;
		have -= 8;
		out[length++] = (guint8)(bits >> have);
	}
	return length;
}

gboolean totp_code(const char *secret, gint64 step, char code[TOTP_DIGITS + 1])
{
	guint8 key[64], counter[8], digest[20];
	gsize size = sizeof digest;
	gsize length = decode(secret, key, sizeof key);
	if (!length)
		return FALSE;
	for (int i = 0; i < 8; i++)
		counter[i] = (guint8)((guint64)step >> (56 - 8 * i));
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, key, length);
	g_hmac_update(hmac, counter, sizeof counter);
	g_hmac_get_digest(hmac, digest, &size);
	g_hmac_unref(hmac);
	explicit_bzero(key, sizeof key);
	/* RFC 4226, 5.3 "Generating an HOTP Value" */
	const guint8 *at = digest + (digest[19] & 15);
	guint32 number = (at[0] & 0x7fu) << 24 | (guint32)at[1] << 16 |
			 (guint32)at[2] << 8 | at[3];
	g_snprintf(code, TOTP_DIGITS + 1, "%06u", number % 1000000u);
	return TRUE;
}

gint64 totp_match(const char *secret, const char *code, gint64 now_s,
		  gint64 used)
{
	gint64 present = now_s / TOTP_STEP_S;
	gint64 found = 0;
	if (strlen(code) != TOTP_DIGITS)
		return 0;
	for (gint64 step = present - 1; step <= present + 1; step++) {
		char right[TOTP_DIGITS + 1];
		unsigned differs = 0;
		if (!totp_code(secret, step, right))
			return 0;
		/* in the same time wherever they differ */
		for (int i = 0; i < TOTP_DIGITS; i++)
			differs |= (unsigned)(right[i] ^ code[i]);
		if (!differs && step > used && step > found)
			found = step;
	}
	return found;
}
