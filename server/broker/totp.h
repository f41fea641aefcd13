/* totp.h - codes that change every thirty seconds. RFC 6238 with SHA-1, six
 * digits and a step of 30 s, which is what authenticator programs do.
 * Threads: any. */
#pragma once

#include <glib.h>

#define TOTP_DIGITS 6
#define TOTP_STEP_S 30

/* 160 random bits in base32; new string. */
char *totp_new_secret(void);
/* The address that authenticator programs read as a picture; new string. */
char *totp_uri(const char *secret, const char *user);
/* The code of a step; FALSE for a secret that is no base32. */
gboolean totp_code(const char *secret, gint64 step, char code[TOTP_DIGITS + 1]);
/* The step that the code belongs to: the present one, the one before or the
 * one after, and newer than `used`; 0 where it is wrong. */
gint64 totp_match(const char *secret, const char *code, gint64 now_s,
		  gint64 used);
