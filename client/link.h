/* link.h - keeps one desktop attached: starts, connects, reconnects.
 *
 * Between the window and a session: it launches the desktop where need be,
 * opens sessions, opens another after a cut (with the session's secret, and a
 * growing pause), and finds out what happened where that makes no sense. The
 * window only shows what it is told.
 *
 * Threads: main. Ownership: link_free() stops everything. Fails: by the state
 * LINK_ENDED with words for people. */
#pragma once

#include "client/api.h"
#include "client/desktop.h"
#include "client/session.h"

enum link_state {
	LINK_STARTING,     /* the desktop is being started */
	LINK_CONNECTING,   /* its display is being reached */
	LINK_UP,           /* pixels may come */
	LINK_RECONNECTING, /* cut; trying again */
	LINK_SETTLING,     /* what was installed becomes an image */
	LINK_ENDED,        /* a person has to decide */
};

/* What a person may do about an end. */
enum link_remedy {
	LINK_TRY_AGAIN,
	LINK_START_AGAIN,
	LINK_SIGN_IN,
	LINK_NOTHING,
};

struct link_status {
	enum link_state state;
	const char *title, *text; /* for people; text may be NULL */
	const char *icon;         /* of an end */
	double fraction;          /* of a start; < 0: unknown */
	unsigned retry_s;         /* until the next try; 0: now */
	enum link_remedy remedy;  /* of an end */
	gboolean shut_down;       /* of an end: in order, by somebody there */
};

struct link_handlers {
	void (*status)(const struct link_status *status, void *data);
	/* A session began (or none is left: NULL). */
	void (*session)(struct session *session, void *data);
	/* The session's own, passed through while it is up. */
	struct session_handlers view;
};

struct link;

/* pool, id and protocol as for launch_start(). */
struct link *link_new(struct api *api, const char *pool, const char *id,
		      const char *name, const char *protocol,
		      const struct link_handlers *handlers, void *data);
void link_free(struct link *link);
/* Starts over: after an end, or at once instead of at the end of a pause. */
void link_begin(struct link *link);
/* As if the line had been cut: the picture stands still. */
void link_cut(struct link *link);
const char *link_name(const struct link *link);
/* For people; NULL before there was a session. */
const char *link_protocol(const struct link *link);
/* NULL until the server has told. */
const char *link_desktop_id(const struct link *link);
