/* The pointer's picture, as it is now. Windows has no word for its change
 * that all have; asking is cheap. */
#include <stdlib.h>

#include "seamless/win32/agent.h"

void cursor_send(struct agent *agent)
{
	CURSORINFO info = {.cbSize = sizeof info};
	if (!link_has_room(agent->link) || !GetCursorInfo(&info))
		return;
	bool hidden = !(info.flags & CURSOR_SHOWING);
	if (!agent->cursor_stale && info.hCursor == agent->cursor &&
	    hidden == agent->cursor_hidden)
		return;
	struct seam_message message = {.type = SEAM_CURSOR};
	struct seam_picture *p = &message.picture;
	uint8_t *pixels = NULL;
	POINT hot = {0};
	if (!hidden) {
		pixels = props_picture(info.hCursor, SEAM_ICON_SIDE, &p->width,
				       &p->height, &hot);
		/* one that is its program's secret looks like an arrow */
		if (!pixels)
			pixels = props_picture(LoadCursorW(NULL, IDC_ARROW),
					       SEAM_ICON_SIDE, &p->width,
					       &p->height, &hot);
		p->hot_x = least(hot.x, SEAM_ICON_SIDE);
		p->hot_y = least(hot.y, SEAM_ICON_SIDE);
	}
	agent->cursor_stale = false;
	agent->cursor = info.hCursor;
	agent->cursor_hidden = hidden;
	if (hidden)
		agent_send(agent, &message);
	else if (pixels)
		agent_send_picture(agent, &message, pixels);
	free(pixels);
}
