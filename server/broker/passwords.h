/* passwords.h - hashing and checking, done elsewhere.
 *
 * Argon2id costs memory and time on purpose. It runs in oriel-password, a
 * program that does only that: started when needed, one for each processor
 * up to two, ended when idle. At most PASSWORDS_QUEUE checks wait.
 *
 * Threads: one main context. Callbacks come later, exactly once. */
#pragma once

#include <glib.h>

#define PASSWORDS_QUEUE 64u
#define PASSWORD_MIN    8
#define PASSWORD_MAX    256

struct passwords;

struct passwords *passwords_create(void);
void passwords_destroy(struct passwords *passwords);

/* match is FALSE with error NULL for a wrong password. hash NULL is a user
 * that does not exist: it costs the same and never matches. */
typedef void (*passwords_checked)(gboolean match, const GError *error,
				  void *data);
void passwords_check(struct passwords *passwords, const char *hash,
		     const char *password, passwords_checked checked,
		     void *data);
typedef void (*passwords_hashed)(const char *hash, const GError *error,
				 void *data);
void passwords_hash(struct passwords *passwords, const char *password,
		    passwords_hashed hashed, void *data);
