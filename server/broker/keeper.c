#include "server/broker/keeper.h"

#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/desktops.h"
#include "server/broker/hosts.h"
#include "server/broker/images.h"
#include "server/broker/limits.h"
#include "server/broker/pools.h"

#define LOOK_S         2
#define WAIT_KEPT_S    90
#define PAUSE_FIRST_US (2 * G_USEC_PER_SEC)
#define PAUSE_LAST_US  (300 * G_USEC_PER_SEC)
/* at a time, for each processor of the hosts: more only slow each other */
#define STARTING_PER_CPU 1

struct trouble {           /* of one pool's spares */
	unsigned failures; /* in a row */
	gint64 until_us;
	char *text;
};

struct wait {
	char *user, *pool, *why;
	gint64 since, asked;
};

struct keeper {
	struct broker *broker;
	guint timer, idle;
	GHashTable *troubles; /* pool -> struct trouble */
	GHashTable *waits;    /* "user/pool" -> struct wait */
	gboolean looking;
};

/* what one pool has */
struct census {
	unsigned all, spares, ready, starting;
	struct desktop *surplus; /* the spare to go first */
	struct desktop *outdated;
	struct desktop *failed, *failed_older;
	struct desktop *idle; /* made, and the broker ended before its start */
	gboolean refused;     /* no room for another */
};

static void trouble_free(void *data)
{
	struct trouble *trouble = data;
	g_free(trouble->text);
	g_free(trouble);
}

static void wait_free(void *data)
{
	struct wait *wait = data;
	g_free(wait->user);
	g_free(wait->pool);
	g_free(wait->why);
	g_free(wait);
}

/* ---- taking leave ---- */

static void on_removed(const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

static void retire(struct keeper *self, struct desktop *desktop,
		   const char *why)
{
	desktop_discard(self->broker->desktops, desktop, why, on_removed, NULL);
}

static void look_at_vacancy(struct keeper *self, const struct pool *pool,
			    struct desktop *desktop)
{
	if (!pool->disconnect_s || desktop->state != DESKTOP_RUNNING ||
	    !*desktop->user || desktop->viewers || !desktop->vacant_us)
		return;
	gint64 vacant_us = g_get_monotonic_time() - desktop->vacant_us;
	if (vacant_us < pool->disconnect_s * G_USEC_PER_SEC)
		return;
	g_autoptr(GError) error = NULL;
	event_add(self->broker, "desktop", desktop->id, NULL,
		  "Nobody was connected to desktop %s for %" G_GINT64_FORMAT
		  " s.",
		  desktop->name, pool->disconnect_s);
	desktop->vacant_us = 0; /* once */
	if (pool->floating)
		retire(self, desktop, "its user was away for too long");
	else if (!desktop_stop(self->broker->desktops, desktop, FALSE, NULL,
			       &error))
		log_fault(NULL, error);
}

/* ---- spares ---- */

static void note_failure(struct keeper *self, const struct pool *pool,
			 const char *cause)
{
	struct trouble *trouble =
	    g_hash_table_lookup(self->troubles, pool->name);
	if (!trouble) {
		trouble = g_new0(struct trouble, 1);
		g_hash_table_insert(self->troubles, g_strdup(pool->name),
				    trouble);
	}
	gint64 pause_us =
	    MIN(PAUSE_FIRST_US << MIN(trouble->failures, 10u), PAUSE_LAST_US);
	trouble->failures++;
	trouble->until_us = g_get_monotonic_time() + pause_us;
	g_free(trouble->text);
	trouble->text = g_strdup_printf(
	    "Spares fail (%u in a row), the next is tried in %d s: %s",
	    trouble->failures, (int)(pause_us / G_USEC_PER_SEC), cause);
}

static void note_refusal(struct keeper *self, const struct pool *pool,
			 const GError *error)
{
	struct trouble *trouble =
	    g_hash_table_lookup(self->troubles, pool->name);
	if (!trouble) {
		trouble = g_new0(struct trouble, 1);
		g_hash_table_insert(self->troubles, g_strdup(pool->name),
				    trouble);
	}
	/* nothing was tried: looked at again each time */
	g_autofree char *cause = fault_cause(error);
	g_free(trouble->text);
	trouble->text = g_strdup_printf("No spare can be started: %s", cause);
}

static void take_census(struct keeper *self, const struct pool *pool,
			gint64 version, GList *all, struct census *census)
{
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (strcmp(desktop->pool, pool->name) != 0)
			continue;
		census->all++;
		if (desktop->removing || *desktop->user)
			continue;
		if (desktop->state == DESKTOP_FAILED) {
			struct desktop *newest = census->failed;
			gboolean newer =
			    !newest || desktop->serial > newest->serial;
			if (newest)
				census->failed_older = newer ? newest : desktop;
			if (newer)
				census->failed = desktop;
			continue;
		}
		if (desktop->state == DESKTOP_OFF) {
			census->idle = desktop;
			continue;
		}
		if (version && (desktop->version != version ||
				strcmp(desktop->image, pool->image) != 0)) {
			census->outdated = desktop;
			continue;
		}
		census->spares++;
		if (desktop->state == DESKTOP_RUNNING)
			census->ready++;
		else if (desktop->state == DESKTOP_STARTING)
			census->starting++;
		if (!census->surplus || desktop->state != DESKTOP_RUNNING)
			census->surplus = desktop;
	}
}

static gboolean make_spare(struct keeper *self, const struct pool *pool,
			   gint64 version)
{
	struct desktops *desktops = self->broker->desktops;
	g_autoptr(GError) error = NULL;
	struct desktop *desktop =
	    desktops_make(desktops, "", pool, version, &error);
	if (desktop && desktop_start(desktops, desktop, NULL, &error))
		return TRUE;
	if (desktop) /* made, and may not start: not kept */
		desktop_discard(desktops, desktop, NULL, on_removed, NULL);
	note_refusal(self, pool, error);
	return FALSE;
}

static gboolean may_start(struct keeper *self, const struct pool *pool,
			  struct census *census, unsigned starting,
			  gint64 version)
{
	struct trouble *trouble =
	    g_hash_table_lookup(self->troubles, pool->name);
	if (trouble && trouble->until_us > g_get_monotonic_time())
		return FALSE;
	/* quietly: before every spare, not only when one fails */
	struct desktop probe = {.id = (char *)"",
				.user = (char *)"",
				.image = pool->image,
				.version = version};
	g_autoptr(GError) error = NULL;
	if (limits_admit_start(self->broker, pool, &probe, &error) &&
	    limits_place(self->broker, pool, &probe, &error))
		return starting <
		       STARTING_PER_CPU * hosts_cpus(self->broker->hosts);
	census->refused = TRUE;
	note_refusal(self, pool, error);
	return FALSE;
}

static void keep_pool(struct keeper *self, const struct pool *pool, GList *all,
		      unsigned *starting)
{
	struct census census = {0};
	g_autoptr(GError) error = NULL;
	gint64 version = pool_version(self->broker, pool, &error);
	take_census(self, pool, version, all, &census);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (strcmp(desktop->pool, pool->name) != 0 || desktop->removing)
			continue;
		if (desktop_is_left(desktop))
			retire(self, desktop, "its user has left it");
		else
			look_at_vacancy(self, pool, desktop);
		if (!desktop->removing)
			desktops_look_at_idleness(self->broker->desktops,
						  desktop, pool);
	}
	if (census.failed && !census.failed->counted) {
		const char *cause = json_string_value(
		    json_object_get(census.failed->error, "cause"));
		census.failed->counted = TRUE;
		note_failure(self, pool, cause ? cause : "no reason given");
	}
	if (census.failed_older)
		retire(self, census.failed_older, "a newer one failed as well");
	unsigned wanted = (unsigned)pool_spares(self->broker, pool);
	if (census.spares > wanted && census.surplus)
		retire(self, census.surplus, "the pool has spares enough");
	/* simpler than to ask what it still fits: another is made in its place
	 */
	if (census.idle)
		retire(self, census.idle, "it was never started");
	while (version && census.spares < wanted && census.all < pool->max &&
	       may_start(self, pool, &census, *starting, version) &&
	       make_spare(self, pool, version)) {
		census.spares++;
		census.all++;
		(*starting)++;
	}
	/* an old one stays as long as nobody has anything newer to take,
	 * unless the newer one needs its place */
	if (census.outdated && (census.ready >= wanted ||
				census.all >= pool->max || census.refused))
		retire(self, census.outdated, "the pool has another image now");
	if (census.spares < wanted && census.all >= pool->max) {
		g_autoptr(GError) full =
		    fault_new(FAULT_BUSY, NULL,
			      "its limit of %" G_GINT64_FORMAT
			      " desktops leaves no place.",
			      pool->max);
		note_refusal(self, pool, full);
	}
	if (!wanted || census.ready >= wanted)
		g_hash_table_remove(self->troubles, pool->name);
}

/* One that never had a host is gone at once; a broker that is killed just
 * before that leaves the mark, and no host to say a hello about it. */
static void finish_removals(struct keeper *self)
{
	g_autoptr(GList) all = desktops_all(self->broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (desktop->removing && !desktop->host)
			desktop_discard_again(self->broker->desktops, desktop);
	}
}

static void look(struct keeper *self)
{
	struct broker *broker = self->broker;
	g_autoptr(GPtrArray) pools = pools_load(broker, NULL, NULL);
	if (!pools || !store_usable(broker->store))
		return;
	self->looking = TRUE;
	finish_removals(self);
	unsigned starting = 0;
	g_autoptr(GList) all = desktops_all(broker->desktops);
	for (GList *each = all; each; each = each->next)
		starting +=
		    ((struct desktop *)each->data)->state == DESKTOP_STARTING;
	for (guint i = 0; i < pools->len; i++) {
		/* anew for each: what was there may have been removed */
		g_autoptr(GList) now = desktops_all(broker->desktops);
		const struct pool *pool = pools->pdata[i];
		if (pool->install)
			images_look_at_install(broker, pool);
		else
			keep_pool(self, pool, now, &starting);
	}
	self->looking = FALSE;
}

static gboolean on_idle(void *data)
{
	struct keeper *self = data;
	self->idle = 0;
	look(self);
	return G_SOURCE_REMOVE;
}

void keeper_poke(struct keeper *self)
{
	if (self && !self->idle && !self->looking)
		self->idle = g_idle_add(on_idle, self);
}

static gboolean on_timer(void *data)
{
	keeper_poke(data);
	return G_SOURCE_CONTINUE;
}

const char *keeper_problem(struct keeper *self, const char *pool)
{
	struct trouble *trouble = g_hash_table_lookup(self->troubles, pool);
	return trouble ? trouble->text : NULL;
}

/* ---- who waits ---- */

static char *wait_key(const char *user, const char *pool)
{
	return g_strconcat(user, "/", pool, NULL);
}

void keeper_waits(struct keeper *self, const char *user, const char *pool,
		  const GError *why)
{
	g_autofree char *key = wait_key(user, pool);
	gint64 now = store_now(self->broker->store);
	struct wait *wait = g_hash_table_lookup(self->waits, key);
	if (!wait) {
		wait = g_new0(struct wait, 1);
		wait->user = g_strdup(user);
		wait->pool = g_strdup(pool);
		wait->since = now;
		g_hash_table_insert(self->waits, g_steal_pointer(&key), wait);
	}
	wait->asked = now;
	g_free(wait->why);
	wait->why = fault_cause(why);
}

void keeper_waits_no_more(struct keeper *self, const char *user,
			  const char *pool)
{
	g_autofree char *key = wait_key(user, pool);
	g_hash_table_remove(self->waits, key);
}

static gboolean is_over(void *key, void *value, void *data)
{
	return ((struct wait *)value)->asked + WAIT_KEPT_S < *(gint64 *)data;
}

json_t *keeper_waiting(struct keeper *self)
{
	gint64 now = store_now(self->broker->store);
	json_t *list = json_array();
	GHashTableIter iter;
	void *value;
	g_hash_table_foreach_remove(self->waits, is_over, &now);
	g_hash_table_iter_init(&iter, self->waits);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct wait *wait = value;
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:s, s:n, s:I, s:s}", "user", wait->user,
			      "pool", wait->pool, "desktop", "since",
			      (json_int_t)wait->since, "why", wait->why));
	}
	g_autoptr(GList) all = desktops_all(self->broker->desktops);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (!*desktop->user || desktop->state != DESKTOP_STARTING)
			continue;
		g_autofree char *stage =
		    desktop_stage(self->broker->desktops, desktop);
		json_array_append_new(
		    list,
		    json_pack("{s:s, s:s, s:s, s:I, s:s}", "user",
			      desktop->user, "pool", desktop->pool, "desktop",
			      desktop->id, "since", (json_int_t)desktop->since,
			      "why", stage ? stage : "Starting"));
	}
	return list;
}

struct keeper *keeper_create(struct broker *broker)
{
	struct keeper *self = g_new0(struct keeper, 1);
	self->broker = broker;
	self->troubles = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       trouble_free);
	self->waits =
	    g_hash_table_new_full(g_str_hash, g_str_equal, g_free, wait_free);
	self->timer = g_timeout_add_seconds(LOOK_S, on_timer, self);
	return self;
}

void keeper_destroy(struct keeper *self)
{
	if (!self)
		return;
	if (self->idle)
		g_source_remove(self->idle);
	g_source_remove(self->timer);
	g_hash_table_unref(self->troubles);
	g_hash_table_unref(self->waits);
	g_free(self);
}
