/* qmp.h - asynchronous client of contract A: QMP, the QEMU machine protocol.
 *
 * One connection to a machine's monitor socket: greeting and capabilities are
 * dealt with by qmp_connect_async(), then commands may overlap and their
 * replies come in any order. Events arrive between replies.
 *
 * The peer is a process that a guest may have taken over: lines are bounded
 * (QMP_LINE_MAX), nonsense closes the connection, replies nobody waits for
 * are ignored. Every call ends in exactly one callback: reply, error reply,
 * timeout, cancellation or the end of the connection.
 * Errors: faults; an error reply's class decides the code: CommandNotFound
 * UNAVAILABLE, DeviceNotFound NOT_FOUND, others CONFLICT.
 * Threads: the thread-default main context of the connecting caller.
 * Ownership: ref-counted; the last reference closes. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#define QMP_LINE_MAX  (4u << 20)
#define QMP_CALLS_MAX 256u

struct qmp;

struct qmp_handlers {
	/* data: the event's data object, borrowed; NULL where it has none. */
	void (*event)(struct qmp *qmp, const char *name, json_t *data,
		      void *user);
	/* Once, when the peer is gone (why is NULL) or broke the rules; calls
	 * in flight have failed before. Not called after qmp_close(). */
	void (*closed)(struct qmp *qmp, const GError *why, void *user);
};

/* Connects to the socket and negotiates. A monitor serves one connection at
 * a time: without a greeting within timeout_ms it is taken or hangs. Events
 * that come before the callback are kept and delivered right after it. */
void qmp_connect_async(const char *path, unsigned timeout_ms,
		       GCancellable *cancellable, GAsyncReadyCallback callback,
		       void *data);
/* The same on a connected socket; takes fd. */
void qmp_attach_async(int fd, unsigned timeout_ms, GCancellable *cancellable,
		      GAsyncReadyCallback callback, void *data);
struct qmp *qmp_connect_finish(GAsyncResult *result, GError **error);

struct qmp *qmp_ref(struct qmp *qmp);
void qmp_unref(struct qmp *qmp);
/* handlers is borrowed and may be NULL. An end before this call was not told:
 * look at qmp_is_open() afterwards. */
void qmp_set_handlers(struct qmp *qmp, const struct qmp_handlers *handlers,
		      void *user);
void qmp_close(struct qmp *qmp);
gboolean qmp_is_open(const struct qmp *qmp);

/* arguments is taken and may be NULL. fd (or -1) is duplicated and sent
 * along, as getfd wants it. timeout_ms 0: as long as the connection lives. */
void qmp_call_async(struct qmp *qmp, const char *command, json_t *arguments,
		    int fd, unsigned timeout_ms, GCancellable *cancellable,
		    GAsyncReadyCallback callback, void *data);
/* The "return" value, a new reference. */
json_t *qmp_call_finish(struct qmp *qmp, GAsyncResult *result, GError **error);
