/* The output that is the atlas, and its mode: with --grow they are the agent's
 * to see to.
 *
 * A host that has a head to spare for the atlas connects it and says by its
 * preferred mode how large it should be; it is turned on below the others and
 * follows that mode as long as it grows. When windows find no room all the
 * same, or the client's screens are larger than the X screen, beyond which no
 * pointer gets, the agent makes a larger mode itself. */
#include "seamless/agent/agent.h"

#include <X11/extensions/Xrandr.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#define SIDE_MAX   8192     /* of a framebuffer of virtio-gpu */
#define PIXELS_MAX 33000000 /* of a head in QEMU's messages */

static const XRRModeInfo *mode_info(const XRRScreenResources *resources,
				    RRMode id)
{
	for (int i = 0; i < resources->nmode; i++)
		if (resources->modes[i].id == id)
			return &resources->modes[i];
	return NULL;
}

/* A mode of the output that is large enough, or a new one; None where the
 * server will not have it. */
static RRMode choose_mode(struct agent *agent, XRRScreenResources *resources,
			  RROutput id, const XRROutputInfo *output,
			  unsigned width, unsigned height)
{
	char name[32];
	uint64_t best_area = UINT64_MAX;
	RRMode best = None;
	for (int i = 0; i < resources->nmode; i++) {
		const XRRModeInfo *mode = &resources->modes[i];
		uint64_t area = (uint64_t)mode->width * mode->height;
		bool of_output = false;
		for (int k = 0; k < output->nmode && !of_output; k++)
			of_output = output->modes[k] == mode->id;
		if (!of_output || mode->width < width ||
		    mode->height < height || area >= best_area ||
		    area > 2 * (uint64_t)width * height)
			continue;
		best = mode->id;
		best_area = area;
	}
	if (best != None)
		return best;
	/* no screen is behind it: any timing does, at some 50 Hz */
	XRRModeInfo mode = {.width = width,
			    .height = height,
			    .hSyncStart = width + 16,
			    .hSyncEnd = width + 32,
			    .hTotal = width + 64,
			    .vSyncStart = height + 2,
			    .vSyncEnd = height + 4,
			    .vTotal = height + 8};
	mode.dotClock = (unsigned long)mode.hTotal * mode.vTotal * 50;
	mode.nameLength =
	    (unsigned)snprintf(name, sizeof name, "oriel-%ux%u", width, height);
	mode.name = name;
	for (int i = 0; i < resources->nmode; i++)
		if (strcmp(resources->modes[i].name, name) == 0)
			best = resources->modes[i].id;
	if (best == None)
		best = XRRCreateMode(agent->display, agent->root, &mode);
	if (best != None)
		XRRAddOutputMode(agent->display, id, best);
	return best;
}

/* The output's own CRTC, or one that nobody uses and that can drive it. */
static RRCrtc find_crtc(struct agent *agent, XRRScreenResources *resources,
			const XRROutputInfo *output)
{
	RRCrtc found = output->crtc;
	for (int i = 0; i < output->ncrtc && found == None; i++) {
		XRRCrtcInfo *crtc =
		    XRRGetCrtcInfo(agent->display, resources, output->crtcs[i]);
		if (crtc && crtc->noutput == 0)
			found = output->crtcs[i];
		if (crtc)
			XRRFreeCrtcInfo(crtc);
	}
	return found;
}

/* Where the output is to be: below all others, at the left edge. QEMU 7.2
 * reads a whole screen that does not begin there beyond the end of the
 * framebuffer, by as much as it is away from the edge, and dies of it. */
static void find_corner(struct agent *agent, XRRScreenResources *resources,
			const XRROutputInfo *output, int *x, int *y)
{
	*x = *y = 0;
	for (int i = 0; i < resources->ncrtc; i++) {
		XRRCrtcInfo *crtc = XRRGetCrtcInfo(agent->display, resources,
						   resources->crtcs[i]);
		if (crtc && crtc->mode != None &&
		    resources->crtcs[i] != output->crtc)
			*y = MAX(*y, crtc->y + (int)crtc->height);
		if (crtc)
			XRRFreeCrtcInfo(crtc);
	}
}

static bool set_mode(struct agent *agent, XRRScreenResources *resources,
		     RROutput id, XRROutputInfo *output, RRMode mode)
{
	Display *display = agent->display;
	const XRRModeInfo *info = mode_info(resources, mode);
	RRCrtc crtc = find_crtc(agent, resources, output);
	int x, y;
	if (mode == None || crtc == None)
		return false;
	find_corner(agent, resources, output, &x, &y);
	int right = x + (int)info->width, bottom = y + (int)info->height;
	if (right > SIDE_MAX || bottom > SIDE_MAX)
		return false;
	int screen_width = MAX(agent->room_width, right);
	int screen_height = MAX(agent->room_height, bottom);
	XGrabServer(display);
	if (screen_width > agent->room_width ||
	    screen_height > agent->room_height)
		XRRSetScreenSize(display, agent->root, screen_width,
				 screen_height, screen_width * 254 / 960,
				 screen_height * 254 / 960);
	bool done =
	    XRRSetCrtcConfig(display, resources, crtc, CurrentTime, x, y, mode,
			     RR_Rotate_0, &id, 1) == RRSetConfigSuccess;
	XUngrabServer(display);
	XSync(display, False);
	/* what is placed before the event of it comes may use it */
	if (done) {
		agent->room_width = screen_width;
		agent->room_height = screen_height;
	}
	return done;
}

/* The last output, if the host has several and has connected it. */
static void adopt_last(struct agent *agent, XRRScreenResources *resources)
{
	Display *display = agent->display;
	if (resources->noutput < 2)
		return;
	RROutput id = resources->outputs[resources->noutput - 1];
	XRROutputInfo *output = XRRGetOutputInfo(display, resources, id);
	if (output && output->connection == RR_Connected && output->nmode &&
	    output->npreferred) {
		const XRRModeInfo *wanted =
		    mode_info(resources, output->modes[0]);
		XRRCrtcInfo *crtc =
		    output->crtc
			? XRRGetCrtcInfo(display, resources, output->crtc)
			: NULL;
		bool on = crtc && crtc->mode != None;
		int x, y;
		find_corner(agent, resources, output, &x, &y);
		if (wanted && (!on || wanted->width > crtc->width ||
			       wanted->height > crtc->height))
			set_mode(agent, resources, id, output,
				 output->modes[0]);
		else if (on && (crtc->x != x || crtc->y != y))
			set_mode(agent, resources, id, output, crtc->mode);
		if (crtc)
			XRRFreeCrtcInfo(crtc);
	}
	if (output)
		XRRFreeOutputInfo(output);
}

void output_adopt(struct agent *agent)
{
	XRRScreenResources *resources =
	    XRRGetScreenResourcesCurrent(agent->display, agent->root);
	if (!resources)
		return;
	adopt_last(agent, resources);
	XRRFreeScreenResources(resources);
}

static bool make_mode(struct agent *agent, unsigned width, unsigned height)
{
	bool done = false;
	XRRScreenResources *resources =
	    XRRGetScreenResourcesCurrent(agent->display, agent->root);
	if (!resources)
		return false;
	if (agent->head < (unsigned)resources->noutput) {
		RROutput id = resources->outputs[agent->head];
		XRROutputInfo *output =
		    XRRGetOutputInfo(agent->display, resources, id);
		RRMode mode = output && output->crtc
				  ? choose_mode(agent, resources, id, output,
						width, height)
				  : None;
		/* one that was made just now is not in the old list */
		XRRFreeScreenResources(resources);
		resources =
		    XRRGetScreenResourcesCurrent(agent->display, agent->root);
		done = resources && mode_info(resources, mode) &&
		       set_mode(agent, resources, id, output, mode);
		if (output)
			XRRFreeOutputInfo(output);
	}
	if (resources)
		XRRFreeScreenResources(resources);
	return done;
}

bool output_grow(struct agent *agent, unsigned width, unsigned height)
{
	uint32_t have_width, have_height;
	if (!agent->may_grow || agent->grow_failed || !agent->atlas)
		return false;
	atlas_size(agent->atlas, &have_width, &have_height);
	width = MAX(width, have_width);
	height = MAX(height, have_height);
	if (width == have_width && height == have_height) {
		/* the shorter side first: what is nearly square packs best */
		if (width < height && width + width / 2 <= SIDE_MAX)
			width += width / 2;
		else
			height += height / 2;
	}
	width = MIN((width + 63) / 64 * 64, SIDE_MAX);
	height = MIN((height + 63) / 64 * 64, SIDE_MAX);
	if ((uint64_t)width * height > PIXELS_MAX ||
	    (width <= have_width && height <= have_height))
		return false;
	bool done = make_mode(agent, width, height);
	if (!done) {
		log_warn(NULL, "The atlas cannot grow to %ux%u.", width,
			 height);
		agent->grow_failed = true; /* it would be asked all the time */
	}
	return done;
}
