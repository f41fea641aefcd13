#include "server/gateway/keeper.h"

#include "common/fault.h"
#include "common/jsonline.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_LAST_MS  5000
#define ANSWER_MS        10000

struct keeper {
	struct relay_aside aside;
	struct link *link; /* NULL while the broker is away */
	char *path, *session, *protocol, *peer;
	gint64 due_us; /* next try, or an answer is late; 0 none */
	unsigned delay_ms;
	gboolean resuming; /* asked, not answered */
};

static void retry_later(struct keeper *self)
{
	link_close(self->link);
	self->link = NULL;
	self->resuming = FALSE;
	self->delay_ms = self->delay_ms
			     ? MIN(self->delay_ms * 2, BACKOFF_LAST_MS)
			     : BACKOFF_FIRST_MS;
	self->due_us = g_get_monotonic_time() + self->delay_ms * 1000ll;
}

static void resume(struct keeper *self)
{
	/* no patience here: bytes are waiting to be relayed */
	self->link = link_open(self->path, 0, NULL);
	if (!self->link ||
	    !link_send(self->link,
		       json_pack("{s:s, s:s, s:s, s:s}", "op", "resume",
				 "session", self->session, "protocol",
				 self->protocol, "peer", self->peer),
		       NULL)) {
		retry_later(self);
		return;
	}
	self->resuming = TRUE;
	self->due_us = g_get_monotonic_time() + ANSWER_MS * 1000ll;
}

/* FALSE when the tunnel has to end. */
static gboolean take_answer(struct keeper *self, json_t *message,
			    GError **error)
{
	json_t *object = json_object_get(message, "error");
	if (!object) {
		self->resuming = FALSE;
		self->due_us = 0;
		self->delay_ms = 0;
		return TRUE;
	}
	g_autoptr(GError) refusal = jsonline_to_error(object);
	enum fault_code code = fault_code(refusal);
	if (code == FAULT_DENIED || code == FAULT_NOT_FOUND) {
		g_propagate_error(error, g_steal_pointer(&refusal));
		return FALSE;
	}
	/* e.g. a broker that has not heard from its hosts yet */
	retry_later(self);
	return TRUE;
}

static gboolean take_message(struct keeper *self, json_t *message,
			     GError **error)
{
	const char *event =
	    json_string_value(json_object_get(message, "event"));
	if (event && strcmp(event, "revoked") == 0) {
		const char *cause =
		    json_string_value(json_object_get(message, "cause"));
		fault_set(error, FAULT_DENIED, NULL, "%s",
			  cause ? cause : "This session has been revoked.");
		return FALSE;
	}
	if (!event && self->resuming)
		return take_answer(self, message, error);
	return TRUE;
}

static gboolean serve(void *data, GError **error)
{
	struct keeper *self = data;
	if (self->due_us && g_get_monotonic_time() >= self->due_us) {
		if (self->link)
			retry_later(self); /* connected, but it never answers */
		else
			resume(self);
	}
	while (self->link) {
		g_autoptr(GError) gone = NULL;
		json_t *message = link_take(self->link, &gone);
		if (gone)
			retry_later(self);
		if (!message)
			break;
		gboolean go_on = take_message(self, message, error);
		json_decref(message);
		if (!go_on)
			return FALSE;
	}
	return TRUE;
}

static int fd(void *data)
{
	struct keeper *self = data;
	return self->link ? link_fd(self->link) : -1;
}

static int patience_ms(void *data)
{
	struct keeper *self = data;
	if (!self->due_us)
		return -1;
	gint64 left_us = self->due_us - g_get_monotonic_time();
	return left_us <= 0 ? 0 : (int)(left_us / 1000 + 1);
}

struct keeper *keeper_new(struct link *link, const char *path,
			  const char *session, const char *protocol,
			  const char *peer)
{
	struct keeper *self = g_new0(struct keeper, 1);
	self->aside = (struct relay_aside){fd, patience_ms, serve, self};
	self->link = link;
	self->path = g_strdup(path);
	self->session = g_strdup(session);
	self->protocol = g_strdup(protocol);
	self->peer = g_strdup(peer);
	return self;
}

void keeper_free(struct keeper *self)
{
	if (!self)
		return;
	link_close(self->link);
	g_free(self->path);
	g_free(self->session);
	g_free(self->protocol);
	g_free(self->peer);
	g_free(self);
}

const struct relay_aside *keeper_aside(struct keeper *self)
{
	return &self->aside;
}
