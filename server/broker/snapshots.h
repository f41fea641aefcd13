/* snapshots.h - states of a dedicated desktop's disk that one can go back to.
 *
 * They form a tree: each knows the one that the desktop stood on when it was
 * taken. What is asked of the host is stored first and asked again at its next
 * hello until it has answered; it does the same thing twice without harm.
 * Threads: one main context. */
#pragma once

#include "server/broker/desktops.h"

#define SNAPSHOTS_MAX                                                          \
	16 /* of one desktop: each keeps what has changed since                \
	    */

/* {"snapshots": [...], "stands_on": name or null}, oldest first. */
json_t *snapshots_json(struct broker *broker, const char *desktop,
		       GError **error);
/* FALSE and FAULT_CONFLICT while the host works on one of them. */
gboolean snapshots_at_rest(struct broker *broker, const struct desktop *desktop,
			   GError **error);

enum snapshot_wish { SNAPSHOT_TAKE, SNAPSHOT_REVERT, SNAPSHOT_REMOVE };
/* Answered later, exactly once. */
typedef void (*snapshot_done)(const GError *error, void *data);
void snapshots_ask(struct broker *broker, struct desktop *desktop,
		   enum snapshot_wish wish, const char *name, const char *who,
		   snapshot_done done, void *data);

void snapshots_host_hello(struct broker *broker, const char *host);
