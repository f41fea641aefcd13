/* display-record - frames of real applications, taken off an X screen.
 *
 *   display-record FILE [mark X Y BLOCK]... key X Y BLOCK
 *
 * Takes DISPLAY's whole screen first; then each line on stdin:
 *   frame MS [QUIET_MS]   waits until the screen has changed and then rests
 *                         for QUIET_MS (12), takes what XDamage told, says
 *                         "frame N" (or "same": nothing changed) and gives it
 *                         the time MS in the recording
 *   end MS                finishes the file, says "done"
 * Steps instead of a clock: a slow machine records the same as a fast one. */
#include <X11/Xlib.h>
#include <X11/extensions/XShm.h>
#include <X11/extensions/Xdamage.h>
#include <X11/extensions/Xfixes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "tests/bench/display/recording.h"
#include "tests/bench/display/truth.h"

#define FIRST_MS 400 /* how long a change is waited for */
#define RECTS    64  /* more are taken as the one around them */

static struct {
	Display *display;
	Window root;
	unsigned width, height;
	XImage *image;
	uint32_t *picture; /* as recorded */
	Damage damage;
	XserverRegion parts;
	int damage_event;
	struct recording_header header;
	struct recorder *recorder;
	unsigned number;
} self;

/* Something changed, and then nothing more for quiet_ms: the region is in
 * self.parts. */
static void settle(int quiet_ms)
{
	bool changed = false;
	XserverRegion some = XFixesCreateRegion(self.display, NULL, 0);
	XFixesSetRegion(self.display, self.parts, NULL, 0);
	for (;;) {
		while (XPending(self.display)) {
			XEvent event;
			XNextEvent(self.display, &event);
			if (event.type != self.damage_event + XDamageNotify)
				continue;
			changed = true;
			XDamageSubtract(self.display, self.damage, None, some);
			XFixesUnionRegion(self.display, self.parts, self.parts,
					  some);
		}
		XFlush(self.display);
		struct pollfd fd = {ConnectionNumber(self.display), POLLIN, 0};
		if (poll(&fd, 1, changed ? quiet_ms : FIRST_MS) == 0)
			break;
	}
	XFixesDestroyRegion(self.display, some);
}

static void grab(void)
{
	XShmGetImage(self.display, self.root, self.image, 0, 0, AllPlanes);
}

static const uint32_t *row_of(unsigned y)
{
	return (const uint32_t *)(self.image->data +
				  (size_t)y * self.image->bytes_per_line);
}

/* Copies a rectangle; false when nothing in it had changed. */
static bool take(const struct recording_rect *r)
{
	bool differs = false;
	for (unsigned y = r->y; y < r->y + r->h; y++) {
		uint32_t *to = self.picture + (size_t)y * self.width + r->x;
		const uint32_t *from = row_of(y) + r->x;
		for (unsigned x = 0; x < r->w; x++) {
			uint32_t pixel = from[x] & 0xffffff;
			differs |= to[x] != pixel;
			to[x] = pixel;
		}
	}
	return differs;
}

static struct recording_rect mark_rect(const struct mark *mark)
{
	return (struct recording_rect){
	    mark->x, mark->y, (uint16_t)(mark->block * MARK_BITS), mark->block};
}

static void add(uint32_t time_ms, struct recording_rect *rects, unsigned count)
{
	g_autoptr(GError) error = NULL;
	for (unsigned i = 0; i < RECORDING_MARKS; i++) {
		const struct mark *mark = &self.header.marks[i];
		if (!mark->block)
			continue;
		mark_paint(self.picture, self.width, mark, self.number);
		if (self.number) /* the first is the whole screen anyway */
			rects[count++] = mark_rect(mark);
	}
	if (!recorder_add(self.recorder, time_ms, rects, count, self.picture,
			  self.width, &error)) {
		fprintf(stderr, "display-record: %s\n", error->message);
		exit(1);
	}
	printf("frame %u\n", self.number++);
	fflush(stdout);
}

/* Marks are painted over what the applications draw; their pixels must not
 * count as changes. */
static void frame(uint32_t time_ms, int quiet_ms)
{
	struct recording_rect rects[RECTS + RECORDING_MARKS];
	unsigned count = 0;
	int found;
	settle(quiet_ms);
	grab();
	XRectangle *parts = XFixesFetchRegion(self.display, self.parts, &found);
	XRectangle around = {0};
	if (found > RECTS) {
		int right = 0, bottom = 0;
		around = parts[0];
		for (int i = 0; i < found; i++) {
			around.x = MIN(around.x, parts[i].x);
			around.y = MIN(around.y, parts[i].y);
			right = MAX(right, parts[i].x + parts[i].width);
			bottom = MAX(bottom, parts[i].y + parts[i].height);
		}
		around.width = (unsigned short)(right - around.x);
		around.height = (unsigned short)(bottom - around.y);
		found = 1;
	}
	for (int i = 0; i < found; i++) {
		const XRectangle *p = around.width ? &around : &parts[i];
		struct recording_rect r = {(uint16_t)p->x, (uint16_t)p->y,
					   p->width, p->height};
		if (r.w && r.h && take(&r))
			rects[count++] = r;
	}
	XFree(parts);
	if (count) {
		add(time_ms, rects, count);
	} else {
		puts("same");
		fflush(stdout);
	}
}

static void connect_x(void)
{
	static XShmSegmentInfo shm;
	int error_base, event_base;
	self.display = XOpenDisplay(NULL);
	if (!self.display ||
	    !XDamageQueryExtension(self.display, &self.damage_event,
				   &error_base) ||
	    !XFixesQueryExtension(self.display, &event_base, &error_base)) {
		fprintf(stderr, "display-record: no X screen with XDamage and "
				"XFixes at DISPLAY\n");
		exit(1);
	}
	self.root = DefaultRootWindow(self.display);
	self.width = (unsigned)DisplayWidth(self.display, 0);
	self.height = (unsigned)DisplayHeight(self.display, 0);
	self.image =
	    XShmCreateImage(self.display, DefaultVisual(self.display, 0), 24,
			    ZPixmap, NULL, &shm, self.width, self.height);
	shm.shmid = shmget(IPC_PRIVATE,
			   (size_t)self.image->bytes_per_line * self.height,
			   IPC_CREAT | 0600);
	shm.shmaddr = self.image->data = shmat(shm.shmid, NULL, 0);
	XShmAttach(self.display, &shm);
	XSync(self.display, False);
	shmctl(shm.shmid, IPC_RMID, NULL);
	self.damage =
	    XDamageCreate(self.display, self.root, XDamageReportNonEmpty);
	self.parts = XFixesCreateRegion(self.display, NULL, 0);
	self.picture = g_new0(uint32_t, (size_t)self.width * self.height);
}

static bool options(int argc, char **argv)
{
	unsigned marks = 0;
	for (int i = 2; i + 3 < argc; i += 4) {
		struct mark mark = {(uint16_t)atoi(argv[i + 1]),
				    (uint16_t)atoi(argv[i + 2]),
				    (uint16_t)atoi(argv[i + 3]), 0};
		if (strcmp(argv[i], "key") == 0)
			self.header.key = mark;
		else if (marks < RECORDING_MARKS)
			self.header.marks[marks++] = mark;
	}
	return argc > 2 && marks && self.header.key.block;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	if (!options(argc, argv)) {
		fprintf(stderr, "usage: display-record FILE "
				"mark X Y BLOCK... key X Y BLOCK\n");
		return 2;
	}
	connect_x();
	self.header.width = self.width;
	self.header.height = self.height;
	self.recorder = recorder_create(argv[1], &self.header, &error);
	if (!self.recorder) {
		fprintf(stderr, "display-record: %s\n", error->message);
		return 1;
	}
	settle(300);
	grab();
	struct recording_rect rects[1 + RECORDING_MARKS] = {
	    {0, 0, (uint16_t)self.width, (uint16_t)self.height}};
	take(&rects[0]);
	add(0, rects, 1);
	char line[256];
	while (fgets(line, sizeof line, stdin)) {
		unsigned ms;
		int quiet_ms = 12;
		if (sscanf(line, "frame %u %d", &ms, &quiet_ms) >= 1) {
			frame(ms, quiet_ms);
		} else if (sscanf(line, "end %u", &ms) == 1) {
			if (recorder_finish(self.recorder, ms, &error)) {
				puts("done");
				return 0;
			}
			fprintf(stderr, "display-record: %s\n", error->message);
			return 1;
		}
	}
	return 1;
}
