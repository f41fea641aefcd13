/* Where on the X screen the atlas is: an output of the machine that only the
 * agent uses, a part of the screen that was named, or all of it.
 *
 * Whoever sets an output's mode decides its size: the host, or with --grow the
 * agent itself, when windows find no room or the client's screens are larger
 * than the X screen, beyond which no pointer gets. When the size changes,
 * rectangles stay where they are in it if it has only grown; otherwise every
 * window gets a new one. RandR tells, nothing is polled. */
#include "seamless/agent/agent.h"

#include <X11/extensions/Xrandr.h>
#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"

#define SIDE_MAX   8192     /* of a framebuffer of virtio-gpu */
#define PIXELS_MAX 33000000 /* of a head in QEMU's messages */

struct place {
	int x, y, width, height, head_x, head_y;
	unsigned head;
};

static bool parse_part(const char *text, struct place *place)
{
	char end;
	return sscanf(text, "%dx%d+%d+%d%c", &place->width, &place->height,
		      &place->x, &place->y, &end) == 4;
}

/* The named output, or with none named the last of several that show
 * something; false where there is none. */
static bool find_output(struct agent *agent, const char *name,
			struct place *place)
{
	Display *display = agent->display;
	bool found = false;
	int showing = 0;
	XRRScreenResources *resources =
	    XRRGetScreenResourcesCurrent(display, agent->root);
	for (int i = 0; resources && i < resources->noutput; i++) {
		XRROutputInfo *output =
		    XRRGetOutputInfo(display, resources, resources->outputs[i]);
		XRRCrtcInfo *crtc =
		    output && output->crtc
			? XRRGetCrtcInfo(display, resources, output->crtc)
			: NULL;
		if (crtc && crtc->mode != None &&
		    (!name || strcmp(output->name, name) == 0)) {
			showing++;
			found = name || showing > 1;
			*place = (struct place){
			    crtc->x,           crtc->y, (int)crtc->width,
			    (int)crtc->height, crtc->x, crtc->y,
			    (unsigned)i};
		}
		if (crtc)
			XRRFreeCrtcInfo(crtc);
		if (output)
			XRRFreeOutputInfo(output);
	}
	if (resources)
		XRRFreeScreenResources(resources);
	return found;
}

static void find_place(struct agent *agent, struct place *place)
{
	const char *spec = agent->atlas_spec;
	*place = (struct place){
	    .width = DisplayWidth(agent->display, agent->screen),
	    .height = DisplayHeight(agent->display, agent->screen)};
	struct place other = {0};
	if (spec && parse_part(spec, &other)) {
		/* cut to what the screen has now */
		other.width = MIN(other.width, place->width - other.x);
		other.height = MIN(other.height, place->height - other.y);
		*place = other;
	} else if (find_output(agent, spec, &other)) {
		*place = other;
	}
	if (agent->head_given)
		place->head = agent->head;
	/* wider than the protocol says, none can be told */
	place->width = CLAMP(place->width, 1, SEAM_SIDE_MAX);
	place->height = CLAMP(place->height, 1, SEAM_SIDE_MAX);
}

void head_follow(struct agent *agent)
{
	struct place place;
	uint32_t width = 0, height = 0;
	find_place(agent, &place);
	if (agent->atlas)
		atlas_size(agent->atlas, &width, &height);
	bool larger =
	    (uint32_t)place.width > width || (uint32_t)place.height > height;
	bool smaller =
	    (uint32_t)place.width < width || (uint32_t)place.height < height;
	bool moved = place.x != agent->atlas_x || place.y != agent->atlas_y ||
		     place.head != agent->head ||
		     place.head_x != agent->head_x ||
		     place.head_y != agent->head_y;
	if (!larger && !smaller && !moved && agent->atlas)
		return;
	agent->atlas_x = place.x;
	agent->atlas_y = place.y;
	agent->head_x = place.head_x;
	agent->head_y = place.head_y;
	agent->head = place.head;
	log_info(NULL, "Windows are painted on head %u, %dx%d.", place.head,
		 place.width, place.height);
	if (!agent->atlas)
		agent->atlas =
		    atlas_create((uint32_t)place.width, (uint32_t)place.height);
	else if (smaller)
		slots_new_atlas(agent, (uint32_t)place.width,
				(uint32_t)place.height);
	else
		slots_grown_atlas(agent, (uint32_t)place.width,
				  (uint32_t)place.height);
}

bool head_open(struct agent *agent, const char *spec, int head, GError **error)
{
	struct place place = {0};
	int width = DisplayWidth(agent->display, agent->screen);
	int height = DisplayHeight(agent->display, agent->screen);
	agent->atlas_spec = spec && strcmp(spec, "auto") != 0 ? spec : NULL;
	agent->head_given = head >= 0;
	agent->head = head >= 0 ? (unsigned)head : 0;
	if (head > 3) {
		fault_set(error, FAULT_INVALID, "Give 0 to 3.",
			  "There is no head %d.", head);
		return false;
	}
	if (agent->atlas_spec && parse_part(spec, &place) &&
	    (place.width < 64 || place.height < 64 || place.x < 0 ||
	     place.y < 0 || place.width > width - place.x ||
	     place.height > height - place.y)) {
		fault_set(error, FAULT_INVALID,
			  "Give WxH+X+Y inside the X screen.",
			  "--atlas %s is no part of the X screen, which is "
			  "%dx%d.",
			  spec, width, height);
		return false;
	}
	head_follow(agent);
	return true;
}

/* ---- growth ---- */

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

static bool set_mode(struct agent *agent, XRRScreenResources *resources,
		     RROutput id, XRROutputInfo *output, unsigned width,
		     unsigned height)
{
	Display *display = agent->display;
	XRRCrtcInfo *crtc =
	    output->crtc ? XRRGetCrtcInfo(display, resources, output->crtc)
			 : NULL;
	RRMode mode =
	    crtc ? choose_mode(agent, resources, id, output, width, height)
		 : None;
	bool done = false;
	if (mode != None) {
		int screen_width = MAX(agent->room_width, crtc->x + (int)width);
		int screen_height =
		    MAX(agent->room_height, crtc->y + (int)height);
		for (int i = 0; i < resources->nmode; i++)
			if (resources->modes[i].id == mode) {
				screen_width = MAX(
				    screen_width,
				    crtc->x + (int)resources->modes[i].width);
				screen_height = MAX(
				    screen_height,
				    crtc->y + (int)resources->modes[i].height);
			}
		XGrabServer(display);
		if (screen_width > agent->room_width ||
		    screen_height > agent->room_height)
			XRRSetScreenSize(display, agent->root, screen_width,
					 screen_height,
					 screen_width * 254 / 960,
					 screen_height * 254 / 960);
		done =
		    XRRSetCrtcConfig(display, resources, output->crtc,
				     CurrentTime, crtc->x, crtc->y, mode,
				     RR_Rotate_0, &id, 1) == RRSetConfigSuccess;
		XUngrabServer(display);
		XSync(display, False);
		/* what is placed before the event of it comes may use it */
		if (done) {
			agent->room_width = screen_width;
			agent->room_height = screen_height;
		}
	}
	if (crtc)
		XRRFreeCrtcInfo(crtc);
	return done;
}

bool head_grow(struct agent *agent, unsigned width, unsigned height)
{
	uint32_t have_width, have_height;
	bool done = false;
	if (!agent->may_grow || !agent->atlas)
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
	XRRScreenResources *resources =
	    XRRGetScreenResourcesCurrent(agent->display, agent->root);
	if (resources && agent->head < (unsigned)resources->noutput) {
		RROutput id = resources->outputs[agent->head];
		XRROutputInfo *output =
		    XRRGetOutputInfo(agent->display, resources, id);
		done = output &&
		       set_mode(agent, resources, id, output, width, height);
		if (output)
			XRRFreeOutputInfo(output);
	}
	if (resources)
		XRRFreeScreenResources(resources);
	if (!done) {
		log_warn(NULL, "The atlas cannot grow to %ux%u.", width,
			 height);
		agent->may_grow = false; /* it would be asked all the time */
	}
	return done;
}
