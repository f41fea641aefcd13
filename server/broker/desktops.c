#include "server/broker/desktops.h"

#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops-private.h"
#include "server/broker/homes.h"
#include "server/broker/hosts.h"
#include "server/broker/keeper.h"
#include "server/broker/limits.h"
#include "server/broker/pools.h"
#include "server/broker/secrets.h"
#include "server/broker/shadows.h"
#include "server/broker/tasks.h"

/* how long until a change that the store could not take is tried again */
#define RETRY_S 10
/* longest silence of a host about what it is doing that needs no words */
#define SILENT_S 60
/* words to a user are news for so long */
#define MESSAGE_S 600
#define FRESH_US  (60 * G_USEC_PER_SEC)

/* ---- objects ---- */

static void desktop_free(void *data)
{
	struct desktop *desktop = data;
	desktops_forget_use(desktop);
	g_free(desktop->id);
	g_free(desktop->name);
	g_free(desktop->pool);
	g_free(desktop->user);
	g_free(desktop->image);
	g_free(desktop->host);
	g_free(desktop->stage);
	g_free(desktop->address);
	g_free(desktop->windows);
	g_free(desktop->view);
	g_free(desktop->spice);
	g_free(desktop->accelerator);
	json_decref(desktop->error);
	json_decref(desktop->warning);
	g_free(desktop);
}

static gboolean save_unsaved(struct desktops *self);

static json_t *parse_error(const char *text)
{
	return text ? json_loads(text, 0, NULL) : NULL;
}

static const char all_sql[] =
    "SELECT d.id, d.name, d.pool, d.owner, d.image, d.version, d.host,"
    " d.state, d.cause, d.error, d.since, d.removing, d.cpus, d.memory_mib,"
    " p.kind FROM desktops d JOIN pools p ON p.name = d.pool";

static struct desktop *add_row(struct desktops *self, store_rows *rows, gsize i)
{
	struct desktop *desktop = g_new0(struct desktop, 1);
	desktop->owner = self;
	desktop->id = g_strdup(store_rows_text(rows, i, 0));
	desktop->name = g_strdup(store_rows_text(rows, i, 1));
	desktop->pool = g_strdup(store_rows_text(rows, i, 2));
	desktop->user = g_strdup(store_rows_text(rows, i, 3));
	desktop->image = g_strdup(store_rows_text(rows, i, 4));
	desktop->version = store_rows_int(rows, i, 5);
	desktop->host = g_strdup(store_rows_text(rows, i, 6));
	desktop_state_parse(store_rows_text(rows, i, 7), &desktop->state);
	desktop->cause = desktop_cause_parse(store_rows_text(rows, i, 8));
	desktop->error = parse_error(store_rows_text(rows, i, 9));
	desktop->since = store_rows_int(rows, i, 10);
	desktop->removing = store_rows_int(rows, i, 11) != 0;
	desktop->cpus = store_rows_int(rows, i, 12);
	desktop->memory_mib = store_rows_int(rows, i, 13);
	desktop->floating =
	    g_strcmp0(store_rows_text(rows, i, 14), "floating") == 0;
	desktop->heard_us = g_get_monotonic_time();
	desktop->serial = desktop->notes_serial = hub_serial(self->broker->hub);
	g_hash_table_insert(self->by_id, desktop->id, desktop);
	return desktop;
}

static gboolean load(struct desktops *self, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(self->broker->store, error, all_sql, NULL);
	for (gsize i = 0; rows && i < store_rows_count(rows); i++)
		add_row(self, rows, i);
	return rows != NULL;
}

/* The store was gone, and of what was asked of it last nobody knows whether
 * it was done. A row that came to be is a desktop; one that went is none; of
 * a state, what is in memory holds. */
void desktops_store_back(struct desktops *self)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(store_rows) rows =
	    store_query(self->broker->store, &error, all_sql, NULL);
	if (!rows) {
		log_fault(NULL, error);
		return; /* gone again */
	}
	g_autoptr(GHashTable) stored =
	    g_hash_table_new(g_str_hash, g_str_equal);
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		const char *id = store_rows_text(rows, i, 0);
		struct desktop *desktop = desktops_find(self, id);
		if (!desktop)
			desktop = add_row(self, rows, i);
		g_hash_table_add(stored, desktop->id);
		if (g_strcmp0(desktop_state_name(desktop->state),
			      store_rows_text(rows, i, 7)) != 0)
			desktop->unsaved = TRUE;
		if (desktop->removing != (store_rows_int(rows, i, 11) != 0)) {
			desktop->removing = !desktop->removing;
			desktops_touch(self, desktop);
		}
	}
	g_autoptr(GList) all = desktops_all(self);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (g_hash_table_contains(stored, desktop->id))
			continue;
		desktops_touch(self, desktop);
		g_hash_table_remove(self->by_id, desktop->id);
	}
	save_unsaved(self);
}

struct desktops *desktops_create(struct broker *broker, GError **error)
{
	struct desktops *self = g_new0(struct desktops, 1);
	self->broker = broker;
	self->by_id =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, desktop_free);
	if (!load(self, error))
		g_clear_pointer(&self, desktops_destroy);
	return self;
}

void desktops_destroy(struct desktops *self)
{
	if (!self)
		return;
	if (self->retry)
		g_source_remove(self->retry);
	g_hash_table_unref(self->by_id);
	g_free(self);
}

struct desktop *desktops_find(struct desktops *self, const char *id)
{
	return g_hash_table_lookup(self->by_id, id);
}

GList *desktops_all(struct desktops *self)
{
	return g_hash_table_get_values(self->by_id);
}

struct desktop *desktops_of(struct desktops *self, const char *pool,
			    const char *user)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct desktop *desktop = value;
		if (!desktop->removing && strcmp(desktop->pool, pool) == 0 &&
		    strcmp(desktop->user, user) == 0)
			return desktop;
	}
	return NULL;
}

unsigned desktops_count(struct desktops *self, const char *pool,
			const char *image, gint64 version, const char *user)
{
	unsigned count = 0;
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct desktop *desktop = value;
		if ((!pool || strcmp(desktop->pool, pool) == 0) &&
		    (!user || strcmp(desktop->user, user) == 0) &&
		    (!image || strcmp(desktop->image, image) == 0) &&
		    (!version || desktop->version == version))
			count++;
	}
	return count;
}

static gboolean is_transient(const struct desktop *desktop)
{
	return desktop->removing || desktop->state == DESKTOP_STARTING ||
	       desktop->state == DESKTOP_STOPPING;
}

char *desktop_stage(struct desktops *self, const struct desktop *desktop)
{
	gboolean away = desktop->host &&
			!hosts_connected(self->broker->hosts, desktop->host);
	gint64 silent_s =
	    (g_get_monotonic_time() - desktop->heard_us) / G_USEC_PER_SEC;
	const char *doing = desktop->removing   ? "Being removed"
			    : desktop->home_due ? "Bringing its user's home"
						: desktop->stage;
	if (away && desktop->removing)
		return g_strdup_printf("Being removed as soon as host '%s' is "
				       "connected",
				       desktop->host);
	if (away && desktop->state != DESKTOP_OFF)
		return g_strdup("Its host is not connected; this is how it "
				"was last");
	/* nothing stays on its way for long without saying why */
	if (is_transient(desktop) && silent_s >= SILENT_S)
		return g_strdup_printf(
		    "%s%sits host has said nothing about it for %d s",
		    doing ? doing : "", doing ? "; " : "", (int)silent_s);
	return g_strdup(doing);
}

static json_t *message_json(const struct desktop *desktop)
{
	return json_pack("{s:s, s:I}", "text", desktop->message, "at",
			 (json_int_t)desktop->message_at);
}

static json_t *recording_json(const struct desktop *desktop)
{
	if (!desktop_tells_recording(desktop))
		return json_null();
	return json_pack("{s:I, s:s}", "since",
			 (json_int_t)desktop->recorded_since, "by",
			 desktop->recorded_by);
}

json_t *desktop_json(struct desktops *self, const struct desktop *desktop)
{
	g_autofree char *stage = desktop_stage(self, desktop);
	gboolean spare = !*desktop->user;
	gint64 idle_s = desktop_idle_s(desktop);
	gint64 now = store_now(self->broker->store);
	gboolean recent =
	    desktop->message && now - desktop->message_at < MESSAGE_S;
	return json_pack(
	    "{s:s, s:s, s:s, s:o, s:s, s:s, s:o, s:f, s:I, s:o, s:o, s:I,"
	    " s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
	    "id", desktop->id, "name", desktop->name, "pool", desktop->pool,
	    "user", json_text(spare ? NULL : desktop->user), "state",
	    desktop_state_name(desktop->state), "cause",
	    desktop_cause_text(desktop->cause), "stage", json_text(stage),
	    "fraction", desktop->fraction, "since", (json_int_t)desktop->since,
	    "error", desktop->error ? json_incref(desktop->error) : json_null(),
	    "warning",
	    desktop->warning      ? json_incref(desktop->warning)
	    : desktop->home_error ? jsonline_from_error(desktop->home_error)
				  : json_null(),
	    "viewers", (json_int_t)desktop->viewers, "image", desktop->image,
	    "version", (json_int_t)desktop->version, "host",
	    json_text(desktop->host), "accelerator",
	    json_text(desktop->accelerator), "idle",
	    idle_s >= 0 ? json_integer(idle_s) : json_null(), "message",
	    recent ? message_json(desktop) : json_null(), "recording",
	    recording_json(desktop), "shadow",
	    shadow_user_json(desktop->shadow), "install",
	    tasks_install_json(self->broker->tasks, desktop->image,
			       desktop->version),
	    "serial", (json_int_t)desktop->serial);
}

json_t *desktop_notes_json(struct desktops *self, const struct desktop *desktop)
{
	gint64 now = store_now(self->broker->store);
	gboolean due = desktop->message && desktop->message_due &&
		       now - desktop->message_at < MESSAGE_S;
	return json_pack("{s:o, s:o, s:o, s:I}", "message",
			 due ? message_json(desktop) : json_null(), "recording",
			 recording_json(desktop), "shadow",
			 shadow_user_json(desktop->shadow), "serial",
			 (json_int_t)desktop->notes_serial);
}

void desktops_noted(struct desktops *self, struct desktop *desktop)
{
	g_autofree char *key = g_strconcat(NOTES_KEY, desktop->id, NULL);
	desktop->notes_serial = hub_serial(self->broker->hub);
	hub_changed(self->broker->hub, key);
	desktops_touch(self, desktop);
}

/* ---- changes ---- */

void desktops_touch(struct desktops *self, struct desktop *desktop)
{
	g_autofree char *key = g_strconcat(DESKTOP_KEY, desktop->id, NULL);
	desktop->serial = hub_serial(self->broker->hub);
	hub_changed(self->broker->hub, key);
}

void desktops_news(struct desktops *self, struct desktop *desktop)
{
	desktops_touch(self, desktop);
}

/* One desktop's row, as it is in memory. */
static gboolean save(struct desktops *self, const struct desktop *desktop,
		     GError **error)
{
	g_autofree char *text =
	    desktop->error ? json_dumps(desktop->error, JSON_COMPACT) : NULL;
	return store_run(self->broker->store, NULL, error,
			 "UPDATE desktops SET state = $1, cause = $2,"
			 " error = $3, since = $4, host = $5, cpus = $6,"
			 " memory_mib = $7 WHERE id = $8",
			 "sssisiis", desktop_state_name(desktop->state),
			 desktop_cause_name(desktop->cause), text,
			 desktop->since, desktop->host, desktop->cpus,
			 desktop->memory_mib, desktop->id);
}

/* The row, what is told of it, and the sessions that end with it. */
static gboolean save_change(struct desktops *self, struct desktop *desktop,
			    const char *who, GError **error)
{
	struct broker *broker = self->broker;
	if (!store_begin(broker->store, error))
		return FALSE;
	gboolean ok = save(self, desktop, error);
	const char *why =
	    json_string_value(json_object_get(desktop->error, "cause"));
	if (ok)
		event_add(broker, "desktop", desktop->id, who,
			  "Desktop %s is %s: %s%s%s", desktop->name,
			  desktop_state_name(desktop->state),
			  desktop_cause_text(desktop->cause), why ? ". " : ".",
			  why ? why : "");
	if (ok &&
	    (desktop->state == DESKTOP_OFF || desktop->state == DESKTOP_FAILED))
		ok = attachment_revoke(broker, ATTACH_OF_DESKTOP, desktop->id,
				       NULL, ATTACH_DESKTOP_ENDED, error) &&
		     homes_release(broker, desktop->id, error);
	return store_end(broker->store, ok, error);
}

static gboolean save_unsaved(struct desktops *self)
{
	GHashTableIter iter;
	void *value;
	gboolean left = FALSE;
	g_hash_table_iter_init(&iter, self->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct desktop *desktop = value;
		if (desktop->unsaved)
			desktop->unsaved =
			    !save_change(self, desktop, NULL, NULL);
		left = left || desktop->unsaved;
	}
	return !left;
}

static gboolean on_retry(void *data)
{
	struct desktops *self = data;
	if (!save_unsaved(self))
		return G_SOURCE_CONTINUE;
	log_info(NULL, "the store takes changes again");
	self->retry = 0;
	return G_SOURCE_REMOVE;
}

gboolean desktops_change(struct desktops *self, struct desktop *desktop,
			 enum desktop_cause cause, json_t *fault,
			 const char *who, gboolean holds_anyway, GError **error)
{
	enum desktop_state to;
	if (!desktop_state_after(desktop->state, cause, &to)) {
		fault_set(error, FAULT_CONFLICT,
			  "Wait until it has settled, then try again.",
			  "Desktop '%s' is %s.", desktop->name,
			  desktop_state_name(desktop->state));
		return FALSE;
	}
	struct desktop before = *desktop;
	desktop->state = to;
	desktop->cause = cause;
	desktop->error = fault ? json_incref(fault) : NULL;
	desktop->since = store_now(self->broker->store);
	if (to == DESKTOP_OFF || to == DESKTOP_FAILED)
		desktop->cpus = desktop->memory_mib = 0;
	g_autoptr(GError) why = NULL;
	if (!save_change(self, desktop, who, &why)) {
		if (!holds_anyway) {
			json_decref(desktop->error);
			*desktop = before;
			g_propagate_error(error, g_steal_pointer(&why));
			return FALSE;
		}
		log_fault(&(struct log_about){.vm = desktop->id}, why);
		desktop->unsaved = TRUE;
		if (!self->retry)
			self->retry =
			    g_timeout_add_seconds(RETRY_S, on_retry, self);
	} else {
		desktop->unsaved = FALSE;
	}
	json_decref(before.error);
	desktop->heard_us = g_get_monotonic_time();
	desktop->vacant_us = to == DESKTOP_RUNNING ? desktop->heard_us : 0;
	desktop->counted = FALSE;
	desktop->fraction = to == DESKTOP_RUNNING ? 1 : 0;
	g_clear_pointer(&desktop->stage, g_free);
	if (to != DESKTOP_RUNNING) {
		g_clear_pointer(&desktop->address, g_free);
		g_clear_pointer(&desktop->windows, g_free);
		g_clear_pointer(&desktop->view, g_free);
		g_clear_pointer(&desktop->spice, g_free);
		g_clear_pointer(&desktop->warning, json_decref);
		desktop->viewers = 0;
		desktops_forget_use(desktop);
	}
	log_info(&(struct log_about){.vm = desktop->id}, "%s (%s)",
		 desktop_state_name(to), desktop_cause_text(cause));
	desktops_touch(self, desktop);
	keeper_poke(self->broker->keeper);
	if (desktop->removing && (to == DESKTOP_OFF || to == DESKTOP_FAILED))
		desktops_go_on_discarding(self, desktop);
	return TRUE;
}

/* ---- making ---- */

gboolean desktop_is_left(const struct desktop *desktop)
{
	/* one that is only made is about to be started, unless the broker
	 * ended before that */
	gboolean fresh = desktop->cause == DESKTOP_MADE &&
			 g_get_monotonic_time() - desktop->heard_us < FRESH_US;
	return desktop->floating && *desktop->user && !desktop->removing &&
	       desktop->state == DESKTOP_OFF && !fresh;
}

struct desktop *desktops_make(struct desktops *self, const char *user,
			      const struct pool *pool, gint64 version,
			      GError **error)
{
	struct broker *broker = self->broker;
	/* 32 bits are few, hence the primary key: a clash is tried again */
	g_autofree char *random = secret_new(32);
	g_autofree char *id = g_strconcat("d", random, NULL);
	g_autofree char *name =
	    g_strdup_printf("%s-%s", pool->name, *user ? user : random);
	if (strlen(name) > 63) /* it becomes a host name */
		name[63] = 0;
	gint64 now = store_now(broker->store);
	if (!store_begin(broker->store, error))
		return NULL;
	gboolean ok = store_run(
	    broker->store, NULL, error,
	    "INSERT INTO desktops(id, name, pool, owner, image, version,"
	    " host, state, cause, error, since, removing, created) VALUES"
	    "($1, $2, $3, $4, $5, $6, NULL, 'off', 'made', NULL, $7, 0, $7)",
	    "sssssii", id, name, pool->name, user, pool->image, version, now);
	if (ok)
		event_add(broker, "desktop", id, *user ? user : NULL,
			  "Desktop %s was made from image %s version "
			  "%" G_GINT64_FORMAT ".",
			  name, pool->image, version);
	if (!store_end(broker->store, ok, error))
		return NULL;
	struct desktop *desktop = g_new0(struct desktop, 1);
	desktop->owner = self;
	desktop->id = g_steal_pointer(&id);
	desktop->name = g_steal_pointer(&name);
	desktop->pool = g_strdup(pool->name);
	desktop->user = g_strdup(user);
	desktop->image = g_strdup(pool->image);
	desktop->version = version;
	desktop->floating = pool->floating;
	desktop->since = now;
	desktop->heard_us = g_get_monotonic_time();
	desktop->serial = hub_serial(broker->hub);
	g_hash_table_insert(self->by_id, desktop->id, desktop);
	return desktop;
}

/* The spare that is nearest to being ready; running ones first. */
static struct desktop *find_spare(struct desktops *self,
				  const struct pool *pool, gint64 version,
				  const char *host)
{
	struct desktop *best = NULL;
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct desktop *spare = value;
		gboolean runs = spare->state == DESKTOP_RUNNING;
		if (*spare->user || spare->removing ||
		    strcmp(spare->pool, pool->name) != 0 ||
		    spare->version != version ||
		    strcmp(spare->image, pool->image) != 0 ||
		    (!runs && spare->state != DESKTOP_STARTING) ||
		    (host && strcmp(host, spare->host) != 0) ||
		    !hosts_connected(self->broker->hosts, spare->host))
			continue;
		if (!best || (runs && best->state != DESKTOP_RUNNING) ||
		    (runs == (best->state == DESKTOP_RUNNING) &&
		     spare->since < best->since))
			best = spare;
	}
	return best;
}

/* The statement decides: two who want the same spare cannot both have it. */
static gboolean claim(struct desktops *self, struct desktop *spare,
		      const char *user, GError **error)
{
	struct broker *broker = self->broker;
	gint64 changed = 0;
	if (!store_begin(broker->store, error))
		return FALSE;
	gboolean ok = store_run(broker->store, &changed, error,
				"UPDATE desktops SET owner = $1"
				" WHERE id = $2 AND owner = ''"
				" AND removing = 0",
				"ss", user, spare->id);
	if (ok && changed != 1) {
		fault_set(error, FAULT_CONFLICT, "Open the pool again.",
			  "The spare was given away at this moment.");
		ok = FALSE;
	}
	if (ok)
		event_add(broker, "desktop", spare->id, user,
			  "Desktop %s is %s's now.", spare->name, user);
	if (!store_end(broker->store, ok, error))
		return FALSE;
	g_free(spare->user);
	spare->user = g_strdup(user);
	spare->vacant_us = g_get_monotonic_time();
	desktops_apply_policy(self, spare, FALSE);
	homes_want(broker, spare);
	desktops_touch(self, spare);
	keeper_poke(broker->keeper);
	return TRUE;
}

static void on_discarded(const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

struct desktop *desktops_obtain(struct desktops *self, const char *user,
				const struct pool *pool, GError **error)
{
	struct desktop *desktop = desktops_of(self, pool->name, user);
	gboolean leaving = desktop && desktop->floating &&
			   desktop->cause != DESKTOP_MADE &&
			   desktop->state != DESKTOP_STARTING &&
			   desktop->state != DESKTOP_RUNNING;
	if (desktop && !leaving)
		return desktop;
	if (leaving) /* what was in it is gone; they get a fresh one */
		desktop_discard(self, desktop, "its user has left it",
				on_discarded, NULL);
	gint64 version = pool_version(self->broker, pool, error);
	g_autofree char *host = NULL;
	if (!version || !homes_place(self->broker, user, pool, &host, error))
		return NULL;
	struct desktop *spare = find_spare(self, pool, version, host);
	if (spare) {
		/* as theirs it counts against their limit */
		struct desktop wanted = {.id = spare->id, .user = (char *)user};
		struct pool personal = *pool;
		personal.quota = NULL; /* it has reserved that already */
		return limits_admit_start(self->broker, &personal, &wanted,
					  error) &&
			       claim(self, spare, user, error)
			   ? spare
			   : NULL;
	}
	if (!limits_admit_new(self->broker, pool, error))
		return NULL;
	struct desktop *made = desktops_make(self, user, pool, version, error);
	if (made && !made->host)
		made->host = g_steal_pointer(&host);
	return made;
}
