#include "client/rfb-wire.h"

#include <rfb/rfbproto.h>

void rfb_put_u8(GByteArray *out, guint8 value)
{
	g_byte_array_append(out, &value, 1);
}

void rfb_put_u16(GByteArray *out, guint16 value)
{
	guint16 raw = GUINT16_TO_BE(value);
	g_byte_array_append(out, (guint8 *)&raw, 2);
}

void rfb_put_u32(GByteArray *out, guint32 value)
{
	guint32 raw = GUINT32_TO_BE(value);
	g_byte_array_append(out, (guint8 *)&raw, 4);
}

static void put_zeros(GByteArray *out, int count)
{
	while (count-- > 0)
		rfb_put_u8(out, 0);
}

void rfb_put_pixel_format(GByteArray *out)
{
	rfb_put_u8(out, rfbSetPixelFormat);
	put_zeros(out, 3);
	rfb_put_u8(out, 32); /* bits per pixel */
	rfb_put_u8(out, 24); /* depth */
	rfb_put_u8(out, G_BYTE_ORDER == G_BIG_ENDIAN);
	rfb_put_u8(out, 1); /* true colour */
	rfb_put_u16(out, 255);
	rfb_put_u16(out, 255);
	rfb_put_u16(out, 255);
	rfb_put_u8(out, 16);
	rfb_put_u8(out, 8);
	rfb_put_u8(out, 0);
	put_zeros(out, 3);
}

void rfb_put_encodings(GByteArray *out, const gint32 *encodings, gsize count)
{
	rfb_put_u8(out, rfbSetEncodings);
	put_zeros(out, 1);
	rfb_put_u16(out, (guint16)count);
	for (gsize i = 0; i < count; i++)
		rfb_put_u32(out, (guint32)encodings[i]);
}

void rfb_put_update_request(GByteArray *out, gboolean incremental, guint16 w,
			    guint16 h)
{
	rfb_put_u8(out, rfbFramebufferUpdateRequest);
	rfb_put_u8(out, incremental ? 1 : 0);
	rfb_put_u16(out, 0);
	rfb_put_u16(out, 0);
	rfb_put_u16(out, w);
	rfb_put_u16(out, h);
}

void rfb_put_key(GByteArray *out, guint32 keysym, gboolean down)
{
	rfb_put_u8(out, rfbKeyEvent);
	rfb_put_u8(out, down ? 1 : 0);
	put_zeros(out, 2);
	rfb_put_u32(out, keysym);
}

void rfb_put_qemu_key(GByteArray *out, guint32 keysym, guint32 qnum,
		      gboolean down)
{
	rfb_put_u8(out, rfbQemuEvent);
	rfb_put_u8(out, 0); /* extended key event */
	rfb_put_u16(out, down ? 1 : 0);
	rfb_put_u32(out, keysym);
	rfb_put_u32(out, qnum);
}

void rfb_put_pointer(GByteArray *out, guint16 x, guint16 y, unsigned buttons,
		     gboolean extended)
{
	/* with the extension, bit 7 says that a byte with the rest follows */
	guint8 mask =
	    extended ? (guint8)(buttons & 0x7f) | 0x80 : (guint8)buttons;
	rfb_put_u8(out, rfbPointerEvent);
	rfb_put_u8(out, mask);
	rfb_put_u16(out, x);
	rfb_put_u16(out, y);
	if (extended)
		rfb_put_u8(out, (guint8)(buttons >> 7));
}

void rfb_put_cut_text(GByteArray *out, const char *latin1, gsize length)
{
	rfb_put_u8(out, rfbClientCutText);
	put_zeros(out, 3);
	rfb_put_u32(out, (guint32)length);
	g_byte_array_append(out, (const guint8 *)latin1, (guint)length);
}

void rfb_put_clipboard(GByteArray *out, const GByteArray *payload)
{
	rfb_put_u8(out, rfbClientCutText);
	put_zeros(out, 3);
	rfb_put_u32(out, (guint32) - (gint32)payload->len);
	g_byte_array_append(out, payload->data, payload->len);
}

void rfb_put_desktop_size(GByteArray *out, guint16 w, guint16 h,
			  guint32 screen_id, guint32 screen_flags)
{
	rfb_put_u8(out, rfbSetDesktopSize);
	put_zeros(out, 1);
	rfb_put_u16(out, w);
	rfb_put_u16(out, h);
	rfb_put_u8(out, 1); /* screens */
	put_zeros(out, 1);
	rfb_put_u32(out, screen_id);
	rfb_put_u16(out, 0);
	rfb_put_u16(out, 0);
	rfb_put_u16(out, w);
	rfb_put_u16(out, h);
	rfb_put_u32(out, screen_flags);
}

void rfb_put_continuous(GByteArray *out, guint16 w, guint16 h)
{
	rfb_put_u8(out, RFB_MSG_CONTINUOUS);
	rfb_put_u8(out, 1);
	rfb_put_u16(out, 0);
	rfb_put_u16(out, 0);
	rfb_put_u16(out, w);
	rfb_put_u16(out, h);
}

void rfb_put_fence(GByteArray *out, guint32 flags, const guint8 *payload,
		   guint8 length)
{
	rfb_put_u8(out, RFB_MSG_FENCE);
	put_zeros(out, 3);
	rfb_put_u32(out, flags);
	rfb_put_u8(out, length);
	g_byte_array_append(out, payload, length);
}
