#include "server/broker/hosts.h"

#include <string.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "server/broker/desktops.h"
#include "server/broker/keeper.h"
#include "server/broker/listener.h"
#include "server/broker/snapshots.h"
#include "server/broker/tasks.h"

#define PROTOCOL_VERSION    1
#define HOST_NAME_MAX_BYTES 64
/* connections that have not said hello; real hosts say it at once */
#define LINKS_MAX 256u
/* a host role that starts together with the broker is there by then */
#define EXPECTED_S 20

struct host { /* one connection */
	struct hosts *owner;
	struct jsonline *channel;
	char *name;    /* NULL before hello */
	json_t *hello; /* without its machines and tasks */
	gint64 since;
};

struct hosts {
	struct broker *broker;
	struct listener *listener;
	GPtrArray *links; /* struct host */
	gboolean seen;    /* a host has been connected */
};

static struct host *find(struct hosts *self, const char *name)
{
	for (guint i = 0; name && i < self->links->len; i++) {
		struct host *host = self->links->pdata[i];
		if (host->name && strcmp(host->name, name) == 0)
			return host;
	}
	return NULL;
}

static void host_free(void *data)
{
	struct host *host = data;
	jsonline_close(host->channel);
	jsonline_unref(host->channel);
	json_decref(host->hello);
	g_free(host->name);
	g_free(host);
}

/* A connection's end; the list frees it last, after everybody heard of it. */
static void host_lost(struct host *host, const GError *why)
{
	struct hosts *self = host->owner;
	if (!g_ptr_array_find(self->links, host, NULL))
		return;
	if (host->name) {
		g_autofree char *cause = why ? fault_cause(why) : NULL;
		event_add(self->broker, "host-lost", host->name, NULL,
			  "Host %s is no longer connected%s%s", host->name,
			  cause ? ": " : ".", cause ? cause : "");
		log_warn(NULL, "host %s is no longer connected%s%s", host->name,
			 cause ? ": " : "", cause ? cause : "");
	}
	g_autofree char *name = g_steal_pointer(&host->name);
	g_ptr_array_remove_fast(self->links, host);
	if (name)
		desktops_host_lost(self->broker->desktops, name);
}

/* ---- what hosts say ---- */

/* What lists may hold: absent is empty. */
static json_t *member_list(json_t *message, const char *key)
{
	json_t *list = json_object_get(message, key);
	return json_is_array(list) ? list : NULL;
}

static gboolean take_hello(struct host *host, json_t *message, GError **error)
{
	struct hosts *self = host->owner;
	gint64 version;
	const char *name = jsonline_string(message, "host", error);
	if (!name || !jsonline_integer(message, "version", 1, G_MAXINT32,
				       &version, error))
		return FALSE;
	if (!*name || strlen(name) > HOST_NAME_MAX_BYTES) {
		fault_set(error, FAULT_INVALID, "Give the host a name.",
			  "A host's name has 1 to %d bytes.",
			  HOST_NAME_MAX_BYTES);
		return FALSE;
	}
	if (version != PROTOCOL_VERSION) {
		g_autofree char *quoted = log_quote(name, strlen(name));
		fault_set(error, FAULT_INVALID,
			  "Run the same version of Oriel on host and broker.",
			  "Host %s speaks version %" G_GINT64_FORMAT
			  " of the host link; this broker speaks %d.",
			  quoted, version, PROTOCOL_VERSION);
		return FALSE;
	}
	struct host *before = find(self, name);
	if (before && before != host)
		host_lost(before, NULL);
	gboolean again = host->name != NULL;
	g_free(host->name);
	host->name = g_strdup(name);
	host->since = store_now(self->broker->store);
	json_decref(host->hello);
	host->hello = json_copy(message);
	json_object_del(host->hello, "machines");
	json_object_del(host->hello, "tasks");
	if (!again) {
		event_add(self->broker, "host-connected", name, NULL,
			  "Host %s is connected.", name);
		log_info(NULL, "host %s is connected", name);
	}
	desktops_host_hello(self->broker->desktops, name,
			    member_list(message, "machines"));
	snapshots_host_hello(self->broker, name);
	keeper_poke(self->broker->keeper);
	self->seen = TRUE;
	hub_changed(self->broker->hub, HOSTS_KEY);
	tasks_host_hello(self->broker->tasks, name,
			 member_list(message, "tasks"));
	return TRUE;
}

static void on_event(struct jsonline *channel, const char *event,
		     json_t *message, int fd, void *data)
{
	struct host *host = data;
	struct broker *broker = host->owner->broker;
	g_autoptr(GError) error = NULL;
	if (fd >= 0)
		close(fd);
	if (strcmp(event, "hello") == 0) {
		if (take_hello(host, message, &error))
			return;
		log_fault(NULL, error);
		host_lost(host, error);
		return;
	}
	if (!host->name) {
		log_warn(NULL, "a host spoke before its hello");
		host_lost(host, NULL);
		return;
	}
	if (strcmp(event, "machine") == 0)
		desktops_host_machine(broker->desktops, host->name, message,
				      FALSE);
	else if (strcmp(event, "task") == 0)
		tasks_host_event(broker->tasks, host->name, message);
	else if (strcmp(event, "picture") == 0)
		desktops_host_picture(broker->desktops, host->name, message);
	/* others are a newer host's: ignored */
}

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, int fd, void *data)
{
	if (fd >= 0)
		close(fd);
	g_autoptr(GError) error = fault_new(
	    FAULT_INVALID, NULL, "A host may not ask the broker for that.");
	jsonline_reject(channel, id, error);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	host_lost(data, why);
}

static const struct jsonline_handlers handlers = {
    .request = on_request,
    .event = on_event,
    .closed = on_closed,
};

static void on_accepted(int fd, void *data)
{
	struct hosts *self = data;
	if (self->links->len >= LINKS_MAX) {
		close(fd);
		return;
	}
	struct host *host = g_new0(struct host, 1);
	host->owner = self;
	host->channel = jsonline_new(fd, &handlers, host);
	g_ptr_array_add(self->links, host);
}

/* ---- asking hosts ---- */

GError *hosts_absent(const char *name)
{
	return name ? fault_new(FAULT_UNAVAILABLE,
				"Start its host role (orield does so by "
				"itself); the desktops on it run on. 'oriel "
				"status' lists the hosts.",
				"Host '%s' is not connected to the broker.",
				name)
		    : fault_new(FAULT_UNAVAILABLE,
				"Start a host role (orield does so by itself) "
				"and look at 'oriel status'.",
				"No host is connected to the broker.");
}

const char *hosts_pick(struct hosts *self, GError **error)
{
	for (guint i = 0; i < self->links->len; i++) {
		struct host *host = self->links->pdata[i];
		if (host->name)
			return host->name;
	}
	g_propagate_error(error, hosts_absent(NULL));
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

gboolean hosts_expected(struct hosts *self)
{
	return !self->seen && store_now(self->broker->store) <
				  self->broker->started + EXPECTED_S;
}

GPtrArray *hosts_names(struct hosts *self)
{
	GPtrArray *names = g_ptr_array_new();
	for (guint i = 0; i < self->links->len; i++) {
		struct host *host = self->links->pdata[i];
		if (host->name)
			g_ptr_array_add(names, host->name);
	}
	g_ptr_array_sort(names, by_name);
	return names;
}

static gint64 told(const struct host *host, const char *key)
{
	json_int_t value =
	    json_integer_value(json_object_get(host ? host->hello : NULL, key));
	return CLAMP(value, 0, G_MAXINT32);
}

gint64 hosts_memory_mib(struct hosts *self, const char *name)
{
	return told(find(self, name), "memory_mib");
}

unsigned hosts_cpus(struct hosts *self)
{
	gint64 sum = 0;
	for (guint i = 0; i < self->links->len; i++)
		sum += told(self->links->pdata[i], "cpus");
	return (unsigned)CLAMP(sum, 1, G_MAXINT32);
}

gboolean hosts_has_image(struct hosts *self, const char *name,
			 const char *image, gint64 version)
{
	struct host *host = find(self, name);
	json_t *images = json_object_get(host ? host->hello : NULL, "images");
	g_autofree char *wanted =
	    g_strdup_printf("%s:%" G_GINT64_FORMAT, image, version);
	gsize i;
	json_t *each;
	if (!json_is_array(images))
		return host != NULL;
	json_array_foreach(images, i,
			   each) if (g_strcmp0(json_string_value(each),
					       wanted) == 0) return TRUE;
	return FALSE;
}

gboolean hosts_connected(struct hosts *self, const char *name)
{
	return find(self, name) != NULL;
}

struct orphan { /* a call to a host that is not there */
	jsonline_answered answered;
	void *data;
	char *name;
};

static gboolean on_orphan(void *data)
{
	struct orphan *orphan = data;
	g_autoptr(GError) error = hosts_absent(orphan->name);
	orphan->answered(NULL, NULL, error, orphan->data);
	g_free(orphan->name);
	g_free(orphan);
	return G_SOURCE_REMOVE;
}

static void orphaned(const char *name, jsonline_answered answered, void *data)
{
	if (!answered)
		return;
	struct orphan *orphan = g_new0(struct orphan, 1);
	orphan->answered = answered;
	orphan->data = data;
	orphan->name = g_strdup(name);
	g_idle_add(on_orphan, orphan);
}

struct call { /* that waits for the disk */
	struct hosts *owner;
	char *name;
	json_t *message;
	unsigned timeout_ms;
	jsonline_answered answered;
	void *data;
};

static void on_kept(const GError *error, void *data)
{
	struct call *call = data;
	struct host *host = find(call->owner, call->name);
	/* a disk that refuses is told to whoever asked; what the host does
	 * then is still what the store says */
	if (host) {
		jsonline_call(host->channel, call->message, -1,
			      call->timeout_ms, call->answered, call->data);
	} else {
		json_decref(call->message);
		orphaned(call->name, call->answered, call->data);
	}
	g_free(call->name);
	g_free(call);
}

/* The intention is on the disk before anybody acts on it. */
void hosts_call(struct hosts *self, const char *name, json_t *message,
		unsigned timeout_ms, jsonline_answered answered, void *data)
{
	struct call *call = g_new0(struct call, 1);
	call->owner = self;
	call->name = g_strdup(name);
	call->message = message;
	call->timeout_ms = timeout_ms;
	call->answered = answered;
	call->data = data;
	store_when_kept(self->broker->store, 0, on_kept, call);
}

json_t *hosts_list(struct hosts *self)
{
	static const char *const copied[] = {"boot_id",     "cpus",
					     "memory_mib",  "engine",
					     "accelerator", "findings"};
	json_t *list = json_array();
	for (guint i = 0; i < self->links->len; i++) {
		struct host *host = self->links->pdata[i];
		if (!host->name)
			continue;
		json_t *item = json_pack("{s:s, s:I}", "name", host->name,
					 "since", (json_int_t)host->since);
		for (gsize k = 0; k < G_N_ELEMENTS(copied); k++) {
			json_t *value = json_object_get(host->hello, copied[k]);
			json_object_set_new(item, copied[k],
					    value ? json_incref(value)
						  : json_null());
		}
		json_array_append_new(list, item);
	}
	return list;
}

/* ---- serving ---- */

struct hosts *hosts_create(struct broker *broker, GError **error)
{
	struct hosts *self = g_new0(struct hosts, 1);
	self->broker = broker;
	self->links = g_ptr_array_new_with_free_func(host_free);
	self->listener = listener_create(broker->root, "hosts.sock", "host",
					 on_accepted, self, error);
	if (!self->listener)
		g_clear_pointer(&self, hosts_destroy);
	return self;
}

void hosts_destroy(struct hosts *self)
{
	if (!self)
		return;
	listener_destroy(self->listener);
	g_ptr_array_unref(self->links);
	g_free(self);
}
