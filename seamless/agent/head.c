/* Where on the X screen the atlas is: an output of the machine that only the
 * agent uses, a part of the screen that was named, or all of it.
 *
 * Which output, and which mode it has, is output.c's. When the size changes,
 * rectangles stay where they are in it if it has only grown; otherwise every
 * window gets a new one. RandR tells, nothing is polled. */
#include "seamless/agent/agent.h"

#include <X11/extensions/Xrandr.h>
#include <stdio.h>
#include <string.h>

#include "common/fault.h"
#include "common/log.h"

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
	if (agent->may_grow && !agent->atlas_spec)
		output_adopt(agent);
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
	/* nobody paints there from now on */
	if (agent->atlas && place.head != agent->head)
		XClearArea(agent->display, agent->root, agent->atlas_x,
			   agent->atlas_y, width, height, False);
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
