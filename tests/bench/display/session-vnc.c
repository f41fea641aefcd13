/* session-vnc.c - the same viewer on libvncclient as everybody has it. Linked
 * in place of session.c.
 *
 * Profiles are its own words: "tight", "copyrect zrle"; with ":N" at the end
 * of one, JPEG of quality N is taken. It knows no continuous updates, so
 * each update is asked for. */
#include <rfb/rfbclient.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/display/session.h"

struct session {
	rfbClient *client;
	char *encodings;
	uint32_t *pixels; /* the client's, without their upper bytes */
	unsigned width, height, counts[SESSION_COUNTS];
	GotCopyRectProc copy;
	void (*on_rect)(void *data, unsigned x, unsigned y, unsigned w,
			unsigned h, int32_t encoding);
	void *data;
	bool updated;
};

static struct session *session_of(rfbClient *client)
{
	return rfbClientGetClientData(client, (void *)session_open);
}

static rfbBool on_size(rfbClient *client)
{
	struct session *self = session_of(client);
	size_t count = (size_t)client->width * (size_t)client->height;
	self->width = (unsigned)client->width;
	self->height = (unsigned)client->height;
	free(client->frameBuffer);
	free(self->pixels);
	client->frameBuffer = calloc(count + 1, 4);
	self->pixels = calloc(count + 1, 4);
	return client->frameBuffer && self->pixels;
}

static void on_copy(rfbClient *client, int from_x, int from_y, int w, int h,
		    int x, int y)
{
	struct session *self = session_of(client);
	self->counts[SESSION_COPYRECT]++;
	self->copy(client, from_x, from_y, w, h, x, y);
}

static void on_update(rfbClient *client, int x, int y, int w, int h)
{
	struct session *self = session_of(client);
	const uint32_t *from = (const void *)client->frameBuffer;
	for (int row = y; row < y + h; row++)
		for (int i = x; i < x + w; i++) {
			size_t at = (size_t)row * self->width + (size_t)i;
			self->pixels[at] = from[at] & 0xffffff;
		}
	self->updated = true;
	if (self->on_rect)
		self->on_rect(self->data, (unsigned)x, (unsigned)y, (unsigned)w,
			      (unsigned)h, 0);
}

/* libvncclient takes a path as a host. */
static void address_of(rfbClient *client, const char *address)
{
	const char *colon = address[0] == '/' ? NULL : strrchr(address, ':');
	free(client->serverHost);
	client->serverHost = colon ? strndup(address, (size_t)(colon - address))
				   : strdup(address);
	if (colon)
		client->serverPort = atoi(colon + 1);
}

struct session *session_open(const char *address, const char *profile,
			     const char *ticket_file)
{
	struct session *self = calloc(1, sizeof *self);
	rfbClient *client = rfbGetClient(8, 3, 4);
	char *quality;
	if (ticket_file)
		die("this viewer knows no tickets");
	rfbEnableClientLogging = FALSE;
	self->client = client;
	self->encodings = strdup(profile);
	quality = strchr(self->encodings, ':');
	if (quality)
		*quality++ = 0;
	rfbClientSetClientData(client, (void *)session_open, self);
	client->format.redShift = 16;
	client->format.greenShift = 8;
	client->format.blueShift = 0;
	client->appData.encodingsString = self->encodings;
	client->appData.compressLevel = 2;
	client->appData.enableJPEG = quality != NULL;
	client->appData.qualityLevel = quality ? atoi(quality) : 9;
	client->canHandleNewFBSize = TRUE;
	client->MallocFrameBuffer = on_size;
	client->GotFrameBufferUpdate = on_update;
	self->copy = client->GotCopyRect;
	client->GotCopyRect = on_copy;
	address_of(client, address);
	if (!rfbInitClient(client, NULL, NULL))
		die("libvncclient does not get in");
	return self;
}

void session_close(struct session *self)
{
	free(self->client->frameBuffer); /* not the cleanup's */
	rfbClientCleanup(self->client);
	free(self->pixels);
	free(self->encodings);
	free(self);
}

bool session_ready(struct session *self, int ms)
{
	int ready = WaitForMessage(self->client, (unsigned)ms * 1000u);
	if (ready < 0)
		die("the connection broke");
	return ready > 0;
}

bool session_message(struct session *self,
		     void (*on_rect)(void *data, unsigned x, unsigned y,
				     unsigned w, unsigned h, int32_t encoding),
		     void *data)
{
	self->on_rect = on_rect;
	self->data = data;
	self->updated = false;
	if (!HandleRFBServerMessage(self->client))
		die("libvncclient makes nothing of a message");
	return self->updated;
}

void session_ask_all(struct session *self)
{
	SendFramebufferUpdateRequest(self->client, 0, 0, (int)self->width,
				     (int)self->height, FALSE);
}

void session_key(struct session *self, uint32_t keysym, bool down)
{
	SendKeyEvent(self->client, keysym, down);
}

uint64_t session_received(struct session *self)
{
	return 0; /* it does not count */
}

const uint32_t *session_pixels(struct session *self)
{
	return self->pixels;
}

unsigned session_width(const struct session *self)
{
	return self->width;
}

unsigned session_refused(const struct session *self)
{
	return 0;
}

const unsigned *session_counts(const struct session *self)
{
	return self->counts;
}
