#include "server/broker/once.h"

#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/secrets.h"

#define KEPT_S 86400

gboolean once_tidy(struct broker *broker, GError **error)
{
	return store_run(broker->store, NULL, error,
			 "DELETE FROM once WHERE status = 0 OR created < $1",
			 "i", store_now(broker->store) - KEPT_S);
}

/* No user's name begins like this: somebody called "admin" is not who sits at
 * admin.sock. */
static const char *person(const struct request *request)
{
	return request->local ? "@local" : request->session.user;
}

static char *call_of(struct request *request)
{
	return g_strdup_printf("%s %s %s", request->route->method,
			       request->route->path,
			       request->params[0] ? request->params[0] : "");
}

/* Only its hash is kept: passwords are in there. */
static char *body_of(struct request *request)
{
	char *text = json_dumps(request->body, JSON_COMPACT | JSON_SORT_KEYS);
	char *hash = secret_hash(text ? text : "");
	free(text);
	return hash;
}

static enum once_verdict replay(struct request *request, store_rows *rows,
				const char *call, const char *body,
				GError **error)
{
	if (g_strcmp0(store_rows_text(rows, 0, 0), call) != 0 ||
	    g_strcmp0(store_rows_text(rows, 0, 1), body) != 0) {
		fault_set(error, FAULT_CONFLICT, "Take another key.",
			  "This Idempotency-Key belongs to another call.");
		return ONCE_REFUSED;
	}
	int status = (int)store_rows_int(rows, 0, 2);
	if (!status) {
		fault_set(error, FAULT_BUSY, "Ask again in a moment.",
			  "The first call with this Idempotency-Key is still "
			  "being done.");
		return ONCE_REFUSED;
	}
	const char *text = store_rows_text(rows, 0, 3);
	request_answer(request, status,
		       text ? json_loads(text, 0, NULL) : NULL);
	return ONCE_ANSWERED;
}

enum once_verdict once_begin(struct request *request, const char *key,
			     GError **error)
{
	struct store *db = request->broker->store;
	const char *who = person(request);
	gsize length = strlen(key);
	gint64 changed = 0;
	for (gsize i = 0; i < length; i++)
		if (!g_ascii_isgraph(key[i]))
			length = 0;
	if (!length || length > ONCE_KEY_MAX) {
		fault_set(error, FAULT_INVALID, NULL,
			  "An Idempotency-Key has 1 to %d printing characters.",
			  ONCE_KEY_MAX);
		return ONCE_REFUSED;
	}
	g_autofree char *call = call_of(request);
	g_autofree char *body = body_of(request);
	if (!store_run(db, &changed, error,
		       "INSERT INTO once(who, key, call, body, status, created)"
		       " VALUES($1, $2, $3, $4, 0, $5)"
		       " ON CONFLICT DO NOTHING",
		       "ssssi", who, key, call, body, store_now(db)))
		return ONCE_REFUSED;
	if (changed) {
		request->once_key = g_strdup(key);
		return ONCE_GO;
	}
	g_autoptr(store_rows) rows =
	    store_query(db, error,
			"SELECT call, body, status, answer FROM once"
			" WHERE who = $1 AND key = $2",
			"ss", who, key);
	return rows ? replay(request, rows, call, body, error) : ONCE_REFUSED;
}

static gboolean is_final(int status)
{
	return status < 400 || status == 400 || status == 403 ||
	       status == 404 || status == 409;
}

void once_end(struct request *request, int status, json_t *answer)
{
	if (!request->once_key)
		return;
	struct store *db = request->broker->store;
	g_autoptr(GError) error = NULL;
	char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	const char *who = person(request);
	gboolean ok = is_final(status)
			  ? store_run(db, NULL, &error,
				      "UPDATE once SET status = $1, answer = $2"
				      " WHERE who = $3 AND key = $4",
				      "isss", (gint64)status, text, who,
				      request->once_key)
			  : store_run(db, NULL, &error,
				      "DELETE FROM once WHERE who = $1"
				      " AND key = $2",
				      "ss", who, request->once_key);
	if (!ok)
		log_fault(NULL, error);
	free(text);
}
