/* secrets.h - random handles, and what of them is kept.
 *
 * A secret leaves the process once, in the answer that makes it; the store
 * has its SHA-256. Threads: any. */
#pragma once

#include <glib.h>

#define SECRET_TICKET_BITS  128
#define SECRET_SESSION_BITS 256

/* Lower-case hex of so many random bits (at most 256); new string. */
char *secret_new(unsigned bits);
/* Hex SHA-256; new string. */
char *secret_hash(const char *secret);
/* Whether it can be one of ours: lower-case hex of exactly that many bits. */
gboolean secret_plausible(const char *text, unsigned bits);
