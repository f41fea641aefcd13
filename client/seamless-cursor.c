/* The pointer's picture over the guest's windows. */
#include <X11/Xcursor/Xcursor.h>
#include <string.h>

#include "client/seamless-private.h"

void desk_set_cursor(struct seamless *desk)
{
	struct seamless_window *window = desk_window(desk, desk->under);
	if (!window || !desk->cursor ||
	    window->cursor_serial == desk->cursor_serial)
		return;
	window->cursor_serial = desk->cursor_serial;
	XDefineCursor(desk->x11->display, window->xid, desk->cursor);
}

void desk_take_cursor(struct seamless *desk, const struct seam_picture *piece)
{
	struct picture *picture = &desk->cursor_picture;
	if (!picture_take(picture, piece))
		return;
	Display *display = desk->x11->display;
	unsigned width = MAX(picture->width, 1),
		 height = MAX(picture->height, 1);
	XcursorImage *image = XcursorImageCreate((int)width, (int)height);
	if (!image)
		return;
	memset(image->pixels, 0, (gsize)width * height * 4);
	if (picture->pixels)
		memcpy(image->pixels, picture->pixels,
		       (gsize)width * height * 4);
	image->xhot = (XcursorDim)MIN((unsigned)picture->hot_x, width - 1);
	image->yhot = (XcursorDim)MIN((unsigned)picture->hot_y, height - 1);
	Cursor old = desk->cursor;
	desk->cursor = XcursorImageLoadCursor(display, image);
	XcursorImageDestroy(image);
	desk->cursor_serial++;
	desk_set_cursor(desk);
	if (old)
		XFreeCursor(display, old);
}
