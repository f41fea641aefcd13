/* The pointer's picture goes to the client, which shows its own pointer. */
#include "seamless/agent/agent.h"

#include <X11/extensions/Xfixes.h>

bool cursor_open(struct agent *agent)
{
	int error, major = 5, minor = 0;
	if (!XFixesQueryExtension(agent->display, &agent->fixes_event,
				  &error) ||
	    !XFixesQueryVersion(agent->display, &major, &minor))
		return false;
	XFixesSelectCursorInput(agent->display, agent->root,
				XFixesDisplayCursorNotifyMask);
	agent->cursor_stale = true;
	return true;
}

void cursor_changed(struct agent *agent)
{
	agent->cursor_stale = true;
	agent_step_soon(agent);
}

void cursor_send(struct agent *agent)
{
	if (!agent->cursor_stale || !link_has_room(agent->link))
		return;
	agent->cursor_stale = false;
	XFixesCursorImage *image = XFixesGetCursorImage(agent->display);
	if (!image)
		return;
	struct seam_message message = {.type = SEAM_CURSOR};
	struct seam_picture *p = &message.picture;
	size_t n = (size_t)image->width * image->height;
	if (image->width <= SEAM_ICON_SIDE && image->height <= SEAM_ICON_SIDE) {
		g_autofree uint8_t *pixels = g_malloc(n * 4 + 1);
		/* premultiplied ARGB, one per long */
		for (size_t i = 0; i < n; i++)
			for (int k = 0; k < 4; k++)
				pixels[i * 4 + (size_t)k] =
				    (uint8_t)(image->pixels[i] >> (8 * k));
		p->width = image->width;
		p->height = image->height;
		p->hot_x = MIN(image->xhot, SEAM_ICON_SIDE);
		p->hot_y = MIN(image->yhot, SEAM_ICON_SIDE);
		if (n == 0)
			p->width = p->height = 0;
		agent_send_picture(agent, &message, pixels);
	}
	XFree(image);
}
