/* The user's pointer and keys, by SendInput.
 *
 * What is down is remembered, so that nothing stays down when the focus goes
 * or the client does. A press on a window's own frame waits until the pointer
 * moves or the button is let go: a drag is the client's to carry out
 * (MOVE_START), a click goes to the window after all. */
#include "seamless/win32/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seamless/win32/keys.h"
#include "seamless/win32/late.h"
#include "seamless/win32/text.h"

#define SLACK  4 /* pixels a press may wander and be a click */
#define ASK_MS 30

static void put_mouse(DWORD flags, int x, int y, DWORD data)
{
	INPUT input = {.type = INPUT_MOUSE};
	input.mi.dwFlags = flags;
	input.mi.dx = x;
	input.mi.dy = y;
	input.mi.mouseData = data;
	SendInput(1, &input, sizeof input);
}

/* Windows divides the virtual screen into 65536 steps; the middle of the
 * pixel's own is the same pixel on the way back. */
static void move_pointer(POINT at)
{
	int left = GetSystemMetrics(SM_XVIRTUALSCREEN);
	int top = GetSystemMetrics(SM_YVIRTUALSCREEN);
	int width = most(GetSystemMetrics(SM_CXVIRTUALSCREEN), 1);
	int height = most(GetSystemMetrics(SM_CYVIRTUALSCREEN), 1);
	int64_t x = ((int64_t)(at.x - left) * 65536 + 32768) / width;
	int64_t y = ((int64_t)(at.y - top) * 65536 + 32768) / height;
	put_mouse(MOUSEEVENTF_MOVE | MOUSEEVENTF_ABSOLUTE |
		      MOUSEEVENTF_VIRTUALDESK,
		  (int)x, (int)y, 0);
}

static void put_button(unsigned button, bool down)
{
	static const struct {
		unsigned button;
		DWORD down, up, data;
	} buttons[] = {
	    {1, MOUSEEVENTF_LEFTDOWN, MOUSEEVENTF_LEFTUP, 0},
	    {2, MOUSEEVENTF_MIDDLEDOWN, MOUSEEVENTF_MIDDLEUP, 0},
	    {3, MOUSEEVENTF_RIGHTDOWN, MOUSEEVENTF_RIGHTUP, 0},
	    {8, MOUSEEVENTF_XDOWN, MOUSEEVENTF_XUP, XBUTTON1},
	    {9, MOUSEEVENTF_XDOWN, MOUSEEVENTF_XUP, XBUTTON2},
	};
	/* buttons are the hand's, not the side's */
	if (GetSystemMetrics(SM_SWAPBUTTON))
		button = button == 1 ? 3 : button == 3 ? 1 : button;
	for (size_t i = 0; i < ARRAY_SIZE(buttons); i++)
		if (buttons[i].button == button)
			put_mouse(down ? buttons[i].down : buttons[i].up, 0, 0,
				  buttons[i].data);
}

static POINT at_of(const struct window *self, int32_t x, int32_t y)
{
	return (POINT){self->place.left + (x >> 8), self->place.top + (y >> 8)};
}

static void let_go_held(struct agent *agent)
{
	struct window *held = agent->held;
	agent->held = NULL;
	if (!held)
		return;
	move_pointer(agent->held_at);
	put_button(agent->held_button, true);
}

void input_pointer(struct window *self, int32_t x, int32_t y)
{
	struct agent *agent = self->agent;
	POINT at = at_of(self, x, y);
	if (agent->held) {
		int dx = at.x - agent->held_at.x, dy = at.y - agent->held_at.y;
		if (dx * dx + dy * dy <= SLACK * SLACK)
			return;
		struct window *held = agent->held;
		agent->held = NULL;
		agent->buttons &= ~(1u << agent->held_button);
		struct seam_message message = {.type = SEAM_MOVE_START,
					       .window = held->peer.id};
		message.move_start.edge = (uint8_t)agent->held_edge;
		message.move_start.button = (uint8_t)agent->held_button;
		agent_send(agent, &message);
		return;
	}
	/* While a button is down the pointer belongs to the window it went
	 * down in, and nothing is restacked under it. */
	if (!agent->buttons)
		place_expose(self, at);
	move_pointer(at);
	windows_stir(agent, self->hwnd);
}

/* 0 not on the frame, 1 its title, else 1 + the edges as MOVE_START has them */
static unsigned frame_at(const struct window *self, POINT at)
{
	static const struct {
		LRESULT hit;
		unsigned edge;
	} edges[] = {{HTCAPTION, 0}, {HTLEFT, 1},       {HTTOP, 2},
		     {HTTOPLEFT, 3}, {HTRIGHT, 4},      {HTTOPRIGHT, 6},
		     {HTBOTTOM, 8},  {HTBOTTOMLEFT, 9}, {HTBOTTOMRIGHT, 12},
		     {HTGROWBOX, 12}};
	DWORD_PTR hit = HTNOWHERE;
	if (self->peer.kind != SEAM_TOPLEVEL || self->iconic)
		return 0;
	if (!SendMessageTimeoutW(self->hwnd, WM_NCHITTEST, 0,
				 MAKELPARAM(at.x, at.y),
				 SMTO_ABORTIFHUNG | SMTO_BLOCK, ASK_MS, &hit))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++)
		if (edges[i].hit == (LRESULT)hit)
			return 1 + edges[i].edge;
	return 0;
}

void input_button(struct window *self, unsigned button, bool down)
{
	struct agent *agent = self->agent;
	uint32_t bit = 1u << (button & 31);
	/* 4 to 7 are the wheel's in X and come as AXIS */
	if ((button >= 4 && button <= 7) || button > 9 ||
	    !!(agent->buttons & bit) == down)
		return;
	POINT at;
	GetCursorPos(&at);
	/* it may have been covered since the pointer came */
	if (down && !agent->buttons)
		place_expose(self, at);
	if (down && button == 1 && !agent->buttons) {
		unsigned frame = frame_at(self, at);
		if (frame) {
			agent->held = self;
			agent->held_edge = frame - 1;
			agent->held_button = button;
			agent->held_at = at;
			agent->buttons |= bit;
			return;
		}
	}
	let_go_held(agent);
	if (down)
		agent->buttons |= bit;
	else
		agent->buttons &= ~bit;
	put_button(button, down);
	paint_used(self);
	windows_stir(agent, self->hwnd);
}

void input_axis(struct window *self, int32_t dx, int32_t dy)
{
	if (dy)
		put_mouse(MOUSEEVENTF_WHEEL, 0, 0, (DWORD)-dy);
	if (dx)
		put_mouse(MOUSEEVENTF_HWHEEL, 0, 0, (DWORD)dx);
	paint_used(self);
	windows_stir(self->agent, self->hwnd);
}

static void put_key(uint32_t evdev, bool down)
{
	uint16_t scan = keys_scan_code(evdev);
	INPUT input = {.type = INPUT_KEYBOARD};
	if (!scan)
		return;
	if (scan == KEYS_PAUSE) {
		input.ki.wVk = VK_PAUSE;
	} else {
		input.ki.wScan = scan & 0xff;
		input.ki.dwFlags = KEYEVENTF_SCANCODE;
		/* Wine makes no virtual key of a scan code by itself */
		if (late.wine_version) {
			input.ki.dwFlags = 0;
			input.ki.wVk =
			    (WORD)MapVirtualKeyW(scan, MAPVK_VSC_TO_VK_EX);
		}
		if (scan & 0xff00)
			input.ki.dwFlags |= KEYEVENTF_EXTENDEDKEY;
	}
	if (!down)
		input.ki.dwFlags |= KEYEVENTF_KEYUP;
	SendInput(1, &input, sizeof input);
}

static void toggle(WORD key)
{
	INPUT input[2] = {{.type = INPUT_KEYBOARD}, {.type = INPUT_KEYBOARD}};
	input[0].ki.wVk = input[1].ki.wVk = key;
	input[1].ki.dwFlags = KEYEVENTF_KEYUP;
	SendInput(2, input, sizeof *input);
}

/* Caps Lock is X's modifier 2, Num Lock 16. Windows tells a thread that gets
 * no keys nothing of them, so what they are is remembered. */
#define LOCKS 18u

static void follow_locks(struct agent *agent, uint32_t modifiers)
{
	uint32_t change = (agent->locks ^ modifiers) & LOCKS;
	if (change & 2)
		toggle(VK_CAPITAL);
	if (change & 16)
		toggle(VK_NUMLOCK);
	agent->locks = modifiers & LOCKS;
}

void input_open(struct agent *agent)
{
	agent->locks = (GetKeyState(VK_CAPITAL) & 1 ? 2u : 0u) |
		       (GetKeyState(VK_NUMLOCK) & 1 ? 16u : 0u);
}

void input_key(struct agent *agent, const struct seam_key *key)
{
	if (key->evdev >= sizeof agent->keys * 8)
		return;
	uint8_t bit = (uint8_t)(1u << (key->evdev & 7));
	uint8_t *byte = &agent->keys[key->evdev / 8];
	if (!key->down && !(*byte & bit))
		return; /* it went down elsewhere */
	/* the lock keys themselves do what they do */
	if (key->down && key->evdev == 58)
		agent->locks ^= 2;
	else if (key->down && key->evdev == 69)
		agent->locks ^= 16;
	else if (key->down)
		follow_locks(agent, key->modifiers);
	if (key->down)
		*byte |= bit;
	else
		*byte &= (uint8_t)~bit;
	put_key(key->evdev, key->down);
	if (agent->focus)
		paint_used(agent->focus);
	windows_stir(agent, agent->focus ? agent->focus->hwnd : NULL);
}

void input_release_all(struct agent *agent)
{
	for (unsigned code = 0; code < sizeof agent->keys * 8; code++)
		if (agent->keys[code / 8] & 1u << (code & 7))
			put_key(code, false);
	memset(agent->keys, 0, sizeof agent->keys);
	for (unsigned button = 1; button < 32; button++)
		if ((agent->buttons & 1u << button) &&
		    !(agent->held && button == agent->held_button))
			put_button(button, false);
	agent->buttons = 0;
	agent->held = NULL;
}

void input_keymap(struct agent *agent, const struct seam_keymap *keymap)
{
	char layout[32], variant[32];
	/* the first of several */
	snprintf(layout, sizeof layout, "%.*s", (int)keymap->layout.size,
		 keymap->layout.bytes);
	snprintf(variant, sizeof variant, "%.*s", (int)keymap->variant.size,
		 keymap->variant.bytes);
	layout[strcspn(layout, ",")] = 0;
	variant[strcspn(variant, ",")] = 0;
	const char *id = keys_layout(layout, variant);
	WCHAR *wide = id ? text_dup_wide(id, strlen(id)) : NULL;
	HKL hkl = wide ? LoadKeyboardLayoutW(wide, KLF_ACTIVATE) : NULL;
	free(wide);
	if (!hkl)
		return; /* one unknown here leaves the old one */
	for (unsigned i = 0; i < agent->n_windows; i++)
		if (agent->windows[i]->peer.kind == SEAM_TOPLEVEL)
			PostMessageW(agent->windows[i]->hwnd,
				     WM_INPUTLANGCHANGEREQUEST, 0, (LPARAM)hkl);
}
