/* Handlers: signing in with a provider. */
#include "common/fault.h"
#include "server/broker/oidc.h"
#include "server/broker/request.h"
#include "server/broker/throttle.h"

static struct oidc *provider(struct request *request)
{
	struct oidc *oidc = request->broker->oidc;
	if (oidc)
		return oidc;
	g_autoptr(GError) error =
	    fault_new(FAULT_NOT_FOUND, "Sign in with a password.",
		      "No sign-in provider is set up ([oidc] in oriel.conf).");
	request_fail(request, error);
	return NULL;
}

void handle_oidc(struct request *request)
{
	const struct oidc *oidc = request->broker->oidc;
	request_done(request,
		     json_pack("{s:o}", "label",
			       json_text(oidc ? oidc_label(oidc) : NULL)));
}

static void on_begun(const char *url, const char *state, const char *key,
		     const GError *error, void *data)
{
	struct request *request = data;
	if (error)
		request_fail(request, error);
	else
		request_done(request, json_pack("{s:s, s:s, s:s}", "url", url,
						"state", state, "key", key));
}

void handle_oidc_begin(struct request *request)
{
	struct oidc *oidc = provider(request);
	if (oidc)
		oidc_begin(oidc, request_text(request, "redirect"), on_begun,
			   request);
}

static void on_redeemed(const struct oidc_person *person, const GError *why,
			void *data)
{
	struct request *request = data;
	g_autoptr(GError) error = NULL;
	enum role role = ROLE_USER;
	gint64 expires;
	g_autofree char *user =
	    person ? people_join(
			 request->broker,
			 &(struct people_stranger){.name = person->name,
						   .source = "oidc",
						   .subject = person->subject,
						   .groups = person->groups},
			 &role, &error)
		   : NULL;
	g_autofree char *token =
	    user ? people_open_session(request->broker, user, request->peer,
				       &expires, &error)
		 : NULL;
	gboolean refused =
	    !token && fault_code(why ? why : error) == FAULT_DENIED;
	if (token) {
		throttle_refund(request->broker->throttle,
				request_text(request, "state"), request->peer,
				TRUE);
		request_done(request,
			     json_pack("{s:s, s:s, s:s, s:I}", "token", token,
				       "user", user, "role", role_name(role),
				       "expires", (json_int_t)expires));
		return;
	}
	if (!refused)
		throttle_refund(request->broker->throttle,
				request_text(request, "state"), request->peer,
				FALSE);
	else
		event_add(request->broker, "sign-in-refused", request->peer,
			  NULL, "A sign-in from %s was refused.",
			  request->peer);
	request_fail(request, why ? why : error);
}

/* As with passwords, but counted for the address alone: who it is that comes
 * back is not known yet. */
void handle_oidc_sign_in(struct request *request)
{
	struct oidc *oidc = provider(request);
	if (!oidc)
		return;
	request->retry_after_s = throttle_try(
	    request->broker->throttle, request_text(request, "state"),
	    request->peer, g_get_monotonic_time());
	if (!request->retry_after_s) {
		oidc_redeem(oidc, request_text(request, "redirect"),
			    request_text(request, "code"),
			    request_text(request, "state"),
			    request_text(request, "key"), on_redeemed, request);
		return;
	}
	g_autoptr(GError) error =
	    fault_new(FAULT_BUSY, "Wait, then sign in again.",
		      "Too many sign-ins have failed; the next try is possible "
		      "in %u seconds.",
		      request->retry_after_s);
	request_fail(request, error);
}
