/* keeper.h - keeps pools as they are meant to be.
 *
 * Spares are made while there are too few, and retired when there are too
 * many or their image is no longer the pool's. A floating desktop that its
 * user has left is switched off and thrown away, and so is any desktop that
 * nobody has looked at for the pool's disconnect time (a dedicated one is
 * shut down). A spare that fails is kept, one for each pool, so that its log
 * can be read; the next is tried after a pause that doubles.
 *
 * Looks when something changed (keeper_poke) and every few seconds.
 * Threads: one main context. */
#pragma once

#include "server/broker/internal.h"

struct keeper *keeper_create(struct broker *broker);
void keeper_destroy(struct keeper *keeper);
void keeper_poke(struct keeper *keeper);
/* Why the pool has fewer spares than it should, or NULL. Borrowed. */
const char *keeper_problem(struct keeper *keeper, const char *pool);

/* Who asked for a desktop and was refused, a minute and a half ago at most:
 * whoever still wants it asks again. */
void keeper_waits(struct keeper *keeper, const char *user, const char *pool,
		  const GError *why);
void keeper_waits_no_more(struct keeper *keeper, const char *user,
			  const char *pool);
/* [{user, pool, desktop, since, why}]: those refused, and those whose desktop
 * is on its way. */
json_t *keeper_waiting(struct keeper *keeper);
