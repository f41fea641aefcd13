/* qga.h - client of the stock QEMU guest agent (org.qemu.guest_agent.0).
 *
 * The agent answers one request at a time on a channel that may still hold
 * bytes of an earlier owner, so every connection, and every lost answer, is
 * followed by guest-sync-delimited; calls made here wait in a queue for it.
 * The connection is made when first needed and anew when it was lost, so one
 * object serves a machine from before its agent runs until its end.
 *
 * The guest is not trusted: answers are bounded (QGA_LINE_MAX, and output of
 * a command QGA_OUTPUT_MAX), wrong ones are faults, none is fatal.
 * Errors: faults; the agent's own refusals are FAULT_CONFLICT, an agent that
 * does not answer is FAULT_TIMEOUT.
 * Threads: the thread-default main context of the caller of qga_new().
 * Ownership: ref-counted; pending calls hold a reference. */
#pragma once

#include <gio/gio.h>
#include <jansson.h>

#define QGA_LINE_MAX   (48u << 20) /* 16 MiB of output twice, in base64 */
#define QGA_OUTPUT_MAX (16u << 20)
#define QGA_INPUT_MAX  (8u << 20)
#define QGA_CALLS_MAX  64u

struct qga;

/* path: the socket, as engine_machine_agent_path() tells. */
struct qga *qga_new(const char *path);
struct qga *qga_ref(struct qga *qga);
void qga_unref(struct qga *qga);
/* Ends the connection; calls in flight fail. Later calls connect anew. */
void qga_close(struct qga *qga);

/* One command. arguments is taken and may be NULL. The time runs from now,
 * the wait for other calls included. */
void qga_call_async(struct qga *qga, const char *command, json_t *arguments,
		    unsigned timeout_ms, GCancellable *cancellable,
		    GAsyncReadyCallback callback, void *data);
json_t *qga_call_finish(struct qga *qga, GAsyncResult *result, GError **error);

/* Until the agent answers, trying for patience_ms. TRUE once it did. */
void qga_ping_async(struct qga *qga, unsigned patience_ms,
		    GCancellable *cancellable, GAsyncReadyCallback callback,
		    void *data);
/* Runs argv (looked up in PATH) in the guest as root, with input (may be
 * NULL) on stdin. A command that outlives timeout_ms is left running. */
void qga_exec_async(struct qga *qga, const char *const *argv, GBytes *input,
		    unsigned timeout_ms, GCancellable *cancellable,
		    GAsyncReadyCallback callback, void *data);
/* exit: its status, or 128 + the signal that ended it. out and err may be
 * NULL; else new GBytes. */
gboolean qga_exec_finish(struct qga *qga, GAsyncResult *result, int *exit,
			 GBytes **out, GBytes **err, GError **error);
/* A whole file of at most `limit` bytes (FAULT_STORAGE when it is larger). */
void qga_read_file_async(struct qga *qga, const char *path, gsize limit,
			 unsigned timeout_ms, GCancellable *cancellable,
			 GAsyncReadyCallback callback, void *data);
GBytes *qga_read_file_finish(struct qga *qga, GAsyncResult *result,
			     GError **error);
/* Makes or replaces it, with the agent's umask. */
void qga_write_file_async(struct qga *qga, const char *path, GBytes *contents,
			  unsigned timeout_ms, GCancellable *cancellable,
			  GAsyncReadyCallback callback, void *data);
/* The host's clock, to the guest's. */
void qga_set_time_async(struct qga *qga, unsigned timeout_ms,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data);
/* mode: "powerdown", "reboot" or "halt". Done once it is sent and was not
 * refused within a moment; the machine's end is seen by watching it. */
void qga_shutdown_async(struct qga *qga, const char *mode,
			GCancellable *cancellable, GAsyncReadyCallback callback,
			void *data);
/* For ping, write_file, set_time and shutdown. */
gboolean qga_finish(struct qga *qga, GAsyncResult *result, GError **error);
