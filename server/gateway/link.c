#include "server/gateway/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"
#include "common/jsonline.h"
#include "common/paths.h"

#define RETRY_MS 100
#define SEND_MS  5000

struct link {
	int fd;
	json_int_t last_id;
	GByteArray *in;
};

int link_connect(const char *path, gint64 deadline_us, GError **error)
{
	for (;;) {
		g_autoptr(GError) failure = NULL;
		int fd = paths_unix_connect(path, &failure);
		if (fd >= 0)
			return fd;
		if (g_get_monotonic_time() >= deadline_us) {
			g_propagate_error(error, g_steal_pointer(&failure));
			return -1;
		}
		poll(NULL, 0, RETRY_MS);
	}
}

struct link *link_open(const char *path, gint64 deadline_us, GError **error)
{
	int fd = link_connect(path, deadline_us, error);
	if (fd < 0)
		return NULL;
	struct link *link = g_new0(struct link, 1);
	link->fd = fd;
	link->in = g_byte_array_new();
	return link;
}

void link_close(struct link *link)
{
	if (!link)
		return;
	close(link->fd);
	g_byte_array_unref(link->in);
	g_free(link);
}

int link_fd(const struct link *link)
{
	return link->fd;
}

static void set_gone(GError **error)
{
	fault_set(error, FAULT_UNAVAILABLE, "Try again in a moment.",
		  "The broker is not there right now.");
}

gboolean link_send(struct link *link, json_t *message, GError **error)
{
	json_object_set_new(message, "id", json_integer(++link->last_id));
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	if (!text) {
		fault_set(error, FAULT_INVALID, NULL,
			  "The request is no valid text.");
		return FALSE;
	}
	gsize size = strlen(text), done = 0;
	text[size] = '\n'; /* in the terminator's place */
	while (done < size + 1) {
		ssize_t sent =
		    send(link->fd, text + done, size + 1 - done, MSG_NOSIGNAL);
		struct pollfd watch = {.fd = link->fd, .events = POLLOUT};
		if (sent > 0)
			done += (gsize)sent;
		else if (sent < 0 && errno == EINTR)
			continue;
		else if (sent < 0 && errno == EAGAIN &&
			 poll(&watch, 1, SEND_MS) > 0)
			continue;
		else
			break;
	}
	explicit_bzero(text, size); /* a password may have been in it */
	free(text);
	if (done == size + 1)
		return TRUE;
	set_gone(error);
	return FALSE;
}

/* The first whole line in the buffer; NULL with or without error. */
static json_t *parse_line(struct link *link, GError **error)
{
	guint8 *end =
	    link->in->len ? memchr(link->in->data, '\n', link->in->len) : NULL;
	if (!end) {
		if (link->in->len >= LINK_LINE_MAX)
			fault_set(error, FAULT_INTERNAL, NULL,
				  "The broker sent a line of over %d bytes.",
				  LINK_LINE_MAX);
		return NULL;
	}
	gsize size = (gsize)(end - link->in->data);
	json_error_t where;
	json_t *message = json_loadb((const char *)link->in->data, size,
				     JSON_REJECT_DUPLICATES, &where);
	explicit_bzero(link->in->data, size); /* a session's secret */
	g_byte_array_remove_range(link->in, 0, (guint)size + 1);
	if (json_is_object(message))
		return message;
	json_decref(message);
	fault_set(error, FAULT_INTERNAL, NULL,
		  "The broker sent a line that is no JSON object.");
	return NULL;
}

json_t *link_take(struct link *link, GError **error)
{
	GError *failure = NULL;
	json_t *message = parse_line(link, &failure);
	while (!message && !failure) {
		char bytes[4096];
		ssize_t got = recv(link->fd, bytes, sizeof bytes, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return NULL;
		if (got <= 0) {
			set_gone(error);
			return NULL;
		}
		g_byte_array_append(link->in, (guint8 *)bytes, (guint)got);
		message = parse_line(link, &failure);
	}
	if (failure)
		g_propagate_error(error, failure);
	return message;
}

/* Our reply, an error for it, or neither: then *message stays unused. */
static gboolean is_reply(struct link *link, json_t *message, GError **error)
{
	json_t *id = json_object_get(message, "id");
	if (!json_is_integer(id) || json_integer_value(id) != link->last_id)
		return FALSE;
	json_t *fault = json_object_get(message, "error");
	if (fault)
		g_propagate_error(error, jsonline_to_error(fault));
	return TRUE;
}

json_t *link_ask(struct link *link, json_t *message, int client_fd,
		 gint64 deadline_us, GError **error)
{
	if (!link_send(link, message, error))
		return NULL;
	for (;;) {
		GError *failure = NULL;
		json_t *got = link_take(link, &failure);
		if (got && is_reply(link, got, &failure) && !failure)
			return got;
		json_decref(got);
		if (failure) {
			g_propagate_error(error, failure);
			return NULL;
		}
		if (got)
			continue;
		gint64 left_us = deadline_us - g_get_monotonic_time();
		struct pollfd watch[] = {
		    {.fd = link->fd, .events = POLLIN},
		    {.fd = client_fd, .events = POLLRDHUP},
		};
		if (left_us <= 0) {
			fault_set(error, FAULT_TIMEOUT, "Try again later.",
				  "The broker did not answer in time.");
			return NULL;
		}
		int ready =
		    poll(watch, 2, (int)MIN(left_us / 1000 + 1, G_MAXINT));
		if (ready > 0 && watch[1].revents) {
			fault_set(error, FAULT_CANCELLED, NULL,
				  "The client left while it waited.");
			return NULL;
		}
	}
}
