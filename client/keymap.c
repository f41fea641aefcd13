#include "client/keymap.h"

#include <gdk/gdkkeysyms.h>
#include <linux/input-event-codes.h>
#include <string.h>

/* Keys 1-83 and 86-88 of evdev were numbered after the XT scan codes; the
 * rest have their place told here. E0 marks codes with the 0xe0 prefix. */
#define E0 0x80
static const guint8 qnum_above[] = {
    [KEY_ZENKAKUHANKAKU] = 0x76,
    [KEY_RO] = 0x73,
    [KEY_KATAKANA] = 0x78,
    [KEY_HIRAGANA] = 0x77,
    [KEY_HENKAN] = 0x79,
    [KEY_KATAKANAHIRAGANA] = 0x70,
    [KEY_MUHENKAN] = 0x7b,
    [KEY_KPJPCOMMA] = 0x5c,
    [KEY_KPENTER] = E0 | 0x1c,
    [KEY_RIGHTCTRL] = E0 | 0x1d,
    [KEY_KPSLASH] = E0 | 0x35,
    [KEY_SYSRQ] = 0x54,
    [KEY_RIGHTALT] = E0 | 0x38,
    [KEY_LINEFEED] = 0x5b,
    [KEY_HOME] = E0 | 0x47,
    [KEY_UP] = E0 | 0x48,
    [KEY_PAGEUP] = E0 | 0x49,
    [KEY_LEFT] = E0 | 0x4b,
    [KEY_RIGHT] = E0 | 0x4d,
    [KEY_END] = E0 | 0x4f,
    [KEY_DOWN] = E0 | 0x50,
    [KEY_PAGEDOWN] = E0 | 0x51,
    [KEY_INSERT] = E0 | 0x52,
    [KEY_DELETE] = E0 | 0x53,
    [KEY_MUTE] = E0 | 0x20,
    [KEY_VOLUMEDOWN] = E0 | 0x2e,
    [KEY_VOLUMEUP] = E0 | 0x30,
    [KEY_POWER] = E0 | 0x5e,
    [KEY_KPEQUAL] = 0x59,
    [KEY_PAUSE] = E0 | 0x46,
    [KEY_KPCOMMA] = 0x7e,
    [KEY_HANGEUL] = E0 | 0x72,
    [KEY_HANJA] = E0 | 0x71,
    [KEY_YEN] = 0x7d,
    [KEY_LEFTMETA] = E0 | 0x5b,
    [KEY_RIGHTMETA] = E0 | 0x5c,
    [KEY_COMPOSE] = E0 | 0x5d,
    [KEY_STOP] = E0 | 0x68,
    [KEY_AGAIN] = E0 | 0x05,
    [KEY_PROPS] = E0 | 0x06,
    [KEY_UNDO] = E0 | 0x07,
    [KEY_FRONT] = E0 | 0x0c,
    [KEY_COPY] = E0 | 0x78,
    [KEY_OPEN] = 0x64,
    [KEY_PASTE] = 0x65,
    [KEY_FIND] = E0 | 0x41,
    [KEY_CUT] = E0 | 0x3c,
    [KEY_HELP] = E0 | 0x75,
    [KEY_MENU] = E0 | 0x1e,
    [KEY_CALC] = E0 | 0x21,
    [KEY_SLEEP] = E0 | 0x5f,
    [KEY_WAKEUP] = E0 | 0x63,
    [KEY_MAIL] = E0 | 0x6c,
    [KEY_BOOKMARKS] = E0 | 0x66,
    [KEY_COMPUTER] = E0 | 0x6b,
    [KEY_BACK] = E0 | 0x6a,
    [KEY_FORWARD] = E0 | 0x69,
    [KEY_NEXTSONG] = E0 | 0x19,
    [KEY_PLAYPAUSE] = E0 | 0x22,
    [KEY_PREVIOUSSONG] = E0 | 0x10,
    [KEY_STOPCD] = E0 | 0x24,
    [KEY_HOMEPAGE] = E0 | 0x32,
    [KEY_REFRESH] = E0 | 0x67,
    [KEY_F13] = 0x5d,
    [KEY_F14] = 0x5e,
    [KEY_F15] = 0x5f,
    [KEY_F16] = 0x55,
    [KEY_F17] = E0 | 0x03,
    [KEY_F18] = E0 | 0x77,
    [KEY_F19] = E0 | 0x04,
    [KEY_F20] = 0x5a,
    [KEY_F21] = 0x74,
    [KEY_F22] = E0 | 0x79,
    [KEY_F23] = 0x6d,
    [KEY_F24] = 0x6f,
    [KEY_SEARCH] = E0 | 0x65,
    [KEY_MEDIA] = E0 | 0x6d,
};

unsigned keymap_qnum(unsigned evdev)
{
	if (evdev >= KEY_ESC && evdev <= KEY_KPDOT)
		return evdev;
	if (evdev >= KEY_102ND && evdev <= KEY_F12)
		return evdev;
	return evdev < G_N_ELEMENTS(qnum_above) ? qnum_above[evdev] : 0;
}

/* X's older numbering differs from evdev + 8 above the main block. */
static const guint8 xfree86_above[] = {
    [93] = KEY_KPEQUAL,
    [97] = KEY_HOME,
    [98] = KEY_UP,
    [99] = KEY_PAGEUP,
    [100] = KEY_LEFT,
    [102] = KEY_RIGHT,
    [103] = KEY_END,
    [104] = KEY_DOWN,
    [105] = KEY_PAGEDOWN,
    [106] = KEY_INSERT,
    [107] = KEY_DELETE,
    [108] = KEY_KPENTER,
    [109] = KEY_RIGHTCTRL,
    [110] = KEY_PAUSE,
    [111] = KEY_SYSRQ,
    [112] = KEY_KPSLASH,
    [113] = KEY_RIGHTALT,
    [115] = KEY_LEFTMETA,
    [116] = KEY_RIGHTMETA,
    [117] = KEY_COMPOSE,
    [123] = KEY_RO,
    [129] = KEY_HENKAN,
    [131] = KEY_MUHENKAN,
    [133] = KEY_YEN,
    [208] = KEY_KATAKANAHIRAGANA,
};

enum keymap_source keymap_source_of(const char *keycodes_name)
{
	if (!keycodes_name)
		return KEYMAP_UNKNOWN;
	if (g_str_has_prefix(keycodes_name, "evdev"))
		return KEYMAP_EVDEV;
	if (g_str_has_prefix(keycodes_name, "xfree86"))
		return KEYMAP_XFREE86;
	return KEYMAP_UNKNOWN;
}

unsigned keymap_evdev(enum keymap_source source, unsigned hardware_keycode)
{
	if (hardware_keycode < 9 || hardware_keycode > 8 + KEY_MAX)
		return 0;
	switch (source) {
	case KEYMAP_EVDEV:
		return hardware_keycode - 8;
	case KEYMAP_XFREE86:
		if (hardware_keycode <= 8 + KEY_F12)
			return hardware_keycode - 8;
		return hardware_keycode < G_N_ELEMENTS(xfree86_above)
			   ? xfree86_above[hardware_keycode]
			   : 0;
	case KEYMAP_UNKNOWN:
		break;
	}
	return 0;
}

unsigned keymap_qnum_of_keysym(unsigned keysym)
{
	static const struct {
		unsigned keysym, evdev;
	} keys[] = {
	    {GDK_KEY_Control_L, KEY_LEFTCTRL},
	    {GDK_KEY_Alt_L, KEY_LEFTALT},
	    {GDK_KEY_Super_L, KEY_LEFTMETA},
	    {GDK_KEY_Delete, KEY_DELETE},
	    {GDK_KEY_BackSpace, KEY_BACKSPACE},
	    {GDK_KEY_Tab, KEY_TAB},
	    {GDK_KEY_Escape, KEY_ESC},
	    {GDK_KEY_Print, KEY_SYSRQ},
	    {GDK_KEY_Caps_Lock, KEY_CAPSLOCK},
	    {GDK_KEY_Num_Lock, KEY_NUMLOCK},
	    {GDK_KEY_Scroll_Lock, KEY_SCROLLLOCK},
	};
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		if (keys[i].keysym == keysym)
			return keymap_qnum(keys[i].evdev);
	if (keysym >= GDK_KEY_F1 && keysym <= GDK_KEY_F10)
		return keymap_qnum(KEY_F1 + keysym - GDK_KEY_F1);
	if (keysym == GDK_KEY_F11 || keysym == GDK_KEY_F12)
		return keymap_qnum(KEY_F11 + keysym - GDK_KEY_F11);
	return 0;
}
