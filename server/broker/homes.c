#include "server/broker/homes.h"

#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/desktops-private.h"
#include "server/broker/hosts.h"
#include "server/broker/pools.h"
#include "server/broker/secrets.h"

/* a file system is made, a session begins in it, perhaps under emulation */
#define ATTACH_MS 200000
#define AGAIN_MS  1000
/* a copy of many GiB */
#define COPY_MS 1800000
#define ASK_MS  60000

/* ---- the lease ---- */

struct grant {
	char *id;
	gint64 size_mib, epoch;
	gboolean made;
};

static gboolean is_on(const struct desktop *desktop)
{
	return desktop && desktop->state != DESKTOP_OFF &&
	       desktop->state != DESKTOP_FAILED;
}

static gboolean make(struct broker *broker, const struct desktop *desktop,
		     const struct pool *pool, struct grant *grant,
		     GError **error)
{
	g_autofree char *random = secret_new(64);
	grant->id = g_strconcat("h", random, NULL);
	grant->size_mib = pool->home_mib;
	grant->epoch = 1;
	grant->made = FALSE;
	gint64 now = store_now(broker->store);
	event_add(broker, "home", grant->id, desktop->user,
		  "A home of %" G_GINT64_FORMAT " MiB for %s in pool %s.",
		  pool->home_mib, desktop->user, pool->name);
	return store_run(broker->store, NULL, error,
			 "INSERT INTO homes(id, pool, owner, host, size_mib,"
			 " desktop, epoch, made, since, created)"
			 " VALUES($1, $2, $3, $4, $5, $6, 1, 0, $7, $7)",
			 "ssssisi", grant->id, pool->name, desktop->user,
			 desktop->host, pool->home_mib, desktop->id, now);
}

/* Two who want it at once: the epoch lets one of them have it. */
static gboolean lend(struct broker *broker, const struct desktop *desktop,
		     store_rows *rows, struct grant *grant, GError **error)
{
	const char *host = store_rows_text(rows, 0, 1);
	const char *holder = store_rows_text(rows, 0, 2);
	gint64 epoch = store_rows_int(rows, 0, 3), changed = 0;
	struct desktop *other =
	    holder ? desktops_find(broker->desktops, holder) : NULL;
	if (g_strcmp0(host, desktop->host) != 0) {
		fault_set(error, FAULT_CONFLICT,
			  "Log off and open the pool again.",
			  "The home of %s is on host '%s', the desktop on "
			  "'%s'.",
			  desktop->user, host, desktop->host);
		return FALSE;
	}
	if (other && other != desktop && is_on(other)) {
		fault_set(error, FAULT_CONFLICT,
			  "Wait until that desktop is off, or switch it off.",
			  "The home of %s is still in desktop '%s', which is "
			  "%s.",
			  desktop->user, other->name,
			  desktop_state_name(other->state));
		return FALSE;
	}
	if (!store_run(broker->store, &changed, error,
		       "UPDATE homes SET desktop = $1, epoch = epoch + 1,"
		       " since = $2 WHERE id = $3 AND epoch = $4",
		       "sisi", desktop->id, store_now(broker->store),
		       store_rows_text(rows, 0, 0), epoch))
		return FALSE;
	if (changed != 1) {
		fault_set(error, FAULT_CONFLICT, "Try again.",
			  "The home was given away at this moment.");
		return FALSE;
	}
	grant->id = g_strdup(store_rows_text(rows, 0, 0));
	grant->epoch = epoch + 1;
	grant->size_mib = store_rows_int(rows, 0, 4);
	grant->made = store_rows_int(rows, 0, 5) != 0;
	return TRUE;
}

static const char find_sql[] =
    "SELECT id, host, desktop, epoch, size_mib, made FROM homes"
    " WHERE pool = $1 AND owner = $2";

static gboolean take(struct broker *broker, const struct desktop *desktop,
		     const struct pool *pool, struct grant *grant,
		     GError **error)
{
	if (!store_begin(broker->store, error))
		return FALSE;
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error, find_sql, "ss", pool->name, desktop->user);
	gboolean ok = rows && (store_rows_count(rows)
				   ? lend(broker, desktop, rows, grant, error)
				   : make(broker, desktop, pool, grant, error));
	return store_end(broker->store, ok, error);
}

gboolean homes_release(struct broker *broker, const char *desktop,
		       GError **error)
{
	return store_run(broker->store, NULL, error,
			 "UPDATE homes SET desktop = NULL, since = $1"
			 " WHERE desktop = $2",
			 "is", store_now(broker->store), desktop);
}

gboolean homes_place(struct broker *broker, const char *user,
		     const struct pool *pool, char **host, GError **error)
{
	*host = NULL;
	if (!pool->home_mib || !pool->floating || !*user)
		return TRUE;
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error, find_sql, "ss", pool->name, user);
	if (!rows)
		return FALSE;
	*host = g_strdup(store_rows_text(rows, 0, 1));
	if (!*host || hosts_connected(broker->hosts, *host))
		return TRUE;
	g_propagate_error(error, hosts_absent(*host));
	g_prefix_error(error, "The home of %s cannot be reached. ", user);
	return FALSE;
}

/* ---- bringing it ---- */

struct bringing {
	struct broker *broker;
	char *desktop, *home;
};

static void try(struct broker *broker, struct desktop *desktop);

static gboolean on_again(void *data)
{
	struct desktop *desktop = data;
	desktop->home_timer = 0;
	try(desktop->owner->broker, desktop);
	return G_SOURCE_REMOVE;
}

static void failed(struct broker *broker, struct desktop *desktop,
		   const GError *error)
{
	gboolean news = !desktop->home_error ||
			strcmp(desktop->home_error->message, error->message);
	g_clear_error(&desktop->home_error);
	desktop->home_error = g_error_copy(error);
	if (news) {
		log_fault(&(struct log_about){.vm = desktop->id}, error);
		desktops_news(broker->desktops, desktop);
	}
	/* a host that is away brings us here again with its hello */
	if (!desktop->home_timer &&
	    hosts_connected(broker->hosts, desktop->host))
		desktop->home_timer =
		    g_timeout_add(AGAIN_MS, on_again, desktop);
}

static void on_attached(struct jsonline *channel, json_t *reply,
			const GError *error, void *data)
{
	struct bringing *bringing = data;
	struct broker *broker = bringing->broker;
	struct desktop *desktop =
	    desktops_find(broker->desktops, bringing->desktop);
	g_autoptr(GError) why = NULL;
	if (desktop)
		desktop->home_asked = FALSE;
	if (!error && !store_run(broker->store, NULL, &why,
				 "UPDATE homes SET made = 1 WHERE id = $1", "s",
				 bringing->home))
		log_fault(NULL, why); /* said again at the next time */
	if (desktop && desktop->state == DESKTOP_RUNNING) {
		if (error) {
			failed(broker, desktop, error);
		} else {
			desktop->home_due = FALSE;
			g_clear_error(&desktop->home_error);
			desktops_news(broker->desktops, desktop);
		}
	}
	g_free(bringing->desktop);
	g_free(bringing->home);
	g_free(bringing);
}

static void try(struct broker *broker, struct desktop *desktop)
{
	g_autoptr(GError) error = NULL;
	struct grant grant = {0};
	g_autoptr(pool_settings) pool =
	    pool_load(broker, desktop->pool, &error);
	if (desktop->home_asked || !desktop->home_due)
		return;
	if (!pool || !take(broker, desktop, pool, &grant, &error)) {
		failed(broker, desktop, error);
		g_free(grant.id);
		return;
	}
	struct bringing *bringing = g_new0(struct bringing, 1);
	bringing->broker = broker;
	bringing->desktop = g_strdup(desktop->id);
	bringing->home = grant.id;
	desktop->home_asked = TRUE;
	hosts_call(broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "op",
			     "home.attach", "machine", desktop->id, "home",
			     grant.id, "size_mib", (json_int_t)grant.size_mib,
			     "epoch", (json_int_t)grant.epoch, "fresh",
			     !grant.made),
		   ATTACH_MS, on_attached, bringing);
}

void homes_want(struct broker *broker, struct desktop *desktop)
{
	g_autoptr(GError) error = NULL;
	if (!desktop->floating || !*desktop->user || desktop->removing ||
	    desktop->state != DESKTOP_RUNNING || desktop->home_asked)
		return;
	g_autoptr(pool_settings) pool =
	    pool_load(broker, desktop->pool, &error);
	if (!pool) {
		log_fault(&(struct log_about){.vm = desktop->id}, error);
		return;
	}
	if (!pool->home_mib)
		return;
	desktop->home_due = TRUE;
	try(broker, desktop);
}

void homes_forget(struct desktop *desktop)
{
	if (desktop->home_timer)
		g_source_remove(desktop->home_timer);
	desktop->home_timer = 0;
	desktop->home_due = FALSE;
	g_clear_error(&desktop->home_error);
}

/* ---- what there is ---- */

static json_t *home_json(store_rows *rows, gsize i)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:I, s:I}", "home",
			 store_rows_text(rows, i, 0), "pool",
			 store_rows_text(rows, i, 1), "user",
			 store_rows_text(rows, i, 2), "host",
			 json_text(store_rows_text(rows, i, 3)), "size_mib",
			 (json_int_t)store_rows_int(rows, i, 4), "desktop",
			 json_text(store_rows_text(rows, i, 5)), "since",
			 (json_int_t)store_rows_int(rows, i, 6), "created",
			 (json_int_t)store_rows_int(rows, i, 7));
}

static GError *no_such(const char *id)
{
	g_autofree char *quoted = log_quote(id, strlen(id));
	return fault_new(FAULT_NOT_FOUND,
			 "'oriel home list' shows what there is.",
			 "There is no home %s.", quoted);
}

json_t *homes_json(struct broker *broker, const char *id, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT id, pool, owner, host, size_mib, desktop, since, created"
	    " FROM homes WHERE ($1 = '' OR id = $1) ORDER BY pool, owner",
	    "s", id ? id : "");
	if (!rows)
		return NULL;
	if (id && store_rows_count(rows))
		return home_json(rows, 0);
	if (id) {
		g_propagate_error(error, no_such(id));
		return NULL;
	}
	json_t *list = json_array();
	for (gsize i = 0; i < store_rows_count(rows); i++)
		json_array_append_new(list, home_json(rows, i));
	return json_pack("{s:o}", "homes", list);
}

/* ---- what is done with one at rest ---- */

static const struct {
	const char *op;
	gboolean rests; /* only while no desktop has it */
	unsigned patience_ms;
	const char *text; /* of the event; NULL: none */
} wishes[] = {
    [HOME_DESCRIBE] = {"home.describe", FALSE, ASK_MS, NULL},
    [HOME_BACKUP] = {"home.backup", TRUE, COPY_MS, "was copied"},
    [HOME_RESTORE] = {"home.restore", TRUE, COPY_MS, "was restored"},
    [HOME_BACKUP_REMOVE] = {"home.backup-remove", FALSE, ASK_MS,
			    "lost a backup"},
    [HOME_REMOVE] = {"home.remove", TRUE, ASK_MS, "was removed"},
};

struct asking {
	struct broker *broker;
	enum home_wish wish;
	char *id, *who, *name;
	home_done done;
	void *data;
};

static gboolean delete_row(struct broker *broker, const char *id,
			   GError **error)
{
	return store_run(broker->store, NULL, error,
			 "DELETE FROM homes WHERE id = $1 AND desktop IS NULL",
			 "s", id);
}

static void on_asked(struct jsonline *channel, json_t *reply,
		     const GError *error, void *data)
{
	struct asking *asking = data;
	g_autoptr(GError) why = NULL;
	/* gone from its host is as removed as can be */
	gboolean gone = asking->wish == HOME_REMOVE &&
			(!error || fault_code(error) == FAULT_NOT_FOUND);
	if (gone) {
		error = NULL;
		if (!delete_row(asking->broker, asking->id, &why))
			error = why;
	}
	if (!error && wishes[asking->wish].text)
		event_add(asking->broker, "home", asking->id, asking->who,
			  "Home %s %s%s%s.", asking->id,
			  wishes[asking->wish].text, asking->name ? ": " : "",
			  asking->name ? asking->name : "");
	asking->done(reply, error, asking->data);
	g_free(asking->id);
	g_free(asking->who);
	g_free(asking->name);
	g_free(asking);
}

static GError *may_ask(store_rows *rows, const char *id, enum home_wish wish)
{
	if (!store_rows_count(rows))
		return no_such(id);
	const char *holder = store_rows_text(rows, 0, 1);
	if (wishes[wish].rests && holder)
		return fault_new(FAULT_CONFLICT, "Log off from it first.",
				 "The home is in desktop '%s'.", holder);
	return NULL;
}

void homes_ask(struct broker *broker, const char *id, enum home_wish wish,
	       const char *name, const char *who, home_done done, void *data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(store_rows) rows = store_query(
	    broker->store, &error,
	    "SELECT host, desktop FROM homes WHERE id = $1", "s", id);
	if (rows)
		error = may_ask(rows, id, wish);
	if (error) {
		done(NULL, error, data);
		return;
	}
	struct asking *asking = g_new0(struct asking, 1);
	asking->broker = broker;
	asking->wish = wish;
	asking->id = g_strdup(id);
	asking->who = g_strdup(who);
	asking->name = g_strdup(name);
	asking->done = done;
	asking->data = data;
	json_t *message =
	    json_pack("{s:s, s:s}", "op", wishes[wish].op, "home", id);
	if (name)
		json_object_set_new(message, "name", json_string(name));
	hosts_call(broker->hosts, store_rows_text(rows, 0, 0), message,
		   wishes[wish].patience_ms, on_asked, asking);
}
