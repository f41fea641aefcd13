#include "server/broker/limits.h"

#include <string.h>

#include "common/fault.h"
#include "server/broker/hosts.h"

/* a refusal names so many, and counts the rest */
#define NAMED 5

static gboolean is_on(const struct desktop *desktop)
{
	return desktop->state == DESKTOP_STARTING ||
	       desktop->state == DESKTOP_RUNNING ||
	       desktop->state == DESKTOP_STOPPING;
}

/* ---- who uses it ---- */

struct users {
	GString *text;
	unsigned count;
};

static void users_add(struct users *users, const char *name)
{
	if (!users->text)
		users->text = g_string_new(NULL);
	if (users->count++ < NAMED)
		g_string_append_printf(users->text, "%s%s",
				       users->text->len ? ", " : "", name);
}

static char *users_text(struct users *users)
{
	if (!users->text)
		return g_strdup("nobody");
	if (users->count > NAMED)
		g_string_append_printf(users->text, " and %u more",
				       users->count - NAMED);
	return g_string_free(g_steal_pointer(&users->text), FALSE);
}

/* ---- a pool's size ---- */

gboolean limits_admit_new(struct broker *broker, const struct pool *pool,
			  GError **error)
{
	struct users users = {0};
	unsigned count = 0, spares = 0;
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (strcmp(desktop->pool, pool->name) != 0)
			continue;
		count++;
		if (*desktop->user)
			users_add(&users, desktop->user);
		else
			spares++;
	}
	g_autofree char *names = users_text(&users);
	if (count < pool->max)
		return TRUE;
	fault_set(error, FAULT_BUSY,
		  pool->floating
		      ? "Wait until somebody logs off, or ask an "
			"administrator to raise the limit ('oriel pool "
			"edit')."
		      : "Ask an administrator to remove a desktop that is "
			"not needed, or to raise the pool's limit ('oriel "
			"pool edit').",
		  "Pool '%s' is full: %u of at most %" G_GINT64_FORMAT
		  " desktops exist (%s%s).",
		  pool->name, count, pool->max, names,
		  spares ? ", and spares that are not ready" : "");
	return FALSE;
}

/* ---- a user's limit ---- */

static gboolean admit_user(struct broker *broker, const struct desktop *desktop,
			   GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT max_desktops FROM users WHERE name = $1", "s",
			desktop->user);
	if (!rows)
		return FALSE;
	gint64 most = store_rows_int(rows, 0, 0);
	if (!most)
		return TRUE;
	struct users users = {0};
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *other = each->data;
		if (other != desktop && is_on(other) &&
		    strcmp(other->user, desktop->user) == 0)
			users_add(&users, other->name);
	}
	unsigned count = users.count;
	g_autofree char *names = users_text(&users);
	if (count < most)
		return TRUE;
	fault_set(error, FAULT_BUSY,
		  "Switch one of them off, or ask an administrator to raise "
		  "the limit ('oriel user edit').",
		  "User '%s' has %u of at most %" G_GINT64_FORMAT
		  " desktops on: %s.",
		  desktop->user, count, most, names);
	return FALSE;
}

/* ---- quotas ---- */

struct use {
	gint64 desktops, cpus, memory_mib;
};

static void use_add(struct use *use, const struct desktop *desktop)
{
	use->desktops++;
	use->cpus += desktop->cpus;
	use->memory_mib += desktop->memory_mib;
}

/* Of each pool of the quota: name -> struct use. */
static GHashTable *use_by_pool(struct broker *broker, const char *quota,
			       struct use *sum, const struct desktop *except,
			       GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT name FROM pools WHERE quota = $1 ORDER BY name",
			"s", quota);
	if (!rows)
		return NULL;
	GHashTable *table =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (gsize i = 0; i < store_rows_count(rows); i++)
		g_hash_table_insert(table,
				    g_strdup(store_rows_text(rows, i, 0)),
				    g_new0(struct use, 1));
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		struct use *use = g_hash_table_lookup(table, desktop->pool);
		if (!use || desktop == except || !is_on(desktop))
			continue;
		use_add(use, desktop);
		use_add(sum, desktop);
	}
	return table;
}

static const struct {
	const char *unit; /* after the numbers */
	gsize offset;
} measures[] = {
    {"desktops on", offsetof(struct use, desktops)},
    {"processors", offsetof(struct use, cpus)},
    {"MiB of memory", offsetof(struct use, memory_mib)},
};

static gint64 measure(const struct use *use, gsize i)
{
	return *(const gint64 *)((const char *)use + measures[i].offset);
}

static char *pools_text(GHashTable *by_pool, gsize i)
{
	struct users users = {0};
	g_autoptr(GList) names = g_hash_table_get_keys(by_pool);
	names = g_list_sort(names, (GCompareFunc)strcmp);
	for (GList *each = names; each; each = each->next) {
		gint64 used =
		    measure(g_hash_table_lookup(by_pool, each->data), i);
		g_autofree char *text = g_strdup_printf(
		    "pool '%s' %" G_GINT64_FORMAT, (char *)each->data, used);
		if (used)
			users_add(&users, text);
	}
	return users_text(&users);
}

static gboolean admit_quota(struct broker *broker, const struct pool *pool,
			    const struct desktop *desktop, GError **error)
{
	if (!pool->quota)
		return TRUE;
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT desktops, cpus, memory_mib FROM quotas WHERE name = $1",
	    "s", pool->quota);
	struct use sum = {0};
	g_autoptr(GHashTable) by_pool =
	    rows ? use_by_pool(broker, pool->quota, &sum, desktop, error)
		 : NULL;
	if (!by_pool)
		return FALSE;
	const struct use needed = {1, pool->cpus, pool->memory_mib};
	for (gsize i = 0; i < G_N_ELEMENTS(measures); i++) {
		gint64 most = store_rows_int(rows, 0, (unsigned)i);
		gint64 used = measure(&sum, i), more = measure(&needed, i);
		if (!most || used + more <= most)
			continue;
		g_autofree char *who = pools_text(by_pool, i);
		fault_set(error, FAULT_BUSY,
			  "Wait until a desktop is switched off, or ask an "
			  "administrator to raise the quota ('oriel quota "
			  "set').",
			  "Quota '%s' is used up: %" G_GINT64_FORMAT
			  " of at most %" G_GINT64_FORMAT
			  " %s (%s), and %" G_GINT64_FORMAT
			  " more would be needed.",
			  pool->quota, used, most, measures[i].unit, who, more);
		return FALSE;
	}
	return TRUE;
}

json_t *quotas_json(struct broker *broker, const char *name, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT name, desktops, cpus, memory_mib FROM quotas"
			" WHERE ($1 = '' OR name = $1) ORDER BY name",
			"s", name ? name : "");
	json_t *list = rows ? json_array() : NULL;
	for (gsize i = 0; list && i < store_rows_count(rows); i++) {
		struct use sum = {0};
		const char *quota = store_rows_text(rows, i, 0);
		g_autoptr(GHashTable) by_pool =
		    use_by_pool(broker, quota, &sum, NULL, error);
		if (!by_pool) {
			json_decref(list);
			return NULL;
		}
		json_t *pools = json_array();
		g_autoptr(GList) names = g_hash_table_get_keys(by_pool);
		names = g_list_sort(names, (GCompareFunc)strcmp);
		for (GList *each = names; each; each = each->next)
			json_array_append_new(pools, json_string(each->data));
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:o}",
			      "quota", quota, "desktops",
			      (json_int_t)store_rows_int(rows, i, 1), "cpus",
			      (json_int_t)store_rows_int(rows, i, 2),
			      "memory_mib",
			      (json_int_t)store_rows_int(rows, i, 3), "used",
			      "desktops", (json_int_t)sum.desktops, "cpus",
			      (json_int_t)sum.cpus, "memory_mib",
			      (json_int_t)sum.memory_mib, "pools", pools));
	}
	if (!name || !list)
		return list ? json_pack("{s:o}", "quotas", list) : NULL;
	json_t *one = json_incref(json_array_get(list, 0));
	json_decref(list);
	if (!one)
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel quota list' shows what is there.",
			  "There is no quota '%s'.", name);
	return one;
}

gboolean limits_admit_start(struct broker *broker, const struct pool *pool,
			    const struct desktop *desktop, GError **error)
{
	return (!*desktop->user || admit_user(broker, desktop, error)) &&
	       admit_quota(broker, pool, desktop, error);
}

/* ---- where ---- */

static gint64 reserved_mib(struct broker *broker, const char *host,
			   const struct desktop *except)
{
	gint64 sum = 0;
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (desktop != except && is_on(desktop) &&
		    g_strcmp0(desktop->host, host) == 0)
			sum += desktop->memory_mib;
	}
	return sum;
}

const char *limits_place(struct broker *broker, const struct pool *pool,
			 const struct desktop *desktop, GError **error)
{
	g_autoptr(GPtrArray) names = hosts_names(broker->hosts);
	const char *best = NULL;
	double best_share = 0;
	struct users full = {0};
	if (desktop->host && !hosts_connected(broker->hosts, desktop->host)) {
		g_propagate_error(error, hosts_absent(desktop->host));
		return NULL;
	}
	for (guint i = 0; i < names->len; i++) {
		const char *host = names->pdata[i];
		if (desktop->host && strcmp(host, desktop->host) != 0)
			continue;
		if (!hosts_has_image(broker->hosts, host, desktop->image,
				     desktop->version))
			continue;
		gint64 all = hosts_memory_mib(broker->hosts, host);
		gint64 used = reserved_mib(broker, host, desktop);
		if (all && used + pool->memory_mib > all) {
			g_autofree char *text = g_strdup_printf(
			    "%s has %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
			    " MiB reserved",
			    host, used, all);
			users_add(&full, text);
			continue;
		}
		double share =
		    all ? (double)(used + pool->memory_mib) / (double)all : 0;
		if (!best || share < best_share) {
			best = host;
			best_share = share;
		}
	}
	g_autofree char *why = full.count ? users_text(&full) : NULL;
	if (best)
		return best;
	if (why)
		fault_set(error, FAULT_BUSY,
			  "Switch desktops off, add memory or a host, or give "
			  "the pool's desktops less ('oriel pool edit').",
			  "No host has %" G_GINT64_FORMAT
			  " MiB of memory left: %s.",
			  pool->memory_mib, why);
	else if (!names->len)
		g_propagate_error(error, hosts_absent(NULL));
	else
		fault_set(error, FAULT_UNAVAILABLE,
			  "Connect the host that built the image, or build it "
			  "again.",
			  "No host that is connected has image '%s' version "
			  "%" G_GINT64_FORMAT ".",
			  desktop->image, desktop->version);
	return NULL;
}
