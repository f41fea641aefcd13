#include "server/broker/shadows.h"

#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/attachments.h"
#include "server/broker/secrets.h"
#include "server/broker/tunnels.h"

#define LOOK_S 2
/* A helper whose viewer has gone may come back for so long. */
#define AWAY_S 20
/* One that has ended can be asked about for so long. */
#define KEPT_S 300
/* Of one helpdesk; more is a mistake or worse. */
#define SHADOWS_MAX 500

struct shadow {
	char *id, *desktop, *user, *helper, *session;
	enum shadow_state state;
	gboolean asked_control, control;
	const char *why; /* it is in this state, for people */
	gint64 since;    /* Unix seconds */
	gint64 since_us, seen_us;
	gint64 serial;
};

struct shadows {
	struct broker *broker;
	GHashTable *by_id; /* struct shadow; owned */
	guint timer;
};

static const char *const names[] = {[SHADOW_ASKED] = "asked",
				    [SHADOW_GRANTED] = "granted",
				    [SHADOW_REFUSED] = "refused",
				    [SHADOW_ENDED] = "ended"};

static void shadow_free(void *data)
{
	struct shadow *shadow = data;
	g_free(shadow->id);
	g_free(shadow->desktop);
	g_free(shadow->user);
	g_free(shadow->helper);
	g_free(shadow->session);
	g_free(shadow);
}

static gboolean is_live(const struct shadow *shadow)
{
	return shadow->state == SHADOW_ASKED || shadow->state == SHADOW_GRANTED;
}

static char *mark_of(const struct shadow *shadow)
{
	return g_strconcat(SHADOW_PREFIX, shadow->id, NULL);
}

/* ---- changes ---- */

static void set_state(struct shadows *self, struct shadow *shadow,
		      enum shadow_state state, const char *why)
{
	struct broker *broker = self->broker;
	struct desktop *desktop =
	    desktops_find(broker->desktops, shadow->desktop);
	g_autofree char *key = g_strconcat(SHADOW_KEY, shadow->id, NULL);
	shadow->state = state;
	shadow->why = why;
	shadow->since = store_now(broker->store);
	shadow->since_us = g_get_monotonic_time();
	shadow->serial = hub_serial(broker->hub);
	event_add(broker, "shadow", shadow->desktop, shadow->helper,
		  "%s at desktop %s of %s: %s", shadow->helper,
		  desktop ? desktop->name : shadow->desktop, shadow->user, why);
	if (desktop) {
		if (is_live(shadow))
			desktop->shadow = shadow;
		else if (desktop->shadow == shadow)
			desktop->shadow = NULL;
		desktops_noted(broker->desktops, desktop);
	}
	hub_changed(broker->hub, key);
}

static void close_sessions(struct shadows *self, struct shadow *shadow)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *mark = mark_of(shadow);
	if (!attachment_revoke(self->broker, ATTACH_OF_SESSION, mark, NULL,
			       ATTACH_SHADOW_ENDED, &error)) {
		/* none of them comes back, as the state is; what is open is
		 * cut with the tunnel */
		log_fault(NULL, error);
	}
}

void shadow_end(struct shadows *self, struct shadow *shadow, const char *why)
{
	if (!is_live(shadow))
		return;
	gboolean was_on = shadow->state == SHADOW_GRANTED;
	set_state(self, shadow, SHADOW_ENDED, why);
	if (was_on)
		close_sessions(self, shadow);
}

/* ---- what ends them by itself ---- */

static gboolean helper_there(struct shadows *self, const struct shadow *shadow)
{
	if (!shadow->session || !store_usable(self->broker->store))
		return TRUE;
	g_autoptr(store_rows) rows = store_query(
	    self->broker->store, NULL,
	    "SELECT 1 FROM sessions WHERE hash = $1 AND expires > $2", "si",
	    shadow->session, store_now(self->broker->store));
	return !rows || store_rows_count(rows);
}

static const char *reason_to_end(struct shadows *self, struct shadow *shadow,
				 gint64 now_us)
{
	struct broker *broker = self->broker;
	struct desktop *desktop =
	    desktops_find(broker->desktops, shadow->desktop);
	g_autofree char *mark = mark_of(shadow);
	if (!desktop || desktop->state != DESKTOP_RUNNING ||
	    g_strcmp0(desktop->user, shadow->user) != 0)
		return "The desktop has ended.";
	if (!desktop->policy.shadow)
		return "Its policy does not permit it any more.";
	if (!helper_there(self, shadow))
		return "The helper has signed out.";
	if (shadow->state == SHADOW_ASKED)
		return NULL;
	if (!tunnels_user_connected(broker->tunnels, shadow->desktop,
				    shadow->user, mark))
		return "The user has left.";
	if (tunnels_mark_connected(broker->tunnels, mark))
		shadow->seen_us = now_us;
	/* before it was ever there, the ticket's minute */
	gint64 from =
	    shadow->seen_us
		? shadow->seen_us
		: shadow->since_us + (TICKET_LIFE_S - AWAY_S) * G_USEC_PER_SEC;
	return now_us - from > AWAY_S * G_USEC_PER_SEC ? "The helper has left."
						       : NULL;
}

static gboolean on_look(void *data)
{
	struct shadows *self = data;
	gint64 now_us = g_get_monotonic_time();
	g_autoptr(GList) all = g_hash_table_get_values(self->by_id);
	for (GList *each = all; each; each = each->next) {
		struct shadow *shadow = each->data;
		gint64 age_us = now_us - shadow->since_us;
		const char *why = is_live(shadow)
				      ? reason_to_end(self, shadow, now_us)
				      : NULL;
		if (why)
			shadow_end(self, shadow, why);
		else if (shadow->state == SHADOW_ASKED &&
			 age_us > SHADOW_ANSWER_S * G_USEC_PER_SEC)
			set_state(self, shadow, SHADOW_REFUSED,
				  "The question was not answered.");
		else if (!is_live(shadow) && age_us > KEPT_S * G_USEC_PER_SEC)
			g_hash_table_remove(self->by_id, shadow->id);
	}
	if (g_hash_table_size(self->by_id))
		return G_SOURCE_CONTINUE;
	self->timer = 0;
	return G_SOURCE_REMOVE;
}

/* ---- asking and answering ---- */

static gboolean may_ask(struct shadows *self, const struct desktop *desktop,
			const char *helper, GError **error)
{
	if (desktop->state != DESKTOP_RUNNING || !*desktop->user)
		fault_set(error, FAULT_CONFLICT, NULL,
			  "Desktop '%s' is nobody's that runs.", desktop->name);
	else if (strcmp(desktop->user, helper) == 0)
		fault_set(error, FAULT_INVALID, "Open it as it is.",
			  "Desktop '%s' is your own.", desktop->name);
	else if (!desktop->policy.shadow)
		fault_set(error, FAULT_DENIED,
			  "'oriel pool show' tells its policy.",
			  "The policy of desktop '%s' lets nobody look on.",
			  desktop->name);
	else if (desktop->shadow && is_live(desktop->shadow))
		fault_set(error, FAULT_CONFLICT, "Wait for its end.",
			  "%s is at desktop '%s', or has asked.",
			  desktop->shadow->helper, desktop->name);
	else if (!tunnels_user_connected(self->broker->tunnels, desktop->id,
					 desktop->user, NULL))
		fault_set(error, FAULT_CONFLICT,
			  "Ask when they have opened it.",
			  "Nobody sits at desktop '%s' who could be asked.",
			  desktop->name);
	else if (g_hash_table_size(self->by_id) >= SHADOWS_MAX)
		fault_set(error, FAULT_BUSY, "Try again in some minutes.",
			  "Too many were asked for.");
	else
		return TRUE;
	return FALSE;
}

struct shadow *shadow_ask(struct shadows *self, struct desktop *desktop,
			  const char *helper, const char *session,
			  gboolean control, GError **error)
{
	if (!may_ask(self, desktop, helper, error))
		return NULL;
	struct shadow *shadow = g_new0(struct shadow, 1);
	shadow->id =
	    g_strdup_printf("%08x%08x", g_random_int(), g_random_int());
	shadow->desktop = g_strdup(desktop->id);
	shadow->user = g_strdup(desktop->user);
	shadow->helper = g_strdup(helper);
	shadow->session = g_strdup(session);
	shadow->asked_control = control;
	g_hash_table_insert(self->by_id, shadow->id, shadow);
	if (!self->timer)
		self->timer = g_timeout_add_seconds(LOOK_S, on_look, self);
	set_state(self, shadow, SHADOW_ASKED,
		  control ? "The helper has asked to take part."
			  : "The helper has asked to look on.");
	return shadow;
}

gboolean shadow_answer(struct shadows *self, struct desktop *desktop,
		       gboolean allow, gboolean control, GError **error)
{
	struct shadow *shadow =
	    desktop->shadow ? shadows_find(self, desktop->shadow->id) : NULL;
	if (!shadow || shadow->state != SHADOW_ASKED) {
		fault_set(error, FAULT_CONFLICT, NULL,
			  "Nobody is waiting for an answer.");
		return FALSE;
	}
	/* never more than was asked for */
	shadow->control = allow && control && shadow->asked_control;
	if (allow)
		set_state(self, shadow, SHADOW_GRANTED,
			  shadow->control ? "The user lets them take part."
					  : "The user lets them look on.");
	else
		set_state(self, shadow, SHADOW_REFUSED,
			  "The user does not want it.");
	return TRUE;
}

char *shadow_ticket(struct shadows *self, struct shadow *shadow, GError **error)
{
	g_autofree char *mark = mark_of(shadow);
	if (shadow->state == SHADOW_GRANTED)
		return attachment_ticket(self->broker, shadow->desktop,
					 shadow->helper, mark, error);
	fault_set(error, FAULT_CONFLICT,
		  shadow->state == SHADOW_ASKED ? "Wait for the answer."
						: "Ask again.",
		  "%s", shadow->why);
	return NULL;
}

const char *shadows_address(struct shadows *self, const char *session,
			    const struct desktop *desktop, const char *protocol,
			    GError **error)
{
	struct shadow *shadow =
	    shadows_find(self, session + strlen(SHADOW_PREFIX));
	if (!shadow || shadow->state != SHADOW_GRANTED ||
	    strcmp(shadow->desktop, desktop->id) != 0) {
		fault_set(error, FAULT_DENIED, "Ask again.", "%s",
			  attach_cause_text(ATTACH_SHADOW_ENDED));
		return NULL;
	}
	/* one door takes no input, and it speaks RFB */
	if (strcmp(protocol, "rfb") == 0)
		return shadow->control ? desktop->address : desktop->view;
	fault_set(error, FAULT_INVALID, "Open it over VNC.",
		  "Who looks on does so over VNC.");
	return NULL;
}

/* ---- looking ---- */

struct shadow *shadows_find(struct shadows *self, const char *id)
{
	return g_hash_table_lookup(self->by_id, id);
}

const char *shadow_helper(const struct shadow *shadow)
{
	return shadow->helper;
}

const char *shadow_desktop(const struct shadow *shadow)
{
	return shadow->desktop;
}

json_t *shadow_json(const struct shadow *shadow)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:I, s:I}",
			 "id", shadow->id, "desktop", shadow->desktop, "user",
			 shadow->user, "helper", shadow->helper, "state",
			 names[shadow->state], "asked_control",
			 shadow->asked_control, "control", shadow->control,
			 "why", shadow->why, "since", (json_int_t)shadow->since,
			 "serial", (json_int_t)shadow->serial);
}

json_t *shadow_user_json(const struct shadow *shadow)
{
	return shadow && is_live(shadow) ? shadow_json(shadow) : json_null();
}

struct shadows *shadows_create(struct broker *broker)
{
	struct shadows *self = g_new0(struct shadows, 1);
	self->broker = broker;
	self->by_id =
	    g_hash_table_new_full(g_str_hash, g_str_equal, NULL, shadow_free);
	return self;
}

void shadows_destroy(struct shadows *self)
{
	if (!self)
		return;
	if (self->timer)
		g_source_remove(self->timer);
	g_hash_table_unref(self->by_id);
	g_free(self);
}
