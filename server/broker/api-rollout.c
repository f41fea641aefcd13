/* Handlers: which version of its image a pool stands on. Spares follow by
 * themselves (keeper.c); what somebody has open is replaced when they log off,
 * or now, if the administrator says so. */
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/desktops.h"
#include "server/broker/images.h"
#include "server/broker/keeper.h"
#include "server/broker/pools.h"
#include "server/broker/request.h"

static void ignore(const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

static void end_older(struct broker *broker, const char *pool, gint64 version)
{
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (strcmp(desktop->pool, pool) == 0 && *desktop->user &&
		    desktop->version != version)
			desktop_discard(broker->desktops, desktop,
					"its pool has another version now",
					ignore, NULL);
	}
}

/* version 0: the newest. */
static gboolean roll(struct request *request, const struct pool *pool,
		     gint64 version, gboolean now, GError **error)
{
	struct broker *broker = request->broker;
	struct pool wanted = *pool;
	wanted.version = version;
	if (now && !pool->floating) {
		fault_set(error, FAULT_CONFLICT,
			  "Leave 'when' away: new desktops get the version. "
			  "One that is removed is made anew from it.",
			  "Pool '%s' is dedicated; its desktops keep their "
			  "disks.",
			  pool->name);
		return FALSE;
	}
	if (version && !images_has(broker, pool->image, version, error)) {
		if (error && !*error)
			fault_set(error, FAULT_NOT_FOUND,
				  "'oriel image show' lists the versions.",
				  "Image '%s' has no version %" G_GINT64_FORMAT
				  " that is ready.",
				  pool->image, version);
		return FALSE;
	}
	gint64 actual = pool_version(broker, &wanted, error);
	if (!actual ||
	    !store_run(broker->store, NULL, error,
		       "UPDATE pools SET version = $1 WHERE name = $2", "is",
		       version, pool->name))
		return FALSE;
	event_add(broker, "pool", pool->name, request_who(request),
		  "Pool %s is rolled out to version %" G_GINT64_FORMAT
		  " of image %s, %s.",
		  pool->name, actual, pool->image,
		  now ? "at once" : "desktop by desktop at log-off");
	if (now)
		end_older(broker, pool->name, actual);
	keeper_poke(broker->keeper);
	return TRUE;
}

void handle_pool_rollout(struct request *request)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(pool_settings) pool =
	    pool_load(request->broker, request->params[0], &error);
	const char *when = request_text(request, "when");
	if (pool && roll(request, pool, request_int(request, "version", 0),
			 g_strcmp0(when, "now") == 0, &error))
		handle_pool(request);
	else
		request_fail(request, error);
}

/* The newest that is older than the one in use. */
static gint64 version_before(struct broker *broker, const struct pool *pool,
			     GError **error)
{
	gint64 current = pool_version(broker, pool, error);
	if (!current)
		return 0;
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT version FROM image_versions WHERE image = $1"
			" AND version < $2 AND state = 'ready'"
			" ORDER BY version DESC LIMIT 1",
			"si", pool->image, current);
	if (rows && !store_rows_count(rows))
		fault_set(error, FAULT_CONFLICT,
			  "'oriel image show' lists the versions.",
			  "Image '%s' has no version before %" G_GINT64_FORMAT
			  ".",
			  pool->image, current);
	return rows ? store_rows_int(rows, 0, 0) : 0;
}

void handle_pool_rollback(struct request *request)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(pool_settings) pool =
	    pool_load(request->broker, request->params[0], &error);
	const char *when = request_text(request, "when");
	gint64 version =
	    pool ? version_before(request->broker, pool, &error) : 0;
	if (version &&
	    roll(request, pool, version, g_strcmp0(when, "now") == 0, &error))
		handle_pool(request);
	else
		request_fail(request, error);
}
