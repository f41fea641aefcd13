/* pools.h - a pool's settings, as the store has them.
 *
 * A dedicated desktop belongs to its user and is kept; a floating one is
 * anybody's until somebody opens it, and is thrown away when they log off.
 * Spares are desktops without an owner that run already, and become the
 * desktop of whoever comes next, in pools of either kind. Threads: one. */
#pragma once

#include "server/broker/policy.h"

struct pool {
	char *name, *image;
	char *quota;                    /* or NULL */
	gint64 cpus, memory_mib, heads; /* of each desktop */
	gint64 max, spares;
	gint64 version;      /* that new desktops stand on; 0 is the newest */
	gint64 disconnect_s; /* without viewers until it ends; 0 never */
	gint64 home_mib;     /* of each user, where it is floating; 0 none */
	gint64 idle_s;       /* without input until disconnected; 0 never */
	struct policy policy;
	json_t *schedule; /* schedule.h's, or NULL */
	gboolean floating, everyone;
	gboolean install; /* made for an installation (images-install.c) */
};
typedef struct pool pool_settings;
void pool_free(struct pool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pool_settings, pool_free)

/* How many are to be ready at this moment. */
gint64 pool_spares(struct broker *broker, const struct pool *pool);

/* name NULL: all, by name. struct pool, owned; NULL is a failure. */
GPtrArray *pools_load(struct broker *broker, const char *name, GError **error);
/* One; FAULT_NOT_FOUND. */
struct pool *pool_load(struct broker *broker, const char *name, GError **error);
/* The version that a new desktop of it stands on; 0 and a fault. */
gint64 pool_version(struct broker *broker, const struct pool *pool,
		    GError **error);
