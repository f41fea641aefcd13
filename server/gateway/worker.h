/* worker.h - the process of one connection.
 *
 * Forked by the acceptor for each connection, it closes what is not its own,
 * enters its jail and serves one client; its exit status is for nobody but
 * the acceptor's log. Threads: one. */
#pragma once

#include "common/log.h"
#include "server/gateway/conn.h"
#include "server/gateway/jail.h"
#include "server/gateway/pki.h"
#include "server/gateway/web-files.h"

enum worker_door { WORKER_HTTPS, WORKER_RFB, WORKER_SPICE, WORKER_DOORS };

/* What the acceptor prepares once and every worker inherits. */
struct worker_world {
	const char *run_path;
	const struct pki *pki;
	const struct jail *jail;
	const struct web_files *web;       /* NULL for none */
	const struct spice_key *spice_key; /* NULL without that port */
	/* in memory that all workers share, since one of each per second is
	 * enough of a stranger's garbage, whatever the number of connections */
	struct log_limit *noise;
};

/* refusal: NULL, or why this client is turned away. Returns the exit status
 * of the process, which should then _exit(). */
int worker_run(const struct worker_world *world, enum worker_door door, int fd,
	       const char *refusal);

/* Internal to the worker: one per door, on a conn in the clear. */
gboolean https_serve(const struct worker_world *world, struct conn *conn,
		     const char *refusal, GError **error);
gboolean rfb_serve(const struct worker_world *world, struct conn *conn,
		   const char *refusal, GError **error);
gboolean spice_serve(const struct worker_world *world, struct conn *conn,
		     const char *refusal, GError **error);
