/* One tunnel: who asks, where it leads, and the bytes until it ends. It comes
 * in two wrappings, bare for programs and as a WebSocket for browsers. */
#include "server/gateway/tunnel.h"

#include <string.h>

#include "common/fault.h"
#include "server/gateway/answer.h"
#include "server/gateway/local.h"
#include "server/gateway/websocket.h"

#define REDEEM_US (15 * G_USEC_PER_SEC)
#define SEND_US   (10 * G_USEC_PER_SEC)

#define TUNNEL "/tunnel/"

struct tunnel {
	const struct worker_world *world;
	struct conn *conn;
	const struct head *head;
	const char *protocol;
	const void *rest; /* what came behind the head */
	gsize rest_size;
	gboolean is_web;
	struct websocket_request web;
	struct websocket socket;
};

gboolean tunnel_wants(const struct head *head)
{
	return head->path.size >= strlen(TUNNEL) &&
	       memcmp(head->path.at, TUNNEL, strlen(TUNNEL)) == 0;
}

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

static gboolean is_plain_upgrade(const struct head *head, GError **error)
{
	gboolean twice = FALSE;
	struct span connection = field(head, "connection", &twice);
	struct span upgrade = field(head, "upgrade", &twice);
	struct span length = field(head, "content-length", &twice);
	struct span coding = field(head, "transfer-encoding", &twice);
	if (twice || coding.size || (length.size && !span_is(length, "0")))
		return invalid(error, "A tunnel request has no body, and each "
				      "header field once.");
	if (!span_is(head->method, "GET") || head->minor != 1 ||
	    !span_lists(connection, "upgrade") ||
	    !span_is_nocase(upgrade, "oriel-tunnel"))
		return invalid(error, "A tunnel is asked for with GET, "
				      "'Connection: Upgrade' and 'Upgrade: "
				      "oriel-tunnel'.");
	return TRUE;
}

static json_t *redeem(const char *ticket)
{
	return json_pack("{s:s, s:s%}", "op", "redeem", "ticket", ticket,
			 (size_t)ATTACH_TICKET_SIZE);
}

/* What the client shows, as a request for the broker; *session is set when
 * it is a resume. */
static json_t *parse_credential(const struct tunnel *self, char **session,
				GError **error)
{
	static const char ticket[] = "Oriel-Ticket ", old[] = "Oriel-Session ";
	gboolean twice = FALSE;
	struct span shown = field(self->head, "authorization", &twice);
	const char *at = shown.at;
	gsize size = shown.size;
	if (twice) {
		invalid(error, "There are several Authorization fields.");
		return NULL;
	}
	if (self->web.ticket.size)
		return redeem(self->web.ticket.at);
	if (size == strlen(ticket) + ATTACH_TICKET_SIZE &&
	    memcmp(at, ticket, strlen(ticket)) == 0 &&
	    attach_is_hex(at + strlen(ticket), ATTACH_TICKET_SIZE,
			  ATTACH_TICKET_SIZE))
		return redeem(at + strlen(ticket));
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

/* The wrapping, before anybody is asked anything. */
static gboolean parse_upgrade(struct tunnel *self, GError **error)
{
	static const struct {
		const char *path, *protocol;
	} kinds[] = {
	    {TUNNEL "v1/rfb", "rfb"},
	    {TUNNEL "v1/spice", "spice"},
	    {TUNNEL "v1/windows", "windows"},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (span_is(self->head->path, kinds[i].path))
			self->protocol = kinds[i].protocol;
	if (!self->protocol) {
		fault_set(error, FAULT_NOT_FOUND,
			  "There are " TUNNEL "v1/rfb, " TUNNEL
			  "v1/spice and " TUNNEL "v1/windows.",
			  "This tunnel does not exist.");
		return FALSE;
	}
	self->is_web = websocket_wanted(self->head);
	if (!self->is_web)
		return is_plain_upgrade(self->head, error);
	websocket_init(&self->socket);
	return websocket_parse(self->head, &self->web, error);
}

/* ---- answers ---- */

static gboolean send_switch(struct tunnel *self, const char *session,
			    GError **error)
{
	const struct websocket_request *web = &self->web;
	g_autofree char *how =
	    self->is_web
		? g_strdup_printf(
		      "websocket\r\nSec-WebSocket-Accept: %s%s", web->accept,
		      web->binary ? "\r\nSec-WebSocket-Protocol: binary" : "")
		: g_strdup("oriel-tunnel");
	g_autofree char *text =
	    g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\n"
			    "Connection: Upgrade\r\n"
			    "Upgrade: %s\r\n"
			    "%s%s%s"
			    "Cache-Control: no-store\r\n\r\n",
			    how, session ? "Oriel-Session: " : "",
			    session ? session : "", session ? "\r\n" : "");
	return conn_write(self->conn, text, strlen(text),
			  g_get_monotonic_time() + SEND_US, error);
}

/* A script learns nothing from a refused handshake but that it was refused;
 * so this one is accepted, and closed with the reason. */
static void refuse(struct tunnel *self, const GError *fault,
		   const char *session)
{
	guint8 frame[2 + WS_CONTROL_MAX];
	if (!self->is_web) {
		answer_fault(self->conn, fault, session);
		return;
	}
	websocket_set_end(&self->socket, fault);
	gsize size = websocket_write_close(&self->socket, frame);
	if (send_switch(self, session, NULL))
		conn_write(self->conn, frame, size,
			   g_get_monotonic_time() + SEND_US, NULL);
}

static void relay(struct tunnel *self, struct attach *attach)
{
	const struct local_words words = {
	    self->is_web ? "Browser's tunnel" : "Tunnel", "opened", "closed"};
	local_relay(self->world, attach, self->protocol, &words,
		    (struct relay_job){
			.conn = self->conn,
			.first = self->rest,
			.first_size = self->rest_size,
			.codec = self->is_web ? &self->socket.codec : NULL});
}

gboolean tunnel_serve(const struct worker_world *world, struct conn *conn,
		      const struct head *head, const void *rest,
		      gsize rest_size, GError **error)
{
	struct tunnel self = {.world = world,
			      .conn = conn,
			      .head = head,
			      .rest = rest,
			      .rest_size = rest_size};
	struct attach attach = {.display = -1};
	g_autofree char *session = NULL;
	if (!parse_upgrade(&self, error)) {
		answer_fault(conn, *error, NULL);
		return FALSE;
	}
	json_t *wish = parse_credential(&self, &session, error);
	gboolean fine =
	    wish && attach_open(&attach, world->run_path, conn, wish, session,
				self.protocol,
				g_get_monotonic_time() + REDEEM_US, error);
	if (!fine)
		refuse(&self, *error, attach.session);
	fine = fine && send_switch(&self, attach.session, error);
	if (fine)
		relay(&self, &attach);
	attach_clear(&attach);
	return fine;
}
