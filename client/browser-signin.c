#include "client/browser-signin.h"

#include <string.h>

#include "client/events.h"
#include "client/loopback.h"
#include "client/secret.h"
#include "common/fault.h"
#include "common/weburl.h"

struct browser_signin {
	struct api *api;
	const struct browser_signin_handlers *handlers;
	void *data;
	GCancellable *cancellable;
	struct loopback *loopback;
	char *state, *key;
	guint deadline, idle;
	GError *trouble; /* for the idle */
};

static void free_self(struct browser_signin *self)
{
	g_cancellable_cancel(self->cancellable);
	g_clear_object(&self->cancellable);
	g_clear_handle_id(&self->deadline, g_source_remove);
	g_clear_handle_id(&self->idle, g_source_remove);
	loopback_free(self->loopback);
	secret_clear(&self->state);
	secret_clear(&self->key);
	g_clear_error(&self->trouble);
	api_unref(self->api);
	g_free(self);
}

void browser_signin_cancel(struct browser_signin *self)
{
	if (self)
		free_self(self);
}

static void end(struct browser_signin *self, const struct api_answer *answer,
		const GError *error)
{
	static const struct api_answer none = {0};
	api_done done = self->handlers->done;
	void *data = self->data;
	/* its listener and timers must not outlive what done begins */
	g_clear_handle_id(&self->deadline, g_source_remove);
	done(answer ? answer : &none, error, data);
	free_self(self);
}

static void fail(struct browser_signin *self, const char *remedy,
		 const char *cause)
{
	g_autoptr(GError) error =
	    fault_new(FAULT_UNAVAILABLE, remedy, "%s", cause);
	end(self, NULL, error);
}

static gboolean on_deadline(gpointer data)
{
	struct browser_signin *self = data;
	self->deadline = 0;
	fail(self, "Begin again, and sign in within ten minutes.",
	     "Nobody signed in in the browser");
	return G_SOURCE_REMOVE;
}

static void on_redeemed(const struct api_answer *answer, const GError *error,
			void *data)
{
	end(data, answer, error);
}

static gboolean on_refused(gpointer data)
{
	struct browser_signin *self = data;
	self->idle = 0;
	end(self, NULL, self->trouble);
	return G_SOURCE_REMOVE;
}

static void on_came(const struct loopback_answer *answer, void *data)
{
	struct browser_signin *self = data;
	g_clear_handle_id(&self->deadline, g_source_remove);
	events_emit("browser-back", "{s:b}", "code", answer->code != NULL);
	if (answer->code) {
		api_sign_in_elsewhere(self->api, answer->code, self->state,
				      self->key,
				      loopback_address(self->loopback),
				      self->cancellable, on_redeemed, self);
		return;
	}
	self->trouble = fault_new(
	    FAULT_DENIED,
	    "Try again; if it stays so, ask the administrator whether your "
	    "account there may use Oriel.",
	    "The sign-in provider has not signed you in (%s)", answer->error);
	/* not from within the listener */
	self->idle = g_idle_add(on_refused, self);
}

/* The server's word goes to whatever this computer opens addresses with. */
static gboolean is_page(const char *url)
{
	g_autoptr(GUri) uri = url && strlen(url) <= 8192
				  ? g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL)
				  : NULL;
	return weburl_is_private(uri, url);
}

static void on_begun(const struct api_answer *answer, const GError *error,
		     void *data)
{
	struct browser_signin *self = data;
	if (error) {
		end(self, answer, error);
		return;
	}
	const char *url =
	    json_string_value(json_object_get(answer->json, "url"));
	const char *state =
	    json_string_value(json_object_get(answer->json, "state"));
	const char *key =
	    json_string_value(json_object_get(answer->json, "key"));
	g_autoptr(GError) why = NULL;
	if (!is_page(url) || !state || !*state || !key) {
		fail(self,
		     "Ask the administrator to look at [oidc] in "
		     "oriel.conf.",
		     "The server gave no address of a sign-in provider");
		return;
	}
	self->state = g_strdup(state);
	self->key = g_strdup(key);
	loopback_expect(self->loopback, state);
	if (!g_app_info_launch_default_for_uri(url, NULL, &why)) {
		fail(self,
		     "Install a browser, or choose a default one; or sign in "
		     "with user name and password, where you have one.",
		     "This computer has no browser to sign in with");
		return;
	}
	self->deadline =
	    g_timeout_add_seconds(BROWSER_SIGNIN_S, on_deadline, self);
	events_emit("browser-opened", NULL);
	self->handlers->waiting(self->data);
}

static void on_label(const struct api_answer *answer, const GError *error,
		     void *data)
{
	struct browser_signin *self = data;
	if (!error && json_is_null(json_object_get(answer->json, "label"))) {
		fail(self, "Sign in with user name and password.",
		     "This server has no sign-in provider");
		return;
	}
	if (error) {
		end(self, answer, error);
		return;
	}
	api_call(
	    self->api, "POST", "/oidc",
	    json_pack("{s:s}", "redirect", loopback_address(self->loopback)),
	    self->cancellable, on_begun, self);
}

struct browser_signin *browser_signin_start(
    struct api *api, const struct browser_signin_handlers *handlers, void *data)
{
	struct browser_signin *self = g_new0(struct browser_signin, 1);
	self->api = api_ref(api);
	self->handlers = handlers;
	self->data = data;
	self->cancellable = g_cancellable_new();
	self->loopback = loopback_new(on_came, self, &self->trouble);
	if (self->loopback)
		api_call(api, "GET", "/oidc", NULL, self->cancellable, on_label,
			 self);
	else
		self->idle = g_idle_add(on_refused, self);
	return self;
}
