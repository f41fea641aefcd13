/* keymap.c - a QEMU key number is scan code set 1, with bit 7 set for codes
 * behind the 0xe0 prefix. Codes without prefix equal Linux's up to 0x58, by
 * design of the latter; the rest is a short list. */
#include "vmm/kvm/keymap.h"

#include <linux/input-event-codes.h>

static const struct {
	uint8_t qnum;
	uint16_t code;
} others[] = {
    {0x54, KEY_SYSRQ},
    {0x59, KEY_KPEQUAL},
    {0x5d, KEY_F13},
    {0x5e, KEY_F14},
    {0x5f, KEY_F15},
    {0x70, KEY_KATAKANAHIRAGANA},
    {0x73, KEY_RO},
    {0x76, KEY_ZENKAKUHANKAKU},
    {0x77, KEY_HIRAGANA},
    {0x78, KEY_KATAKANA},
    {0x79, KEY_HENKAN},
    {0x7b, KEY_MUHENKAN},
    {0x7d, KEY_YEN},
    {0x7e, KEY_KPCOMMA},
    {0x80 | 0x10, KEY_PREVIOUSSONG},
    {0x80 | 0x19, KEY_NEXTSONG},
    {0x80 | 0x1c, KEY_KPENTER},
    {0x80 | 0x1d, KEY_RIGHTCTRL},
    {0x80 | 0x20, KEY_MUTE},
    {0x80 | 0x21, KEY_CALC},
    {0x80 | 0x22, KEY_PLAYPAUSE},
    {0x80 | 0x24, KEY_STOPCD},
    {0x80 | 0x2e, KEY_VOLUMEDOWN},
    {0x80 | 0x30, KEY_VOLUMEUP},
    {0x80 | 0x32, KEY_HOMEPAGE},
    {0x80 | 0x35, KEY_KPSLASH},
    {0x80 | 0x37, KEY_SYSRQ},
    {0x80 | 0x38, KEY_RIGHTALT},
    {0x80 | 0x45, KEY_NUMLOCK},
    {0x80 | 0x46, KEY_PAUSE},
    {0x80 | 0x47, KEY_HOME},
    {0x80 | 0x48, KEY_UP},
    {0x80 | 0x49, KEY_PAGEUP},
    {0x80 | 0x4b, KEY_LEFT},
    {0x80 | 0x4d, KEY_RIGHT},
    {0x80 | 0x4f, KEY_END},
    {0x80 | 0x50, KEY_DOWN},
    {0x80 | 0x51, KEY_PAGEDOWN},
    {0x80 | 0x52, KEY_INSERT},
    {0x80 | 0x53, KEY_DELETE},
    {0x80 | 0x5b, KEY_LEFTMETA},
    {0x80 | 0x5c, KEY_RIGHTMETA},
    {0x80 | 0x5d, KEY_COMPOSE},
    {0x80 | 0x5e, KEY_POWER},
    {0x80 | 0x5f, KEY_SLEEP},
    {0x80 | 0x63, KEY_WAKEUP},
    {0x80 | 0x65, KEY_SEARCH},
    {0x80 | 0x66, KEY_BOOKMARKS},
    {0x80 | 0x67, KEY_REFRESH},
    {0x80 | 0x68, KEY_STOP},
    {0x80 | 0x69, KEY_FORWARD},
    {0x80 | 0x6a, KEY_BACK},
    {0x80 | 0x6b, KEY_COMPUTER},
    {0x80 | 0x6c, KEY_MAIL},
    {0x80 | 0x6d, KEY_MEDIA},
};

uint16_t keymap_from_qnum(unsigned qnum)
{
	if (qnum >= 1 && qnum <= 0x53)
		return (uint16_t)qnum;
	if (qnum >= 0x56 && qnum <= 0x58)
		return (uint16_t)qnum;
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
		if (others[i].qnum == qnum)
			return others[i].code;
	return 0;
}
