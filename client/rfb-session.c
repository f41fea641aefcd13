/* One thread per session: it connects the tunnel, then reads and decodes.
 * What it decodes is copied into the visible picture one whole update at a
 * time, so that no half-drawn update is ever shown. Input goes straight from
 * the main thread into the tunnel's queue and waits for nothing. */
#include "client/rfb-session.h"

#include <string.h>

#include "client/rfb-clipboard.h"
#include "client/rfb-sound.h"
#include "client/rfb-wire.h"
#include "client/secret.h"
#include "common/fault.h"

/* Behind that many unsent bytes a newer pointer position says enough. */
#define MOTION_BACKLOG (32u << 10)

static struct rfb_session *self_ref(struct rfb_session *self)
{
	g_atomic_int_inc(&self->references);
	return self;
}

static void self_unref(struct rfb_session *self)
{
	if (!g_atomic_int_dec_and_test(&self->references))
		return;
	g_clear_object(&self->cancellable);
	g_clear_pointer(&self->picture, cairo_surface_destroy);
	g_clear_pointer(&self->damage, cairo_region_destroy);
	g_clear_pointer(&self->changed, cairo_region_destroy);
	g_clear_error(&self->trouble);
	g_mutex_clear(&self->lock);
	g_free(self->host);
	g_free(self->fingerprint);
	secret_clear(&self->ticket);
	secret_clear(&self->secret);
	g_free(self);
}

struct post {
	struct rfb_session *self;
	rfb_session_post_func func;
	gpointer payload;
	GDestroyNotify free_payload;
};

static gboolean run_post(gpointer data)
{
	struct post *post = data;
	if (!post->self->closed)
		post->func(post->self, post->payload);
	return G_SOURCE_REMOVE;
}

static void free_post(gpointer data)
{
	struct post *post = data;
	if (post->free_payload)
		post->free_payload(post->payload);
	self_unref(post->self);
	g_free(post);
}

void rfb_session_post(struct rfb_session *self, rfb_session_post_func func,
		      gpointer payload, GDestroyNotify free_payload)
{
	struct post *post = g_new(struct post, 1);
	*post = (struct post){self_ref(self), func, payload, free_payload};
	g_idle_add_full(G_PRIORITY_DEFAULT, run_post, post, free_post);
}

void rfb_session_send(struct rfb_session *self, const GByteArray *message)
{
	g_mutex_lock(&self->lock);
	if (self->tunnel &&
	    !tunnel_send(self->tunnel, message->data, message->len))
		g_cancellable_cancel(self->cancellable); /* it is stuck */
	g_mutex_unlock(&self->lock);
}

static void send_take(struct rfb_session *self, GByteArray *message)
{
	rfb_session_send(self, message);
	g_byte_array_unref(message);
}

struct size {
	int width, height;
};

static void tell_size(struct rfb_session *self, gpointer payload)
{
	struct size *size = payload;
	self->handlers->size(0, size->width, size->height, self->data);
}

static void tell_damage(struct rfb_session *self, gpointer payload)
{
	g_mutex_lock(&self->lock);
	cairo_region_t *damage = g_steal_pointer(&self->damage);
	self->damage_posted = FALSE;
	g_mutex_unlock(&self->lock);
	if (damage)
		self->handlers->damage(0, damage, self->data);
	g_clear_pointer(&damage, cairo_region_destroy);
}

static void copy_area(struct rfb_session *self, const guint32 *pixels,
		      guint16 width, const cairo_rectangle_int_t *area)
{
	guint8 *to = cairo_image_surface_get_data(self->picture);
	int stride = cairo_image_surface_get_stride(self->picture);
	for (int y = area->y; y < area->y + area->height; y++)
		memcpy(to + (gsize)y * stride + (gsize)area->x * 4,
		       pixels + (gsize)y * width + area->x,
		       (gsize)area->width * 4);
}

void rfb_session_publish(struct rfb_session *self)
{
	guint16 width, height;
	rfb_reader_size(self->reader, &width, &height);
	const guint32 *pixels = rfb_reader_pixels(self->reader);
	g_mutex_lock(&self->lock);
	gboolean new_size = self->picture_due;
	if (new_size) {
		self->picture_due = FALSE;
		g_clear_pointer(&self->picture, cairo_surface_destroy);
		self->picture = cairo_image_surface_create(CAIRO_FORMAT_RGB24,
							   width, height);
		cairo_rectangle_int_t all = {0, 0, width, height};
		cairo_region_union_rectangle(self->changed, &all);
	}
	if (cairo_surface_status(self->picture) == CAIRO_STATUS_SUCCESS) {
		cairo_surface_flush(self->picture);
		int count = cairo_region_num_rectangles(self->changed);
		for (int i = 0; i < count; i++) {
			cairo_rectangle_int_t area;
			cairo_region_get_rectangle(self->changed, i, &area);
			copy_area(self, pixels, width, &area);
		}
		cairo_surface_mark_dirty(self->picture);
	}
	self->updates += !cairo_region_is_empty(self->changed);
	gboolean post = !self->damage_posted;
	self->damage_posted = TRUE;
	if (new_size)
		g_clear_pointer(&self->damage, cairo_region_destroy);
	if (self->damage) {
		cairo_region_union(self->damage, self->changed);
		cairo_region_destroy(self->changed);
	} else {
		self->damage = self->changed;
	}
	g_mutex_unlock(&self->lock);
	self->changed = cairo_region_create();
	if (new_size) {
		struct size *size = g_new(struct size, 1);
		*size = (struct size){width, height};
		rfb_session_post(self, tell_size, size, g_free);
	}
	if (post)
		rfb_session_post(self, tell_damage, NULL, NULL);
}

static void tell_attached(struct rfb_session *self, gpointer payload)
{
	self->handlers->attached(payload, self->data);
}

static void free_secret(gpointer secret)
{
	secret_clear((char **)&secret);
}

struct end {
	GError *error;
	gboolean attached;
	struct tunnel_answer answer;
};

static void free_end(gpointer data)
{
	struct end *end = data;
	g_clear_error(&end->error);
	g_free(end);
}

static void tell_closed(struct rfb_session *self, gpointer payload)
{
	struct end *end = payload;
	struct session_end told = {
	    .error = end->error,
	    .attached = end->attached,
	    .status = end->attached ? 0 : end->answer.status,
	    .retry_after_s = end->answer.retry_after_s,
	};
	self->handlers->closed(&told, self->data);
}

static void read_until_end(struct rfb_session *self, struct tunnel *tunnel,
			   struct end *end)
{
	self->reader = rfb_reader_create(tunnel_take_fd(tunnel));
	if (rfb_messages_begin(self))
		while (rfb_messages_next(self))
			continue;
	end->error = g_steal_pointer(&self->trouble);
	if (!end->error)
		end->error = tunnel_end_error(tunnel);
	rfb_reader_destroy(self->reader);
	self->reader = NULL;
}

static gpointer run(gpointer data)
{
	struct rfb_session *self = data;
	struct end *end = g_new0(struct end, 1);
	struct tunnel_request request = {
	    .host = self->host,
	    .port = self->port,
	    .protocol = self->base.ops->protocol,
	    .fingerprint = self->fingerprint,
	    .ticket = self->ticket,
	    .session = self->secret,
	};
	struct tunnel *tunnel = tunnel_connect(&request, self->cancellable,
					       &end->answer, &end->error);
	if (tunnel) {
		end->attached = TRUE;
		g_mutex_lock(&self->lock);
		self->tunnel = tunnel;
		self->heard_us = g_get_monotonic_time();
		g_mutex_unlock(&self->lock);
		rfb_session_post(self, tell_attached,
				 g_strdup(*end->answer.session
					      ? end->answer.session
					      : self->secret),
				 free_secret);
		read_until_end(self, tunnel, end);
		g_mutex_lock(&self->lock);
		self->tunnel = NULL;
		g_mutex_unlock(&self->lock);
		tunnel_close(tunnel);
	}
	explicit_bzero(end->answer.session, sizeof end->answer.session);
	rfb_session_post(self, tell_closed, end, free_end);
	self_unref(self);
	return NULL;
}

static struct session *rfb_open(const struct session_config *config,
				const struct session_handlers *handlers,
				void *data)
{
	struct rfb_session *self = g_new0(struct rfb_session, 1);
	self->base.ops = &rfb_session_ops;
	self->references = 2; /* ours and the thread's */
	self->handlers = handlers;
	self->data = data;
	self->host = g_strdup(config->host);
	self->port = config->port;
	self->fingerprint = g_strdup(config->fingerprint);
	self->ticket = g_strdup(config->ticket);
	self->secret = g_strdup(config->secret);
	self->cancellable = g_cancellable_new();
	self->changed = cairo_region_create();
	self->heard_us = g_get_monotonic_time();
	g_mutex_init(&self->lock);
	rfb_sound_open(self);
	self->thread = g_thread_new("rfb-session", run, self);
	return &self->base;
}

static void rfb_close(struct session *session)
{
	struct rfb_session *self = (struct rfb_session *)session;
	self->closed = TRUE;
	rfb_sound_close(self);
	g_cancellable_cancel(self->cancellable);
	/* it ends by itself soon; a slow name look-up must not hold us */
	g_thread_unref(g_steal_pointer(&self->thread));
	self_unref(self);
}

static cairo_surface_t *rfb_lock_picture(struct session *session, int head)
{
	struct rfb_session *self = (struct rfb_session *)session;
	g_mutex_lock(&self->lock);
	return head == 0 ? self->picture : NULL;
}

static void rfb_unlock_picture(struct session *session)
{
	g_mutex_unlock(&((struct rfb_session *)session)->lock);
}

static void rfb_key(struct session *session, unsigned keysym, unsigned qnum,
		    gboolean down)
{
	struct rfb_session *self = (struct rfb_session *)session;
	g_mutex_lock(&self->lock);
	gboolean qemu_keys = self->qemu_keys;
	g_mutex_unlock(&self->lock);
	GByteArray *out = g_byte_array_new();
	if (qemu_keys && qnum)
		rfb_put_qemu_key(out, keysym, qnum, down);
	else
		rfb_put_key(out, keysym, down);
	send_take(self, out);
}

static void rfb_pointer(struct session *session, int head, int x, int y,
			unsigned buttons)
{
	struct rfb_session *self = (struct rfb_session *)session;
	g_mutex_lock(&self->lock);
	gboolean extended = self->ext_buttons;
	gboolean skip = buttons == 0 && self->tunnel &&
			tunnel_queued(self->tunnel) > MOTION_BACKLOG;
	g_mutex_unlock(&self->lock);
	if (skip)
		return;
	GByteArray *out = g_byte_array_new();
	rfb_put_pointer(out, (guint16)CLAMP(x, 0, 65535),
			(guint16)CLAMP(y, 0, 65535), buttons, extended);
	send_take(self, out);
}

static void rfb_resize(struct session *session, int head, int width, int height)
{
	struct rfb_session *self = (struct rfb_session *)session;
	if (head != 0)
		return;
	g_mutex_lock(&self->lock);
	guint32 id = self->screen_id, flags = self->screen_flags;
	g_mutex_unlock(&self->lock);
	GByteArray *out = g_byte_array_new();
	rfb_put_desktop_size(out, (guint16)CLAMP(width, 64, 16384),
			     (guint16)CLAMP(height, 64, 16384), id, flags);
	send_take(self, out);
}

static gboolean rfb_can_resize(struct session *session)
{
	struct rfb_session *self = (struct rfb_session *)session;
	g_mutex_lock(&self->lock);
	gboolean can = self->can_resize;
	g_mutex_unlock(&self->lock);
	return can;
}

static int rfb_heads(struct session *session)
{
	return 1;
}

static void rfb_stats(struct session *session, struct session_stats *stats)
{
	struct rfb_session *self = (struct rfb_session *)session;
	g_mutex_lock(&self->lock);
	if (self->tunnel) {
		struct tunnel_meter meter;
		tunnel_read_meter(self->tunnel, &meter);
		stats->bytes_in = meter.bytes_in;
		stats->bytes_out = meter.bytes_out;
		stats->rtt_us = meter.rtt_us;
	}
	stats->updates = self->updates;
	stats->sound_ms = rfb_sound_delay_ms(self);
	rfb_session_encodings(self, stats->encoding, sizeof stats->encoding);
	g_mutex_unlock(&self->lock);
}

static gboolean rfb_sends_keycodes(struct session *session)
{
	struct rfb_session *self = (struct rfb_session *)session;
	g_mutex_lock(&self->lock);
	gboolean sends = self->qemu_keys;
	g_mutex_unlock(&self->lock);
	return sends;
}

/* One pixel, whether it changed or not, is always answered. */
static void rfb_probe(struct session *session)
{
	struct rfb_session *self = (struct rfb_session *)session;
	GByteArray *out = g_byte_array_new();
	rfb_put_update_request(out, FALSE, 1, 1);
	send_take(self, out);
}

static gint64 rfb_heard_us(struct session *session)
{
	struct rfb_session *self = (struct rfb_session *)session;
	g_mutex_lock(&self->lock);
	gint64 heard = self->heard_us;
	g_mutex_unlock(&self->lock);
	return heard;
}

static guint32 clipboard_actions(struct rfb_session *self)
{
	g_mutex_lock(&self->lock);
	guint32 actions = self->clipboard_actions;
	g_mutex_unlock(&self->lock);
	return actions;
}

static void send_clipboard(struct rfb_session *self, GByteArray *payload)
{
	GByteArray *out = g_byte_array_new();
	rfb_put_clipboard(out, payload);
	g_byte_array_unref(payload);
	send_take(self, out);
}

static void tell_wanted(struct rfb_session *self, gpointer payload)
{
	self->handlers->clipboard_wanted(SESSION_CLIP_TEXT, self->data);
}

static void rfb_clipboard_offer(struct session *session, unsigned kinds)
{
	struct rfb_session *self = (struct rfb_session *)session;
	if (!(kinds & SESSION_CLIP_TEXT))
		return; /* what the guest has of us grows old there */
	if (clipboard_actions(self) & RFB_CLIPBOARD_NOTIFY) {
		GByteArray *payload = g_byte_array_new();
		rfb_clipboard_put_action(payload, RFB_CLIPBOARD_NOTIFY, TRUE);
		send_clipboard(self, payload);
	} else {
		/* such a server only takes text as it comes */
		rfb_session_post(self, tell_wanted, NULL, NULL);
	}
}

static void rfb_clipboard_request(struct session *session,
				  enum session_clip kind)
{
	struct rfb_session *self = (struct rfb_session *)session;
	if (kind != SESSION_CLIP_TEXT ||
	    !(clipboard_actions(self) & RFB_CLIPBOARD_REQUEST))
		return; /* its text came with the offer */
	GByteArray *payload = g_byte_array_new();
	rfb_clipboard_put_action(payload, RFB_CLIPBOARD_REQUEST, TRUE);
	send_clipboard(self, payload);
}

static void rfb_clipboard_send(struct session *session, enum session_clip kind,
			       const void *bytes, gsize size)
{
	struct rfb_session *self = (struct rfb_session *)session;
	if (kind != SESSION_CLIP_TEXT)
		return;
	g_autofree char *text = g_strndup(bytes, size);
	if (clipboard_actions(self) & RFB_CLIPBOARD_PROVIDE) {
		GByteArray *payload = g_byte_array_new();
		if (rfb_clipboard_put_text(payload, text))
			send_clipboard(self, payload);
		else
			g_byte_array_unref(payload);
		return;
	}
	gsize length = 0;
	g_autofree char *latin1 = g_convert_with_fallback(
	    text, -1, "ISO-8859-1", "UTF-8", "?", NULL, &length, NULL);
	if (!latin1 || length > RFB_CLIPBOARD_MAX)
		return;
	GByteArray *out = g_byte_array_new();
	rfb_put_cut_text(out, latin1, length);
	send_take(self, out);
}

const struct session_ops rfb_session_ops = {
    .protocol = "rfb",
    .title = "RFB (VNC)",
    .open = rfb_open,
    .close = rfb_close,
    .lock_picture = rfb_lock_picture,
    .unlock_picture = rfb_unlock_picture,
    .key = rfb_key,
    .pointer = rfb_pointer,
    .resize = rfb_resize,
    .can_resize = rfb_can_resize,
    .heads = rfb_heads,
    .sends_keycodes = rfb_sends_keycodes,
    .probe = rfb_probe,
    .heard_us = rfb_heard_us,
    .stats = rfb_stats,
    .clipboard_offer = rfb_clipboard_offer,
    .clipboard_request = rfb_clipboard_request,
    .clipboard_send = rfb_clipboard_send,
};
