/* Handlers: codes at sign-in. A secret is made, and asked for only after a code
 * has shown that it arrived. */
#include "common/fault.h"
#include "server/broker/people.h"
#include "server/broker/request.h"
#include "server/broker/totp.h"

/* NULL and answered on admin.sock. */
static const char *self(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (request->session.user)
		return request->session.user;
	error = fault_new(FAULT_CONFLICT, "Sign in as the user.",
			  "Nobody is signed in on admin.sock.");
	request_fail(request, error);
	return NULL;
}

static void on_checked(const struct people_verdict *verdict, const GError *why,
		       void *data)
{
	struct request *request = data;
	const char *user = request->session.user;
	g_autoptr(GError) error = NULL;
	g_autofree char *secret = totp_new_secret();
	gint64 changed = 0;
	request->retry_after_s = verdict->retry_after_s;
	if (why && !verdict->needs_code) {
		request_fail(request, why);
		return;
	}
	/* one that is asked for already is ended with its code first: a
	 * session that was left open gains nothing */
	if (store_run(request->broker->store, &changed, &error,
		      "UPDATE users SET totp_pending = $1 WHERE name = $2"
		      " AND totp IS NULL",
		      "ss", secret, user) &&
	    !changed)
		fault_set(&error, FAULT_CONFLICT,
			  "End the present one first (DELETE /me/totp).",
			  "User '%s' signs in with a code already.", user);
	if (error) {
		request_fail(request, error);
		return;
	}
	g_autofree char *uri = totp_uri(secret, user);
	request_done(request,
		     json_pack("{s:s, s:s}", "secret", secret, "uri", uri));
}

void handle_totp_begin(struct request *request)
{
	const char *user = self(request);
	if (user)
		people_check(request->broker, user,
			     request_text(request, "password"), "",
			     request->peer, on_checked, request);
}

/* column: totp or totp_pending. then: what a right code does. */
static gboolean with_code(struct request *request, const char *user,
			  const char *column, const char *then,
			  const char *told, GError **error)
{
	struct broker *broker = request->broker;
	g_autofree char *sql = g_strdup_printf(
	    "SELECT %s, totp_step FROM users WHERE name = $1", column);
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error, sql, "s", user);
	if (!rows)
		return FALSE;
	const char *secret = store_rows_text(rows, 0, 0);
	if (!secret) {
		fault_set(error, FAULT_CONFLICT,
			  "POST /me/totp makes a secret.",
			  "There is no secret for codes.");
		return FALSE;
	}
	gint64 step =
	    totp_match(secret, request_text(request, "code"),
		       store_now(broker->store), store_rows_int(rows, 0, 1));
	if (!step) {
		fault_set(error, FAULT_DENIED,
			  "Give the one that is shown now; each is good once, "
			  "and clocks must agree.",
			  "The code is wrong.");
		return FALSE;
	}
	if (!store_begin(broker->store, error))
		return FALSE;
	gboolean ok =
	    store_run(broker->store, NULL, error, then, "is", step, user);
	if (ok)
		event_add(broker, "user", user, user, "User %s %s.", user,
			  told);
	return store_end(broker->store, ok, error);
}

static void confirm(struct request *request, const char *column,
		    const char *then, const char *told)
{
	g_autoptr(GError) error = NULL;
	const char *user = self(request);
	if (!user)
		return;
	if (with_code(request, user, column, then, told, &error))
		request_done(request, NULL);
	else
		request_fail(request, error);
}

void handle_totp_confirm(struct request *request)
{
	confirm(request, "totp_pending",
		"UPDATE users SET totp = totp_pending, totp_pending = NULL,"
		" totp_step = $1 WHERE name = $2",
		"signs in with a code from now on");
}

void handle_totp_end(struct request *request)
{
	confirm(request, "totp",
		"UPDATE users SET totp = NULL, totp_step = $1 WHERE name = $2",
		"signs in without a code from now on");
}
