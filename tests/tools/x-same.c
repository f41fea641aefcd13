/* x-same - since when two X screens show the same windows.
 *
 *   x-same DISPLAY N    waits until the N managed windows of $DISPLAY and
 *                       those of DISPLAY are the same by title: place and size
 *                       of their contents, states, iconic or not; and have
 *                       been so for 400 ms. Tells the time of the monotonic
 *                       clock at which that began, in microseconds.
 *
 * One process asks both screens, so that only X's own time is in it. Ends
 * with 1 and the difference on stderr where they are not the same within
 * 20 s. */
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STILL_US    (400 * 1000)
#define PATIENCE_US (20 * G_USEC_PER_SEC)
#define WINDOWS_MAX 64

static const char *const state_names[] = {
    "_NET_WM_STATE_MAXIMIZED_VERT", "_NET_WM_STATE_MAXIMIZED_HORZ",
    "_NET_WM_STATE_FULLSCREEN",     "_NET_WM_STATE_ABOVE",
    "_NET_WM_STATE_BELOW",
};
#define STATES G_N_ELEMENTS(state_names)
#define ICONIC (1u << STATES)

struct shown {
	char title[64];
	int x, y;
	unsigned width, height, states;
};

struct screen {
	Display *display;
	Atom list, state, wm_state, states[STATES];
	struct shown windows[WINDOWS_MAX];
	unsigned count;
};

static int ignore_error(Display *of, XErrorEvent *event)
{
	return 0; /* windows come and go while they are looked at */
}

static bool open_screen(struct screen *self, const char *name)
{
	self->display = XOpenDisplay(name);
	if (!self->display)
		return false;
	self->list = XInternAtom(self->display, "_NET_CLIENT_LIST", False);
	self->state = XInternAtom(self->display, "_NET_WM_STATE", False);
	self->wm_state = XInternAtom(self->display, "WM_STATE", False);
	for (size_t i = 0; i < STATES; i++)
		self->states[i] =
		    XInternAtom(self->display, state_names[i], False);
	return true;
}

static unsigned long get(struct screen *self, Window window, Atom atom,
			 unsigned long *items, unsigned long most)
{
	Atom type;
	int format;
	unsigned long count = 0, rest;
	unsigned char *value = NULL;
	if (XGetWindowProperty(self->display, window, atom, 0, (long)most,
			       False, AnyPropertyType, &type, &format, &count,
			       &rest, &value) != Success ||
	    format != 32)
		count = 0;
	count = MIN(count, most);
	if (count)
		memcpy(items, value, count * sizeof *items);
	if (value)
		XFree(value);
	return count;
}

static bool look_at(struct screen *self, Window window, struct shown *shown)
{
	Display *display = self->display;
	Window root = DefaultRootWindow(display), child;
	char *title = NULL;
	int x, y;
	unsigned border, depth;
	unsigned long items[32];
	*shown = (struct shown){0};
	if (!XFetchName(display, window, &title) || !title)
		return false;
	g_strlcpy(shown->title, title, sizeof shown->title);
	XFree(title);
	if (!XGetGeometry(display, window, &root, &x, &y, &shown->width,
			  &shown->height, &border, &depth) ||
	    !XTranslateCoordinates(display, window, root, 0, 0, &shown->x,
				   &shown->y, &child))
		return false;
	unsigned long n = get(self, window, self->state, items, 32);
	for (unsigned long i = 0; i < n; i++)
		for (size_t k = 0; k < STATES; k++)
			if (items[i] == self->states[k])
				shown->states |= 1u << k;
	if (get(self, window, self->wm_state, items, 2) &&
	    items[0] == IconicState)
		shown->states |= ICONIC;
	return true;
}

static int by_title(const void *a, const void *b)
{
	return strcmp(((const struct shown *)a)->title,
		      ((const struct shown *)b)->title);
}

static void look(struct screen *self)
{
	unsigned long ids[WINDOWS_MAX];
	unsigned long n = get(self, DefaultRootWindow(self->display),
			      self->list, ids, WINDOWS_MAX);
	self->count = 0;
	for (unsigned long i = 0; i < n; i++)
		if (look_at(self, ids[i], &self->windows[self->count]))
			self->count++;
	qsort(self->windows, self->count, sizeof *self->windows, by_title);
}

static bool same(const struct screen *a, const struct screen *b,
		 unsigned wanted)
{
	if (a->count != wanted || b->count != wanted)
		return false;
	for (unsigned i = 0; i < wanted; i++) {
		const struct shown *v = &a->windows[i], *w = &b->windows[i];
		/* where an iconic window is, nobody sees */
		bool place = v->x == w->x && v->y == w->y &&
			     v->width == w->width && v->height == w->height;
		if (strcmp(v->title, w->title) != 0 || v->states != w->states ||
		    (!place && !(v->states & ICONIC)))
			return false;
	}
	return true;
}

static void tell(const struct screen *self)
{
	for (unsigned i = 0; i < self->count; i++) {
		const struct shown *w = &self->windows[i];
		fprintf(stderr, "%s %d,%d %ux%u states %#x\n", w->title, w->x,
			w->y, w->width, w->height, w->states);
	}
}

int main(int argc, char **argv)
{
	static struct screen here, there;
	if (argc != 3 || !open_screen(&here, NULL) ||
	    !open_screen(&there, argv[1])) {
		fprintf(stderr, "usage: x-same DISPLAY N\n");
		return 2;
	}
	XSetErrorHandler(ignore_error);
	unsigned wanted = (unsigned)strtoul(argv[2], NULL, 10);
	gint64 begun = g_get_monotonic_time(), since = 0;
	for (;;) {
		gint64 now = g_get_monotonic_time();
		look(&here);
		look(&there);
		if (!same(&here, &there, wanted))
			since = 0;
		else if (!since)
			since = now;
		else if (now - since > STILL_US)
			break;
		if (!since && now - begun > PATIENCE_US) {
			fprintf(stderr, "%s:\n", XDisplayString(here.display));
			tell(&here);
			fprintf(stderr, "%s:\n", XDisplayString(there.display));
			tell(&there);
			return 1;
		}
		g_usleep(1000);
	}
	printf("%" G_GINT64_FORMAT "\n", since);
	return 0;
}
