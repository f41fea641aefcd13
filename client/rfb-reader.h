/* rfb-reader.h - reads an RFB server through libvncclient's decoders.
 *
 * The message loop is ours, since the library's own (0.9.14) knows no
 * extended clipboard, fences or hidden cursors, drops the outcome of a resize
 * and mistakes screen id 0 for an error. It only decodes rectangles of pixels
 * (raw, copy, hextile, Tight, ZRLE): each is handed to it as an update of one
 * rectangle, after its place has been checked. It never writes to the server.
 *
 * Threads: one, which blocks. Ownership: destroy closes the descriptor.
 * Units: pixels are 32 bits, 0x00RRGGBB in host order, without padding.
 * Fails: FALSE; the connection is then of no more use.
 * Debian's library (0.9.14+dfsg-1+deb12u2) refuses Tight and ZRLE data that
 * leave their rectangle; tests/protocol/client/bad-days.test watches that. */
#pragma once

#include <glib.h>

/* 64 Mpx: an 8K screen twice over; 256 MiB of pixels. */
#define RFB_PIXELS_MAX (64u << 20)

struct rfb_rect {
	guint16 x, y, w, h;
	gint32 encoding;
};

struct rfb_reader;

struct rfb_reader *rfb_reader_create(int fd);
void rfb_reader_destroy(struct rfb_reader *reader);

/* After a failure: the connection is over, rather than its contents wrong. */
gboolean rfb_reader_ended(const struct rfb_reader *reader);

gboolean rfb_read(struct rfb_reader *reader, void *to, gsize length);
gboolean rfb_read_u8(struct rfb_reader *reader, guint8 *value);
gboolean rfb_read_u16(struct rfb_reader *reader, guint16 *value);
gboolean rfb_read_u32(struct rfb_reader *reader, guint32 *value);
gboolean rfb_skip(struct rfb_reader *reader, gsize length);
gboolean rfb_read_rect(struct rfb_reader *reader, struct rfb_rect *rect);

/* A picture of that size; what overlaps the old one is kept. */
gboolean rfb_reader_resize(struct rfb_reader *reader, guint16 width,
			   guint16 height);
void rfb_reader_size(const struct rfb_reader *reader, guint16 *width,
		     guint16 *height);
const guint32 *rfb_reader_pixels(const struct rfb_reader *reader);

/* TRUE for an encoding that rfb_reader_decode() takes. */
gboolean rfb_reader_decodes(gint32 encoding);
/* Reads and decodes the rectangle whose header was just read. */
gboolean rfb_reader_decode(struct rfb_reader *reader,
			   const struct rfb_rect *rect);
