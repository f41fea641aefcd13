/* vnc-grab - a whole picture through libvncclient, as a stock viewer sees it.
 *
 *   vnc-grab PATH|HOST:PORT ENCODINGS BPP SETTLE_MS FILE [QUALITY]
 *
 * Waits for the picture, then until nothing came for SETTLE_MS; writes it as
 * 32 bits 0x00RRGGBB and says "WIDTH HEIGHT". BPP is 32, 16 or 8. */
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

static int area; /* pixels seen */

static void on_update(rfbClient *client, int x, int y, int w, int h)
{
	area += w * h;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static uint32_t widen(uint32_t value, uint32_t max)
{
	return (value * 255 + max / 2) / max;
}

static void write_picture(rfbClient *client, const char *path)
{
	FILE *file = fopen(path, "wb");
	rfbPixelFormat *f = &client->format;
	size_t count = (size_t)client->width * client->height;
	if (!file) {
		perror(path);
		exit(1);
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t raw;
		if (f->bitsPerPixel == 32)
			raw = ((uint32_t *)client->frameBuffer)[i];
		else if (f->bitsPerPixel == 16)
			raw = ((uint16_t *)client->frameBuffer)[i];
		else
			raw = client->frameBuffer[i];
		uint32_t out =
		    widen(raw >> f->redShift & f->redMax, f->redMax) << 16 |
		    widen(raw >> f->greenShift & f->greenMax, f->greenMax)
			<< 8 |
		    widen(raw >> f->blueShift & f->blueMax, f->blueMax);
		fwrite(&out, 4, 1, file);
	}
	if (fclose(file)) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		fprintf(stderr, "usage: vnc-grab PATH|HOST:PORT ENCODINGS BPP "
				"SETTLE_MS FILE [QUALITY]\n");
		return 2;
	}
	int bpp = atoi(argv[3]);
	rfbEnableClientLogging = FALSE;
	rfbClient *client = bpp == 32   ? rfbGetClient(8, 3, 4)
			    : bpp == 16 ? rfbGetClient(5, 3, 2)
					: rfbGetClient(2, 3, 1);
	if (bpp == 8) { /* the usual bgr233 */
		client->format.redMax = client->format.greenMax = 7;
		client->format.blueMax = 3;
		client->format.redShift = 0;
		client->format.greenShift = 3;
		client->format.blueShift = 6;
	}
	client->appData.encodingsString = argv[2];
	client->appData.compressLevel = 2;
	client->appData.qualityLevel = argc > 6 ? atoi(argv[6]) : 9;
	client->appData.enableJPEG = argc > 6;
	client->canHandleNewFBSize = TRUE;
	client->GotFrameBufferUpdate = on_update;
	char *colon = strrchr(argv[1], ':');
	free(client->serverHost); /* libvncclient's own, empty */
	if (colon) {
		*colon = 0;
		client->serverHost = strdup(argv[1]);
		client->serverPort = atoi(colon + 1);
	} else { /* libvncclient takes a path as host */
		client->serverHost = strdup(argv[1]);
	}
	if (!rfbInitClient(client, NULL, NULL)) {
		fprintf(stderr, "vnc-grab: no connection\n");
		return 1;
	}
	double last = now(), settle = atoi(argv[4]), begun = last;
	while (now() - begun < 20000) {
		int before = area;
		int ready = WaitForMessage(client, 20000);
		if (ready < 0 ||
		    (ready > 0 && !HandleRFBServerMessage(client))) {
			fprintf(stderr, "vnc-grab: the connection broke\n");
			return 1;
		}
		if (area != before)
			last = now();
		if (area >= client->width * client->height &&
		    now() - last > settle)
			break;
	}
	write_picture(client, argv[5]);
	printf("%d %d\n", client->width, client->height);
	free(client->frameBuffer); /* not the cleanup's */
	rfbClientCleanup(client);
	return 0;
}
