/* keymap.h - from a key on this keyboard to a key on the guest's.
 *
 * A desktop gets the key that was pressed, not the letter it stood for here:
 * hardware key code -> Linux evdev code -> QEMU's number, which is the PC/XT
 * set 1 scan code with 0x80 set for those that follow an 0xe0. So the guest's
 * own layout, dead keys and shortcuts work. Threads: any. */
#pragma once

#include <glib.h>

/* How the local window system numbers its keys. */
enum keymap_source {
	KEYMAP_EVDEV,   /* evdev + 8: Wayland, X with xkb "evdev" */
	KEYMAP_XFREE86, /* X with xkb "xfree86" key codes (Xvfb, old servers) */
	KEYMAP_UNKNOWN, /* only keysyms are sent */
};

/* What the names of the X server's key codes ("evdev+aliases(qwerty)") mean. */
enum keymap_source keymap_source_of(const char *keycodes_name);

/* evdev code, or 0 where there is none. */
unsigned keymap_evdev(enum keymap_source source, unsigned hardware_keycode);

/* QEMU's number of an evdev key, or 0 where a PC keyboard has none. */
unsigned keymap_qnum(unsigned evdev);

/* QEMU's number of a key that makes this keysym on a US keyboard, for keys
 * that a menu sends ("Ctrl+Alt+Del"); 0 where there is none. */
unsigned keymap_qnum_of_keysym(unsigned keysym);
