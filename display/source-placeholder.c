/* QEMU has no way to say over Display1 that a head is off: it sends a screen
 * with one line of text, and such a second screen would stand beside the
 * desktop for ever. It is recognised by all it is: black, in the middle one
 * line of one other colour in cells of 8 x 16, ink in every cell where one of
 * QEMU's two sentences has a letter, none where it has a space. */
#include <string.h>

#include "display/pixels.h"
#include "display/source-link.h"

enum { CELL_WIDTH = 8, CELL_HEIGHT = 16 };

static uint32_t pixel_at(const uint8_t *pixels, uint32_t stride_bytes,
			 unsigned x, unsigned y)
{
	uint32_t pixel;
	memcpy(&pixel, pixels + (size_t)y * stride_bytes + x * 4, 4);
	return pixel & 0xffffff;
}

static bool says(const uint8_t *pixels, uint32_t stride_bytes, unsigned width,
		 unsigned height, const char *text)
{
	unsigned length = strlen(text);
	bool ink[64] = {false};
	if (width / CELL_WIDTH < length || height < CELL_HEIGHT)
		return false;
	unsigned left = (width / CELL_WIDTH - length) / 2 * CELL_WIDTH;
	unsigned top = (height / CELL_HEIGHT - 1) / 2 * CELL_HEIGHT;
	uint32_t colour = 0;
	for (unsigned y = 0; y < height; y++)
		for (unsigned x = 0; x < width; x++) {
			uint32_t pixel = pixel_at(pixels, stride_bytes, x, y);
			if (!pixel)
				continue;
			if (y < top || y >= top + CELL_HEIGHT || x < left ||
			    x >= left + length * CELL_WIDTH)
				return false;
			if (colour && pixel != colour)
				return false;
			colour = pixel;
			ink[(x - left) / CELL_WIDTH] = true;
		}
	for (unsigned i = 0; i < length; i++)
		if (ink[i] != (text[i] != ' '))
			return false;
	return true;
}

bool console_is_placeholder(const uint8_t *pixels, uint32_t stride_bytes,
			    uint32_t format, unsigned width, unsigned height)
{
	if ((format != PIXELS_X8R8G8B8 && format != PIXELS_A8R8G8B8) ||
	    stride_bytes / 4 < width)
		return false;
	return says(pixels, stride_bytes, width, height,
		    "Guest has not initialized the display (yet).") ||
	       says(pixels, stride_bytes, width, height,
		    "Display output is not active.");
}
