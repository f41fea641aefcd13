/* What hosts say of their machines. A host is trusted to tell the truth about
 * its own desktops and nothing else: a machine of another host's, an unknown
 * state, a text without end are refused here. */
#include <string.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/desktops-private.h"
#include "server/broker/homes.h"
#include "server/broker/hosts.h"

#define TEXT_MAX 500

static const enum desktop_cause seen[DESKTOP_STATES] = {
    [DESKTOP_OFF] = DESKTOP_SEEN_OFF,
    [DESKTOP_STARTING] = DESKTOP_SEEN_STARTING,
    [DESKTOP_RUNNING] = DESKTOP_SEEN_RUNNING,
    [DESKTOP_STOPPING] = DESKTOP_SEEN_STOPPING,
    [DESKTOP_FAILED] = DESKTOP_SEEN_FAILED,
};

static char *text_of(json_t *message, const char *key)
{
	const char *text = json_string_value(json_object_get(message, key));
	if (!text || !*text)
		return NULL;
	char *copy = g_strndup(text, TEXT_MAX);
	if (!g_utf8_validate(copy, -1, NULL)) {
		char *valid = g_utf8_make_valid(copy, -1);
		g_free(copy);
		return valid;
	}
	return copy;
}

/* {code, cause, remedy}, rebuilt, or NULL. */
static json_t *fault_of(json_t *message, const char *key)
{
	json_t *given = json_object_get(message, key);
	if (!json_is_object(given))
		return NULL;
	g_autoptr(GError) error = jsonline_to_error(given);
	return jsonline_from_error(error);
}

static struct desktop *find_machine(struct desktops *self, const char *host,
				    json_t *message, gboolean at_hello)
{
	const char *id = json_string_value(json_object_get(message, "machine"));
	struct desktop *desktop = id ? desktops_find(self, id) : NULL;
	if (desktop && !desktop->host) /* a store older than the machine */
		desktop->host = g_strdup(host);
	if (desktop && strcmp(desktop->host, host) == 0)
		return desktop;
	static struct log_limit limit = {.burst = 3};
	if (id && at_hello && log_allow(&limit, NULL)) {
		g_autofree char *quoted = log_quote(id, strlen(id));
		event_add(self->broker, "machine-unknown", host, NULL,
			  "Host %s has a machine %s that the store does not "
			  "know; it is left alone.",
			  host, quoted);
	}
	return NULL;
}

static void take_live(struct desktops *self, struct desktop *desktop,
		      json_t *message, gboolean at_hello)
{
	g_free(desktop->stage);
	desktop->stage = text_of(message, "stage");
	json_t *fraction = json_object_get(message, "fraction");
	if (json_is_number(fraction))
		desktop->fraction =
		    CLAMP(json_number_value(fraction), 0.0, 1.0);
	if (desktop->state == DESKTOP_RUNNING) {
		g_free(desktop->address);
		desktop->address = text_of(message, "rfb");
		g_free(desktop->windows);
		desktop->windows = text_of(message, "windows");
		g_free(desktop->view);
		desktop->view = text_of(message, "view");
		g_free(desktop->spice);
		desktop->spice = text_of(message, "spice");
	}
	json_t *viewers = json_object_get(message, "viewers");
	if (json_is_integer(viewers)) {
		gint64 count = CLAMP(json_integer_value(viewers), 0, 10000);
		if (desktop->viewers && !count)
			desktop->vacant_us = desktop->heard_us;
		/* coming is use; at a hello they have been there */
		if (!desktop->viewers && count && !at_hello)
			desktops_used(desktop, 0);
		desktop->viewers = count;
	}
	json_t *idle = json_object_get(message, "idle_s");
	if (json_is_integer(idle) && desktop->state == DESKTOP_RUNNING)
		desktops_used(desktop,
			      CLAMP(json_integer_value(idle), 0, 365 * 86400));
	desktops_recorded(self, desktop, json_object_get(message, "recording"));
	g_free(desktop->accelerator);
	desktop->accelerator = text_of(message, "accelerator");
	json_decref(desktop->warning);
	desktop->warning = fault_of(message, "warning");
	desktops_touch(self, desktop);
}

void desktops_host_machine(struct desktops *self, const char *host,
			   json_t *message, gboolean at_hello)
{
	struct desktop *desktop = find_machine(self, host, message, at_hello);
	enum desktop_state state;
	if (!desktop ||
	    !desktop_state_parse(
		json_string_value(json_object_get(message, "state")), &state))
		return;
	desktop->reported = state;
	desktop->heard_us = g_get_monotonic_time();
	/* News from before the host read what we asked of it: a machine that
	 * is off before its start, one that runs before its stop. */
	gboolean stale =
	    (desktop->state == DESKTOP_STARTING && !desktop->heard &&
	     state == DESKTOP_OFF) ||
	    (desktop->state == DESKTOP_STOPPING && desktop->stop_pending &&
	     (state == DESKTOP_RUNNING || state == DESKTOP_STARTING));
	if (stale)
		return;
	desktop->heard = desktop->heard || state != DESKTOP_OFF;
	gboolean changed = state != desktop->state;
	if (changed) {
		json_t *fault =
		    state == DESKTOP_FAILED ? fault_of(message, "error") : NULL;
		desktops_change(self, desktop, seen[state], fault, NULL, TRUE,
				NULL);
		json_decref(fault);
	}
	take_live(self, desktop, message, at_hello);
	if (state == DESKTOP_RUNNING && (changed || at_hello)) {
		desktops_apply_policy(self, desktop, TRUE);
		homes_want(self->broker, desktop);
	}
	if (desktop->state == DESKTOP_OFF && desktop->start_wanted) {
		desktop->start_wanted = FALSE;
		g_autoptr(GError) error = NULL;
		if (!desktop_start(self, desktop, desktop->user, &error))
			log_fault(&(struct log_about){.vm = desktop->id},
				  error);
	}
}

void desktops_host_picture(struct desktops *self, const char *host,
			   json_t *message)
{
	struct desktop *desktop = find_machine(self, host, message, FALSE);
	if (desktop)
		desktops_touch(self, desktop);
}

/* ---- reconciling ---- */

/* After hello: what the store says against what the host says. */
static void reconcile(struct desktops *self, struct desktop *desktop)
{
	if (desktop->removing) {
		/* a machine that the host has not is as off as can be */
		if (desktop->reported == DESKTOP_OFF &&
		    desktop->state != DESKTOP_OFF &&
		    desktop->state != DESKTOP_FAILED)
			desktops_change(self, desktop, DESKTOP_SEEN_OFF, NULL,
					NULL, TRUE, NULL);
		else
			desktops_go_on_discarding(self, desktop);
		return;
	}
	if (desktop->reported != DESKTOP_OFF)
		return;
	if (desktop->state == DESKTOP_STARTING)
		/* asked for, and not under way: the asking was lost */
		desktops_send_start(self, desktop);
	else if (desktop->state != DESKTOP_OFF &&
		 desktop->state != DESKTOP_FAILED)
		desktops_change(self, desktop, DESKTOP_SEEN_OFF, NULL, NULL,
				TRUE, NULL);
}

static void forget(struct desktop *desktop)
{
	desktop->reported = DESKTOP_OFF;
	desktop->heard = FALSE;
	desktop->stop_pending = FALSE;
}

void desktops_host_hello(struct desktops *self, const char *host,
			 json_t *machines)
{
	g_autoptr(GList) all = desktops_all(self);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (g_strcmp0(desktop->host, host) == 0)
			forget(desktop);
	}
	gsize i;
	json_t *machine;
	json_array_foreach(machines, i, machine)
	    desktops_host_machine(self, host, machine, TRUE);
	for (GList *each = all; each; each = each->next) {
		struct desktop *desktop = each->data;
		if (g_strcmp0(desktop->host, host) == 0)
			reconcile(self, desktop);
	}
}

void desktops_host_lost(struct desktops *self, const char *host)
{
	GHashTableIter iter;
	void *value;
	g_hash_table_iter_init(&iter, self->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct desktop *desktop = value;
		if (g_strcmp0(desktop->host, host) != 0)
			continue;
		forget(desktop);
		desktops_touch(self, desktop);
	}
}
