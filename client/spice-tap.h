/* spice-tap.h - what a SPICE display channel carries, told from its bytes.
 *
 * spice-client-glib does not say how pictures come; the bytes pass through our
 * tunnel anyway. The tap reads along: the link, then heads of messages and as
 * much of a picture's as names its kind. It never holds anything back, and
 * gives up quietly on what it does not understand.
 *
 * Threads: any, one at a time. Bounds: SPICE_TAP_PEEK bytes of a message.
 * Never fails. */
#pragma once

#include <glib.h>

#define SPICE_TAP_PEEK 1024

enum spice_tap_kind {
	SPICE_TAP_PIXELS, /* as they are */
	SPICE_TAP_LZ,
	SPICE_TAP_LZ4,
	SPICE_TAP_QUIC,
	SPICE_TAP_JPEG,
	SPICE_TAP_CACHED, /* known from before */
	SPICE_TAP_MOVED,
	SPICE_TAP_COLOUR, /* one, for all of an area */
	SPICE_TAP_MJPEG,
	SPICE_TAP_VP8,
	SPICE_TAP_H264,
	SPICE_TAP_OTHER_VIDEO,
	SPICE_TAP_KINDS,
};

/* Zero it to begin; nothing to free. */
struct spice_tap {
	int state;
	gboolean lost; /* the rest makes no sense */
	guint32 want;  /* bytes of what is being read; all of a message */
	guint32 have;  /* of them seen */
	guint16 type;  /* of the message */
	guint8 peek[SPICE_TAP_PEEK];
	guint8 codecs[64]; /* by stream */
	/* bytes by kind; the caller may make them smaller */
	double bytes[SPICE_TAP_KINDS];
};

void spice_tap_read(struct spice_tap *tap, const void *bytes, gsize length);
/* Their shares in percent, for people: "H.264 80 %, LZ4 20 %". */
void spice_tap_tell(const struct spice_tap *tap, char *text, gsize size);
