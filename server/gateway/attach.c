#include "server/gateway/attach.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"

/* A broker that is being started again is back within this. */
#define BROKER_MS 4000
/* The display listens before the broker tells of it. */
#define DISPLAY_MS 1000

gboolean attach_is_hex(const char *text, gsize length, gsize size)
{
	if (length != size)
		return FALSE;
	for (gsize i = 0; i < size; i++)
		if (!(text[i] >= '0' && text[i] <= '9') &&
		    !(text[i] >= 'a' && text[i] <= 'f'))
			return FALSE;
	return TRUE;
}

static gboolean read_reply(struct attach *attach, json_t *reply,
			   const char *session, const char **address,
			   GError **error)
{
	g_autoptr(GError) lacks = NULL;
	const char *desktop, *user;
	if (!session)
		session = jsonline_string(reply, "session", &lacks);
	desktop = lacks ? NULL : jsonline_string(reply, "desktop", &lacks);
	user = lacks ? NULL : jsonline_string(reply, "user", &lacks);
	*address = lacks ? NULL : jsonline_string(reply, "address", &lacks);
	/* the session becomes a header line */
	if (lacks ||
	    !attach_is_hex(session, strlen(session), ATTACH_SESSION_SIZE)) {
		fault_set(error, FAULT_INTERNAL, NULL,
			  "The broker gave an answer that cannot be used: %s",
			  lacks ? lacks->message : "its session is none.");
		return FALSE;
	}
	attach->session = g_strdup(session);
	attach->desktop = g_strdup(desktop);
	attach->user = g_strdup(user);
	return TRUE;
}

static gboolean connect_display(struct attach *attach, const char *address,
				GError **error)
{
	g_autoptr(GError) failure = NULL;
	if (g_str_has_prefix(address, "unix:/"))
		attach->display = link_connect(
		    address + 5, g_get_monotonic_time() + DISPLAY_MS * 1000,
		    &failure);
	if (attach->display >= 0)
		return TRUE;
	fault_set(error, FAULT_UNAVAILABLE,
		  "Try again in a moment; if it stays so, restart the desktop.",
		  "The desktop's display cannot be reached.");
	return FALSE;
}

gboolean attach_open(struct attach *attach, const char *run_path,
		     struct conn *conn, json_t *request, const char *session,
		     const char *protocol, gint64 deadline_us, GError **error)
{
	*attach = (struct attach){.display = -1};
	g_autofree char *path =
	    g_build_filename(run_path, "gateway.sock", NULL);
	g_autoptr(GError) failure = NULL;
	attach->link = link_open(
	    path, MIN(deadline_us, g_get_monotonic_time() + BROKER_MS * 1000),
	    &failure);
	if (!attach->link) {
		json_decref(request);
		fault_set(error, FAULT_UNAVAILABLE, "Try again in a moment.",
			  "The broker is not there right now.");
		return FALSE;
	}
	json_object_set_new(request, "protocol", json_string(protocol));
	json_object_set_new(request, "peer", json_string(conn->address));
	json_t *reply =
	    link_ask(attach->link, request, conn->fd, deadline_us, error);
	if (!reply)
		return FALSE;
	const char *address = NULL;
	gboolean fine = read_reply(attach, reply, session, &address, error) &&
			connect_display(attach, address, error);
	json_decref(reply);
	return fine;
}

void attach_clear(struct attach *attach)
{
	link_close(attach->link);
	if (attach->display >= 0)
		close(attach->display);
	if (attach->session)
		explicit_bzero(attach->session, strlen(attach->session));
	g_free(attach->session);
	g_free(attach->desktop);
	g_free(attach->user);
	*attach = (struct attach){.display = -1};
}
