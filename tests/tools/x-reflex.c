/* x-reflex - how long an X screen takes, for benches.
 *
 *   x-reflex app TITLE          a window whose square changes its colour at
 *                               every key press
 *   x-reflex keys WINDOW N      presses a key N times, and tells for each the
 *                               microseconds until WINDOW's square has changed
 *   x-reflex first TITLE        waits for a window of that title with pixels
 *                               of more than one colour; tells the time of
 *                               the monotonic clock then, in microseconds
 *   x-reflex count N            the same, for N managed windows, no more, no
 * less
 *
 * What it looks at is polled by itself, some ten times a millisecond, so that
 * no protocol but X's own is in the figures. */
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/XTest.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SQUARE_AT   20
#define SQUARE_SIDE 24
#define PATIENCE_US (20 * G_USEC_PER_SEC)
#define POLL_US     100

static Display *display;

static int ignore_error(Display *of, XErrorEvent *event)
{
	return 0; /* windows come and go while they are looked at */
}

static void app(const char *title)
{
	const unsigned long colours[] = {0xcc3030, 0x3030cc};
	unsigned long presses = 0;
	int screen = DefaultScreen(display);
	Window window =
	    XCreateSimpleWindow(display, DefaultRootWindow(display), 60, 60,
				400, 300, 0, 0, WhitePixel(display, screen));
	GC gc = XCreateGC(display, window, 0, NULL);
	XStoreName(display, window, title);
	XSelectInput(display, window, KeyPressMask | ExposureMask);
	XMapWindow(display, window);
	for (;;) {
		XEvent event;
		XNextEvent(display, &event);
		presses += event.type == KeyPress;
		XSetForeground(display, gc, colours[presses % 2]);
		XFillRectangle(display, window, gc, SQUARE_AT, SQUARE_AT,
			       SQUARE_SIDE, SQUARE_SIDE);
		XFlush(display);
	}
}

static bool pixel_of(Window window, int x, int y, unsigned long *pixel)
{
	XImage *image =
	    XGetImage(display, window, x, y, 1, 1, AllPlanes, ZPixmap);
	if (!image)
		return false;
	*pixel = XGetPixel(image, 0, 0) & 0xffffff;
	XDestroyImage(image);
	return true;
}

static int keys(Window window, int rounds)
{
	int at = SQUARE_AT + SQUARE_SIDE / 2;
	KeyCode key = XKeysymToKeycode(display, XK_a);
	XSetInputFocus(display, window, RevertToParent, CurrentTime);
	XSync(display, False);
	g_usleep(300 * 1000);
	for (int i = 0; i < rounds; i++) {
		unsigned long before = 0, now = 0;
		if (!pixel_of(window, at, at, &before))
			return 1;
		gint64 begun = g_get_monotonic_time();
		XTestFakeKeyEvent(display, key, True, CurrentTime);
		XFlush(display);
		do {
			g_usleep(POLL_US);
			if (!pixel_of(window, at, at, &now) ||
			    g_get_monotonic_time() - begun > PATIENCE_US)
				return 1;
		} while (now == before);
		printf("%" G_GINT64_FORMAT "\n",
		       g_get_monotonic_time() - begun);
		fflush(stdout);
		XTestFakeKeyEvent(display, key, False, CurrentTime);
		XFlush(display);
		g_usleep((gulong)(40 + i * 7 % 30) * 1000);
	}
	return 0;
}

static unsigned long managed(Window **windows)
{
	Atom type;
	int format;
	unsigned long count = 0, rest;
	unsigned char *value = NULL;
	Atom list = XInternAtom(display, "_NET_CLIENT_LIST", False);
	XGetWindowProperty(display, DefaultRootWindow(display), list, 0, 4096,
			   False, XA_WINDOW, &type, &format, &count, &rest,
			   &value);
	*windows = (Window *)value;
	return value ? count : 0;
}

static bool has_title(Window window, const char *title)
{
	char *name = NULL;
	bool same = XFetchName(display, window, &name) && name &&
		    strcmp(name, title) == 0;
	if (name)
		XFree(name);
	return same;
}

static bool has_picture(Window window)
{
	XWindowAttributes a;
	if (!XGetWindowAttributes(display, window, &a) ||
	    a.map_state != IsViewable)
		return false;
	XImage *image = XGetImage(display, window, 0, 0, (unsigned)a.width,
				  (unsigned)a.height, AllPlanes, ZPixmap);
	bool more = false;
	for (int i = 1; image && i < a.width * a.height && !more; i++)
		more = XGetPixel(image, i % a.width, i / a.width) !=
		       XGetPixel(image, 0, 0);
	if (image)
		XDestroyImage(image);
	return more;
}

static bool is_there(const char *title, unsigned long wanted)
{
	Window *windows;
	unsigned long count = managed(&windows);
	bool there = !title && count == wanted;
	for (unsigned long i = 0; title && i < count && !there; i++)
		there = has_title(windows[i], title) && has_picture(windows[i]);
	if (windows)
		XFree(windows);
	return there;
}

static int wait_for(const char *title, unsigned long wanted)
{
	gint64 end = g_get_monotonic_time() + PATIENCE_US;
	while (!is_there(title, wanted)) {
		if (g_get_monotonic_time() > end)
			return 1;
		g_usleep(POLL_US * 10);
	}
	printf("%" G_GINT64_FORMAT "\n", g_get_monotonic_time());
	return 0;
}

int main(int argc, char **argv)
{
	display = XOpenDisplay(NULL);
	if (!display || argc < 3) {
		fprintf(stderr, "usage: x-reflex app TITLE | keys WINDOW N | "
				"first TITLE | count N\n");
		return 2;
	}
	XSetErrorHandler(ignore_error);
	if (strcmp(argv[1], "app") == 0)
		app(argv[2]);
	if (strcmp(argv[1], "keys") == 0 && argc > 3)
		return keys(strtoul(argv[2], NULL, 0), atoi(argv[3]));
	if (strcmp(argv[1], "first") == 0)
		return wait_for(argv[2], 0);
	return wait_for(NULL, strtoul(argv[2], NULL, 10));
}
