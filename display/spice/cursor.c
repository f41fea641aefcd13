/* The pointer's picture. Its place is the client's own business: positions go
 * one way only. */
#include "display/spice/channel.h"

/* The picture behind `flags`, or that there is none. Ours are premultiplied
 * 0xAARRGGBB, as ALPHA wants them. */
static void put_cursor(struct spice_channel *self, GByteArray *out)
{
	const struct cursor *cursor =
	    display_cursor(spice_server_display(self->server));
	if (!cursor || !cursor->width || !cursor->height) {
		put16(out, SPICE_CURSOR_FLAGS_NONE);
		return;
	}
	put16(out, 0);
	put64(out, 0); /* not kept */
	put8(out, SPICE_CURSOR_TYPE_ALPHA);
	put16(out, cursor->width);
	put16(out, cursor->height);
	put16(out, cursor->hot_x);
	put16(out, cursor->hot_y);
	for (size_t i = 0; i < (size_t)cursor->width * cursor->height; i++)
		put32(out, cursor->pixels[i]);
}

static void put_place(GByteArray *out)
{
	put16(out, 0);
	put16(out, 0);
}

/* What may wait for a client that does not read, before it is sent only the
 * newest picture. */
#define WAITING_MAX 65536u

struct pointer {
	bool due;
};

static bool hidden(struct spice_channel *self)
{
	const struct cursor *cursor =
	    display_cursor(spice_server_display(self->server));
	return cursor && !cursor->width;
}

static void up(struct spice_channel *self)
{
	self->state = g_new0(struct pointer, 1);
	GByteArray *out = spice_channel_begin(self, SPICE_MSG_CURSOR_INIT);
	put_place(out);
	put16(out, 0); /* no trail */
	put16(out, 0);
	put8(out, !hidden(self));
	put_cursor(self, out);
	spice_channel_end(self);
}

void spice_cursor_send(struct spice_channel *self)
{
	struct pointer *pointer = self->state;
	pointer->due = line_queued(&self->line) > WAITING_MAX;
	if (pointer->due)
		return;
	if (hidden(self)) {
		spice_channel_begin(self, SPICE_MSG_CURSOR_HIDE);
		spice_channel_end(self);
		return;
	}
	GByteArray *out = spice_channel_begin(self, SPICE_MSG_CURSOR_SET);
	put_place(out);
	put8(out, 1);
	put_cursor(self, out);
	spice_channel_end(self);
}

static void drained(struct spice_channel *self)
{
	struct pointer *pointer = self->state;
	if (!pointer->due)
		return;
	spice_cursor_send(self);
	line_flush(&self->line);
}

static void message(struct spice_channel *self, unsigned type,
		    struct reader *body)
{
	spice_channel_fail(self, "an unknown message");
}

const struct spice_channel_ops spice_cursor_ops = {
    .type = SPICE_CHANNEL_CURSOR,
    .up = up,
    .message = message,
    .drained = drained,
    .release = g_free,
};
