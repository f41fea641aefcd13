#include "display/waiting.h"

#include <stddef.h>

#define GROUND 0x20262du
#define INK    0x9aa4aeu
/* A letter's dots are so large. */
#define DOT 3u

enum { ROWS = 9, COLUMNS = 6 };

/* One bit a dot, the leftmost in bit 5. The eighth row is the last above the
 * line, the ninth is g's. */
static const uint8_t letters[][ROWS] = {
    {0x1c, 0x22, 0x20, 0x1c, 0x02, 0x22, 0x1c, 0x00, 0x00}, /* S */
    {0x10, 0x10, 0x38, 0x10, 0x10, 0x12, 0x0c, 0x00, 0x00}, /* t */
    {0x00, 0x00, 0x1c, 0x02, 0x1e, 0x22, 0x1e, 0x00, 0x00}, /* a */
    {0x00, 0x00, 0x2c, 0x32, 0x20, 0x20, 0x20, 0x00, 0x00}, /* r */
    {0x10, 0x00, 0x30, 0x10, 0x10, 0x10, 0x38, 0x00, 0x00}, /* i */
    {0x00, 0x00, 0x2c, 0x32, 0x22, 0x22, 0x22, 0x00, 0x00}, /* n */
    {0x00, 0x00, 0x1e, 0x22, 0x22, 0x1e, 0x02, 0x22, 0x1c}, /* g */
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2a, 0x00, 0x00}, /* ... */
};
/* "Starting..." */
static const uint8_t word[] = {0, 1, 2, 3, 1, 4, 5, 6, 7};

void waiting_paint(uint32_t *pixels, unsigned width, unsigned height)
{
	const unsigned step = COLUMNS * DOT, wide = sizeof word * step;
	for (size_t i = 0; i < (size_t)width * height; i++)
		pixels[i] = GROUND;
	if (width < wide || height < ROWS * DOT)
		return;
	unsigned left = (width - wide) / 2, top = (height - ROWS * DOT) / 2;
	for (unsigned y = 0; y < ROWS * DOT; y++)
		for (unsigned x = 0; x < wide; x++) {
			unsigned row = letters[word[x / step]][y / DOT] & 0x3fu;
			if (row >> (COLUMNS - 1 - x % step / DOT) & 1)
				pixels[(size_t)(top + y) * width + left + x] =
				    INK;
		}
}
