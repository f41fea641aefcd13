/* desktops.h - the desktops, their states, and what is asked of their hosts.
 *
 * Every desktop is in memory with what only lives there (stage, display
 * address, viewers) and in the store with what must survive. A change that
 * somebody asks for is in the store before anything is done about it; a
 * change that a host reports holds in any case and is stored again later
 * when the store cannot take it (a full disk stops no desktop).
 *
 * Threads: one main context. Desktops are borrowed until the main loop runs
 * again; keep the id. */
#pragma once

#include "server/broker/policy.h"
#include "server/broker/states.h"

struct desktop {
	char *id, *name, *pool, *image, *host;
	char *user; /* "" of a spare */
	gint64 version;
	enum desktop_state state;
	enum desktop_cause cause;
	gint64 since;
	gint64 cpus, memory_mib; /* reserved while it is on */
	gboolean floating;       /* its pool is */
	json_t *error;           /* {code, cause, remedy} or NULL */
	gboolean removing;
	/* not in the store */
	json_t *warning;
	char *stage, *address, *accelerator;
	char *windows; /* address of its windows' stream; NULL: none */
	char *view;    /* address for who only looks on; NULL: none */
	char *spice;   /* address; NULL where the display speaks none */
	double fraction;
	gint64 viewers;
	gint64 serial;
	enum desktop_state reported; /* by its host, last; off where unknown */
	gboolean heard;        /* reported as other than off since it was asked
				  to start */
	gboolean stop_pending; /* asked, not yet accepted */
	gboolean start_wanted; /* as soon as it is off */
	gboolean unsaved;
	gint64 heard_us;  /* when its host last spoke of it */
	gint64 vacant_us; /* since when nobody is connected; 0 not running */
	/* of use; desktops-use.c */
	struct desktops *owner;
	struct policy policy;
	gboolean policy_sent;  /* `policy` is its own */
	gboolean policy_due;   /* its host has not taken it: nobody comes in */
	unsigned policy_calls; /* under way */
	guint policy_timer;
	gint64 input_us; /* of the newest; 0: none known */
	gboolean warned, locked;
	gint64 locked_at; /* since when its session is; 0: not by us */
	/* homes.c's */
	gboolean home_due;   /* not there yet: nobody comes in */
	gboolean home_asked; /* of its host, which has not answered */
	GError *home_error;  /* why not, or NULL */
	guint home_timer;
	char *message; /* the last words to its user, or NULL */
	gint64 message_at;
	gboolean message_due; /* the guest has not shown it */
	gint64 notes_serial;
	char *recording;   /* its id; NULL: it is not recorded */
	char *recorded_by; /* policy, or who began it */
	gint64 recorded_since;
	const struct shadow *shadow; /* shadows.c's; NULL: none */
	gboolean counted;            /* keeper.c's: this failure has been */
	void (*removed)(const GError *error, void *data); /* of a discard */
	void *removed_data;
};

struct desktops *desktops_create(struct broker *broker, GError **error);
void desktops_destroy(struct desktops *desktops);

/* After the store was gone for a while. */
void desktops_store_back(struct desktops *desktops);

struct desktop *desktops_find(struct desktops *desktops, const char *id);
/* The user's desktop in a pool, or NULL. */
struct desktop *desktops_of(struct desktops *desktops, const char *pool,
			    const char *user);
/* All, in no order; free the list. */
GList *desktops_all(struct desktops *desktops);
/* How many stand in the pool, on the image (version 0: any), or belong to the
 * user; NULL counts all. */
unsigned desktops_count(struct desktops *desktops, const char *pool,
			const char *image, gint64 version, const char *user);

/* Wakes who waits for a change of it. */
void desktops_news(struct desktops *desktops, struct desktop *desktop);

/* What GET /desktops shows; new reference. */
json_t *desktop_json(struct desktops *desktops, const struct desktop *desktop);
#define DESKTOP_KEY "desktop " /* in the hub, followed by the id */

/* What it waits for, or why nothing is heard of it; new string or NULL. */
char *desktop_stage(struct desktops *desktops, const struct desktop *desktop);

struct pool;
/* Finds the user's desktop in the pool, gives them a spare, or makes one. */
struct desktop *desktops_obtain(struct desktops *desktops, const char *user,
				const struct pool *pool, GError **error);
/* user "" makes a spare. The pool's size has been checked. */
struct desktop *desktops_make(struct desktops *desktops, const char *user,
			      const struct pool *pool, gint64 version,
			      GError **error);
/* A floating one that its user has left; it only waits to be discarded. */
gboolean desktop_is_left(const struct desktop *desktop);

/* Each of these asks; that it came to pass is seen by watching. Done already
 * is done. */
gboolean desktop_start(struct desktops *desktops, struct desktop *desktop,
		       const char *who, GError **error);
gboolean desktop_stop(struct desktops *desktops, struct desktop *desktop,
		      gboolean at_once, const char *who, GError **error);
/* Answered later, exactly once. */
typedef void (*desktop_removed)(const GError *error, void *data);
void desktop_remove(struct desktops *desktops, struct desktop *desktop,
		    const char *who, desktop_removed removed, void *data);
/* The same whatever its state: it is switched off first. From now on it is
 * nobody's. why is told in its event; NULL tells nothing. */
void desktop_discard(struct desktops *desktops, struct desktop *desktop,
		     const char *why, desktop_removed removed, void *data);

/* Goes on with one that is being removed. */
void desktop_discard_again(struct desktops *desktops, struct desktop *desktop);

/* Words for who sits there: in the guest, where its image can, and in the
 * desktop's own answers, for clients that look. told may be NULL; error: the
 * guest could not show them. */
typedef void (*desktop_told)(const GError *error, void *data);
void desktop_tell(struct desktops *desktops, struct desktop *desktop,
		  const char *text, desktop_told told, void *data);
/* What its user is to know at once (message, recording, shadow) is new. */
void desktops_noted(struct desktops *desktops, struct desktop *desktop);
json_t *desktop_notes_json(struct desktops *desktops,
			   const struct desktop *desktop);
#define NOTES_KEY "notes " /* in the hub, followed by the id */
/* Whether its user is to know that it is recorded. */
gboolean desktop_tells_recording(const struct desktop *desktop);
/* Seconds without input while somebody is connected; -1 where unknown. */
gint64 desktop_idle_s(const struct desktop *desktop);
/* Its user has just come in, having proven at `proven_at` who they are: a
 * session that was locked before that is unlocked, so that nobody does it
 * twice. */
void desktop_unlock(struct desktops *desktops, struct desktop *desktop,
		    gint64 proven_at);
/* Locks, warns and disconnects as policy and pool say. */
void desktops_look_at_idleness(struct desktops *desktops,
			       struct desktop *desktop,
			       const struct pool *pool);
/* A pool's, a group's or a membership has changed. */
void desktops_policies_changed(struct desktops *desktops);

/* From the host link. machines may be NULL. */
void desktops_host_hello(struct desktops *desktops, const char *host,
			 json_t *machines);
void desktops_host_machine(struct desktops *desktops, const char *host,
			   json_t *message, gboolean at_hello);
void desktops_host_picture(struct desktops *desktops, const char *host,
			   json_t *message);
void desktops_host_lost(struct desktops *desktops, const char *host);
