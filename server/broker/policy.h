/* policy.h - what somebody may do with a desktop, beside looking at it.
 *
 * A pool and a group may each have a policy; for a user at a desktop the
 * strictest of the pool's and their groups' holds, member by member. It goes
 * to the desktop's host before the user is let in, and whenever it changes.
 * Threads: one main context. */
#pragma once

#include "server/broker/internal.h"

enum way { WAY_NONE = 0, WAY_IN = 1, WAY_OUT = 2, WAY_BOTH = 3 };
/* told: who sits there is told of it */
enum record { RECORD_NONE, RECORD_QUIET, RECORD_TOLD };
enum sound { SOUND_NONE, SOUND_PLAY, SOUND_BOTH };

struct policy {
	enum way clipboard, files; /* into the guest, out of it */
	enum sound audio;
	enum record record; /* while somebody looks on */
	gboolean usb, watermark;
	gboolean shadow;       /* the helpdesk may ask to look on */
	gint64 bandwidth_kbit; /* 0: no limit */
	gint64 idle_lock_s;    /* 0: never */
};
extern const struct policy policy_open; /* everything is allowed */
gboolean policy_same(const struct policy *a, const struct policy *b);
/* The strictest of both, in *policy. */
void policy_narrow(struct policy *policy, const struct policy *by);

/* Members that are absent are as in policy_open; checked by the API's shape,
 * so that what is not understood here is as if absent. */
struct policy policy_of_json(json_t *json);
json_t *policy_json(const struct policy *policy);
/* The same of a column, which may be NULL. */
struct policy policy_of_text(const char *text);

/* That of the user at a desktop of the pool. */
gboolean policy_find(struct broker *broker, const char *pool, const char *user,
		     struct policy *policy, GError **error);
/* Sets the column `policy` of the row of table (pools, groups): what change
 * names is replaced, the rest stays; null empties it. */
gboolean policy_store(struct broker *broker, const char *table,
		      const char *name, json_t *change, GError **error);
