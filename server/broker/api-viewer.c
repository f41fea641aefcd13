/* Handler: what a stock viewer needs to reach a desktop.
 *
 * A viewer has no API and no token: it gets an address, and a ticket in the
 * place of a password, which the gateway redeems (docs/tunnel.md, "Stock VNC
 * viewers"). The file is virt-viewer's, whose remote-viewer removes it once
 * read. */
#include <string.h>

#include "common/fault.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops.h"
#include "server/broker/request.h"

struct place {
	json_t *facts; /* RUN/gateway.json */
	gboolean spice;
	gint64 port;
	char *host;
};

static void place_clear(struct place *place)
{
	json_decref(place->facts);
	g_free(place->host);
}

static gboolean find_gateway(struct request *request, struct place *place,
			     GError **error)
{
	g_autofree char *path =
	    g_build_filename(request->broker->root->run, "gateway.json", NULL);
	place->facts = json_load_file(path, 0, NULL);
	place->port = json_integer_value(
	    json_object_get(place->facts, place->spice ? "spice" : "rfb"));
	place->host = request_host(request);
	if (place->port > 0 && place->port < 65536)
		return TRUE;
	if (place->facts && place->spice)
		fault_set(error, FAULT_UNAVAILABLE,
			  "Use rfb, or have spice_port set in oriel.conf.",
			  "The gateway has no port for SPICE.");
	else
		fault_set(error, FAULT_UNAVAILABLE,
			  "Start the gateway's role, and look at its log.",
			  "The gateway is not serving.");
	return FALSE;
}

static char *make_file(const struct place *place, const struct desktop *desktop,
		       const char *user, const char *ticket)
{
	static const char group[] = "virt-viewer";
	const char *certificate =
	    json_string_value(json_object_get(place->facts, "certificate"));
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_key_file_set_string(file, group, "type",
			      place->spice ? "spice" : "vnc");
	g_key_file_set_string(file, group, "host", place->host);
	g_key_file_set_int64(file, group, place->spice ? "tls-port" : "port",
			     place->port);
	if (place->spice && certificate) /* the one it has to be */
		g_key_file_set_string(file, group, "ca", certificate);
	if (!place->spice) /* SPICE knows no names */
		g_key_file_set_string(file, group, "username", user);
	g_key_file_set_string(file, group, "password", ticket);
	g_key_file_set_string(file, group, "title", desktop->name);
	g_key_file_set_integer(file, group, "delete-this-file", 1);
	return g_key_file_to_data(file, NULL, NULL);
}

static json_t *describe(const struct place *place,
			const struct desktop *desktop, const char *user,
			const char *ticket)
{
	const char *brackets = strchr(place->host, ':') ? "[]" : "";
	g_autofree char *address =
	    g_strdup_printf("%s%.1s%s%s%s%" G_GINT64_FORMAT,
			    place->spice ? "spice://" : "vnc://", brackets,
			    place->host, *brackets ? brackets + 1 : "",
			    place->spice ? "?tls-port=" : ":", place->port);
	g_autofree char *file = make_file(place, desktop, user, ticket);
	return json_pack(
	    "{s:s, s:s, s:s, s:I, s:s, s:s, s:i, s:s, s:O?}", "protocol",
	    place->spice ? "spice" : "rfb", "address", address, "host",
	    place->host, "port", (json_int_t)place->port, "user", user,
	    "ticket", ticket, "expires_in", TICKET_LIFE_S, "file", file,
	    "fingerprint", json_object_get(place->facts, "fingerprint"));
}

json_t *request_viewer(struct request *request, struct desktop *desktop,
		       const char *user, const char *ticket, GError **error)
{
	struct place place = {0};
	json_t *answer = find_gateway(request, &place, error)
			     ? describe(&place, desktop, user, ticket)
			     : NULL;
	place_clear(&place);
	return answer;
}

void handle_desktop_viewer(struct request *request)
{
	struct desktop *desktop = request_desktop(request);
	if (!desktop)
		return;
	const char *protocol = request_text(request, "protocol");
	struct place place = {.spice = g_strcmp0(protocol, "spice") == 0};
	g_autoptr(GError) error = NULL;
	g_autofree char *ticket = NULL;
	/* on admin.sock nobody is signed in: whose desktop it is looks on */
	const char *user =
	    request->session.user ? request->session.user : desktop->user;
	if (desktop->state != DESKTOP_RUNNING)
		fault_set(&error, FAULT_CONFLICT,
			  "Start it, and wait until it runs.",
			  "Desktop '%s' is %s.", desktop->name,
			  desktop_state_name(desktop->state));
	else if (place.spice && !desktop->spice)
		fault_set(&error, FAULT_UNAVAILABLE, "Use rfb.",
			  "The display of desktop '%s' speaks no SPICE.",
			  desktop->name);
	else if (find_gateway(request, &place, &error))
		ticket = attachment_ticket(request->broker, desktop->id, user,
					   request->session.hash, &error);
	if (ticket) {
		event_add(request->broker, "desktop", desktop->id,
			  request_who(request),
			  "A ticket for a viewer of desktop %s was issued.",
			  desktop->name);
		request_done(request, describe(&place, desktop, user, ticket));
	} else {
		request_fail(request, error);
	}
	place_clear(&place);
}
