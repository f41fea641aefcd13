/* The two sources that every Windows has.
 *
 * The window's own device context: what is on the screen, or, while DWM
 * composes, the window's whole surface, covered or not. Programs that draw by
 * the graphics card may leave it black.
 *
 * PrintWindow: the program draws for us. With PW_RENDERFULLCONTENT (Windows
 * 8.1) DWM does, and shows everything. It may return true and have drawn
 * nothing, so the canvas begins with a colour that tells. */
#include "seamless/win32/agent.h"
#include "seamless/win32/late.h"

#define RENDER_FULL_CONTENT 2u
#define UNTOUCHED           0xfe01fdu

static enum pixels_got read_dc(struct window *window, void *state,
			       struct canvas *into)
{
	(void)state;
	HDC dc = GetWindowDC(window->hwnd);
	if (!dc)
		return PIXELS_FAILED;
	BOOL done = BitBlt(into->dc, 0, 0, into->width, into->height, dc,
			   window->margin[0], window->margin[1], SRCCOPY);
	ReleaseDC(window->hwnd, dc);
	return done ? PIXELS_TAKEN : PIXELS_FAILED;
}

static enum pixels_got read_print(struct window *window, void *state,
				  struct canvas *into)
{
	(void)state;
	if (IsHungAppWindow(window->hwnd))
		return PIXELS_FAILED;
	for (int y = 0; y < into->height; y++)
		for (int x = 0; x < into->width; x++)
			into->pixels[y * into->stride + x] = UNTOUCHED;
	/* it draws from its own corner, edges included */
	SetViewportOrgEx(into->dc, -window->margin[0], -window->margin[1],
			 NULL);
	UINT flags = late_at_least(6, 3, 0) ? RENDER_FULL_CONTENT : 0;
	BOOL done = PrintWindow(window->hwnd, into->dc, flags);
	SetViewportOrgEx(into->dc, 0, 0, NULL);
	GdiFlush();
	const uint32_t *middle =
	    into->pixels + into->height / 2 * into->stride + into->width / 2;
	bool touched = (into->pixels[0] & 0xffffff) != UNTOUCHED ||
		       (*middle & 0xffffff) != UNTOUCHED;
	return done && touched ? PIXELS_TAKEN : PIXELS_FAILED;
}

const struct pixel_source pixels_window_dc = {.name = "window-dc",
					      .read = read_dc};
const struct pixel_source pixels_print = {.name = "print-window",
					  .read = read_print};
