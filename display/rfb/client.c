#include "display/rfb/client.h"

#include <string.h>

#include "common/log.h"
#include "display/door.h"

/* From connecting to ServerInit; a person types no password in between. */
#define HANDSHAKE_TIMEOUT_S 15

static void log_client(const struct rfb_client *self, const char *why)
{
	static struct log_limit limit = {.burst = 10};
	const struct log_about about = {
	    .vm = display_vm(rfb_server_display(self->server)),
	    .client = self->label,
	};
	if (!why)
		log_debug(&about, "viewer left");
	else if (log_allow(&limit, &about))
		log_warn(&about, "viewer closed: it sent %s", why);
}

static void release(void *data)
{
	struct rfb_client *self = data;
	line_clear(&self->line);
	g_byte_array_unref(self->message);
	g_free(self);
}

void rfb_client_free(struct rfb_client *self)
{
	line_free(&self->line);
}

void rfb_client_fail(struct rfb_client *self, const char *why)
{
	if (self->line.dead)
		return;
	log_client(self, why);
	line_cut(&self->line);
	display_detach(&self->viewer);
	rfb_audio_finish(self);
	rfb_clip_finish(self);
	rfb_update_finish(self);
	door_forget(rfb_server_door(self->server), self);
}

static void on_failed(void *data, const char *why)
{
	rfb_client_fail(data, why);
}

/* ---- output ---- */

void rfb_client_send(struct rfb_client *self, const void *bytes, size_t length)
{
	if (self->line.dead || !length)
		return;
	if (line_queued(&self->line) + self->planned + length > LINE_OUT_MAX) {
		rfb_client_fail(self, "requests without reading the answers");
		return;
	}
	/* between an update's rectangles there is no place for a message */
	if (!rfb_plan_add_message(self, bytes, length))
		g_byte_array_append(self->line.out, bytes, length);
}

static void on_sent(void *data, size_t length)
{
	struct rfb_client *self = data;
	self->viewer.bytes_sent += length;
}

static void on_pump(void *data)
{
	struct rfb_client *self = data;
	if (self->state == RFB_STATE_UP)
		rfb_update_pump(self);
}

/* ---- input ---- */

/* One message or handshake step. */
static size_t take(void *data, const uint8_t *bytes, size_t length)
{
	struct rfb_client *self = data;
	size_t used = 0;
	if (self->skip) {
		used = MIN(self->skip, length);
		self->skip -= used;
		return used;
	}
	if (self->state != RFB_STATE_UP)
		return rfb_handshake_step(self, bytes, length, &used) ? used
								      : 0;
	struct rfb_message message;
	const char *why = NULL;
	switch (rfb_message_parse(bytes, length, &message, &used, &why)) {
	case RFB_MORE:
		return 0;
	case RFB_BAD:
		rfb_client_fail(self, why);
		return 0;
	case RFB_WHOLE:
		/* Only those who type into a machine that does not listen
		 * have to wait for it. */
		if (rfb_is_input(&message) &&
		    display_input_full(rfb_server_display(self->server))) {
			line_hold(&self->line);
			return 0;
		}
		if (message.type == RFB_SKIP)
			self->skip = message.skip;
		rfb_dispatch(self, &message);
		break;
	}
	return used;
}

static const struct line_ops line_ops = {
    .take = take,
    .pump = on_pump,
    .sent = on_sent,
    .failed = on_failed,
    .release = release,
};

/* ---- what the display tells ---- */

static struct rfb_client *of(struct viewer *viewer)
{
	return (struct rfb_client *)viewer;
}

static void on_changed(struct viewer *viewer,
		       const struct desktop_change *change)
{
	rfb_update_changed(of(viewer), change);
}

static void on_cursor_changed(struct viewer *viewer)
{
	of(viewer)->cursor_due = of(viewer)->cursor_encoding != RFB_ENC_RAW;
}

static void on_leds_changed(struct viewer *viewer)
{
	of(viewer)->leds_due = of(viewer)->can_leds;
}

static void on_name_changed(struct viewer *viewer)
{
	of(viewer)->name_due = of(viewer)->can_name;
}

static void on_flush(struct viewer *viewer)
{
	rfb_update_pump(of(viewer));
}

static void on_input_ready(struct viewer *viewer)
{
	line_go_on(&of(viewer)->line);
}

static void on_destroy(struct viewer *viewer)
{
	rfb_client_fail(of(viewer), NULL);
}

static const struct viewer_ops viewer_ops = {
    .protocol = "rfb",
    .changed = on_changed,
    .cursor_changed = on_cursor_changed,
    .leds_changed = on_leds_changed,
    .name_changed = on_name_changed,
    .flush = on_flush,
    .input_ready = on_input_ready,
    .destroy = on_destroy,
};

/* ---- life ---- */

void rfb_client_up(struct rfb_client *self)
{
	line_is_up(&self->line);
	self->state = RFB_STATE_UP;
	rfb_update_init(self);
	rfb_clip_init(self);
	rfb_audio_init(self);
	display_attach(rfb_server_display(self->server), &self->viewer);
	g_snprintf(self->label, sizeof self->label, "%u", self->viewer.id);
}

struct rfb_client *rfb_client_new(struct rfb_server *server, int fd,
				  bool authenticate)
{
	struct rfb_client *self = g_new0(struct rfb_client, 1);
	self->server = server;
	self->authenticate = authenticate;
	self->viewer.ops = &viewer_ops;
	g_strlcpy(self->label, "new", sizeof self->label);
	self->message = g_byte_array_new();
	g_queue_init(&self->plan);
	g_queue_init(&self->overtaken);
	line_init(&self->line, fd, &line_ops, self);
	self->line.limited = true;
	line_set_deadline(&self->line, HANDSHAKE_TIMEOUT_S);
	rfb_handshake_begin(self);
	return self;
}
