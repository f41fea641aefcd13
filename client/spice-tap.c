#include "client/spice-tap.h"

#include <spice/enums.h>
#include <string.h>

/* Of messages: type and size, since both sides know mini headers. */
#define HEAD        6
#define LINK_HEAD   16
#define LINK_MAX    4096u
#define MESSAGE_MAX (64u << 20)

enum { LINK, LINK_BODY, RESULT, MESSAGE, BODY };

static const char *const titles[SPICE_TAP_KINDS] = {
    "plain", "LZ",     "LZ4",   "QUIC", "JPEG",  "known",
    "moved", "colour", "MJPEG", "VP8",  "H.264", "video",
};

static guint32 u32(const guint8 *at)
{
	return (guint32)at[0] | (guint32)at[1] << 8 | (guint32)at[2] << 16 |
	       (guint32)at[3] << 24;
}

/* A DRAW_COPY: surface, box and clip come first, then where the picture is. */
static enum spice_tap_kind kind_of_copy(const struct spice_tap *tap)
{
	gsize peeked = MIN(tap->want, SPICE_TAP_PEEK);
	gsize at = 4 + 16;
	if (at + 1 > peeked)
		return SPICE_TAP_PIXELS;
	if (tap->peek[at++] == SPICE_CLIP_TYPE_RECTS) {
		if (at + 4 > peeked ||
		    u32(tap->peek + at) > SPICE_TAP_PEEK / 16)
			return SPICE_TAP_PIXELS;
		at += 4 + 16 * (gsize)u32(tap->peek + at);
	}
	if (at + 4 > peeked)
		return SPICE_TAP_PIXELS;
	gsize image = u32(tap->peek + at); /* its id, then its type */
	if (image > SPICE_TAP_PEEK || image + 9 > peeked)
		return SPICE_TAP_PIXELS;
	switch (tap->peek[image + 8]) {
	case SPICE_IMAGE_TYPE_QUIC:
		return SPICE_TAP_QUIC;
	case SPICE_IMAGE_TYPE_LZ_PLT:
	case SPICE_IMAGE_TYPE_LZ_RGB:
	case SPICE_IMAGE_TYPE_GLZ_RGB:
	case SPICE_IMAGE_TYPE_ZLIB_GLZ_RGB:
		return SPICE_TAP_LZ;
	case SPICE_IMAGE_TYPE_LZ4:
		return SPICE_TAP_LZ4;
	case SPICE_IMAGE_TYPE_JPEG:
	case SPICE_IMAGE_TYPE_JPEG_ALPHA:
		return SPICE_TAP_JPEG;
	case SPICE_IMAGE_TYPE_FROM_CACHE:
	case SPICE_IMAGE_TYPE_FROM_CACHE_LOSSLESS:
		return SPICE_TAP_CACHED;
	default:
		return SPICE_TAP_PIXELS;
	}
}

static enum spice_tap_kind kind_of_codec(guint8 codec)
{
	switch (codec) {
	case SPICE_VIDEO_CODEC_TYPE_MJPEG:
		return SPICE_TAP_MJPEG;
	case SPICE_VIDEO_CODEC_TYPE_VP8:
		return SPICE_TAP_VP8;
	case SPICE_VIDEO_CODEC_TYPE_H264:
		return SPICE_TAP_H264;
	default:
		return SPICE_TAP_OTHER_VIDEO;
	}
}

static void count(struct spice_tap *tap)
{
	double bytes = (double)tap->want + HEAD;
	gsize peeked = MIN(tap->want, SPICE_TAP_PEEK);
	guint32 stream = peeked >= 4 ? u32(tap->peek) : 0;
	switch (tap->type) {
	case SPICE_MSG_DISPLAY_DRAW_COPY:
		tap->bytes[kind_of_copy(tap)] += bytes;
		break;
	case SPICE_MSG_DISPLAY_COPY_BITS:
		tap->bytes[SPICE_TAP_MOVED] += bytes;
		break;
	case SPICE_MSG_DISPLAY_DRAW_FILL:
		tap->bytes[SPICE_TAP_COLOUR] += bytes;
		break;
	case SPICE_MSG_DISPLAY_STREAM_CREATE:
		/* surface, id, flags, codec */
		if (peeked >= 10 &&
		    u32(tap->peek + 4) < G_N_ELEMENTS(tap->codecs))
			tap->codecs[u32(tap->peek + 4)] = tap->peek[9];
		break;
	case SPICE_MSG_DISPLAY_STREAM_DATA:
	case SPICE_MSG_DISPLAY_STREAM_DATA_SIZED:
		tap->bytes[kind_of_codec(stream < G_N_ELEMENTS(tap->codecs)
					     ? tap->codecs[stream]
					     : 0)] += bytes;
		break;
	default:
		break;
	}
}

/* One part is complete: what comes next, and how long it is. */
static void next(struct spice_tap *tap)
{
	switch (tap->state) {
	case LINK:
		tap->state = LINK_BODY;
		tap->want = u32(tap->peek + 12);
		tap->lost =
		    memcmp(tap->peek, "REDQ", 4) != 0 || tap->want > LINK_MAX;
		break;
	case LINK_BODY:
		tap->state = RESULT;
		tap->want = 4;
		break;
	case RESULT:
	case BODY:
		if (tap->state == BODY)
			count(tap);
		tap->state = MESSAGE;
		tap->want = HEAD;
		break;
	default:
		tap->state = BODY;
		tap->type = (guint16)(tap->peek[0] | tap->peek[1] << 8);
		tap->want = u32(tap->peek + 2);
		tap->lost = tap->want > MESSAGE_MAX;
		break;
	}
	tap->have = 0;
}

void spice_tap_read(struct spice_tap *tap, const void *bytes, gsize length)
{
	const guint8 *at = bytes;
	if (tap->state == LINK && !tap->want)
		tap->want = LINK_HEAD;
	while (!tap->lost && (length > 0 || tap->have == tap->want)) {
		if (tap->have == tap->want) {
			next(tap);
			continue;
		}
		gsize part = MIN(length, tap->want - tap->have);
		if (tap->have < SPICE_TAP_PEEK)
			memcpy(tap->peek + tap->have, at,
			       MIN(part, SPICE_TAP_PEEK - tap->have));
		tap->have += (guint32)part;
		at += part;
		length -= part;
	}
}

void spice_tap_tell(const struct spice_tap *tap, char *text, gsize size)
{
	double all = 0;
	*text = 0;
	for (int i = 0; i < SPICE_TAP_KINDS; i++)
		all += tap->bytes[i];
	for (int i = 0; i < SPICE_TAP_KINDS && all >= 1; i++) {
		int percent = (int)(tap->bytes[i] * 100 / all + 0.5);
		g_autofree char *part = g_strdup_printf(
		    "%s%s %d %%", *text ? ", " : "", titles[i], percent);
		if (percent > 0)
			g_strlcat(text, part, size);
	}
}
