/* shadows.h - the helpdesk at somebody's desktop, with their consent.
 *
 * A helper asks; the desktop's user is asked in their client and answers, or
 * does not for SHADOW_ANSWER_S, which is a no. A yes gives the helper a ticket
 * beside the user's session: one that only looks on, by an address at which
 * the display takes no input, or one with everything, where the user allowed
 * it. Both see that it is on and either ends it; so do the user's leaving, the
 * helper's signing out or going away, and a policy that forbids it.
 *
 * Kept in memory: a broker that is started anew has forgotten all of them, and
 * lets none of their sessions come back.
 * Threads: one main context. */
#pragma once

#include "server/broker/desktops.h"

#define SHADOW_ANSWER_S 60

enum shadow_state {
	SHADOW_ASKED,
	SHADOW_GRANTED,
	SHADOW_REFUSED, /* by the user, or unanswered */
	SHADOW_ENDED,
};

struct shadow;
struct shadows;
struct shadows *shadows_create(struct broker *broker);
void shadows_destroy(struct shadows *shadows);

/* The end of a shadow's id in tickets and attach sessions. */
#define SHADOW_PREFIX "shadow-"

/* helper is a user's name; session the hash of the API session they ask from,
 * or NULL (admin.sock). */
struct shadow *shadow_ask(struct shadows *shadows, struct desktop *desktop,
			  const char *helper, const char *session,
			  gboolean control, GError **error);
/* The user's answer. */
gboolean shadow_answer(struct shadows *shadows, struct desktop *desktop,
		       gboolean allow, gboolean control, GError **error);
/* In words for both; of one that has ended already nothing happens. */
void shadow_end(struct shadows *shadows, struct shadow *shadow,
		const char *why);

/* By its id, also for some minutes after its end; NULL: unknown. */
struct shadow *shadows_find(struct shadows *shadows, const char *id);
const char *shadow_helper(const struct shadow *shadow);
const char *shadow_desktop(const struct shadow *shadow);
/* What tickets are made with; FAULT_CONFLICT unless it is granted. */
char *shadow_ticket(struct shadows *shadows, struct shadow *shadow,
		    GError **error);

/* For an attach session that belongs to one: where its tunnel goes. NULL and
 * FAULT_DENIED where it may not. */
const char *shadows_address(struct shadows *shadows, const char *session,
			    const struct desktop *desktop, const char *protocol,
			    GError **error);

/* What GET /shadows/{id} shows. */
json_t *shadow_json(const struct shadow *shadow);
#define SHADOW_KEY "shadow " /* in the hub, followed by the id */
/* What the desktop's user sees, or null; new reference. */
json_t *shadow_user_json(const struct shadow *shadow);
