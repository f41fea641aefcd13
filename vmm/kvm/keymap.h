/* keymap.h - QEMU key numbers (Display1) as Linux key codes.
 * Pure; 0 for a number that names no key. */
#pragma once

#include <stdint.h>

uint16_t keymap_from_qnum(unsigned qnum);
