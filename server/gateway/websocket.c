#include "server/gateway/websocket.h"

#include <string.h>

#include "common/fault.h"
#include "server/gateway/answer.h"
#include "server/gateway/attach.h"

#define TICKET_PREFIX "oriel-ticket."
/* RFC 6455, 1.3: what the key is hashed with */
#define MAGIC    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_SIZE 24 /* 16 bytes in base64 */

static gboolean invalid(GError **error, const char *cause)
{
	fault_set(error, FAULT_INVALID,
		  "docs/tunnel.md tells how a WebSocket is asked for.", "%s",
		  cause);
	return FALSE;
}

static struct span field(const struct head *head, const char *name, bool *twice)
{
	const struct head_field *found = head_find(head, name, twice);
	return found ? found->value : (struct span){"", 0};
}

gboolean websocket_wanted(const struct head *head)
{
	bool twice = false;
	return span_lists(field(head, "upgrade", &twice), "websocket");
}

/* ---- the handshake ---- */

static gboolean accept_key(struct span key, char accept[32])
{
	guchar decoded[KEY_SIZE];
	guint8 digest[20];
	gsize size = sizeof digest;
	gint state = 0;
	guint save = 0;
	if (key.size != KEY_SIZE || memcmp(key.at + 22, "==", 2) != 0)
		return FALSE;
	for (gsize i = 0; i < 22; i++)
		if (!g_ascii_isalnum(key.at[i]) && key.at[i] != '+' &&
		    key.at[i] != '/')
			return FALSE;
	if (g_base64_decode_step(key.at, key.size, decoded, &state, &save) !=
	    16)
		return FALSE;
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
	g_checksum_update(sum, (const guchar *)key.at, (gssize)key.size);
	g_checksum_update(sum, (const guchar *)MAGIC, -1);
	g_checksum_get_digest(sum, digest, &size);
	g_autofree char *text = g_base64_encode(digest, size);
	g_strlcpy(accept, text, 32);
	return TRUE;
}

static struct span next_item(struct span *list)
{
	const char *comma = memchr(list->at, ',', list->size);
	struct span item = {list->at,
			    comma ? (size_t)(comma - list->at) : list->size};
	size_t step = item.size + (comma ? 1 : 0);
	list->at += step;
	list->size -= step;
	while (item.size && (*item.at == ' ' || *item.at == '\t'))
		item = (struct span){item.at + 1, item.size - 1};
	while (item.size && (item.at[item.size - 1] == ' ' ||
			     item.at[item.size - 1] == '\t'))
		item.size--;
	return item;
}

/* The offered subprotocols: `binary`, and a ticket behind its prefix. */
static gboolean take_protocols(struct span list,
			       struct websocket_request *request)
{
	const gsize prefix = strlen(TICKET_PREFIX);
	while (list.size) {
		struct span item = next_item(&list);
		if (span_is(item, "binary")) {
			request->binary = TRUE;
		} else if (item.size > prefix &&
			   memcmp(item.at, TICKET_PREFIX, prefix) == 0) {
			if (request->ticket.size)
				return FALSE;
			request->ticket =
			    (struct span){item.at + prefix, item.size - prefix};
			if (!attach_is_hex(request->ticket.at,
					   request->ticket.size,
					   ATTACH_TICKET_SIZE))
				return FALSE;
		}
	}
	return TRUE;
}

/* A page's origin is its scheme and authority, here https and our Host. */
static gboolean is_our_page(struct span origin, struct span host)
{
	static const char scheme[] = "https://";
	const gsize size = strlen(scheme);
	return origin.size == size + host.size &&
	       memcmp(origin.at, scheme, size) == 0 &&
	       g_ascii_strncasecmp(origin.at + size, host.at, host.size) == 0;
}

gboolean websocket_parse(const struct head *head,
			 struct websocket_request *request, GError **error)
{
	bool twice = false;
	struct span connection = field(head, "connection", &twice);
	struct span upgrade = field(head, "upgrade", &twice);
	struct span key = field(head, "sec-websocket-key", &twice);
	struct span version = field(head, "sec-websocket-version", &twice);
	struct span protocol = field(head, "sec-websocket-protocol", &twice);
	struct span host = field(head, "host", &twice);
	struct span origin = field(head, "origin", &twice);
	struct span length = field(head, "content-length", &twice);
	struct span coding = field(head, "transfer-encoding", &twice);
	*request = (struct websocket_request){0};
	if (twice || coding.size || (length.size && !span_is(length, "0")))
		return invalid(error, "A WebSocket request has no body, and "
				      "each header field once.");
	if (!span_is(head->method, "GET") || head->minor != 1 ||
	    !span_lists(connection, "upgrade") ||
	    !span_is_nocase(upgrade, "websocket"))
		return invalid(error, "A WebSocket is asked for with GET, "
				      "'Connection: Upgrade' and 'Upgrade: "
				      "websocket'.");
	if (!span_is(version, "13"))
		return invalid(error, "'Sec-WebSocket-Version: 13' is spoken "
				      "here, and no other.");
	if (!accept_key(key, request->accept))
		return invalid(error, "'Sec-WebSocket-Key' is not 16 bytes in "
				      "base64.");
	if (!take_protocols(protocol, request))
		return invalid(error, "'Sec-WebSocket-Protocol' holds no "
				      "ticket, or several.");
	if (origin.size && !is_our_page(origin, host)) {
		fault_set(error, FAULT_DENIED,
			  "Open the desktop from this server's own page.",
			  "The page that asks is none of this server.");
		return FALSE;
	}
	return TRUE;
}

/* ---- frames ---- */

static gsize take(void *data, guint8 *bytes, gsize size, gboolean *ended)
{
	struct websocket *self = data;
	gsize at = 0, kept = 0;
	struct ws_part part;
	if (self->reader.over) /* 5.5.1: nothing counts after it */
		return 0;
	for (;;) {
		switch (ws_read(&self->reader, bytes, size, &at, &part)) {
		case WS_MORE:
			return kept;
		case WS_HAS_DATA: /* heads only ever make room */
			memmove(bytes + kept, part.bytes, part.size);
			kept += part.size;
			break;
		case WS_HAS_PING: /* 5.5.3: only the newest needs an answer */
			memcpy(self->pong, part.bytes, part.size);
			self->pong_size = (guint8)part.size;
			self->pong_due = TRUE;
			break;
		case WS_HAS_CLOSE:
			if (!self->code)
				self->code = part.code == WS_CODE_NONE
						 ? WS_CODE_NORMAL
						 : part.code;
			*ended = TRUE;
			return kept;
		case WS_BAD:
			self->code = part.code;
			g_strlcpy(self->reason,
				  "What came is no WebSocket frame that is "
				  "taken here.",
				  sizeof self->reason);
			*ended = TRUE;
			return kept;
		}
	}
}

static gsize put_head(void *data, guint8 *head, gsize size)
{
	return ws_write_head(head, WS_BINARY, size);
}

static gsize say(void *data, guint8 *bytes, gboolean last)
{
	struct websocket *self = data;
	gsize size = 0;
	if (self->pong_due && !self->close_sent) {
		size = ws_write_head(bytes, WS_PONG, self->pong_size);
		memcpy(bytes + size, self->pong, self->pong_size);
		size += self->pong_size;
		self->pong_due = FALSE;
	}
	if (last && !self->close_sent)
		size += websocket_write_close(self, bytes + size);
	return size;
}

static void why(void *data, const GError *fault)
{
	websocket_set_end(data, fault);
}

void websocket_init(struct websocket *self)
{
	G_STATIC_ASSERT(RELAY_CODEC_SAY >= 2 * (2 + WS_CONTROL_MAX));
	*self = (struct websocket){0};
	self->codec = (struct relay_codec){.take = take,
					   .put_head = put_head,
					   .say = say,
					   .why = why,
					   .data = self};
}

/* As much of the text as fits, whole characters. */
static void set_reason(struct websocket *self, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	gsize size = strlen(valid);
	if (size > WS_REASON_MAX)
		size = (gsize)(g_utf8_find_prev_char(
				   valid, valid + WS_REASON_MAX + 1) -
			       valid);
	memcpy(self->reason, valid, size);
	self->reason[size] = 0;
}

void websocket_set_end(struct websocket *self, const GError *fault)
{
	g_autofree char *cause = fault_cause(fault);
	g_autofree char *remedy = fault_remedy(fault);
	g_autofree char *both =
	    g_strdup_printf("%s %s", cause, remedy ? remedy : "");
	self->code = WS_CODE_HTTP + answer_status(fault_code(fault));
	set_reason(self,
		   remedy && strlen(both) <= WS_REASON_MAX ? both : cause);
}

gsize websocket_write_close(struct websocket *self,
			    guint8 frame[2 + WS_CONTROL_MAX])
{
	gsize reason = strlen(self->reason);
	unsigned code = self->code ? self->code : WS_CODE_GOING_AWAY;
	gsize size = ws_write_head(frame, WS_CLOSE, 2 + reason);
	frame[size++] = (guint8)(code >> 8);
	frame[size++] = (guint8)code;
	memcpy(frame + size, self->reason, reason);
	self->close_sent = TRUE;
	return size + reason;
}
