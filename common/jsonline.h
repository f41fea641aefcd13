/* jsonline.h - messages between Oriel's processes: one JSON object a line.
 *
 * A channel is one connected stream socket. Requests carry "id" and "op",
 * replies the same "id" and either "ok":true or "error"; messages without
 * "id" are events. A message may carry one descriptor (SCM_RIGHTS). Both
 * sides may ask. The envelope is checked here, the contents by the handler.
 *
 * Bounds: a line of at most JSONLINE_MAX bytes, nesting as jansson allows; at
 * most JSONLINE_QUEUE bytes waiting to be sent and JSONLINE_CALLS requests in
 * flight: beyond them the channel is closed, since the peer is broken.
 * Threads: the main context that created it. Ownership: ref-counted; the
 * channel closes when the last reference goes or on jsonline_close(). */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#define JSONLINE_MAX   (4u << 20)
#define JSONLINE_QUEUE (16u << 20)
#define JSONLINE_CALLS 1024u

struct jsonline;

struct jsonline_handlers {
	/* A request: answer now or later, exactly once, with jsonline_reply()
	 * or jsonline_reject(). fd is -1 or a descriptor the handler owns. */
	void (*request)(struct jsonline *channel, json_int_t id, const char *op,
			json_t *message, int fd, void *data);
	/* An event; fd as above. Optional. */
	void (*event)(struct jsonline *channel, const char *event,
		      json_t *message, int fd, void *data);
	/* Once, when the peer is gone or broke the rules; why may be NULL
	 * (orderly end). Calls in flight have failed before. Not called after
	 * a jsonline_close() of our own. Optional. */
	void (*closed)(struct jsonline *channel, const GError *why, void *data);
};

/* Takes fd (a connected stream socket) and makes it non-blocking. */
struct jsonline *jsonline_new(int fd, const struct jsonline_handlers *handlers,
			      void *data);
struct jsonline *jsonline_ref(struct jsonline *channel);
void jsonline_unref(struct jsonline *channel);
void jsonline_close(struct jsonline *channel);
gboolean jsonline_is_open(const struct jsonline *channel);
/* Bytes queued but not yet taken by the kernel. */
gsize jsonline_queued(const struct jsonline *channel);

/* Credentials of the peer of a unix socket; FALSE where there are none. */
gboolean jsonline_peer(const struct jsonline *channel, uid_t *uid, pid_t *pid);

/* message: {"op":...}; "id" is added. Takes message. reply is NULL and error
 * set (a fault, as the peer sent it) on failure. timeout_ms 0 = none.
 * fd (or -1) is duplicated and sent along. */
typedef void (*jsonline_answered)(struct jsonline *channel, json_t *reply,
				  const GError *error, void *data);
void jsonline_call(struct jsonline *channel, json_t *message, int fd,
		   unsigned timeout_ms, jsonline_answered answered, void *data);
/* Replies take `fields` (may be NULL): "id" and "ok" are added. */
void jsonline_reply(struct jsonline *channel, json_int_t id, json_t *fields);
void jsonline_reply_fd(struct jsonline *channel, json_int_t id, json_t *fields,
		       int fd);
void jsonline_reject(struct jsonline *channel, json_int_t id,
		     const GError *error);
/* message: {"event":...}; taken. */
void jsonline_send(struct jsonline *channel, json_t *message);

/* {"code":...,"cause":...,"remedy":...} and back. */
json_t *jsonline_from_error(const GError *error);
GError *jsonline_to_error(json_t *object);

/* Bounded readers of a message's members: NULL or FALSE and a FAULT_INVALID
 * that names the member when absent, of another type or out of range. */
const char *jsonline_string(json_t *message, const char *key, GError **error);
gboolean jsonline_integer(json_t *message, const char *key, gint64 low,
			  gint64 high, gint64 *value, GError **error);
