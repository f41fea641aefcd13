/* rfb-clipboard.h - RFB's extended clipboard messages, text only.
 *
 * The UTF-8 clipboard extension of the RFB protocol (pseudo-encoding
 * 0xC0A1E5CE): capabilities, notify, request and provide inside cut text
 * messages of negative length. Only the payload is built and taken apart
 * here. Bounded: RFB_CLIPBOARD_MAX bytes of text, packed or not.
 * Threads: any. Text is UTF-8 with line feeds; the wire has CR LF and NUL. */
#pragma once

#include <glib.h>

#define RFB_CLIPBOARD_MAX (4u << 20)

enum rfb_clipboard_action {
	RFB_CLIPBOARD_CAPS = 1 << 24,
	RFB_CLIPBOARD_REQUEST = 1 << 25,
	RFB_CLIPBOARD_PEEK = 1 << 26,
	RFB_CLIPBOARD_NOTIFY = 1 << 27,
	RFB_CLIPBOARD_PROVIDE = 1 << 28,
};

struct rfb_clipboard_message {
	enum rfb_clipboard_action action;
	gboolean has_text; /* the message names the text format */
	guint32 actions;   /* of CAPS: what the peer understands */
	guint32 text_max;  /* of CAPS: what it takes unasked */
	char *text;        /* of PROVIDE: new, valid UTF-8, or NULL */
};

/* FALSE: not such a message; nothing is allocated then. */
gboolean rfb_clipboard_parse(const guint8 *payload, gsize length,
			     struct rfb_clipboard_message *message);

/* Payloads: append to out. */
void rfb_clipboard_put_caps(GByteArray *out);
void rfb_clipboard_put_action(GByteArray *out, enum rfb_clipboard_action action,
			      gboolean text);
/* FALSE when the text is too long to be sent. */
gboolean rfb_clipboard_put_text(GByteArray *out, const char *text);
