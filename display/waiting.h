/* waiting.h - what viewers see before a machine has a screen: a calm ground
 * and a word, instead of a black window that looks broken.
 * Threads: any; pure. Units: pixels. */
#pragma once

#include <stdint.h>

/* Paints all of it; rows are width pixels apart. */
void waiting_paint(uint32_t *pixels, unsigned width, unsigned height);
