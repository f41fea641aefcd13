/* How a desktop is used: what its user may do with it (policy), how long
 * nobody has touched it, and what they are told.
 *
 * A policy goes to the host before anybody is let in. While the host has not
 * taken it, nobody is (desktop->policy_due); it is tried until it has, since
 * a display that has just begun allows everything. */
#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops-private.h"
#include "server/broker/homes.h"
#include "server/broker/hosts.h"
#include "server/broker/pools.h"

#define POLICY_MS  10000
#define AGAIN_MS   500
#define MESSAGE_MS 20000
#define LOCK_MS    10000
/* who is about to be disconnected is told so long before, where the pool
 * leaves time for it */
#define WARN_S 60

struct call {
	struct desktops *owner;
	char *id;
};

static struct call *call_new(struct desktops *self, const struct desktop *of)
{
	struct call *call = g_new0(struct call, 1);
	call->owner = self;
	call->id = g_strdup(of->id);
	return call;
}

static struct desktop *call_end(struct call *call)
{
	struct desktop *desktop = desktops_find(call->owner, call->id);
	g_free(call->id);
	g_free(call);
	return desktop;
}

/* ---- policy ---- */

static void send_policy(struct desktops *self, struct desktop *desktop);

static gboolean on_again(void *data)
{
	struct desktop *desktop = data;
	desktop->policy_timer = 0;
	send_policy(desktop->owner, desktop);
	return G_SOURCE_REMOVE;
}

static void on_policy(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	struct call *call = data;
	struct desktops *self = call->owner;
	struct desktop *desktop = call_end(call);
	if (!desktop || desktop->state != DESKTOP_RUNNING)
		return;
	desktop->policy_calls--;
	if (desktop->policy_calls)
		return; /* a newer one is on its way */
	if (!error) {
		desktop->policy_due = FALSE;
		desktops_touch(self, desktop);
	} else if (channel && jsonline_is_open(channel) &&
		   !desktop->policy_timer) {
		desktop->policy_timer =
		    g_timeout_add(AGAIN_MS, on_again, desktop);
	} /* else its host's hello brings it again */
}

static void send_policy(struct desktops *self, struct desktop *desktop)
{
	json_t *policy = policy_json(&desktop->policy);
	/* whose name a watermark shows */
	json_object_set_new(policy, "user", json_string(desktop->user));
	desktop->policy_calls++;
	hosts_call(self->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:o}", "op", "machine.policy",
			     "machine", desktop->id, "policy", policy),
		   POLICY_MS, on_policy, call_new(self, desktop));
}

void desktops_apply_policy(struct desktops *self, struct desktop *desktop,
			   gboolean fresh)
{
	g_autoptr(GError) error = NULL;
	struct policy policy;
	if (desktop->state != DESKTOP_RUNNING || !*desktop->user)
		return;
	if (!policy_find(self->broker, desktop->pool, desktop->user, &policy,
			 &error)) {
		/* the one it has holds; without any, nobody is let in */
		log_fault(&(struct log_about){.vm = desktop->id}, error);
		return;
	}
	/* a display that was told nothing yet allows nothing */
	if (!fresh && desktop->policy_sent &&
	    policy_same(&policy, &desktop->policy))
		return;
	desktop->policy = policy;
	desktop->policy_sent = TRUE;
	desktop->policy_due = TRUE;
	send_policy(self, desktop);
}

void desktops_policies_changed(struct desktops *self)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		desktops_apply_policy(self, value, FALSE);
}

void desktops_forget_use(struct desktop *desktop)
{
	if (desktop->policy_timer)
		g_source_remove(desktop->policy_timer);
	desktop->policy_timer = 0;
	desktop->policy_due = desktop->policy_sent = FALSE;
	homes_forget(desktop);
	desktop->input_us = 0;
	desktop->warned = desktop->locked = FALSE;
	desktop->locked_at = 0;
	g_clear_pointer(&desktop->recording, g_free);
	g_clear_pointer(&desktop->recorded_by, g_free);
	g_clear_pointer(&desktop->message, g_free);
}

/* ---- recording ---- */

gboolean desktop_tells_recording(const struct desktop *desktop)
{
	return desktop->recording &&
	       (strcmp(desktop->recorded_by, "policy") != 0 ||
		desktop->policy.record != RECORD_QUIET);
}

void desktops_recorded(struct desktops *self, struct desktop *desktop,
		       json_t *recording)
{
	const char *id = json_string_value(json_object_get(recording, "id"));
	const char *by = json_string_value(json_object_get(recording, "by"));
	if (desktop->state != DESKTOP_RUNNING)
		id = NULL;
	if (g_strcmp0(id, desktop->recording) == 0)
		return;
	gboolean goes_on = id && desktop->recording;
	g_clear_pointer(&desktop->recording, g_free);
	if (!id) {
		desktops_noted(self, desktop);
		event_add(self->broker, "recording", desktop->id, desktop->user,
			  "Desktop %s is no longer recorded.", desktop->name);
		return;
	}
	desktop->recording = g_strndup(id, 64);
	g_free(desktop->recorded_by);
	desktop->recorded_by = by ? g_strndup(by, 64) : g_strdup("policy");
	desktop->recorded_since =
	    json_integer_value(json_object_get(recording, "since"));
	event_add(self->broker, "recording", desktop->id, desktop->user,
		  "Desktop %s is being recorded (%s): %s.", desktop->name,
		  desktop->recorded_by, desktop->recording);
	desktops_noted(self, desktop);
	if (!goes_on && desktop_tells_recording(desktop))
		desktop_tell(self, desktop, "This session is being recorded.",
			     NULL, NULL);
}

/* ---- idleness ---- */

void desktops_used(struct desktop *desktop, gint64 idle_s)
{
	gint64 at = g_get_monotonic_time() - idle_s * G_USEC_PER_SEC;
	/* what a host says is rounded: only a step forward is news */
	if (at < desktop->input_us + G_USEC_PER_SEC)
		return;
	desktop->input_us = at;
	desktop->warned = desktop->locked = FALSE;
}

gint64 desktop_idle_s(const struct desktop *desktop)
{
	if (desktop->state != DESKTOP_RUNNING || !desktop->viewers ||
	    !desktop->input_us)
		return -1;
	return MAX(0, g_get_monotonic_time() - desktop->input_us) /
	       G_USEC_PER_SEC;
}

static void on_locked(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	struct desktop *desktop = call_end(data);
	if (error && desktop) /* again when it was used and left once more */
		log_fault(&(struct log_about){.vm = desktop->id}, error);
}

static void lock(struct desktops *self, struct desktop *desktop)
{
	desktop->locked = TRUE;
	desktop->locked_at = store_now(self->broker->store);
	event_add(self->broker, "desktop", desktop->id, desktop->user,
		  "Nobody used desktop %s for %" G_GINT64_FORMAT
		  " s: its session was told to lock.",
		  desktop->name, desktop->policy.idle_lock_s);
	hosts_call(self->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:[ss], s:i}", "op", "machine.exec",
			     "machine", desktop->id, "argv", "loginctl",
			     "lock-sessions", "timeout_ms", LOCK_MS),
		   LOCK_MS + 5000, on_locked, call_new(self, desktop));
}

void desktop_unlock(struct desktops *self, struct desktop *desktop,
		    gint64 proven_at)
{
	/* whoever finds a terminal that was left signed in gains nothing */
	if (!desktop->locked_at || proven_at < desktop->locked_at)
		return;
	desktop->locked_at = 0;
	event_add(self->broker, "desktop", desktop->id, desktop->user,
		  "%s signed in: the session of desktop %s was told to unlock.",
		  desktop->user, desktop->name);
	hosts_call(self->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:[ss], s:i}", "op", "machine.exec",
			     "machine", desktop->id, "argv", "loginctl",
			     "unlock-sessions", "timeout_ms", LOCK_MS),
		   LOCK_MS + 5000, on_locked, call_new(self, desktop));
}

static void on_let_go(struct jsonline *channel, json_t *reply,
		      const GError *error, void *data)
{
	call_end(data);
}

static void let_go(struct desktops *self, struct desktop *desktop,
		   gint64 idle_s)
{
	struct broker *broker = self->broker;
	g_autoptr(GError) error = NULL;
	if (!attachment_revoke(broker, ATTACH_OF_DESKTOP, desktop->id, NULL,
			       ATTACH_IDLE, &error)) {
		log_fault(NULL, error); /* looked at again */
		return;
	}
	desktop->input_us = 0;
	event_add(broker, "desktop", desktop->id, desktop->user,
		  "Nobody used desktop %s for %" G_GINT64_FORMAT
		  " s: it was disconnected.",
		  desktop->name, idle_s);
	hosts_call(broker->hosts, desktop->host,
		   json_pack("{s:s, s:s}", "op", "machine.disconnect",
			     "machine", desktop->id),
		   POLICY_MS, on_let_go, call_new(self, desktop));
}

void desktops_look_at_idleness(struct desktops *self, struct desktop *desktop,
			       const struct pool *pool)
{
	gint64 idle_s = desktop_idle_s(desktop);
	if (idle_s < 0 || !*desktop->user)
		return;
	if (desktop->policy.idle_lock_s && !desktop->locked &&
	    idle_s >= desktop->policy.idle_lock_s)
		lock(self, desktop);
	if (!pool->idle_s)
		return;
	if (idle_s >= pool->idle_s) {
		let_go(self, desktop, pool->idle_s);
	} else if (!desktop->warned && pool->idle_s >= 2 * WARN_S &&
		   idle_s >= pool->idle_s - WARN_S) {
		desktop->warned = TRUE;
		desktop_tell(self, desktop,
			     "Nobody has used this desktop for a while. It "
			     "will be disconnected in a minute; what is open "
			     "in it stays.",
			     NULL, NULL);
	}
}

/* ---- messages ---- */

struct telling {
	struct desktops *owner;
	char *id;
	desktop_told told;
	void *data;
};

static void on_told(struct jsonline *channel, json_t *reply,
		    const GError *error, void *data)
{
	struct telling *telling = data;
	struct desktop *desktop = desktops_find(telling->owner, telling->id);
	/* a client shows what the guest does not, and nothing twice */
	if (desktop && error) {
		desktop->message_due = TRUE;
		desktops_noted(telling->owner, desktop);
	}
	if (telling->told)
		telling->told(error, telling->data);
	else if (error)
		log_fault(&(struct log_about){.vm = telling->id}, error);
	g_free(telling->id);
	g_free(telling);
}

void desktop_tell(struct desktops *self, struct desktop *desktop,
		  const char *text, desktop_told told, void *data)
{
	struct telling *telling = g_new0(struct telling, 1);
	telling->owner = self;
	telling->id = g_strdup(desktop->id);
	telling->told = told;
	telling->data = data;
	g_free(desktop->message);
	desktop->message = g_strdup(text);
	desktop->message_at = store_now(self->broker->store);
	desktop->message_due = FALSE;
	desktops_touch(self, desktop);
	hosts_call(self->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:s}", "op", "machine.message",
			     "machine", desktop->id, "text", text),
		   MESSAGE_MS, on_told, telling);
}
