/* Notifications: the agent is the session's org.freedesktop.Notifications
 * (Desktop Notifications Specification 1.2) and passes each on as NOTIFY. The
 * last few are kept for a client that is not there yet. */
#include "seamless/agent/agent.h"

#include <gio/gio.h>
#include <string.h>

#include "common/log.h"

#define NAME           "org.freedesktop.Notifications"
#define PATH           "/org/freedesktop/Notifications"
#define KEPT_MAX       16
#define OPEN_MAX       256 /* whose end is still to be told */
#define DEFAULT_MS     10000
#define LONGEST_MS     (10 * 60 * 1000)
#define CLOSED_EXPIRED 1
#define CLOSED_BY_CALL 3

static const char xml[] =
    "<node><interface name='" NAME "'>"
    "<method name='GetCapabilities'><arg type='as' direction='out'/></method>"
    "<method name='GetServerInformation'>"
    "<arg type='s' direction='out'/><arg type='s' direction='out'/>"
    "<arg type='s' direction='out'/><arg type='s' direction='out'/></method>"
    "<method name='Notify'><arg type='s' direction='in'/>"
    "<arg type='u' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='as' direction='in'/><arg type='a{sv}' direction='in'/>"
    "<arg type='i' direction='in'/><arg type='u' direction='out'/></method>"
    "<method name='CloseNotification'><arg type='u' direction='in'/></method>"
    "<signal name='NotificationClosed'><arg type='u'/><arg type='u'/></signal>"
    "<signal name='ActionInvoked'><arg type='u'/><arg type='s'/></signal>"
    "</interface></node>";

struct notice {
	uint32_t id, timeout_ms;
	uint8_t urgency;
	char *app, *summary, *body;
};

struct open { /* shown somewhere; its program waits for its end */
	struct notices *notices;
	uint32_t id;
	guint source;
};

struct notices {
	struct agent *agent;
	GDBusConnection *bus;
	guint owner, object;
	uint32_t last;
	GQueue waiting;   /* struct notice */
	GHashTable *open; /* id -> struct open */
};

static void notice_free(void *data)
{
	struct notice *self = data;
	g_free(self->app);
	g_free(self->summary);
	g_free(self->body);
	g_free(self);
}

static void open_free(void *data)
{
	struct open *self = data;
	if (self->source)
		g_source_remove(self->source);
	g_free(self);
}

static void tell_closed(struct notices *self, uint32_t id, uint32_t reason)
{
	if (!g_hash_table_remove(self->open, GUINT_TO_POINTER(id)))
		return;
	g_dbus_connection_emit_signal(self->bus, NULL, PATH, NAME,
				      "NotificationClosed",
				      g_variant_new("(uu)", id, reason), NULL);
}

static gboolean on_expired(gpointer data)
{
	struct open *open = data;
	open->source = 0;
	tell_closed(open->notices, open->id, CLOSED_EXPIRED);
	return G_SOURCE_REMOVE;
}

static uint32_t take(struct notices *self, GVariant *parameters)
{
	const char *app, *icon, *summary, *body;
	uint32_t replaces;
	int32_t timeout;
	g_autoptr(GVariant) hints = NULL;
	g_variant_get(parameters, "(&su&s&s&sas@a{sv}i)", &app, &replaces,
		      &icon, &summary, &body, NULL, &hints, &timeout);
	struct notice *notice = g_new0(struct notice, 1);
	guchar urgency = 1;
	g_variant_lookup(hints, "urgency", "y", &urgency);
	notice->id = replaces ? replaces : ++self->last;
	if (notice->id == 0)
		notice->id = ++self->last; /* 0 names none */
	notice->urgency = MIN(urgency, 2);
	notice->timeout_ms = timeout < 0 ? 0 : (uint32_t)timeout;
	notice->app = g_strdup(app);
	notice->summary = g_strdup(summary);
	notice->body = g_strdup(body);
	uint32_t id = notice->id;
	g_queue_push_tail(&self->waiting, notice);
	if (g_queue_get_length(&self->waiting) > KEPT_MAX)
		notice_free(g_queue_pop_head(&self->waiting));
	if (g_hash_table_size(self->open) < OPEN_MAX) {
		struct open *open = g_new0(struct open, 1);
		open->notices = self;
		open->id = id;
		open->source = g_timeout_add(
		    timeout > 0 ? (guint)MIN(timeout, LONGEST_MS) : DEFAULT_MS,
		    on_expired, open);
		g_hash_table_replace(self->open, GUINT_TO_POINTER(id), open);
	}
	agent_step_soon(self->agent);
	return id;
}

static void on_call(GDBusConnection *bus, const char *sender, const char *path,
		    const char *interface, const char *method,
		    GVariant *parameters, GDBusMethodInvocation *invocation,
		    void *data)
{
	struct notices *self = data;
	GVariant *answer = NULL;
	if (strcmp(method, "GetCapabilities") == 0) {
		static const char *const capabilities[] = {"body", NULL};
		answer = g_variant_new("(^as)", capabilities);
	} else if (strcmp(method, "GetServerInformation") == 0) {
		answer = g_variant_new("(ssss)", "oriel-agent", "Oriel",
				       ORIEL_VERSION, "1.2");
	} else if (strcmp(method, "Notify") == 0) {
		answer = g_variant_new("(u)", take(self, parameters));
	} else {
		uint32_t id;
		g_variant_get(parameters, "(u)", &id);
		tell_closed(self, id, CLOSED_BY_CALL);
	}
	g_dbus_method_invocation_return_value(invocation, answer);
}

static void on_bus(GDBusConnection *bus, const char *name, void *data)
{
	static const GDBusInterfaceVTable table = {.method_call = on_call};
	struct notices *self = data;
	g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(xml, NULL);
	self->bus = g_object_ref(bus);
	self->object = g_dbus_connection_register_object(
	    bus, PATH, node->interfaces[0], &table, self, NULL, NULL);
}

void notices_open(struct agent *agent)
{
	struct notices *self = g_new0(struct notices, 1);
	self->agent = agent;
	g_queue_init(&self->waiting);
	self->open = g_hash_table_new_full(NULL, NULL, NULL, open_free);
	/* who else shows notifications in the session may keep doing so */
	self->owner = g_bus_own_name(G_BUS_TYPE_SESSION, NAME,
				     G_BUS_NAME_OWNER_FLAGS_NONE, on_bus, NULL,
				     NULL, self, NULL);
	agent->notices = self;
}

void notices_close(struct agent *agent)
{
	struct notices *self = agent->notices;
	if (!self)
		return;
	g_bus_unown_name(self->owner);
	if (self->object)
		g_dbus_connection_unregister_object(self->bus, self->object);
	g_clear_object(&self->bus);
	g_queue_clear_full(&self->waiting, notice_free);
	g_hash_table_unref(self->open);
	g_free(self);
	agent->notices = NULL;
}

void notices_send(struct agent *agent)
{
	struct notices *self = agent->notices;
	while (self && !g_queue_is_empty(&self->waiting) &&
	       link_has_room(agent->link)) {
		struct notice *notice = g_queue_pop_head(&self->waiting);
		struct seam_message message = {.type = SEAM_NOTIFY};
		message.notify = (struct seam_notify){
		    .id = notice->id,
		    .urgency = notice->urgency,
		    .timeout_ms = notice->timeout_ms,
		    .app = seam_text_of(notice->app, 128),
		    .summary = seam_text_of(notice->summary, 512),
		    .body = seam_text_of(notice->body, 8192)};
		agent_send(agent, &message);
		notice_free(notice);
	}
}
