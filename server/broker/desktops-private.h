/* desktops-private.h - between desktops.c (objects and their changes),
 * desktops-ask.c (what is asked of hosts) and desktops-host.c (what hosts
 * say). */
#pragma once

#include "server/broker/desktops.h"

struct desktops {
	struct broker *broker;
	GHashTable *by_id; /* struct desktop; owned */
	guint retry;       /* timer while something is unsaved */
};

/* Gives it a new serial and wakes who waits. */
void desktops_touch(struct desktops *self, struct desktop *desktop);

/* One change of state: in the store with its event, then in memory. fault is
 * {code, cause, remedy} or NULL; borrowed. holds_anyway: it has happened, so
 * a store that cannot take it gets it later. FALSE: not possible from here
 * (FAULT_CONFLICT) or not stored. */
gboolean desktops_change(struct desktops *self, struct desktop *desktop,
			 enum desktop_cause cause, json_t *fault,
			 const char *who, gboolean holds_anyway,
			 GError **error);

/* Sends the policy where it is another than its display has; fresh: that has
 * begun anew, or nobody knows. */
void desktops_apply_policy(struct desktops *self, struct desktop *desktop,
			   gboolean fresh);
/* What its host says of its recording (may be NULL): told, where it is new.
 */
void desktops_recorded(struct desktops *self, struct desktop *desktop,
		       json_t *recording);
/* When it does not run any more. */
void desktops_forget_use(struct desktop *desktop);
/* Somebody used it idle_s ago. */
void desktops_used(struct desktop *desktop, gint64 idle_s);

/* Sends the host what the state calls for: create and start. */
void desktops_send_start(struct desktops *self, struct desktop *desktop);
/* One that is being removed: off with it, then away. */
void desktops_go_on_discarding(struct desktops *self, struct desktop *desktop);
void desktops_send_remove(struct desktops *self, struct desktop *desktop,
			  desktop_removed removed, void *data);
