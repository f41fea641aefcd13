#include "client/app.h"

#include <string.h>

#include "client/api.h"
#include "client/app-help.h"
#include "client/browser-signin.h"
#include "client/certificate-dialog.h"
#include "client/desktop-window.h"
#include "client/desktops.h"
#include "client/events.h"
#include "client/film-decoders.h"
#include "client/kiosk.h"
#include "client/servers.h"
#include "client/signin.h"
#include "common/fault.h"

struct app {
	struct app_options *options;
	GtkApplication *gtk;
	struct trust *trust;
	struct servers *servers;
	GtkWindow *window;
	GtkWidget *header, *stack, *sign_out;
	struct signin *signin;
	struct desktops *desktops;
	struct api *api;
	GCancellable *cancellable; /* of signing in */
	struct browser_signin *browser;
	gboolean by_browser;   /* how somebody last tried */
	GCancellable *probing; /* of the question for a provider */
	char *server_text;
	GList *windows;
	/* what to open after signing in, if anything; name too where known */
	char *target_pool, *target_id, *target_name;
	gboolean direct;    /* a list of one is opened at once */
	gboolean main_away; /* the main window waits behind a desktop */
	gboolean quitting;
};

static void show_main(struct app *app);

static void set_header(struct app *app)
{
	gboolean list =
	    g_strcmp0(gtk_stack_get_visible_child_name(GTK_STACK(app->stack)),
		      "desktops") == 0;
	GtkHeaderBar *header = GTK_HEADER_BAR(app->header);
	g_autofree char *subtitle =
	    list && app->api ? g_strdup_printf("%s on %s", api_user(app->api),
					       api_server_key(app->api))
			     : NULL;
	gtk_header_bar_set_title(header, list ? "Desktops" : "Oriel");
	gtk_header_bar_set_subtitle(header, subtitle);
	gtk_widget_set_visible(app->sign_out, list);
	if (app->options->kiosk)
		gtk_widget_set_visible(app->header, list);
}

static void show_page(struct app *app, const char *name)
{
	gtk_stack_set_visible_child_name(GTK_STACK(app->stack), name);
	set_header(app);
}

static void clear_target(struct app *app)
{
	g_clear_pointer(&app->target_pool, g_free);
	g_clear_pointer(&app->target_id, g_free);
	g_clear_pointer(&app->target_name, g_free);
}

/* --- desktops ------------------------------------------------------- */

static void show_sign_in(struct app *app, const GError *error)
{
	desktops_stop(app->desktops);
	g_clear_pointer(&app->api, api_unref);
	show_page(app, "signin");
	show_main(app);
	signin_reload_servers(app->signin);
	signin_set_busy(app->signin, FALSE);
	signin_clear_password(app->signin);
	if (app->options->kiosk)
		signin_clear_user(app->signin);
	signin_show_error(app->signin, error, 0);
	signin_focus(app->signin);
}

static void on_window_closed(struct desktop_window *window,
			     enum desktop_window_end end, void *data)
{
	struct app *app = data;
	app->windows = g_list_remove(app->windows, window);
	if (app->quitting)
		return;
	if (end == DESKTOP_WINDOW_SIGN_IN) {
		clear_target(app);
		app->target_pool = g_strdup(desktop_window_pool(window));
		app->target_id = g_strdup(desktop_window_id(window));
		show_sign_in(app, NULL);
		return;
	}
	if (app->windows)
		return;
	if (app->options->kiosk && app->main_away && app->api)
		api_sign_out(app->api); /* there was nothing but this one */
	if (!app->api || !api_signed_in(app->api)) {
		show_sign_in(app, NULL);
		return;
	}
	app->direct = FALSE;
	desktops_start(app->desktops, app->api);
	show_page(app, "desktops");
	show_main(app);
}

static struct desktop_window *find_window(struct app *app, const char *pool,
					  const char *id)
{
	for (GList *l = app->windows; l; l = l->next) {
		const char *has_id = desktop_window_id(l->data);
		const char *has_pool = desktop_window_pool(l->data);
		if (id && has_id ? strcmp(id, has_id) == 0
				 : pool && g_strcmp0(pool, has_pool) == 0)
			return l->data;
	}
	return NULL;
}

static void open_desktop(struct app *app, const char *pool, const char *id,
			 const char *name, gboolean instead_of_list)
{
	struct desktop_window *window = find_window(app, pool, id);
	if (!window) {
		events_emit("opening", "{s:s?,s:s?}", "pool", pool, "desktop",
			    id);
		const struct desktop_window_options options = {
		    .protocol = app->options->protocol,
		    .fullscreen = app->options->fullscreen,
		    .kiosk = app->options->kiosk,
		};
		window = desktop_window_new(app->gtk, app->api, app->servers,
					    pool, id,
					    name   ? name
					    : pool ? pool
						   : "Desktop",
					    &options, on_window_closed, app);
		app->windows = g_list_prepend(app->windows, window);
	}
	desktop_window_present(window);
	if (instead_of_list) {
		app->main_away = TRUE;
		desktops_stop(app->desktops);
		gtk_widget_hide(GTK_WIDGET(app->window));
	}
}

static void on_open(const struct desktop *desktop, void *data)
{
	struct app *app = data;
	/* one's own comes by its pool, which also makes it where there is
	 * none yet; somebody else's (for administrators) by its id */
	gboolean own =
	    !desktop->user || g_strcmp0(desktop->user, api_user(app->api)) == 0;
	open_desktop(app, own ? desktop->pool : NULL, desktop->id,
		     desktop->name, FALSE);
}

static void on_loaded(unsigned count, void *data)
{
	struct app *app = data;
	desktops_focus(app->desktops);
	if (!app->direct || count != 1)
		return;
	const struct desktop *desktop = desktops_get(app->desktops, 0);
	g_autofree char *pool = g_strdup(desktop->pool);
	g_autofree char *id = g_strdup(desktop->id);
	g_autofree char *name = g_strdup(desktop->name);
	open_desktop(app, pool, id, name, TRUE);
}

static void on_lost(const GError *error, void *data)
{
	show_sign_in(data, error);
}

static const struct desktops_handlers desktops_handlers = {
    .open = on_open,
    .loaded = on_loaded,
    .lost = on_lost,
};

/* --- signing in ----------------------------------------------------- */

static struct api *new_api(struct app *app, const struct server_url *url)
{
	const struct server_url *given = &app->options->server;
	struct api *api = api_new(url, app->trust);
	if (app->options->fingerprint &&
	    (!given->host ||
	     (strcmp(given->host, url->host) == 0 && given->port == url->port)))
		api_trust(api, app->options->fingerprint);
	return api;
}

static void signed_in(struct app *app)
{
	if (!app->options->kiosk)
		servers_used(app->servers, app->server_text,
			     api_user(app->api));
	signin_clear_password(app->signin);
	signin_set_busy(app->signin, FALSE);
	events_emit("signed-in", "{s:s}", "user", api_user(app->api));
	if (app->target_pool || app->target_id) {
		open_desktop(app, app->target_pool, app->target_id,
			     app->target_name, TRUE);
		clear_target(app);
		return;
	}
	show_page(app, "desktops");
	desktops_start(app->desktops, app->api);
}

static void on_browse(const char *server, void *data);

static void on_certificate(gboolean trusted, void *data)
{
	struct app *app = data;
	const struct api_certificate *refused =
	    app->api ? api_refused_certificate(app->api) : NULL;
	g_autoptr(GError) error = NULL;
	if (!trusted || !refused) {
		signin_focus(app->signin);
		return;
	}
	if (!trust_remember(app->trust, api_server_key(app->api),
			    refused->offered, &error)) {
		signin_show_error(app->signin, error, 0);
		return;
	}
	events_emit("trusted", "{s:s}", "fingerprint", refused->offered);
	if (app->by_browser)
		on_browse(signin_server(app->signin), app);
	else
		signin_resubmit(app->signin);
}

static void on_signed_in(const struct api_answer *answer, const GError *error,
			 void *data)
{
	struct app *app = data;
	if (!error) {
		signed_in(app);
		return;
	}
	const struct api_certificate *refused =
	    api_refused_certificate(app->api);
	g_autofree char *cause = fault_cause(error);
	if (!refused && answer->needs_code) {
		signin_refused(app->signin, answer, error);
		return;
	}
	signin_set_busy(app->signin, FALSE);
	events_emit("sign-in-failed", "{s:s,s:i,s:s?}", "cause", cause,
		    "status", (int)answer->status, "certificate",
		    refused ? refused->offered : NULL);
	if (refused && app->options->kiosk) {
		/* not for whoever happens to stand there */
		g_autofree char *remedy = g_strdup_printf(
		    "If it is the right server, its administrator writes "
		    "into " KIOSK_FILE ":\nfingerprint = %s",
		    refused->offered);
		g_autoptr(GError) told =
		    fault_new(FAULT_DENIED, remedy,
			      "The certificate of %s is not trusted",
			      api_server_key(app->api));
		signin_show_error(app->signin, told, 0);
		signin_focus(app->signin);
		return;
	}
	if (refused) {
		certificate_dialog_show(app->window, api_server_key(app->api),
					refused, on_certificate, app);
		return;
	}
	signin_refused(app->signin, answer, error);
}

/* Whose sign-in it will be: app->api. FALSE: it is no address. */
static gboolean choose_server(struct app *app, const char *server)
{
	struct server_url url;
	g_autoptr(GError) error = NULL;
	if (!server_url_parse(server, &url, &error)) {
		signin_show_error(app->signin, error, 0);
		return FALSE;
	}
	if (url.pool) {
		clear_target(app);
		app->target_pool = g_strdup(url.pool);
	}
	g_free(app->server_text);
	app->server_text = server_url_text(&url);
	api_unref(app->api);
	app->api = new_api(app, &url);
	server_url_clear(&url);
	g_clear_object(&app->cancellable);
	app->cancellable = g_cancellable_new();
	app->direct = TRUE;
	signin_set_busy(app->signin, TRUE);
	events_emit("signing-in", NULL);
	return TRUE;
}

static void on_submit(const char *server, const char *user,
		      const char *password, const char *code, void *data)
{
	struct app *app = data;
	app->by_browser = FALSE;
	if (choose_server(app, server))
		api_sign_in(app->api, user, password, code, app->cancellable,
			    on_signed_in, app);
}

static void on_browser_waiting(void *data)
{
	signin_set_waiting(((struct app *)data)->signin);
}

static void on_browser_done(const struct api_answer *answer,
			    const GError *error, void *data)
{
	struct app *app = data;
	app->browser = NULL;
	on_signed_in(answer, error, app);
	/* the person looks at the browser; desktops present themselves */
	if (gtk_widget_get_visible(GTK_WIDGET(app->window)))
		gtk_window_present(app->window);
}

static const struct browser_signin_handlers browser_handlers = {
    .waiting = on_browser_waiting,
    .done = on_browser_done,
};

static void on_browse(const char *server, void *data)
{
	struct app *app = data;
	app->by_browser = TRUE;
	if (choose_server(app, server))
		app->browser =
		    browser_signin_start(app->api, &browser_handlers, app);
}

static void on_provider(const struct api_answer *answer, const GError *error,
			void *data)
{
	struct app *app = data;
	if (error)
		return; /* nobody knows; whoever tries is told */
	json_t *label = json_object_get(answer->json, "label");
	if (json_is_null(label))
		signin_set_provider(app->signin, NULL);
	else if (json_string_length(label) <= 64)
		signin_set_provider(app->signin, json_string_value(label));
}

/* Servers that somebody knows are asked beforehand, so that the page shows
 * what there is; strangers are not asked because of a few letters. */
static void on_server(const char *server, void *data)
{
	struct app *app = data;
	struct server_url url;
	g_cancellable_cancel(app->probing);
	g_clear_object(&app->probing);
	if (!server_url_parse(server, &url, NULL))
		return;
	g_autofree char *text = server_url_text(&url);
	const struct server_url *given = &app->options->server;
	gboolean known = servers_user_of(app->servers, text) ||
			 (given->host && strcmp(given->host, url.host) == 0 &&
			  given->port == url.port);
	if (known && !(app->api && api_signed_in(app->api))) {
		struct api *api = new_api(app, &url);
		app->probing = g_cancellable_new();
		api_call(api, "GET", "/oidc", NULL, app->probing, on_provider,
			 app);
		api_unref(api);
	}
	server_url_clear(&url);
}

static void on_cancel(void *data)
{
	struct app *app = data;
	g_cancellable_cancel(app->cancellable);
	browser_signin_cancel(g_steal_pointer(&app->browser));
	signin_set_busy(app->signin, FALSE);
	events_emit("sign-in-cancelled", NULL);
}

static const struct signin_handlers signin_handlers = {
    .submit = on_submit,
    .browse = on_browse,
    .server = on_server,
    .cancel = on_cancel,
};

static void close_windows(struct app *app)
{
	g_autoptr(GList) windows = g_list_copy(app->windows);
	for (GList *l = windows; l; l = l->next)
		desktop_window_close(l->data);
}

static void on_sign_out(GSimpleAction *action, GVariant *parameter,
			gpointer data)
{
	struct app *app = data;
	if (!app->api)
		return;
	struct api *api = api_ref(app->api);
	api_sign_out(api);
	close_windows(app);
	clear_target(app);
	show_sign_in(app, NULL);
	api_unref(api);
	events_emit("signed-out", NULL);
}

static void on_forget(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct app *app = data;
	struct server_url url;
	g_autoptr(GError) error = NULL;
	if (!server_url_parse(signin_server(app->signin), &url, &error)) {
		signin_show_error(app->signin, error, 0);
		return;
	}
	g_autofree char *key = server_url_key(&url);
	g_autofree char *text = server_url_text(&url);
	server_url_clear(&url);
	if (!app_help_confirm_forget(app->window, key))
		return;
	if (!trust_forget(app->trust, key, &error)) {
		signin_show_error(app->signin, error, 0);
		return;
	}
	servers_forget(app->servers, text);
	signin_reload_servers(app->signin);
	signin_show_error(app->signin, NULL, 0);
	events_emit("forgotten", "{s:s}", "server", key);
}

static void on_shortcuts(GSimpleAction *action, GVariant *parameter,
			 gpointer data)
{
	app_help_shortcuts(((struct app *)data)->window);
}

static void on_about(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	app_help_about(((struct app *)data)->window);
}

static void on_quit(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	struct app *app = data;
	app->quitting = TRUE;
	close_windows(app);
	gtk_widget_destroy(GTK_WIDGET(app->window));
}

/* --- the main window ------------------------------------------------ */

static void show_main(struct app *app)
{
	app->main_away = FALSE;
	gtk_window_present(app->window);
}

static gboolean on_delete(GtkWidget *widget, GdkEvent *event, struct app *app)
{
	if (app->options->kiosk)
		return GDK_EVENT_STOP;
	if (app->windows) {
		gtk_widget_hide(widget); /* back when they are closed */
		return GDK_EVENT_STOP;
	}
	g_cancellable_cancel(app->cancellable);
	return GDK_EVENT_PROPAGATE;
}

static void add_menu(struct app *app)
{
	GtkWidget *menu = gtk_menu_button_new();
	GMenu *model = g_menu_new();
	g_menu_append(model, "_Forget This Server…", "app.forget");
	g_menu_append(model, "_Keyboard Shortcuts", "app.shortcuts");
	g_menu_append(model, "_About Oriel", "app.about");
	gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(menu),
				       G_MENU_MODEL(model));
	g_object_unref(model);
	gtk_button_set_image(GTK_BUTTON(menu),
			     gtk_image_new_from_icon_name(
				 "open-menu-symbolic", GTK_ICON_SIZE_BUTTON));
	gtk_widget_set_tooltip_text(menu, "Menu (F10)");
	gtk_menu_button_set_use_popover(GTK_MENU_BUTTON(menu), TRUE);
	g_object_set_data(G_OBJECT(app->header), "menu", menu);
	gtk_header_bar_pack_end(GTK_HEADER_BAR(app->header), menu);
}

static void build_header(struct app *app)
{
	app->header = gtk_header_bar_new();
	gtk_header_bar_set_show_close_button(GTK_HEADER_BAR(app->header),
					     !app->options->kiosk);
	gtk_header_bar_set_has_subtitle(GTK_HEADER_BAR(app->header), FALSE);
	if (!app->options->kiosk)
		add_menu(app);
	app->sign_out = gtk_button_new_with_mnemonic("Si_gn Out");
	gtk_actionable_set_action_name(GTK_ACTIONABLE(app->sign_out),
				       "app.sign-out");
	gtk_widget_set_no_show_all(app->sign_out, TRUE);
	gtk_header_bar_pack_start(GTK_HEADER_BAR(app->header), app->sign_out);
}

static gboolean on_main_key(GtkWidget *widget, GdkEventKey *event,
			    struct app *app)
{
	if (event->keyval != GDK_KEY_F10 || app->options->kiosk ||
	    (event->state & gtk_accelerator_get_default_mod_mask()))
		return GDK_EVENT_PROPAGATE;
	gtk_button_clicked(g_object_get_data(G_OBJECT(app->header), "menu"));
	return GDK_EVENT_STOP;
}

static void load_style(void)
{
	g_autoptr(GtkCssProvider) css = gtk_css_provider_new();
	gtk_css_provider_load_from_resource(css, "/org/oriel/Client/style.css");
	gtk_style_context_add_provider_for_screen(
	    gdk_screen_get_default(), GTK_STYLE_PROVIDER(css),
	    GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
	gtk_icon_theme_add_resource_path(gtk_icon_theme_get_default(),
					 "/org/oriel/Client/icons");
	gtk_window_set_default_icon_name("oriel");
}

static void on_startup(GApplication *gtk, struct app *app)
{
	const GActionEntry actions[] = {
	    {.name = "sign-out", .activate = on_sign_out},
	    {.name = "forget", .activate = on_forget},
	    {.name = "shortcuts", .activate = on_shortcuts},
	    {.name = "about", .activate = on_about},
	    {.name = "quit", .activate = on_quit},
	};
	g_action_map_add_action_entries(G_ACTION_MAP(gtk), actions,
					G_N_ELEMENTS(actions), app);
	load_style();
}

static void fill_from_options(struct app *app)
{
	struct app_options *options = app->options;
	g_autofree char *server =
	    options->server.host ? server_url_text(&options->server) : NULL;
	const char *user = options->user;
	if (server && !user)
		user = servers_user_of(app->servers, server);
	signin_fill(app->signin, server, user, options->password);
	if (options->kiosk && server)
		signin_fix_server(app->signin);
	app->target_pool = g_strdup(options->server.pool);
	if (options->password) {
		memset(options->password, 0, strlen(options->password));
		g_clear_pointer(&options->password, g_free);
		signin_resubmit(app->signin);
	} else {
		signin_focus(app->signin);
	}
	if (options->misconfigured) {
		g_autofree char *cause = fault_cause(options->misconfigured);
		signin_show_error(app->signin, options->misconfigured, 0);
		events_emit("misconfigured", "{s:s}", "cause", cause);
	}
}

static void on_activate(GApplication *gtk, struct app *app)
{
	if (app->window) {
		show_main(app);
		return;
	}
	app->window = GTK_WINDOW(gtk_application_window_new(app->gtk));
	gtk_window_set_title(app->window, "Oriel");
	gtk_window_set_default_size(app->window, 1080, 700);
	build_header(app);
	app->stack = gtk_stack_new();
	gtk_stack_set_transition_type(GTK_STACK(app->stack),
				      GTK_STACK_TRANSITION_TYPE_CROSSFADE);
	app->signin = signin_new(app->servers, &signin_handlers, app);
	app->desktops = desktops_new(&desktops_handlers, app);
	gtk_stack_add_named(GTK_STACK(app->stack), signin_widget(app->signin),
			    "signin");
	gtk_stack_add_named(GTK_STACK(app->stack),
			    desktops_widget(app->desktops), "desktops");
	if (app->options->kiosk) {
		GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0);
		gtk_widget_set_no_show_all(app->header, TRUE);
		gtk_box_pack_start(GTK_BOX(box), app->header, FALSE, FALSE, 0);
		gtk_box_pack_start(GTK_BOX(box), app->stack, TRUE, TRUE, 0);
		gtk_container_add(GTK_CONTAINER(app->window), box);
		gtk_window_set_decorated(app->window, FALSE);
		gtk_window_fullscreen(app->window);
	} else {
		gtk_window_set_titlebar(app->window, app->header);
		gtk_container_add(GTK_CONTAINER(app->window), app->stack);
	}
	g_signal_connect(app->window, "delete-event", G_CALLBACK(on_delete),
			 app);
	g_signal_connect(app->window, "key-press-event",
			 G_CALLBACK(on_main_key), app);
	gtk_widget_show_all(GTK_WIDGET(app->window));
	set_header(app);
	events_emit("shown", NULL);
	/* while somebody types; not for those who want none of it */
	if (g_strcmp0(app->options->protocol, "rfb") != 0)
		film_decoders_prepare();
	fill_from_options(app);
}

int app_run(struct app_options *options)
{
	struct app app = {.options = options};
	app.trust = trust_new(NULL);
	app.servers = servers_new(NULL);
	/* each call is a client of its own: two servers, two people */
	app.gtk =
	    gtk_application_new("org.oriel.Client", G_APPLICATION_NON_UNIQUE);
	g_signal_connect(app.gtk, "startup", G_CALLBACK(on_startup), &app);
	g_signal_connect(app.gtk, "activate", G_CALLBACK(on_activate), &app);
	const char *const quit[] = {"<Primary>q", NULL};
	const char *const shortcuts[] = {"F1", "<Primary>question", NULL};
	if (!options->kiosk)
		gtk_application_set_accels_for_action(app.gtk, "app.quit",
						      quit);
	gtk_application_set_accels_for_action(app.gtk, "app.shortcuts",
					      shortcuts);
	int status = g_application_run(G_APPLICATION(app.gtk), 0, NULL);
	events_emit("exit", "{s:i}", "status", status);
	g_object_unref(app.gtk);
	clear_target(&app);
	g_clear_object(&app.cancellable);
	g_clear_object(&app.probing);
	browser_signin_cancel(app.browser);
	api_unref(app.api);
	g_free(app.server_text);
	servers_free(app.servers);
	trust_free(app.trust);
	return status;
}
