#include "client/viewer-input.h"

#include <gdk/gdkkeysyms.h>
#include <gdk/gdkx.h>
#include <X11/XKBlib.h>
#include <jansson.h>

#include "client/events.h"
#include "client/keymap.h"

#define KEYS_MAX 256 /* hardware key codes of X; evdev's own go to 767 */

enum wheel { WHEEL_UP = 3, WHEEL_DOWN, WHEEL_LEFT, WHEEL_RIGHT };

struct viewer_input {
	struct session *session;
	int head;
	GdkDisplay *display;
	enum keymap_source source;
	/* keysym and number each held key was pressed with */
	unsigned keysym[KEYS_MAX], qnum[KEYS_MAX];
	unsigned buttons;
	int x, y;
	double wheel_x, wheel_y; /* not yet a whole click */
	unsigned leds;
	gboolean leds_known;
	gint64 key_us; /* 0: no key waits for its picture */
	gboolean key_damaged;
	unsigned key_to_picture_us;
};

struct viewer_input *viewer_input_new(void)
{
	struct viewer_input *input = g_new0(struct viewer_input, 1);
	input->x = input->y = -1;
	return input;
}

void viewer_input_free(struct viewer_input *input)
{
	g_free(input);
}

void viewer_input_set_session(struct viewer_input *input,
			      struct session *session)
{
	input->session = session;
	for (int i = 0; i < KEYS_MAX; i++)
		input->keysym[i] = input->qnum[i] = 0;
	input->buttons = 0;
	input->leds_known = FALSE;
	input->key_us = 0;
}

void viewer_input_use_display(struct viewer_input *input, GdkDisplay *display)
{
	input->display = display;
	input->source = KEYMAP_EVDEV; /* Wayland's numbering */
	if (!GDK_IS_X11_DISPLAY(display))
		return;
	Display *x = gdk_x11_display_get_xdisplay(display);
	XkbDescPtr names =
	    XkbGetKeyboard(x, XkbAllComponentsMask, XkbUseCoreKbd);
	input->source = KEYMAP_UNKNOWN;
	if (!names)
		return;
	if (names->names && names->names->keycodes) {
		const char *name = gdk_x11_get_xatom_name_for_display(
		    display, names->names->keycodes);
		input->source = keymap_source_of(name);
		events_emit("keymap", "{s:s?}", "keycodes", name);
	}
	XkbFreeKeyboard(names, XkbAllComponentsMask, True);
}

void viewer_input_key(struct viewer_input *input, const GdkEventKey *event)
{
	unsigned code = event->hardware_keycode;
	if (!input->session || code >= KEYS_MAX)
		return;
	if (event->type == GDK_KEY_RELEASE) {
		if (!input->keysym[code] && !input->qnum[code])
			return; /* pressed elsewhere */
		session_key(input->session, input->keysym[code],
			    input->qnum[code], FALSE);
		input->keysym[code] = input->qnum[code] = 0;
		return;
	}
	gboolean held = input->keysym[code] || input->qnum[code];
	/* a guest with key codes repeats by itself, however long we take */
	if (held && session_sends_keycodes(input->session))
		return;
	unsigned evdev = keymap_evdev(input->source, code);
	input->qnum[code] = keymap_qnum(evdev);
	input->keysym[code] =
	    event->keyval == GDK_KEY_VoidSymbol ? 0 : event->keyval;
	if (!input->keysym[code] && !input->qnum[code])
		return;
	session_key(input->session, input->keysym[code], input->qnum[code],
		    TRUE);
	if (!event->is_modifier && !input->key_us) {
		input->key_us = events_now_us();
		input->key_damaged = FALSE;
	}
}

void viewer_input_send_keys(struct viewer_input *input, const unsigned *keysyms)
{
	int count = 0;
	if (!input->session)
		return;
	viewer_input_release(input);
	for (; keysyms[count]; count++)
		session_key(input->session, keysyms[count],
			    keymap_qnum_of_keysym(keysyms[count]), TRUE);
	while (count-- > 0)
		session_key(input->session, keysyms[count],
			    keymap_qnum_of_keysym(keysyms[count]), FALSE);
}

static void send_pointer(struct viewer_input *input, int x, int y)
{
	input->x = x;
	input->y = y;
	if (input->session)
		session_pointer(input->session, input->head, x, y,
				input->buttons);
}

/* GDK's 1-3 are ours; 4-7 come as scroll events; 8 and 9 are back and
 * forward, buttons 8 and 9 of a session too. */
void viewer_input_button(struct viewer_input *input, unsigned button, int x,
			 int y, gboolean down)
{
	if (button < 1 || button > 9)
		return;
	unsigned bit = 1u << (button - 1);
	input->buttons = down ? input->buttons | bit : input->buttons & ~bit;
	send_pointer(input, x, y);
}

void viewer_input_motion(struct viewer_input *input, int x, int y)
{
	if (x != input->x || y != input->y)
		send_pointer(input, x, y);
}

static void click_wheel(struct viewer_input *input, enum wheel wheel,
			unsigned clicks)
{
	/* a flick on a touchpad must not flood the guest */
	for (clicks = MIN(clicks, 20); clicks > 0; clicks--) {
		input->buttons |= 1u << wheel;
		send_pointer(input, input->x, input->y);
		input->buttons &= ~(1u << wheel);
		send_pointer(input, input->x, input->y);
	}
}

void viewer_input_scroll(struct viewer_input *input,
			 const GdkEventScroll *event, int x, int y)
{
	input->x = x;
	input->y = y;
	switch (event->direction) {
	case GDK_SCROLL_UP:
		click_wheel(input, WHEEL_UP, 1);
		return;
	case GDK_SCROLL_DOWN:
		click_wheel(input, WHEEL_DOWN, 1);
		return;
	case GDK_SCROLL_LEFT:
		click_wheel(input, WHEEL_LEFT, 1);
		return;
	case GDK_SCROLL_RIGHT:
		click_wheel(input, WHEEL_RIGHT, 1);
		return;
	case GDK_SCROLL_SMOOTH:
		break;
	}
	input->wheel_x += event->delta_x;
	input->wheel_y += event->delta_y;
	if (event->is_stop) {
		input->wheel_x = input->wheel_y = 0;
		return;
	}
	int clicks_x = (int)CLAMP(input->wheel_x, -1000, 1000);
	int clicks_y = (int)CLAMP(input->wheel_y, -1000, 1000);
	input->wheel_x -= clicks_x;
	input->wheel_y -= clicks_y;
	click_wheel(input, clicks_y > 0 ? WHEEL_DOWN : WHEEL_UP,
		    (unsigned)ABS(clicks_y));
	click_wheel(input, clicks_x > 0 ? WHEEL_RIGHT : WHEEL_LEFT,
		    (unsigned)ABS(clicks_x));
}

void viewer_input_release(struct viewer_input *input)
{
	for (int i = 0; i < KEYS_MAX; i++) {
		if (input->session && (input->keysym[i] || input->qnum[i]))
			session_key(input->session, input->keysym[i],
				    input->qnum[i], FALSE);
		input->keysym[i] = input->qnum[i] = 0;
	}
	if (input->buttons) {
		input->buttons = 0;
		send_pointer(input, input->x, input->y);
	}
}

void viewer_input_leds(struct viewer_input *input, unsigned leds)
{
	input->leds = leds;
	input->leds_known = TRUE;
}

static void press_lock(struct viewer_input *input, unsigned keysym)
{
	const unsigned keys[] = {keysym, 0};
	for (int down = TRUE; down >= FALSE; down--)
		session_key(input->session, keys[0],
			    keymap_qnum_of_keysym(keys[0]), down);
}

void viewer_input_sync_locks(struct viewer_input *input)
{
	if (!input->session || !input->leds_known || !input->display)
		return;
	GdkKeymap *keymap = gdk_keymap_get_for_display(input->display);
	gboolean caps = (input->leds & SESSION_LED_CAPS) != 0;
	gboolean num = (input->leds & SESSION_LED_NUM) != 0;
	if (caps != gdk_keymap_get_caps_lock_state(keymap))
		press_lock(input, GDK_KEY_Caps_Lock);
	if (num != gdk_keymap_get_num_lock_state(keymap))
		press_lock(input, GDK_KEY_Num_Lock);
	/* until the guest says otherwise it did as told */
	input->leds =
	    (gdk_keymap_get_caps_lock_state(keymap) ? SESSION_LED_CAPS : 0) |
	    (gdk_keymap_get_num_lock_state(keymap) ? SESSION_LED_NUM : 0) |
	    (input->leds & SESSION_LED_SCROLL);
}

void viewer_input_damaged(struct viewer_input *input)
{
	input->key_damaged = TRUE;
}

void viewer_input_drawn(struct viewer_input *input)
{
	if (!input->key_us || !input->key_damaged)
		return;
	gint64 us = events_now_us() - input->key_us;
	events_emit("key-to-picture", "{s:I}", "us", (json_int_t)us);
	input->key_to_picture_us = (unsigned)CLAMP(us, 1, G_USEC_PER_SEC * 60);
	input->key_us = 0;
}

unsigned viewer_input_key_to_picture_us(const struct viewer_input *input)
{
	return input->key_to_picture_us;
}

void viewer_input_set_head(struct viewer_input *input, int head)
{
	input->head = head;
}
