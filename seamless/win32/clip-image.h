/* clip-image.h - pictures between the clipboard's bitmaps and PNG, by Windows'
 * own codecs (WIC, Windows 7).
 *
 * Bytes of a bitmap have been checked by dib_parse() before Windows sees them;
 * those of a PNG are WIC's to check, its size is bounded here.
 * Threads: one that has initialized COM. Memory: malloc's; NULL: it is no
 * picture, too large, or there is no codec. */
#pragma once

#include "seamless/win32/win.h"

uint8_t *image_png_of_dib(const uint8_t *dib, size_t size, uint32_t *png_size);
uint8_t *image_dib_of_png(const uint8_t *png, size_t size, size_t *dib_size);
