/* DWM thumbnails (Windows 7): DWM itself draws the window into the atlas
 * window on the second screen, at the window's own place, and the screen is
 * read there. It is the one way to what the graphics card draws before
 * Windows 8.1; later ones need it where a program answers no other.
 *
 * It needs DWM, a screen that the atlas has for itself, and the place before
 * the picture (`in_place`). What is drawn so lies over what the agent draws
 * there, which is the same. */
#include "seamless/win32/agent.h"

#include <dwmapi.h>
#include <stdlib.h>

#include "seamless/win32/late.h"

struct thumbnail {
	HTHUMBNAIL handle;
	RECT to, from;
};

static const char *open_thumbnail(void)
{
	BOOL composed = FALSE;
	if (late.wine_version)
		return "Wine draws no thumbnails";
	if (FAILED(DwmIsCompositionEnabled(&composed)) || !composed)
		return "DWM does not compose here";
	return NULL;
}

static const char *begin_thumbnail(struct window *window, void **state)
{
	const struct agent *agent = window->agent;
	struct thumbnail *self;
	if (!agent || !agent->atlas_window || agent->atlas_over)
		return "the atlas has no screen of its own";
	self = calloc(1, sizeof *self);
	if (!self)
		return "there is no memory";
	if (FAILED(DwmRegisterThumbnail(agent->atlas_window, window->hwnd,
					&self->handle))) {
		free(self);
		return "DWM draws no thumbnail of it";
	}
	*state = self;
	return NULL;
}

static void end_thumbnail(struct window *window, void *state)
{
	struct thumbnail *self = state;
	(void)window;
	DwmUnregisterThumbnail(self->handle);
	free(self);
}

static enum pixels_got read_thumbnail(struct window *window, void *state,
				      struct canvas *into)
{
	struct thumbnail *self = state;
	const struct agent *agent = window->agent;
	int x = (int)window->slot.x, y = (int)window->slot.y + 1;
	RECT to = {x, y, x + into->width, y + into->height};
	RECT from = {window->margin[0], window->margin[1],
		     window->margin[0] + into->width,
		     window->margin[1] + into->height};
	if (!window->slot.width)
		return PIXELS_LATER;
	if (!EqualRect(&to, &self->to) || !EqualRect(&from, &self->from)) {
		DWM_THUMBNAIL_PROPERTIES p = {
		    .dwFlags = DWM_TNP_RECTDESTINATION | DWM_TNP_RECTSOURCE |
			       DWM_TNP_VISIBLE | DWM_TNP_OPACITY |
			       DWM_TNP_SOURCECLIENTAREAONLY,
		    .rcDestination = to,
		    .rcSource = from,
		    .opacity = 255,
		    .fVisible = TRUE};
		if (FAILED(DwmUpdateThumbnailProperties(self->handle, &p)))
			return PIXELS_FAILED;
		self->to = to;
		self->from = from;
		DwmFlush(); /* it is on the screen with the next frame */
		return PIXELS_LATER;
	}
	HDC screen = GetDC(NULL);
	if (!screen)
		return PIXELS_FAILED;
	BOOL done = BitBlt(into->dc, 0, 0, into->width, into->height, screen,
			   agent->atlas_place.left + x,
			   agent->atlas_place.top + y, SRCCOPY);
	ReleaseDC(NULL, screen);
	return done ? PIXELS_TAKEN : PIXELS_FAILED;
}

const struct pixel_source pixels_thumbnail = {.name = "dwm-thumbnail",
					      .in_place = true,
					      .open = open_thumbnail,
					      .begin = begin_thumbnail,
					      .read = read_thumbnail,
					      .end = end_thumbnail};
