/* Handlers: the helpdesk at somebody's desktop, with their consent. */
#include <string.h>

#include "common/fault.h"
#include "server/broker/api-wait.h"
#include "server/broker/attachments.h"
#include "server/broker/request.h"
#include "server/broker/shadows.h"

static struct shadows *shadows_of(struct request *request)
{
	return request->broker->shadows;
}

/* One that the caller takes part in; else NULL, and the request is answered. */
static struct shadow *reach(struct request *request)
{
	struct shadow *shadow =
	    shadows_find(shadows_of(request), request->params[0]);
	if (shadow && (request_role(request) >= ROLE_HELPDESK))
		return shadow;
	g_autoptr(GError) error =
	    fault_new(FAULT_NOT_FOUND, "Ask again.", "There is none such.");
	request_fail(request, error);
	return NULL;
}

/* Who will look on: the caller, or on admin.sock whom they name. */
static const char *helper_of(struct request *request, GError **error)
{
	const char *named = request_text(request, "as");
	struct broker *broker = request->broker;
	if (request->session.user && !named)
		return request->session.user;
	if (request->session.user || !named) {
		fault_set(error, FAULT_INVALID,
			  named ? "Leave 'as' away."
				: "Name somebody of the helpdesk in 'as'.",
			  named ? "You are signed in, and look on yourself."
				: "Nobody is signed in on admin.sock.");
		return NULL;
	}
	g_autoptr(store_rows) rows =
	    store_query(broker->store, error,
			"SELECT role FROM users WHERE name = $1", "s", named);
	if (!rows)
		return NULL;
	const char *role = store_rows_text(rows, 0, 0);
	if (role && strcmp(role, "user") != 0)
		return named;
	fault_set(error, FAULT_NOT_FOUND,
		  "'oriel user list' shows who is there.",
		  "'%s' is nobody of the helpdesk.", named);
	return NULL;
}

void handle_shadow_ask(struct request *request)
{
	struct desktop *desktop = request_own_desktop(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	const char *helper = helper_of(request, &error);
	struct shadow *shadow =
	    helper ? shadow_ask(shadows_of(request), desktop, helper,
				request->session.hash,
				request_flag(request, "control"), &error)
		   : NULL;
	if (shadow)
		request_done(request, shadow_json(shadow));
	else
		request_fail(request, error);
}

static void wait_over(struct request *request)
{
	struct shadow *shadow = reach(request);
	if (shadow)
		request_done(request, shadow_json(shadow));
}

void handle_shadow(struct request *request)
{
	struct shadow *shadow = reach(request);
	if (!shadow)
		return;
	json_t *now = shadow_json(shadow);
	json_int_t serial = json_integer_value(json_object_get(now, "serial"));
	if (request_query(request, "wait", -1) != serial) {
		request_done(request, now);
		return;
	}
	json_decref(now);
	g_autofree char *key =
	    g_strconcat(SHADOW_KEY, request->params[0], NULL);
	api_wait(request, key, wait_over);
}

/* The helper alone; on admin.sock for them. */
static struct shadow *own(struct request *request)
{
	struct shadow *shadow = reach(request);
	if (!shadow || !request->session.user ||
	    strcmp(request->session.user, shadow_helper(shadow)) == 0)
		return shadow;
	g_autoptr(GError) error = fault_new(FAULT_DENIED, "Ask yourself.",
					    "It was granted to somebody else.");
	request_fail(request, error);
	return NULL;
}

/* A ticket for the desktop beside its user; NULL and a fault. */
static char *ticket_for(struct request *request, struct shadow *shadow,
			struct desktop **desktop, GError **error)
{
	*desktop =
	    desktops_find(request->broker->desktops, shadow_desktop(shadow));
	if (*desktop)
		return shadow_ticket(shadows_of(request), shadow, error);
	fault_set(error, FAULT_CONFLICT, NULL, "The desktop has ended.");
	return NULL;
}

void handle_shadow_ticket(struct request *request)
{
	struct shadow *shadow = own(request);
	struct desktop *desktop;
	g_autoptr(GError) error = NULL;
	if (!shadow)
		return;
	g_autofree char *ticket = ticket_for(request, shadow, &desktop, &error);
	if (ticket)
		request_done(request,
			     json_pack("{s:s, s:i, s:[s], s:o}", "ticket",
				       ticket, "expires_in", TICKET_LIFE_S,
				       "protocols", "rfb", "policy",
				       policy_json(&desktop->policy)));
	else
		request_fail(request, error);
}

void handle_shadow_viewer(struct request *request)
{
	struct shadow *shadow = own(request);
	struct desktop *desktop;
	g_autoptr(GError) error = NULL;
	if (!shadow)
		return;
	g_autofree char *ticket = ticket_for(request, shadow, &desktop, &error);
	json_t *viewer =
	    ticket ? request_viewer(request, desktop, shadow_helper(shadow),
				    ticket, &error)
		   : NULL;
	if (viewer)
		request_done(request, viewer);
	else
		request_fail(request, error);
}

void handle_shadow_end(struct request *request)
{
	struct shadow *shadow = reach(request);
	if (!shadow)
		return;
	shadow_end(shadows_of(request), shadow, "The helper has ended it.");
	request_done(request, NULL);
}

/* ---- the user's side ---- */

/* Theirs and nobody else's: consent is not an administrator's to give. */
static struct desktop *users_own(struct request *request)
{
	struct desktop *desktop = request_own_desktop(request);
	if (!desktop || g_strcmp0(desktop->user, request->session.user) == 0)
		return desktop;
	g_autoptr(GError) error =
	    fault_new(FAULT_DENIED, NULL,
		      "Only the desktop's user answers, or sends them away.");
	request_fail(request, error);
	return NULL;
}

void handle_shadow_answer(struct request *request)
{
	struct desktop *desktop = users_own(request);
	g_autoptr(GError) error = NULL;
	if (!desktop)
		return;
	const char *allow = request_text(request, "allow");
	if (shadow_answer(shadows_of(request), desktop,
			  strcmp(allow, "no") != 0,
			  strcmp(allow, "control") == 0, &error))
		request_done(request,
			     desktop_json(request->broker->desktops, desktop));
	else
		request_fail(request, error);
}

void handle_shadow_send_away(struct request *request)
{
	struct desktop *desktop = users_own(request);
	if (!desktop)
		return;
	json_t *now = shadow_user_json(desktop->shadow);
	const char *id = json_string_value(json_object_get(now, "id"));
	struct shadow *shadow =
	    id ? shadows_find(shadows_of(request), id) : NULL;
	if (shadow)
		shadow_end(shadows_of(request), shadow,
			   "The user has ended it.");
	json_decref(now);
	request_done(request, desktop_json(request->broker->desktops, desktop));
}
