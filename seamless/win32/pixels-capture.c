#include "seamless/win32/pixels.h"
static bool no(void)
{
	return false;
}
const struct pixel_source pixels_graphics_capture = {.name = "graphics-capture",
						     .open = no};
