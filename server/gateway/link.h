/* link.h - a worker's connection to the broker, RUN/gateway.sock.
 *
 * Lines of common/jsonline.h, spoken with plain calls and poll(): a worker
 * has one conversation at a time and no main loop.
 *
 * Threads: the worker's only one. Ownership: messages returned are the
 * caller's. Fails: faults; FAULT_UNAVAILABLE when the broker is not there or
 * goes away, or the fault that it replied. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Bytes of a line; what the broker sends here is far below. */
#define LINK_LINE_MAX 65536

struct link;

/* Tries until the deadline, so that a broker that is being started again is
 * not a refusal. */
struct link *link_open(const char *path, gint64 deadline_us, GError **error);
void link_close(struct link *link);
int link_fd(const struct link *link);

/* Sends {"id":..,"op":..,...}; takes message. */
gboolean link_send(struct link *link, json_t *message, GError **error);

/* What has arrived: a message, or NULL; error is set when the link is over. */
json_t *link_take(struct link *link, GError **error);

/* Sends a request and waits for its reply; events meanwhile are dropped.
 * Ends early (FAULT_CANCELLED) when client_fd hangs up. NULL with error. */
json_t *link_ask(struct link *link, json_t *message, int client_fd,
		 gint64 deadline_us, GError **error);

/* Connects like link_open(), a plain stream socket; -1 with error. */
int link_connect(const char *path, gint64 deadline_us, GError **error);
