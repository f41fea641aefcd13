#include "server/broker/snapshots.h"

#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/hosts.h"
#include "server/broker/secrets.h"
#include "server/broker/states.h"

/* a disk of many GiB, on a busy host */
#define ANSWER_MS 300000

static const struct {
	const char *op;
	enum snapshot_cause asked, done, refused;
} wishes[] = {
    [SNAPSHOT_TAKE] = {"snapshot.take", SNAPSHOT_ASKED_TAKE, SNAPSHOT_TAKEN,
		       SNAPSHOT_TAKE_REFUSED},
    [SNAPSHOT_REVERT] = {"snapshot.revert", SNAPSHOT_ASKED_REVERT,
			 SNAPSHOT_REVERTED, SNAPSHOT_REVERT_REFUSED},
    [SNAPSHOT_REMOVE] = {"snapshot.remove", SNAPSHOT_ASKED_REMOVE,
			 SNAPSHOT_REMOVED, SNAPSHOT_REMOVE_REFUSED},
};

/* ---- telling ---- */

json_t *snapshots_json(struct broker *broker, const char *desktop,
		       GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT s.name, p.name, s.state, s.cause, s.since, s.created,"
	    " CASE WHEN d.stands_on = s.id THEN 1 ELSE 0 END"
	    " FROM snapshots s JOIN desktops d ON d.id = s.desktop"
	    " LEFT JOIN snapshots p ON p.id = s.parent"
	    " WHERE s.desktop = $1 ORDER BY s.created, s.name",
	    "s", desktop);
	if (!rows)
		return NULL;
	json_t *list = json_array();
	const char *stands_on = NULL;
	for (gsize i = 0; i < store_rows_count(rows); i++) {
		const char *name = store_rows_text(rows, i, 0);
		if (store_rows_int(rows, i, 6))
			stands_on = name;
		json_array_append_new(
		    list,
		    json_pack(
			"{s:s, s:o, s:s, s:o, s:I, s:I}", "snapshot", name,
			"parent", json_text(store_rows_text(rows, i, 1)),
			"state", store_rows_text(rows, i, 2), "cause",
			json_text(
			    snapshot_cause_text(store_rows_text(rows, i, 3))),
			"since", (json_int_t)store_rows_int(rows, i, 4),
			"created", (json_int_t)store_rows_int(rows, i, 5)));
	}
	return json_pack("{s:o, s:o}", "snapshots", list, "stands_on",
			 json_text(stands_on));
}

gboolean snapshots_at_rest(struct broker *broker, const struct desktop *desktop,
			   GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT name, cause FROM snapshots WHERE desktop = $1"
			" AND state <> 'ready' LIMIT 1",
			"s", desktop->id);
	if (!rows)
		return FALSE;
	if (!store_rows_count(rows))
		return TRUE;
	const char *text = snapshot_cause_text(store_rows_text(rows, 0, 1));
	fault_set(error, FAULT_CONFLICT,
		  "Wait until that is done ('oriel snapshot list').",
		  "Snapshot '%s' of desktop '%s': %s.",
		  store_rows_text(rows, 0, 0), desktop->name,
		  text ? text : "its host works on it");
	return FALSE;
}

/* ---- changing ---- */

static gboolean forget(struct broker *broker, const char *id, GError **error)
{
	/* what hung on it hangs on what it hung on */
	return store_run(broker->store, NULL, error,
			 "UPDATE desktops SET stands_on ="
			 " (SELECT parent FROM snapshots WHERE id = $1)"
			 " WHERE stands_on = $1",
			 "s", id) &&
	       store_run(broker->store, NULL, error,
			 "UPDATE snapshots SET parent ="
			 " (SELECT s.parent FROM snapshots s WHERE s.id = $1)"
			 " WHERE parent = $1",
			 "s", id) &&
	       store_run(broker->store, NULL, error,
			 "DELETE FROM snapshots WHERE id = $1", "s", id);
}

/* One transition; inside a transaction. FALSE also where it is not possible,
 * with a fault. */
static gboolean change(struct broker *broker, const char *id,
		       enum snapshot_cause cause, GError **error)
{
	g_autoptr(store_rows) rows = store_query(
	    broker->store, error,
	    "SELECT state, desktop, name FROM snapshots WHERE id = $1", "s",
	    id);
	enum snapshot_state state = SNAPSHOT_NONE, to;
	if (!rows)
		return FALSE;
	snapshot_state_parse(store_rows_text(rows, 0, 0), &state);
	if (!snapshot_state_after(state, cause, &to)) {
		fault_set(error, FAULT_CONFLICT, "Wait, then try again.",
			  "The snapshot is %s.", snapshot_state_name(state));
		return FALSE;
	}
	const char *desktop = store_rows_text(rows, 0, 1);
	event_add(broker, "snapshot", desktop, NULL, "Snapshot %s: %s.",
		  store_rows_text(rows, 0, 2),
		  snapshot_cause_text(snapshot_cause_name(cause)));
	if (to == SNAPSHOT_NONE)
		return forget(broker, id, error);
	if (!store_run(broker->store, NULL, error,
		       "UPDATE snapshots SET state = $1, cause = $2, since = $3"
		       " WHERE id = $4",
		       "ssis", snapshot_state_name(to),
		       snapshot_cause_name(cause), store_now(broker->store),
		       id))
		return FALSE;
	return (cause != SNAPSHOT_TAKEN && cause != SNAPSHOT_REVERTED) ||
	       store_run(broker->store, NULL, error,
			 "UPDATE desktops SET stands_on = $1 WHERE id = $2",
			 "ss", id, desktop);
}

static gboolean change_alone(struct broker *broker, const char *id,
			     enum snapshot_cause cause, GError **error)
{
	return store_begin(broker->store, error) &&
	       store_end(broker->store, change(broker, id, cause, error),
			 error);
}

/* ---- asking ---- */

struct ask {
	struct broker *broker;
	enum snapshot_wish wish;
	char *id, *desktop;
	snapshot_done done;
	void *data;
};

static void on_answer(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	struct ask *ask = data;
	struct desktop *desktop =
	    desktops_find(ask->broker->desktops, ask->desktop);
	g_autoptr(GError) failure = error ? g_error_copy(error) : NULL;
	/* gone is as removed as can be; without an answer nobody knows, and
	 * the next hello asks again */
	gboolean done = !error || (ask->wish == SNAPSHOT_REMOVE &&
				   fault_code(error) == FAULT_NOT_FOUND);
	gboolean silent = !done && (!channel || !jsonline_is_open(channel) ||
				    fault_code(error) == FAULT_TIMEOUT);
	if (done)
		g_clear_error(&failure);
	if (!silent) {
		g_autoptr(GError) trouble = NULL;
		if (!change_alone(ask->broker, ask->id,
				  done ? wishes[ask->wish].done
				       : wishes[ask->wish].refused,
				  &trouble))
			log_fault(NULL, trouble); /* asked again, as above */
	}
	if (desktop)
		desktops_news(ask->broker->desktops, desktop);
	if (ask->done)
		ask->done(failure, ask->data);
	else if (failure)
		log_fault(NULL, failure);
	g_free(ask->id);
	g_free(ask->desktop);
	g_free(ask);
}

static void send(struct broker *broker, const char *host, const char *desktop,
		 const char *id, enum snapshot_wish wish, snapshot_done done,
		 void *data)
{
	struct ask *ask = g_new0(struct ask, 1);
	ask->broker = broker;
	ask->wish = wish;
	ask->id = g_strdup(id);
	ask->desktop = g_strdup(desktop);
	ask->done = done;
	ask->data = data;
	hosts_call(broker->hosts, host,
		   json_pack("{s:s, s:s, s:s}", "op", wishes[wish].op,
			     "machine", desktop, "snapshot", id),
		   ANSWER_MS, on_answer, ask);
}

static GError *may_ask(struct broker *broker, const struct desktop *desktop,
		       enum snapshot_wish wish)
{
	gboolean rests =
	    desktop->state == DESKTOP_OFF ||
	    (desktop->state == DESKTOP_RUNNING && wish != SNAPSHOT_REVERT);
	GError *error = NULL;
	if (desktop->floating || !*desktop->user)
		return fault_new(FAULT_CONFLICT,
				 "Snapshots are for desktops of dedicated "
				 "pools.",
				 "Desktop '%s' is thrown away at log-off.",
				 desktop->name);
	if (desktop->removing || !desktop->host ||
	    (desktop->state == DESKTOP_OFF && desktop->cause == DESKTOP_MADE))
		return fault_new(FAULT_CONFLICT, "Start it once first.",
				 "Desktop '%s' has no disk yet.",
				 desktop->name);
	if (!rests)
		return fault_new(FAULT_CONFLICT,
				 wish == SNAPSHOT_REVERT
				     ? "Shut it down first."
				     : "Wait until it has settled.",
				 "Desktop '%s' is %s.", desktop->name,
				 desktop_state_name(desktop->state));
	if (!hosts_connected(broker->hosts, desktop->host))
		return hosts_absent(desktop->host);
	snapshots_at_rest(broker, desktop, &error);
	return error;
}

/* The row of a new one; its id, new. */
static char *make(struct broker *broker, const struct desktop *desktop,
		  const char *name, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT COUNT(*) FROM snapshots WHERE desktop = $1",
			"s", desktop->id);
	if (!rows)
		return NULL;
	if (store_rows_int(rows, 0, 0) >= SNAPSHOTS_MAX) {
		fault_set(error, FAULT_BUSY, "Remove one of them first.",
			  "Desktop '%s' has %d snapshots, and more are not "
			  "kept.",
			  desktop->name, SNAPSHOTS_MAX);
		return NULL;
	}
	g_autofree char *random = secret_new(32);
	g_autofree char *id = g_strconcat("s", random, NULL);
	GError *why = NULL;
	if (store_run(broker->store, NULL, &why,
		      "INSERT INTO snapshots(id, desktop, name, parent, state,"
		      " cause, since, created)"
		      " SELECT $1, id, $2, stands_on, 'taking', $3, $4, $4"
		      " FROM desktops WHERE id = $5",
		      "sssis", id, name,
		      snapshot_cause_name(SNAPSHOT_ASKED_TAKE),
		      store_now(broker->store), desktop->id))
		return g_steal_pointer(&id);
	if (fault_code(why) == FAULT_CONFLICT) {
		g_clear_error(&why);
		why = fault_new(FAULT_CONFLICT, "Choose another name.",
				"Desktop '%s' has a snapshot '%s' already.",
				desktop->name, name);
	}
	g_propagate_error(error, why);
	return NULL;
}

static char *find(struct broker *broker, const struct desktop *desktop,
		  const char *name, GError **error)
{
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT id FROM snapshots WHERE desktop = $1"
			" AND name = $2",
			"ss", desktop->id, name);
	if (rows && !store_rows_count(rows)) {
		g_autofree char *quoted = log_quote(name, strlen(name));
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel snapshot list' shows what there is.",
			  "Desktop '%s' has no snapshot %s.", desktop->name,
			  quoted);
	}
	return rows ? g_strdup(store_rows_text(rows, 0, 0)) : NULL;
}

void snapshots_ask(struct broker *broker, struct desktop *desktop,
		   enum snapshot_wish wish, const char *name, const char *who,
		   snapshot_done done, void *data)
{
	g_autofree char *id = NULL;
	g_autoptr(GError) error = may_ask(broker, desktop, wish);
	if (!error && store_begin(broker->store, &error)) {
		if (wish == SNAPSHOT_TAKE)
			id = make(broker, desktop, name, &error);
		else
			id = find(broker, desktop, name, &error);
		gboolean ok =
		    id && (wish == SNAPSHOT_TAKE ||
			   change(broker, id, wishes[wish].asked, &error));
		if (ok)
			event_add(broker, "snapshot", desktop->id, who,
				  "Snapshot %s of desktop %s: %s.", name,
				  desktop->name,
				  snapshot_cause_text(
				      snapshot_cause_name(wishes[wish].asked)));
		store_end(broker->store, ok, &error);
	}
	if (error) {
		done(error, data);
		return;
	}
	desktops_news(broker->desktops, desktop);
	send(broker, desktop->host, desktop->id, id, wish, done, data);
}

void snapshots_host_hello(struct broker *broker, const char *host)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(store_rows) rows =
	    store_query(broker->store, &error,
			"SELECT s.id, s.desktop, s.state FROM snapshots s"
			" JOIN desktops d ON d.id = s.desktop"
			" WHERE d.host = $1 AND s.state <> 'ready'",
			"s", host);
	if (error)
		log_fault(NULL, error);
	for (gsize i = 0; rows && i < store_rows_count(rows); i++) {
		enum snapshot_state state = SNAPSHOT_NONE;
		snapshot_state_parse(store_rows_text(rows, i, 2), &state);
		send(broker, host, store_rows_text(rows, i, 1),
		     store_rows_text(rows, i, 0),
		     state == SNAPSHOT_TAKING      ? SNAPSHOT_TAKE
		     : state == SNAPSHOT_REVERTING ? SNAPSHOT_REVERT
						   : SNAPSHOT_REMOVE,
		     NULL, NULL);
	}
}
