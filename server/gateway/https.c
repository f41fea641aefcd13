/* The TLS port: a request's head decides where the connection goes. Files are
 * answered here, as many as are asked for; anything else is the connection's
 * last request as far as this process reads it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/gateway/answer.h"
#include "server/gateway/http-head.h"
#include "server/gateway/link.h"
#include "server/gateway/relay.h"
#include "server/gateway/tunnel.h"
#include "server/gateway/web.h"
#include "server/gateway/worker.h"

#define HEAD_US   (10 * G_USEC_PER_SEC) /* handshake and head together */
#define BROKER_US (4 * G_USEC_PER_SEC)  /* it may be starting again */
#define KEEP_US   (20 * G_USEC_PER_SEC) /* between requests for files */
/* an API connection with nothing to say; the longest answer is held 25 s */
#define API_IDLE_MS 120000

struct request {
	struct head head;
	gsize have; /* bytes read: the head and what came with it */
	char bytes[HEAD_MAX];
};

/* Somebody typed http:// - tell them, in the clear. */
static gboolean speaks_plain_http(struct conn *conn, gint64 deadline_us)
{
	char first[4];
	if (!conn_wait(conn->fd, POLLIN, deadline_us))
		return FALSE;
	gssize got = recv(conn->fd, first, sizeof first, MSG_PEEK);
	return got == sizeof first &&
	       (memcmp(first, "GET ", 4) == 0 ||
		memcmp(first, "HEAD", 4) == 0 ||
		memcmp(first, "POST", 4) == 0 || memcmp(first, "PUT ", 4) == 0);
}

static gboolean read_head(struct conn *conn, struct request *request,
			  gint64 deadline_us, GError **error)
{
	for (;;) {
		const char *reason = NULL;
		enum head_result result = head_parse(
		    &request->head, request->bytes, request->have, &reason);
		if (result == HEAD_DONE)
			return TRUE;
		gssize got = 0;
		/* conn_read returns what there is, at most the buffer's rest */
		if (result == HEAD_MORE)
			got = conn_read(conn, request->bytes + request->have,
					sizeof request->bytes - request->have,
					deadline_us, error);
		if (got < 0)
			return FALSE;
		if (got == 0 && request->have == 0) {
			fault_set(error, FAULT_CANCELLED, NULL,
				  "The client left without a request.");
			return FALSE;
		}
		if (got == 0) {
			fault_set(error, FAULT_INVALID, NULL,
				  "The request cannot be read: %s.",
				  reason ? reason
					 : "it ended before its head was "
					   "complete");
			return FALSE;
		}
		request->have += (gsize)got;
	}
}

/* What came behind a request that has been answered is the next one's. */
static void next_request(struct request *request)
{
	request->have -= request->head.size;
	memmove(request->bytes, request->bytes + request->head.size,
		request->have);
}

/* ---- the API ---- */

static gboolean pass_to_api(const struct worker_world *world, struct conn *conn,
			    struct request *request, GError **error)
{
	g_autofree char *path =
	    g_build_filename(world->run_path, "api.sock", NULL);
	int api = link_connect(path, g_get_monotonic_time() + BROKER_US, NULL);
	if (api < 0) {
		fault_set(error, FAULT_UNAVAILABLE, "Try again in a moment.",
			  "The broker is not there right now.");
		return FALSE;
	}
	char first[64 + HEAD_MAX];
	int line =
	    g_snprintf(first, 64, "PEER %s %u\n", conn->address, conn->port);
	memcpy(first + line, request->bytes, request->have);
	const struct relay_job job = {.conn = conn,
				      .local = api,
				      .first = first,
				      .first_size = (gsize)line + request->have,
				      .idle_ms = API_IDLE_MS};
	/* from here on the broker answers; nothing of ours may follow */
	gboolean fine = relay_run(&job, error);
	if (!fine && fault_code(*error) == FAULT_TIMEOUT)
		g_clear_error(error); /* an idle connection is closed */
	close(api);
	conn_farewell(conn);
	return fine || !*error;
}

/* FALSE: nothing more is to be served, with or without an error. */
static gboolean serve_one(const struct worker_world *world, struct conn *conn,
			  struct request *request, GError **error)
{
	const struct head *head = &request->head;
	if (tunnel_wants(head)) {
		tunnel_serve(world, conn, head, request->bytes + head->size,
			     request->have - head->size, error);
		return FALSE;
	}
	if (web_wants(world->web, head)) {
		if (!web_serve(world->web, conn, head, error))
			return FALSE;
		next_request(request);
		return TRUE;
	}
	if (!pass_to_api(world, conn, request, error) && conn->fd >= 0)
		answer_fault(conn, *error, NULL);
	return FALSE;
}

gboolean https_serve(const struct worker_world *world, struct conn *conn,
		     const char *refusal, GError **error)
{
	gint64 deadline_us = g_get_monotonic_time() + HEAD_US;
	static struct request request; /* static: large, and only one */
	if (speaks_plain_http(conn, deadline_us)) {
		answer_plain_http(conn);
		fault_set(error, FAULT_INVALID, NULL,
			  "The client speaks HTTP without TLS.");
		return FALSE;
	}
	if (!conn_secure(conn, world->pki->https, deadline_us, error))
		return FALSE;
	if (refusal) {
		fault_set(error, FAULT_BUSY, "Try again later.", "%s", refusal);
		answer_fault(conn, *error, NULL);
		return FALSE;
	}
	for (gboolean first = TRUE;; first = FALSE) {
		if (!read_head(conn, &request, deadline_us, error)) {
			if (!first && !request.have &&
			    fault_code(*error) == FAULT_TIMEOUT)
				g_clear_error(error); /* had what it wanted */
			else if (fault_code(*error) != FAULT_CANCELLED)
				answer_fault(conn, *error, NULL);
			return *error == NULL;
		}
		if (!serve_one(world, conn, &request, error))
			return *error == NULL;
		deadline_us = g_get_monotonic_time() + KEEP_US;
	}
}
