#include "server/host/link.h"

#include <unistd.h>

#include "common/fault.h"
#include "common/log.h"
#include "common/paths.h"

#define AGAIN_MS     200
#define AGAIN_MAX_MS 5000

struct broker_link {
	char *path;
	const struct broker_link_handlers *handlers;
	void *data;
	struct jsonline *channel;
	guint timer;
	unsigned wait_ms;
	gboolean told; /* that there is no broker: once, not every 5 s */
};

static gboolean dial(void *data);

static void dial_later(struct broker_link *self)
{
	self->timer = g_timeout_add(self->wait_ms, dial, self);
	self->wait_ms = MIN(self->wait_ms * 2, AGAIN_MAX_MS);
}

static void on_request(struct jsonline *channel, json_int_t id, const char *op,
		       json_t *message, int fd, void *data)
{
	struct broker_link *self = data;
	if (fd >= 0)
		close(fd);
	/* it speaks, so it is well: the next loss starts from the beginning */
	self->wait_ms = AGAIN_MS;
	self->handlers->request(channel, id, op, message, self->data);
}

static void on_event(struct jsonline *channel, const char *event,
		     json_t *message, int fd, void *data)
{
	if (fd >= 0)
		close(fd);
}

static void on_closed(struct jsonline *channel, const GError *why, void *data)
{
	struct broker_link *self = data;
	if (why)
		log_fault(NULL, why);
	log_info(NULL, "The broker is gone; desktops run on.");
	g_clear_pointer(&self->channel, jsonline_unref);
	dial_later(self);
}

static const struct jsonline_handlers channel_handlers = {
    .request = on_request, .event = on_event, .closed = on_closed};

static gboolean dial(void *data)
{
	struct broker_link *self = data;
	self->timer = 0;
	g_autoptr(GError) error = NULL;
	int fd = paths_unix_connect(self->path, &error);
	if (fd < 0) {
		if (!self->told)
			log_fault(NULL, error);
		self->told = TRUE;
		dial_later(self);
		return G_SOURCE_REMOVE;
	}
	self->told = FALSE;
	log_info(NULL, "Connected to the broker.");
	self->channel = jsonline_new(fd, &channel_handlers, self);
	jsonline_send(self->channel, self->handlers->hello(self->data));
	return G_SOURCE_REMOVE;
}

struct broker_link *broker_link_new(const char *path,
				    const struct broker_link_handlers *handlers,
				    void *data)
{
	struct broker_link *self = g_new0(struct broker_link, 1);
	self->path = g_strdup(path);
	self->handlers = handlers;
	self->data = data;
	self->wait_ms = AGAIN_MS;
	self->timer = g_idle_add(dial, self);
	return self;
}

void broker_link_send(struct broker_link *self, json_t *message)
{
	if (self && self->channel)
		jsonline_send(self->channel, message);
	else
		json_decref(message);
}

void broker_link_free(struct broker_link *self)
{
	if (!self)
		return;
	if (self->timer)
		g_source_remove(self->timer);
	if (self->channel) {
		jsonline_close(self->channel);
		jsonline_unref(self->channel);
	}
	g_free(self->path);
	g_free(self);
}
