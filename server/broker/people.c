#include "server/broker/people.h"

#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops.h"
#include "server/broker/keeper.h"
#include "server/broker/pam.h"
#include "server/broker/passwords.h"
#include "server/broker/pools.h"
#include "server/broker/secrets.h"
#include "server/broker/shape.h"
#include "server/broker/throttle.h"
#include "server/broker/totp.h"

/* A session ends after half a day without a request, and is prolonged at most
 * every ten minutes so that reading does not become writing. */
#define SESSION_LIFE_S    (12 * 3600)
#define PROLONG_S         600
#define SESSIONS_PER_USER 50

const char *role_name(enum role role)
{
	static const char *const names[ROLES] = {[ROLE_ANYONE] = "anyone",
						 [ROLE_USER] = "user",
						 [ROLE_HELPDESK] = "helpdesk",
						 [ROLE_OPERATOR] = "operator",
						 [ROLE_ADMIN] = "admin"};
	return names[role];
}

enum role role_parse(const char *name)
{
	for (enum role role = ROLE_HELPDESK; role < ROLES; role++)
		if (g_strcmp0(name, role_name(role)) == 0)
			return role;
	return ROLE_USER;
}

/* ---- passwords ---- */

struct check {
	struct broker *broker;
	char *user, *address;
	char *totp, *code; /* both NULL where no code is asked for */
	gint64 used;       /* step of the last code */
	gboolean pam;
	json_t *groups; /* as PAM's side knows them; NULL: none */
	struct people_verdict verdict;
	people_checked checked;
	void *data;
};

static GError *wrong(void)
{
	return fault_new(FAULT_DENIED,
			 "Check both and type them again; an administrator can "
			 "set a new password.",
			 "User name or password is wrong.");
}

/* A code is good once, also for two who send it at the same moment. */
static GError *check_code(struct check *check)
{
	struct store *db = check->broker->store;
	GError *error = NULL;
	gint64 changed = 0;
	if (!check->code || !*check->code) {
		check->verdict.needs_code = TRUE;
		return fault_new(FAULT_DENIED,
				 "Give the code that your authenticator shows "
				 "now; where only a password is asked for, "
				 "append it to the password.",
				 "A code is needed as well.");
	}
	gint64 step =
	    totp_match(check->totp, check->code, store_now(db), check->used);
	if (step && !store_run(db, &changed, &error,
			       "UPDATE users SET totp_step = $1"
			       " WHERE name = $2 AND totp_step < $1",
			       "is", step, check->user))
		return error;
	return changed == 1 ? NULL : wrong();
}

static GError *join(struct check *check)
{
	const struct people_stranger who = {
	    .name = check->user, .source = "pam", .groups = check->groups};
	GError *error = NULL;
	enum role role;
	g_free(people_join(check->broker, &who, &role, &error));
	return error;
}

static void on_checked(gboolean match, const GError *error, void *data)
{
	struct check *check = data;
	g_autoptr(GError) denied = NULL;
	gboolean tried = !error;
	if (!error && !match)
		denied = wrong();
	else if (!error && check->totp)
		denied = check_code(check);
	if (!error && !denied && check->pam)
		denied = join(check);
	gboolean success = tried && !denied;
	/* a missing code is half way, and no failure; who has no password
	 * gets here not at all */
	if (!tried || success || check->verdict.needs_code)
		throttle_refund(check->broker->throttle, check->user,
				check->address, success);
	if (denied && !check->verdict.needs_code)
		event_add(check->broker, "sign-in-refused", check->address,
			  NULL, "A sign-in from %s was refused.",
			  check->address);
	if (error && fault_code(error) == FAULT_BUSY)
		check->verdict.retry_after_s = 2;
	check->checked(&check->verdict, denied ? denied : error, check->data);
	g_free(check->user);
	g_free(check->address);
	g_free(check->totp);
	g_free(check->code);
	json_decref(check->groups);
	g_free(check);
}

static void on_pam(gboolean match, json_t *groups, const GError *error,
		   void *data)
{
	struct check *check = data;
	check->groups = groups ? json_incref(groups) : NULL;
	on_checked(match, error, check);
}

struct refusal {
	people_checked checked;
	void *data;
	struct people_verdict verdict;
	GError *error;
};

static gboolean on_refusal(void *data)
{
	struct refusal *refusal = data;
	refusal->checked(&refusal->verdict, refusal->error, refusal->data);
	g_error_free(refusal->error);
	g_free(refusal);
	return G_SOURCE_REMOVE;
}

static void refuse(GError *error, unsigned retry_s, people_checked checked,
		   void *data)
{
	struct refusal *refusal = g_new0(struct refusal, 1);
	refusal->checked = checked;
	refusal->data = data;
	refusal->verdict.retry_after_s = retry_s;
	refusal->error = error;
	g_idle_add(on_refusal, refusal);
}

/* "password123456" of somebody who has a code. */
static gsize code_at(const char *password)
{
	gsize length = strlen(password);
	if (length <= TOTP_DIGITS || strspn(password + length - TOTP_DIGITS,
					    "0123456789") != TOTP_DIGITS)
		return length;
	return length - TOTP_DIGITS;
}

void people_check(struct broker *broker, const char *user, const char *password,
		  const char *code, const char *address, people_checked checked,
		  void *data)
{
	unsigned wait_s = throttle_try(broker->throttle, user, address,
				       g_get_monotonic_time());
	if (wait_s) {
		refuse(fault_new(FAULT_BUSY, "Wait, then try again.",
				 "Too many wrong passwords; the next try is "
				 "possible in %u second%s.",
				 wait_s, wait_s == 1 ? "" : "s"),
		       wait_s, checked, data);
		return;
	}
	g_autoptr(GError) error = NULL;
	g_autoptr(store_rows) rows =
	    store_query(broker->store, &error,
			"SELECT password, role, totp, totp_step, source"
			" FROM users WHERE name = $1",
			"s", shape_is_name(user, USER_NAME_MAX) ? user : "");
	if (!rows) {
		throttle_refund(broker->throttle, user, address, FALSE);
		refuse(g_steal_pointer(&error), 0, checked, data);
		return;
	}
	struct check *check = g_new0(struct check, 1);
	check->broker = broker;
	check->user = g_strdup(user);
	check->address = g_strdup(address);
	check->verdict.role = role_parse(store_rows_text(rows, 0, 1));
	check->totp = g_strdup(store_rows_text(rows, 0, 2));
	check->used = store_rows_int(rows, 0, 3);
	check->checked = checked;
	check->data = data;
	g_autofree char *bare = NULL;
	if (check->totp && !code) {
		bare = g_strndup(password, code_at(password));
		check->code = g_strdup(password + strlen(bare));
	} else {
		bare = g_strdup(password);
		check->code = check->totp ? g_strdup(code) : NULL;
	}
	check->pam = broker->pam && shape_is_name(user, USER_NAME_MAX) &&
		     (!store_rows_count(rows) ||
		      g_strcmp0(store_rows_text(rows, 0, 4), "pam") == 0);
	if (check->pam)
		pam_check(broker->pam, user, bare, address, on_pam, check);
	else
		passwords_check(broker->passwords, store_rows_text(rows, 0, 0),
				bare, on_checked, check);
	explicit_bzero(bare, strlen(bare));
}

static void no_password_here(struct broker *broker, const char *user,
			     GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT source FROM users WHERE name = $1", "s", user);
	if (rows && store_rows_count(rows))
		fault_set(error, FAULT_CONFLICT,
			  "Change it where it is kept (passwd, the directory, "
			  "the provider).",
			  "The password of '%s' is not Oriel's: %s knows it.",
			  user,
			  g_strcmp0(store_rows_text(rows, 0, 0), "pam") == 0
			      ? "PAM"
			      : "the sign-in provider");
	else if (rows)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel user list' shows who is there.",
			  "There is no user '%s'.", user);
}

gboolean people_set_password(struct broker *broker, const char *user,
			     const char *hash, const char *except,
			     GError **error)
{
	if (!store_begin(broker->store, error))
		return FALSE;
	gint64 changed = 0;
	gboolean ok = store_run(broker->store, &changed, error,
				"UPDATE users SET password = $1"
				" WHERE name = $2 AND source = 'local'",
				"ss", hash, user);
	if (ok && !changed) {
		no_password_here(broker, user, error);
		ok = FALSE;
	}
	ok = ok &&
	     store_run(broker->store, NULL, error,
		       "DELETE FROM sessions WHERE user_name = $1"
		       " AND hash <> $2",
		       "ss", user, except ? except : "") &&
	     attachment_revoke(broker, ATTACH_OF_USER, user, except,
			       ATTACH_PASSWORD_CHANGED, error);
	if (ok)
		event_add(broker, "user", user, NULL,
			  "User %s has a new password.", user);
	return store_end(broker->store, ok, error);
}

/* ---- sessions ---- */

static gboolean session_rows(struct broker *broker, const char *hash,
			     const char *user, const char *peer, gint64 now,
			     GError **error)
{
	return store_run(broker->store, NULL, error,
			 "DELETE FROM sessions WHERE expires <= $1", "i",
			 now) &&
	       store_run(broker->store, NULL, error,
			 "INSERT INTO sessions(hash, user_name, peer, created,"
			 " expires) VALUES($1, $2, $3, $4, $5)",
			 "sssii", hash, user, peer, now,
			 now + SESSION_LIFE_S) &&
	       store_run(broker->store, NULL, error,
			 "DELETE FROM sessions WHERE user_name = $1"
			 " AND hash NOT IN (SELECT hash FROM sessions"
			 " WHERE user_name = $1 ORDER BY expires DESC, hash"
			 " LIMIT $2)",
			 "si", user, (gint64)SESSIONS_PER_USER);
}

char *people_open_session(struct broker *broker, const char *user,
			  const char *peer, gint64 *expires, GError **error)
{
	g_autofree char *token = secret_new(SECRET_SESSION_BITS);
	g_autofree char *hash = secret_hash(token);
	gint64 now = store_now(broker->store);
	/* whoever loses it with the machine signs in again */
	if (!store_begin_brief(broker->store, error))
		return NULL;
	gboolean ok = session_rows(broker, hash, user, peer, now, error);
	if (ok)
		event_add(broker, "sign-in", user, user,
			  "%s signed in from %s.", user, peer);
	if (!store_end(broker->store, ok, error))
		return NULL;
	*expires = now + SESSION_LIFE_S;
	return g_steal_pointer(&token);
}

void session_clear(struct session *session)
{
	g_clear_pointer(&session->hash, g_free);
	g_clear_pointer(&session->user, g_free);
	session->role = ROLE_ANYONE;
}

gboolean people_find_session(struct broker *broker, const char *token,
			     struct session *session, GError **error)
{
	if (!secret_plausible(token, SECRET_SESSION_BITS))
		return FALSE;
	g_autofree char *hash = secret_hash(token);
	gint64 now = store_now(broker->store);
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT s.user_name, u.role, s.expires FROM sessions s"
			" JOIN users u ON u.name = s.user_name"
			" WHERE s.hash = $1 AND s.expires > $2",
			"si", hash, now);
	if (!rows || !store_rows_count(rows))
		return FALSE;
	session->user = g_strdup(store_rows_text(rows, 0, 0));
	session->role = role_parse(store_rows_text(rows, 0, 1));
	/* a store without room leaves the session as long as it was */
	if (store_rows_int(rows, 0, 2) < now + SESSION_LIFE_S - PROLONG_S)
		store_run(broker->store, NULL, NULL,
			  "UPDATE sessions SET expires = $1 WHERE hash = $2",
			  "is", now + SESSION_LIFE_S, hash);
	session->hash = g_steal_pointer(&hash);
	return TRUE;
}

gboolean people_close_session(struct broker *broker, const char *hash,
			      GError **error)
{
	return store_begin(broker->store, error) &&
	       store_end(broker->store,
			 store_run(broker->store, NULL, error,
				   "DELETE FROM sessions WHERE hash = $1", "s",
				   hash) &&
			     attachment_revoke(broker, ATTACH_OF_SESSION, hash,
					       NULL, ATTACH_SIGNED_OUT, error),
			 error);
}

/* ---- entitlement ---- */

static const char pools_sql[] =
    "SELECT name FROM pools WHERE ($1 = '' OR name = $1)"
    " AND " POOL_OPEN_TO("$2") " ORDER BY name";

char *people_pool(struct broker *broker, const char *user, const char *pool,
		  GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error, pools_sql, "ss", pool, user);
	if (!rows)
		return NULL;
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		const char *name = store_rows_text(rows, i, 0);
		struct desktop *desktop =
		    desktops_of(broker->desktops, name, user);
		if (desktop && desktop->state == DESKTOP_RUNNING)
			return g_strdup(name);
	}
	if (store_rows_count(rows))
		return g_strdup(store_rows_text(rows, 0, 0));
	if (*pool) {
		g_autofree char *quoted = g_strescape(pool, NULL);
		fault_set(error, FAULT_NOT_FOUND,
			  "Ask an administrator which pools are open to you.",
			  "There is no pool '%.64s' that user '%s' may use.",
			  quoted, user);
	} else {
		fault_set(error, FAULT_NOT_FOUND,
			  "An administrator makes one with 'oriel pool "
			  "create'.",
			  "No pool of desktops is open to user '%s'.", user);
	}
	return NULL;
}

static void on_discarded(const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

static struct desktop *obtain(struct broker *broker, const char *user,
			      const char *name, GError **error)
{
	g_autoptr(pool_settings) pool = pool_load(broker, name, error);
	struct desktop *desktop =
	    pool ? desktops_obtain(broker->desktops, user, pool, error) : NULL;
	if (!desktop)
		return NULL;
	if (desktop_start(broker->desktops, desktop, user, error))
		return desktop;
	/* one that never was more than a row would only be in the way */
	if (desktop->floating && !desktop->host)
		desktop_discard(broker->desktops, desktop, NULL, on_discarded,
				NULL);
	return NULL;
}

struct desktop *people_desktop(struct broker *broker, const char *user,
			       const char *pool, GError **error)
{
	g_autofree char *name = people_pool(broker, user, pool, error);
	g_autoptr(GError) why = NULL;
	if (!name)
		return NULL;
	struct desktop *desktop = obtain(broker, user, name, &why);
	if (desktop) {
		keeper_waits_no_more(broker->keeper, user, name);
		return desktop;
	}
	keeper_waits(broker->keeper, user, name, why);
	g_propagate_error(error, g_steal_pointer(&why));
	return NULL;
}
