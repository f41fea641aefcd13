/* pixels.h - the source's pixels into ours.
 *
 * Ours are 32 bits, 0x00RRGGBB in the machine's byte order, the upper byte
 * always zero, so that equal colours are equal words. The source names its
 * formats as pixman does; the number itself tells the layout:
 * bits per pixel << 24, order << 16, and four widths (a, r, g, b).
 * Threads: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIXELS_X8R8G8B8 0x20020888u
#define PIXELS_A8R8G8B8 0x20028888u

/* Bytes of one pixel: 2, 3 or 4; 0 for a format that is not handled. */
unsigned pixels_bytes(uint32_t format);
/* `in` need not be aligned. */
void pixels_convert(uint32_t format, const uint8_t *in, uint32_t *out,
		    size_t count);
