#include "client/link.h"

#include <string.h>

#include "client/events.h"
#include "client/installation.h"
#include "client/launch.h"
#include "client/secret.h"
#include "common/fault.h"

/* Pauses between tries to reconnect; the last one repeats. */
static const unsigned pauses_ms[] = {0, 300, 1000, 2000, 4000, 5000};

#define SHUT_DOWN_ICON "system-shutdown-symbolic"

struct link {
	struct api *api;
	char *pool, *id, *name;
	const struct link_handlers *handlers;
	void *data;
	enum link_state state;
	GCancellable *cancellable; /* of the question after a cut */
	struct launch *launch;
	struct installation *installation;
	char *installs; /* the image installed at its console; or NULL */
	struct session *session;
	char *secret, *protocol;
	char *wanted_protocol; /* NULL: the best on offer */
	struct session_policy policy;
	gint64 since; /* of the desktop the secret is for */
	unsigned attempt, refused_tickets;
	guint timer;
	gint64 retry_at_us;
	gint64 up_us;
};

static void reconnect_later(struct link *link, unsigned at_least_s);
static void open_session(struct link *link, const char *ticket);

static void tell(struct link *link, enum link_state state, const char *title,
		 const char *text)
{
	struct link_status status = {
	    .state = state,
	    .title = title,
	    .text = text,
	    .fraction = -1,
	};
	link->state = state;
	link->handlers->status(&status, link->data);
}

static void end(struct link *link, enum link_remedy remedy, const char *icon,
		const char *title, const char *text)
{
	struct link_status status = {
	    .state = LINK_ENDED,
	    .title = title,
	    .text = text,
	    .icon = icon,
	    .fraction = -1,
	    .remedy = remedy,
	    .shut_down = strcmp(icon, SHUT_DOWN_ICON) == 0,
	};
	link->state = LINK_ENDED;
	secret_clear(&link->secret);
	events_emit("ended", "{s:s,s:s?}", "title", title, "text", text);
	link->handlers->status(&status, link->data);
}

static void end_with_error(struct link *link, const GError *error,
			   unsigned status)
{
	g_autofree char *cause = fault_cause(error);
	g_autofree char *remedy = fault_remedy(error);
	if (status == 401 && !api_signed_in(link->api))
		end(link, LINK_SIGN_IN, "dialog-password-symbolic",
		    "You are signed out",
		    "Your sign-in is no longer valid. Sign in again to go on; "
		    "the desktop keeps running.");
	else
		end(link, LINK_TRY_AGAIN, "dialog-warning-symbolic", cause,
		    remedy);
}

static void drop_session(struct link *link)
{
	if (!link->session)
		return;
	link->handlers->session(NULL, link->data);
	session_close(g_steal_pointer(&link->session));
}

static void stop_all(struct link *link)
{
	g_cancellable_cancel(link->cancellable);
	g_clear_object(&link->cancellable);
	link->cancellable = g_cancellable_new();
	g_clear_handle_id(&link->timer, g_source_remove);
	g_clear_pointer(&link->launch, launch_cancel);
	g_clear_pointer(&link->installation, installation_free);
	drop_session(link);
}

/* Kept once known: at the end the server no longer tells it. */
static void keep_install(struct link *link, const struct desktop *desktop)
{
	if (!desktop->install)
		return;
	g_free(link->installs);
	link->installs = g_strdup(desktop->install);
}

/* --- starting ------------------------------------------------------- */

static void on_progress(const struct desktop *desktop, void *data)
{
	struct link *link = data;
	g_autofree char *title = g_strdup_printf(
	    desktop->state == DESKTOP_STOPPING ? "%s is shutting down"
					       : "Starting %s",
	    link->name);
	struct link_status status = {
	    .state = LINK_STARTING,
	    .title = title,
	    .text = desktop->stage ? desktop->stage : "One moment…",
	    .fraction = desktop->fraction,
	};
	g_free(link->id);
	link->id = g_strdup(desktop->id);
	link->state = LINK_STARTING;
	events_emit("starting", "{s:s?,s:f}", "stage", desktop->stage,
		    "fraction", desktop->fraction);
	link->handlers->status(&status, link->data);
}

static void on_policy(const struct session_policy *policy, void *data)
{
	((struct link *)data)->policy = *policy;
}

static void on_ready(const struct desktop *desktop, const char *ticket,
		     const char *protocol, void *data)
{
	struct link *link = data;
	link->launch = NULL;
	g_free(link->id);
	link->id = g_strdup(desktop->id);
	g_free(link->protocol);
	link->protocol = g_strdup(protocol);
	link->since = desktop->since;
	keep_install(link, desktop);
	secret_clear(&link->secret);
	events_emit("ticket", "{s:s?}", "desktop", desktop->id);
	if (link->state != LINK_RECONNECTING)
		tell(link, LINK_CONNECTING, "Connecting…", NULL);
	open_session(link, ticket);
}

static void on_failed(const struct desktop *desktop, const GError *error,
		      unsigned status, void *data)
{
	struct link *link = data;
	link->launch = NULL;
	end_with_error(link, error, status);
}

static const struct launch_handlers launch_handlers = {
    .progress = on_progress,
    .policy = on_policy,
    .ready = on_ready,
    .failed = on_failed,
};

static void launch(struct link *link)
{
	g_clear_pointer(&link->launch, launch_cancel);
	link->launch =
	    launch_start(link->api, link->id ? NULL : link->pool, link->id,
			 link->wanted_protocol, &launch_handlers, link);
}

void link_begin(struct link *link)
{
	stop_all(link);
	link->attempt = 0;
	link->refused_tickets = 0;
	if (link->state == LINK_RECONNECTING) {
		reconnect_later(link, 0);
		return;
	}
	g_autofree char *title = g_strdup_printf("Opening %s", link->name);
	tell(link, LINK_STARTING, title, NULL);
	launch(link);
}

/* --- after an installation ------------------------------------------ */

static void on_settling(const char *text, double fraction, void *data)
{
	struct link *link = data;
	struct link_status status = {
	    .state = LINK_SETTLING,
	    .title = "The machine has switched itself off",
	    .text = text,
	    .fraction = fraction,
	};
	link->state = LINK_SETTLING;
	link->handlers->status(&status, link->data);
}

static void on_interrupted(void *data)
{
	struct link *link = data;
	g_clear_pointer(&link->installation, installation_free);
	g_autofree char *text = g_strdup_printf(
	    "Start it again to go on. If the system is all there, `oriel image "
	    "finish %s` makes an image of it.",
	    link->installs);
	end(link, LINK_START_AGAIN, SHUT_DOWN_ICON,
	    "The machine is off, and setup has not ended", text);
}

static void on_resumed(void *data)
{
	struct link *link = data;
	g_clear_pointer(&link->installation, installation_free);
	launch(link);
}

static void on_installed(gboolean well, const char *title, const char *text,
			 void *data)
{
	struct link *link = data;
	g_clear_pointer(&link->installation, installation_free);
	end(link, LINK_NOTHING,
	    well ? "emblem-ok-symbolic" : "dialog-information-symbolic", title,
	    text);
}

static void on_settle_failed(const GError *error, unsigned status, void *data)
{
	struct link *link = data;
	g_clear_pointer(&link->installation, installation_free);
	end_with_error(link, error, status);
}

static const struct installation_handlers installation_handlers = {
    .progress = on_settling,
    .interrupted = on_interrupted,
    .resumed = on_resumed,
    .over = on_installed,
    .failed = on_settle_failed,
};

static void settle(struct link *link)
{
	events_emit("settling", "{s:s}", "image", link->installs);
	on_settling("Its disk is looked at…", -1, link);
	g_clear_pointer(&link->installation, installation_free);
	link->installation = installation_follow(
	    link->api, link->id, link->installs, &installation_handlers, link);
}

/* --- after a cut ---------------------------------------------------- */

static void on_state(const struct api_answer *answer, const GError *error,
		     void *data)
{
	struct link *link = data;
	if (error) {
		if (answer->status == 404 && link->installs)
			settle(link);
		else if (answer->status == 401 || answer->status == 403 ||
			 answer->status == 404 ||
			 fault_code(error) == FAULT_DENIED)
			end_with_error(link, error, answer->status);
		else
			reconnect_later(link, answer->retry_after_s);
		return;
	}
	struct desktop *desktop = desktop_from_json(answer->json);
	enum desktop_state state = desktop ? desktop->state : DESKTOP_RUNNING;
	if (desktop)
		keep_install(link, desktop);
	switch (state) {
	case DESKTOP_RUNNING:
		if (link->secret && desktop && desktop->since == link->since)
			open_session(link, NULL);
		else
			launch(link); /* it was restarted: a new ticket */
		break;
	case DESKTOP_STARTING:
		launch(link);
		break;
	case DESKTOP_NONE:
	case DESKTOP_OFF:
	case DESKTOP_STOPPING:
		if (link->installs) {
			settle(link);
			break;
		}
		end(link, LINK_START_AGAIN, SHUT_DOWN_ICON,
		    "The desktop was shut down",
		    "Start it again whenever you need it.");
		break;
	case DESKTOP_FAILED:
		end(link, LINK_START_AGAIN, "dialog-warning-symbolic",
		    desktop->cause ? desktop->cause : "The desktop failed",
		    desktop->remedy);
		break;
	}
	desktop_free(desktop);
}

static gboolean on_pause_over(gpointer data)
{
	struct link *link = data;
	gint64 left = link->retry_at_us - g_get_monotonic_time();
	unsigned left_s = left > 0 ? (unsigned)((left + 999999) / 1000000) : 0;
	struct link_status status = {
	    .state = LINK_RECONNECTING,
	    .title = "The connection was lost",
	    .text = "Reconnecting. Your desktop keeps running.",
	    .fraction = -1,
	    .retry_s = left_s,
	};
	link->handlers->status(&status, link->data);
	if (left > 0) {
		link->timer = g_timeout_add((guint)MIN(left / 1000 + 1, 1000),
					    on_pause_over, link);
		return G_SOURCE_REMOVE;
	}
	link->timer = 0;
	g_autofree char *path =
	    api_desktop_path(link->id ? link->id : "", NULL);
	api_call(link->api, "GET", path ? path : "/desktops/-", NULL,
		 link->cancellable, on_state, link);
	return G_SOURCE_REMOVE;
}

static void reconnect_later(struct link *link, unsigned at_least_s)
{
	unsigned last = G_N_ELEMENTS(pauses_ms) - 1;
	unsigned pause = pauses_ms[MIN(link->attempt, last)];
	pause = MAX(pause, at_least_s * 1000);
	link->attempt++;
	link->state = LINK_RECONNECTING;
	link->retry_at_us = g_get_monotonic_time() + (gint64)pause * 1000;
	events_emit("reconnecting", "{s:i,s:i}", "attempt", (int)link->attempt,
		    "pause_ms", (int)pause);
	g_clear_handle_id(&link->timer, g_source_remove);
	on_pause_over(link);
}

void link_cut(struct link *link)
{
	if (link->state != LINK_UP)
		return;
	stop_all(link);
	link->attempt = 0;
	reconnect_later(link, 0);
}

/* --- the session ---------------------------------------------------- */

static void on_attached(const char *secret, void *data)
{
	struct link *link = data;
	gboolean again = link->state == LINK_RECONNECTING;
	if (secret)
		secret_set(&link->secret, secret);
	link->refused_tickets = 0;
	link->up_us = g_get_monotonic_time();
	events_emit(again ? "reconnected" : "connected", "{s:s}", "protocol",
		    link->protocol);
	tell(link, LINK_UP, NULL, NULL);
}

static void on_closed(const struct session_end *told, void *data)
{
	struct link *link = data;
	gboolean was_up = link->state == LINK_UP;
	gboolean by_secret = link->secret != NULL;
	g_autoptr(GError) error =
	    told->error      ? g_error_copy(told->error)
	    : told->attached ? NULL
			     : fault_new(FAULT_UNAVAILABLE, "Try again.",
					 "The connection could not be made");
	struct session_end why = *told;
	why.error = error;
	g_autofree char *cause = error ? fault_cause(error) : NULL;
	events_emit("disconnected", "{s:s?,s:i}", "cause", cause, "status",
		    (int)why.status);
	drop_session(link);
	if (why.attached) {
		if (error && error->domain == FAULT &&
		    fault_code(error) == FAULT_INVALID) {
			end_with_error(link, error, 0);
			return;
		}
		/* one that held for a while earns a fresh count; one that
		 * ends at once must not be tried in a circle */
		if (was_up &&
		    g_get_monotonic_time() - link->up_us > 5 * G_USEC_PER_SEC)
			link->attempt = 0;
		reconnect_later(link, 0);
		return;
	}
	switch (why.status) {
	case 401:
		if (by_secret) {
			g_autofree char *text = g_strdup_printf(
			    "%s. Reconnect if you want to go on.",
			    cause ? cause : "The server ended the session");
			end(link, LINK_TRY_AGAIN, "changes-prevent-symbolic",
			    "Your session was ended", text);
			return;
		}
		/* a ticket that took too long on its way: another one */
		if (link->refused_tickets++ < 2)
			launch(link);
		else
			end_with_error(link, error, why.status);
		return;
	case 403:
	case 404:
	case 426:
		end_with_error(link, error, why.status);
		return;
	case 0:
		if (fault_code(error) == FAULT_DENIED ||
		    fault_code(error) == FAULT_INVALID) {
			end_with_error(link, error, 0);
			return;
		}
		break;
	default: /* 409, 429, 503 and so on: ask what is going on */
		break;
	}
	reconnect_later(link, why.retry_after_s);
}

#define PASS_ON(call)                                                          \
	do {                                                                   \
		struct link *link = data;                                      \
		link->handlers->view.call;                                     \
	} while (0)

static void on_size(int head, int width, int height, void *data)
{
	PASS_ON(size(head, width, height, link->data));
}

static void on_damage(int head, const cairo_region_t *region, void *data)
{
	PASS_ON(damage(head, region, link->data));
}

static void on_cursor(cairo_surface_t *image, int hot_x, int hot_y, void *data)
{
	PASS_ON(cursor(image, hot_x, hot_y, link->data));
}

static void on_leds(unsigned leds, void *data)
{
	PASS_ON(leds(leds, link->data));
}

static void on_bell(void *data)
{
	PASS_ON(bell(link->data));
}

static void on_resized(int head, enum session_resize outcome, void *data)
{
	PASS_ON(resized(head, outcome, link->data));
}

static void on_clipboard_offered(unsigned kinds, void *data)
{
	PASS_ON(clipboard_offered(kinds, link->data));
}

static void on_clipboard_data(enum session_clip kind, GBytes *bytes, void *data)
{
	PASS_ON(clipboard_data(kind, bytes, link->data));
}

static void on_clipboard_wanted(enum session_clip kind, void *data)
{
	PASS_ON(clipboard_wanted(kind, link->data));
}

static void on_recording(gboolean on, void *data)
{
	PASS_ON(recording(on, link->data));
}

static void on_shares_changed(void *data)
{
	PASS_ON(shares_changed(link->data));
}

static void on_usb_failed(const char *id, const char *name, const GError *error,
			  void *data)
{
	PASS_ON(usb_failed(id, name, error, link->data));
}

static const struct session_handlers session_handlers = {
    .attached = on_attached,
    .size = on_size,
    .damage = on_damage,
    .cursor = on_cursor,
    .leds = on_leds,
    .bell = on_bell,
    .resized = on_resized,
    .clipboard_offered = on_clipboard_offered,
    .clipboard_data = on_clipboard_data,
    .clipboard_wanted = on_clipboard_wanted,
    .recording = on_recording,
    .shares_changed = on_shares_changed,
    .usb_failed = on_usb_failed,
    .closed = on_closed,
};

static void open_session(struct link *link, const char *ticket)
{
	struct session_config config = {
	    .host = api_host(link->api),
	    .port = api_port(link->api),
	    .fingerprint = api_fingerprint(link->api),
	    .ticket = ticket,
	    .secret = ticket ? NULL : link->secret,
	    .policy = link->policy,
	};
	drop_session(link);
	link->session =
	    session_open(link->protocol, &config, &session_handlers, link);
	link->handlers->session(link->session, link->data);
}

struct link *link_new(struct api *api, const char *pool, const char *id,
		      const char *name, const char *protocol,
		      const struct link_handlers *handlers, void *data)
{
	struct link *link = g_new0(struct link, 1);
	link->api = api_ref(api);
	link->pool = g_strdup(pool);
	link->id = g_strdup(id);
	link->name = g_strdup(name);
	link->wanted_protocol = g_strdup(protocol);
	link->handlers = handlers;
	link->data = data;
	link->cancellable = g_cancellable_new();
	return link;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	stop_all(link);
	g_clear_object(&link->cancellable);
	api_unref(link->api);
	secret_clear(&link->secret);
	g_free(link->protocol);
	g_free(link->wanted_protocol);
	g_free(link->installs);
	g_free(link->pool);
	g_free(link->id);
	g_free(link->name);
	g_free(link);
}

const char *link_name(const struct link *link)
{
	return link->name;
}

const char *link_protocol(const struct link *link)
{
	const struct session_ops *ops =
	    link->protocol ? session_protocol(link->protocol) : NULL;
	return ops ? ops->title : NULL;
}

const char *link_desktop_id(const struct link *link)
{
	return link->id;
}
