/* agent.h - what the host role asks of the guest agent while a desktop
 * starts, on common/qga.h. Threads: main context. */
#pragma once

#include "common/qga.h"
#include "server/host/conf.h"

/* Until the agent answers and the desktop has painted itself
 * (/run/oriel/session-ready). FAULT_TIMEOUT says which of them did not. */
void agent_session_async(struct qga *qga, unsigned patience_ms,
			 GCancellable *cancellable,
			 GAsyncReadyCallback callback, void *data);
/* Makes the guest the machine that conf describes: clock, seed, host name,
 * machine id, SSH keys (docs/machine.md), in one command. */
void agent_identity_async(struct qga *qga, const struct conf *conf,
			  GCancellable *cancellable,
			  GAsyncReadyCallback callback, void *data);
gboolean agent_finish(struct qga *qga, GAsyncResult *result, GError **error);

/* The text that the identity script reads; `seed` is size bytes. */
GBytes *agent_identity_text(const struct conf *conf, gint64 now_us,
			    const guint8 *seed, gsize size);
