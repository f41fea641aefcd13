/* attachments.h - tickets, and the attach sessions that they turn into.
 *
 * A ticket is redeemed once: the statement that marks it used is the one that
 * says whether it was good, so two redeems at once cannot both win.
 * An attach session lives until something revokes it; that is a row that goes
 * and an event to the gateway's worker that holds the tunnel. */
#pragma once

#include "server/broker/internal.h"
#include "server/broker/states.h"

#define TICKET_LIFE_S 60

/* Reads those of before into memory. */
gboolean attachments_load(struct broker *broker, GError **error);

/* session is the hash of the API session it comes from, or NULL. */
char *attachment_ticket(struct broker *broker, const char *desktop,
			const char *user, const char *session, GError **error);

struct attachment {
	char *hash;
	char *desktop;
	char *user;
	char *shadow;     /* its mark (shadows.h); NULL: it is none */
	GPtrArray *older; /* hashes it takes over from; NULL of a resume */
};
void attachment_clear(struct attachment *attach);

/* A new session takes over from those that the same user has with the same
 * desktop over the same protocol (a desktop's windows are opened beside its
 * screen): they are revoked, and their terminals told.
 *
 * New secret; FAULT_DENIED for a ticket that is unknown, used or too old. */
char *attachment_redeem(struct broker *broker, const char *ticket,
			const char *protocol, const char *peer,
			struct attachment *attach, GError **error);
/* The same without a ticket, after a password. */
char *attachment_open(struct broker *broker, const char *desktop,
		      const char *user, const char *protocol, const char *peer,
		      struct attachment *attach, GError **error);
/* When the sign-in that this session came from was; 0: unknown, or a shadow's.
 */
gint64 attachment_signed_in(struct broker *broker,
			    const struct attachment *attach);
gboolean attachment_resume(struct broker *broker, const char *secret,
			   struct attachment *attach, GError **error);
void attachment_drop(struct broker *broker, const char *hash);

enum attach_of {
	ATTACH_OF_DESKTOP,
	ATTACH_OF_USER,
	ATTACH_OF_SESSION,
};
/* Ends them all, with tickets not yet used, and tells of it; except is the hash
 * of an API session whose attach sessions stay, or NULL. FALSE: the store is at
 * fault, and nothing was revoked. */
gboolean attachment_revoke(struct broker *broker, enum attach_of of,
			   const char *value, const char *except,
			   enum attach_cause cause, GError **error);

/* Who has what open: {"attaches": [...]}, newest first; NULL is a failure. */
json_t *attachments_json(struct broker *broker, GError **error);
