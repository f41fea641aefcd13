/* x-toy - an X application made of nothing but windows, for tests.
 *
 * Draws seeded noise, so that every misplaced pixel shows. Commands come as
 * lines on stdin, "done" or "unknown" answers each once the X server has
 * carried it out; what the window manager does goes to stdout as lines
 * "configure NAME X Y W H", "client NAME ATOM L0 L1", "focus NAME IN",
 * "button NAME N DOWN X Y", "key NAME CODE DOWN", "unmap NAME", "map NAME".
 *
 * A NAME is any word. Windows obey WM_DELETE_WINDOW by closing. */
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/extensions/shape.h>
#include <X11/extensions/sync.h>
#include <glib-unix.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "window NAME X Y W H [deep] [sync] [nodelete]   a mapped toplevel\n"
    "popup NAME PARENT|- X Y W H [TYPE]  override-redirect, root coordinates\n"
    "many N W H                 windows many-0 ...\n"
    "draw NAME SEED [X Y W H]   noise\n"
    "move NAME X Y | resize NAME W H | unmap NAME | map NAME | raise NAME\n"
    "destroy NAME | withdraw NAME | iconify NAME | bell\n"
    "title NAME TEXT... | rawtitle NAME HEX | class NAME INSTANCE CLASS\n"
    "sizes NAME MINW MINH MAXW MAXH BASEW BASEH STEPW STEPH\n"
    "input NAME 0|1 TAKE        WM_HINTS.input and WM_TAKE_FOCUS\n"
    "urgent NAME 0|1 | transient NAME OTHER | type NAME TYPE\n"
    "state NAME 0|1|2 STATE     a request to the window manager\n"
    "preset NAME STATE          _NET_WM_STATE itself, before mapping\n"
    "activate NAME | moveresize NAME DIRECTION BUTTON\n"
    "icon NAME W H | shape NAME X Y W H | opacity NAME HEX | junk NAME\n"
    "grab NAME 0|1              the pointer, as a menu does\n"
    "where NAME                 position on the root, size\n"
    "quit\n";

struct toy {
	char *name;
	Window window;
	int width, height;
	unsigned seed;
	int depth;
	XSyncCounter counter;
	long long awaited;
	GC gc;
};

static Display *display;
static Window root;
static GHashTable *toys; /* name -> toy */
static GMainLoop *loop;

static Atom atom(const char *name)
{
	return XInternAtom(display, name, False);
}

static int on_x_error(Display *d, XErrorEvent *event)
{
	return 0;
}

static struct toy *toy_of(Window window)
{
	GHashTableIter iter;
	gpointer value;
	g_hash_table_iter_init(&iter, toys);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		if (((struct toy *)value)->window == window)
			return value;
	return NULL;
}

static void draw(struct toy *toy, int x, int y, int w, int h)
{
	GRand *rand = g_rand_new_with_seed(toy->seed + (unsigned)(x * 7 + y));
	size_t n = (size_t)w * (size_t)h;
	if (w < 1 || h < 1 || n > 64u << 20)
		return;
	uint32_t *pixels = malloc(n * 4);
	/* a new number for every 16th pixel is noise enough */
	uint32_t value = 0;
	for (size_t i = 0; i < n; i++) {
		if (i % 16 == 0)
			value = g_rand_int(rand);
		pixels[i] = (value ^ (uint32_t)(i * 2654435761u)) | 0xff000000u;
	}
	XWindowAttributes attributes;
	if (XGetWindowAttributes(display, toy->window, &attributes)) {
		XImage *image = XCreateImage(
		    display, attributes.visual, (unsigned)toy->depth, ZPixmap,
		    0, (char *)pixels, (unsigned)w, (unsigned)h, 32, 0);
		if (image) {
			XPutImage(display, toy->window, toy->gc, image, 0, 0, x,
				  y, (unsigned)w, (unsigned)h);
			image->data = NULL;
			XDestroyImage(image);
		}
	}
	free(pixels);
	g_rand_free(rand);
}

static void toy_free(void *data)
{
	struct toy *toy = data;
	XDestroyWindow(display, toy->window);
	XFreeGC(display, toy->gc);
	if (toy->counter)
		XSyncDestroyCounter(display, toy->counter);
	g_free(toy->name);
	g_free(toy);
}

static bool flagged(char **argv, int from, const char *flag)
{
	for (int i = from; argv[i]; i++)
		if (strcmp(argv[i], flag) == 0)
			return true;
	return false;
}

static struct toy *make(const char *name, int x, int y, int w, int h,
			bool popup, char **flags)
{
	struct toy *toy = g_new0(struct toy, 1);
	XVisualInfo visual = {
	    .visual = DefaultVisual(display, DefaultScreen(display)),
	    .depth = DefaultDepth(display, DefaultScreen(display))};
	if (flagged(flags, 0, "deep"))
		XMatchVisualInfo(display, DefaultScreen(display), 32, TrueColor,
				 &visual);
	XSetWindowAttributes attributes = {
	    .override_redirect = popup,
	    .border_pixel = 0,
	    .background_pixel = 0xff808080,
	    .colormap =
		XCreateColormap(display, root, visual.visual, AllocNone),
	    .event_mask = ExposureMask | StructureNotifyMask | FocusChangeMask |
			  ButtonPressMask | ButtonReleaseMask | KeyPressMask |
			  KeyReleaseMask};
	toy->name = g_strdup(name);
	toy->width = w;
	toy->height = h;
	toy->depth = visual.depth;
	toy->seed = g_str_hash(name);
	toy->window =
	    XCreateWindow(display, root, x, y, (unsigned)w, (unsigned)h, 0,
			  visual.depth, InputOutput, visual.visual,
			  CWOverrideRedirect | CWBorderPixel | CWBackPixel |
			      CWColormap | CWEventMask,
			  &attributes);
	toy->gc = XCreateGC(display, toy->window, 0, NULL);
	Atom protocols[2];
	int n = 0;
	if (!flagged(flags, 0, "nodelete"))
		protocols[n++] = atom("WM_DELETE_WINDOW");
	if (flagged(flags, 0, "sync")) {
		XSyncValue zero;
		XSyncIntToValue(&zero, 0);
		toy->counter = XSyncCreateCounter(display, zero);
		protocols[n++] = atom("_NET_WM_SYNC_REQUEST");
		long counter = (long)toy->counter;
		XChangeProperty(display, toy->window,
				atom("_NET_WM_SYNC_REQUEST_COUNTER"),
				XA_CARDINAL, 32, PropModeReplace,
				(unsigned char *)&counter, 1);
	}
	if (!popup) {
		XSetWMProtocols(display, toy->window, protocols, n);
		XStoreName(display, toy->window, name);
	}
	g_hash_table_replace(toys, toy->name, toy);
	return toy;
}

static void on_message(struct toy *toy, const XClientMessageEvent *event)
{
	const long *l = event->data.l;
	char *name =
	    XGetAtomName(display, event->message_type == atom("WM_PROTOCOLS")
				      ? (Atom)l[0]
				      : event->message_type);
	printf("client %s %s %ld %ld\n", toy->name, name ? name : "?", l[1],
	       l[2]);
	if (name && strcmp(name, "WM_DELETE_WINDOW") == 0)
		g_hash_table_remove(toys, toy->name);
	else if (name && strcmp(name, "_NET_WM_SYNC_REQUEST") == 0)
		toy->awaited = (long long)l[3] << 32 | (l[2] & 0xffffffff);
	XFree(name);
}

static void on_configure(struct toy *toy, const XConfigureEvent *event)
{
	toy->width = event->width;
	toy->height = event->height;
	printf("configure %s %d %d %d %d\n", toy->name, event->x, event->y,
	       event->width, event->height);
	if (!toy->counter || !toy->awaited)
		return;
	draw(toy, 0, 0, toy->width, toy->height);
	XSyncValue value;
	XSyncIntsToValue(&value, (unsigned)(toy->awaited & 0xffffffff),
			 (int)(toy->awaited >> 32));
	XSyncSetCounter(display, toy->counter, value);
	toy->awaited = 0;
}

static void on_event(XEvent *event)
{
	struct toy *toy = toy_of(event->xany.window);
	if (!toy)
		return;
	switch (event->type) {
	case Expose:
		if (event->xexpose.count == 0)
			draw(toy, 0, 0, toy->width, toy->height);
		break;
	case ConfigureNotify:
		on_configure(toy, &event->xconfigure);
		break;
	case ClientMessage:
		on_message(toy, &event->xclient);
		break;
	case FocusIn:
	case FocusOut:
		printf("focus %s %d\n", toy->name, event->type == FocusIn);
		break;
	case ButtonPress:
	case ButtonRelease:
		printf("button %s %u %d %d %d\n", toy->name,
		       event->xbutton.button, event->type == ButtonPress,
		       event->xbutton.x, event->xbutton.y);
		break;
	case KeyPress:
	case KeyRelease:
		printf("key %s %u %d\n", toy->name, event->xkey.keycode,
		       event->type == KeyPress);
		break;
	case MapNotify:
	case UnmapNotify:
		printf("%s %s\n", event->type == MapNotify ? "map" : "unmap",
		       toy->name);
		break;
	}
}

static gboolean on_x(int fd, GIOCondition condition, gpointer data)
{
	while (XPending(display)) {
		XEvent event;
		XNextEvent(display, &event);
		on_event(&event);
	}
	XFlush(display);
	fflush(stdout);
	if (condition & G_IO_HUP)
		g_main_loop_quit(loop);
	return G_SOURCE_CONTINUE;
}

static int arg(char **argv, int i)
{
	for (int k = 0; k <= i; k++)
		if (!argv[k])
			return 0;
	return (int)strtol(argv[i], NULL, 0);
}

static void tell_manager(Window window, const char *type, long a, long b,
			 long c, long d, long e)
{
	XEvent event = {.xclient = {.type = ClientMessage,
				    .window = window,
				    .message_type = atom(type),
				    .format = 32,
				    .data.l = {a, b, c, d, e}}};
	XSendEvent(display, root, False,
		   SubstructureRedirectMask | SubstructureNotifyMask, &event);
}

static void set_longs(Window window, const char *property, Atom type,
		      const long *value, int n)
{
	XChangeProperty(display, window, atom(property), type, 32,
			PropModeReplace, (const unsigned char *)value, n);
}

static void set_icon(struct toy *toy, int w, int h)
{
	size_t n = 2 + (size_t)w * (size_t)h;
	long *value = g_new0(long, n);
	value[0] = w;
	value[1] = h;
	for (size_t i = 2; i < n; i++)
		value[i] = (long)(0x80000000u | i * 77);
	set_longs(toy->window, "_NET_WM_ICON", XA_CARDINAL, value, (int)n);
	g_free(value);
}

/* Everything that a window manager reads, filled with what it must not
 * believe. */
static void set_junk(struct toy *toy)
{
	static const char *properties[] = {"_NET_WM_NAME",
					   "WM_NAME",
					   "WM_CLASS",
					   "WM_HINTS",
					   "WM_NORMAL_HINTS",
					   "WM_TRANSIENT_FOR",
					   "WM_PROTOCOLS",
					   "_NET_WM_ICON",
					   "_NET_WM_WINDOW_TYPE",
					   "_MOTIF_WM_HINTS",
					   "_NET_WM_PID",
					   "_NET_WM_STATE",
					   "_GTK_FRAME_EXTENTS",
					   "WM_WINDOW_ROLE",
					   "_NET_WM_USER_TIME",
					   "_NET_WM_WINDOW_OPACITY",
					   "_NET_WM_SYNC_REQUEST_COUNTER"};
	long junk[64];
	for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
		for (int k = 0; k < 64; k++)
			junk[k] = (long)(g_random_int() | 1u << 31);
		int format = 8 << (g_random_int() % 3);
		XChangeProperty(display, toy->window, atom(properties[i]),
				g_random_int() % 2 ? XA_CARDINAL
						   : atom("UTF8_STRING"),
				format, PropModeReplace, (unsigned char *)junk,
				(int)(g_random_int() % 64));
	}
}

static bool window_command(struct toy *toy, char **argv)
{
	const char *name = argv[0];
	if (strcmp(name, "draw") == 0) {
		toy->seed = (unsigned)arg(argv, 2);
		bool part = arg(argv, 5) > 0;
		draw(toy, part ? arg(argv, 3) : 0, part ? arg(argv, 4) : 0,
		     part ? arg(argv, 5) : toy->width,
		     part ? arg(argv, 6) : toy->height);
	} else if (strcmp(name, "move") == 0) {
		XMoveWindow(display, toy->window, arg(argv, 2), arg(argv, 3));
	} else if (strcmp(name, "resize") == 0) {
		XResizeWindow(display, toy->window, (unsigned)arg(argv, 2),
			      (unsigned)arg(argv, 3));
	} else if (strcmp(name, "unmap") == 0) {
		XUnmapWindow(display, toy->window);
	} else if (strcmp(name, "withdraw") == 0) {
		XWithdrawWindow(display, toy->window, DefaultScreen(display));
	} else if (strcmp(name, "iconify") == 0) {
		XIconifyWindow(display, toy->window, DefaultScreen(display));
	} else if (strcmp(name, "map") == 0) {
		XMapWindow(display, toy->window);
	} else if (strcmp(name, "raise") == 0) {
		XRaiseWindow(display, toy->window);
	} else if (strcmp(name, "destroy") == 0) {
		g_hash_table_remove(toys, argv[1]);
	} else if (strcmp(name, "title") == 0) {
		g_autofree char *title = g_strjoinv(" ", argv + 2);
		XChangeProperty(display, toy->window, atom("_NET_WM_NAME"),
				atom("UTF8_STRING"), 8, PropModeReplace,
				(unsigned char *)title, (int)strlen(title));
	} else if (strcmp(name, "rawtitle") == 0 && argv[2]) {
		size_t n = strlen(argv[2]) / 2;
		g_autofree unsigned char *bytes = g_malloc(n + 1);
		for (size_t i = 0; i < n; i++)
			bytes[i] =
			    (unsigned char)(g_ascii_xdigit_value(argv[2][2 * i])
						<< 4 |
					    g_ascii_xdigit_value(
						argv[2][2 * i + 1]));
		XChangeProperty(display, toy->window, atom("_NET_WM_NAME"),
				atom("UTF8_STRING"), 8, PropModeReplace, bytes,
				(int)n);
	} else if (strcmp(name, "class") == 0 && argv[2] && argv[3]) {
		XClassHint hint = {argv[2], argv[3]};
		XSetClassHint(display, toy->window, &hint);
	} else if (strcmp(name, "sizes") == 0) {
		XSizeHints hints = {.flags = PMinSize | PMaxSize | PBaseSize |
					     PResizeInc,
				    .min_width = arg(argv, 2),
				    .min_height = arg(argv, 3),
				    .max_width = arg(argv, 4),
				    .max_height = arg(argv, 5),
				    .base_width = arg(argv, 6),
				    .base_height = arg(argv, 7),
				    .width_inc = arg(argv, 8),
				    .height_inc = arg(argv, 9)};
		XSetWMNormalHints(display, toy->window, &hints);
	} else if (strcmp(name, "input") == 0) {
		XWMHints hints = {.flags = InputHint, .input = arg(argv, 2)};
		Atom protocols[] = {atom("WM_DELETE_WINDOW"),
				    atom("WM_TAKE_FOCUS")};
		XSetWMHints(display, toy->window, &hints);
		XSetWMProtocols(display, toy->window, protocols,
				arg(argv, 3) ? 2 : 1);
	} else if (strcmp(name, "urgent") == 0) {
		XWMHints hints = {.flags = InputHint |
					   (arg(argv, 2) ? XUrgencyHint : 0),
				  .input = True};
		XSetWMHints(display, toy->window, &hints);
	} else if (strcmp(name, "transient") == 0 && argv[2]) {
		struct toy *other = g_hash_table_lookup(toys, argv[2]);
		if (other)
			XSetTransientForHint(display, toy->window,
					     other->window);
	} else if (strcmp(name, "type") == 0 && argv[2]) {
		long value = (long)atom(argv[2]);
		set_longs(toy->window, "_NET_WM_WINDOW_TYPE", XA_ATOM, &value,
			  1);
	} else if (strcmp(name, "preset") == 0 && argv[2]) {
		long value = (long)atom(argv[2]);
		set_longs(toy->window, "_NET_WM_STATE", XA_ATOM, &value, 1);
	} else if (strcmp(name, "state") == 0 && argv[2] && argv[3]) {
		tell_manager(toy->window, "_NET_WM_STATE", arg(argv, 2),
			     (long)atom(argv[3]),
			     argv[4] ? (long)atom(argv[4]) : 0, 1, 0);
	} else if (strcmp(name, "activate") == 0) {
		tell_manager(toy->window, "_NET_ACTIVE_WINDOW", 1, 0, 0, 0, 0);
	} else if (strcmp(name, "moveresize") == 0) {
		tell_manager(toy->window, "_NET_WM_MOVERESIZE", 10, 10,
			     arg(argv, 2), arg(argv, 3), 1);
	} else if (strcmp(name, "icon") == 0) {
		set_icon(toy, arg(argv, 2), arg(argv, 3));
	} else if (strcmp(name, "shape") == 0) {
		XRectangle r = {(short)arg(argv, 2), (short)arg(argv, 3),
				(unsigned short)arg(argv, 4),
				(unsigned short)arg(argv, 5)};
		XShapeCombineRectangles(display, toy->window, ShapeBounding, 0,
					0, &r, 1, ShapeSet, 0);
	} else if (strcmp(name, "opacity") == 0 && argv[2]) {
		long value = (long)strtoul(argv[2], NULL, 16);
		set_longs(toy->window, "_NET_WM_WINDOW_OPACITY", XA_CARDINAL,
			  &value, 1);
	} else if (strcmp(name, "junk") == 0) {
		set_junk(toy);
	} else if (strcmp(name, "grab") == 0) {
		if (arg(argv, 2))
			XGrabPointer(display, toy->window, True,
				     ButtonPressMask, GrabModeAsync,
				     GrabModeAsync, None, None, CurrentTime);
		else
			XUngrabPointer(display, CurrentTime);
	} else if (strcmp(name, "where") == 0) {
		int x = 0, y = 0;
		Window child;
		XTranslateCoordinates(display, toy->window, root, 0, 0, &x, &y,
				      &child);
		printf("at %s %d %d %d %d\n", toy->name, x, y, toy->width,
		       toy->height);
	} else {
		return false;
	}
	return true;
}

static bool command(char **argv)
{
	if (strcmp(argv[0], "quit") == 0) {
		g_main_loop_quit(loop);
		return true;
	}
	if (strcmp(argv[0], "bell") == 0) {
		XBell(display, 0);
		return true;
	}
	if (strcmp(argv[0], "window") == 0 || strcmp(argv[0], "hidden") == 0) {
		struct toy *toy = make(argv[1], arg(argv, 2), arg(argv, 3),
				       arg(argv, 4), arg(argv, 5), false, argv);
		if (*argv[0] == 'w')
			XMapWindow(display, toy->window);
		return true;
	}
	if (strcmp(argv[0], "popup") == 0) {
		struct toy *toy = make(argv[1], arg(argv, 3), arg(argv, 4),
				       arg(argv, 5), arg(argv, 6), true, argv);
		struct toy *parent = g_hash_table_lookup(toys, argv[2]);
		if (parent)
			XSetTransientForHint(display, toy->window,
					     parent->window);
		if (argv[3] && argv[4] && argv[5] && argv[6] && argv[7]) {
			long value = (long)atom(argv[7]);
			set_longs(toy->window, "_NET_WM_WINDOW_TYPE", XA_ATOM,
				  &value, 1);
		}
		XMapRaised(display, toy->window);
		return true;
	}
	if (strcmp(argv[0], "tray") == 0) {
		struct toy *toy = make(argv[1], 0, 0, arg(argv, 2),
				       arg(argv, 3), false, argv);
		Window owner =
		    XGetSelectionOwner(display, atom("_NET_SYSTEM_TRAY_S0"));
		long info[2] = {0, 1};
		set_longs(toy->window, "_XEMBED_INFO", atom("_XEMBED_INFO"),
			  info, 2);
		XEvent event = {
		    .xclient = {.type = ClientMessage,
				.window = owner,
				.message_type = atom("_NET_SYSTEM_TRAY_OPCODE"),
				.format = 32}};
		event.xclient.data.l[2] = (long)toy->window;
		XSendEvent(display, owner, False, NoEventMask, &event);
		return true;
	}
	if (strcmp(argv[0], "many") == 0) {
		for (int i = 0; i < arg(argv, 1); i++) {
			g_autofree char *name = g_strdup_printf("many-%d", i);
			XMapWindow(display,
				   make(name, i * 3, i * 3, arg(argv, 2),
					arg(argv, 3), false, argv)
				       ->window);
		}
		return true;
	}
	struct toy *toy = argv[1] ? g_hash_table_lookup(toys, argv[1]) : NULL;
	return toy && window_command(toy, argv);
}

static gboolean on_command(GIOChannel *channel, GIOCondition condition,
			   gpointer data)
{
	g_autofree char *line = NULL;
	gsize end;
	if (g_io_channel_read_line(channel, &line, NULL, &end, NULL) !=
	    G_IO_STATUS_NORMAL) {
		g_main_loop_quit(loop);
		return G_SOURCE_REMOVE;
	}
	line[end] = 0;
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	bool known =
	    argv[0] && *argv[0] &&
	    (argv[1] || !strcmp(argv[0], "quit") || !strcmp(argv[0], "bell")) &&
	    command(argv);
	XSync(display, False);
	on_x(0, G_IO_IN, NULL);
	puts(known ? "done" : "unknown");
	fflush(stdout);
	return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv)
{
	display = XOpenDisplay(NULL);
	if (!display || argc > 1) {
		fprintf(stderr, "Usage: DISPLAY=:N x-toy\n%s", help);
		return 2;
	}
	XSetErrorHandler(on_x_error);
	int event, error;
	XSyncQueryExtension(display, &event, &error);
	XSyncInitialize(display, &event, &error);
	root = DefaultRootWindow(display);
	toys = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, toy_free);
	loop = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(ConnectionNumber(display), G_IO_IN | G_IO_HUP, on_x,
		      NULL);
	GIOChannel *channel = g_io_channel_unix_new(STDIN_FILENO);
	g_io_channel_set_encoding(channel, NULL, NULL);
	g_io_add_watch(channel, G_IO_IN | G_IO_HUP, on_command, NULL);
	g_main_loop_run(loop);
	return 0;
}
