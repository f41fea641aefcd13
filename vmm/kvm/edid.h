/* edid.h - what a screen says of itself. Pure. Source: VESA E-EDID 1.4. */
#pragma once

#include <stdint.h>

#define EDID_BYTES 128u

/* Sizes in pixels (at most 4095 are told exactly) and millimetres, 0 for
 * 96 dpi. */
void edid_make(uint8_t edid[EDID_BYTES], unsigned head, unsigned width,
	       unsigned height, unsigned width_mm, unsigned height_mm);
