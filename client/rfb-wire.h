/* rfb-wire.h - what an RFB client says: messages as bytes.
 *
 * Each appends one whole message to out. RFC 6143 section 7.5 and the
 * community's list of extensions. Threads: any. Fails: never. */
#pragma once

#include <glib.h>

/* Numbers that rfbproto.h does not have. */
enum {
	RFB_MSG_CONTINUOUS = 150, /* enable / end of continuous updates */
	RFB_MSG_FENCE = 248,
	RFB_MSG_QEMU = 255,

	RFB_ENC_CURSOR_ALPHA = -314,
	RFB_ENC_CURSOR = -239,
	RFB_ENC_DESKTOP_SIZE = -223,
	RFB_ENC_LAST_RECT = -224,
	RFB_ENC_QEMU_KEYS = -258,
	RFB_ENC_QEMU_AUDIO = -259,
	RFB_ENC_QEMU_LEDS = -261,
	RFB_ENC_DESKTOP_NAME = -307,
	RFB_ENC_EXT_DESKTOP_SIZE = -308,
	RFB_ENC_FENCE = -312,
	RFB_ENC_CONTINUOUS = -313,
	RFB_ENC_EXT_BUTTONS = -316,
	RFB_ENC_COMPRESS_0 = -256,
	RFB_ENC_LIBVNC_LEDS = (gint32)0xfffe0000,
	RFB_ENC_CLIPBOARD = (gint32)0xc0a1e5ce,
};

void rfb_put_u8(GByteArray *out, guint8 value);
void rfb_put_u16(GByteArray *out, guint16 value);
void rfb_put_u32(GByteArray *out, guint32 value);

/* 32 bits, 0x00RRGGBB in host order. */
void rfb_put_pixel_format(GByteArray *out);
void rfb_put_encodings(GByteArray *out, const gint32 *encodings, gsize count);
void rfb_put_update_request(GByteArray *out, gboolean incremental, guint16 w,
			    guint16 h);
void rfb_put_key(GByteArray *out, guint32 keysym, gboolean down);
void rfb_put_qemu_key(GByteArray *out, guint32 keysym, guint32 qnum,
		      gboolean down);
/* extended: nine buttons instead of eight */
void rfb_put_pointer(GByteArray *out, guint16 x, guint16 y, unsigned buttons,
		     gboolean extended);
void rfb_put_cut_text(GByteArray *out, const char *latin1, gsize length);
void rfb_put_clipboard(GByteArray *out, const GByteArray *payload);
void rfb_put_desktop_size(GByteArray *out, guint16 w, guint16 h,
			  guint32 screen_id, guint32 screen_flags);
void rfb_put_continuous(GByteArray *out, guint16 w, guint16 h);
void rfb_put_fence(GByteArray *out, guint32 flags, const guint8 *payload,
		   guint8 length);
