/* Handlers: who is signed in where. A session is named by the beginning of its
 * token's hash, which tells nothing about the token. */
#include <string.h>

#include "common/fault.h"
#include "server/broker/attachments.h"
#include "server/broker/request.h"

#define ID_LENGTH 16

static void list(struct request *request, const char *user)
{
	g_autoptr(GError) error = NULL;
	struct store *db = request->broker->store;
	g_autoptr(store_rows) rows =
	    store_query(db, &error,
			"SELECT hash, peer, created, expires FROM sessions"
			" WHERE user_name = $1 AND expires > $2"
			" ORDER BY created DESC, hash",
			"si", user, store_now(db));
	if (!rows) {
		request_fail(request, error);
		return;
	}
	json_t *out = json_array();
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		const char *hash = store_rows_text(rows, i, 0);
		g_autofree char *id = g_strndup(hash, ID_LENGTH);
		json_array_append_new(
		    out,
		    json_pack("{s:s, s:s, s:I, s:I, s:b}", "id", id, "peer",
			      store_rows_text(rows, i, 1), "created",
			      (json_int_t)store_rows_int(rows, i, 2), "expires",
			      (json_int_t)store_rows_int(rows, i, 3), "current",
			      g_strcmp0(hash, request->session.hash) == 0));
	}
	request_done(request,
		     request_page(request, "sessions",
				  json_pack("{s:o}", "sessions", out)));
}

/* Answers on admin.sock, where nobody is signed in. */
static const char *self(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (request->session.user)
		return request->session.user;
	error = fault_new(FAULT_CONFLICT, "Use /users/{user}/sessions.",
			  "Nobody is signed in on admin.sock.");
	request_fail(request, error);
	return NULL;
}

void handle_own_sessions(struct request *request)
{
	const char *user = self(request);
	if (user)
		list(request, user);
}

/* id NULL: all of the user's. */
static gboolean end(struct request *request, const char *user, const char *id,
		    GError **error)
{
	struct broker *broker = request->broker;
	g_autofree char *pattern = g_strconcat(id ? id : "", "%", NULL);
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "DELETE FROM sessions WHERE user_name = $1 AND hash LIKE $2"
	    " RETURNING hash",
	    "ss", user, pattern);
	if (!rows)
		return FALSE;
	for (gsize i = 0; i < store_rows_count(rows); i++)
		if (!attachment_revoke(broker, ATTACH_OF_SESSION,
				       store_rows_text(rows, i, 0), NULL,
				       ATTACH_SESSION_ENDED, error))
			return FALSE;
	/* those of a viewer's own sign-in belong to no session */
	if (!id && !attachment_revoke(broker, ATTACH_OF_USER, user, NULL,
				      ATTACH_SESSION_ENDED, error))
		return FALSE;
	if (id && !store_rows_count(rows)) {
		fault_set(error, FAULT_NOT_FOUND,
			  "GET /me/sessions lists them.",
			  "There is no such session.");
		return FALSE;
	}
	event_add(broker, "session", user, request_who(request),
		  "%" G_GSIZE_FORMAT " session%s of %s ended on request.",
		  store_rows_count(rows),
		  store_rows_count(rows) == 1 ? "" : "s", user);
	return TRUE;
}

static void end_and_answer(struct request *request, const char *user,
			   const char *id)
{
	g_autoptr(GError) error = NULL;
	struct store *db = request->broker->store;
	if (store_begin(db, &error) &&
	    store_end(db, end(request, user, id, &error), &error))
		request_done(request, NULL);
	else
		request_fail(request, error);
}

void handle_own_session_end(struct request *request)
{
	const char *id = request->params[0];
	const char *user = self(request);
	g_autoptr(GError) error = NULL;
	if (!user)
		return;
	/* a whole id: '%' and its like are no part of any */
	if (strlen(id) == ID_LENGTH &&
	    strspn(id, "0123456789abcdef") == ID_LENGTH) {
		end_and_answer(request, user, id);
		return;
	}
	error = fault_new(FAULT_NOT_FOUND, "GET /me/sessions lists them.",
			  "There is no such session.");
	request_fail(request, error);
}

void handle_attaches(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *list = attachments_json(request->broker, &error);
	if (list)
		request_done(request, request_page(request, "attaches", list));
	else
		request_fail(request, error);
}

void handle_user_sessions(struct request *request)
{
	list(request, request->params[0]);
}

void handle_user_sessions_end(struct request *request)
{
	end_and_answer(request, request->params[0], NULL);
}
