/* The server's side of an RFB session, message by message. Everything that
 * arrives is bounded here; pixels are left to rfb-reader.h. */
#include "client/rfb-session.h"

#include <rfb/rfbproto.h>
#include <string.h>

#include "client/rfb-clipboard.h"
#include "client/rfb-sound.h"
#include "client/rfb-wire.h"
#include "common/fault.h"

#define NAME_MAX_BYTES   4096u
#define CURSOR_MAX       1024u /* pixels a side */
#define SCREENS_MAX      64u
#define FENCE_REQUEST    0x80000000u
#define FENCE_UNDERSTOOD 0x00000003u /* block before, block after */

static gboolean bad(struct rfb_session *self, const char *what)
{
	if (!self->trouble)
		self->trouble = fault_new(
		    FAULT_INVALID,
		    "Reconnect; if it happens again, ask the administrator "
		    "to look at the desktop's log.",
		    "The desktop's display broke the protocol: %s", what);
	return FALSE;
}

static void send_steal(struct rfb_session *self, GByteArray *message)
{
	rfb_session_send(self, message);
	g_byte_array_unref(message);
}

static void request_update(struct rfb_session *self, gboolean incremental)
{
	if (self->continuous && incremental)
		return;
	guint16 w, h;
	rfb_reader_size(self->reader, &w, &h);
	GByteArray *out = g_byte_array_new();
	rfb_put_update_request(out, incremental, w, h);
	send_steal(self, out);
}

static void enable_continuous(struct rfb_session *self)
{
	guint16 w, h;
	rfb_reader_size(self->reader, &w, &h);
	GByteArray *out = g_byte_array_new();
	rfb_put_continuous(out, w, h);
	send_steal(self, out);
}

static gboolean apply_size(struct rfb_session *self, guint16 w, guint16 h)
{
	guint16 old_w, old_h;
	rfb_reader_size(self->reader, &old_w, &old_h);
	if (w == old_w && h == old_h)
		return TRUE;
	if (!rfb_reader_resize(self->reader, w, h))
		return bad(self, "an impossible screen size");
	self->picture_due = TRUE;
	cairo_region_destroy(self->changed);
	self->changed = cairo_region_create();
	if (self->continuous)
		enable_continuous(self);
	request_update(self, FALSE);
	return TRUE;
}

/* RFB 3.8 with security type None: the tunnel has already been admitted. */
gboolean rfb_messages_begin(struct rfb_session *self)
{
	struct rfb_reader *reader = self->reader;
	char version[12];
	if (!rfb_read(reader, version, sizeof version))
		return FALSE;
	if (memcmp(version, "RFB 003.", 8) != 0)
		return bad(self, "no RFB version");
	GByteArray *out = g_byte_array_new();
	g_byte_array_append(out, (const guint8 *)"RFB 003.008\n", 12);
	send_steal(self, out);
	guint8 count, types[255];
	if (!rfb_read_u8(reader, &count) || !rfb_read(reader, types, count))
		return FALSE;
	if (!memchr(types, rfbNoAuth, count))
		return bad(self, "it wants a password of its own");
	out = g_byte_array_new();
	rfb_put_u8(out, rfbNoAuth);
	rfb_put_u8(out, 1); /* ClientInit: shared */
	guint32 result;
	send_steal(self, out);
	if (!rfb_read_u32(reader, &result))
		return FALSE;
	if (result != 0)
		return bad(self, "it refused the connection");
	guint16 w, h;
	guint32 name;
	if (!rfb_read_u16(reader, &w) || !rfb_read_u16(reader, &h) ||
	    !rfb_skip(reader, 16) || !rfb_read_u32(reader, &name))
		return FALSE;
	if (name > NAME_MAX_BYTES)
		return bad(self, "an endless name");
	if (!rfb_skip(reader, name))
		return FALSE;
	if (!rfb_reader_resize(reader, w, h))
		return bad(self, "an impossible screen size");
	self->picture_due = TRUE;
	static const gint32 encodings[] = {
	    rfbEncodingCopyRect,
	    rfbEncodingTight,
	    rfbEncodingZRLE,
	    rfbEncodingHextile,
	    rfbEncodingRaw,
	    /* no quality level: text stays sharp, nothing is lossy */
	    RFB_ENC_COMPRESS_0 + 2,
	    RFB_ENC_CURSOR_ALPHA,
	    RFB_ENC_CURSOR,
	    RFB_ENC_EXT_DESKTOP_SIZE,
	    RFB_ENC_DESKTOP_SIZE,
	    RFB_ENC_LAST_RECT,
	    RFB_ENC_DESKTOP_NAME,
	    RFB_ENC_QEMU_KEYS,
	    RFB_ENC_QEMU_AUDIO,
	    RFB_ENC_QEMU_LEDS,
	    RFB_ENC_LIBVNC_LEDS,
	    RFB_ENC_EXT_BUTTONS,
	    RFB_ENC_FENCE,
	    RFB_ENC_CONTINUOUS,
	    RFB_ENC_CLIPBOARD,
	};
	out = g_byte_array_new();
	rfb_put_pixel_format(out);
	rfb_put_encodings(out, encodings, G_N_ELEMENTS(encodings));
	rfb_put_update_request(out, FALSE, w, h);
	send_steal(self, out);
	return TRUE;
}

struct cursor {
	cairo_surface_t *image;
	int hot_x, hot_y;
};

static void free_cursor(gpointer data)
{
	struct cursor *cursor = data;
	g_clear_pointer(&cursor->image, cairo_surface_destroy);
	g_free(cursor);
}

static void tell_cursor(struct rfb_session *self, gpointer payload)
{
	struct cursor *cursor = payload;
	self->handlers->cursor(cursor->image, cursor->hot_x, cursor->hot_y,
			       self->data);
}

/* Both kinds: with alpha, premultiplied RGBA; the older one, our pixels and a
 * mask of bits. */
static gboolean read_cursor(struct rfb_session *self,
			    const struct rfb_rect *rect)
{
	gboolean alpha = rect->encoding == RFB_ENC_CURSOR_ALPHA;
	guint32 inner = 0;
	if (alpha && !rfb_read_u32(self->reader, &inner))
		return FALSE;
	if (inner != rfbEncodingRaw)
		return bad(self, "an encoded pointer");
	if (rect->w > CURSOR_MAX || rect->h > CURSOR_MAX)
		return bad(self, "a giant pointer");
	gsize count = (gsize)rect->w * rect->h;
	gsize mask_stride = (rect->w + 7u) / 8;
	gsize mask_bytes = alpha ? 0 : mask_stride * rect->h;
	g_autofree guint8 *pixels = g_malloc(count * 4 + 1);
	g_autofree guint8 *mask = g_malloc(mask_bytes + 1);
	if (!rfb_read(self->reader, pixels, count * 4) ||
	    !rfb_read(self->reader, mask, mask_bytes))
		return FALSE;
	struct cursor *cursor = g_new0(struct cursor, 1);
	cursor->hot_x = MIN(rect->x, MAX(rect->w, 1) - 1);
	cursor->hot_y = MIN(rect->y, MAX(rect->h, 1) - 1);
	gboolean visible = FALSE;
	if (count > 0) {
		cursor->image = cairo_image_surface_create(CAIRO_FORMAT_ARGB32,
							   rect->w, rect->h);
		guint8 *to = cairo_image_surface_get_data(cursor->image);
		int stride = cairo_image_surface_get_stride(cursor->image);
		for (unsigned y = 0; to && y < rect->h; y++) {
			guint32 *row = (guint32 *)(to + (gsize)y * stride);
			const guint8 *from = pixels + (gsize)y * rect->w * 4;
			for (unsigned x = 0; x < rect->w; x++, from += 4) {
				guint32 pixel;
				if (alpha) {
					guint32 a = from[3];
					pixel = a << 24 |
						MIN(from[0], a) << 16 |
						MIN(from[1], a) << 8 |
						MIN(from[2], a);
				} else if (mask[y * mask_stride + x / 8] >>
					       (7 - x % 8) &
					   1) {
					memcpy(&pixel, from, 4);
					pixel |= 0xff000000u;
				} else {
					pixel = 0;
				}
				visible |= pixel >> 24 != 0;
				row[x] = pixel;
			}
		}
		cairo_surface_mark_dirty(cursor->image);
	}
	if (!visible)
		g_clear_pointer(&cursor->image, cairo_surface_destroy);
	rfb_session_post(self, tell_cursor, cursor, free_cursor);
	return TRUE;
}

static void tell_resized(struct rfb_session *self, gpointer payload)
{
	self->handlers->resized(0, GPOINTER_TO_INT(payload), self->data);
}

static gboolean read_ext_desktop_size(struct rfb_session *self,
				      const struct rfb_rect *rect)
{
	guint8 count;
	if (!rfb_read_u8(self->reader, &count) || !rfb_skip(self->reader, 3))
		return FALSE;
	if (count > SCREENS_MAX)
		return bad(self, "too many screens");
	for (unsigned i = 0; i < count; i++) {
		guint32 id, flags;
		if (!rfb_read_u32(self->reader, &id) ||
		    !rfb_skip(self->reader, 8) ||
		    !rfb_read_u32(self->reader, &flags))
			return FALSE;
		if (i > 0)
			continue;
		g_mutex_lock(&self->lock);
		self->screen_id = id;
		self->screen_flags = flags;
		g_mutex_unlock(&self->lock);
	}
	g_mutex_lock(&self->lock);
	gboolean first = !self->can_resize;
	self->can_resize = TRUE;
	g_mutex_unlock(&self->lock);
	/* x: why it is sent, 1 = our wish; y: outcome, 0 = done */
	gboolean refused = rect->x == 1 && rect->y != 0;
	if (first || rect->x == 1)
		rfb_session_post(self, tell_resized,
				 GINT_TO_POINTER(refused
						     ? SESSION_RESIZE_REFUSED
						     : SESSION_RESIZE_DONE),
				 NULL);
	return refused || apply_size(self, rect->w, rect->h);
}

static void tell_leds(struct rfb_session *self, gpointer payload)
{
	self->handlers->leds(GPOINTER_TO_UINT(payload), self->data);
}

static gboolean read_leds(struct rfb_session *self, const struct rfb_rect *rect)
{
	unsigned leds = 0;
	if (rect->encoding == RFB_ENC_LIBVNC_LEDS) {
		leds = (rect->x & 0x100 ? SESSION_LED_SCROLL : 0) |
		       (rect->x & 0x80 ? SESSION_LED_NUM : 0) |
		       (rect->x & 0x02 ? SESSION_LED_CAPS : 0);
	} else {
		guint8 bits;
		if (!rfb_read_u8(self->reader, &bits))
			return FALSE;
		leds = bits & 7u;
	}
	rfb_session_post(self, tell_leds, GUINT_TO_POINTER(leds), NULL);
	return TRUE;
}

/* Rectangles that carry no pixels. */
static gboolean read_pseudo(struct rfb_session *self,
			    const struct rfb_rect *rect)
{
	guint32 length;
	switch (rect->encoding) {
	case RFB_ENC_CURSOR_ALPHA:
	case RFB_ENC_CURSOR:
		return read_cursor(self, rect);
	case RFB_ENC_DESKTOP_SIZE:
		return apply_size(self, rect->w, rect->h);
	case RFB_ENC_EXT_DESKTOP_SIZE:
		return read_ext_desktop_size(self, rect);
	case RFB_ENC_QEMU_LEDS:
	case RFB_ENC_LIBVNC_LEDS:
		return read_leds(self, rect);
	case RFB_ENC_QEMU_KEYS:
		g_mutex_lock(&self->lock);
		self->qemu_keys = TRUE;
		g_mutex_unlock(&self->lock);
		return TRUE;
	case RFB_ENC_QEMU_AUDIO:
		rfb_sound_offered(self);
		return TRUE;
	case RFB_ENC_EXT_BUTTONS:
		g_mutex_lock(&self->lock);
		self->ext_buttons = TRUE;
		g_mutex_unlock(&self->lock);
		return TRUE;
	case RFB_ENC_DESKTOP_NAME:
		if (!rfb_read_u32(self->reader, &length))
			return FALSE;
		if (length > NAME_MAX_BYTES)
			return bad(self, "an endless name");
		return rfb_skip(self->reader, length);
	default:
		return bad(self, "an encoding that was not offered");
	}
}

static const struct {
	gint32 encoding;
	const char *title;
} encoding_names[RFB_ENCODINGS] = {
    {0, "raw"}, {1, "moved"}, {5, "Hextile"}, {7, "Tight"}, {16, "ZRLE"},
};

static void count_encoding(struct rfb_session *self,
			   const struct rfb_rect *rect)
{
	g_mutex_lock(&self->lock);
	for (int i = 0; i < RFB_ENCODINGS; i++)
		if (encoding_names[i].encoding == rect->encoding)
			self->encodings.pixels[i] += (double)rect->w * rect->h;
	g_mutex_unlock(&self->lock);
}

void rfb_session_encodings(struct rfb_session *self, char *text, gsize size)
{
	double all = 0;
	*text = 0;
	for (int i = 0; i < RFB_ENCODINGS; i++)
		all += self->encodings.pixels[i];
	for (int i = 0; i < RFB_ENCODINGS && all >= 1; i++) {
		int percent =
		    (int)(self->encodings.pixels[i] * 100 / all + 0.5);
		g_autofree char *part =
		    g_strdup_printf("%s%s %d %%", *text ? ", " : "",
				    encoding_names[i].title, percent);
		if (percent > 0)
			g_strlcat(text, part, size);
		self->encodings.pixels[i] /= 2; /* what is old counts less */
	}
}

static gboolean read_update(struct rfb_session *self)
{
	guint16 count;
	if (!rfb_skip(self->reader, 1) || !rfb_read_u16(self->reader, &count))
		return FALSE;
	/* asked for now, so that it is on its way while this one is decoded */
	request_update(self, TRUE);
	for (unsigned i = 0; i < count; i++) {
		struct rfb_rect rect;
		if (!rfb_read_rect(self->reader, &rect))
			return FALSE;
		if (rect.encoding == RFB_ENC_LAST_RECT)
			break;
		if (!rfb_reader_decodes(rect.encoding)) {
			if (!read_pseudo(self, &rect))
				return FALSE;
			continue;
		}
		if (!rfb_reader_decode(self->reader, &rect))
			return rfb_reader_ended(self->reader)
				   ? FALSE
				   : bad(self, "pixels that make no sense");
		cairo_rectangle_int_t area = {rect.x, rect.y, rect.w, rect.h};
		cairo_region_union_rectangle(self->changed, &area);
		count_encoding(self, &rect);
	}
	if (!cairo_region_is_empty(self->changed))
		rfb_session_publish(self);
	return TRUE;
}

static void tell_requested_text(struct rfb_session *self, gpointer payload)
{
	g_autoptr(GBytes) bytes = g_bytes_new(payload, strlen(payload));
	self->handlers->clipboard_data(SESSION_CLIP_TEXT, bytes, self->data);
}

static void tell_text(struct rfb_session *self, gpointer payload)
{
	self->handlers->clipboard_offered(SESSION_CLIP_TEXT, self->data);
	if (!self->closed)
		tell_requested_text(self, payload);
}

static void tell_offered(struct rfb_session *self, gpointer payload)
{
	self->handlers->clipboard_offered(
	    GPOINTER_TO_INT(payload) ? SESSION_CLIP_TEXT : 0, self->data);
}

static void tell_wanted(struct rfb_session *self, gpointer payload)
{
	self->handlers->clipboard_wanted(SESSION_CLIP_TEXT, self->data);
}

static gboolean read_clipboard(struct rfb_session *self, gsize length)
{
	if (length > RFB_CLIPBOARD_MAX)
		return bad(self, "an endless clipboard");
	g_autofree guint8 *payload = g_malloc(length + 1);
	if (!rfb_read(self->reader, payload, length))
		return FALSE;
	struct rfb_clipboard_message message;
	if (!rfb_clipboard_parse(payload, length, &message))
		return TRUE; /* of no use to us; the stream is intact */
	g_autoptr(GByteArray) answer = g_byte_array_new();
	switch (message.action) {
	case RFB_CLIPBOARD_CAPS:
		g_mutex_lock(&self->lock);
		self->clipboard_actions = message.actions;
		g_mutex_unlock(&self->lock);
		rfb_clipboard_put_caps(answer);
		break;
	case RFB_CLIPBOARD_NOTIFY:
		rfb_session_post(self, tell_offered,
				 GINT_TO_POINTER(message.has_text), NULL);
		break;
	case RFB_CLIPBOARD_REQUEST:
		if (message.has_text)
			rfb_session_post(self, tell_wanted, NULL, NULL);
		break;
	case RFB_CLIPBOARD_PROVIDE:
		if (message.text)
			rfb_session_post(self, tell_requested_text,
					 message.text, g_free);
		break;
	case RFB_CLIPBOARD_PEEK:
		rfb_clipboard_put_action(answer, RFB_CLIPBOARD_NOTIFY, FALSE);
		break;
	}
	if (answer->len > 0) {
		GByteArray *out = g_byte_array_new();
		rfb_put_clipboard(out, answer);
		send_steal(self, out);
	}
	return TRUE;
}

static gboolean read_cut_text(struct rfb_session *self)
{
	guint32 length;
	if (!rfb_skip(self->reader, 3) || !rfb_read_u32(self->reader, &length))
		return FALSE;
	if (length & 0x80000000u)
		return read_clipboard(self, (gsize)(0u - length));
	if (length > RFB_CLIPBOARD_MAX)
		return bad(self, "an endless clipboard");
	g_autofree char *latin1 = g_malloc((gsize)length + 1);
	if (!rfb_read(self->reader, latin1, length))
		return FALSE;
	char *text = g_convert(latin1, (gssize)length, "UTF-8", "ISO-8859-1",
			       NULL, NULL, NULL);
	if (text)
		rfb_session_post(self, tell_text, text, g_free);
	return TRUE;
}

static gboolean read_fence(struct rfb_session *self)
{
	guint32 flags;
	guint8 length, payload[64];
	if (!rfb_skip(self->reader, 3) || !rfb_read_u32(self->reader, &flags) ||
	    !rfb_read_u8(self->reader, &length))
		return FALSE;
	if (length > sizeof payload)
		return bad(self, "a fence that is too long");
	if (!rfb_read(self->reader, payload, length))
		return FALSE;
	if (flags & FENCE_REQUEST) {
		GByteArray *out = g_byte_array_new();
		rfb_put_fence(out, flags & FENCE_UNDERSTOOD, payload, length);
		send_steal(self, out);
	}
	return TRUE;
}

static void tell_bell(struct rfb_session *self, gpointer payload)
{
	self->handlers->bell(self->data);
}

static gboolean skip_colour_map(struct rfb_session *self)
{
	guint16 count;
	return rfb_skip(self->reader, 3) &&
	       rfb_read_u16(self->reader, &count) &&
	       rfb_skip(self->reader, (gsize)count * 6);
}

gboolean rfb_messages_next(struct rfb_session *self)
{
	guint8 type;
	if (!rfb_read_u8(self->reader, &type))
		return FALSE;
	g_mutex_lock(&self->lock);
	self->heard_us = g_get_monotonic_time();
	g_mutex_unlock(&self->lock);
	switch (type) {
	case rfbFramebufferUpdate:
		return read_update(self);
	case rfbSetColourMapEntries:
		return skip_colour_map(self);
	case rfbBell:
		rfb_session_post(self, tell_bell, NULL, NULL);
		return TRUE;
	case rfbServerCutText:
		return read_cut_text(self);
	case RFB_MSG_CONTINUOUS:
		/* the first one says that the server can; it never ends
		 * what we do not end */
		if (!self->continuous) {
			self->continuous = TRUE;
			enable_continuous(self);
		}
		return TRUE;
	case RFB_MSG_FENCE:
		return read_fence(self);
	case RFB_MSG_QEMU: {
		const char *broken = NULL;
		if (rfb_sound_message(self, &broken))
			return TRUE;
		return broken ? bad(self, broken) : FALSE;
	}
	default:
		return bad(self, "an unknown message");
	}
}
