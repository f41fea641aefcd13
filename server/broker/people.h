/* people.h - who somebody is, and which pools are open to them.
 *
 * Threads: one main context. */
#pragma once

#include "server/broker/internal.h"

#define USER_NAME_MAX 32
#define POOL_NAME_MAX 32

/* Each may do what those before it may: a helpdesk sees and frees desktops and
 * sets users' passwords, an operator keeps pools and images, an administrator
 * everything. */
enum role {
	ROLE_ANYONE,
	ROLE_USER,
	ROLE_HELPDESK,
	ROLE_OPERATOR,
	ROLE_ADMIN,
	ROLES,
};
const char *role_name(enum role role);
enum role role_parse(const char *name); /* ROLE_USER unless it is one */

/* Checks a password and, of a user who has one, the code; throttled by user
 * and address, without telling whether the user exists. code may be NULL: then
 * it is looked for at the end of the password, where people type it into
 * programs that know of no codes. Called later, exactly once: error NULL and
 * the role, or FAULT_DENIED, or FAULT_BUSY with the seconds to wait.
 * needs_code: the password is right, and a code is wanted as well. */
struct people_verdict {
	enum role role;
	unsigned retry_after_s;
	gboolean needs_code;
};
typedef void (*people_checked)(const struct people_verdict *verdict,
			       const GError *error, void *data);
void people_check(struct broker *broker, const char *user, const char *password,
		  const char *code, const char *address, people_checked checked,
		  void *data);

/* Somebody whom another system has just found to be who they say becomes one
 * of ours at the first sign-in, and is in those of our groups that have a name
 * of theirs. Their name here, a new string; FAULT_DENIED where it is somebody
 * else's. */
struct people_stranger {
	const char *name, *source; /* "pam", "oidc" */
	const char *subject; /* for ever theirs there; NULL: the name is */
	json_t *groups;      /* array of names, or NULL */
};
char *people_join(struct broker *broker, const struct people_stranger *who,
		  enum role *role, GError **error);

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

/* SQL: may the user use the row of pools? */
#define POOL_OPEN_TO(user)                                                     \
	"(everyone <> 0 OR EXISTS(SELECT 1 FROM pool_users"                    \
	" WHERE pool = pools.name AND user_name = " user ")"                   \
	" OR EXISTS(SELECT 1 FROM pool_groups g JOIN group_users u"            \
	" ON u.group_name = g.group_name"                                      \
	" WHERE g.pool = pools.name AND u.user_name = " user "))"

/* A pool this user may use. "" picks one: where a desktop runs already, or
 * else the first by name. New string; FAULT_NOT_FOUND where there is none
 * (also for one that exists but is not open to them). */
char *people_pool(struct broker *broker, const char *user, const char *pool,
		  GError **error);
/* The user's desktop in a pool that is open to them, made and started if
 * need be. Borrowed. */
struct desktop *people_desktop(struct broker *broker, const char *user,
			       const char *pool, GError **error);
