/* x-startup - what a desktop hears of programs that are being started.
 *
 * Prints each message of the Startup Notification protocol
 * (freedesktop.org, version 0.1: pieces of 20 bytes in client messages to the
 * root) as a line, as soon as it is whole. */
#include <X11/Xlib.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	Display *display = XOpenDisplay(NULL);
	if (!display)
		return 1;
	Atom begin = XInternAtom(display, "_NET_STARTUP_INFO_BEGIN", False);
	Atom more = XInternAtom(display, "_NET_STARTUP_INFO", False);
	g_autoptr(GString) text = g_string_new(NULL);
	XSelectInput(display, DefaultRootWindow(display), PropertyChangeMask);
	printf("ready\n");
	fflush(stdout);
	while (true) {
		XEvent event;
		XNextEvent(display, &event);
		if (event.type != ClientMessage ||
		    (event.xclient.message_type != begin &&
		     event.xclient.message_type != more))
			continue;
		if (event.xclient.message_type == begin)
			g_string_truncate(text, 0);
		const char *piece = event.xclient.data.b;
		gsize size = strnlen(piece, 20);
		g_string_append_len(text, piece, (gssize)size);
		if (size == 20)
			continue;
		printf("%s\n", text->str);
		fflush(stdout);
	}
}
