/* people.h - who somebody is, and which pools are open to them.
 *
 * Threads: one main context. */
#pragma once

#include "server/broker/internal.h"

#define USER_NAME_MAX 32
#define POOL_NAME_MAX 32

enum role { ROLE_ANYONE, ROLE_USER, ROLE_ADMIN };
const char *role_name(enum role role);
enum role role_parse(const char *name); /* ROLE_USER unless "admin" */

/* Checks a password, throttled by user and address, without telling whether
 * the user exists. Called later, exactly once: error NULL and the role, or
 * FAULT_DENIED, or FAULT_BUSY with the seconds to wait. */
typedef void (*people_checked)(enum role role, unsigned retry_after_s,
			       const GError *error, void *data);
void people_check(struct broker *broker, const char *user,
		  const char *password, const char *address,
		  people_checked checked, void *data);

/* API sessions: the token leaves once. */
char *people_open_session(struct broker *broker, const char *user,
			  const char *peer, gint64 *expires, GError **error);
struct session {
	char *hash, *user;
	enum role role;
};
void session_clear(struct session *session);
/* FALSE with error: the store; FALSE without: no such session. */
gboolean people_find_session(struct broker *broker, const char *token,
			     struct session *session, GError **error);
/* Ends it with every attach session that came from it. */
gboolean people_close_session(struct broker *broker, const char *hash,
			      GError **error);

/* Stores a new hash and ends all sessions of the user but the one with the
 * hash `except` (or NULL). FAULT_NOT_FOUND. */
gboolean people_set_password(struct broker *broker, const char *user,
			     const char *hash, const char *except,
			     GError **error);

/* A pool this user may use. "" picks one: where a desktop runs already, or
 * else the first by name. New string; FAULT_NOT_FOUND where there is none
 * (also for one that exists but is not open to them). */
char *people_pool(struct broker *broker, const char *user, const char *pool,
		  GError **error);
/* The user's desktop in a pool that is open to them, made and started if
 * need be. Borrowed. */
struct desktop *people_desktop(struct broker *broker, const char *user,
			       const char *pool, GError **error);
