#include "tests/bench/codec-peer.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rfb/rfb.h>

struct codec_peer {
	rfbScreenInfoPtr screen;
	rfbClientPtr client;
	int viewer, server;
	GThread *drain;
	GMutex lock;
	GCond moved;
	size_t drained, told;
	GByteArray *kept;
	unsigned width, height;
};

static gpointer drain(gpointer data)
{
	struct codec_peer *self = data;
	uint8_t bytes[1 << 16];
	ssize_t n;
	while ((n = read(self->viewer, bytes, sizeof bytes)) > 0) {
		g_mutex_lock(&self->lock);
		self->drained += n;
		if (self->kept)
			g_byte_array_append(self->kept, bytes, n);
		g_cond_signal(&self->moved);
		g_mutex_unlock(&self->lock);
	}
	return NULL;
}

/* The viewer's side of the handshake, one message after the other. */
static void say(struct codec_peer *self, const void *bytes, size_t length)
{
	if (write(self->viewer, bytes, length) != (ssize_t)length)
		g_error("the played viewer cannot write");
	rfbProcessClientMessage(self->client);
}

static void say_encodings(struct codec_peer *self, int quality, int compress)
{
	struct {
		uint8_t type, pad;
		uint16_t count;
		int32_t encodings[3];
	} message = {.type = 2, .count = g_htons(3)};
	message.encodings[0] = g_htonl(7);
	message.encodings[1] = g_htonl(-256 + compress);
	message.encodings[2] = g_htonl(quality ? -32 + 9 : 16);
	say(self, &message, sizeof message);
}

struct codec_peer *codec_peer_create(uint32_t *pixels, unsigned width,
				     unsigned height)
{
	struct codec_peer *self = g_new0(struct codec_peer, 1);
	int pair[2], size = 1 << 22;
	rfbLogEnable(FALSE);
	self->width = width;
	self->height = height;
	self->screen = rfbGetScreen(NULL, NULL, width, height, 8, 3, 4);
	self->screen->serverFormat.redShift = 16;
	self->screen->serverFormat.greenShift = 8;
	self->screen->serverFormat.blueShift = 0;
	self->screen->frameBuffer = (char *)pixels;
	self->screen->autoPort = FALSE;
	self->screen->port = self->screen->ipv6port = 0;
	self->screen->cursor = NULL;
	rfbInitServer(self->screen);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		g_error("socketpair: %s", g_strerror(errno));
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	self->viewer = pair[0];
	self->server = pair[1];
	/* what the viewer says first must be there, or it is waited for */
	if (write(self->viewer, "RFB 003.008\n", 12) != 12)
		g_error("the played viewer cannot write");
	self->client = rfbNewClient(self->screen, self->server);
	if (!self->client)
		g_error("libvncserver takes no viewer");
	self->drain = g_thread_new("drain", drain, self);
	rfbProcessClientMessage(self->client);
	say(self, "\1", 1);
	say(self, "\1", 1);
	/* as all viewers do: without it libvncserver sends 4 bytes a pixel */
	static const uint8_t format[20] = {0,   0, 0,   0, 32,  24, 0, 1, 0,
					   255, 0, 255, 0, 255, 16, 8, 0};
	say(self, format, sizeof format);
	return self;
}

void codec_peer_destroy(struct codec_peer *self)
{
	shutdown(self->viewer, SHUT_RDWR);
	g_thread_join(self->drain);
	rfbClientConnectionGone(self->client);
	close(self->viewer);
	rfbScreenCleanup(self->screen);
	g_free(self);
}

void codec_peer_encode(struct codec_peer *self,
		       enum codec_peer_encoding encoding, unsigned quality,
		       unsigned compress)
{
	say_encodings(self, quality, compress);
	self->client->turboQualityLevel = quality ? (int)quality : -1;
	self->client->turboSubsampLevel = 0;
	rfbBool sent = encoding == PEER_TIGHT
			   ? rfbSendRectEncodingTight(self->client, 0, 0,
						      self->width, self->height)
			   : rfbSendRectEncodingZRLE(self->client, 0, 0,
						     self->width, self->height);
	if (!sent || !rfbSendUpdateBuf(self->client))
		g_error("libvncserver could not encode");
}

void codec_peer_write(struct codec_peer *self, const uint8_t *bytes,
		      size_t length)
{
	while (length > 0) {
		size_t piece = MIN(length, UPDATE_BUF_SIZE);
		ssize_t n = write(self->server, bytes, piece);
		if (n <= 0)
			g_error("the drain is gone");
		bytes += n;
		length -= n;
	}
}

void codec_peer_keep(struct codec_peer *self, GByteArray *kept)
{
	g_mutex_lock(&self->lock);
	self->kept = kept;
	g_mutex_unlock(&self->lock);
}

size_t codec_peer_taken(struct codec_peer *self)
{
	/* all that was written is in the pair; it is empty when it was read */
	int waiting;
	do {
		g_usleep(1000);
		if (ioctl(self->viewer, FIONREAD, &waiting) < 0)
			g_error("FIONREAD: %s", g_strerror(errno));
	} while (waiting > 0);
	g_usleep(2000);
	g_mutex_lock(&self->lock);
	size_t taken = self->drained - self->told;
	self->told = self->drained;
	g_mutex_unlock(&self->lock);
	return taken;
}
