/* Handlers: pools. */
#include <stdlib.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/desktops.h"
#include "server/broker/images.h"
#include "server/broker/keeper.h"
#include "server/broker/limits.h"
#include "server/broker/pools.h"
#include "server/broker/request.h"
#include "server/broker/schedule.h"

struct counts {
	int all, running, ready, failed;
};

static struct counts count(struct broker *broker, const char *pool)
{
	struct counts counts = {0};
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (strcmp(desktop->pool, pool) != 0)
			continue;
		gboolean runs = desktop->state == DESKTOP_RUNNING;
		counts.all++;
		counts.running += runs;
		counts.ready += runs && !*desktop->user && !desktop->removing;
		counts.failed += desktop->state == DESKTOP_FAILED;
	}
	return counts;
}

/* pool -> array of names, of all pools in one query; NULL is a failure. */
static GHashTable *members(struct broker *broker, const char *sql,
			   GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error, sql, NULL);
	if (!rows)
		return NULL;
	GHashTable *all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						(GDestroyNotify)json_decref);
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		const char *pool = store_rows_text(rows, i, 0);
		json_t *list = g_hash_table_lookup(all, pool);
		if (!list) {
			list = json_array();
			g_hash_table_insert(all, g_strdup(pool), list);
		}
		json_array_append_new(list,
				      json_string(store_rows_text(rows, i, 1)));
	}
	return all;
}

struct all_members {
	GHashTable *users, *groups;
};

static void all_members_clear(struct all_members *all)
{
	g_clear_pointer(&all->users, g_hash_table_unref);
	g_clear_pointer(&all->groups, g_hash_table_unref);
}
typedef struct all_members all_members_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(all_members_auto, all_members_clear)

static gboolean load_members(struct broker *broker, struct all_members *all,
			     GError **error)
{
	all->users = members(broker,
			     "SELECT pool, user_name FROM pool_users"
			     " ORDER BY pool, user_name",
			     error);
	all->groups = all->users
			  ? members(broker,
				    "SELECT pool, group_name FROM pool_groups"
				    " ORDER BY pool, group_name",
				    error)
			  : NULL;
	return all->groups != NULL;
}

static json_t *listed(GHashTable *all, const char *pool)
{
	json_t *list = g_hash_table_lookup(all, pool);
	return list ? json_incref(list) : json_array();
}

static json_t *pool_json(struct broker *broker, const struct pool *pool,
			 const struct all_members *all)
{
	json_t *users =
	    pool->everyone ? json_null() : listed(all->users, pool->name);
	json_t *groups = listed(all->groups, pool->name);
	struct counts counts = count(broker, pool->name);
	json_auto_t *no_schedule = json_array();
	return json_pack(
	    "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:O, s:o, s:I, s:I,"
	    " s:o, s:I, s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:I, s:o}",
	    "pool", pool->name, "image", pool->image, "kind",
	    pool->install    ? "install"
	    : pool->floating ? "floating"
			     : "dedicated",
	    "cpus", (json_int_t)pool->cpus, "memory_mib",
	    (json_int_t)pool->memory_mib, "heads", (json_int_t)pool->heads,
	    "max", (json_int_t)pool->max, "spares", (json_int_t)pool->spares,
	    "schedule", pool->schedule ? pool->schedule : no_schedule,
	    "version",
	    pool->version ? json_integer(pool->version) : json_null(),
	    "disconnect_after", (json_int_t)pool->disconnect_s, "idle_after",
	    (json_int_t)pool->idle_s, "policy", policy_json(&pool->policy),
	    "home_mib", (json_int_t)pool->home_mib, "quota",
	    json_text(pool->quota), "users", users, "groups", groups,
	    "desktops", counts.all, "running", counts.running, "ready",
	    counts.ready, "failed", counts.failed, "wanted",
	    (json_int_t)pool_spares(broker, pool), "problem",
	    json_text(keeper_problem(broker->keeper, pool->name)));
}

void handle_pools(struct request *request)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) pools = pools_load(request->broker, NULL, &error);
	g_auto(all_members_auto) all = {0};
	json_t *list = json_array();
	gboolean ok = pools && load_members(request->broker, &all, &error);
	for (guint i = 0; ok && i < pools->len; i++)
		json_array_append_new(
		    list, pool_json(request->broker, pools->pdata[i], &all));
	if (!error) {
		request_done(request,
			     request_page(request, "pools",
					  json_pack("{s:o}", "pools", list)));
		return;
	}
	json_decref(list);
	request_fail(request, error);
}

/* Of what is set, not of what changes by itself. */
static char *etag_of(json_t *pool)
{
	static const char *const moving[] = {"desktops", "running", "ready",
					     "failed",   "wanted",  "problem"};
	json_t *set = json_copy(pool);
	for (gsize i = 0; i < G_N_ELEMENTS(moving); i++)
		json_object_del(set, moving[i]);
	char *text = json_dumps(set, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(set);
	g_autofree char *hash = g_compute_checksum_for_string(
	    G_CHECKSUM_SHA256, text ? text : "", -1);
	free(text);
	return g_strdup_printf("\"%.16s\"", hash);
}

/* Two administrators edit one pool: the second is told. */
static gboolean unchanged(struct request *request, const struct pool *before,
			  GError **error)
{
	if (!request->if_match)
		return TRUE;
	g_auto(all_members_auto) all = {0};
	json_t *json = before && load_members(request->broker, &all, error)
			   ? pool_json(request->broker, before, &all)
			   : NULL;
	g_autofree char *etag = json ? etag_of(json) : NULL;
	json_decref(json);
	if (g_strcmp0(etag, request->if_match) == 0)
		return TRUE;
	if (error && !*error)
		fault_set(error, FAULT_CONFLICT,
			  "Read it again, and see whether your change still "
			  "makes sense.",
			  "Pool '%s' has been changed by somebody else.",
			  request->params[0]);
	return FALSE;
}

static void answer_pool(struct request *request)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(pool_settings) pool =
	    pool_load(request->broker, request->params[0], &error);
	g_auto(all_members_auto) all = {0};
	json_t *json = pool && load_members(request->broker, &all, &error)
			   ? pool_json(request->broker, pool, &all)
			   : NULL;
	if (json) {
		g_free(request->etag);
		request->etag = etag_of(json);
		request_done(request, json);
	} else {
		request_fail(request, error);
	}
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
		    broker->store, error, "SELECT 1 FROM users WHERE name = $1",
		    "s", name);
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

static gboolean put_groups(struct broker *broker, const char *pool,
			   json_t *groups, GError **error)
{
	if (!store_run(broker->store, NULL, error,
		       "DELETE FROM pool_groups WHERE pool = $1", "s", pool))
		return FALSE;
	gsize i;
	json_t *group;
	json_array_foreach(groups, i, group)
	{
		const char *name = json_string_value(group);
		g_autoptr(store_rows) known = store_query(
		    broker->store, error,
		    "SELECT 1 FROM groups WHERE name = $1", "s", name);
		if (!known)
			return FALSE;
		if (!store_rows_count(known)) {
			g_autofree char *quoted = g_strescape(name, NULL);
			fault_set(error, FAULT_NOT_FOUND,
				  "Make the group first ('oriel group set').",
				  "There is no group '%.64s'.", quoted);
			return FALSE;
		}
		if (!store_run(broker->store, NULL, error,
			       "INSERT INTO pool_groups(pool, group_name)"
			       " VALUES($1, $2) ON CONFLICT DO NOTHING",
			       "ss", pool, name))
			return FALSE;
	}
	return TRUE;
}

static gboolean put_schedule(struct broker *broker, const char *pool,
			     json_t *schedule, GError **error)
{
	if (!schedule_check(schedule, error))
		return FALSE;
	char *text = json_array_size(schedule)
			 ? json_dumps(schedule, JSON_COMPACT)
			 : NULL;
	gboolean ok = store_run(broker->store, NULL, error,
				"UPDATE pools SET schedule = $1"
				" WHERE name = $2",
				"ss", text, pool);
	free(text);
	return ok;
}

/* Column by column, so that what is absent stays. */
static gboolean put_members(struct request *request, const char *pool,
			    GError **error)
{
	static const struct {
		const char *key, *sql;
	} numbers[] = {
	    {"cpus", "UPDATE pools SET cpus = $1 WHERE name = $2"},
	    {"memory_mib", "UPDATE pools SET memory_mib = $1 WHERE name = $2"},
	    {"heads", "UPDATE pools SET heads = $1 WHERE name = $2"},
	    {"max", "UPDATE pools SET max_desktops = $1 WHERE name = $2"},
	    {"spares", "UPDATE pools SET spares = $1 WHERE name = $2"},
	    {"version", "UPDATE pools SET version = $1 WHERE name = $2"},
	    {"disconnect_after",
	     "UPDATE pools SET disconnect_s = $1 WHERE name = $2"},
	    {"idle_after", "UPDATE pools SET idle_s = $1 WHERE name = $2"},
	    {"home_mib", "UPDATE pools SET home_mib = $1 WHERE name = $2"},
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
	const char *kind = request_text(request, "kind");
	if (kind && !store_run(db, NULL, error,
			       "UPDATE pools SET kind = $1 WHERE name = $2",
			       "ss", kind, pool))
		return FALSE;
	json_t *quota = json_object_get(request->body, "quota");
	if (quota && !store_run(db, NULL, error,
				"UPDATE pools SET quota = $1 WHERE name = $2",
				"ss", json_string_value(quota), pool))
		return FALSE;
	json_t *policy = json_object_get(request->body, "policy");
	if (policy &&
	    !policy_store(request->broker, "pools", pool, policy, error))
		return FALSE;
	json_t *schedule = json_object_get(request->body, "schedule");
	if (schedule && !put_schedule(request->broker, pool, schedule, error))
		return FALSE;
	json_t *users = json_object_get(request->body, "users");
	json_t *groups = json_object_get(request->body, "groups");
	if (groups && !put_groups(request->broker, pool, groups, error))
		return FALSE;
	/* whoever names groups does not mean everyone */
	if (groups && json_array_size(groups) && !users &&
	    !store_run(db, NULL, error,
		       "UPDATE pools SET everyone = 0 WHERE name = $1", "s",
		       pool))
		return FALSE;
	return !users ||
	       (store_run(db, NULL, error,
			  "UPDATE pools SET everyone = $1 WHERE name = $2",
			  "is", (gint64)json_is_null(users), pool) &&
		put_users(request->broker, pool, users, error));
}

/* What the body names has to be there, and to fit what is there. */
static gboolean check_refers(struct request *request, const struct pool *before,
			     const char *pool, GError **error)
{
	struct broker *broker = request->broker;
	const char *kind = request_text(request, "kind");
	const char *quota = request_text(request, "quota");
	const char *image = request_text(request, "image");
	gint64 version = request_int(request, "version", 0);
	if (before && kind &&
	    before->floating != (strcmp(kind, "floating") == 0) &&
	    desktops_count(broker->desktops, pool, NULL, 0, NULL)) {
		fault_set(error, FAULT_CONFLICT,
			  "Remove its desktops first, or make another pool.",
			  "Pool '%s' has desktops, which are %s.", pool,
			  before->floating ? "floating" : "dedicated");
		return FALSE;
	}
	if (quota) {
		json_t *known = quotas_json(broker, quota, error);
		json_decref(known);
		if (!known)
			return FALSE;
	}
	if (!image && before)
		image = before->image;
	if (version && !images_has(broker, image, version, error)) {
		if (error && !*error)
			fault_set(error, FAULT_NOT_FOUND,
				  "'oriel image show' lists the versions.",
				  "Image '%s' has no version %" G_GINT64_FORMAT
				  " that is ready.",
				  image, version);
		return FALSE;
	}
	return TRUE;
}

static gboolean put(struct request *request, const char *pool, GError **error)
{
	struct broker *broker = request->broker;
	const char *image = request_text(request, "image");
	g_autoptr(GError) no_image = NULL;
	g_autoptr(GPtrArray) there = pools_load(broker, pool, error);
	if (!there)
		return FALSE;
	gboolean new = !there->len;
	if (!unchanged(request, new ? NULL : there->pdata[0], error))
		return FALSE;
	if (new && !image) {
		fault_set(error, FAULT_INVALID, NULL,
			  "Member 'image' is missing: pool '%s' is new.", pool);
		return FALSE;
	}
	/* an image that is being built will do: the pool is ready before it */
	if (image && !images_current(broker, image, &no_image) &&
	    fault_code(no_image) != FAULT_CONFLICT) {
		g_propagate_error(error, g_steal_pointer(&no_image));
		return FALSE;
	}
	if (!new && ((struct pool *)there->pdata[0])->install) {
		fault_set(error, FAULT_CONFLICT,
			  "Finish or cancel that first ('oriel image').",
			  "Pool '%s' was made for an installation.", pool);
		return FALSE;
	}
	if (!check_refers(request, new ? NULL : there->pdata[0], pool, error))
		return FALSE;
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
	desktops_policies_changed(broker->desktops);
	keeper_poke(broker->keeper);
}

static void ignore(const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

/* Spares are nobody's: they go with the pool. */
static gboolean drop_spares(struct broker *broker, const char *pool)
{
	g_autoptr(GError) error = NULL;
	gboolean left = FALSE;
	store_run(
	    broker->store, NULL, &error,
	    "UPDATE pools SET spares = 0, schedule = NULL WHERE name = $1", "s",
	    pool);
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (strcmp(desktop->pool, pool) != 0 || *desktop->user)
			continue;
		left = TRUE;
		desktop_discard(broker->desktops, desktop,
				"its pool is being removed", ignore, NULL);
	}
	return left;
}

static gboolean remove_pool(struct request *request, const char *pool,
			    GError **error)
{
	struct broker *broker = request->broker;
	unsigned count = desktops_count(broker->desktops, pool, NULL, 0, NULL);
	if (count && drop_spares(broker, pool)) {
		fault_set(error, FAULT_CONFLICT,
			  "Wait until they are gone, then remove it again.",
			  "Pool '%s' has %u desktop%s; its spares are being "
			  "removed.",
			  pool, count, count == 1 ? "" : "s");
		return FALSE;
	}
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
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel pool list' shows what is there.",
			  "There is no pool '%s'.", pool);
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
