#include "server/broker/pools.h"

#include <string.h>

#include "common/fault.h"
#include "server/broker/images.h"
#include "server/broker/schedule.h"

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	g_free(pool->name);
	g_free(pool->image);
	g_free(pool->quota);
	json_decref(pool->schedule);
	g_free(pool);
}

static void free_item(void *data)
{
	pool_free(data);
}

static struct pool *from_row(store_rows *rows, gsize i)
{
	struct pool *pool = g_new0(struct pool, 1);
	pool->name = g_strdup(store_rows_text(rows, i, 0));
	pool->image = g_strdup(store_rows_text(rows, i, 1));
	pool->cpus = store_rows_int(rows, i, 2);
	pool->memory_mib = store_rows_int(rows, i, 3);
	pool->heads = store_rows_int(rows, i, 4);
	pool->max = store_rows_int(rows, i, 5);
	pool->everyone = store_rows_int(rows, i, 6) != 0;
	pool->floating =
	    g_strcmp0(store_rows_text(rows, i, 7), "floating") == 0;
	pool->install = g_strcmp0(store_rows_text(rows, i, 7), "install") == 0;
	pool->spares = store_rows_int(rows, i, 8);
	pool->version = store_rows_int(rows, i, 9);
	pool->disconnect_s = store_rows_int(rows, i, 10);
	pool->quota = g_strdup(store_rows_text(rows, i, 11));
	pool->idle_s = store_rows_int(rows, i, 12);
	pool->policy = policy_of_text(store_rows_text(rows, i, 13));
	const char *schedule = store_rows_text(rows, i, 14);
	pool->schedule = schedule ? json_loads(schedule, 0, NULL) : NULL;
	pool->home_mib = store_rows_int(rows, i, 15);
	return pool;
}

gint64 pool_spares(struct broker *broker, const struct pool *pool)
{
	if (!pool->schedule)
		return pool->spares;
	g_autoptr(GDateTime) now =
	    g_date_time_new_from_unix_local(store_now(broker->store));
	return now ? schedule_spares(pool->schedule, now, pool->spares)
		   : pool->spares;
}

GPtrArray *pools_load(struct broker *broker, const char *name, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT name, image, cpus, memory_mib, heads, max_desktops,"
	    " everyone, kind, spares, version, disconnect_s, quota,"
	    " idle_s, policy, schedule, home_mib"
	    " FROM pools WHERE ($1 = '' OR name = $1) ORDER BY name",
	    "s", name ? name : "");
	if (!rows)
		return NULL;
	GPtrArray *list = g_ptr_array_new_with_free_func(free_item);
	for (gsize i = 0; i < store_rows_count(rows); i++)
		g_ptr_array_add(list, from_row(rows, i));
	return list;
}

struct pool *pool_load(struct broker *broker, const char *name, GError **error)
{
	g_autoptr(GPtrArray) list = pools_load(broker, name, error);
	if (list && list->len)
		return g_ptr_array_steal_index(list, 0);
	if (list)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel pool list' shows what is there.",
			  "There is no pool '%s'.", name);
	return NULL;
}

gint64 pool_version(struct broker *broker, const struct pool *pool,
		    GError **error)
{
	if (!pool->version)
		return images_current(broker, pool->image, error);
	if (images_has(broker, pool->image, pool->version, error))
		return pool->version;
	if (error && !*error)
		fault_set(error, FAULT_CONFLICT,
			  "Roll the pool out to another ('oriel pool "
			  "rollout').",
			  "Image '%s' has no version %" G_GINT64_FORMAT
			  " that is ready.",
			  pool->image, pool->version);
	return 0;
}
