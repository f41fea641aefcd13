#include "client/seamless-stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fault.h"

#define IN_SIZE (4 * SEAM_MESSAGE_MAX)
/* Read in one round before the rest of the program has its turn. */
#define READ_ROUND (1u << 20)

struct seamless_stream {
	int refs;
	int fd;
	struct tunnel *tunnel; /* NULL: fd both ways */
	const struct seamless_stream_handlers *handlers;
	void *data;
	guint read_watch, write_watch;
	uint8_t *in;
	gsize in_have;
	GByteArray *out; /* without a tunnel */
	uint32_t serial;
	gboolean closed;
};

static void release(struct seamless_stream *stream)
{
	if (--stream->refs > 0)
		return;
	g_free(stream->in);
	g_byte_array_unref(stream->out);
	g_free(stream);
}

static void stop(struct seamless_stream *stream)
{
	stream->closed = TRUE;
	g_clear_handle_id(&stream->read_watch, g_source_remove);
	g_clear_handle_id(&stream->write_watch, g_source_remove);
}

void seamless_stream_free(struct seamless_stream *stream)
{
	if (!stream)
		return;
	stop(stream);
	close(stream->fd);
	tunnel_close(stream->tunnel);
	release(stream);
}

static void end(struct seamless_stream *stream, const GError *error)
{
	if (stream->closed)
		return;
	stop(stream);
	stream->handlers->ended(error, stream->data);
}

/* ---- sending ---- */

static gboolean on_writable(int fd, GIOCondition condition, gpointer data)
{
	struct seamless_stream *stream = data;
	ssize_t n = send(fd, stream->out->data, stream->out->len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		g_byte_array_remove_range(stream->out, 0, (guint)n);
	/* a broken one is told by reading */
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		g_byte_array_set_size(stream->out, 0);
	if (stream->out->len)
		return G_SOURCE_CONTINUE;
	stream->write_watch = 0;
	return G_SOURCE_REMOVE;
}

uint32_t seamless_stream_send(struct seamless_stream *stream,
			      struct seam_message *message)
{
	static uint8_t bytes[SEAM_MESSAGE_MAX];
	size_t size;
	if (!stream || stream->closed)
		return 0;
	if (++stream->serial == 0)
		stream->serial = 1;
	message->serial = stream->serial;
	if (seam_write(message, bytes, sizeof bytes, &size) != SEAM_OK)
		return 0;
	if (stream->tunnel)
		return tunnel_send(stream->tunnel, bytes, size)
			   ? message->serial
			   : 0;
	if (stream->out->len > TUNNEL_QUEUE)
		return 0;
	g_byte_array_append(stream->out, bytes, (guint)size);
	if (!stream->write_watch)
		stream->write_watch =
		    g_unix_fd_add(stream->fd, G_IO_OUT, on_writable, stream);
	return message->serial;
}

/* ---- receiving ---- */

static gboolean take_messages(struct seamless_stream *stream)
{
	gsize done = 0;
	while (!stream->closed) {
		struct seam_message message;
		size_t used = 0;
		enum seam_status status = seam_parse(
		    stream->in + done, stream->in_have - done, &message, &used);
		if (status == SEAM_MORE)
			break;
		if (status != SEAM_OK && status != SEAM_UNKNOWN) {
			g_autoptr(GError) error = fault_new(
			    FAULT_INVALID, "Update this client and the server.",
			    "The server's stream of windows makes no "
			    "sense: %s",
			    seam_status_text(status));
			end(stream, error);
			return FALSE;
		}
		if (status == SEAM_OK)
			stream->handlers->message(&message, stream->data);
		done += used;
	}
	if (stream->closed)
		return FALSE;
	memmove(stream->in, stream->in + done, stream->in_have - done);
	stream->in_have -= done;
	return TRUE;
}

static gboolean read_round(struct seamless_stream *stream)
{
	for (gsize got = 0; got < READ_ROUND;) {
		ssize_t n = recv(stream->fd, stream->in + stream->in_have,
				 IN_SIZE - stream->in_have, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return TRUE;
		if (n <= 0) {
			g_autoptr(GError) error =
			    stream->tunnel ? tunnel_end_error(stream->tunnel)
					   : NULL;
			end(stream, error);
			return FALSE;
		}
		stream->in_have += (gsize)n;
		got += (gsize)n;
		if (!take_messages(stream))
			return FALSE;
	}
	return TRUE;
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data)
{
	struct seamless_stream *stream = data;
	stream->refs++;
	gboolean alive = read_round(stream);
	if (!stream->closed)
		stream->handlers->pause(stream->data);
	alive = alive && !stream->closed;
	release(stream);
	return alive;
}

struct seamless_stream *seamless_stream_new(
    int fd, struct tunnel *tunnel,
    const struct seamless_stream_handlers *handlers, void *data)
{
	struct seamless_stream *stream = g_new0(struct seamless_stream, 1);
	stream->refs = 1;
	stream->fd = fd;
	stream->tunnel = tunnel;
	stream->handlers = handlers;
	stream->data = data;
	stream->in = g_malloc(IN_SIZE);
	stream->out = g_byte_array_new();
	/* not from 1: an answer to an earlier client's is no answer to us */
	stream->serial = g_random_int();
	stream->read_watch = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
					   on_readable, stream);
	return stream;
}
