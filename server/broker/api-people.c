/* Handlers: signing in, oneself, and users. */
#include "common/fault.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops.h"
#include "server/broker/names.h"
#include "server/broker/passwords.h"
#include "server/broker/request.h"

/* ---- sessions ---- */

static void on_sign_in(const struct people_verdict *verdict, const GError *why,
		       void *data)
{
	struct request *request = data;
	g_autoptr(GError) error = NULL;
	gint64 expires;
	const char *user = request_text(request, "user");
	request->retry_after_s = verdict->retry_after_s;
	request->needs_code = verdict->needs_code;
	g_autofree char *token =
	    why ? NULL
		: people_open_session(request->broker, user, request->peer,
				      &expires, &error);
	if (!token) {
		request_fail(request, why ? why : error);
		return;
	}
	request_done(request,
		     json_pack("{s:s, s:s, s:s, s:I}", "token", token, "user",
			       user, "role", role_name(verdict->role),
			       "expires", (json_int_t)expires));
}

void handle_sign_in(struct request *request)
{
	people_check(request->broker, request_text(request, "user"),
		     request_text(request, "password"),
		     request_text(request, "code"), request->peer, on_sign_in,
		     request);
}

void handle_sign_out(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (!request->session.hash)
		fault_set(&error, FAULT_CONFLICT, NULL,
			  "Nobody is signed in on admin.sock.");
	else
		people_close_session(request->broker, request->session.hash,
				     &error);
	if (error)
		request_fail(request, error);
	else
		request_done(request, NULL);
}

void handle_me(struct request *request)
{
	request_done(
	    request,
	    json_pack("{s:o, s:s}", "user", json_text(request->session.user),
		      "role",
		      role_name(request->local ? ROLE_ADMIN
					       : request->session.role)));
}

/* ---- passwords ---- */

static void set_password(struct request *request, const char *user,
			 const char *hash, const char *except,
			 const GError *why)
{
	g_autoptr(GError) error = NULL;
	if (why ||
	    !people_set_password(request->broker, user, hash, except, &error))
		request_fail(request, why ? why : error);
	else
		request_done(request, NULL);
}

static void on_own_hash(const char *hash, const GError *why, void *data)
{
	struct request *request = data;
	set_password(request, request->session.user, hash,
		     request->session.hash, why);
}

/* Who is signed in has shown a code: here the password is what is asked. */
static gboolean is_known(const struct people_verdict *verdict,
			 const GError *why)
{
	return !why || verdict->needs_code;
}

static void on_old_checked(const struct people_verdict *verdict,
			   const GError *why, void *data)
{
	struct request *request = data;
	request->retry_after_s = verdict->retry_after_s;
	if (!is_known(verdict, why))
		request_fail(request, why);
	else
		passwords_hash(request->broker->passwords,
			       request_text(request, "new"), on_own_hash,
			       request);
}

void handle_own_password(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (!request->session.user) {
		fault_set(&error, FAULT_CONFLICT,
			  "Use PUT /users/{user}/password.",
			  "Nobody is signed in on admin.sock.");
		request_fail(request, error);
		return;
	}
	people_check(request->broker, request->session.user,
		     request_text(request, "old"), "", request->peer,
		     on_old_checked, request);
}

static void on_user_hash(const char *hash, const GError *why, void *data)
{
	struct request *request = data;
	set_password(request, request->params[0], hash, NULL, why);
}

/* A helpdesk that could set an administrator's password would be one. */
static gboolean may_set(struct request *request, GError **error)
{
	if (request_role(request) == ROLE_ADMIN)
		return TRUE;
	g_autoptr(store_rows) rows = store_query(
	    request->broker->store, error,
	    "SELECT role FROM users WHERE name = $1", "s", request->params[0]);
	if (!rows)
		return FALSE;
	if (!store_rows_count(rows) ||
	    role_parse(store_rows_text(rows, 0, 0)) == ROLE_USER)
		return TRUE;
	fault_set(error, FAULT_DENIED, "Ask an administrator.",
		  "Only administrators may set the password of somebody with "
		  "a role.");
	return FALSE;
}

void handle_user_password(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (!may_set(request, &error)) {
		request_fail(request, error);
		return;
	}
	passwords_hash(request->broker->passwords,
		       request_text(request, "password"), on_user_hash,
		       request);
}

/* ---- users ---- */

/* name NULL: {"users": [...]}. */
static json_t *users_json(struct broker *broker, const char *name,
			  GError **error)
{
	/* one query for all: a row for each membership */
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT u.name, u.role, u.max_desktops, u.totp, u.created,"
	    " u.source, g.group_name FROM users u LEFT JOIN group_users g"
	    " ON g.user_name = u.name WHERE ($1 = '' OR u.name = $1)"
	    " ORDER BY u.name, g.group_name",
	    "s", name ? name : "");
	json_t *list = rows ? json_array() : NULL;
	json_t *groups = NULL;
	for (gsize i = 0; list && i < store_rows_count(rows); i++) {
		const char *user = store_rows_text(rows, i, 0);
		const char *group = store_rows_text(rows, i, 6);
		if (!i || strcmp(user, store_rows_text(rows, i - 1, 0)) != 0) {
			groups = json_array();
			json_array_append_new(
			    list,
			    json_pack(
				"{s:s, s:s, s:s, s:o, s:I, s:b, s:I}", "user",
				user, "role", store_rows_text(rows, i, 1),
				"source", store_rows_text(rows, i, 5), "groups",
				groups, "max_desktops",
				(json_int_t)store_rows_int(rows, i, 2), "totp",
				store_rows_text(rows, i, 3) != NULL, "created",
				(json_int_t)store_rows_int(rows, i, 4)));
		}
		if (group)
			json_array_append_new(groups, json_string(group));
	}
	if (!name)
		return list ? json_pack("{s:o}", "users", list) : NULL;
	json_t *one = json_incref(json_array_get(list, 0));
	if (list && !one)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel user list' shows who is there.",
			  "There is no user '%s'.", name);
	json_decref(list);
	return one;
}

static void answer_users(struct request *request, const char *name)
{
	g_autoptr(GError) error = NULL;
	json_t *json = users_json(request->broker, name, &error);
	if (json && !name)
		json = request_page(request, "users", json);
	if (json)
		request_done(request, json);
	else
		request_fail(request, error);
}

void handle_users(struct request *request)
{
	answer_users(request, NULL);
}

void handle_user(struct request *request)
{
	answer_users(request, request->params[0]);
}

static gboolean put_user(struct request *request, const char *user,
			 GError **error)
{
	struct broker *broker = request->broker;
	struct store *db = broker->store;
	json_t *known = users_json(broker, user, error);
	json_decref(known);
	if (!known)
		return FALSE;
	const char *role = request_text(request, "role");
	json_t *totp = json_object_get(request->body, "totp");
	if (json_is_true(totp)) {
		fault_set(error, FAULT_CONFLICT,
			  "They do it with 'POST /me/totp'.",
			  "Only users themselves can begin to use codes.");
		return FALSE;
	}
	/* what somebody may no longer do ends with what they opened */
	if (role && (!store_run(db, NULL, error,
				"UPDATE users SET role = $1 WHERE name = $2",
				"ss", role, user) ||
		     !store_run(db, NULL, error,
				"DELETE FROM sessions WHERE user_name = $1",
				"s", user)))
		return FALSE;
	if (json_object_get(request->body, "max_desktops") &&
	    !store_run(db, NULL, error,
		       "UPDATE users SET max_desktops = $1 WHERE name = $2",
		       "is", request_int(request, "max_desktops", 0), user))
		return FALSE;
	if (totp && !store_run(db, NULL, error,
			       "UPDATE users SET totp = NULL,"
			       " totp_pending = NULL WHERE name = $1",
			       "s", user))
		return FALSE;
	event_add(broker, "user", user, request_who(request),
		  "User %s was changed.", user);
	return TRUE;
}

void handle_user_put(struct request *request)
{
	g_autoptr(GError) error = NULL;
	struct store *db = request->broker->store;
	if (store_begin(db, &error))
		store_end(db, put_user(request, request->params[0], &error),
			  &error);
	if (error)
		request_fail(request, error);
	else
		answer_users(request, request->params[0]);
}

static gboolean insert_user(struct request *request, const char *user,
			    const char *role, const char *hash, GError **error)
{
	struct broker *broker = request->broker;
	gint64 now = store_now(broker->store);
	if (!store_begin(broker->store, error))
		return FALSE;
	gint64 changed = 0;
	gboolean ok = store_run(broker->store, &changed, error,
				"INSERT INTO users(name, role, password,"
				" created) VALUES($1, $2, $3, $4)"
				" ON CONFLICT(name) DO NOTHING",
				"sssi", user, role, hash, now);
	if (ok && !changed) {
		fault_set(error, FAULT_CONFLICT,
			  "Take another name, or set the password of this one "
			  "('oriel user password').",
			  "User '%s' exists already.", user);
		ok = FALSE;
	}
	if (ok)
		event_add(broker, "user", user, request_who(request),
			  "User %s was added (%s).", user, role);
	return store_end(broker->store, ok, error);
}

static void on_new_hash(const char *hash, const GError *why, void *data)
{
	struct request *request = data;
	g_autoptr(GError) error = NULL;
	const char *user = request_text(request, "user");
	const char *role = request_text(request, "role");
	if (!role)
		role = "user";
	if (why || !insert_user(request, user, role, hash, &error)) {
		request_fail(request, why ? why : error);
		return;
	}
	answer_users(request, user);
}

void handle_user_add(struct request *request)
{
	passwords_hash(request->broker->passwords,
		       request_text(request, "password"), on_new_hash, request);
}

/* A new user of the same name must not find the old one's desktops. */
static gboolean remove_user(struct request *request, const char *user,
			    GError **error)
{
	struct broker *broker = request->broker;
	unsigned count = desktops_count(broker->desktops, NULL, NULL, 0, user);
	if (count) {
		fault_set(error, FAULT_CONFLICT,
			  "Remove the desktops first ('oriel desktop "
			  "list', 'oriel desktop remove').",
			  "User '%s' has %u desktop%s.", user, count,
			  count == 1 ? "" : "s");
		return FALSE;
	}
	if (!store_begin(broker->store, error))
		return FALSE;
	gint64 changed = 0;
	gboolean ok = attachment_revoke(broker, ATTACH_OF_USER, user, NULL,
					ATTACH_USER_REMOVED, error) &&
		      store_run(broker->store, &changed, error,
				"DELETE FROM users WHERE name = $1", "s", user);
	if (ok && !changed) {
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel user list' shows who is there.",
			  "There is no user '%s'.", user);
		ok = FALSE;
	}
	if (ok)
		event_add(broker, "user", user, request_who(request),
			  "User %s was removed.", user);
	return store_end(broker->store, ok, error);
}

void handle_user_remove(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (remove_user(request, request->params[0], &error))
		request_done(request, NULL);
	else
		request_fail(request, error);
}
