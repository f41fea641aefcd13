#include "client/rfb-reader.h"

#include <rfb/rfbclient.h>
#include <string.h>
#include <sys/socket.h>

/* A whole update of one rectangle, put back before what was read ahead. */
#define HEADER_BYTES                                                           \
	(sz_rfbFramebufferUpdateMsg + sz_rfbFramebufferUpdateRectHeader)

/* RFC 6143's successor, section Tight: a rectangle is at most so wide. */
#define TIGHT_WIDTH_MAX 2048

struct rfb_reader {
	rfbClient *client;
	/* the library's read-ahead with our header before it */
	char ahead[RFB_BUF_SIZE + HEADER_BYTES];
};

static rfbBool keep_frame_buffer(rfbClient *client)
{
	/* sizes are set by rfb_reader_resize() alone */
	return client->frameBuffer != NULL;
}

static char *no_password(rfbClient *client)
{
	return NULL; /* never asks at a terminal */
}

static void quiet(const char *format, ...)
{
}

struct rfb_reader *rfb_reader_create(int fd)
{
	/* libraries do not log; the session tells what went wrong */
	rfbClientLog = quiet;
	rfbClientErr = quiet;
	struct rfb_reader *reader = g_new0(struct rfb_reader, 1);
	rfbClient *client = reader->client = rfbGetClient(8, 3, 4);
	g_assert(client); /* out of memory, as g_new */
	client->format.redShift = 16;
	client->format.greenShift = 8;
	client->format.blueShift = 0;
	client->sock = fd;
	client->MallocFrameBuffer = keep_frame_buffer;
	client->GetPassword = no_password;
	return reader;
}

void rfb_reader_destroy(struct rfb_reader *reader)
{
	if (!reader)
		return;
	free(reader->client->frameBuffer);
	reader->client->frameBuffer = NULL;
	rfbClientCleanup(reader->client); /* closes the descriptor */
	g_free(reader);
}

gboolean rfb_reader_ended(const struct rfb_reader *reader)
{
	char byte;
	return reader->client->buffered == 0 &&
	       recv(reader->client->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) ==
		   0;
}

gboolean rfb_read(struct rfb_reader *reader, void *to, gsize length)
{
	return length == 0 ||
	       ReadFromRFBServer(reader->client, to, (unsigned)length);
}

gboolean rfb_read_u8(struct rfb_reader *reader, guint8 *value)
{
	return rfb_read(reader, value, 1);
}

gboolean rfb_read_u16(struct rfb_reader *reader, guint16 *value)
{
	guint16 raw;
	if (!rfb_read(reader, &raw, 2))
		return FALSE;
	*value = GUINT16_FROM_BE(raw);
	return TRUE;
}

gboolean rfb_read_u32(struct rfb_reader *reader, guint32 *value)
{
	guint32 raw;
	if (!rfb_read(reader, &raw, 4))
		return FALSE;
	*value = GUINT32_FROM_BE(raw);
	return TRUE;
}

gboolean rfb_skip(struct rfb_reader *reader, gsize length)
{
	char waste[4096];
	while (length > 0) {
		gsize part = MIN(length, sizeof waste);
		if (!rfb_read(reader, waste, part))
			return FALSE;
		length -= part;
	}
	return TRUE;
}

gboolean rfb_read_rect(struct rfb_reader *reader, struct rfb_rect *rect)
{
	guint32 encoding;
	if (!rfb_read_u16(reader, &rect->x) ||
	    !rfb_read_u16(reader, &rect->y) ||
	    !rfb_read_u16(reader, &rect->w) ||
	    !rfb_read_u16(reader, &rect->h) || !rfb_read_u32(reader, &encoding))
		return FALSE;
	rect->encoding = (gint32)encoding;
	return TRUE;
}

gboolean rfb_reader_resize(struct rfb_reader *reader, guint16 width,
			   guint16 height)
{
	rfbClient *client = reader->client;
	gsize pixels = (gsize)width * height;
	if (pixels == 0 || pixels > RFB_PIXELS_MAX)
		return FALSE;
	guint32 *buffer = calloc(pixels, 4);
	if (!buffer)
		return FALSE;
	int columns = MIN(width, client->width);
	int rows = client->frameBuffer ? MIN(height, client->height) : 0;
	for (int y = 0; y < rows; y++)
		memcpy(buffer + (gsize)y * width,
		       (guint32 *)client->frameBuffer +
			   (gsize)y * client->width,
		       (gsize)columns * 4);
	free(client->frameBuffer);
	client->frameBuffer = (uint8_t *)buffer;
	client->width = width;
	client->height = height;
	client->updateRect.x = client->updateRect.y = 0;
	client->updateRect.w = width;
	client->updateRect.h = height;
	/* sized by the first rectangle of another size */
	return TRUE;
}

void rfb_reader_size(const struct rfb_reader *reader, guint16 *width,
		     guint16 *height)
{
	*width = (guint16)reader->client->width;
	*height = (guint16)reader->client->height;
}

const guint32 *rfb_reader_pixels(const struct rfb_reader *reader)
{
	return (const guint32 *)reader->client->frameBuffer;
}

gboolean rfb_reader_decodes(gint32 encoding)
{
	switch (encoding) {
	case rfbEncodingRaw:
	case rfbEncodingCopyRect:
	case rfbEncodingHextile:
	case rfbEncodingTight:
	case rfbEncodingZRLE:
		return TRUE;
	default:
		return FALSE;
	}
}

gboolean rfb_reader_decode(struct rfb_reader *reader,
			   const struct rfb_rect *rect)
{
	rfbClient *client = reader->client;
	if (rect->x + rect->w > client->width ||
	    rect->y + rect->h > client->height)
		return FALSE;
	if (rect->w == 0 || rect->h == 0)
		return rect->encoding == rfbEncodingRaw;
	if (rect->encoding == rfbEncodingTight && rect->w > TIGHT_WIDTH_MAX)
		return FALSE;
	/* bufoutptr may point anywhere: the library refills its own buffer
	 * once ours is used up */
	g_assert(client->buffered <= RFB_BUF_SIZE);
	memmove(reader->ahead + HEADER_BYTES, client->bufoutptr,
		client->buffered);
	guint8 *head = (guint8 *)reader->ahead;
	const guint16 words[4] = {
	    GUINT16_TO_BE(rect->x), GUINT16_TO_BE(rect->y),
	    GUINT16_TO_BE(rect->w), GUINT16_TO_BE(rect->h)};
	guint32 encoding = GUINT32_TO_BE((guint32)rect->encoding);
	head[0] = rfbFramebufferUpdate;
	head[1] = 0;
	head[2] = 0;
	head[3] = 1; /* rectangles */
	memcpy(head + 4, words, 8);
	memcpy(head + 12, &encoding, 4);
	client->bufoutptr = reader->ahead;
	client->buffered += HEADER_BYTES;
	return HandleRFBServerMessage(client);
}
