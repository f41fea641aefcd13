/* Handlers: quotas. */
#include "common/fault.h"
#include "server/broker/keeper.h"
#include "server/broker/limits.h"
#include "server/broker/request.h"

static void answer(struct request *request, const char *name)
{
	g_autoptr(GError) error = NULL;
	json_t *json = quotas_json(request->broker, name, &error);
	if (json)
		request_done(request, json);
	else
		request_fail(request, error);
}

void handle_quotas(struct request *request)
{
	answer(request, NULL);
}

void handle_quota(struct request *request)
{
	answer(request, request->params[0]);
}

static gboolean put(struct request *request, const char *name, GError **error)
{
	struct store *db = request->broker->store;
	static const struct {
		const char *key, *sql;
	} members[] = {
	    {"desktops", "UPDATE quotas SET desktops = $1 WHERE name = $2"},
	    {"cpus", "UPDATE quotas SET cpus = $1 WHERE name = $2"},
	    {"memory_mib", "UPDATE quotas SET memory_mib = $1 WHERE name = $2"},
	};
	if (!store_run(db, NULL, error,
		       "INSERT INTO quotas(name, desktops, cpus, memory_mib,"
		       " created) VALUES($1, 0, 0, 0, $2)"
		       " ON CONFLICT(name) DO NOTHING",
		       "si", name, store_now(db)))
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
		if (json_object_get(request->body, members[i].key) &&
		    !store_run(db, NULL, error, members[i].sql, "is",
			       request_int(request, members[i].key, 0), name))
			return FALSE;
	event_add(request->broker, "quota", name, request_who(request),
		  "Quota %s was set.", name);
	return TRUE;
}

void handle_quota_put(struct request *request)
{
	g_autoptr(GError) error = NULL;
	const char *name = request->params[0];
	struct store *db = request->broker->store;
	if (!shape_is_name(name, POOL_NAME_MAX))
		fault_set(&error, FAULT_INVALID, NULL,
			  "A quota's name has at most %d small letters, "
			  "digits, '.', '_' and '-', and begins with a letter "
			  "or digit.",
			  POOL_NAME_MAX);
	else if (store_begin(db, &error))
		store_end(db, put(request, name, &error), &error);
	keeper_poke(request->broker->keeper);
	if (error)
		request_fail(request, error);
	else
		answer(request, name);
}

void handle_quota_remove(struct request *request)
{
	g_autoptr(GError) error = NULL;
	struct store *db = request->broker->store;
	const char *name = request->params[0];
	gint64 changed = 0;
	g_autoptr(store_rows) rows = store_query(
	    db, &error, "SELECT name FROM pools WHERE quota = $1", "s", name);
	if (rows && store_rows_count(rows))
		fault_set(&error, FAULT_CONFLICT,
			  "Take it from the pool first ('oriel pool edit').",
			  "Pool '%s' has quota '%s'.",
			  store_rows_text(rows, 0, 0), name);
	else if (rows &&
		 store_run(db, &changed, &error,
			   "DELETE FROM quotas WHERE name = $1", "s", name) &&
		 !changed)
		fault_set(&error, FAULT_NOT_FOUND,
			  "'oriel quota list' shows what is there.",
			  "There is no quota '%s'.", name);
	if (error) {
		request_fail(request, error);
		return;
	}
	event_add(request->broker, "quota", name, request_who(request),
		  "Quota %s was removed.", name);
	request_done(request, NULL);
}
