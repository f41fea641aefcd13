/* limits.h - may this desktop be started, and where.
 *
 * A desktop reserves its processors and memory from the moment that its start
 * is stored until it is off or has failed. Reservations live in the desktops
 * themselves, so that nothing is left reserved by mistake. Every refusal
 * (FAULT_BUSY) names the limit, how far it is used, and by whom.
 * Threads: one main context. */
#pragma once

#include "server/broker/desktops.h"
#include "server/broker/pools.h"

/* May another desktop exist in the pool? */
gboolean limits_admit_new(struct broker *broker, const struct pool *pool,
			  GError **error);
/* May the desktop be on: its user's limit and its pool's quota. */
gboolean limits_admit_start(struct broker *broker, const struct pool *pool,
			    const struct desktop *desktop, GError **error);
/* The host where it fits best, among those that have the image; its own where
 * it has one. Borrowed until the main loop runs again. */
const char *limits_place(struct broker *broker, const struct pool *pool,
			 const struct desktop *desktop, GError **error);
/* What a quota has and how much is used; {"quotas": [...]} for name NULL. */
json_t *quotas_json(struct broker *broker, const char *name, GError **error);
