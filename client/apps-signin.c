#include "client/apps-signin.h"

#include <string.h>

#include "client/certificate-dialog.h"
#include "client/events.h"
#include "client/servers.h"
#include "client/signin.h"
#include "common/fault.h"

struct apps_signin {
	struct apps_options *options;
	const struct apps_signin_handlers *handlers;
	void *data;
	struct trust *trust;
	struct servers *servers;
	struct signin *page;
	GtkWindow *window;
	struct api *api;
	GCancellable *cancellable;
	char *server_text;
};

static void show(struct apps_signin *signin)
{
	gtk_window_present(signin->window);
	signin_focus(signin->page);
}

static void on_certificate(gboolean trusted, void *data)
{
	struct apps_signin *signin = data;
	const struct api_certificate *refused =
	    signin->api ? api_refused_certificate(signin->api) : NULL;
	g_autoptr(GError) error = NULL;
	if (!trusted || !refused)
		return;
	if (trust_remember(signin->trust, api_server_key(signin->api),
			   refused->offered, &error))
		signin_resubmit(signin->page);
	else
		signin_show_error(signin->page, error, 0);
}

static void on_answer(const struct api_answer *answer, const GError *error,
		      void *data)
{
	struct apps_signin *signin = data;
	signin_set_busy(signin->page, FALSE);
	if (!error) {
		servers_used(signin->servers, signin->server_text,
			     api_user(signin->api));
		signin_clear_password(signin->page);
		gtk_widget_hide(GTK_WIDGET(signin->window));
		events_emit("signed-in", "{s:s}", "user",
			    api_user(signin->api));
		signin->handlers->signed_in(g_steal_pointer(&signin->api),
					    signin->data);
		return;
	}
	const struct api_certificate *refused =
	    api_refused_certificate(signin->api);
	if (!refused && answer->needs_code) {
		signin_refused(signin->page, answer, error);
		show(signin);
		return;
	}
	g_autofree char *cause = fault_cause(error);
	events_emit("sign-in-failed", "{s:s,s:i,s:s?}", "cause", cause,
		    "status", (int)answer->status, "certificate",
		    refused ? refused->offered : NULL);
	show(signin);
	if (refused) {
		certificate_dialog_show(signin->window,
					api_server_key(signin->api), refused,
					on_certificate, signin);
		return;
	}
	signin_refused(signin->page, answer, error);
}

static void on_submit(const char *server, const char *user,
		      const char *password, const char *code, void *data)
{
	struct apps_signin *signin = data;
	struct server_url url;
	g_autoptr(GError) error = NULL;
	if (!server_url_parse(server, &url, &error)) {
		signin_show_error(signin->page, error, 0);
		return;
	}
	g_free(signin->server_text);
	signin->server_text = server_url_text(&url);
	api_unref(signin->api);
	signin->api = api_new(&url, signin->trust);
	if (signin->options->fingerprint)
		api_trust(signin->api, signin->options->fingerprint);
	server_url_clear(&url);
	g_clear_object(&signin->cancellable);
	signin->cancellable = g_cancellable_new();
	signin_set_busy(signin->page, TRUE);
	events_emit("signing-in", NULL);
	api_sign_in(signin->api, user, password, code, signin->cancellable,
		    on_answer, signin);
}

static void on_cancel(void *data)
{
	struct apps_signin *signin = data;
	g_cancellable_cancel(signin->cancellable);
	signin_set_busy(signin->page, FALSE);
}

static const struct signin_handlers page_handlers = {
    .submit = on_submit,
    .cancel = on_cancel,
};

static gboolean on_delete(GtkWidget *widget, GdkEvent *event,
			  struct apps_signin *signin)
{
	g_cancellable_cancel(signin->cancellable);
	gtk_widget_hide(widget);
	signin->handlers->cancelled(signin->data);
	return GDK_EVENT_STOP;
}

struct apps_signin *apps_signin_new(struct apps_options *options,
				    const struct apps_signin_handlers *handlers,
				    void *data)
{
	struct apps_signin *signin = g_new0(struct apps_signin, 1);
	signin->options = options;
	signin->handlers = handlers;
	signin->data = data;
	signin->trust = trust_new(NULL);
	signin->servers = servers_new(NULL);
	signin->page = signin_new(signin->servers, &page_handlers, signin);
	signin->window = GTK_WINDOW(gtk_window_new(GTK_WINDOW_TOPLEVEL));
	gtk_window_set_title(signin->window, "Oriel");
	gtk_window_set_default_size(signin->window, 560, 520);
	gtk_window_set_position(signin->window, GTK_WIN_POS_CENTER);
	gtk_container_add(GTK_CONTAINER(signin->window),
			  signin_widget(signin->page));
	gtk_widget_show_all(signin_widget(signin->page));
	g_signal_connect(signin->window, "delete-event", G_CALLBACK(on_delete),
			 signin);
	return signin;
}

/* The session of the window that started us. */
static gboolean resume(struct apps_signin *signin)
{
	struct apps_options *options = signin->options;
	g_autofree char *session = g_steal_pointer(&options->session);
	if (!session)
		return FALSE;
	struct api *api = api_new(&options->server, signin->trust);
	if (options->fingerprint)
		api_trust(api, options->fingerprint);
	gboolean good =
	    api_resume(api, options->user ? options->user : "", session);
	memset(session, 0, strlen(session));
	if (good)
		signin->handlers->signed_in(api, signin->data);
	else
		api_unref(api);
	return good;
}

void apps_signin_begin(struct apps_signin *signin, const GError *error)
{
	struct apps_options *options = signin->options;
	if (resume(signin))
		return;
	g_autofree char *server = server_url_text(&options->server);
	const char *user = options->user;
	if (!user)
		user = servers_user_of(signin->servers, server);
	signin_fill(signin->page, server, user, options->password);
	if (options->password && !error) {
		memset(options->password, 0, strlen(options->password));
		g_clear_pointer(&options->password, g_free);
		signin_resubmit(signin->page);
		return;
	}
	signin_show_error(signin->page, error, 0);
	show(signin);
}

void apps_signin_free(struct apps_signin *signin)
{
	if (!signin)
		return;
	g_cancellable_cancel(signin->cancellable);
	g_clear_object(&signin->cancellable);
	gtk_widget_destroy(GTK_WIDGET(signin->window));
	api_unref(signin->api);
	servers_free(signin->servers);
	trust_free(signin->trust);
	g_free(signin->server_text);
	g_free(signin);
}

gboolean apps_signin_asks(const struct apps_signin *signin)
{
	return gtk_widget_get_visible(GTK_WIDGET(signin->window));
}
