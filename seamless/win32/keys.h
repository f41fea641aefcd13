/* keys.h - evdev key codes as the scan codes of a PC keyboard (set 1), which
 * is what Windows takes keys by. Pure tables; builds anywhere. */
#pragma once

#include <stdint.h>

/* Low byte the code, 0xe000 for an extended one; 0: no such key. PAUSE has a
 * sequence of its own and is KEYS_PAUSE. */
uint16_t keys_scan_code(uint32_t evdev);
#define KEYS_PAUSE 0xe11d

/* The keyboard layout of Windows ("00000407") for X's name of one ("de",
 * variant "nodeadkeys"); NULL: none is known. */
const char *keys_layout(const char *layout, const char *variant);
