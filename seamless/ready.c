#include "seamless/ready.h"

#include <X11/Xatom.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* an idle desktop's clock and cursor stay far below this */
#define IDLE_PERCENT 88
#define IDLE_SAMPLES 2

struct ready {
	Display *display;
	const char *file;
	Atom clients, type, dock;
	enum { WAIT_PANEL, WAIT_IDLE, DONE } state;
	long begun_ms, sampled_ms;
	unsigned long long busy, all;
	unsigned idle_samples;
};

static long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Ticks of all CPUs since boot: of work, and in all. */
static void read_ticks(unsigned long long *busy, unsigned long long *all)
{
	unsigned long long v[8] = {0};
	FILE *file = fopen("/proc/stat", "re");
	int n =
	    file
		? fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu",
			 &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7])
		: 0;
	if (file)
		fclose(file);
	*all = 0;
	for (int i = 0; i < n; i++)
		*all += v[i];
	/* waiting for the disk is work too: a program is being loaded */
	*busy = *all - v[3];
}

static unsigned char *get_property(struct ready *self, Window window, Atom name,
				   Atom type, unsigned long *n)
{
	Atom actual;
	int format;
	unsigned long rest;
	unsigned char *value = NULL;
	*n = 0;
	if (XGetWindowProperty(self->display, window, name, 0, 1024, False,
			       type, &actual, &format, n, &rest,
			       &value) != Success ||
	    format != 32) {
		if (value)
			XFree(value);
		*n = 0;
		return NULL;
	}
	return value;
}

static bool is_panel(struct ready *self, Window window)
{
	unsigned long n;
	unsigned char *value =
	    get_property(self, window, self->type, XA_ATOM, &n);
	bool dock = false;
	for (unsigned long i = 0; i < n; i++)
		dock |= ((Atom *)value)[i] == self->dock;
	if (value)
		XFree(value);
	/* listed before it is shown; being idle afterwards settles that */
	return dock;
}

static void look_for_panel(struct ready *self)
{
	unsigned long n;
	unsigned char *value =
	    get_property(self, DefaultRootWindow(self->display), self->clients,
			 XA_WINDOW, &n);
	for (unsigned long i = 0; i < n && self->state == WAIT_PANEL; i++)
		if (is_panel(self, ((Window *)value)[i])) {
			self->state = WAIT_IDLE;
			self->begun_ms = self->sampled_ms = now_ms();
			read_ticks(&self->busy, &self->all);
		}
	if (value)
		XFree(value);
}

struct ready *ready_new(Display *display, const char *file)
{
	struct ready *self = calloc(1, sizeof *self);
	if (!self || !file) {
		free(self);
		return NULL;
	}
	self->display = display;
	self->file = file;
	self->clients = XInternAtom(display, "_NET_CLIENT_LIST", False);
	self->type = XInternAtom(display, "_NET_WM_WINDOW_TYPE", False);
	self->dock = XInternAtom(display, "_NET_WM_WINDOW_TYPE_DOCK", False);
	/* the window manager lists a window once it is managed and mapped */
	XSelectInput(display, DefaultRootWindow(display), PropertyChangeMask);
	look_for_panel(self);
	return self;
}

void ready_event(struct ready *self, const XEvent *event)
{
	if (self && self->state == WAIT_PANEL &&
	    event->type == PropertyNotify &&
	    event->xproperty.atom == self->clients)
		look_for_panel(self);
}

int ready_wait_ms(const struct ready *self)
{
	if (!self || self->state != WAIT_IDLE)
		return -1;
	long left = self->sampled_ms + READY_SAMPLE_MS - now_ms();
	return left > 0 ? (int)left : 0;
}

static void tell(struct ready *self)
{
	int fd =
	    open(self->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		fprintf(stderr, "oriel-heads: '%s' cannot be written.\n",
			self->file);
	else
		close(fd);
	self->state = DONE;
	XSelectInput(self->display, DefaultRootWindow(self->display),
		     NoEventMask);
	XFlush(self->display);
}

void ready_tick(struct ready *self)
{
	long now = now_ms();
	if (!self || self->state != WAIT_IDLE ||
	    now < self->sampled_ms + READY_SAMPLE_MS)
		return;
	unsigned long long busy, all;
	read_ticks(&busy, &all);
	unsigned long long whole = all - self->all;
	bool idle =
	    whole && (busy - self->busy) * 100 < whole * (100 - IDLE_PERCENT);
	self->busy = busy;
	self->all = all;
	self->sampled_ms = now;
	self->idle_samples = idle ? self->idle_samples + 1 : 0;
	if (self->idle_samples >= IDLE_SAMPLES ||
	    now - self->begun_ms > READY_LIMIT_MS)
		tell(self);
}
