/* display-feed-x - a recording as an X application, for servers of X screens.
 *
 *   display-feed-x RECORDING TRUTH
 *
 * A window over all of DISPLAY that shows frames by XShmPutImage and answers
 * key presses with the recording's key mark. "replay exact|whole" on stdin is
 * answered "done"; then "played". */
#include <X11/Xlib.h>
#include <X11/extensions/XShm.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "tests/bench/display/replay.h"

static struct {
	Display *display;
	Window window;
	GC gc;
	XImage *image;
	XShmSegmentInfo shm;
	struct replay *replay;
	GMainLoop *loop;
} self;

static void on_ended(void *data)
{
	puts("played");
	fflush(stdout);
}

static void take_events(void)
{
	while (XPending(self.display)) {
		XEvent event;
		XNextEvent(self.display, &event);
		if (event.type == KeyPress)
			replay_key(self.replay);
		else if (event.type == Expose)
			XShmPutImage(self.display, self.window, self.gc,
				     self.image, 0, 0, 0, 0,
				     (unsigned)self.image->width,
				     (unsigned)self.image->height, False);
	}
	XFlush(self.display);
}

static gboolean on_queued(gpointer data)
{
	take_events();
	return G_SOURCE_REMOVE;
}

static void on_show(void *data, const struct recording_rect *rects,
		    unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		XShmPutImage(self.display, self.window, self.gc, self.image,
			     rects[i].x, rects[i].y, rects[i].x, rects[i].y,
			     rects[i].w, rects[i].h, False);
	XFlush(self.display);
	/* what came while that waited no descriptor tells of any more */
	if (XEventsQueued(self.display, QueuedAlready))
		g_idle_add(on_queued, NULL);
}

static gboolean on_x(int fd, GIOCondition condition, gpointer data)
{
	take_events();
	return G_SOURCE_CONTINUE;
}

static gboolean on_command(GIOChannel *channel, GIOCondition condition,
			   gpointer data)
{
	g_autofree char *line = NULL;
	if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) !=
	    G_IO_STATUS_NORMAL) {
		g_main_loop_quit(self.loop);
		return G_SOURCE_REMOVE;
	}
	replay_start(self.replay, 0, strstr(line, "whole") != NULL, on_ended);
	puts("done");
	fflush(stdout);
	return G_SOURCE_CONTINUE;
}

static void show_window(unsigned width, unsigned height)
{
	int screen = DefaultScreen(self.display);
	XSetWindowAttributes wish = {
	    .override_redirect = True,
	    .event_mask = KeyPressMask | ExposureMask,
	    .background_pixmap = None,
	};
	self.window = XCreateWindow(
	    self.display, RootWindow(self.display, screen), 0, 0, width, height,
	    0, 24, InputOutput, DefaultVisual(self.display, screen),
	    CWOverrideRedirect | CWEventMask | CWBackPixmap, &wish);
	self.gc = XCreateGC(self.display, self.window, 0, NULL);
	XMapRaised(self.display, self.window);
	XEvent event;
	XWindowEvent(self.display, self.window, ExposureMask, &event);
	XPutBackEvent(self.display, &event);
	XAutoRepeatOff(self.display);
	XSetInputFocus(self.display, self.window, RevertToPointerRoot,
		       CurrentTime);
	/* the pointer's picture is not part of the recording */
	XWarpPointer(self.display, None, self.window, 0, 0, 0, 0,
		     (int)width - 1, (int)height / 2);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct recording *recording =
	    argc > 2 ? recording_open(argv[1], &error) : NULL;
	self.display = recording ? XOpenDisplay(NULL) : NULL;
	if (!self.display) {
		fprintf(stderr, "display-feed-x: %s\n",
			error ? error->message
			      : "usage: display-feed-x RECORDING TRUTH, "
				"with an X screen at DISPLAY");
		return 1;
	}
	const struct recording_header *header = recording_header(recording);
	self.image = XShmCreateImage(
	    self.display, DefaultVisual(self.display, 0), 24, ZPixmap, NULL,
	    &self.shm, header->width, header->height);
	self.shm.shmid =
	    shmget(IPC_PRIVATE, (size_t)header->width * header->height * 4,
		   IPC_CREAT | 0600);
	self.shm.shmaddr = self.image->data = shmat(self.shm.shmid, NULL, 0);
	if (self.shm.shmid < 0 || self.shm.shmaddr == (char *)-1 ||
	    self.image->bytes_per_line != (int)header->width * 4) {
		fprintf(stderr, "display-feed-x: no shared memory for a "
				"picture of 32 bits a pixel\n");
		return 1;
	}
	self.replay =
	    replay_new(recording, argv[2], self.shm.shmid, on_show, NULL);
	XShmAttach(self.display, &self.shm);
	XSync(self.display, False);
	show_window(header->width, header->height);
	take_events();
	XSync(self.display, False);
	self.loop = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(ConnectionNumber(self.display), G_IO_IN, on_x, NULL);
	g_autoptr(GIOChannel) in = g_io_channel_unix_new(0);
	g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_command, NULL);
	puts("listening");
	fflush(stdout);
	g_main_loop_run(self.loop);
	shmctl(self.shm.shmid, IPC_RMID, NULL);
	return 0;
}
