/* The port of stock VNC viewers: VeNCrypt in front, the display behind. */
#include <string.h>

#include "common/fault.h"
#include "server/gateway/local.h"
#include "server/gateway/rfb-door.h"

#define HELLO_US (10 * G_USEC_PER_SEC) /* up to the TLS handshake's end */
/* a person types a password, and may look for it first */
#define TYPING_US  (120 * G_USEC_PER_SEC)
#define LOGIN_US   (600 * G_USEC_PER_SEC) /* a desktop boots, maybe emulated */
#define REDEEM_US  (15 * G_USEC_PER_SEC)
#define SEND_US    (10 * G_USEC_PER_SEC)
#define DISPLAY_US (10 * G_USEC_PER_SEC)

/* Sends what the door has to say, then feeds it until it waits for us. */
static gboolean talk(struct conn *conn, struct door *door, gint64 deadline_us,
		     GError **error)
{
	for (;;) {
		if (door->out_size &&
		    !conn_write(conn, door->out, door->out_size,
				g_get_monotonic_time() + SEND_US, error))
			return FALSE;
		door->out_size = 0;
		if (door->state == DOOR_CLOSED) {
			fault_set(error, FAULT_INVALID, NULL,
				  "The viewer cannot be served: %s.",
				  door->reason);
			return FALSE;
		}
		if (door->state == DOOR_TLS || door->state == DOOR_LOGIN ||
		    door->state == DOOR_OPEN)
			return TRUE;
		/* a byte at a time: what follows may belong to TLS */
		guint8 byte;
		if (!conn_read_byte(conn, &byte, deadline_us, error))
			return FALSE;
		door_feed(door, &byte, 1);
	}
}

/* RFC 6143, 7.1: as a viewer without password, up to SecurityResult. */
static gboolean greet_display(int fd)
{
	gint64 until = g_get_monotonic_time() + DISPLAY_US;
	uint8_t version[12], count, types[255], result[4];
	return local_read(fd, version, sizeof version, until) &&
	       memcmp(version, "RFB 003.", 8) == 0 &&
	       local_write(fd, "RFB 003.008\n", 12) &&
	       local_read(fd, &count, 1, until) && count > 0 &&
	       local_read(fd, types, count, until) && memchr(types, 1, count) &&
	       local_write(fd, "\1", 1) && local_read(fd, result, 4, until) &&
	       memcmp(result, "\0\0\0\0", 4) == 0;
}

/* What a person at the viewer reads. */
static void refuse(struct conn *conn, struct door *door, const GError *error)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	g_autofree char *text = g_strdup_printf(
	    "%s%s%s", cause, remedy ? " " : "", remedy ? remedy : "");
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autoptr(GError) ignored = NULL;
	door_refuse(door, valid);
	talk(conn, door, 0, &ignored);
}

static gboolean ask_login(const struct worker_world *world, struct conn *conn,
			  const struct door *door, struct attach *attach,
			  GError **error)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "op", "login", "user",
				    door->user, "password", door->password);
	if (!request) { /* jansson takes UTF-8 only */
		fault_set(error, FAULT_INVALID, NULL,
			  "User name and password have to be UTF-8 text.");
		return FALSE;
	}
	return attach_open(attach, world->run_path, conn, request, NULL, "rfb",
			   g_get_monotonic_time() + LOGIN_US, error);
}

/* A viewer that was started for its user has a ticket for a password. What
 * looks like one and is none may still be a password: nobody guesses 128
 * bits, so asking for both gives nothing away. */
static gboolean ask(const struct worker_world *world, struct conn *conn,
		    const struct door *door, struct attach *attach,
		    GError **error)
{
	g_autoptr(GError) no_ticket = NULL;
	if (!attach_is_hex(door->password, strlen(door->password),
			   ATTACH_TICKET_SIZE))
		return ask_login(world, conn, door, attach, error);
	json_t *request =
	    json_pack("{s:s, s:s}", "op", "redeem", "ticket", door->password);
	if (attach_open(attach, world->run_path, conn, request, NULL, "rfb",
			g_get_monotonic_time() + REDEEM_US, &no_ticket))
		return TRUE;
	if (fault_code(no_ticket) != FAULT_DENIED) {
		g_propagate_error(error, g_steal_pointer(&no_ticket));
		return FALSE;
	}
	attach_clear(attach);
	return ask_login(world, conn, door, attach, error);
}

static gboolean login(const struct worker_world *world, struct conn *conn,
		      struct door *door, struct attach *attach, GError **error)
{
	gboolean fine = ask(world, conn, door, attach, error);
	door_forget(door);
	if (!fine)
		return FALSE;
	if (greet_display(attach->display))
		return TRUE;
	fault_set(error, FAULT_UNAVAILABLE,
		  "Try again in a moment; if it stays so, restart the desktop.",
		  "The desktop's display does not answer.");
	return FALSE;
}

gboolean rfb_serve(const struct worker_world *world, struct conn *conn,
		   const char *refusal, GError **error)
{
	gint64 hello_us = g_get_monotonic_time() + HELLO_US;
	static const struct local_words words = {"VNC viewer", "admitted",
						 "gone"};
	static struct door door;
	struct attach attach = {.display = -1};
	door_init(&door, refusal);
	if (!talk(conn, &door, hello_us, error) ||
	    !conn_secure(conn, world->pki->rfb, hello_us, error))
		return FALSE;
	door_secured(&door);
	if (!talk(conn, &door, g_get_monotonic_time() + TYPING_US, error))
		return FALSE;
	gboolean fine = login(world, conn, &door, &attach, error);
	if (fine) {
		door_admit(&door);
		fine = talk(conn, &door, 0, error);
		if (fine)
			local_relay(world, &attach, "rfb", &words,
				    (struct relay_job){.conn = conn});
	} else if (fault_code(*error) != FAULT_CANCELLED) {
		refuse(conn, &door, *error);
	}
	attach_clear(&attach);
	return fine;
}
