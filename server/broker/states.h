/* states.h - what desktops, tasks, images, snapshots and sessions may become,
 * and why.
 *
 * This is the only place that says so. A change is asked for by its cause;
 * the tables tell from which states it is possible and where it leads. A cause
 * has a name, which is what the store keeps, and words for people, which is
 * what the API and the events tell. Threads: any. */
#pragma once

#include <glib.h>

enum desktop_state {
	DESKTOP_OFF,
	DESKTOP_STARTING,
	DESKTOP_RUNNING,
	DESKTOP_STOPPING,
	DESKTOP_FAILED,
	DESKTOP_STATES,
};

enum desktop_cause {
	DESKTOP_MADE,
	DESKTOP_ASKED_START,
	DESKTOP_ASKED_SHUTDOWN,
	DESKTOP_ASKED_OFF,
	DESKTOP_START_REFUSED, /* by the host, with a fault */
	DESKTOP_STOP_REFUSED,
	/* what the host says is so */
	DESKTOP_SEEN_OFF,
	DESKTOP_SEEN_STARTING,
	DESKTOP_SEEN_RUNNING,
	DESKTOP_SEEN_STOPPING,
	DESKTOP_SEEN_FAILED,
	DESKTOP_CAUSES,
};

const char *desktop_state_name(enum desktop_state state);
/* FALSE for a name that is none. */
gboolean desktop_state_parse(const char *name, enum desktop_state *state);
const char *desktop_cause_name(enum desktop_cause cause);
enum desktop_cause desktop_cause_parse(const char *name);
/* For people: "its user asked for it". */
const char *desktop_cause_text(enum desktop_cause cause);
/* Where it leads; FALSE where it is not possible. */
gboolean desktop_state_after(enum desktop_state from, enum desktop_cause cause,
			     enum desktop_state *to);

enum task_state {
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_DONE,
	TASK_FAILED,
	TASK_CANCELLED,
	TASK_STATES,
};

enum task_cause {
	TASK_ASKED,
	TASK_ACCEPTED,  /* by its host */
	TASK_REFUSED,   /* by its host, with a fault */
	TASK_ABANDONED, /* its host ended on it, again and again */
	TASK_DROPPED,   /* cancelled while its host was away */
	TASK_NOT_THERE, /* cancelled, and the host knows of none such */
	TASK_SEEN_RUNNING,
	TASK_SEEN_DONE,
	TASK_SEEN_FAILED,
	TASK_SEEN_CANCELLED,
	TASK_CAUSES,
};
const char *task_state_name(enum task_state state);
gboolean task_state_parse(const char *name, enum task_state *state);
const char *task_cause_name(enum task_cause cause);
/* NULL for a name that is none. */
const char *task_cause_text(const char *name);
/* An ended task stays as it is. */
gboolean task_state_after(enum task_state from, enum task_cause cause,
			  enum task_state *to);

/* Of one version. It is made by its task and is then ready until removed. */
enum image_state {
	IMAGE_NONE, /* no row */
	IMAGE_BUILDING,
	IMAGE_READY,
	IMAGE_REMOVING,
	IMAGE_STATES,
};

enum image_cause {
	IMAGE_ASKED, /* build or import */
	IMAGE_BUILT,
	IMAGE_NOT_BUILT, /* its task failed or was cancelled */
	IMAGE_ASKED_REMOVE,
	IMAGE_REMOVE_REFUSED, /* by its host */
	IMAGE_REMOVED,
	IMAGE_CAUSES,
};
const char *image_state_name(enum image_state state);
gboolean image_state_parse(const char *name, enum image_state *state);
const char *image_cause_name(enum image_cause cause);
const char *image_cause_text(const char *name);
gboolean image_state_after(enum image_state from, enum image_cause cause,
			   enum image_state *to);

/* Of a snapshot of a desktop's disk. */
enum snapshot_state {
	SNAPSHOT_NONE, /* no row */
	SNAPSHOT_TAKING,
	SNAPSHOT_READY,
	SNAPSHOT_REVERTING, /* the desktop's disk becomes what it was then */
	SNAPSHOT_REMOVING,
	SNAPSHOT_STATES,
};

enum snapshot_cause {
	SNAPSHOT_ASKED_TAKE,
	SNAPSHOT_TAKEN,
	SNAPSHOT_TAKE_REFUSED,
	SNAPSHOT_ASKED_REVERT,
	SNAPSHOT_REVERTED,
	SNAPSHOT_REVERT_REFUSED,
	SNAPSHOT_ASKED_REMOVE,
	SNAPSHOT_REMOVED,
	SNAPSHOT_REMOVE_REFUSED,
	SNAPSHOT_CAUSES,
};
const char *snapshot_state_name(enum snapshot_state state);
gboolean snapshot_state_parse(const char *name, enum snapshot_state *state);
const char *snapshot_cause_name(enum snapshot_cause cause);
const char *snapshot_cause_text(const char *name);
gboolean snapshot_state_after(enum snapshot_state from,
			      enum snapshot_cause cause,
			      enum snapshot_state *to);

/* Of a session with a desktop ("attach"). */
enum attach_state {
	ATTACH_NONE,   /* never was, or has ended */
	ATTACH_TICKET, /* may be opened once, within a minute */
	ATTACH_OPEN,   /* its secret reconnects */
	ATTACH_STATES,
};

enum attach_cause {
	ATTACH_TICKET_MADE,
	ATTACH_TICKET_EXPIRED,
	ATTACH_REDEEMED,
	ATTACH_SIGNED_IN, /* in a viewer, by password */
	/* what ends it, in words that its user is told */
	ATTACH_ELSEWHERE,
	ATTACH_DESKTOP_ENDED,
	ATTACH_DISCONNECTED,
	ATTACH_SIGNED_OUT,
	ATTACH_SESSION_ENDED,
	ATTACH_PASSWORD_CHANGED,
	ATTACH_USER_REMOVED,
	ATTACH_IDLE,
	ATTACH_SHADOW_ENDED,
	ATTACH_NEVER_TOLD, /* its terminal left before it knew the secret */
	ATTACH_CAUSES,
};
const char *attach_cause_name(enum attach_cause cause);
const char *attach_cause_text(enum attach_cause cause);
gboolean attach_state_after(enum attach_state from, enum attach_cause cause,
			    enum attach_state *to);
