/* The user's pointer and keys, by XTest.
 *
 * What is down is remembered, so that nothing stays down when the focus goes
 * or the client does. Locks follow the client's keyboard; other modifiers are
 * keys like all others. */
#include "seamless/agent/agent.h"

#include <X11/XKBlib.h>
#include <X11/extensions/XTest.h>
#include <stdio.h>
#include <string.h>

#define EVDEV_OFFSET 8 /* between evdev codes and X keycodes */
#define NOTCH        120
#define LOCKS        (LockMask | Mod2Mask)

void input_pointer(struct window *self, int32_t x, int32_t y)
{
	struct agent *agent = self->agent;
	/* While a button is down the pointer belongs to the window it went
	 * down in, and nothing is restacked under it. */
	if (!agent->buttons)
		focus_raise(self);
	/* rounding down keeps the last pixel inside */
	int px = self->x + (int)(x >> 8), py = self->y + (int)(y >> 8);
	XTestFakeMotionEvent(agent->display, agent->screen, px, py,
			     CurrentTime);
	XFlush(agent->display);
}

void input_button(struct window *self, unsigned button, bool down)
{
	struct agent *agent = self->agent;
	uint32_t bit = 1u << (button & 31);
	/* 4 to 7 are the wheel's in X and come as AXIS */
	if ((button >= 4 && button <= 7) || button > 12 ||
	    !!(agent->buttons & bit) == down)
		return;
	if (down)
		agent->buttons |= bit;
	else
		agent->buttons &= ~bit;
	XTestFakeButtonEvent(agent->display, button, down, CurrentTime);
	XFlush(agent->display);
}

static void notches(struct agent *agent, int32_t *sum, unsigned minus,
		    unsigned plus)
{
	/* a hostile thousand at once is no more than a spun wheel */
	for (int i = 0; i < 64 && (*sum <= -NOTCH || *sum >= NOTCH); i++) {
		unsigned button = *sum < 0 ? minus : plus;
		*sum += *sum < 0 ? NOTCH : -NOTCH;
		XTestFakeButtonEvent(agent->display, button, True, CurrentTime);
		XTestFakeButtonEvent(agent->display, button, False,
				     CurrentTime);
	}
	*sum %= NOTCH;
}

void input_axis(struct window *self, int32_t dx, int32_t dy)
{
	struct agent *agent = self->agent;
	agent->axis_x += dx;
	agent->axis_y += dy;
	notches(agent, &agent->axis_y, 4, 5);
	notches(agent, &agent->axis_x, 6, 7);
	XFlush(agent->display);
}

static void follow_locks(struct agent *agent, uint32_t modifiers)
{
	if ((modifiers & LOCKS) == agent->locks)
		return;
	agent->locks = modifiers & LOCKS;
	XkbLockModifiers(agent->display, XkbUseCoreKbd, LOCKS, agent->locks);
}

void input_key(struct agent *agent, const struct seam_key *key)
{
	uint8_t bit = (uint8_t)(1u << (key->evdev & 7));
	uint8_t *byte = &agent->keys[key->evdev / 8];
	/* X keycodes end at 255 */
	if (key->evdev + EVDEV_OFFSET > 255)
		return;
	if (!key->down && !(*byte & bit))
		return; /* it went down elsewhere */
	follow_locks(agent, key->modifiers);
	if (key->down)
		*byte |= bit;
	else
		*byte &= (uint8_t)~bit;
	XTestFakeKeyEvent(agent->display, key->evdev + EVDEV_OFFSET, key->down,
			  CurrentTime);
	/* the lock keys themselves change what we believe */
	if (key->evdev == 58 || key->evdev == 69)
		agent->locks = UINT32_MAX;
	XFlush(agent->display);
}

void input_release_all(struct agent *agent)
{
	for (unsigned code = 0; code < sizeof agent->keys * 8; code++)
		if (agent->keys[code / 8] & 1u << (code & 7))
			XTestFakeKeyEvent(agent->display, code + EVDEV_OFFSET,
					  False, CurrentTime);
	memset(agent->keys, 0, sizeof agent->keys);
	input_release_buttons(agent);
	agent->axis_x = agent->axis_y = 0;
}

void input_release_buttons(struct agent *agent)
{
	for (unsigned button = 1; button < 32; button++)
		if (agent->buttons & 1u << button)
			XTestFakeButtonEvent(agent->display, button, False,
					     CurrentTime);
	agent->buttons = 0;
	XFlush(agent->display);
}

static bool covered(const struct agent *agent, int x, int y)
{
	for (guint i = 0; i < agent->windows->len; i++) {
		const struct window *w = agent->windows->pdata[i];
		if (w->peer.kind == SEAM_POPUP && x >= w->x && y >= w->y &&
		    x < w->x + w->width && y < w->y + w->height)
			return true;
	}
	return false;
}

/* Onto a window of ours in a corner where no popup is: who holds the pointer
 * sees it beside everything, and nobody else sees it at all. */
void input_press_outside(struct agent *agent)
{
	Display *display = agent->display;
	for (int corner = 0; corner < 4; corner++) {
		int x = corner & 1 ? agent->room_width - 1 : 0;
		int y = corner & 2 ? agent->room_height - 1 : 0;
		if (covered(agent, x, y))
			continue;
		XMoveWindow(display, agent->own, x, y);
		XRaiseWindow(display, agent->own);
		XTestFakeMotionEvent(display, agent->screen, x, y, CurrentTime);
		XTestFakeButtonEvent(display, 1, True, CurrentTime);
		XTestFakeButtonEvent(display, 1, False, CurrentTime);
		XMoveWindow(display, agent->own, -10, -10);
		XFlush(display);
		return;
	}
}

/* Names of the keyboard's layout become arguments of setxkbmap: letters and
 * the few signs that its rules use, nothing else. */
static char *xkb_name(struct seam_text text)
{
	for (uint32_t i = 0; i < text.size; i++)
		if (!g_ascii_isalnum(text.bytes[i]) &&
		    !strchr("_,:()+-", text.bytes[i]))
			return NULL;
	if (text.size && text.bytes[0] == '-')
		return NULL;
	return g_strndup(text.bytes, text.size);
}

void input_keymap(struct agent *agent, const struct seam_keymap *keymap)
{
	const struct {
		const char *option;
		struct seam_text text;
	} parts[] = {{"-rules", keymap->rules},
		     {"-model", keymap->model},
		     {"-layout", keymap->layout},
		     {"-variant", keymap->variant},
		     {"-option", keymap->options}};
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	if (!keymap->layout.size)
		return;
	g_ptr_array_add(argv, g_strdup("setxkbmap"));
	g_ptr_array_add(argv, g_strdup("-display"));
	g_ptr_array_add(argv, g_strdup(DisplayString(agent->display)));
	g_ptr_array_add(argv, g_strdup("-option")); /* without: it adds */
	g_ptr_array_add(argv, g_strdup(""));
	for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
		char *name = xkb_name(parts[i].text);
		if (!name)
			return;
		if (!*name) {
			g_free(name);
			continue;
		}
		g_ptr_array_add(argv, g_strdup(parts[i].option));
		g_ptr_array_add(argv, name);
	}
	g_ptr_array_add(argv, NULL);
	/* its exit concerns nobody: a layout unknown here leaves the old one */
	g_spawn_async(NULL, (char **)argv->pdata, NULL,
		      G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
			  G_SPAWN_STDERR_TO_DEV_NULL,
		      NULL, NULL, NULL, NULL);
	agent->locks = UINT32_MAX;
}
