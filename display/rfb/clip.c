/* Clipboard: ServerCutText and ClientCutText as of RFC 6143 (Latin-1, sent
 * unasked), and the extended form of rfbproto.rst (UTF-8, zlib, on demand)
 * with the clients that have it. */
#include <string.h>
#include <zlib.h>

#include "display/rfb/client.h"

enum {
	CLIP_TEXT = 1,
	CLIP_CAPS = 1 << 24,
	CLIP_REQUEST = 1 << 25,
	CLIP_PEEK = 1 << 26,
	CLIP_NOTIFY = 1 << 27,
	CLIP_PROVIDE = 1 << 28,
};

/* Type 3, padding, a negative length, flags, and what they announce. */
static void send_extended(struct rfb_client *self, uint32_t flags,
			  const uint8_t *body, size_t length)
{
	uint8_t head[12] = {3};
	rfb_put32(head + 4, 0u - (uint32_t)(length + 4));
	rfb_put32(head + 8, flags);
	rfb_client_send(self, head, sizeof head);
	rfb_client_send(self, body, length);
}

/* By hand: iconv's fallback goes over the text anew for each character it
 * does not know, which for 200 KB of Chinese held the loop for 10 s. */
static void send_latin1(struct rfb_client *self, GBytes *text)
{
	gsize length;
	const char *p = g_bytes_get_data(text, &length), *end = p + length;
	g_autoptr(GByteArray) latin1 = g_byte_array_sized_new(length);
	uint8_t head[8] = {3};
	for (; p < end; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		guint8 byte = c < 256 ? c : '?';
		g_byte_array_append(latin1, &byte, 1);
	}
	rfb_put32(head + 4, latin1->len);
	rfb_client_send(self, head, sizeof head);
	rfb_client_send(self, latin1->data, latin1->len);
}

/* ---- bodies of "provide" ---- */

GByteArray *rfb_clip_pack(GBytes *text)
{
	gsize length;
	const char *bytes = g_bytes_get_data(text, &length);
	g_autoptr(GByteArray) plain = g_byte_array_sized_new(length + 64);
	rfb_grow(plain, 4);
	for (gsize i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			g_byte_array_append(plain, (const guint8 *)"\r", 1);
		g_byte_array_append(plain, (const guint8 *)bytes + i, 1);
	}
	g_byte_array_append(plain, (const guint8 *)"", 1);
	rfb_put32(plain->data, plain->len - 4);
	GByteArray *packed = g_byte_array_new();
	uLongf size = compressBound(plain->len);
	g_byte_array_set_size(packed, size);
	if (compress2(packed->data, &size, plain->data, plain->len, 1) != Z_OK)
		size = 0;
	g_byte_array_set_size(packed, size);
	return packed;
}

/* All of a bounded deflate stream, or NULL. */
static GByteArray *inflate_all(const uint8_t *bytes, size_t length, size_t most)
{
	z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = length};
	g_autoptr(GByteArray) out = g_byte_array_new();
	if (inflateInit(&stream) != Z_OK)
		return NULL;
	int result = Z_OK;
	while (result == Z_OK && out->len < most) {
		guint before = out->len;
		size_t room = MIN(65536, most - before);
		stream.next_out = rfb_grow(out, room);
		stream.avail_out = room;
		result = inflate(&stream, Z_SYNC_FLUSH);
		g_byte_array_set_size(out, before + room - stream.avail_out);
		if (out->len == before)
			break;
	}
	inflateEnd(&stream);
	/* not every client ends its stream; a flushed one is whole too */
	if (result != Z_STREAM_END && result != Z_OK && result != Z_BUF_ERROR)
		return NULL;
	return g_steal_pointer(&out);
}

GBytes *rfb_clip_unpack(const uint8_t *bytes, size_t length)
{
	g_autoptr(GByteArray) plain =
	    inflate_all(bytes, length, CLIPBOARD_MAX + 8);
	if (!plain || plain->len < 4)
		return NULL;
	uint32_t size = rfb_get32(plain->data);
	if (size > plain->len - 4 || size > CLIPBOARD_MAX)
		return NULL;
	const uint8_t *text = plain->data + 4;
	while (size && !text[size - 1])
		size--;
	g_autoptr(GByteArray) lines = g_byte_array_sized_new(size);
	for (uint32_t i = 0; i < size; i++)
		if (!(text[i] == '\r' && i + 1 < size && text[i + 1] == '\n'))
			g_byte_array_append(lines, text + i, 1);
	if (!g_utf8_validate((const char *)lines->data, lines->len, NULL))
		return NULL;
	return g_byte_array_free_to_bytes(g_steal_pointer(&lines));
}

/* ---- from the others ---- */

static struct rfb_client *of(struct clipboard_party *party)
{
	return (struct rfb_client *)((char *)party -
				     offsetof(struct rfb_client, party));
}

static void notify(struct rfb_client *self, bool text)
{
	send_extended(self, CLIP_NOTIFY | (text ? CLIP_TEXT : 0), NULL, 0);
}

static void on_offered(struct clipboard_party *party, unsigned forms)
{
	bool text = forms & 1u << CLIPBOARD_TEXT;
	struct rfb_client *self = of(party);
	if (self->extended_clipboard)
		notify(self, text);
	else if (text)
		clipboard_ask(party, CLIPBOARD_TEXT);
	line_flush(&self->line);
}

static void on_wanted(struct clipboard_party *party, enum clipboard_form form)
{
	struct rfb_client *self = of(party);
	if (self->extended_clipboard)
		send_extended(self, CLIP_REQUEST | CLIP_TEXT, NULL, 0);
	else
		clipboard_give(party, form, NULL);
	line_flush(&self->line);
}

static void on_given(struct clipboard_party *party, enum clipboard_form form,
		     GBytes *text)
{
	struct rfb_client *self = of(party);
	if (!text)
		return;
	if (!self->extended_clipboard) {
		send_latin1(self, text);
	} else if (self->clip_wanted) {
		g_autoptr(GByteArray) body = rfb_clip_pack(text);
		send_extended(self, CLIP_PROVIDE | CLIP_TEXT, body->data,
			      body->len);
	}
	self->clip_wanted = false;
	line_flush(&self->line);
}

static const struct clipboard_ops clipboard_ops = {
    .offered = on_offered,
    .wanted = on_wanted,
    .given = on_given,
};

/* ---- from the client ---- */

static void take_latin1(struct rfb_client *self, const uint8_t *bytes,
			size_t length)
{
	g_autoptr(GByteArray) utf8 = g_byte_array_sized_new(length);
	for (size_t i = 0; i < length; i++) {
		char wide[6];
		int n = g_unichar_to_utf8(bytes[i], wide);
		if (bytes[i] != '\r' && bytes[i])
			g_byte_array_append(utf8, (guint8 *)wide, n);
	}
	g_autoptr(GBytes) text =
	    g_byte_array_free_to_bytes(g_steal_pointer(&utf8));
	clipboard_offer(&self->party, 1u << CLIPBOARD_TEXT);
	clipboard_give(&self->party, CLIPBOARD_TEXT, text);
}

void rfb_clip_message(struct rfb_client *self,
		      const struct rfb_message *message)
{
	if (!self->clip_joined)
		return; /* it only looks on */
	if (message->type == RFB_CUT_TEXT) {
		take_latin1(self, message->text.bytes, message->text.length);
		return;
	}
	uint32_t flags = message->text.flags;
	if (!self->extended_clipboard)
		return;
	if (flags & CLIP_CAPS) {
		self->clip_formats = flags & 0xffff;
	} else if (flags & CLIP_NOTIFY) {
		if (flags & CLIP_TEXT)
			clipboard_offer(&self->party, 1u << CLIPBOARD_TEXT);
		else
			clipboard_withdraw(&self->party);
	} else if (flags & CLIP_REQUEST) {
		if (flags & CLIP_TEXT) {
			self->clip_wanted = true;
			clipboard_ask(&self->party, CLIPBOARD_TEXT);
		}
	} else if (flags & CLIP_PEEK) {
		notify(self, clipboard_has_text(&self->party));
	} else if (flags & CLIP_PROVIDE && flags & CLIP_TEXT) {
		g_autoptr(GBytes) text =
		    rfb_clip_unpack(message->text.bytes, message->text.length);
		if (!text)
			return;
		/* unasked: it is newer than what was there */
		clipboard_provide(&self->party, text);
	}
}

void rfb_clip_extended(struct rfb_client *self)
{
	if (!self->clip_joined)
		return;
	/* text of any length is announced first, never sent unasked */
	static const uint8_t sizes[4];
	send_extended(self,
		      CLIP_CAPS | CLIP_REQUEST | CLIP_PEEK | CLIP_NOTIFY |
			  CLIP_PROVIDE | CLIP_TEXT,
		      sizes, sizeof sizes);
	if (clipboard_has_text(&self->party))
		notify(self, true);
}

void rfb_clip_init(struct rfb_client *self)
{
	if (self->viewer.view_only)
		return;
	self->party.ops = &clipboard_ops;
	clipboard_join(display_clipboard(rfb_server_display(self->server)),
		       &self->party);
	self->clip_joined = true;
}

void rfb_clip_finish(struct rfb_client *self)
{
	if (self->clip_joined)
		clipboard_leave(&self->party);
	self->clip_joined = false;
}
