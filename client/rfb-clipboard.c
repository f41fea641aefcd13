#include "client/rfb-clipboard.h"

#include <string.h>
#include <zlib.h>

#define FORMAT_TEXT 1u
#define FORMATS     0xffffu
#define ALL_ACTIONS 0x1f000000u

static guint32 get_u32(const guint8 *from)
{
	return (guint32)from[0] << 24 | (guint32)from[1] << 16 |
	       (guint32)from[2] << 8 | from[3];
}

static void put_u32(GByteArray *out, guint32 value)
{
	guint8 bytes[4] = {(guint8)(value >> 24), (guint8)(value >> 16),
			   (guint8)(value >> 8), (guint8)value};
	g_byte_array_append(out, bytes, 4);
}

/* Up to want bytes of the stream; FALSE on a damaged or short one. */
static gboolean inflate_exact(z_stream *stream, guint8 *to, gsize want)
{
	stream->next_out = to;
	stream->avail_out = (uInt)want;
	while (stream->avail_out > 0) {
		int result = inflate(stream, Z_SYNC_FLUSH);
		if (result == Z_STREAM_END)
			break;
		if (result != Z_OK)
			return FALSE;
	}
	return stream->avail_out == 0;
}

static char *text_of(const guint8 *bytes, gsize length)
{
	const guint8 *end = memchr(bytes, '\0', length);
	if (end)
		length = (gsize)(end - bytes);
	g_autoptr(GString) text = g_string_sized_new(length);
	for (gsize i = 0; i < length; i++) {
		if (bytes[i] == '\r' && i + 1 < length && bytes[i + 1] == '\n')
			continue;
		g_string_append_c(text, (char)bytes[i]);
	}
	return g_utf8_make_valid(text->str, (gssize)text->len);
}

/* The text is the first format there is, since its bit is the lowest. */
static char *unpack_text(const guint8 *packed, gsize length)
{
	z_stream stream = {.next_in = (Bytef *)packed,
			   .avail_in = (uInt)length};
	if (inflateInit(&stream) != Z_OK)
		return NULL;
	char *text = NULL;
	guint8 head[4];
	if (inflate_exact(&stream, head, sizeof head)) {
		guint32 size = get_u32(head);
		g_autofree guint8 *bytes =
		    size <= RFB_CLIPBOARD_MAX ? g_try_malloc(size + 1) : NULL;
		if (bytes && inflate_exact(&stream, bytes, size))
			text = text_of(bytes, size);
	}
	inflateEnd(&stream);
	return text;
}

gboolean rfb_clipboard_parse(const guint8 *payload, gsize length,
			     struct rfb_clipboard_message *message)
{
	*message = (struct rfb_clipboard_message){0};
	if (length < 4 || length > RFB_CLIPBOARD_MAX)
		return FALSE;
	guint32 flags = get_u32(payload);
	payload += 4;
	length -= 4;
	message->has_text = (flags & FORMAT_TEXT) != 0;
	if (flags & RFB_CLIPBOARD_CAPS) {
		message->action = RFB_CLIPBOARD_CAPS;
		message->actions = flags & ALL_ACTIONS;
		if (message->has_text && length >= 4)
			message->text_max = get_u32(payload);
		return TRUE;
	}
	static const enum rfb_clipboard_action actions[] = {
	    RFB_CLIPBOARD_REQUEST, RFB_CLIPBOARD_PEEK, RFB_CLIPBOARD_NOTIFY,
	    RFB_CLIPBOARD_PROVIDE};
	for (gsize i = 0; i < G_N_ELEMENTS(actions); i++)
		if ((flags & ALL_ACTIONS) == (guint32)actions[i])
			message->action = actions[i];
	if (!message->action)
		return FALSE;
	if (message->action == RFB_CLIPBOARD_PROVIDE && message->has_text) {
		message->text = unpack_text(payload, length);
		return message->text != NULL;
	}
	return TRUE;
}

void rfb_clipboard_put_caps(GByteArray *out)
{
	put_u32(out, RFB_CLIPBOARD_CAPS | RFB_CLIPBOARD_REQUEST |
			 RFB_CLIPBOARD_PEEK | RFB_CLIPBOARD_NOTIFY |
			 RFB_CLIPBOARD_PROVIDE | FORMAT_TEXT);
	put_u32(out, 0); /* nothing unasked: text moves when it is pasted */
}

void rfb_clipboard_put_action(GByteArray *out, enum rfb_clipboard_action action,
			      gboolean text)
{
	put_u32(out, (guint32)action | (text ? FORMAT_TEXT : 0));
}

gboolean rfb_clipboard_put_text(GByteArray *out, const char *text)
{
	g_autoptr(GByteArray) plain = g_byte_array_new();
	put_u32(plain, 0);
	for (const char *c = text; *c; c++) {
		if (*c == '\r' && c[1] == '\n')
			continue;
		if (*c == '\n')
			g_byte_array_append(plain, (const guint8 *)"\r", 1);
		g_byte_array_append(plain, (const guint8 *)c, 1);
		if (plain->len > RFB_CLIPBOARD_MAX)
			return FALSE;
	}
	g_byte_array_append(plain, (const guint8 *)"", 1);
	guint32 size = plain->len - 4;
	guint8 head[4] = {(guint8)(size >> 24), (guint8)(size >> 16),
			  (guint8)(size >> 8), (guint8)size};
	memcpy(plain->data, head, 4);
	uLongf packed_size = compressBound(plain->len);
	g_autofree guint8 *packed = g_malloc(packed_size);
	if (compress2(packed, &packed_size, plain->data, plain->len,
		      Z_DEFAULT_COMPRESSION) != Z_OK)
		return FALSE;
	put_u32(out, RFB_CLIPBOARD_PROVIDE | FORMAT_TEXT);
	g_byte_array_append(out, packed, (guint)packed_size);
	return TRUE;
}
