#include "server/broker/states.h"

#include <string.h>

struct rule {
	const char *name;
	const char *text;
	unsigned from; /* bits of states */
	unsigned to;
};

static int find_name(const char *const *names, int count, const char *name)
{
	for (int i = 0; name && i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static int find_rule(const struct rule *rules, int count, const char *name)
{
	for (int i = 0; name && i < count; i++)
		if (strcmp(rules[i].name, name) == 0)
			return i;
	return -1;
}

static gboolean allows(const struct rule *rule, unsigned from)
{
	return (rule->from & (1u << from)) != 0;
}

/* ---- desktops ---- */

static const char *const state_names[DESKTOP_STATES] = {
    [DESKTOP_OFF] = "off",         [DESKTOP_STARTING] = "starting",
    [DESKTOP_RUNNING] = "running", [DESKTOP_STOPPING] = "stopping",
    [DESKTOP_FAILED] = "failed",
};

#define IN(state) (1u << DESKTOP_##state)
#define ANY       ((1u << DESKTOP_STATES) - 1)

static const struct rule causes[DESKTOP_CAUSES] = {
    [DESKTOP_MADE] = {"made", "it was made for its user", IN(OFF), DESKTOP_OFF},
    [DESKTOP_ASKED_START] = {"asked-start", "somebody wants to use it",
			     IN(OFF) | IN(FAILED), DESKTOP_STARTING},
    [DESKTOP_ASKED_SHUTDOWN] = {"asked-shutdown",
				"somebody asked it to shut down",
				IN(STARTING) | IN(RUNNING), DESKTOP_STOPPING},
    [DESKTOP_ASKED_OFF] = {"asked-off", "somebody switched it off",
			   IN(STARTING) | IN(RUNNING) | IN(STOPPING) |
			       IN(FAILED),
			   DESKTOP_STOPPING},
    [DESKTOP_START_REFUSED] = {"start-refused", "its host cannot start it",
			       IN(STARTING), DESKTOP_FAILED},
    /* what it was doing it does still */
    [DESKTOP_STOP_REFUSED] = {"stop-refused", "its host cannot stop it",
			      IN(STOPPING), DESKTOP_RUNNING},
    [DESKTOP_SEEN_OFF] = {"seen-off", "its host says that it is off", ANY,
			  DESKTOP_OFF},
    [DESKTOP_SEEN_STARTING] = {"seen-starting", "its host is starting it", ANY,
			       DESKTOP_STARTING},
    [DESKTOP_SEEN_RUNNING] = {"seen-running", "its host says that it runs", ANY,
			      DESKTOP_RUNNING},
    [DESKTOP_SEEN_STOPPING] = {"seen-stopping", "its host is stopping it", ANY,
			       DESKTOP_STOPPING},
    [DESKTOP_SEEN_FAILED] = {"seen-failed", "its host says that it failed", ANY,
			     DESKTOP_FAILED},
};

const char *desktop_state_name(enum desktop_state state)
{
	return state_names[state];
}

gboolean desktop_state_parse(const char *name, enum desktop_state *state)
{
	int found = find_name(state_names, DESKTOP_STATES, name);
	if (found >= 0)
		*state = (enum desktop_state)found;
	return found >= 0;
}

const char *desktop_cause_name(enum desktop_cause cause)
{
	return causes[cause].name;
}

enum desktop_cause desktop_cause_parse(const char *name)
{
	int found = find_rule(causes, DESKTOP_CAUSES, name);
	return found >= 0 ? (enum desktop_cause)found : DESKTOP_MADE;
}

const char *desktop_cause_text(enum desktop_cause cause)
{
	return causes[cause].text;
}

gboolean desktop_state_after(enum desktop_state from, enum desktop_cause cause,
			     enum desktop_state *to)
{
	if (!allows(&causes[cause], from))
		return FALSE;
	*to = (enum desktop_state)causes[cause].to;
	return TRUE;
}

/* ---- tasks ---- */

static const char *const task_names[TASK_STATES] = {
    [TASK_QUEUED] = "queued",       [TASK_RUNNING] = "running",
    [TASK_DONE] = "done",           [TASK_FAILED] = "failed",
    [TASK_CANCELLED] = "cancelled",
};

#define T(state) (1u << TASK_##state)
#define T_LIVE   (T(QUEUED) | T(RUNNING))

static const struct rule task_rules[TASK_CAUSES] = {
    [TASK_ASKED] = {"asked", "somebody asked for it", T(QUEUED), TASK_QUEUED},
    [TASK_ACCEPTED] = {"accepted", "its host works on it", T_LIVE,
		       TASK_RUNNING},
    [TASK_REFUSED] = {"refused", "its host cannot do it", T_LIVE, TASK_FAILED},
    [TASK_ABANDONED] = {"abandoned",
			"its host ended while it worked on it, again and again",
			T_LIVE, TASK_FAILED},
    [TASK_DROPPED] = {"dropped",
		      "somebody cancelled it while its host was away", T_LIVE,
		      TASK_CANCELLED},
    [TASK_NOT_THERE] = {"not-there",
			"somebody cancelled it before its host knew of it",
			T_LIVE, TASK_CANCELLED},
    [TASK_SEEN_RUNNING] = {"seen-running", "its host works on it", T_LIVE,
			   TASK_RUNNING},
    [TASK_SEEN_DONE] = {"seen-done", "its host has done it", T_LIVE, TASK_DONE},
    [TASK_SEEN_FAILED] = {"seen-failed", "its host could not do it", T_LIVE,
			  TASK_FAILED},
    [TASK_SEEN_CANCELLED] = {"seen-cancelled", "somebody cancelled it", T_LIVE,
			     TASK_CANCELLED},
};

const char *task_state_name(enum task_state state)
{
	return task_names[state];
}

gboolean task_state_parse(const char *name, enum task_state *state)
{
	int found = find_name(task_names, TASK_STATES, name);
	if (found >= 0)
		*state = (enum task_state)found;
	return found >= 0;
}

const char *task_cause_name(enum task_cause cause)
{
	return task_rules[cause].name;
}

const char *task_cause_text(const char *name)
{
	int found = find_rule(task_rules, TASK_CAUSES, name);
	return found >= 0 ? task_rules[found].text : NULL;
}

gboolean task_state_after(enum task_state from, enum task_cause cause,
			  enum task_state *to)
{
	if (!allows(&task_rules[cause], from))
		return FALSE;
	*to = (enum task_state)task_rules[cause].to;
	return TRUE;
}

/* ---- versions of images ---- */

static const char *const image_names[IMAGE_STATES] = {
    [IMAGE_NONE] = "none",
    [IMAGE_BUILDING] = "building",
    [IMAGE_READY] = "ready",
    [IMAGE_REMOVING] = "removing",
};

#define I(state) (1u << IMAGE_##state)

static const struct rule image_rules[IMAGE_CAUSES] = {
    [IMAGE_ASKED] = {"asked", "its task is under way", I(NONE), IMAGE_BUILDING},
    [IMAGE_BUILT] = {"built", "its task has made it", I(BUILDING), IMAGE_READY},
    [IMAGE_NOT_BUILT] = {"not-built", "its task did not make it", I(BUILDING),
			 IMAGE_NONE},
    /* again where no answer came: the host says what is left of it */
    [IMAGE_ASKED_REMOVE] = {"asked-remove",
			    "somebody removes it; remove it again if that "
			    "does not end",
			    I(READY) | I(REMOVING), IMAGE_REMOVING},
    [IMAGE_REMOVE_REFUSED] = {"remove-refused", "its host keeps it: it is used",
			      I(REMOVING), IMAGE_READY},
    [IMAGE_REMOVED] = {"removed", "it was removed", I(REMOVING), IMAGE_NONE},
};

const char *image_state_name(enum image_state state)
{
	return image_names[state];
}

gboolean image_state_parse(const char *name, enum image_state *state)
{
	int found = find_name(image_names, IMAGE_STATES, name);
	if (found >= 0)
		*state = (enum image_state)found;
	return found >= 0;
}

const char *image_cause_name(enum image_cause cause)
{
	return image_rules[cause].name;
}

const char *image_cause_text(const char *name)
{
	int found = find_rule(image_rules, IMAGE_CAUSES, name);
	return found >= 0 ? image_rules[found].text : NULL;
}

gboolean image_state_after(enum image_state from, enum image_cause cause,
			   enum image_state *to)
{
	if (!allows(&image_rules[cause], from))
		return FALSE;
	*to = (enum image_state)image_rules[cause].to;
	return TRUE;
}

/* ---- snapshots ---- */

static const char *const snapshot_names[SNAPSHOT_STATES] = {
    [SNAPSHOT_NONE] = "none",         [SNAPSHOT_TAKING] = "taking",
    [SNAPSHOT_READY] = "ready",       [SNAPSHOT_REVERTING] = "reverting",
    [SNAPSHOT_REMOVING] = "removing",
};

#define S(state) (1u << SNAPSHOT_##state)

static const struct rule snapshot_rules[SNAPSHOT_CAUSES] = {
    [SNAPSHOT_ASKED_TAKE] = {"asked-take", "it is being taken", S(NONE),
			     SNAPSHOT_TAKING},
    [SNAPSHOT_TAKEN] = {"taken", "it was taken", S(TAKING), SNAPSHOT_READY},
    [SNAPSHOT_TAKE_REFUSED] = {"take-refused", "it could not be taken",
			       S(TAKING), SNAPSHOT_NONE},
    [SNAPSHOT_ASKED_REVERT] = {"asked-revert", "its desktop goes back to it",
			       S(READY), SNAPSHOT_REVERTING},
    [SNAPSHOT_REVERTED] = {"reverted", "its desktop went back to it",
			   S(REVERTING), SNAPSHOT_READY},
    [SNAPSHOT_REVERT_REFUSED] = {"revert-refused",
				 "its desktop could not go back to it",
				 S(REVERTING), SNAPSHOT_READY},
    [SNAPSHOT_ASKED_REMOVE] = {"asked-remove", "it is being removed", S(READY),
			       SNAPSHOT_REMOVING},
    [SNAPSHOT_REMOVED] = {"removed", "it was removed", S(REMOVING),
			  SNAPSHOT_NONE},
    [SNAPSHOT_REMOVE_REFUSED] = {"remove-refused", "it could not be removed",
				 S(REMOVING), SNAPSHOT_READY},
};

const char *snapshot_state_name(enum snapshot_state state)
{
	return snapshot_names[state];
}

gboolean snapshot_state_parse(const char *name, enum snapshot_state *state)
{
	int found = find_name(snapshot_names, SNAPSHOT_STATES, name);
	if (found >= 0)
		*state = (enum snapshot_state)found;
	return found >= 0;
}

const char *snapshot_cause_name(enum snapshot_cause cause)
{
	return snapshot_rules[cause].name;
}

const char *snapshot_cause_text(const char *name)
{
	int found = find_rule(snapshot_rules, SNAPSHOT_CAUSES, name);
	return found >= 0 ? snapshot_rules[found].text : NULL;
}

gboolean snapshot_state_after(enum snapshot_state from,
			      enum snapshot_cause cause,
			      enum snapshot_state *to)
{
	if (!allows(&snapshot_rules[cause], from))
		return FALSE;
	*to = (enum snapshot_state)snapshot_rules[cause].to;
	return TRUE;
}

/* ---- sessions with a desktop ---- */

#define A(state) (1u << ATTACH_##state)
#define A_LIVE   (A(TICKET) | A(OPEN))

static const struct rule attach_rules[ATTACH_CAUSES] = {
    [ATTACH_TICKET_MADE] = {"ticket-made", "A ticket was asked for.", A(NONE),
			    ATTACH_TICKET},
    [ATTACH_TICKET_EXPIRED] = {"ticket-expired", "Its ticket was not used.",
			       A(TICKET), ATTACH_NONE},
    [ATTACH_REDEEMED] = {"redeemed", "Its ticket was shown.", A(TICKET),
			 ATTACH_OPEN},
    [ATTACH_SIGNED_IN] = {"signed-in", "Its user signed in in a viewer.",
			  A(NONE), ATTACH_OPEN},
    [ATTACH_ELSEWHERE] = {"elsewhere",
			  "The desktop was opened at another place.", A(OPEN),
			  ATTACH_NONE},
    [ATTACH_DESKTOP_ENDED] = {"desktop-ended", "The desktop has ended.", A_LIVE,
			      ATTACH_NONE},
    [ATTACH_DISCONNECTED] = {"disconnected",
			     "The desktop was disconnected on request.", A_LIVE,
			     ATTACH_NONE},
    [ATTACH_SIGNED_OUT] = {"signed-out", "Signed out.", A_LIVE, ATTACH_NONE},
    [ATTACH_SESSION_ENDED] = {"session-ended", "The session was ended.", A_LIVE,
			      ATTACH_NONE},
    [ATTACH_PASSWORD_CHANGED] = {"password-changed",
				 "The password has been changed.", A_LIVE,
				 ATTACH_NONE},
    [ATTACH_USER_REMOVED] = {"user-removed", "The user has been removed.",
			     A_LIVE, ATTACH_NONE},
    [ATTACH_IDLE] = {"idle", "Nobody used the desktop for too long.", A_LIVE,
		     ATTACH_NONE},
    [ATTACH_SHADOW_ENDED] = {"shadow-ended", "Looking on has ended.", A_LIVE,
			     ATTACH_NONE},
    [ATTACH_NEVER_TOLD] = {"never-told",
			   "Its terminal left before it was told.", A(OPEN),
			   ATTACH_NONE},
};

const char *attach_cause_name(enum attach_cause cause)
{
	return attach_rules[cause].name;
}

const char *attach_cause_text(enum attach_cause cause)
{
	return attach_rules[cause].text;
}

gboolean attach_state_after(enum attach_state from, enum attach_cause cause,
			    enum attach_state *to)
{
	if (!allows(&attach_rules[cause], from))
		return FALSE;
	*to = (enum attach_state)attach_rules[cause].to;
	return TRUE;
}
