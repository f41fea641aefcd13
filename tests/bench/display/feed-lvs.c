/* display-feed-lvs - libvncserver's own encoders fed with a recording.
 *
 *   display-feed-lvs ADDRESS PORT RECORDING TRUTH
 *
 * The peer as it is usually embedded: its event loop in the background, one
 * thread per viewer, a wait of 1 ms before an update. "replay exact|whole" on
 * stdin is answered "done"; then "played". The player's threads are named
 * feeder and unpack. */
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <rfb/rfb.h>

#include "tests/bench/display/replay.h"

static struct replay *replay;
static rfbScreenInfoPtr screen;
static GMainLoop *loop;

static void on_show(void *data, const struct recording_rect *rects,
		    unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		rfbMarkRectAsModified(screen, rects[i].x, rects[i].y,
				      rects[i].x + rects[i].w,
				      rects[i].y + rects[i].h);
}

static void on_key(rfbBool down, rfbKeySym symbol, rfbClientPtr client)
{
	if (down)
		replay_key(replay);
}

static void on_ended(void *data)
{
	puts("played");
	fflush(stdout);
}

static gboolean on_command(GIOChannel *channel, GIOCondition condition,
			   gpointer data)
{
	g_autofree char *line = NULL;
	if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) !=
	    G_IO_STATUS_NORMAL) {
		g_main_loop_quit(loop);
		return G_SOURCE_REMOVE;
	}
	replay_start(replay, 0, strstr(line, "whole") != NULL, on_ended);
	puts("done");
	fflush(stdout);
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	if (argc < 5) {
		fprintf(stderr, "usage: display-feed-lvs ADDRESS PORT "
				"RECORDING TRUTH\n");
		return 2;
	}
	struct recording *recording = recording_open(argv[3], &error);
	if (!recording) {
		fprintf(stderr, "display-feed-lvs: %s\n", error->message);
		return 1;
	}
	const struct recording_header *header = recording_header(recording);
	rfbLogEnable(FALSE);
	screen = rfbGetScreen(NULL, NULL, (int)header->width,
			      (int)header->height, 8, 3, 4);
	replay = replay_new(recording, argv[4], -1, on_show, NULL);
	screen->frameBuffer = (char *)replay_pixels(replay);
	screen->serverFormat.redShift = 16;
	screen->serverFormat.greenShift = 8;
	screen->serverFormat.blueShift = 0;
	screen->serverFormat.depth = 24;
	screen->alwaysShared = TRUE;
	/* so that the rectangles of a frame leave together */
	screen->deferUpdateTime = 1;
	screen->cursor = NULL;
	screen->kbdAddEvent = on_key;
	screen->port = atoi(argv[2]);
	screen->ipv6port = -1;
	if (!rfbStringToAddr(argv[1], &screen->listenInterface))
		return 1;
	rfbInitServer(screen);
	rfbRunEventLoop(screen, -1, TRUE);
	prctl(PR_SET_NAME, "feeder"); /* not the viewers' threads */
	loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GIOChannel) in = g_io_channel_unix_new(0);
	g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_command, NULL);
	puts("listening");
	fflush(stdout);
	g_main_loop_run(loop);
	return 0;
}
