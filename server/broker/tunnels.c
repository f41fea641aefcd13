#include "server/broker/tunnels.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/log.h"
#include "server/broker/attachments.h"
#include "server/broker/desktops.h"
#include "server/broker/listener.h"
#include "server/broker/passwords.h"
#include "server/broker/people.h"
#include "server/broker/secrets.h"
#include "server/broker/shadows.h"

#define TUNNELS_MAX 4096u
#define PEER_MAX    128
/* A host that just came back tells its displays' addresses at once. */
#define DISPLAY_WAIT_S 10
/* A session begins anew in somebody's home. */
#define HOME_WAIT_S 60
/* The first start of an image makes its template: minutes under emulation. */
#define START_WAIT_S 600

struct tunnel {
	struct tunnels *owner;
	struct jsonline *channel; /* NULL once closed; see `busy` */
	struct attachment attach; /* hash NULL: none yet */
	/* the request under way */
	gboolean busy; /* a password check holds us, closed or not */
	json_int_t request;
	gboolean asked;
	char *user, *pool, *protocol, *peer;
	char *desktop;
	char *secret; /* to be told with the reply; NULL for resume */
	/* of a SPICE viewer's first channel: what its others show, and what
	 * they get for it, while this one lives */
	char *shared_ticket, *shared_secret, *tunnel_peer;
	gboolean joined; /* the session is another's */
	struct hub_wait *wait;
	gint64 deadline_us;
};

struct tunnels {
	struct broker *broker;
	struct listener *listener;
	GPtrArray *list; /* struct tunnel */
};

static void request_clear(struct tunnel *tunnel)
{
	g_clear_pointer(&tunnel->user, g_free);
	g_clear_pointer(&tunnel->pool, g_free);
	g_clear_pointer(&tunnel->protocol, g_free);
	g_clear_pointer(&tunnel->peer, g_free);
	g_clear_pointer(&tunnel->desktop, g_free);
	g_clear_pointer(&tunnel->secret, g_free);
	g_clear_pointer(&tunnel->wait, hub_cancel);
	tunnel->asked = FALSE;
}

/* A session that nobody was told the secret of is none. */
static void drop_untold(struct tunnel *tunnel)
{
	if (tunnel->asked && tunnel->secret && !tunnel->joined &&
	    tunnel->attach.hash)
		attachment_drop(tunnel->owner->broker, tunnel->attach.hash);
	if (tunnel->asked)
		attachment_clear(&tunnel->attach);
}

static void tunnel_free(struct tunnel *tunnel)
{
	request_clear(tunnel);
	attachment_clear(&tunnel->attach);
	g_free(tunnel->shared_ticket);
	g_free(tunnel->shared_secret);
	g_free(tunnel->tunnel_peer);
	g_free(tunnel);
}

/* Ours to close, or found closed. */
static void tunnel_end(struct tunnel *tunnel)
{
	if (!g_ptr_array_remove_fast(tunnel->owner->list, tunnel))
		return;
	jsonline_close(tunnel->channel);
	g_clear_pointer(&tunnel->channel, jsonline_unref);
	g_clear_pointer(&tunnel->wait, hub_cancel);
	drop_untold(tunnel);
	if (!tunnel->busy)
		tunnel_free(tunnel); /* else when the check has ended */
}

static void reject(struct tunnel *tunnel, const GError *error)
{
	json_int_t id = tunnel->request;
	drop_untold(tunnel);
	request_clear(tunnel);
	jsonline_reject(tunnel->channel, id, error);
}

/* ---- the way to the display ---- */

static gboolean is_spice(const struct tunnel *tunnel)
{
	return strcmp(tunnel->protocol, "spice") == 0;
}

/* Where the tunnel's protocol is spoken; NULL where it is not. */
static const char *address_for(const struct tunnel *tunnel,
			       const struct desktop *desktop)
{
	return is_spice(tunnel)                           ? desktop->spice
	       : strcmp(tunnel->protocol, "windows") == 0 ? desktop->windows
							  : desktop->address;
}

static GError *no_display(const struct desktop *desktop);

struct grant { /* that waits for the disk */
	struct jsonline *channel;
	json_int_t id;
	json_t *reply;
};

static void on_kept(const GError *error, void *data)
{
	struct grant *grant = data;
	if (error) {
		json_decref(grant->reply);
		jsonline_reject(grant->channel, grant->id, error);
	} else {
		jsonline_reply(grant->channel, grant->id, grant->reply);
	}
	jsonline_unref(grant->channel);
	g_free(grant);
}

/* A ticket is used up on the disk, too, before it opens anything. */
static void grant(struct tunnel *tunnel, struct desktop *desktop)
{
	struct tunnels *self = tunnel->owner;
	g_autoptr(GError) error = NULL;
	if (!tunnel->attach.hash) { /* login: from now on it is one */
		tunnel->secret = attachment_open(
		    self->broker, desktop->id, tunnel->user, tunnel->protocol,
		    tunnel->peer, &tunnel->attach, &error);
		if (!tunnel->secret) {
			reject(tunnel, error);
			return;
		}
	}
	const char *address =
	    tunnel->attach.shadow
		? shadows_address(self->broker->shadows, tunnel->attach.shadow,
				  desktop, tunnel->protocol, &error)
		: address_for(tunnel, desktop);
	if (!address) {
		if (!error)
			error = no_display(desktop);
		reject(tunnel, error);
		return;
	}
	/* not of one that only comes back: its terminal may stand alone */
	if (tunnel->secret && desktop->locked_at &&
	    strcmp(tunnel->attach.user, desktop->user) == 0)
		desktop_unlock(
		    self->broker->desktops, desktop,
		    attachment_signed_in(self->broker, &tunnel->attach));
	json_t *reply =
	    json_pack("{s:s, s:s, s:s}", "desktop", desktop->id, "user",
		      tunnel->attach.user, "address", address);
	if (tunnel->secret)
		json_object_set_new(reply, "session",
				    json_string(tunnel->secret));
	struct grant *granted = g_new0(struct grant, 1);
	granted->channel = jsonline_ref(tunnel->channel);
	granted->id = tunnel->request;
	granted->reply = reply;
	request_clear(tunnel);
	store_when_kept(self->broker->store, 0, on_kept, granted);
}

static GError *no_display(const struct desktop *desktop)
{
	if (desktop->home_error)
		return g_error_copy(desktop->home_error);
	if (desktop->error) {
		GError *error = jsonline_to_error(desktop->error);
		/* the code is the tunnel's: the desktop does not run */
		error->code = FAULT_CONFLICT;
		return error;
	}
	if (desktop->state == DESKTOP_RUNNING)
		return fault_new(FAULT_UNAVAILABLE,
				 "Try again in a moment; if it stays so, look "
				 "at 'oriel status'.",
				 "The display of desktop '%s' cannot be "
				 "reached: its host is not connected.",
				 desktop->name);
	return fault_new(FAULT_CONFLICT, "Start it, then open it again.",
			 "Desktop '%s' is %s.", desktop->name,
			 desktop_state_name(desktop->state));
}

static void await_display(struct tunnel *tunnel);

static void on_changed(gboolean changed, void *data)
{
	struct tunnel *tunnel = data;
	tunnel->wait = NULL;
	await_display(tunnel);
}

static void tell_progress(struct tunnel *tunnel, const struct desktop *desktop)
{
	jsonline_send(tunnel->channel,
		      json_pack("{s:s, s:s, s:f}", "event", "progress", "stage",
				desktop->stage ? desktop->stage : "Starting",
				"fraction", desktop->fraction));
}

/* Whatever the desktop is now: an answer, or a wait for its next change. */
static void await_display(struct tunnel *tunnel)
{
	struct broker *broker = tunnel->owner->broker;
	struct desktop *desktop =
	    desktops_find(broker->desktops, tunnel->desktop);
	g_autoptr(GError) error = NULL;
	gint64 left_us = tunnel->deadline_us - g_get_monotonic_time();
	if (!desktop) {
		error = fault_new(FAULT_NOT_FOUND, "Open the pool again.",
				  "The desktop has been removed.");
	} else if (desktop->state == DESKTOP_RUNNING &&
		   (desktop->policy_due || desktop->home_due) && left_us > 0) {
		/* nobody comes in before it holds: see below */
	} else if (desktop->state == DESKTOP_RUNNING && !desktop->policy_due &&
		   !desktop->home_due && address_for(tunnel, desktop)) {
		grant(tunnel, desktop);
		return;
	} else if (is_spice(tunnel) && desktop->state == DESKTOP_RUNNING &&
		   desktop->address) {
		error =
		    fault_new(FAULT_UNAVAILABLE, "Open it over VNC.",
			      "The display of desktop '%s' speaks no SPICE.",
			      desktop->name);
	} else if (desktop->state == DESKTOP_FAILED ||
		   (desktop->state == DESKTOP_OFF) ||
		   (desktop->state == DESKTOP_STOPPING &&
		    !desktop->start_wanted) ||
		   left_us <= 0) {
		error = no_display(desktop);
	}
	if (error) {
		reject(tunnel, error);
		return;
	}
	if (!tunnel->attach.hash)
		tell_progress(tunnel, desktop);
	g_autofree char *key = g_strconcat(DESKTOP_KEY, desktop->id, NULL);
	tunnel->wait =
	    hub_wait(broker->hub, key, (unsigned)(left_us / 1000) + 1,
		     on_changed, tunnel);
}

/* ---- requests ---- */

static gint64 display_by(const struct tunnel *tunnel)
{
	const struct desktop *desktop =
	    desktops_find(tunnel->owner->broker->desktops, tunnel->desktop);
	return g_get_monotonic_time() +
	       (desktop && desktop->home_due ? HOME_WAIT_S : DISPLAY_WAIT_S) *
		   G_USEC_PER_SEC;
}

/* A SPICE viewer shows its ticket with every channel. The first redeems it;
 * the others come into the same session, from the same address, as long as
 * the first is open. */
static gboolean join(struct tunnel *tunnel, const char *ticket, GError **error)
{
	GPtrArray *list = tunnel->owner->list;
	g_autofree char *hash = secret_hash(ticket);
	for (guint i = 0; i < list->len; i++) {
		const struct tunnel *first = list->pdata[i];
		if (!first->shared_ticket || !first->attach.hash ||
		    strcmp(first->shared_ticket, hash) != 0 ||
		    strcmp(first->tunnel_peer, tunnel->peer) != 0)
			continue;
		tunnel->joined = TRUE;
		tunnel->attach.hash = g_strdup(first->attach.hash);
		tunnel->attach.desktop = g_strdup(first->attach.desktop);
		tunnel->attach.user = g_strdup(first->attach.user);
		tunnel->attach.shadow = g_strdup(first->attach.shadow);
		tunnel->secret = g_strdup(first->shared_secret);
		return TRUE;
	}
	fault_set(error, FAULT_DENIED,
		  "Open the desktop again: each ticket is good once, for a "
		  "minute.",
		  "The ticket opens no further channel.");
	return FALSE;
}

static void share(struct tunnel *tunnel, const char *ticket)
{
	tunnel->shared_ticket = secret_hash(ticket);
	tunnel->shared_secret = g_strdup(tunnel->secret);
	tunnel->tunnel_peer = g_strdup(tunnel->peer);
}

static void take_redeem(struct tunnel *tunnel, json_t *message)
{
	g_autoptr(GError) error = NULL;
	const char *ticket = jsonline_string(message, "ticket", &error);
	json_t *first = json_object_get(message, "first");
	if (ticket && is_spice(tunnel) && json_is_false(first))
		join(tunnel, ticket, &error);
	else if (ticket)
		tunnel->secret = attachment_redeem(
		    tunnel->owner->broker, ticket, tunnel->protocol,
		    tunnel->peer, &tunnel->attach, &error);
	if (!tunnel->secret) {
		reject(tunnel, error);
		return;
	}
	if (is_spice(tunnel) && json_is_true(first))
		share(tunnel, ticket);
	tunnel->desktop = g_strdup(tunnel->attach.desktop);
	tunnel->deadline_us = display_by(tunnel);
	await_display(tunnel);
}

static void take_resume(struct tunnel *tunnel, json_t *message)
{
	g_autoptr(GError) error = NULL;
	const char *secret = jsonline_string(message, "session", &error);
	if (!secret || !attachment_resume(tunnel->owner->broker, secret,
					  &tunnel->attach, &error)) {
		reject(tunnel, error);
		return;
	}
	tunnel->desktop = g_strdup(tunnel->attach.desktop);
	tunnel->deadline_us = display_by(tunnel);
	await_display(tunnel);
}

static void on_password(const struct people_verdict *verdict, const GError *why,
			void *data)
{
	struct tunnel *tunnel = data;
	tunnel->busy = FALSE;
	if (!tunnel->channel) {
		tunnel_free(tunnel);
		return;
	}
	g_autoptr(GError) error = NULL;
	struct desktop *desktop =
	    why ? NULL
		: people_desktop(tunnel->owner->broker, tunnel->user,
				 tunnel->pool, &error);
	if (!desktop) {
		reject(tunnel, why ? why : error);
		return;
	}
	tunnel->desktop = g_strdup(desktop->id);
	tunnel->deadline_us =
	    g_get_monotonic_time() + START_WAIT_S * G_USEC_PER_SEC;
	await_display(tunnel);
}

static void take_login(struct tunnel *tunnel, json_t *message)
{
	g_autoptr(GError) error = NULL;
	const char *user = jsonline_string(message, "user", &error);
	const char *password =
	    user ? jsonline_string(message, "password", &error) : NULL;
	if (password && strlen(password) > PASSWORD_MAX) {
		/* no password of ours is that long */
		fault_set(&error, FAULT_DENIED, NULL,
			  "User name or password is wrong.");
		password = NULL;
	}
	if (!password) {
		reject(tunnel, error);
		return;
	}
	const char *slash = strchr(user, '/');
	tunnel->user =
	    slash ? g_strndup(user, (gsize)(slash - user)) : g_strdup(user);
	tunnel->pool = g_strndup(slash ? slash + 1 : "", POOL_NAME_MAX + 1);
	tunnel->busy = TRUE;
	/* the address without its port is what is throttled */
	g_autofree char *address = g_strdup(tunnel->peer);
	char *end = strchr(address, ' ');
	if (end)
		*end = 0;
	people_check(tunnel->owner->broker, tunnel->user, password, NULL,
		     address, on_password, tunnel);
}

static const struct {
	const char *op;
	void (*take)(struct tunnel *tunnel, json_t *message);
} operations[] = {
    {"redeem", take_redeem},
    {"resume", take_resume},
    {"login", take_login},
};

static gboolean check_common(struct tunnel *tunnel, json_t *message,
			     GError **error)
{
	const char *protocol = jsonline_string(message, "protocol", error);
	const char *peer =
	    protocol ? jsonline_string(message, "peer", error) : NULL;
	if (!peer)
		return FALSE;
	static const char *const spoken[] = {"rfb", "spice", "windows", NULL};
	if (!g_strv_contains(spoken, protocol)) {
		g_autofree char *quoted = log_quote(protocol, strlen(protocol));
		fault_set(error, FAULT_INVALID, "Use rfb, spice or windows.",
			  "Protocol %s is not spoken here.", quoted);
		return FALSE;
	}
	if (tunnel->attach.hash || tunnel->asked || tunnel->busy) {
		fault_set(error, FAULT_CONFLICT,
			  "Open another connection for another tunnel.",
			  "This connection has its tunnel already.");
		return FALSE;
	}
	g_autofree char *cut = g_strndup(peer, PEER_MAX);
	tunnel->peer = g_utf8_make_valid(cut, -1);
	tunnel->protocol = g_strdup(protocol);
	return TRUE;
}

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, int fd, void *data)
{
	struct tunnel *tunnel = data;
	g_autoptr(GError) error = NULL;
	if (fd >= 0)
		close(fd);
	if (!check_common(tunnel, message, &error)) {
		jsonline_reject(channel, id, error);
		return;
	}
	tunnel->asked = TRUE;
	tunnel->request = id;
	for (gsize i = 0; i < G_N_ELEMENTS(operations); i++) {
		if (strcmp(operations[i].op, op) != 0)
			continue;
		operations[i].take(tunnel, message);
		return;
	}
	fault_set(&error, FAULT_INVALID, NULL,
		  "The gateway's channel has no such operation.");
	reject(tunnel, error);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	tunnel_end(data);
}

static const struct jsonline_handlers handlers = {
    .request = on_request,
    .closed = on_closed,
};

static void on_accepted(int fd, void *data)
{
	struct tunnels *self = data;
	if (self->list->len >= TUNNELS_MAX) {
		close(fd);
		return;
	}
	struct tunnel *tunnel = g_new0(struct tunnel, 1);
	tunnel->owner = self;
	tunnel->channel = jsonline_new(fd, &handlers, tunnel);
	g_ptr_array_add(self->list, tunnel);
}

/* ---- for the others ---- */

void tunnels_revoke(struct tunnels *self, const char *hash, const char *cause)
{
	if (!self)
		return;
	for (guint i = self->list->len; i-- > 0;) {
		struct tunnel *tunnel = self->list->pdata[i];
		if (g_strcmp0(tunnel->attach.hash, hash) != 0)
			continue;
		jsonline_send(tunnel->channel,
			      json_pack("{s:s, s:s}", "event", "revoked",
					"cause", cause));
		/* the event is with the kernel or the worker does not read;
		 * either way it finds the channel closed, and `resume` will
		 * be refused */
		tunnel_end(tunnel);
	}
}

gboolean tunnels_connected(struct tunnels *self, const char *hash)
{
	for (guint i = 0; i < self->list->len; i++) {
		struct tunnel *tunnel = self->list->pdata[i];
		if (g_strcmp0(tunnel->attach.hash, hash) == 0)
			return TRUE;
	}
	return FALSE;
}

gboolean tunnels_user_connected(struct tunnels *self, const char *desktop,
				const char *user, const char *but)
{
	for (guint i = 0; i < self->list->len; i++) {
		const struct attachment *attach =
		    &((struct tunnel *)self->list->pdata[i])->attach;
		if (attach->hash && strcmp(attach->desktop, desktop) == 0 &&
		    strcmp(attach->user, user) == 0 &&
		    (!attach->shadow || g_strcmp0(attach->shadow, but) != 0))
			return TRUE;
	}
	return FALSE;
}

gboolean tunnels_mark_connected(struct tunnels *self, const char *mark)
{
	for (guint i = 0; i < self->list->len; i++) {
		const struct tunnel *tunnel = self->list->pdata[i];
		if (tunnel->attach.hash &&
		    g_strcmp0(tunnel->attach.shadow, mark) == 0)
			return TRUE;
	}
	return FALSE;
}

unsigned tunnels_count(struct tunnels *self)
{
	unsigned count = 0;
	for (guint i = 0; i < self->list->len; i++) {
		struct tunnel *tunnel = self->list->pdata[i];
		if (tunnel->attach.hash)
			count++;
	}
	return count;
}

struct tunnels *tunnels_create(struct broker *broker, GError **error)
{
	struct tunnels *self = g_new0(struct tunnels, 1);
	self->broker = broker;
	self->list = g_ptr_array_new();
	self->listener = listener_create(broker->root, "gateway.sock",
					 "gateway", on_accepted, self, error);
	if (!self->listener)
		g_clear_pointer(&self, tunnels_destroy);
	return self;
}

void tunnels_destroy(struct tunnels *self)
{
	if (!self)
		return;
	listener_destroy(self->listener);
	while (self->list->len)
		tunnel_end(self->list->pdata[0]);
	g_ptr_array_unref(self->list);
	g_free(self);
}
