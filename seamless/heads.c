/* oriel-heads - keeps a guest's screens as its viewers want them.
 *
 * Runs in the guest's X session. The machine offers a size per screen as the
 * preferred mode of a virtio-gpu output (SetUIInfo on the host's side); a bare
 * window manager does not take it, so this does: every connected output gets
 * its preferred mode, side by side, and an output that is gone goes off. Each
 * screen has a tablet of its own, whose range is the screen's part of the
 * whole. All of it is driven by X events; nothing is polled.
 *
 * With --changed PROGRAM it runs that after every change of the screens and
 * once at the start: to draw the background anew, say.
 * With --ready FILE it also tells the host once that the desktop is up: FILE
 * appears when a panel is mapped and the machine has become idle. */
#include <X11/Xatom.h>
#include <X11/Xlib.h>
#include <X11/extensions/XInput2.h>
#include <X11/extensions/Xrandr.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "seamless/layout.h"
#include "seamless/ready.h"

#define TABLETS_MAX 32

struct tablet {
	int device;
	int head;            /* by serial, or -1 */
	char path[PATH_MAX]; /* below /sys */
};

struct heads {
	Display *display;
	Window root;
	int randr_event, xi_opcode;
	Atom node, matrix, float_type;
	XRRScreenResources *resources;
	XRROutputInfo *output[LAYOUT_HEADS_MAX];
	RRMode mode[LAYOUT_HEADS_MAX];
	struct layout layout;
	const char *changed_program;
	bool changed; /* since it was run last */
};

/* A device or output may vanish between asking and acting; the next event
 * brings the truth, so an X error is nothing to die of. */
static int on_x_error(Display *display, XErrorEvent *event)
{
	return 0;
}

/* ---- screens ---- */

static const XRRModeInfo *find_mode(const struct heads *self, RRMode id)
{
	for (int i = 0; i < self->resources->nmode; i++)
		if (self->resources->modes[i].id == id)
			return &self->resources->modes[i];
	return NULL;
}

static void forget_outputs(struct heads *self)
{
	for (size_t i = 0; i < self->layout.n_heads; i++)
		if (self->output[i])
			XRRFreeOutputInfo(self->output[i]);
	if (self->resources)
		XRRFreeScreenResources(self->resources);
	self->resources = NULL;
	memset(self->output, 0, sizeof self->output);
	memset(self->mode, 0, sizeof self->mode);
	memset(&self->layout, 0, sizeof self->layout);
}

static bool read_outputs(struct heads *self)
{
	forget_outputs(self);
	self->resources =
	    XRRGetScreenResourcesCurrent(self->display, self->root);
	if (!self->resources)
		return false;
	for (int i = 0; i < self->resources->noutput && i < LAYOUT_HEADS_MAX;
	     i++) {
		XRROutputInfo *info =
		    XRRGetOutputInfo(self->display, self->resources,
				     self->resources->outputs[i]);
		if (!info)
			return false;
		struct layout_head *head = &self->layout.head[i];
		self->output[i] = info;
		self->layout.n_heads = (size_t)i + 1;
		head->connected = info->connection == RR_Connected;
		/* the preferred modes come first */
		const XRRModeInfo *mode =
		    info->nmode > 0 ? find_mode(self, info->modes[0]) : NULL;
		if (!mode)
			continue;
		self->mode[i] = mode->id;
		head->width_px = (int)mode->width;
		head->height_px = (int)mode->height;
	}
	int low_w, low_h, high_w, high_h;
	if (!XRRGetScreenSizeRange(self->display, self->root, &low_w, &low_h,
				   &high_w, &high_h))
		return false;
	layout_place(&self->layout, high_w, high_h);
	return true;
}

static void set_screen(struct heads *self, int width_px, int height_px)
{
	int screen = DefaultScreen(self->display);
	/* 96 dpi, whatever the size: programs derive font sizes from it */
	if (DisplayWidth(self->display, screen) == width_px &&
	    DisplayHeight(self->display, screen) == height_px)
		return;
	XRRSetScreenSize(self->display, self->root, width_px, height_px,
			 width_px * 254 / 960, height_px * 254 / 960);
	self->changed = true;
}

/* The controller an output has, or one that nobody uses. */
static RRCrtc choose_crtc(const struct heads *self, size_t head)
{
	const XRROutputInfo *info = self->output[head];
	if (info->crtc)
		return info->crtc;
	for (int i = 0; i < info->ncrtc; i++) {
		bool taken = false;
		for (size_t other = 0; other < self->layout.n_heads; other++)
			taken |= self->output[other]->crtc == info->crtcs[i];
		if (!taken)
			return info->crtcs[i];
	}
	return None;
}

static bool crtc_is(const struct heads *self, RRCrtc crtc, RRMode mode, int x,
		    int y)
{
	XRRCrtcInfo *info =
	    XRRGetCrtcInfo(self->display, self->resources, crtc);
	bool same = info && info->mode == mode &&
		    (mode == None || (info->x == x && info->y == y));
	if (info)
		XRRFreeCrtcInfo(info);
	return same;
}

static void set_head(struct heads *self, size_t i)
{
	const struct layout_head *head = &self->layout.head[i];
	RRCrtc crtc = head->on ? choose_crtc(self, i) : self->output[i]->crtc;
	RRMode mode = head->on ? self->mode[i] : None;
	if (!crtc || crtc_is(self, crtc, mode, head->x_px, head->y_px))
		return;
	RROutput output = self->resources->outputs[i];
	if (head->on)
		XRRSetCrtcConfig(self->display, self->resources, crtc,
				 CurrentTime, head->x_px, head->y_px, mode,
				 RR_Rotate_0, &output, 1);
	else
		XRRSetCrtcConfig(self->display, self->resources, crtc,
				 CurrentTime, 0, 0, None, RR_Rotate_0, NULL, 0);
	self->output[i]->crtc = head->on ? crtc : None;
	self->changed = true;
}

static void apply_layout(struct heads *self)
{
	/* nobody is looking: the last picture may as well stay */
	if (!read_outputs(self) || !self->layout.width_px)
		return;
	int screen = DefaultScreen(self->display);
	int width = DisplayWidth(self->display, screen);
	int height = DisplayHeight(self->display, screen);
	int new_width = self->layout.width_px;
	int new_height = self->layout.height_px;
	XGrabServer(self->display);
	/* Large enough for old and new while they change, so that no screen
	 * has to go dark in between. */
	set_screen(self, new_width > width ? new_width : width,
		   new_height > height ? new_height : height);
	for (size_t i = 0; i < self->layout.n_heads; i++)
		set_head(self, i);
	XSync(self->display, False);
	if (new_width < width || new_height < height)
		XRRSetScreenSize(self->display, self->root, new_width,
				 new_height, new_width * 254 / 960,
				 new_height * 254 / 960);
	for (size_t i = 0; i < self->layout.n_heads; i++)
		if (self->layout.head[i].on) {
			XRRSetOutputPrimary(self->display, self->root,
					    self->resources->outputs[i]);
			break;
		}
	XUngrabServer(self->display);
	XSync(self->display, False);
}

static void run_changed(struct heads *self)
{
	/* SIGCHLD is ignored: nobody has to wait for it */
	if (self->changed && self->changed_program && fork() == 0) {
		close(ConnectionNumber(self->display));
		execl(self->changed_program, self->changed_program,
		      (char *)NULL);
		fprintf(stderr, "oriel-heads: '%s' cannot be run: %s\n",
			self->changed_program, strerror(errno));
		_exit(127);
	}
	self->changed = false;
}

/* ---- tablets ---- */

static bool read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	bool good = file && fgets(text, (int)size, file);
	if (file)
		fclose(file);
	if (good)
		text[strcspn(text, "\n")] = 0;
	return good;
}

static bool is_absolute(const XIDeviceInfo *device)
{
	int absolute = 0;
	for (int i = 0; i < device->num_classes; i++) {
		const XIAnyClassInfo *any = device->classes[i];
		const XIValuatorClassInfo *axis = (const void *)any;
		if (any->type == XITouchClass)
			return false;
		if (any->type == XIValuatorClass && axis->number < 2 &&
		    axis->mode == XIModeAbsolute)
			absolute++;
	}
	return absolute == 2;
}

/* Finds the kernel's device behind an X device. */
static bool find_device(struct heads *self, int device, struct tablet *tablet)
{
	Atom type;
	int format;
	unsigned long length, rest;
	unsigned char *value = NULL;
	if (XIGetProperty(self->display, device, self->node, 0, 256, False,
			  XA_STRING, &type, &format, &length, &rest,
			  &value) != Success ||
	    !value)
		return false;
	const char *event = strrchr((char *)value, '/');
	char path[PATH_MAX];
	bool good = format == 8 && event &&
		    snprintf(path, sizeof path, "/sys/class/input/%s/device",
			     event + 1) < (int)sizeof path &&
		    realpath(path, tablet->path);
	XFree(value);
	/* a mouse of the machine's, or somebody's real graphics tablet, is
	 * not one of ours */
	if (!good || !strstr(tablet->path, "/virtio"))
		return false;
	char serial[128] = "";
	if (snprintf(path, sizeof path, "%s/uniq", tablet->path) <
	    (int)sizeof path)
		read_line(path, serial, sizeof serial);
	tablet->device = device;
	tablet->head = layout_head_of_serial(serial);
	return true;
}

static int compare_tablets(const void *a, const void *b)
{
	const struct tablet *left = a, *right = b;
	return layout_compare_paths(left->path, right->path);
}

static void map_tablet(struct heads *self, int device, size_t head)
{
	float matrix[9];
	layout_matrix(&self->layout, head, matrix);
	/* Xlib takes 32-bit items as longs only on reading; XI2 does not */
	XIChangeProperty(self->display, device, self->matrix, self->float_type,
			 32, XIPropModeReplace, (unsigned char *)matrix, 9);
}

static void map_tablets(struct heads *self)
{
	static struct tablet tablets[TABLETS_MAX];
	size_t n = 0;
	int n_devices = 0;
	XIDeviceInfo *devices =
	    XIQueryDevice(self->display, XIAllDevices, &n_devices);
	for (int i = 0; devices && i < n_devices && n < TABLETS_MAX; i++)
		if (devices[i].use == XISlavePointer &&
		    is_absolute(&devices[i]) &&
		    find_device(self, devices[i].deviceid, &tablets[n]))
			n++;
	if (devices)
		XIFreeDeviceInfo(devices);
	qsort(tablets, n, sizeof *tablets, compare_tablets);
	for (size_t i = 0; i < n; i++) {
		/* a single one stands for the whole */
		size_t head = n == 1 && tablets[i].head < 0
				  ? (size_t)LAYOUT_HEADS_MAX
			      : tablets[i].head >= 0 ? (size_t)tablets[i].head
						     : i;
		map_tablet(self, tablets[i].device, head);
	}
	XFlush(self->display);
}

/* ---- events ---- */

static bool open_display(struct heads *self)
{
	int error, major = 1, minor = 5;
	self->display = XOpenDisplay(NULL);
	if (!self->display) {
		fprintf(stderr, "oriel-heads: no X display. Start it in the "
				"X session.\n");
		return false;
	}
	XSetErrorHandler(on_x_error);
	self->root = DefaultRootWindow(self->display);
	if (!XRRQueryExtension(self->display, &self->randr_event, &error) ||
	    !XRRQueryVersion(self->display, &major, &minor)) {
		fprintf(stderr, "oriel-heads: the X server has no RandR.\n");
		return false;
	}
	XRRSelectInput(self->display, self->root,
		       RRScreenChangeNotifyMask | RROutputChangeNotifyMask);
	int xi_event;
	major = 2;
	minor = 2;
	if (!XQueryExtension(self->display, "XInputExtension", &self->xi_opcode,
			     &xi_event, &error) ||
	    XIQueryVersion(self->display, &major, &minor) != Success) {
		fprintf(stderr, "oriel-heads: the X server has no XInput 2.\n");
		return false;
	}
	unsigned char bits[XIMaskLen(XI_LASTEVENT)] = {0};
	XIEventMask mask = {
	    .deviceid = XIAllDevices, .mask_len = sizeof bits, .mask = bits};
	XISetMask(bits, XI_HierarchyChanged);
	XISelectEvents(self->display, self->root, &mask, 1);
	self->node = XInternAtom(self->display, "Device Node", False);
	self->matrix = XInternAtom(self->display,
				   "Coordinate Transformation Matrix", False);
	self->float_type = XInternAtom(self->display, "FLOAT", False);
	return true;
}

/* What an event asks for; many arrive at once, so the work is done after the
 * last of them. */
static void take_event(struct heads *self, struct ready *ready, bool *outputs,
		       bool *tablets)
{
	XEvent event;
	XNextEvent(self->display, &event);
	if (event.type == self->randr_event + RRScreenChangeNotify) {
		XRRUpdateConfiguration(&event);
		*tablets = true;
	} else if (event.type == self->randr_event + RRNotify) {
		*outputs = *tablets = true;
	} else if (event.type == GenericEvent &&
		   event.xcookie.extension == self->xi_opcode) {
		*tablets = true;
	} else {
		ready_event(ready, &event);
	}
}

int main(int argc, char **argv)
{
	static struct heads self;
	const char *ready_file = NULL;
	bool once = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--ready") == 0 && i + 1 < argc) {
			ready_file = argv[++i];
		} else if (strcmp(argv[i], "--changed") == 0 && i + 1 < argc) {
			self.changed_program = argv[++i];
		} else if (strcmp(argv[i], "--once") == 0) {
			once = true;
		} else {
			fprintf(stderr, "Usage: oriel-heads [--ready FILE] "
					"[--changed PROGRAM] [--once]\n");
			return 2;
		}
	}
	if (!open_display(&self))
		return 1;
	apply_layout(&self);
	map_tablets(&self);
	if (once)
		return 0;
	signal(SIGCHLD, SIG_IGN);
	self.changed = true;
	struct ready *ready = ready_new(self.display, ready_file);
	while (true) {
		bool outputs = false, tablets = false;
		while (XPending(self.display))
			take_event(&self, ready, &outputs, &tablets);
		if (outputs)
			apply_layout(&self);
		if (tablets)
			map_tablets(&self);
		run_changed(&self);
		if (XPending(self.display))
			continue;
		struct pollfd fd = {.fd = ConnectionNumber(self.display),
				    .events = POLLIN};
		if (poll(&fd, 1, ready_wait_ms(ready)) < 0 && errno != EINTR)
			return 1;
		ready_tick(ready);
	}
}
