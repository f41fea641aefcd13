/* Handlers: desktops. A user sees and touches their own and no other: one of
 * somebody else is not found, whether it exists or not. */
#include <string.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/api-wait.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops.h"
#include "server/broker/hosts.h"
#include "server/broker/request.h"

#define PICTURE_MS 10000
#define RESET_MS   30000

/* The caller's own, or one that their role lets them at; else NULL, and the
 * request is answered. */
static struct desktop *reach(struct request *request, enum role others)
{
	struct desktop *desktop =
	    desktops_find(request->broker->desktops, request->params[0]);
	if (desktop && (request_role(request) >= others ||
			g_strcmp0(desktop->user, request->session.user) == 0))
		return desktop;
	g_autoptr(GError) error = fault_new(
	    FAULT_NOT_FOUND, "'oriel desktop list' shows what there is.",
	    "There is no such desktop.");
	request_fail(request, error);
	return NULL;
}

static struct desktop *own(struct request *request)
{
	return reach(request, ROLE_HELPDESK);
}

struct desktop *request_own_desktop(struct request *request)
{
	return own(request);
}

struct desktop *request_desktop(struct request *request)
{
	return reach(request, ROLE_ADMIN);
}

static void answer(struct request *request, int status,
		   const struct desktop *desktop)
{
	request_answer(request, status,
		       desktop_json(request->broker->desktops, desktop));
}

/* ---- lists ---- */

static json_t *none_yet(struct request *request, const char *pool,
			const char *image)
{
	return json_pack(
	    "{s:n, s:s, s:s, s:s, s:s, s:n, s:n, s:f, s:n, s:n,"
	    " s:n, s:i, s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:i}",
	    "id", "name", pool, "pool", pool, "user", request_who(request),
	    "state", "none", "cause", "stage", "fraction", 0.0, "since",
	    "error", "warning", "viewers", 0, "image", image, "version", "host",
	    "accelerator", "idle", "message", "recording", "shadow", "install",
	    "serial", 0);
}

static json_t *list_all(struct request *request)
{
	json_t *list = json_array();
	g_autoptr(store_rows) rows = store_query(
	    request->broker->store, NULL,
	    "SELECT id FROM desktops ORDER BY pool, owner, id", NULL);
	for (gsize i = 0; rows && i < store_rows_count(rows); i++) {
		struct desktop *desktop = desktops_find(
		    request->broker->desktops, store_rows_text(rows, i, 0));
		if (desktop)
			json_array_append_new(
			    list,
			    desktop_json(request->broker->desktops, desktop));
	}
	return list;
}

static json_t *list_own(struct request *request, GError **error)
{
	struct broker *broker = request->broker;
	const char *user = request->session.user;
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT name, image FROM pools WHERE " POOL_OPEN_TO(
			    "$1") " ORDER BY name",
			"s", user);
	json_t *list = rows ? json_array() : NULL;
	for (gsize i = 0; rows && i < store_rows_count(rows); i++) {
		const char *pool = store_rows_text(rows, i, 0);
		struct desktop *desktop =
		    desktops_of(broker->desktops, pool, user);
		json_array_append_new(
		    list, desktop ? desktop_json(broker->desktops, desktop)
				  : none_yet(request, pool,
					     store_rows_text(rows, i, 1)));
	}
	return list;
}

void handle_desktops(struct request *request)
{
	g_autoptr(GError) error = NULL;
	gboolean all = request_query(request, "all", 0) != 0;
	if (all && request_role(request) < ROLE_HELPDESK) {
		fault_set(&error, FAULT_DENIED, "Leave 'all' away.",
			  "Only the helpdesk may see everybody's desktops.");
		request_fail(request, error);
		return;
	}
	/* on admin.sock nobody has desktops of their own */
	json_t *list = all || !request->session.user
			   ? list_all(request)
			   : list_own(request, &error);
	if (list)
		request_done(
		    request,
		    request_page(request, "desktops",
				 json_pack("{s:o}", "desktops", list)));
	else
		request_fail(request, error);
}

/* Whose desktop it shall be; NULL and a fault. */
static const char *obtain_for(struct request *request, GError **error)
{
	const char *wanted = request_text(request, "user");
	const char *self = request->session.user;
	if (!wanted && !self) {
		fault_set(error, FAULT_INVALID, "Name the user.",
			  "Member 'user' is missing: nobody is signed in on "
			  "admin.sock.");
		return NULL;
	}
	if (!wanted || g_strcmp0(wanted, self) == 0)
		return self;
	if (request_role(request) < ROLE_HELPDESK) {
		fault_set(error, FAULT_DENIED, "Leave 'user' away.",
			  "Only the helpdesk may start others' desktops.");
		return NULL;
	}
	g_autoptr(store_rows) rows =
	    store_query(request->broker->store, error,
			"SELECT 1 FROM users WHERE name = $1", "s", wanted);
	if (rows && !store_rows_count(rows))
		fault_set(error, FAULT_NOT_FOUND,
			  "'oriel user list' shows who is there.",
			  "There is no user '%s'.", wanted);
	return rows && store_rows_count(rows) ? wanted : NULL;
}

void handle_desktop_obtain(struct request *request)
{
	g_autoptr(GError) error = NULL;
	const char *user = obtain_for(request, &error);
	struct desktop *desktop =
	    user ? people_desktop(request->broker, user, request->params[0],
				  &error)
		 : NULL;
	if (desktop)
		answer(request, desktop->state == DESKTOP_RUNNING ? 200 : 202,
		       desktop);
	else if (fault_code(error) == FAULT_UNAVAILABLE &&
		 hosts_expected(request->broker->hosts))
		api_wait(request, HOSTS_KEY, handle_desktop_obtain);
	else
		request_fail(request, error);
}

static void wait_over(struct request *request)
{
	struct desktop *desktop = own(request);
	if (desktop)
		answer(request, 200, desktop);
}

void handle_desktop(struct request *request)
{
	struct desktop *desktop = own(request);
	if (!desktop)
		return;
	if (request_query(request, "wait", -1) != desktop->serial) {
		answer(request, 200, desktop);
		return;
	}
	g_autofree char *key = g_strconcat(DESKTOP_KEY, desktop->id, NULL);
	api_wait(request, key, wait_over);
}

/* ---- reaching it ---- */

void handle_desktop_ticket(struct request *request)
{
	struct desktop *desktop = reach(request, ROLE_ADMIN);
	if (!desktop)
		return;
	struct broker *broker = request->broker;
	g_autoptr(GError) error = NULL;
	g_autofree char *ticket = NULL;
	if (!request->session.user)
		fault_set(&error, FAULT_CONFLICT,
			  "Sign in as the user whose desktop it is.",
			  "Nobody is signed in on admin.sock.");
	else if (desktop->state != DESKTOP_RUNNING)
		fault_set(&error, FAULT_CONFLICT,
			  "Start it, and wait until it runs.",
			  "Desktop '%s' is %s.", desktop->name,
			  desktop_state_name(desktop->state));
	else
		ticket = attachment_ticket(broker, desktop->id,
					   request->session.user,
					   request->session.hash, &error);
	if (ticket)
		request_done(
		    request,
		    json_pack("{s:s, s:i, s:[sss*], s:o}", "ticket", ticket,
			      "expires_in", TICKET_LIFE_S, "protocols", "rfb",
			      "windows", desktop->spice ? "spice" : NULL,
			      "policy", policy_json(&desktop->policy)));
	else
		request_fail(request, error);
}

static void on_picture(struct jsonline *channel, json_t *reply,
		       const GError *error, void *data)
{
	struct request *request = data;
	const char *text = json_string_value(json_object_get(reply, "png"));
	g_autoptr(GError) strange = NULL;
	gsize size = 0;
	g_autofree guchar *png =
	    text && *text ? g_base64_decode(text, &size) : NULL;
	if (!error && !size)
		error = strange = fault_new(FAULT_UNAVAILABLE, NULL,
					    "The host sent no picture.");
	if (error) {
		request_fail(request, error);
		return;
	}
	g_autoptr(GBytes) bytes = g_bytes_new(png, size);
	request_bytes(request, "image/png", bytes);
}

static gboolean must_run(struct request *request, const struct desktop *desktop)
{
	if (desktop->state == DESKTOP_RUNNING)
		return TRUE;
	g_autoptr(GError) error =
	    fault_new(FAULT_CONFLICT, "Start it first.", "Desktop '%s' is %s.",
		      desktop->name, desktop_state_name(desktop->state));
	request_fail(request, error);
	return FALSE;
}

void handle_desktop_picture(struct request *request)
{
	struct desktop *desktop = reach(request, ROLE_ADMIN);
	if (!desktop || !must_run(request, desktop))
		return;
	hosts_call(request->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s, s:I}", "op", "machine.picture",
			     "machine", desktop->id, "width",
			     (json_int_t)request_query(request, "width", 320)),
		   PICTURE_MS, on_picture, request);
}

/* ---- state ---- */

void handle_desktop_start(struct request *request)
{
	struct desktop *desktop = own(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	if (desktop_start(request->broker->desktops, desktop,
			  request_who(request), &error))
		answer(request, 202, desktop);
	else
		request_fail(request, error);
}

static void stop(struct request *request, gboolean at_once)
{
	struct desktop *desktop = own(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	if (desktop_stop(request->broker->desktops, desktop, at_once,
			 request_who(request), &error))
		answer(request, 202, desktop);
	else
		request_fail(request, error);
}

void handle_desktop_shutdown(struct request *request)
{
	stop(request, FALSE);
}

void handle_desktop_off(struct request *request)
{
	stop(request, TRUE);
}

/* Answers to what has no state of its own. */
static void on_done(struct jsonline *channel, json_t *reply,
		    const GError *error, void *data)
{
	struct request *request = data;
	struct desktop *desktop = error ? NULL : own(request);
	if (error)
		request_fail(request, error);
	else if (desktop)
		answer(request, 202, desktop);
}

void handle_desktop_reset(struct request *request)
{
	struct desktop *desktop = own(request);
	if (!desktop || !must_run(request, desktop))
		return;
	event_add(request->broker, "desktop", desktop->id, request_who(request),
		  "Desktop %s was reset.", desktop->name);
	hosts_call(request->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s}", "op", "machine.reset", "machine",
			     desktop->id),
		   RESET_MS, on_done, request);
}

void handle_desktop_disconnect(struct request *request)
{
	struct desktop *desktop = own(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	if (!attachment_revoke(request->broker, ATTACH_OF_DESKTOP, desktop->id,
			       NULL, ATTACH_DISCONNECTED, &error)) {
		request_fail(request, error);
		return;
	}
	event_add(request->broker, "desktop", desktop->id, request_who(request),
		  "Desktop %s was disconnected.", desktop->name);
	if (desktop->state != DESKTOP_RUNNING) {
		answer(request, 202, desktop);
		return;
	}
	hosts_call(request->broker->hosts, desktop->host,
		   json_pack("{s:s, s:s}", "op", "machine.disconnect",
			     "machine", desktop->id),
		   RESET_MS, on_done, request);
}

static void on_left(const GError *error, void *data)
{
	if (error)
		log_fault(NULL, error);
}

/* A floating desktop is gone with its user; a dedicated one shuts down. */
void handle_desktop_logoff(struct request *request)
{
	struct desktop *desktop = own(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	if (!desktop->floating || !*desktop->user) {
		stop(request, FALSE);
		return;
	}
	json_t *last = desktop_json(request->broker->desktops, desktop);
	if (store_usable(request->broker->store)) {
		g_autofree char *why =
		    g_strdup_printf("%s logged off", request_who(request));
		desktop_discard(request->broker->desktops, desktop, why,
				on_left, NULL);
		request_answer(request, 202, last);
		return;
	}
	json_decref(last);
	fault_set(&error, FAULT_UNAVAILABLE, "Try again.",
		  "The store does not answer.");
	request_fail(request, error);
}

static void on_removed(const GError *error, void *data)
{
	struct request *request = data;
	if (error)
		request_fail(request, error);
	else
		request_done(request, NULL);
}

void handle_desktop_remove(struct request *request)
{
	struct desktop *desktop = own(request);
	if (desktop)
		desktop_remove(request->broker->desktops, desktop,
			       request_who(request), on_removed, request);
}

/* ---- exec ---- */

static void on_exec(struct jsonline *channel, json_t *reply,
		    const GError *error, void *data)
{
	struct request *request = data;
	json_int_t code;
	const char *out, *err;
	g_autoptr(GError) strange = NULL;
	if (!error && json_unpack(reply, "{s:I, s:s, s:s}", "exit", &code,
				  "out", &out, "err", &err) < 0)
		error = strange = fault_new(FAULT_INTERNAL, NULL,
					    "The host gave a strange answer.");
	if (error)
		request_fail(request, error);
	else
		request_done(request, json_pack("{s:I, s:s, s:s}", "exit", code,
						"out", out, "err", err));
}

void handle_desktop_exec(struct request *request)
{
	struct desktop *desktop = reach(request, ROLE_ADMIN);
	if (!desktop || !must_run(request, desktop))
		return;
	gint64 timeout_ms = request_int(request, "timeout_ms", 60000);
	json_t *message = json_pack(
	    "{s:s, s:s, s:O, s:I}", "op", "machine.exec", "machine",
	    desktop->id, "argv", json_object_get(request->body, "argv"),
	    "timeout_ms", (json_int_t)timeout_ms);
	json_t *input = json_object_get(request->body, "input");
	if (input)
		json_object_set(message, "input", input);
	event_add(request->broker, "exec", desktop->id, request_who(request),
		  "A program was run in desktop %s.", desktop->name);
	/* the host keeps to the time; we allow for the way */
	hosts_call(request->broker->hosts, desktop->host, message,
		   (unsigned)timeout_ms + 5000, on_exec, request);
}
