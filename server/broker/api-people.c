/* Handlers: signing in, oneself, and users. */
#include "common/fault.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops.h"
#include "server/broker/passwords.h"
#include "server/broker/request.h"

/* ---- sessions ---- */

static void on_sign_in(enum role role, unsigned retry_after_s,
		       const GError *why, void *data)
{
	struct request *request = data;
	g_autoptr(GError) error = NULL;
	gint64 expires;
	const char *user = request_text(request, "user");
	request->retry_after_s = retry_after_s;
	g_autofree char *token =
		why ? NULL
		    : people_open_session(request->broker, user, request->peer,
					  &expires, &error);
	if (!token) {
		request_fail(request, why ? why : error);
		return;
	}
	request_done(request, json_pack("{s:s, s:s, s:s, s:I}", "token", token,
					"user", user, "role", role_name(role),
					"expires", (json_int_t)expires));
}

void handle_sign_in(struct request *request)
{
	people_check(request->broker, request_text(request, "user"),
		     request_text(request, "password"), request->peer,
		     on_sign_in, request);
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
	request_done(request,
		     json_pack("{s:o, s:s}", "user",
			       json_text(request->session.user), "role",
			       role_name(request->local
						 ? ROLE_ADMIN
						 : request->session.role)));
}

/* ---- passwords ---- */

static void set_password(struct request *request, const char *user,
			 const char *hash, const char *except,
			 const GError *why)
{
	g_autoptr(GError) error = NULL;
	if (why || !people_set_password(request->broker, user, hash, except,
					&error))
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

static void on_old_checked(enum role role, unsigned retry_after_s,
			   const GError *why, void *data)
{
	struct request *request = data;
	request->retry_after_s = retry_after_s;
	if (why)
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
		     request_text(request, "old"), request->peer,
		     on_old_checked, request);
}

static void on_user_hash(const char *hash, const GError *why, void *data)
{
	struct request *request = data;
	set_password(request, request->params[0], hash, NULL, why);
}

void handle_user_password(struct request *request)
{
	passwords_hash(request->broker->passwords,
		       request_text(request, "password"), on_user_hash,
		       request);
}

/* ---- users ---- */

void handle_users(struct request *request)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(store_rows) rows = store_query(
		request->broker->store, &error,
		"SELECT name, role, created FROM users ORDER BY name", NULL);
	if (!rows) {
		request_fail(request, error);
		return;
	}
	json_t *list = json_array();
	for (gsize i = 0; i < store_rows_count(rows); i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I}", "user",
					store_rows_text(rows, i, 0), "role",
					store_rows_text(rows, i, 1), "created",
					(json_int_t)store_rows_int(rows, i,
								   2)));
	request_done(request, json_pack("{s:o}", "users", list));
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
	gint64 now = store_now(request->broker->store);
	request_done(request,
		     json_pack("{s:s, s:s, s:I}", "user", user, "role", role,
			       "created", (json_int_t)now));
}

void handle_user_add(struct request *request)
{
	passwords_hash(request->broker->passwords,
		       request_text(request, "password"), on_new_hash,
		       request);
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
				    "The user has been removed.", error) &&
		      store_run(broker->store, &changed, error,
				"DELETE FROM users WHERE name = $1", "s",
				user);
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
