/* The TLS port: one request head decides where the connection goes. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "server/gateway/answer.h"
#include "server/gateway/attach.h"
#include "server/gateway/http-head.h"
#include "server/gateway/keeper.h"
#include "server/gateway/relay.h"
#include "server/gateway/worker.h"

#define HEAD_US   (10 * G_USEC_PER_SEC) /* handshake and head together */
#define BROKER_US (4 * G_USEC_PER_SEC)  /* it may be starting again */
#define REDEEM_US (15 * G_USEC_PER_SEC)
#define SEND_US   (10 * G_USEC_PER_SEC)
/* an API connection with nothing to say; the longest answer is held 25 s */
#define API_IDLE_MS 120000

#define TUNNEL "/tunnel/"

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
		const char *reason = "it ended before its head was complete";
		enum head_result result = HEAD_MORE;
		/* conn_read returns what there is, at most the buffer's rest */
		gssize got = conn_read(conn, request->bytes + request->have,
				       sizeof request->bytes - request->have,
				       deadline_us, error);
		if (got < 0)
			return FALSE;
		if (got == 0 && request->have == 0) {
			fault_set(error, FAULT_CANCELLED, NULL,
				  "The client left without a request.");
			return FALSE;
		}
		request->have += (gsize)got;
		if (got > 0)
			result = head_parse(&request->head, request->bytes,
					    request->have, &reason);
		if (result == HEAD_DONE)
			return TRUE;
		if (result == HEAD_BAD || got == 0) {
			fault_set(error, FAULT_INVALID, NULL,
				  "The request cannot be read: %s.", reason);
			return FALSE;
		}
	}
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

/* ---- tunnels ---- */

static gboolean invalid(GError **error, const char *cause)
{
	fault_set(error, FAULT_INVALID,
		  "docs/tunnel.md tells how a tunnel is asked for.", "%s",
		  cause);
	return FALSE;
}

static struct span field(const struct head *head, const char *name,
			 gboolean *twice)
{
	bool more = false;
	const struct head_field *found = head_find(head, name, &more);
	if (more)
		*twice = TRUE;
	return found ? found->value : (struct span){"", 0};
}

/* The request for the broker; *session is set when it is a resume. */
static json_t *parse_tunnel(const struct head *head, char **session,
			    GError **error)
{
	gboolean twice = FALSE;
	struct span connection = field(head, "connection", &twice);
	struct span upgrade = field(head, "upgrade", &twice);
	struct span authorization = field(head, "authorization", &twice);
	struct span length = field(head, "content-length", &twice);
	struct span coding = field(head, "transfer-encoding", &twice);
	static const char ticket[] = "Oriel-Ticket ", old[] = "Oriel-Session ";
	if (!span_is(head->path, TUNNEL "v1/rfb")) {
		fault_set(error, FAULT_NOT_FOUND, "There is " TUNNEL "v1/rfb.",
			  "This tunnel does not exist.");
		return NULL;
	}
	if (twice || coding.size || (length.size && !span_is(length, "0"))) {
		invalid(error, "A tunnel request has no body, and each header "
			       "field once.");
		return NULL;
	}
	if (!span_is(head->method, "GET") || head->minor != 1 ||
	    !span_lists(connection, "upgrade") ||
	    !span_is_nocase(upgrade, "oriel-tunnel")) {
		invalid(error, "A tunnel is asked for with GET, 'Connection: "
			       "Upgrade' and 'Upgrade: oriel-tunnel'.");
		return NULL;
	}
	const char *at = authorization.at;
	gsize size = authorization.size;
	if (size == strlen(ticket) + ATTACH_TICKET_SIZE &&
	    memcmp(at, ticket, strlen(ticket)) == 0 &&
	    attach_is_hex(at + strlen(ticket), ATTACH_TICKET_SIZE,
			  ATTACH_TICKET_SIZE))
		return json_pack("{s:s, s:s%}", "op", "redeem", "ticket",
				 at + strlen(ticket),
				 (size_t)ATTACH_TICKET_SIZE);
	if (size == strlen(old) + ATTACH_SESSION_SIZE &&
	    memcmp(at, old, strlen(old)) == 0 &&
	    attach_is_hex(at + strlen(old), ATTACH_SESSION_SIZE,
			  ATTACH_SESSION_SIZE)) {
		*session = g_strndup(at + strlen(old), ATTACH_SESSION_SIZE);
		return json_pack("{s:s, s:s}", "op", "resume", "session",
				 *session);
	}
	fault_set(error, FAULT_DENIED, "Ask for a new ticket.",
		  "The ticket or session is missing or is none.");
	return NULL;
}

static gboolean send_switch(struct conn *conn, const char *session,
			    GError **error)
{
	g_autofree char *text =
	    g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\n"
			    "Connection: Upgrade\r\n"
			    "Upgrade: oriel-tunnel\r\n"
			    "Oriel-Session: %s\r\n"
			    "Cache-Control: no-store\r\n\r\n",
			    session);
	return conn_write(conn, text, strlen(text),
			  g_get_monotonic_time() + SEND_US, error);
}

static gboolean relay_tunnel(const struct worker_world *world,
			     struct conn *conn, struct request *request,
			     struct attach *attach, GError **error)
{
	g_autofree char *path =
	    g_build_filename(world->run_path, "gateway.sock", NULL);
	struct keeper *keeper =
	    keeper_new(g_steal_pointer(&attach->link), path, attach->session,
		       "rfb", conn->address);
	const struct log_about about = {.vm = attach->desktop,
					.client = conn->who};
	log_info(&about, "Tunnel of user %s opened.", attach->user);
	const struct relay_job job = {
	    .conn = conn,
	    .local = attach->display,
	    .first = request->bytes + request->head.size,
	    .first_size = request->have - request->head.size,
	    .aside = keeper_aside(keeper)};
	gboolean fine = relay_run(&job, error);
	g_autofree char *cause =
	    fine ? g_strdup("it ended in order.") : fault_cause(*error);
	log_info(&about, "Tunnel closed: %s", cause);
	g_clear_error(error);
	keeper_free(keeper);
	conn_farewell(conn);
	return TRUE;
}

static gboolean serve_tunnel(const struct worker_world *world,
			     struct conn *conn, struct request *request,
			     GError **error)
{
	g_autofree char *session = NULL;
	json_t *wish = parse_tunnel(&request->head, &session, error);
	struct attach attach = {.display = -1};
	if (!wish) {
		answer_fault(conn, *error, NULL);
		return FALSE;
	}
	gboolean fine =
	    attach_open(&attach, world->run_path, conn, wish, session, "rfb",
			g_get_monotonic_time() + REDEEM_US, error);
	if (!fine)
		answer_fault(conn, *error, attach.session);
	fine = fine && send_switch(conn, attach.session, error) &&
	       relay_tunnel(world, conn, request, &attach, error);
	attach_clear(&attach);
	return fine;
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
	if (!read_head(conn, &request, deadline_us, error)) {
		if (fault_code(*error) != FAULT_CANCELLED)
			answer_fault(conn, *error, NULL);
		return FALSE;
	}
	if (request.head.path.size >= strlen(TUNNEL) &&
	    memcmp(request.head.path.at, TUNNEL, strlen(TUNNEL)) == 0)
		return serve_tunnel(world, conn, &request, error);
	if (pass_to_api(world, conn, &request, error))
		return TRUE;
	if (conn->fd >= 0)
		answer_fault(conn, *error, NULL);
	return FALSE;
}
