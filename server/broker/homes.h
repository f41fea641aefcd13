/* homes.h - the disk that goes with somebody from one floating desktop of a
 * pool to their next.
 *
 * A home stands on one host's storage and is one desktop's at a time: the
 * store's row is the lease, its epoch grows with each grant, and the host
 * refuses an older one (docs/host-link.md). It is given back when its desktop
 * is seen to be off, so that a host which is lost keeps what it had until it
 * is heard of again. Nobody is let into a desktop before its home is there
 * (desktop->home_due).
 * Threads: one main context. */
#pragma once

#include "server/broker/desktops.h"

/* Of a desktop that runs: has its user's home brought, if its pool gives one
 * and it is not there. Tried again until it is or the desktop ends. */
void homes_want(struct broker *broker, struct desktop *desktop);
/* When it does not run any more. */
void homes_forget(struct desktop *desktop);
/* Inside the transaction that stores that the desktop is off or gone. */
gboolean homes_release(struct broker *broker, const char *desktop,
		       GError **error);
/* The host that a new desktop has to be on; new string, NULL: any. FALSE: it
 * is not connected, or the store. */
gboolean homes_place(struct broker *broker, const char *user,
		     const struct pool *pool, char **host, GError **error);

/* {"homes": [...]}, or with an id that one; FAULT_NOT_FOUND. */
json_t *homes_json(struct broker *broker, const char *id, GError **error);

enum home_wish {
	HOME_DESCRIBE,
	HOME_BACKUP,
	HOME_RESTORE,
	HOME_BACKUP_REMOVE,
	HOME_REMOVE,
};
/* Answered once, with what its host says (borrowed). name: the backup's, or
 * NULL. */
typedef void (*home_done)(json_t *reply, const GError *error, void *data);
void homes_ask(struct broker *broker, const char *id, enum home_wish wish,
	       const char *name, const char *who, home_done done, void *data);
