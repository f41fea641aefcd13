/* attach.h - from a ticket, a session or a password to a display's socket.
 *
 * Asks the broker and connects to what it answers. Threads: the worker's
 * only one. Fails: the broker's own fault, or FAULT_UNAVAILABLE. */
#pragma once

#include <jansson.h>

#include "server/gateway/conn.h"
#include "server/gateway/link.h"

struct attach {
	struct link *link; /* on which the session was opened */
	int display;       /* non-blocking socket; -1 */
	char *session;     /* 64 hex digits */
	char *desktop, *user;
};

#define ATTACH_TICKET_SIZE  32
#define ATTACH_SESSION_SIZE 64
/* exactly size lower-case hex digits */
gboolean attach_is_hex(const char *text, gsize length, gsize size);

/* request: {"op":...}, taken; protocol and peer are added. session is the
 * one that a `resume` names, else NULL. On failure attach may still hold a
 * session that can be resumed. Cleared by attach_clear(). */
gboolean attach_open(struct attach *attach, const char *run_path,
		     struct conn *conn, json_t *request, const char *session,
		     const char *protocol, gint64 deadline_us, GError **error);
void attach_clear(struct attach *attach);
