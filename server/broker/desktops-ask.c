/* What is asked of hosts. The intention is stored first (state starting,
 * stopping, or the mark `removing`), so that a broker which is killed in
 * between takes it up again when the host says hello. */
#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops-private.h"
#include "server/broker/homes.h"
#include "server/broker/hosts.h"
#include "server/broker/keeper.h"
#include "server/broker/limits.h"
#include "server/broker/pools.h"
#include "server/broker/snapshots.h"
#include "server/broker/tasks.h"

/* Hosts accept at once; what takes long is told by events. */
#define ACCEPT_MS 30000
/* Removing deletes a disk of many GiB. */
#define REMOVE_MS 120000

struct ask {
	struct desktops *owner;
	char *id;
	desktop_removed removed;
	void *data;
};

static struct ask *ask_new(struct desktops *self, const char *id)
{
	struct ask *ask = g_new0(struct ask, 1);
	ask->owner = self;
	ask->id = g_strdup(id);
	return ask;
}

static void ask_free(struct ask *ask)
{
	g_free(ask->id);
	g_free(ask);
}

/* The answer is that nobody is there to answer. */
static gboolean is_away(struct jsonline *channel)
{
	return !channel || !jsonline_is_open(channel);
}

/* ---- starting ---- */

static void on_started(struct jsonline *channel, json_t *reply,
		       const GError *error, void *data)
{
	struct ask *ask = data;
	struct desktop *desktop = desktops_find(ask->owner, ask->id);
	/* a host that went away is asked again when it comes back */
	if (error && desktop && desktop->state == DESKTOP_STARTING &&
	    !is_away(channel)) {
		json_t *fault = jsonline_from_error(error);
		desktops_change(ask->owner, desktop, DESKTOP_START_REFUSED,
				fault, NULL, TRUE, NULL);
		json_decref(fault);
	}
	ask_free(ask);
}

void desktops_send_start(struct desktops *self, struct desktop *desktop)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(pool_settings) pool =
	    pool_load(self->broker, desktop->pool, &error);
	if (!pool) {
		log_fault(NULL, error);
		return; /* state starting stays: taken up at the next hello */
	}
	g_autofree char *version =
	    g_strdup_printf("%" G_GINT64_FORMAT, desktop->version);
	/* a store of before the reservations has none */
	json_t *machine = json_pack(
	    "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s}", "id", desktop->id,
	    "name", desktop->name, "image", desktop->image, "version", version,
	    "cpus", (json_int_t)(desktop->cpus ? desktop->cpus : pool->cpus),
	    "memory_mib",
	    (json_int_t)(desktop->memory_mib ? desktop->memory_mib
					     : pool->memory_mib),
	    "heads", (json_int_t)pool->heads, "engine", "auto");
	json_t *install = NULL;
	tasks_of_install(self->broker->tasks, desktop->image, desktop->version,
			 NULL, &install);
	if (install)
		json_object_set(machine, "install", install);
	hosts_call(
	    self->broker->hosts, desktop->host,
	    json_pack("{s:s, s:o}", "op", "machine.create", "machine", machine),
	    ACCEPT_MS, on_started, ask_new(self, desktop->id));
	hosts_call(self->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s}", "op", "machine.start", "machine",
			     desktop->id),
		   ACCEPT_MS, on_started, ask_new(self, desktop->id));
}

gboolean desktop_start(struct desktops *self, struct desktop *desktop,
		       const char *who, GError **error)
{
	if (desktop->removing) {
		fault_set(error, FAULT_CONFLICT,
			  "Wait a moment, then open the pool again.",
			  "Desktop '%s' is being removed.", desktop->name);
		return FALSE;
	}
	if (desktop->state == DESKTOP_STARTING ||
	    desktop->state == DESKTOP_RUNNING)
		return TRUE;
	if (desktop->state == DESKTOP_STOPPING) {
		desktop->start_wanted = TRUE;
		return TRUE;
	}
	if (desktop_is_left(desktop)) {
		fault_set(error, FAULT_CONFLICT, "Open the pool again.",
			  "Desktop '%s' is thrown away, as its pool has it.",
			  desktop->name);
		return FALSE;
	}
	g_autoptr(pool_settings) pool =
	    pool_load(self->broker, desktop->pool, error);
	if (!pool || !snapshots_at_rest(self->broker, desktop, error) ||
	    !limits_admit_start(self->broker, pool, desktop, error))
		return FALSE;
	const char *host = limits_place(self->broker, pool, desktop, error);
	if (!host)
		return FALSE;
	if (!desktop->host)
		desktop->host = g_strdup(host);
	/* reserved with the change of state, in one statement */
	desktop->cpus = pool->cpus;
	desktop->memory_mib = pool->memory_mib;
	if (!desktops_change(self, desktop, DESKTOP_ASKED_START, NULL, who,
			     FALSE, error)) {
		desktop->cpus = desktop->memory_mib = 0;
		return FALSE;
	}
	desktop->heard = FALSE;
	desktops_send_start(self, desktop);
	return TRUE;
}

/* ---- stopping ---- */

static void on_stopped(struct jsonline *channel, json_t *reply,
		       const GError *error, void *data)
{
	struct ask *ask = data;
	struct desktop *desktop = desktops_find(ask->owner, ask->id);
	if (desktop)
		desktop->stop_pending = FALSE;
	if (desktop && desktop->state == DESKTOP_STOPPING) {
		/* a machine that the host never had is as off as can be, and
		 * one that was off all along causes no event */
		gboolean gone = error && fault_code(error) == FAULT_NOT_FOUND;
		if (gone || (!error && desktop->reported == DESKTOP_OFF)) {
			desktops_change(ask->owner, desktop, DESKTOP_SEEN_OFF,
					NULL, NULL, TRUE, NULL);
		} else if (error && !is_away(channel)) {
			json_t *fault = jsonline_from_error(error);
			desktops_change(ask->owner, desktop,
					DESKTOP_STOP_REFUSED, fault, NULL, TRUE,
					NULL);
			json_decref(fault);
		}
	}
	ask_free(ask);
}

gboolean desktop_stop(struct desktops *self, struct desktop *desktop,
		      gboolean at_once, const char *who, GError **error)
{
	desktop->start_wanted = FALSE;
	if (desktop->state == DESKTOP_OFF ||
	    (desktop->state == DESKTOP_STOPPING && !at_once))
		return TRUE;
	if (!hosts_connected(self->broker->hosts, desktop->host)) {
		g_propagate_error(error, hosts_absent(desktop->host));
		return FALSE;
	}
	if (!desktops_change(self, desktop,
			     at_once ? DESKTOP_ASKED_OFF
				     : DESKTOP_ASKED_SHUTDOWN,
			     NULL, who, FALSE, error))
		return FALSE;
	desktop->stage = g_strdup(at_once ? "Switching off"
					  : "Waiting for the guest to shut "
					    "down");
	desktop->stop_pending = TRUE;
	hosts_call(self->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:s}", "op", "machine.stop", "machine",
			     desktop->id, "mode", at_once ? "off" : "shutdown"),
		   ACCEPT_MS, on_stopped, ask_new(self, desktop->id));
	return TRUE;
}

/* ---- removing ---- */

static gboolean delete_row(struct desktops *self, struct desktop *desktop,
			   GError **error)
{
	struct broker *broker = self->broker;
	if (!store_begin(broker->store, error))
		return FALSE;
	gboolean ok =
	    store_run(broker->store, NULL, error,
		      "DELETE FROM desktops WHERE id = $1", "s", desktop->id) &&
	    homes_release(broker, desktop->id, error);
	if (ok)
		event_add(broker, "desktop", desktop->id, NULL,
			  "Desktop %s was removed.", desktop->name);
	if (!store_end(broker->store, ok, error))
		return FALSE;
	keeper_poke(broker->keeper);
	desktops_touch(self, desktop);
	g_hash_table_remove(self->by_id, desktop->id);
	return TRUE;
}

static gboolean mark_removing(struct desktops *self, struct desktop *desktop,
			      gboolean removing, GError **error)
{
	if (!store_run(self->broker->store, NULL, error,
		       "UPDATE desktops SET removing = $1 WHERE id = $2", "is",
		       (gint64)removing, desktop->id))
		return FALSE;
	desktop->removing = removing;
	desktops_touch(self, desktop);
	return TRUE;
}

static void on_removed(struct jsonline *channel, json_t *reply,
		       const GError *error, void *data)
{
	struct ask *ask = data;
	struct desktop *desktop = desktops_find(ask->owner, ask->id);
	g_autoptr(GError) failure = NULL;
	gboolean gone = !error || fault_code(error) == FAULT_NOT_FOUND;
	if (desktop && gone) {
		delete_row(ask->owner, desktop, &failure);
	} else if (desktop) {
		/* refused: it is there still. Not answered: nobody knows, so
		 * the intention stays and the next hello takes it up. */
		failure = g_error_copy(error);
		if (!is_away(channel) && fault_code(error) != FAULT_TIMEOUT)
			mark_removing(ask->owner, desktop, FALSE, NULL);
	}
	if (ask->owner->broker->keeper)
		keeper_poke(ask->owner->broker->keeper);
	if (ask->removed)
		ask->removed(failure, ask->data);
	else if (failure)
		log_fault(NULL, failure);
	ask_free(ask);
}

void desktops_send_remove(struct desktops *self, struct desktop *desktop,
			  desktop_removed removed, void *data)
{
	struct ask *ask = ask_new(self, desktop->id);
	ask->removed = removed;
	ask->data = data;
	hosts_call(self->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s}", "op", "machine.remove", "machine",
			     desktop->id),
		   REMOVE_MS, on_removed, ask);
}

void desktop_remove(struct desktops *self, struct desktop *desktop,
		    const char *who, desktop_removed removed, void *data)
{
	g_autoptr(GError) error = NULL;
	if (desktop->removing) {
		error = fault_new(FAULT_CONFLICT, "Wait a moment.",
				  "Desktop '%s' is being removed already.",
				  desktop->name);
	} else if (desktop->state != DESKTOP_OFF &&
		   desktop->state != DESKTOP_FAILED) {
		error = fault_new(FAULT_CONFLICT,
				  "Switch it off first ('oriel desktop off').",
				  "Desktop '%s' is %s.", desktop->name,
				  desktop_state_name(desktop->state));
	} else if (!desktop->host) {
		delete_row(self, desktop, &error); /* never started */
		removed(error, data);
		return;
	} else if (!hosts_connected(self->broker->hosts, desktop->host)) {
		error = hosts_absent(desktop->host);
	} else {
		mark_removing(self, desktop, TRUE, &error);
	}
	if (error) {
		removed(error, data);
		return;
	}
	event_add(self->broker, "desktop", desktop->id, who,
		  "Desktop %s is being removed.", desktop->name);
	desktops_send_remove(self, desktop, removed, data);
}

/* ---- discarding ---- */

static void stop_for_good(struct desktops *self, struct desktop *desktop)
{
	g_autoptr(GError) error = NULL;
	if (!hosts_connected(self->broker->hosts, desktop->host))
		return; /* its hello brings us here again */
	if (!desktop_stop(self, desktop, TRUE, NULL, &error))
		log_fault(NULL, error);
}

void desktops_go_on_discarding(struct desktops *self, struct desktop *desktop)
{
	if (desktop->state != DESKTOP_OFF && desktop->state != DESKTOP_FAILED) {
		stop_for_good(self, desktop);
		return;
	}
	desktop_removed removed = desktop->removed;
	void *data = desktop->removed_data;
	desktop->removed = NULL;
	desktop->removed_data = NULL;
	if (desktop->host) {
		desktops_send_remove(self, desktop, removed, data);
		return;
	}
	g_autoptr(GError) error = NULL;
	delete_row(self, desktop, &error); /* never started */
	if (removed)
		removed(error, data);
}

void desktop_discard_again(struct desktops *self, struct desktop *desktop)
{
	if (desktop->removing)
		desktops_go_on_discarding(self, desktop);
}

void desktop_discard(struct desktops *self, struct desktop *desktop,
		     const char *why, desktop_removed removed, void *data)
{
	g_autoptr(GError) error = NULL;
	struct broker *broker = self->broker;
	if (desktop->removing)
		return;
	if (!store_begin(broker->store, &error)) {
		removed(error, data);
		return;
	}
	gboolean ok =
	    attachment_revoke(broker, ATTACH_OF_DESKTOP, desktop->id, NULL,
			      ATTACH_DESKTOP_ENDED, &error) &&
	    store_run(broker->store, NULL, &error,
		      "UPDATE desktops SET removing = 1 WHERE id = $1", "s",
		      desktop->id);
	if (ok && why)
		event_add(broker, "desktop", desktop->id, NULL,
			  "Desktop %s is being removed: %s.", desktop->name,
			  why);
	if (!store_end(broker->store, ok, &error)) {
		removed(error, data);
		return;
	}
	desktop->removing = TRUE;
	desktop->start_wanted = FALSE;
	desktop->removed = removed;
	desktop->removed_data = data;
	desktops_touch(self, desktop);
	desktops_go_on_discarding(self, desktop);
}
