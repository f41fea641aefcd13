/* The port of stock SPICE viewers: TLS and a link of ours in front, the
 * display's own behind. Each channel of a viewer is a connection, and so a
 * process, of its own. */
#include <string.h>

#include "common/fault.h"
#include "server/gateway/local.h"
#include "server/gateway/spice-door.h"
#include "common/spice-key.h"
#include "server/gateway/spice-link.h"

/* TLS and link; a viewer asks its user for a ticket before it connects */
#define HELLO_US   (20 * G_USEC_PER_SEC)
#define REDEEM_US  (15 * G_USEC_PER_SEC)
#define SEND_US    (10 * G_USEC_PER_SEC)
#define DISPLAY_US (10 * G_USEC_PER_SEC)

/* ---- one message to a record ----
 *
 * spice-gtk asks its socket whether there is more to read, and libssl may have
 * taken the next message from it already with the end of this one: it would
 * stay unread until something else comes. So no record holds the beginning of
 * a second message. */

#define LONG_HEADER  18u /* SpiceDataHeader: serial, type, size, sub_list */
#define SHORT_HEADER 6u  /* SpiceMiniDataHeader: type, size */

struct messages {
	gsize header; /* its size */
	guint8 head[LONG_HEADER];
	gsize have; /* of the header */
	gsize left; /* of the body, once the header is whole */
};

/* Goes to the end of the message or of the bytes; how many those are. */
static gsize walk(struct messages *self, const guint8 *bytes, gsize size)
{
	gsize taken = 0;
	if (self->have < self->header) {
		guint32 body;
		taken = MIN(size, self->header - self->have);
		memcpy(self->head + self->have, bytes, taken);
		self->have += taken;
		if (self->have < self->header)
			return taken;
		memcpy(&body,
		       self->head + (self->header == SHORT_HEADER ? 2 : 10),
		       sizeof body);
		self->left = GUINT32_FROM_LE(body);
	}
	gsize body = MIN(size - taken, self->left);
	self->left -= body;
	if (!self->left)
		self->have = 0;
	return taken + body;
}

static gsize next_message(const void *data, const guint8 *bytes, gsize size)
{
	struct messages look = *(const struct messages *)data;
	return walk(&look, bytes, size);
}

static void message_sent(void *data, const guint8 *bytes, gsize size)
{
	for (gsize at = 0; at < size;)
		at += walk(data, bytes + at, size - at);
}

/* ---- the door ---- */

/* Sends what the door has to say, then feeds it until it waits for us. */
static gboolean talk(struct conn *conn, struct spice_door *door,
		     gint64 deadline_us, GError **error)
{
	for (;;) {
		if (door->out_size &&
		    !conn_write(conn, door->out, door->out_size,
				g_get_monotonic_time() + SEND_US, error))
			return FALSE;
		door->out_size = 0;
		if (door->state == SPICE_DOOR_CLOSED) {
			fault_set(error, FAULT_INVALID, NULL,
				  "The viewer cannot be served: %s.",
				  door->reason);
			return FALSE;
		}
		if (door->state == SPICE_DOOR_ASK ||
		    door->state == SPICE_DOOR_OPEN)
			return TRUE;
		/* a byte at a time: what follows is the display's */
		guint8 byte;
		if (!conn_read_byte(conn, &byte, deadline_us, error))
			return FALSE;
		spice_door_feed(door, &byte, 1);
	}
}

/* A SPICE viewer can be told little; 7 makes it ask for another password. */
static guint32 result_of(const GError *error)
{
	switch (fault_code(error)) {
	case FAULT_DENIED:
	case FAULT_INVALID:
		return SPICE_LINK_ERR_PERMISSION_DENIED;
	case FAULT_CONFLICT:
	case FAULT_NOT_FOUND:
	case FAULT_UNAVAILABLE:
	case FAULT_TIMEOUT:
		return SPICE_LINK_ERR_CHANNEL_NOT_AVAILABLE;
	default:
		return SPICE_LINK_ERR_ERROR;
	}
}

static gboolean enter(const struct worker_world *world, struct conn *conn,
		      struct spice_door *door, struct attach *attach,
		      GError **error)
{
	char password[SPICE_MAX_PASSWORD_LENGTH + 1] = "";
	if (!spice_key_open(world->spice_key, door->ticket, password) ||
	    !attach_is_hex(password, strlen(password), ATTACH_TICKET_SIZE)) {
		explicit_bzero(password, sizeof password);
		fault_set(error, FAULT_DENIED,
			  "Open the desktop from Oriel, which gives a ticket.",
			  "The password is no ticket.");
		return FALSE;
	}
	/* further channels show the ticket that the first one has used */
	json_t *request =
	    json_pack("{s:s, s:s, s:b}", "op", "redeem", "ticket", password,
		      "first", door->connection_id == 0);
	explicit_bzero(password, sizeof password);
	return attach_open(attach, world->run_path, conn, request, NULL,
			   "spice", g_get_monotonic_time() + REDEEM_US,
			   error) &&
	       spice_link(attach->display, door,
			  g_get_monotonic_time() + DISPLAY_US, error);
}

gboolean spice_serve(const struct worker_world *world, struct conn *conn,
		     const char *refusal, GError **error)
{
	gint64 hello_us = g_get_monotonic_time() + HELLO_US;
	static struct spice_door door;
	struct attach attach = {.display = -1};
	if (!conn_secure(conn, world->pki->rfb, hello_us, error))
		return FALSE;
	spice_door_init(&door, spice_key_public(world->spice_key));
	if (refusal)
		spice_door_refuse(&door, SPICE_LINK_ERR_ERROR);
	if (!talk(conn, &door, hello_us, error))
		return FALSE;
	gboolean fine = enter(world, conn, &door, &attach, error);
	if (!fine && fault_code(*error) == FAULT_CANCELLED) {
		attach_clear(&attach);
		return FALSE;
	}
	g_autoptr(GError) closed = NULL;
	spice_door_answer(&door, fine ? SPICE_LINK_ERR_OK : result_of(*error));
	if (fine)
		fine = talk(conn, &door, 0, error);
	else /* what matters for the log is the error before */
		talk(conn, &door, 0, &closed);
	if (fine) {
		g_autofree char *what = g_strdup_printf(
		    "SPICE channel %u.%u", door.channel_type, door.channel_id);
		const guint32 mini = 1u << SPICE_COMMON_CAP_MINI_HEADER;
		struct messages messages = {.header = door.common_caps & mini
							  ? SHORT_HEADER
							  : LONG_HEADER};
		const struct relay_pieces pieces = {next_message, message_sent,
						    &messages};
		local_relay(
		    world, &attach, "spice",
		    &(struct local_words){what, "opened", "closed"},
		    (struct relay_job){.conn = conn, .pieces = &pieces});
	}
	attach_clear(&attach);
	return fine;
}
