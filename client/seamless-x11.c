#include "client/seamless-x11.h"

#include <X11/Xutil.h>
#include <X11/extensions/Xrandr.h>
#include <X11/extensions/shape.h>
#include <string.h>

#include "common/fault.h"

/* Events handled before other sources of the loop get their turn. */
#define EVENTS_ROUND 256

/* Xlib's handler is one for the process; GDK's gets what is not ours. */
static struct x11 *ours;
static XErrorHandler others;

static int on_x_error(Display *display, XErrorEvent *event)
{
	if (ours && display == ours->display) {
		ours->errors++;
		return 0;
	}
	return others ? others(display, event) : 0;
}

/* ---- the main loop ---- */

struct x_source {
	GSource source;
	struct x11 *x11;
	gpointer tag;
};

static gboolean on_prepare(GSource *source, gint *timeout)
{
	struct x11 *x11 = ((struct x_source *)source)->x11;
	*timeout = -1;
	/* what was drawn since goes out; replies may have brought events */
	XFlush(x11->display);
	return XEventsQueued(x11->display, QueuedAlready) > 0;
}

static gboolean on_check(GSource *source)
{
	struct x_source *self = (struct x_source *)source;
	return g_source_query_unix_fd(source, self->tag) ||
	       XEventsQueued(self->x11->display, QueuedAlready) > 0;
}

static gboolean on_dispatch(GSource *source, GSourceFunc callback,
			    gpointer data)
{
	struct x11 *x11 = ((struct x_source *)source)->x11;
	for (int i = 0; i < EVENTS_ROUND && !g_source_is_destroyed(source) &&
			XPending(x11->display);
	     i++) {
		XEvent event;
		XNextEvent(x11->display, &event);
		x11->event(&event, x11->data);
	}
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
    .prepare = on_prepare,
    .check = on_check,
    .dispatch = on_dispatch,
};

static void watch(struct x11 *x11)
{
	x11->source = g_source_new(&source_funcs, sizeof(struct x_source));
	struct x_source *self = (struct x_source *)x11->source;
	self->x11 = x11;
	self->tag = g_source_add_unix_fd(
	    x11->source, ConnectionNumber(x11->display), G_IO_IN | G_IO_HUP);
	/* user input is not to wait behind pixels */
	g_source_set_priority(x11->source, G_PRIORITY_DEFAULT - 10);
	g_source_attach(x11->source, NULL);
}

/* ---- opening ---- */

static gboolean choose_visual(struct x11 *x11)
{
	XVisualInfo wish = {.screen = x11->screen,
			    .depth = 24,
			    .class = TrueColor,
			    .red_mask = 0xff0000,
			    .green_mask = 0xff00,
			    .blue_mask = 0xff};
	int count = 0;
	XVisualInfo *found = XGetVisualInfo(
	    x11->display,
	    VisualScreenMask | VisualDepthMask | VisualClassMask |
		VisualRedMaskMask | VisualGreenMaskMask | VisualBlueMaskMask,
	    &wish, &count);
	if (!found || !count)
		return FALSE;
	x11->visual = found[0].visual;
	for (int i = 0; i < count; i++)
		if (found[i].visual == DefaultVisual(x11->display, x11->screen))
			x11->visual = found[i].visual;
	XFree(found);
	x11->depth = 24;
	x11->colormap = x11->visual == DefaultVisual(x11->display, x11->screen)
			    ? DefaultColormap(x11->display, x11->screen)
			    : XCreateColormap(x11->display, x11->root,
					      x11->visual, AllocNone);
	return TRUE;
}

static void make_gcs(struct x11 *x11)
{
	static const char dots[] = {1, 2}; /* every second pixel */
	Pixmap like =
	    XCreatePixmap(x11->display, x11->root, 1, 1, (unsigned)x11->depth);
	Pixmap stipple =
	    XCreateBitmapFromData(x11->display, x11->root, dots, 2, 2);
	XGCValues values = {.graphics_exposures = False,
			    .foreground = 0xdddddd,
			    .fill_style = FillStippled,
			    .stipple = stipple};
	x11->copy = XCreateGC(x11->display, like, GCGraphicsExposures, &values);
	x11->fill = XCreateGC(x11->display, like,
			      GCGraphicsExposures | GCForeground, &values);
	x11->dim = XCreateGC(x11->display, like,
			     GCGraphicsExposures | GCForeground | GCFillStyle |
				 GCStipple,
			     &values);
	XFreePixmap(x11->display, stipple);
	XFreePixmap(x11->display, like);
}

struct x11 *x11_open(void (*event)(XEvent *event, void *data), void *data,
		     GError **error)
{
	static const char *const names[] = {
#define X(name) #name,
	    X11_ATOMS(X)
#undef X
	};
	struct x11 *x11 = g_new0(struct x11, 1);
	int first_error;
	x11->display = XOpenDisplay(NULL);
	if (!x11->display) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Start it in a graphical session with X or XWayland.",
			  "Windows of a desktop need an X server, and none "
			  "answers at '%s'",
			  XDisplayName(NULL));
		g_free(x11);
		return NULL;
	}
	x11->screen = DefaultScreen(x11->display);
	x11->root = RootWindow(x11->display, x11->screen);
	x11->event = event;
	x11->data = data;
	if (!choose_visual(x11)) {
		fault_set(error, FAULT_UNAVAILABLE,
			  "Use a screen of 24 bits a pixel.",
			  "This screen has no true colours");
		XCloseDisplay(x11->display);
		g_free(x11);
		return NULL;
	}
	ours = x11;
	XErrorHandler before = XSetErrorHandler(on_x_error);
	if (before != on_x_error)
		others = before;
	XInternAtoms(x11->display, (char **)names, X11_ATOM_COUNT, False,
		     x11->atoms);
	make_gcs(x11);
	int shape_event;
	x11->shape =
	    XShapeQueryExtension(x11->display, &shape_event, &first_error);
	if (!XRRQueryExtension(x11->display, &x11->randr_event, &first_error))
		x11->randr_event = -1;
	else
		XRRSelectInput(x11->display, x11->root,
			       RRScreenChangeNotifyMask);
	XSelectInput(x11->display, x11->root,
		     PropertyChangeMask | StructureNotifyMask);
	watch(x11);
	return x11;
}

void x11_close(struct x11 *x11)
{
	if (!x11)
		return;
	g_source_destroy(x11->source);
	g_source_unref(x11->source);
	XFreeGC(x11->display, x11->copy);
	XFreeGC(x11->display, x11->fill);
	XFreeGC(x11->display, x11->dim);
	XSync(x11->display, False); /* late errors find us still there */
	XCloseDisplay(x11->display);
	ours = NULL;
	g_free(x11);
}

/* ---- properties ---- */

unsigned x11_get(struct x11 *x11, Window window, enum x11_atom name, Atom type,
		 unsigned long *items, unsigned max)
{
	Atom got;
	int format;
	unsigned long count = 0, rest;
	unsigned char *value = NULL;
	if (XGetWindowProperty(x11->display, window, x11->atoms[name], 0, max,
			       False, type ? type : AnyPropertyType, &got,
			       &format, &count, &rest, &value) != Success ||
	    format != 32)
		count = 0;
	count = MIN(count, max);
	for (unsigned long i = 0; i < count; i++)
		items[i] = ((unsigned long *)value)[i];
	if (value)
		XFree(value);
	return (unsigned)count;
}

void x11_set(struct x11 *x11, Window window, enum x11_atom name, Atom type,
	     const unsigned long *items, unsigned count)
{
	XChangeProperty(x11->display, window, x11->atoms[name], type, 32,
			PropModeReplace, (const unsigned char *)items,
			(int)count);
}

void x11_set_text(struct x11 *x11, Window window, enum x11_atom name,
		  const char *text, gsize length)
{
	XChangeProperty(x11->display, window, x11->atoms[name],
			x11->atoms[ATOM_UTF8_STRING], 8, PropModeReplace,
			(const unsigned char *)text, (int)length);
}

void x11_ask(struct x11 *x11, Window window, enum x11_atom type,
	     const long items[5])
{
	XEvent event = {.xclient = {.type = ClientMessage,
				    .window = window,
				    .message_type = x11->atoms[type],
				    .format = 32}};
	memcpy(event.xclient.data.l, items, sizeof event.xclient.data.l);
	XSendEvent(x11->display, x11->root, False,
		   SubstructureRedirectMask | SubstructureNotifyMask, &event);
}
