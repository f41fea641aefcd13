/* Handlers: pools. */
#include <string.h>

#include "common/fault.h"
#include "server/broker/desktops.h"
#include "server/broker/images.h"
#include "server/broker/request.h"

static json_t *pool_users(struct broker *broker, const char *pool,
			  GError **error)
{
	g_autoptr(store_rows) rows = store_query(
		broker->store, error,
		"SELECT user_name FROM pool_users WHERE pool = $1"
		" ORDER BY user_name",
		"s", pool);
	json_t *list = rows ? json_array() : NULL;
	for (gsize i = 0; rows && i < store_rows_count(rows); i++)
		json_array_append_new(
			list, json_string(store_rows_text(rows, i, 0)));
	return list;
}

static unsigned count_running(struct broker *broker, const char *pool)
{
	unsigned count = 0;
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (desktop->state == DESKTOP_RUNNING &&
		    strcmp(desktop->pool, pool) == 0)
			count++;
	}
	return count;
}

static json_t *row_json(struct broker *broker, store_rows *rows, gsize row,
			GError **error)
{
	const char *name = store_rows_text(rows, row, 0);
	json_t *users = store_rows_int(rows, row, 6)
				? json_null()
				: pool_users(broker, name, error);
	if (!users)
		return NULL;
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:i, s:i}", "pool", name,
		"image", store_rows_text(rows, row, 1), "cpus",
		(json_int_t)store_rows_int(rows, row, 2), "memory_mib",
		(json_int_t)store_rows_int(rows, row, 3), "heads",
		(json_int_t)store_rows_int(rows, row, 4), "max",
		(json_int_t)store_rows_int(rows, row, 5), "users", users,
		"desktops",
		(int)desktops_count(broker->desktops, name, NULL, 0, NULL),
		"running", (int)count_running(broker, name));
}

static store_rows *pool_rows(struct broker *broker, const char *name,
			     GError **error)
{
	return store_query(broker->store, error,
			   "SELECT name, image, cpus, memory_mib, heads,"
			   " max_desktops, everyone FROM pools"
			   " WHERE ($1 = '' OR name = $1) ORDER BY name",
			   "s", name ? name : "");
}

static void no_such_pool(GError **error, const char *name)
{
	fault_set(error, FAULT_NOT_FOUND,
		  "'oriel pool list' shows what is there.",
		  "There is no pool '%s'.", name);
}

static json_t *pool_json(struct broker *broker, const char *name,
			 GError **error)
{
	g_autoptr(store_rows) rows = pool_rows(broker, name, error);
	if (!rows)
		return NULL;
	if (store_rows_count(rows))
		return row_json(broker, rows, 0, error);
	no_such_pool(error, name);
	return NULL;
}

void handle_pools(struct request *request)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(store_rows) rows = pool_rows(request->broker, NULL, &error);
	json_t *list = json_array();
	for (gsize i = 0; rows && i < store_rows_count(rows); i++) {
		json_t *pool = row_json(request->broker, rows, i, &error);
		if (pool)
			json_array_append_new(list, pool);
	}
	if (!error) {
		request_done(request, json_pack("{s:o}", "pools", list));
		return;
	}
	json_decref(list);
	request_fail(request, error);
}

static void answer_pool(struct request *request)
{
	g_autoptr(GError) error = NULL;
	json_t *pool = pool_json(request->broker, request->params[0], &error);
	if (pool)
		request_done(request, pool);
	else
		request_fail(request, error);
}

void handle_pool(struct request *request)
{
	answer_pool(request);
}

/* ---- changing ---- */

static gboolean put_users(struct broker *broker, const char *pool,
			  json_t *users, GError **error)
{
	if (!store_run(broker->store, NULL, error,
		       "DELETE FROM pool_users WHERE pool = $1", "s", pool))
		return FALSE;
	gsize i;
	json_t *user;
	json_array_foreach(users, i, user)
	{
		const char *name = json_string_value(user);
		gint64 changed = 0;
		if (!store_run(broker->store, &changed, error,
			       "INSERT INTO pool_users(pool, user_name)"
			       " SELECT $1, name FROM users WHERE name = $2"
			       " ON CONFLICT DO NOTHING",
			       "ss", pool, name))
			return FALSE;
		g_autoptr(store_rows) known = store_query(
			broker->store, error,
			"SELECT 1 FROM users WHERE name = $1", "s", name);
		if (!known)
			return FALSE;
		if (store_rows_count(known))
			continue;
		g_autofree char *quoted = g_strescape(name, NULL);
		fault_set(error, FAULT_NOT_FOUND,
			  "Add the user first ('oriel user add').",
			  "There is no user '%.64s'.", quoted);
		return FALSE;
	}
	return TRUE;
}

/* Column by column, so that what is absent stays. */
static gboolean put_members(struct request *request, const char *pool,
			    GError **error)
{
	static const struct {
		const char *key, *sql;
	} numbers[] = {
		{"cpus", "UPDATE pools SET cpus = $1 WHERE name = $2"},
		{"memory_mib",
		 "UPDATE pools SET memory_mib = $1 WHERE name = $2"},
		{"heads", "UPDATE pools SET heads = $1 WHERE name = $2"},
		{"max", "UPDATE pools SET max_desktops = $1 WHERE name = $2"},
	};
	struct store *db = request->broker->store;
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (json_object_get(request->body, numbers[i].key) &&
		    !store_run(db, NULL, error, numbers[i].sql, "is",
			       request_int(request, numbers[i].key, 0), pool))
			return FALSE;
	const char *image = request_text(request, "image");
	if (image && !store_run(db, NULL, error,
				"UPDATE pools SET image = $1 WHERE name = $2",
				"ss", image, pool))
		return FALSE;
	json_t *users = json_object_get(request->body, "users");
	return !users ||
	       (store_run(db, NULL, error,
			  "UPDATE pools SET everyone = $1 WHERE name = $2",
			  "is", (gint64)json_is_null(users), pool) &&
		put_users(request->broker, pool, users, error));
}

static gboolean put(struct request *request, const char *pool, GError **error)
{
	struct broker *broker = request->broker;
	const char *image = request_text(request, "image");
	g_autoptr(GError) no_image = NULL;
	g_autoptr(store_rows) rows = pool_rows(broker, pool, error);
	if (!rows)
		return FALSE;
	gboolean new = !store_rows_count(rows);
	if (new && !image) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'image' is missing: pool '%s' is new.",
			  pool);
		return FALSE;
	}
	/* an image that is being built will do: the pool is ready before it */
	if (image && !images_current(broker, image, &no_image) &&
	    fault_code(no_image) != FAULT_CONFLICT) {
		g_propagate_error(error, g_steal_pointer(&no_image));
		return FALSE;
	}
	if (new && !store_run(broker->store, NULL, error,
			      "INSERT INTO pools(name, image, cpus, memory_mib,"
			      " heads, max_desktops, everyone, created)"
			      " VALUES($1, $2, 2, 1024, 1, 10, 1, $3)",
			      "ssi", pool, image, store_now(broker->store)))
		return FALSE;
	if (!put_members(request, pool, error))
		return FALSE;
	event_add(broker, "pool", pool, request_who(request), "Pool %s was %s.",
		  pool, new ? "made" : "changed");
	return TRUE;
}

void handle_pool_put(struct request *request)
{
	g_autoptr(GError) error = NULL;
	const char *pool = request->params[0];
	struct broker *broker = request->broker;
	if (!shape_is_name(pool, POOL_NAME_MAX))
		fault_set(&error, FAULT_INVALID, NULL,
			  "A pool's name has at most %d small letters, digits, "
			  "'.', '_' and '-', and begins with a letter or "
			  "digit.",
			  POOL_NAME_MAX);
	else if (store_begin(broker->store, &error))
		store_end(broker->store, put(request, pool, &error), &error);
	if (error)
		request_fail(request, error);
	else
		answer_pool(request);
}

static gboolean remove_pool(struct request *request, const char *pool,
			    GError **error)
{
	struct broker *broker = request->broker;
	unsigned count = desktops_count(broker->desktops, pool, NULL, 0, NULL);
	if (count) {
		fault_set(error, FAULT_CONFLICT,
			  "Remove the desktops first ('oriel desktop "
			  "list', 'oriel desktop remove').",
			  "Pool '%s' has %u desktop%s.", pool, count,
			  count == 1 ? "" : "s");
		return FALSE;
	}
	gint64 changed;
	if (!store_run(broker->store, &changed, error,
		       "DELETE FROM pools WHERE name = $1", "s", pool))
		return FALSE;
	if (!changed) {
		no_such_pool(error, pool);
		return FALSE;
	}
	event_add(broker, "pool", pool, request_who(request),
		  "Pool %s was removed.", pool);
	return TRUE;
}

void handle_pool_remove(struct request *request)
{
	g_autoptr(GError) error = NULL;
	if (remove_pool(request, request->params[0], &error))
		request_done(request, NULL);
	else
		request_fail(request, error);
}
