/* The client's screens, as applications in the guest see them.
 *
 * Guest coordinates are the client's, moved so that its leftmost and topmost
 * screen begin at 0,0. The X screen may be smaller than the client's screens;
 * the pointer never leaves it, so a window is moved to where all of it can be
 * pointed at, and remembers the difference (window.shift). RandR monitors
 * (not outputs) describe the client's screens, which hides the atlas. */
#include "seamless/agent/agent.h"

#include <X11/Xatom.h>
#include <X11/extensions/Xrandr.h>
#include <stdio.h>

#define OUTPUTS_MAX 16

static void set_monitors(struct agent *agent, const struct seam_output *output,
			 uint32_t n)
{
	Display *display = agent->display;
	int have = 0;
	XRRMonitorInfo *old =
	    XRRGetMonitors(display, agent->root, False, &have);
	char name[32];
	for (int i = 0; i < have; i++) {
		char *text = old[i].automatic
				 ? NULL
				 : XGetAtomName(display, old[i].name);
		if (text && g_str_has_prefix(text, "oriel-"))
			XRRDeleteMonitor(display, agent->root, old[i].name);
		XFree(text);
	}
	if (old)
		XRRFreeMonitors(old);
	XRRScreenResources *resources =
	    XRRGetScreenResourcesCurrent(display, agent->root);
	for (uint32_t i = 0; i < n; i++) {
		snprintf(name, sizeof name, "oriel-%u", i);
		/* An output that belongs to a monitor of ours is no monitor
		 * by itself: the first takes them all. */
		int n_outputs = i == 0 && resources ? resources->noutput : 0;
		XRRMonitorInfo *monitor =
		    XRRAllocateMonitor(display, n_outputs);
		if (!monitor)
			break;
		monitor->name = XInternAtom(display, name, False);
		monitor->primary = i == 0;
		monitor->automatic = False;
		monitor->x = output[i].area.x - agent->origin_x;
		monitor->y = output[i].area.y - agent->origin_y;
		monitor->width = (int)output[i].area.width;
		monitor->height = (int)output[i].area.height;
		monitor->mwidth = monitor->width * 254 / 960;
		monitor->mheight = monitor->height * 254 / 960;
		for (int k = 0; k < n_outputs; k++)
			monitor->outputs[k] = resources->outputs[k];
		XRRSetMonitor(display, agent->root, monitor);
		XRRFreeMonitors(monitor);
	}
	if (resources)
		XRRFreeScreenResources(resources);
}

static void set_work(struct agent *agent)
{
	long work[4] = {agent->work.x, agent->work.y, (long)agent->work.width,
			(long)agent->work.height};
	long size[2] = {DisplayWidth(agent->display, agent->screen),
			DisplayHeight(agent->display, agent->screen)};
	XChangeProperty(agent->display, agent->root, ATOM(agent, _NET_WORKAREA),
			XA_CARDINAL, 32, PropModeReplace, (unsigned char *)work,
			4);
	XChangeProperty(agent->display, agent->root,
			ATOM(agent, _NET_DESKTOP_GEOMETRY), XA_CARDINAL, 32,
			PropModeReplace, (unsigned char *)size, 2);
}

void screen_default(struct agent *agent)
{
	agent->room_width = DisplayWidth(agent->display, agent->screen);
	agent->room_height = DisplayHeight(agent->display, agent->screen);
	if (!agent->work.width)
		agent->work =
		    (struct seam_rect){0, 0, (uint32_t)agent->room_width,
				       (uint32_t)agent->room_height};
	set_work(agent);
}

void screen_outputs(struct agent *agent, struct seam_array outputs)
{
	struct seam_output output[OUTPUTS_MAX];
	uint32_t n = MIN(outputs.count, OUTPUTS_MAX);
	if (n == 0)
		return;
	int left = INT32_MAX, top = INT32_MAX;
	unsigned scale = 0; /* of the sharpest */
	for (uint32_t i = 0; i < n; i++) {
		output[i] = seam_output_at(outputs, i);
		left = MIN(left, output[i].area.x);
		top = MIN(top, output[i].area.y);
		scale = MAX(scale, output[i].scale);
	}
	scale_set(agent, scale);
	agent->origin_x = left;
	agent->origin_y = top;
	/* one work area for all: EWMH has no more */
	int x0 = INT32_MAX, y0 = INT32_MAX, x1 = INT32_MIN, y1 = INT32_MIN;
	for (uint32_t i = 0; i < n; i++) {
		const struct seam_rect *w = &output[i].work;
		x0 = MIN(x0, w->x - left);
		y0 = MIN(y0, w->y - top);
		x1 = MAX(x1, w->x - left + (int)w->width);
		y1 = MAX(y1, w->y - top + (int)w->height);
	}
	agent->work = (struct seam_rect){x0, y0, (uint32_t)(x1 - x0),
					 (uint32_t)(y1 - y0)};
	int right = 0, bottom = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct seam_rect *a = &output[i].area;
		right = MAX(right, a->x - left + (int)a->width);
		bottom = MAX(bottom, a->y - top + (int)a->height);
	}
	/* where the pointer does not get, nothing can be pressed */
	if (right > agent->room_width || bottom > agent->room_height)
		output_grow(agent, (unsigned)MAX(right - agent->atlas_x, 1),
			    (unsigned)MAX(bottom - agent->atlas_y, 1));
	set_monitors(agent, output, n);
	set_work(agent);
	for (guint i = 0; i < agent->windows->len; i++) {
		struct window *w = agent->windows->pdata[i];
		if (!w->placed_by_client) {
			w->shift_x = left;
			w->shift_y = top;
		}
	}
}

void screen_to_guest(const struct agent *agent, const struct seam_rect *area,
		     int *x, int *y)
{
	*x = area->x - agent->origin_x;
	*y = area->y - agent->origin_y;
	/* its top left corner matters most where it is too large anyway */
	*x = MAX(MIN(*x, agent->room_width - (int)area->width), MIN(*x, 0));
	*y = MAX(MIN(*y, agent->room_height - (int)area->height), MIN(*y, 0));
}
